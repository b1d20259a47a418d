"""The routes of issues and events. `functions.web_api.routes` has the list of all."""

from typing import Any

from functions.web_api import (
    attachments,
    comments,
    event_schemas,
    events,
    feedback,
    feedback_schemas,
    hashes,
    issue_schemas,
    issue_updates,
    issues,
    stats,
    tag_schemas,
    tags,
    update_schemas,
)
from functions.web_api.routing import READ, WRITE, Route

_ORGANIZATION = "/api/0/organizations/<organization>"
_PROJECT = "/api/0/projects/<organization>/<project>"
_ISSUE = "/issues/<issue>"
_PAGE = {"cursor": "Where the page starts, from `Link`.", "per_page": "Entries a page, 1 to 100."}
_QUERY = {"query": "What to search for (docs/search.md). Sentry's names work, too."}
_LIST = {
    **_QUERY,
    "sort": "date, new, freq, user, trends.",
    "environment": "Only issues seen in this environment. May be repeated.",
    "shortIdLookup": "1: a query that is a short id or an event's id finds its issue.",
    **_PAGE,
}
_BULK = {
    "id": "Ids of issues. Repeat it for each. Without it, all that match the query.",
    **_QUERY,
    "status": "Only issues with this status: resolved, unresolved, ignored, muted.",
}
_PERIOD = {"statsPeriod": "For which time to count events: 24h, 14d, or empty for none."}
_OF_ORGANIZATION = {"project": "Only of this project: its id or slug. May be repeated."}
_EVENTS = {**_QUERY, "full": "1: with all that was sent.", "statsPeriod": "24h, 14d, …", **_PAGE}
_KEY = {"Idempotency-Key": "A request that is sent again with the same key adds one comment."}


def _of_issue(method: str, below: str, *more: Any, **named: Any) -> list[Route]:
    """Return a route of an issue in both forms, with and without its organization."""
    return [
        Route(method, f"{_ORGANIZATION}{_ISSUE}{below}", *more, **named),
        Route(method, f"/api/0{_ISSUE}{below}", *more, **named),
    ]


