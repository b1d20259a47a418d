"""What the dashboard's pages show, each in as few calls as it takes.

They are given what the page's first call has found (errata.store.sessions.open_page): the project's
boundary, and with it `pk`, where its issues lie.
"""

from dataclasses import dataclass
from itertools import islice

from errata.errors import NotFound
from errata.models.ids import UUID, floor_id
from errata.models.issue import Activity, Issue
from errata.store import events, issues, lifecycle
from errata.store.events import DAY_MS, Boundary, Stored

EVENTS_A_PAGE = 20
# Above every id that is ever minted.
_HIGHEST = "g"


@dataclass(frozen=True, slots=True)
class IssueView:
    """An issue with its latest activity first, and a page of its events, newest first.

    `older` is the id below which the next page begins, None on the last one.
    """

    issue: Issue
    activity: list[Activity]
    events: list[Stored]
    older: str | None


@dataclass(frozen=True, slots=True)
class EventView:
    """An event with its issue, None where that is gone, and its neighbours in it, by id."""

    event: Stored
    issue: Issue | None
    newer: str | None
    older: str | None


def issue_view(
    project_id: str,
    boundary: Boundary,
    issue_id: str,
    before: str,
    retention_days: int,
    now_ms: int,
) -> IssueView:
    """An issue and the events of it with ids below `before` ("" for the newest).

    Four calls. Events come from an index, which lags by moments.

    Raises:
        NotFound: there is no such issue, or it has expired, was cleared or deleted.
    """
    pk = issues.partition(project_id, boundary.generation)
    issue = issues.find_issue(pk, issue_id, now_ms // 1000)
    if issue is None:
        raise NotFound("There is no such issue. It may have expired, or somebody has deleted it.")
    high = before if UUID.fullmatch(before) else _HIGHEST
    low = floor_id(now_ms - retention_days * DAY_MS)
    found = events.newest_first_in_index(
        "by_issue", f"{project_id}#{issue_id}", low, high, EVENTS_A_PAGE
    )
    page = list(islice(found, EVENTS_A_PAGE))
    shown = [
        event
        for event in page
        if event.expires_at > now_ms // 1000 and not boundary.hides(event.id, event.legacy_id)
    ]
    older = page[-1].id if len(page) == EVENTS_A_PAGE else None
    return IssueView(issue, lifecycle.list_activity(pk, issue_id, now_ms // 1000), shown, older)


def event_view(
    boundary: Boundary, event: Stored | None, retention_days: int, now_ms: int
) -> EventView:
    """An event among the others of its issue. Three calls.

    Raises:
        NotFound: there is no such event, or it has expired, was cleared or deleted.
    """
    oldest = floor_id(now_ms - retention_days * DAY_MS)
    if (
        event is None
        or event.expires_at <= now_ms // 1000
        or event.id < oldest
        or boundary.hides(event.id, event.legacy_id)
    ):
        raise NotFound("There is no such event. It may have expired, or somebody has deleted it.")
    pk = issues.partition(event.project_id, boundary.generation)
    partition = f"{event.project_id}#{event.issue_id}"
    oldest = max(oldest, boundary.through)
    return EventView(
        event,
        issues.find_issue(pk, event.issue_id, now_ms // 1000),
        newer=events.neighbour(partition, event.id, _HIGHEST, newest=False),
        older=events.neighbour(partition, oldest, event.id, newest=True),
    )
