"""Read an issue together with one of its events, and lists of its events.

What a reader may see (`Visible`) comes from a page's first call
(errata.store.sessions.open_page), which is not among the calls that a docstring here counts.
"""

from dataclasses import dataclass

from errata.errors import NotFoundError
from errata.models.event import Stored
from errata.models.ids import UUID
from errata.models.issue import MAX_NAME, Activity, Issue
from errata.models.visible import Visible
from errata.store import issue_page, issue_status, issues
from errata.usecases import merged, read_events
from errata.usecases.newest_events import ids_of_issues, neighbours

ACTIVITY_SHOWN = 20
EVENTS_A_PAGE = 20
# At most this many ids are read to find an event's number: about 6 read units.
MOST_COUNTED = 500
# Releases whose first events the page shows.
_MOST_RELEASES = 8
# Sorts above every id.
_HIGHEST = "g"


@dataclass(frozen=True, slots=True)
class EventNumber:
    """The number of an event among those of its issue, and its neighbours.

    Attributes:
        newer, older: the ids of the next newer and older event. None if there is none.
        value: 1 for the first event. None if it is not known.
        counted: False if the event is newer than what digest has counted.
        expired: how many events before this one have expired, if the number is known.
    """

    newer: str | None = None
    older: str | None = None
    value: int | None = None
    counted: bool = True
    expired: int = 0


@dataclass(frozen=True, slots=True)
class IssueView:
    """An issue with one of its events.

    Attributes:
        issue: None if it was deleted, or if the event is not counted yet.
        event: None if all events of the issue have expired.
        number: of the event.
        activity: of the issue, latest first.
        more_activity: whether not all activity is included.
        releases: when the most frequent releases of the issue were first seen in the project, in
            milliseconds.
    """

    issue: Issue | None
    event: Stored | None
    number: EventNumber
    activity: list[Activity]
    more_activity: bool
    releases: dict[str, int]


@dataclass(frozen=True, slots=True)
class EventList:
    """A page of an issue's events, newest first, as summaries.

    The page of newer events has ids above `newer`, the page of older events has ids below `older`.
    Each is None if there is no such page.
    """

    issue: Issue
    events: list[Stored]
    newer: str | None
    older: str | None


def latest(visible: Visible, issue_id: str) -> IssueView:
    """Return an issue with its newest event. Makes four calls.

    Two more if the newest event that was counted is not stored any more.

    Raises:
        NotFoundError: there is no such issue, or it has expired, was cleared or deleted.
    """
    issue = find(visible, issue_id)
    event, releases = issue_page.event_and_releases(visible, issue.newest_kept, _releases(issue))
    if event is None or not visible.shows(event):
        ids = ids_of_issues(visible, _ids(issue), 1)
        event = next(iter(read_events.by_ids(visible, ids)), None)
    number = _number(visible, issue, event.id) if event else EventNumber()
    return _view(visible, issue, event, number, releases)


def around(visible: Visible, event: Stored | None) -> IssueView:
    """Return an event that was read, with its issue. Makes five calls.

    Raises:
        NotFoundError: there is no such event, or it has expired, was cleared or deleted.
    """
    event = shown(visible, event)
    issue = find_or_none(visible, event.issue_id)
    if issue is None:
        return IssueView(None, event, EventNumber(), [], False, {})
    _, releases = issue_page.event_and_releases(visible, "", _releases(issue))
    return _view(visible, issue, event, _number(visible, issue, event.id), releases)


def course(visible: Visible, issue_id: str, event_id: str) -> IssueView:
    """Return an issue for a page that already shows the event, which is not read. Five calls.

    Raises:
        NotFoundError: as `latest`.
    """
    issue = find(visible, issue_id)
    _, releases = issue_page.event_and_releases(visible, "", _releases(issue))
    return _view(visible, issue, None, _number(visible, issue, event_id), releases)


def shown(visible: Visible, event: Stored | None) -> Stored:
    """Return an event that was read, if it is visible.

    Raises:
        NotFoundError: as `around`.
    """
    if event is None or not visible.shows(event):
        raise NotFoundError(
            "There is no such event. It may have expired, somebody may have deleted it, or it was"
            " only counted: in an error loop, not every event is kept in full."
        )
    return event


def find_or_none(visible: Visible, issue_id: str) -> Issue | None:
    """Return an issue, None if it does not exist. Makes one call, as `find`."""
    issue = issues.find_issue(visible, issue_id)
    return merged.shown(visible, issue) if issue else None


