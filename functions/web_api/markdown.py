"""The Markdown forms of issues and events. Personal data is withheld unless it is asked for."""

from errata.models.invisible import by_codes
from errata.usecases.markdown_forms import of_issue
from errata.usecases.mcp_reader import Reader
from errata.usecases.mcp_tools import event_form
from functions.web_api.context import Context
from functions.web_api.request import ApiResponse


def show_issue(context: Context, organization: str, issue: str) -> ApiResponse:
    """Return an issue with its newest event."""
    reader = _reader(context, organization)
    named = reader.issue(issue, "")
    url, personal = reader.url(named.path), _personal(context)
    return _response(of_issue(named.project, named.visible, named.issue.id, url, personal=personal))


def show_event(context: Context, organization: str, event: str) -> ApiResponse:
    """Return an event, found by its id or the one that its SDK gave it."""
    reader = _reader(context, organization)
    return _response(event_form(reader, *reader.event(event, ""), personal=_personal(context)))


def _reader(context: Context, organization: str) -> Reader:
    context.check_organization(organization)
    return Reader(context.bearer, context.now_ms, context.dashboard_url)


def _personal(context: Context) -> bool:
    return context.query.get("personal_data") in ("1", "true")


def _response(text: str) -> ApiResponse:
    headers = {"Content-Type": "text/markdown; charset=utf-8"}
    return ApiResponse(text=by_codes(text), headers=headers)
