"""Read the issues and releases since the last clear. Change an issue's status or delete it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

from errata.errors import NotFoundError, UnavailableError
from errata.models.ids import floor_id
from errata.models.issue import (
    IGNORED,
    OPEN,
    REGRESSED,
    RESOLVED,
    Activity,
    CleanupTask,
    Issue,
    Release,
)
from errata.models.visible import Visible
from errata.protocol.issues import (
    IssueQuery,
    Position,
    SearchPosition,
    position,
    release_position,
    to_cursor,
    to_release_cursor,
    to_search_cursor,
)
from errata.store import day_counts, issue_status, numbers, releases
from errata.store import issues as store
from errata.store.issue_lists import has_issues
from errata.store.retry import attempts
from errata.usecases import audit, issue_lists, issue_search
from errata.usecases.issue_lists import sort_key

# Each conflict means that another writer, such as digest, made progress.
_TRIES = 8
_MAX_BY = 320


@dataclass(frozen=True, slots=True)
class IssuePage:
    """Issues in the requested order, and the cursor of the next page or None.

    A page may be short or empty even if there is a next page.

    Attributes:
        exhaustive: whether the order holds across all pages. A search for words goes through many
            issues in parts, and then the order is only correct within each part.
        none_at_all: whether the project has no issues at all. Only known without terms.
        looked_at: how many issues a search has looked at for this page. 0 without terms.
    """

    issues: list[Issue]
    next_cursor: str | None
    exhaustive: bool = True
    none_at_all: bool = False
    looked_at: int = 0


@dataclass(frozen=True, slots=True)
class ReleasePage:
    """Releases, most recently seen first. A page shows as many as its byte budget allows.

    `exact`: all open issues are counted. Otherwise a release may have more of them. `places` has
    the last-seen timestamp and the hash of each release, with `start` < hash <= `end`. `end` ""
    means no upper limit.
    """

    releases: list[Release]
    places: list[tuple[int, str]]
    exact: bool
    start: str
    end: str

    @property
    def exhaustive(self) -> bool:
        """Return whether the order holds across all pages (see `IssuePage`)."""
        return not (self.start or self.end)

    def behind(self, shown: int) -> str | None:
        """Return the cursor after the first `shown` releases, or None at the end."""
        if shown < len(self.places):
            return to_release_cursor(Position(*self.places[shown - 1], self.start, self.end))
        return to_release_cursor(Position(start=self.end)) if self.end else None


def list_issues(visible: Visible) -> Iterator[Issue]:
    """Return all visible issues, most recently seen first."""
    return matching(visible, IssueQuery(status="all"))


def find(visible: Visible, issue_id: str) -> Issue:
    """Return an issue.

    Raises:
        NotFoundError: the project has no such issue, or it has expired, was cleared or deleted.
    """
    issue = store.find_issue(visible, issue_id)
    if issue is None:
        raise NotFoundError(f"Project {visible.project_id} has no issue {issue_id}.")
    return issue


def search(visible: Visible, query: IssueQuery) -> IssuePage:
    """Return a page of the visible issues that match `query`.

    Without terms, it makes at most four calls to DynamoDB (but see `issue_lists.read_page`). With
    terms, see `issue_search.search`.

    Raises:
        InvalidInputError: the query is invalid; names every problem.
    """
    at = position(query)
    if isinstance(at, SearchPosition) or query.terms:
        return _found(visible, query, at if isinstance(at, SearchPosition) else None)
    return _of_status(visible, query, at)


def matching(visible: Visible, query: IssueQuery) -> Iterator[Issue]:
    """Return every visible issue that matches, in the requested order, with any number of calls.

    The order is that of the pages of `search`. A search in parts is sorted as a whole.

    Raises:
        InvalidInputError: as `search`.
    """
    pages = _all_pages(visible, query)
    first = next(pages)
    issues = chain(first.issues, (issue for page in pages for issue in page.issues))
    # An issue may move while the pages are read.
    once = _once(issues)
    if first.exhaustive:
        return once
    return iter(sorted(once, key=lambda each: sort_key(each, query.sort), reverse=True))


def _all_pages(visible: Visible, query: IssueQuery) -> Iterator[IssuePage]:
    query = replace(query, limit=issue_lists.MAX_PAGE)
    while True:
        page = search(visible, query)
        yield page
        if page.next_cursor is None:
            return
        query = replace(query, cursor=page.next_cursor)


def _once(issues: Iterable[Issue]) -> Iterator[Issue]:
    seen = set()
    for issue in issues:
        if issue.id not in seen:
            seen.add(issue.id)
            yield issue


def list_activity(visible: Visible, issue_id: str) -> list[Activity]:
    """Return the activity of an issue, latest first, without expired entries."""
    return issue_status.list_activity(visible, issue_id)


def resolve(visible: Visible, issue_id: str, by: str) -> Issue:
    """Mark an issue as resolved. No-op if it already is. A later event makes it regress.

    `by` is an e-mail address or `errata CLI`. Returns the current issue.

    Raises:
        NotFoundError: as `find`.
        UnavailableError: there was a conflict on every try.
    """
    return _set_status(visible, issue_id, RESOLVED, by)


def ignore(visible: Visible, issue_id: str, by: str) -> Issue:
    """Mark an issue as ignored. Its events are still counted. Otherwise like `resolve`."""
    return _set_status(visible, issue_id, IGNORED, by)


def reopen(visible: Visible, issue_id: str, by: str) -> Issue:
    """Reopen a resolved or ignored issue. No-op if it is open or regressed.

    Arguments, result and errors as in `resolve`."""
    return _set_status(visible, issue_id, OPEN, by)


@audit.recorded("issue deleted", "issue_id")
def delete(visible: Visible, issue_id: str, by: str) -> None:
    """Delete an issue and its activity at once. Cleanup deletes its events within seconds.

    Covers events received up to `visible.now_ms`. A later event makes a new issue. See
    docs/decisions/0016-deletion.md.

    Raises:
        NotFoundError, UnavailableError: as `resolve`.
    """
    for _ in attempts(_TRIES):
        issue = find(visible, issue_id)
        # Delete all counted events, even those with later ids: their clock may be ahead of ours.
        through = max(floor_id(visible.now_ms), issue.last_event)
        task = CleanupTask(visible.project_id, issue_id, through)
        if issue_status.delete(visible.partition, issue, task, by[:_MAX_BY], visible.now_ms):
            return
    raise UnavailableError


def list_releases(visible: Visible) -> list[Release]:
    """Return the visible releases, most recently seen first."""
    found = releases.list_releases(visible)
    return sorted(found.by_hash.values(), key=lambda release: release.last_seen, reverse=True)


def search_releases(visible: Visible, cursor: str | None) -> ReleasePage:
    """Return the visible releases after `cursor`, most recently seen first.

    Makes at most three calls to DynamoDB.

    Raises:
        InvalidInputError: the cursor is not from this list.
    """
    at = release_position(cursor)
    found = releases.list_releases(visible, at.start, at.end, pages=1)
    ranked = sorted(
        ((each.last_seen, name) for name, each in found.by_hash.items()),
        reverse=True,
    )
    if at.issue_id:
        ranked = [each for each in ranked if each < (at.value, at.issue_id)]
    return ReleasePage(
        [found.by_hash[name] for _, name in ranked], ranked, found.exact, at.start, found.end
    )


def list_days(visible: Visible, first: str) -> dict[str, int]:
    """Return the project's number of events per day, from `first` (`2026-11-22`) on."""
    return day_counts.list_days(visible, first)


