"""Events of an issue and of a project, and one event by either of its ids."""

from collections.abc import Iterable

from errata.errors import NotFoundError
from errata.models.event import Stored, received_ms
from errata.models.issue import Issue
from errata.models.project import Project
from errata.models.visible import Visible
from errata.protocol import response_size
from errata.protocol.query import EVENT_KEYS, TEXT, Term, parse_terms
from errata.store.issues import find_issues
from errata.usecases import across_ids, issue_events, original_frames, read_events
from errata.usecases.event_search import MatchingEvents
from errata.usecases.newest_events import Newest, ids_of_issues, neighbours
from functions.web_api import cursors, queries
from functions.web_api.context import Context
from functions.web_api.event_schemas import (
    EventDetails,
    EventOfId,
    EventSchema,
    event_details,
    event_schema,
    hyphenated,
)
from functions.web_api.found import FoundIssue, find_issue
from functions.web_api.issue_schemas import api_id
from functions.web_api.projects import slug
from functions.web_api.request import ApiResponse

NO_EVENT = "This event does not exist, or the token does not see it."
_LATEST, _OLDEST = ("latest", "recommended"), "oldest"
# Sorts above every id.
_HIGHEST = "g"


def list_of_issue(context: Context, issue: str, organization: str = "") -> ApiResponse:
    """Return the newest events of an issue. With `query`, those among them that match."""
    found = find_issue(context, issue, organization)
    before, members = cursors.start(context), found.issue.members
    newest = Newest(found.visible, found.issue.id, before, members)
    group = api_id(found.project, found.issue)
    return _page(context, newest, dict.fromkeys((found.issue.id, *members), group))


def list_of_project(context: Context, organization: str, project: str) -> ApiResponse:
    """Return the newest events of a project. With `query`, those among them that match."""
    found = context.project(organization, project)
    visible = context.visible(found)
    return _page(context, Newest(visible, before=cursors.start(context)), {}, found)


def show_of_issue(context: Context, issue: str, event: str, organization: str = "") -> ApiResponse:
    """Return an event of an issue: `latest`, `oldest`, or by an id of Errata's or the SDK's."""
    found = find_issue(context, issue, organization)
    stored = _named(found, event)
    if stored is None or stored.issue_id not in (found.issue.id, *found.issue.members):
        raise NotFoundError(NO_EVENT)
    return ApiResponse(_details(found.visible, found.project, found.issue, stored))


def show_of_project(context: Context, organization: str, project: str, event: str) -> ApiResponse:
    """Return an event of a project by an id of Errata's or the SDK's."""
    found = context.project(organization, project)
    return ApiResponse(_by_id(context.visible(found), found, event))


def of_id(context: Context, organization: str, event: str) -> ApiResponse:
    """Return the event of any project that has this id, of Errata's or the SDK's."""
    owner = context.check_organization(organization)
    named = across_ids.named(owner, context.bearer.sees, [Term(TEXT, (event,))], context.now_ms)
    if named is None or not named.event_id:
        raise NotFoundError(NO_EVENT)
    found = _by_id(context.visible(named.project), named.project, named.event_id)
    return ApiResponse(
        EventOfId(
            organization_slug=owner,
            project_slug=slug(named.project),
            group_id=found.group_id,
            event_id=found.event_id,
            event=found,
        )
    )


def _named(found: FoundIssue, event: str) -> Stored | None:
    """Return the event of an issue that a path names, None if there is none."""
    if event in _LATEST:
        return _newest(found)
    if event == _OLDEST:
        first = issue_events.first(found.visible, found.issue.id)
        return next(iter(read_events.by_ids(found.visible, [first])), None) if first else None
    return read_events.find(found.visible, event)


def _newest(found: FoundIssue) -> Stored | None:
    """Return the newest event of an issue: the one counted last, or else the index's newest."""
    issue, visible = found.issue, found.visible
    if event := next(read_events.each(visible, [issue.last_event]), None):
        return event
    ids = ids_of_issues(visible, [issue.id, *issue.members], 1)
    return next(read_events.each(visible, ids), None)


def _by_id(visible: Visible, project: Project, event: str) -> EventDetails:
    stored = read_events.find(visible, event)
    if stored is None:
        raise NotFoundError(NO_EVENT)
    issue = issue_events.find_or_none(visible, stored.issue_id)
    return _details(visible, project, issue, stored)


def _details(
    visible: Visible, project: Project, issue: Issue | None, event: Stored
) -> EventDetails:
    """Return an event with the ids of its neighbours in its issue.

    Makes two calls, and those of `original_frames.complete`.
    """
    event = original_frames.complete(visible, event)
    of = [issue.id, *issue.members] if issue else [event.issue_id]
    newer = neighbours(visible, of, event.id, _HIGHEST, 1, newest=False)
    older = neighbours(visible, of, visible.low, event.id, 1, newest=True)
    group = api_id(project, issue) if issue else None
    return event_details(event, group, *((each[0] if each else None) for each in (newer, older)))


# ------------------------------------------------------------------ lists


def _page(
    context: Context, newest: Newest, groups: dict[str, str], project: Project | None = None
) -> ApiResponse:
    """Return a page of events. They are unpacked one at a time, because each may be large.

    `groups` has the ids of issues in the API, by their own ids. With `project`, these are read.
    """
    text, _ = queries.translated(context.query.get("query", ""))
    events = MatchingEvents(newest, parse_terms(text, EVENT_KEYS)).events
    size, full = cursors.per_page(context), context.query.get("full") in ("1", "true")
    since_ms = queries.since_ms(context)
    found: list[tuple[str, EventSchema]] = []
    following, weight = "", 0
    for event in events:
        if received_ms(event.id, event.fields) < since_ms:
            break
        schema = event_details(event, None, None, None) if full else event_schema(event, None)
        weight += response_size.weight(schema.model_dump_json(by_alias=True).encode())
        if found and weight > response_size.MAX_BYTES:
            following = hyphenated(found[-1][1].id)
            break
        found.append((event.issue_id, schema))
        if len(found) == size:
            following = newest.last if newest.more else ""
            break
    else:
        following = newest.last if newest.more else ""
    if project:
        groups = _groups(newest.visible, project, {each for each, _ in found})
    content = [
        schema.model_copy(update={"group_id": groups.get(issue_id)}) for issue_id, schema in found
    ]
    return cursors.page(context, content, following)


def _groups(visible: Visible, project: Project, issue_ids: Iterable[str]) -> dict[str, str]:
    """Return the ids of issues in the API, by their own ids. A merged issue has its head's id."""
    found = {each.id: each for each in find_issues(visible, issue_ids)}
    heads = {each.merged_into for each in found.values() if each.merged_into} - found.keys()
    found |= {each.id: each for each in find_issues(visible, heads)} if heads else {}
    return {each.id: api_id(project, found.get(each.merged_into, each)) for each in found.values()}