def find(visible: Visible, issue_id: str) -> Issue:
    """Return an issue. Makes one call. If it is merged, returns its head, with up to two more.

    Raises:
        NotFoundError: as `latest`.
    """
    issue = find_or_none(visible, issue_id)
    if issue is None:
        raise NotFoundError(
            "There is no such issue. It may have expired, or somebody has deleted it."
        )
    return issue


def first(visible: Visible, issue_id: str) -> str | None:
    """Return the id of an issue's oldest event that has not expired. Makes two calls."""
    issue = find_or_none(visible, issue_id)
    issue_ids = _ids(issue) if issue else [issue_id]
    found = neighbours(visible, issue_ids, visible.low, _HIGHEST, 1, newest=False)
    return found[0] if found else None


def page(visible: Visible, issue_id: str, before: str = "", after: str = "") -> EventList:
    """Return a page of an issue's events: below the id `before`, above `after`, or the newest.

    Makes three calls, and one for each member. Events come from an index, which lags a little.

    Raises:
        NotFoundError: as `latest`.
    """
    issue = find(visible, issue_id)
    issue_ids, one_more = _ids(issue), EVENTS_A_PAGE + 1
    if UUID.fullmatch(after):
        low = max(visible.low, after)
        ids = neighbours(visible, issue_ids, low, _HIGHEST, one_more, newest=False)
        ids, more = ids[:EVENTS_A_PAGE][::-1], len(ids) > EVENTS_A_PAGE
        newer, older = (ids[0] if more else None), (ids[-1] if ids else None)
    else:
        high = before if UUID.fullmatch(before) else _HIGHEST
        ids = neighbours(visible, issue_ids, visible.low, high, one_more, newest=True)
        ids, more = ids[:EVENTS_A_PAGE], len(ids) > EVENTS_A_PAGE
        newer = (ids[0] if ids else before) if high != _HIGHEST else None
        older = ids[-1] if more else None
    return EventList(issue, read_events.summaries(visible, ids), newer, older)


def _view(
    visible: Visible,
    issue: Issue,
    event: Stored | None,
    number: EventNumber,
    releases: dict[str, int],
) -> IssueView:
    activity = issue_status.list_activity(visible, issue.id, ACTIVITY_SHOWN + 1)
    more = len(activity) > ACTIVITY_SHOWN
    return IssueView(issue, event, number, activity[:ACTIVITY_SHOWN], more, releases)


def _number(visible: Visible, issue: Issue, event_id: str) -> EventNumber:
    """Return the number of an event, from the ids of the events around it.

    The number of an event is the count of its issue without the events that are newer. If too many
    are newer, it is the number of older ones, unless some of these have expired. Tallies do not
    count: nobody can open one.
    """
    issue_ids, low, newest = _ids(issue), visible.low, issue.newest_kept
    if event_id == newest:
        newer = []
    elif event_id > newest:
        newer = neighbours(visible, issue_ids, event_id, _HIGHEST, 1, newest=False)
    else:
        # Includes the newest event that was counted.
        through = f"{newest}~"
        newer = neighbours(visible, issue_ids, event_id, through, MOST_COUNTED, newest=False)
    many = len(newer) == MOST_COUNTED
    most = MOST_COUNTED if many else 1
    older = neighbours(visible, issue_ids, low, event_id, most, newest=True)
    ends = (newer[0] if newer else None, older[0] if older else None)
    if event_id > newest:
        return EventNumber(*ends, counted=False)
    if many:
        all_there = len(older) < MOST_COUNTED and (older or [event_id])[-1] == issue.first_event
        return EventNumber(*ends, value=len(older) + 1 if all_there else None)
    number = issue.kept - len(newer)
    if number < 1 or (number == 1 and older):
        return EventNumber(*ends)
    return EventNumber(*ends, value=number, expired=0 if older else number - 1)


def _releases(issue: Issue) -> list[str]:
    """Return the most frequent releases of an issue, and its first and last one.

    Leaves out long names: an issue counts them under their start, which names no release.
    """
    often = sorted(issue.releases, key=lambda name: -issue.releases[name])[:_MOST_RELEASES]
    names = dict.fromkeys((issue.first_release, issue.last_release, *often))
    return [name for name in names if name and len(name.encode()) < MAX_NAME]


def _ids(issue: Issue) -> list[str]:
    """Return the ids of an issue and of those that are merged into it."""
    return [issue.id, *issue.members]
