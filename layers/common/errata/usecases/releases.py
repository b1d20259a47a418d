"""Compare a release with the one before: which issues it opened, brought back and resolved."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cmp_to_key

from errata.errors import ConflictError, NotFoundError, UnavailableError
from errata.models.issue import REGRESSED, Issue, Release
from errata.models.release_order import SeenRelease, newest, order
from errata.models.release_order import compare as decides
from errata.models.release_verdict import Brought, ReleaseVerdict, compared
from errata.models.seen_values import RELEASE, short_value
from errata.models.sketch import estimate, union
from errata.models.visible import Visible
from errata.protocol.issues import read_query
from errata.protocol.query import FIRST_RELEASE, REGRESSED_IN, RESOLVED_IN, Term
from errata.store import known_releases
from errata.store import releases as store
from errata.store.events import release_hash
from errata.store.issues import find_issues
from errata.store.retry import attempts
from errata.store.values import OPENED, issues_with
from errata.usecases import issue_search, merged, rights

# Issues of a release that are read, and the bytes of value rows that say which. A release may have
# more.
_MOST_ISSUES = 500
_MOST_BYTES = 1_000_000
_MOST_RESOLVED = 50
_MAX_LINK = 250
# Each conflict means that digest has counted events.
_TRIES = 8


@dataclass(frozen=True, slots=True)
class ChangedIssues:
    """Issues that were opened in a release or came back with it, those with most events first.

    Merged issues are represented by their head, as in a search. `complete`: there are no more.
    """

    issues: list[Issue]
    complete: bool = True

    @property
    def users(self) -> int:
        """About how many users these issues have affected."""
        return estimate(union(each.users for each in self.issues))


@dataclass(frozen=True, slots=True)
class Summary:
    """A release with its new and regressed issues."""

    release: Release
    opened: ChangedIssues
    regressed: ChangedIssues

    @property
    def brought(self) -> Brought:
        """Return the numbers by which releases are compared."""
        return Brought(self.release, len(self.opened.issues), len(self.regressed.issues))


@dataclass(frozen=True, slots=True)
class ReleaseView:
    """A release, compared with another one.

    Attributes:
        this, before: `before` is None for the first release.
        resolved: the issues that are resolved in this release.
        verdict: of the comparison.
        older, newer: the neighbours in the order of releases. None at the ends.
        others: the releases that it may be compared with, the newest first.
        complete: whether all releases of the project were read.
    """

    this: Summary
    before: Summary | None
    resolved: ChangedIssues
    verdict: ReleaseVerdict
    older: Release | None
    newer: Release | None
    others: Sequence[Release]
    complete: bool


def ordered(found: Sequence[Release]) -> list[Release]:
    """Return releases in their order, the newest first (`errata.models.release_order`)."""

    def compare(one: Release, other: Release) -> int:
        return order(_seen(one), _seen(other))

    # By time first: names without a common order keep it.
    by_time = sorted(found, key=lambda each: (each.since, each.release))
    return sorted(by_time, key=cmp_to_key(compare), reverse=True)


def set_released(visible: Visible, name: str, at_ms: int) -> None:
    """Set when a release was released. Releases are ordered by this, not by first-seen times.

    In milliseconds since the epoch. 0 removes it: then the first-seen time counts again.

    Raises:
        ForbiddenError: the role in `visible` may not do this.
        NotFoundError: the project has no such release.
        UnavailableError: there was a conflict on every try.
    """
    rights.check(visible, "settle")
    for _ in attempts(_TRIES):
        try:
            if not known_releases.release(visible, name, at_ms):
                raise NotFoundError(f"Project {visible.project_id} has no release {name}.")
        except ConflictError:
            continue
        return
    raise UnavailableError


def show(visible: Visible, name: str, compare_with: str = "", pages: int | None = 1) -> ReleaseView:
    """Return a release by its name or hash, compared with the one before, or another one.

    Reads at most `pages` MB of releases, and at most 500 new and 500 regressed issues of each.

    Raises:
        NotFoundError: the project has no such release, or its events have expired.
    """
    found = store.list_releases(visible, pages=pages, counted=False)
    known = list(found.by_hash.values())
    asked = _named(known, name, visible.project_id)
    older, newer = _neighbours(known, asked)
    other = _named(known, compare_with, visible.project_id) if compare_with else older
    this = _summary(visible, asked)
    before = _summary(visible, other) if other and other is not asked else None
    verdict = compared(this.brought, before.brought if before else None, visible.now_ms)
    others = [each for each in ordered(known) if each is not asked]
    resolved = _resolved(visible, asked)
    return ReleaseView(this, before, resolved, verdict, older, newer, others, not found.end)


def _neighbours(known: Sequence[Release], asked: Release) -> tuple[Release | None, Release | None]:
    """Return the releases before and after one, of the same package if there are any of it."""
    of = {each.release: each for each in known}
    this, seen = _seen(asked), [_seen(each) for each in known]
    before = [each for each in seen if order(each, this) < 0]
    after = [each for each in seen if order(each, this) > 0]
    older = newest(_same_package(before, this))
    newer = min(_same_package(after, this), key=cmp_to_key(order), default=None)
    return of[older.name] if older else None, of[newer.name] if newer else None


def _same_package(found: list[SeenRelease], this: SeenRelease) -> list[SeenRelease]:
    return [each for each in found if decides(each.name, this.name) is not None] or found


def _seen(release: Release) -> SeenRelease:
    return SeenRelease(release.release, release.since)


def kinds(view: ReleaseView) -> list[tuple[str, str, ChangedIssues]]:
    """Return what a release has changed: a title, the key by which it is searched, the issues."""
    return [
        ("New", FIRST_RELEASE, view.this.opened),
        ("Regressed", REGRESSED_IN, view.this.regressed),
        ("Resolved", RESOLVED_IN, view.resolved),
    ]


def query_of(key: str, release: str) -> str:
    """Return the query for the issues of a release. A long name is found by its beginning."""
    pieces = (release,) if len(release) <= _MAX_LINK else (release[:100], "")
    return str(Term(key, pieces))


def _named(known: Sequence[Release], name: str, project_id: str) -> Release:
    for each in known:
        if name in (each.release, release_hash(each.release)):
            return each
    raise NotFoundError(
        f"Project {project_id} has no release {name}. Its events may have expired."
        f" See `errata releases list {project_id}`."
    )


def _summary(visible: Visible, release: Release) -> Summary:
    opened, regressed = (_changed(visible, release, each) for each in (OPENED, REGRESSED))
    return Summary(release, opened, regressed)


def _changed(visible: Visible, release: Release, change: str) -> ChangedIssues:
    stored = short_value(release.release)
    seen = issues_with(
        visible, RELEASE, f"{stored}#", lambda value: value == stored, _MOST_BYTES, change
    )
    ids = sorted(seen.at)
    found = merged.heads(
        visible,
        [
            each
            for each in find_issues(visible, ids[:_MOST_ISSUES])
            if seen.at[each.id] >= each.first_seen
        ],
    )
    found.sort(key=lambda each: (-each.count, each.id))
    return ChangedIssues(found, seen.complete and len(ids) <= _MOST_ISSUES)


def _resolved(visible: Visible, release: Release) -> ChangedIssues:
    """Return a page of the issues that are resolved in a release. It costs what a search does."""
    query = read_query(query_of(RESOLVED_IN, release.release), "count", limit=_MOST_RESOLVED)
    found = issue_search.search(visible, query, None)
    return ChangedIssues(found.issues, found.following is None)
