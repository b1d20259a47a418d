"""The issues that a merged issue consists of. Sentry calls them hashes."""

from errata.errors import InvalidInputError
from errata.models.event import Stored
from errata.models.issue import Issue
from errata.usecases import issues, merge, read_events, rights
from errata.usecases.merged import members
from functions.web_api import cursors
from functions.web_api.context import Context
from functions.web_api.event_schemas import event_schema
from functions.web_api.found import FoundIssue, find_issue
from functions.web_api.issue_schemas import api_id
from functions.web_api.request import ApiResponse
from functions.web_api.tag_schemas import HashSchema


def list_(context: Context, issue: str, organization: str = "") -> ApiResponse:
    """Return an issue and those merged into it, each with its newest event."""
    found = find_issue(context, issue, organization)
    parts = _parts(found)
    size, text = cursors.per_page(context), cursors.start(context)
    begin = int(text) if text.isascii() and text.isdecimal() and len(text) < 5 else 0
    some = parts[begin : begin + size]
    events = {each.id: each for each in _events(found, some)}
    group = api_id(found.project, found.issue)
    content = [
        HashSchema(
            id=each.id,
            latest_event=event_schema(event, group)
            if (event := events.get(each.last_event))
            else None,
        )
        for each in some
    ]
    more = len(parts) > begin + size
    return cursors.page(context, content, str(begin + size) if more else "")


def separate(context: Context, issue: str, organization: str = "") -> ApiResponse:
    """Separate issues that were merged into this one: those with the hashes `id`."""
    found, ids = find_issue(context, issue, organization), context.query.getlist("id")
    rights.check(found.visible, "merge")
    if not ids or not set(ids) <= set(found.issue.members):
        message = "Give the hashes of issues that are merged into this one, as `id`."
        raise InvalidInputError({"id": [message]})
    for each in ids:
        merge.separate(found.project, found.visible, each, context.bearer.name)
    return ApiResponse(status=202)


def _parts(found: FoundIssue) -> list[Issue]:
    """Return an issue with its own numbers, and those that are merged into it."""
    own = issues.find(found.visible, found.issue.id)
    return [own, *members(found.visible, own)]


def _events(found: FoundIssue, parts: list[Issue]) -> list[Stored]:
    ids = dict.fromkeys(part.last_event for part in parts)
    return list(read_events.each(found.visible, ids))
