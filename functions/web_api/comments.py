"""Comments on an issue, its activity, and its ticket."""

import hashlib
import re
import secrets

from errata.errors import NotFoundError
from errata.models.issue import ASSIGNED, COMMENTED, LINKED, MERGED, SEPARATED, WOKEN, Activity
from errata.protocol import tracker
from errata.store import issue_status
from errata.usecases import comments
from functions.web_api import cursors
from functions.web_api.context import Context
from functions.web_api.fields import time
from functions.web_api.found import FoundIssue, find_issue
from functions.web_api.issue_schemas import api_id
from functions.web_api.request import ApiResponse
from functions.web_api.root import to_user_of
from functions.web_api.tag_schemas import (
    ActivityList,
    ActivitySchema,
    CommentForm,
    ExternalIssue,
)

_TIME = re.compile(r"[0-9]{1,13}")
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_NOTE = "note"
_TYPES = {
    "resolved": "set_resolved",
    "ignored": "set_ignored",
    "reopened": "set_unresolved",
    "regressed": "set_regression",
    WOKEN: "set_unresolved",
    ASSIGNED: "assigned",
    COMMENTED: _NOTE,
    LINKED: "create_issue",
    MERGED: "merge",
    SEPARATED: "unmerge_source",
}


def list_(context: Context, issue: str, organization: str = "") -> ApiResponse:
    """Return the comments on an issue, latest first. A page may be short."""
    found = find_issue(context, issue, organization)
    some, following = _activity(context, found)
    content = [_to_schema(each) for each in some if each.what == COMMENTED and each.text]
    return cursors.page(context, content, following)


def add(context: Context, issue: str, organization: str = "") -> ApiResponse:
    """Add a comment to an issue. Requests with the same `Idempotency-Key` add one comment."""
    form, found = context.read(CommentForm), find_issue(context, issue, organization)
    comment = comments.add(
        found.project,
        found.visible,
        found.issue.id,
        form.text,
        context.bearer.name,
        _token(context),
    )
    return ApiResponse(_to_schema(comment), 201)


def edit(context: Context, issue: str, comment: str, organization: str = "") -> ApiResponse:
    """Change the text of one's own comment."""
    form, found = context.read(CommentForm), find_issue(context, issue, organization)
    before = comments.find(found.visible, found.issue.id, _at(comment))
    after = comments.edit(
        found.project,
        found.visible,
        found.issue.id,
        before.at,
        form.text,
        context.bearer.name,
        before.edited_at,
    )
    return ApiResponse(_to_schema(after))


def remove(context: Context, issue: str, comment: str, organization: str = "") -> ApiResponse:
    """Delete one's own comment. Owners and admins delete any."""
    found = find_issue(context, issue, organization)
    comments.remove(found.visible, found.issue.id, _at(comment), context.bearer.name)
    return ApiResponse(status=204)


def activities(context: Context, issue: str, organization: str = "") -> ApiResponse:
    """Return the activity of an issue, latest first."""
    found = find_issue(context, issue, organization)
    some, following = _activity(context, found)
    return cursors.page(context, ActivityList(activity=[_to_schema(e) for e in some]), following)


def external_issues(context: Context, issue: str, organization: str = "") -> ApiResponse:
    """Return the ticket of an issue, as a list. `ticketUrl` of an update sets it."""
    found = find_issue(context, issue, organization)
    url, of = found.issue.tracker_url, api_id(found.project, found.issue)
    if not tracker.is_url(url):
        return ApiResponse([])
    host = url.partition("://")[2].partition("/")[0]
    ticket = ExternalIssue(
        id=of, issue_id=of, service_type=host, display_name=tracker.shown(url), web_url=url
    )
    return ApiResponse([ticket])


def _activity(context: Context, found: FoundIssue) -> tuple[list[Activity], str]:
    """Return a page of the activity, and where the next one starts."""
    size = cursors.per_page(context)
    read = issue_status.list_activity(found.visible, found.issue.id, size + 1, _before(context))
    return read[:size], str(read[size - 1].at) if len(read) > size else ""


def _before(context: Context) -> int:
    text = cursors.start(context)
    return int(text) if _TIME.fullmatch(text) else 0


def _at(comment: str) -> int:
    """Return the time of a comment, which is its id."""
    if not _TIME.fullmatch(comment):
        raise NotFoundError("There is no such comment.")
    return int(comment)


def _token(context: Context) -> str:
    """Return a token that is the same for a request sent again, so that it adds one comment."""
    key = context.request.headers.get("idempotency-key", "")
    if not _KEY.fullmatch(key):
        return secrets.token_hex(8)
    return hashlib.sha256(f"{context.bearer.token.hash}\0{key}".encode()).hexdigest()[:16]


def _to_schema(entry: Activity) -> ActivitySchema:
    # A token of an organization, or the command, is no member.
    member = "@" in entry.by
    data = {"text": entry.text} if entry.what == COMMENTED else {}
    more = {"detail": entry.detail, "release": entry.release, "event": entry.event}
    more["by"] = "" if member else entry.by
    return ActivitySchema(
        id=str(entry.at),
        type=_TYPES.get(entry.what, entry.what),
        user=to_user_of(entry.by) if member else None,
        data=data | {name: value for name, value in more.items() if value},
        date_created=time(entry.at),
        edited=True if entry.edited_at else None,
    )