ROUTES: list[Route] = [
    # Lists
    Route(
        "GET",
        f"{_PROJECT}/issues",
        READ,
        issues.list_of_project,
        gives=list[issue_schemas.IssueSchema],
        leads={"issue": "/0/id"},
        parameters=_LIST | _PERIOD,
    ),
    Route(
        "GET",
        f"{_ORGANIZATION}/issues",
        READ,
        issues.list_of_organization,
        gives=list[issue_schemas.IssueSchema],
        parameters={
            **_LIST,
            **_OF_ORGANIZATION,
            "statsPeriod": "Only issues seen within this time: 24h, 14d, …",
            "groupStatsPeriod": _PERIOD["statsPeriod"],
        },
    ),
    Route(
        "GET",
        f"{_ORGANIZATION}/shortids/<short_id>",
        READ,
        issues.of_short_id,
        gives=issue_schemas.ShortId,
    ),
    # Many at once
    Route(
        "PUT",
        f"{_PROJECT}/issues",
        WRITE,
        issue_updates.update_of_project,
        takes=update_schemas.BulkForm,
        gives=update_schemas.BulkResult,
        leads={"change": "/changes/0/id"},
        parameters=_BULK,
        also={204: None},
    ),
    Route(
        "DELETE",
        f"{_PROJECT}/issues",
        WRITE,
        issue_updates.delete_of_project,
        parameters=_BULK,
        status=204,
    ),
    Route(
        "PUT",
        f"{_ORGANIZATION}/issues",
        WRITE,
        issue_updates.update_of_organization,
        takes=update_schemas.BulkForm,
        gives=update_schemas.BulkResult,
        parameters=_BULK | _OF_ORGANIZATION,
        also={204: None},
    ),
    Route(
        "DELETE",
        f"{_ORGANIZATION}/issues",
        WRITE,
        issue_updates.delete_of_organization,
        parameters=_BULK | _OF_ORGANIZATION,
        status=204,
    ),
    Route(
        "GET",
        f"{_PROJECT}/changes/<change>",
        READ,
        issue_updates.show_change,
        gives=update_schemas.ChangeSchema,
    ),
    Route(
        "POST",
        f"{_PROJECT}/changes/<change>/undo",
        WRITE,
        issue_updates.undo,
        gives=update_schemas.ChangeSchema,
    ),
    # One issue
    *_of_issue("GET", "", READ, issues.show, gives=issue_schemas.IssueDetails),
    *_of_issue(
        "PUT",
        "",
        WRITE,
        issue_updates.update,
        takes=update_schemas.IssueForm,
        gives=issue_schemas.IssueDetails,
    ),
    *_of_issue("DELETE", "", WRITE, issue_updates.delete, status=202),
    # Its events
    *_of_issue(
        "GET",
        "/events",
        READ,
        events.list_of_issue,
        gives=list[event_schemas.EventSchema],
        leads={"event": "/0/id"},
        parameters=_EVENTS,
    ),
    *_of_issue(
        "GET", "/events/<event>", READ, events.show_of_issue, gives=event_schemas.EventDetails
    ),
    Route(
        "GET",
        f"{_PROJECT}/events",
        READ,
        events.list_of_project,
        gives=list[event_schemas.EventSchema],
        leads={"event": "/0/id"},
        parameters=_EVENTS,
    ),
    Route(
        "GET",
        f"{_PROJECT}/events/<event>",
        READ,
        events.show_of_project,
        gives=event_schemas.EventDetails,
    ),
    Route(
        "GET",
        f"{_PROJECT}/events/<event>/attachments",
        READ,
        attachments.list_,
        gives=list[feedback_schemas.AttachmentSchema],
        leads={"attachment": "/0/id"},
    ),
    Route(
        "GET",
        f"{_PROJECT}/events/<event>/attachments/<attachment>",
        READ,
        attachments.show,
        gives=feedback_schemas.AttachmentSchema,
        parameters={"download": "1: the file itself."},
        gives_file=True,
    ),
    Route(
        "GET",
        f"{_PROJECT}/user-feedback",
        READ,
        feedback.list_of_project,
        gives=list[feedback_schemas.FeedbackSchema],
        parameters=_PAGE,
    ),
    Route(
        "GET",
        f"{_ORGANIZATION}/eventids/<event>",
        READ,
        events.of_id,
        gives=event_schemas.EventOfId,
    ),
    # What its events have in common
    *_of_issue(
        "GET",
        "/tags",
        READ,
        tags.list_keys,
        gives=list[tag_schemas.TagKey],
        leads={"key": "/0/key"},
    ),
    *_of_issue("GET", "/tags/<key>", READ, tags.show, gives=tag_schemas.TagKey),
    *_of_issue(
        "GET",
        "/tags/<key>/values",
        READ,
        tags.list_values,
        gives=list[tag_schemas.TagValue],
        parameters=_PAGE,
    ),
    *_of_issue(
        "GET",
        "/hashes",
        READ,
        hashes.list_,
        gives=list[tag_schemas.HashSchema],
        parameters=_PAGE,
    ),
    *_of_issue(
        "PUT",
        "/hashes",
        WRITE,
        hashes.separate,
        parameters={"id": "Hashes to separate. Repeat it for each."},
        status=202,
    ),
    *_of_issue(
        "DELETE",
        "/hashes",
        WRITE,
        hashes.separate,
        parameters={"id": "Hashes to separate. Repeat it for each."},
        status=202,
    ),
    # What people say
    *[
        route
        for name in ("comments", "notes")
        for route in (
            *_of_issue(
                "GET",
                f"/{name}",
                READ,
                comments.list_,
                gives=list[tag_schemas.ActivitySchema],
                parameters=_PAGE,
            ),
            *_of_issue(
                "POST",
                f"/{name}",
                WRITE,
                comments.add,
                takes=tag_schemas.CommentForm,
                gives=tag_schemas.ActivitySchema,
                leads={"comment": "/id"},
                status=201,
            ),
            *_of_issue(
                "PUT",
                f"/{name}/<comment>",
                WRITE,
                comments.edit,
                takes=tag_schemas.CommentForm,
                gives=tag_schemas.ActivitySchema,
            ),
            *_of_issue("DELETE", f"/{name}/<comment>", WRITE, comments.remove, status=204),
        )
    ],
    *_of_issue(
        "GET",
        "/activities",
        READ,
        comments.activities,
        gives=tag_schemas.ActivityList,
        parameters=_PAGE,
    ),
    *_of_issue(
        "GET",
        "/external-issues",
        READ,
        comments.external_issues,
        gives=list[tag_schemas.ExternalIssue],
    ),
    Route(
        "GET",
        f"{_PROJECT}/stats",
        READ,
        stats.of_project,
        gives=list[list[int]],
        parameters={
            "stat": "received (stored) or rejected (lost).",
            "resolution": "1h or 1d.",
            "since": "Seconds since the epoch. Default: a day before `until`.",
            "until": "Seconds since the epoch. Default: now.",
        },
    ),
]