# ------------------------------------------------------------------ status


def _set_status(visible: Visible, issue_id: str, status: str, by: str) -> Issue:
    what = "reopened" if status == OPEN else status
    for _ in attempts(_TRIES):
        issue = find(visible, issue_id)
        if issue.status == status or (status == OPEN and issue.status == REGRESSED):
            return issue
        # Give each change its own timestamp. The next change detects a conflict by it.
        at_ms = max(visible.now_ms, issue.status_at + 1)
        changed = replace(issue, status=status, status_at=at_ms, status_by=by[:_MAX_BY])
        last = 0 if issue.number else _last_number(visible)
        if issue_status.set_status(visible.partition, issue, changed, what, last):
            return changed
    raise UnavailableError


def _last_number(visible: Visible) -> int:
    last = numbers.last_number(visible.project_id)
    if not last:
        numbers.begin(visible.partition, visible.now_ms)
    return last


# ------------------------------------------------------------------ search


def _of_status(visible: Visible, query: IssueQuery, at: Position | None) -> IssuePage:
    """Return a page of a list that is filtered by status only."""
    page = issue_lists.read_page(visible, query, at)
    cursor = to_cursor(query.sort, page.following) if page.following else None
    none = not (at or page.issues or page.following)
    if none and query.status != "all":
        none = not has_issues(visible)
    return IssuePage(page.issues, cursor, none_at_all=none)


def _found(visible: Visible, query: IssueQuery, at: SearchPosition | None) -> IssuePage:
    """Return a page of a query with terms."""
    found = issue_search.search(visible, query, at)
    cursor = to_search_cursor(query.sort, found.following) if found.following else None
    return IssuePage(found.issues, cursor, found.exhaustive, looked_at=found.looked_at)
