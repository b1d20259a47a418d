"""Read the issues and releases since the last clear. Change an issue's status or delete it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

from errata.errors import InvalidInputError, NotFoundError, UnavailableError
from errata.models.ids import floor_id
from errata.models.issue import (
    ASSIGNED,
    LINKED,
    MAX_NOTES,
    RESOLVED,
    Activity,
    CleanupTask,
    Issue,
    Release,
)
from errata.models.issue_change import IGNORE, REOPEN, RESOLVE, Change
from errata.models.visible import Visible
from errata.protocol.issues import (
    IssueQuery,
    ListStart,
    SearchStart,
    release_start,
    start_of,
    to_cursor,
    to_release_cursor,
    to_search_cursor,
)
from errata.store import day_counts, issue_status, known_releases, numbers, releases
from errata.store import issues as store
from errata.store.issue_lists import has_issues
from errata.store.retry import attempts
from errata.usecases import assignees, audit, issue_lists, issue_search, notify, rights
from errata.usecases.issue_lists import sort_key
from errata.usecases.merged import check_not_merged, members, with_members
from errata.usecases.releases import ordered

# Each conflict means that another writer, such as digest, made progress.
TRIES = 8
# Characters of the name of whoever makes a change.
MAX_BY = 320


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
    """Releases in their order, the newest first. A dashboard page may show only the first of them.

    A page has the releases whose hash is above `start` and at most `end`; "" is no limit. `keys`
    has the first-seen timestamp and the hash of each. `exact`: all of their open issues are
    counted. Otherwise a release may have more.
    """

    releases: list[Release]
    keys: list[tuple[int, str]]
    exact: bool
    start: str
    end: str

    @property
    def exhaustive(self) -> bool:
        """Return whether the order holds across all pages (see `IssuePage`)."""
        return not (self.start or self.end)

    def behind(self, shown: int) -> str | None:
        """Return the cursor after the first `shown` releases, or None at the end."""
        if shown < len(self.keys):
            return to_release_cursor(ListStart(*self.keys[shown - 1], self.start, self.end))
        return to_release_cursor(ListStart(start=self.end)) if self.end else None


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

    If it is no search, it makes at most four calls to DynamoDB (but see `issue_lists.read_page`).
    Otherwise, see `issue_search.search`.

    Raises:
        InvalidInputError: the query is invalid; names every problem.
    """
    at = start_of(query)
    if isinstance(at, SearchStart) or query.is_search:
        return _found(visible, query, at if isinstance(at, SearchStart) else None)
    return _of_status(visible, query, at)


def any_at_all(visible: Visible) -> bool:
    """Return whether a project has issues, whatever their status."""
    return has_issues(visible)


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

    def sorts_by(issue: Issue) -> tuple[int, str]:
        return sort_key(issue, query.sort, visible.now_ms)

    return iter(sorted(once, key=sorts_by, reverse=True))


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
        ForbiddenError: the role in `visible` may not do this.
        NotFoundError: as `find`.
        UnavailableError: there was a conflict on every try.
    """
    return change(visible, issue_id, Change(RESOLVE), by)


def ignore(visible: Visible, issue_id: str, by: str) -> Issue:
    """Mark an issue as ignored. Its events are still counted. Otherwise like `resolve`."""
    return change(visible, issue_id, Change(IGNORE), by)


def reopen(visible: Visible, issue_id: str, by: str) -> Issue:
    """Reopen a resolved or ignored issue. No-op if it is open or regressed.

    Arguments, result and errors as in `resolve`."""
    return change(visible, issue_id, Change(REOPEN), by)


def change(
    visible: Visible,
    issue_id: str,
    wanted: Change,
    by: str,
    check: Callable[[Issue], None] | None = None,
) -> Issue:
    """Change an issue. No-op if it is so already. Returns the current issue.

    `wanted` is no deletion (see `delete`). `check` gets the issue before the change, and may raise
    an error to refuse it. The other arguments and errors are as in `resolve`.

    Raises:
        InvalidInputError: it has no next release, because it was seen in none; or it would get too
            many notes; or it is merged into another issue.
    """
    rights.check(visible, "settle")
    for tried, _ in enumerate(attempts(TRIES)):
        issue = find(visible, issue_id)
        check_not_merged(visible, issue)
        (total,) = with_members(visible, [issue])
        if wanted.in_next and not wanted.releases(total):
            text = "This issue was seen in no release. Resolve it now, or in a release."
            raise InvalidInputError({"release": [text]})
        seen = first_seen(visible, wanted, [total])
        # The first try may have met another note of the same millisecond.
        fields = wanted.sets(total, by[:MAX_BY], visible.now_ms + tried, seen)
        if not fields:
            return issue
        if check:
            check(issue)
        if wanted.adds_note:
            check_note_limit(issue)
        changed = replace(issue, **fields)
        if write(visible, issue, changed, wanted.done):
            return changed
    raise UnavailableError


def check_note_limit(issue: Issue) -> None:
    """Check that an issue takes another note.

    Raises:
        InvalidInputError: it does not.
    """
    if issue.notes >= MAX_NOTES:
        complaint = (
            f"This issue has {MAX_NOTES} comments, assignments and links, which is the most."
            " Continue in your issue tracker."
        )
        raise InvalidInputError({"issue": [complaint]})


def first_seen(visible: Visible, wanted: Change, found: Iterable[Issue]) -> dict[str, int]:
    """Return when each release was first seen that a change of these issues is about, by name.

    In milliseconds; 0 if it was not seen. Makes no call if the change is about no release.
    """
    names = {name for issue in found for name in wanted.releases(issue)}
    if not names:
        return {}
    return {each.name: each.first_seen for each in known_releases.read(visible, names)}


def write(visible: Visible, before: Issue, after: Issue, what: str) -> bool:
    """Write a change of an issue together with its activity, which says `what` was done.

    Returns False if the issue has changed since it was read.
    """
    last = 0 if before.number else _last_number(visible)
    if after.status == RESOLVED != before.status:
        # Before the change, as digest does: if this is interrupted, nobody misses the message.
        notify.resolved(visible.partition, visible.project_id, after)
    if after.assigned_at != before.assigned_at:
        to = assignees.called(visible, after.assignee) or "nobody"
        notify.assigned(visible.partition, visible.project_id, after, to)
        note = Activity(after.assigned_at, ASSIGNED, after.assigned_by, detail=f"to {to}")
    elif after.linked_at != before.linked_at:
        ticket = after.tracker_url or "no ticket"
        note = Activity(after.linked_at, LINKED, after.linked_by, detail=f"to {ticket}")
    else:
        return issue_status.set_status(visible.partition, before, after, what, last)
    after.notes = before.notes + 1  # in the issue that the caller returns, too
    return issue_status.change(visible.partition, before, after, note, last)


@audit.recorded("issue deleted", "issue_id")
def delete(visible: Visible, issue_id: str, by: str) -> None:
    """Delete an issue with its members and activity. Cleanup deletes its events within seconds.

    Covers events received up to `visible.now_ms`. A later event makes a new issue. See
    docs/decisions/0016-deletion.md.

    Raises:
        ForbiddenError, NotFoundError, UnavailableError: as `resolve`.
        InvalidInputError: it is merged into another issue.
    """
    rights.check(visible, "delete")
    for _ in attempts(TRIES):
        issue = find(visible, issue_id)
        check_not_merged(visible, issue)
        # If this is interrupted, the head has fewer members. The deletion can be repeated.
        some = members(visible, issue)
        if all(_delete(visible, each, by) for each in [*some, issue]):
            return
    raise UnavailableError


def _delete(visible: Visible, issue: Issue, by: str) -> bool:
    """Delete an issue, unless it has changed since it was read. Return whether it is deleted."""
    # Delete all counted events, even those with later ids: their clock may be ahead of ours.
    through = max(floor_id(visible.now_ms), issue.last_event)
    since = issue.first_event if issue.tallies else ""
    task = CleanupTask(visible.project_id, issue.id, through, since)
    return issue_status.delete(visible.partition, issue, task, by[:MAX_BY], visible.now_ms)


def list_releases(visible: Visible) -> list[Release]:
    """Return the visible releases in their order, the newest first."""
    return ordered(list(releases.list_releases(visible).by_hash.values()))


def search_releases(visible: Visible, cursor: str | None) -> ReleasePage:
    """Return the visible releases after `cursor` in their order, the newest first.

    Makes at most three calls to DynamoDB.

    Raises:
        InvalidInputError: the cursor is not from this list.
    """
    at = release_start(cursor)
    found = releases.list_releases(visible, at.start, at.end, pages=1)
    hashes = {each.release: name for name, each in found.by_hash.items()}
    left = ordered(list(found.by_hash.values()))
    if at.issue_id in found.by_hash:
        left = left[left.index(found.by_hash[at.issue_id]) + 1 :]
    elif at.issue_id:
        # The last one shown has expired since.
        left = [each for each in left if each.first_seen < at.value]
    keys = [(each.first_seen, hashes[each.release]) for each in left]
    return ReleasePage(left, keys, found.exact, at.start, found.end)


def list_days(visible: Visible, first: str) -> dict[str, int]:
    """Return the project's number of events per day, from `first` (`2026-11-22`) on."""
    return day_counts.list_days(visible, first)


# ------------------------------------------------------------------ status


def _last_number(visible: Visible) -> int:
    last = numbers.last_number(visible.project_id)
    if not last:
        numbers.begin(visible.partition, visible.now_ms)
    return last


# ------------------------------------------------------------------ search


def _of_status(visible: Visible, query: IssueQuery, at: ListStart | None) -> IssuePage:
    """Return a page of a list that is filtered by status only."""
    page = issue_lists.read_page(visible, query, at)
    page.issues = with_members(visible, page.issues)
    cursor = to_cursor(query.sort, page.following) if page.following else None
    none = not (at or page.issues or page.following)
    if none and query.status != "all":
        none = not has_issues(visible)
    return IssuePage(page.issues, cursor, none_at_all=none)


def _found(visible: Visible, query: IssueQuery, at: SearchStart | None) -> IssuePage:
    """Return a page of a query with terms."""
    found = issue_search.search(visible, query, at)
    cursor = to_search_cursor(query.sort, found.following) if found.following else None
    return IssuePage(found.issues, cursor, found.exhaustive, looked_at=found.looked_at)
