"""IssuesTable, pattern by pattern; runs on every emulator (see tests/support/account.py)."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import count

import pytest

from errata.models.event import Stored
from errata.models.issue import Day, Issue, Release
from errata.models.visible import issues_partition
from errata.store import day_counts, digest, issue_status, issues, releases
from errata.store.digest import Changes, Rows
from tests.support.visible import visible_at

EXPIRES = 2_000_000_000
_projects = count(100)

ISSUE = Issue(
    id="a" * 32,
    fingerprint="f",
    grouping="client",
    title="boom",
    culprit="app.py:1",
    level="error",
    exception_class="ValueError",
    first_seen=1,
    first_event="e1",
    last_seen=2,
    last_event="e2",
    last_sequence="0" * 39 + "5",
    count=2,
    expires_at=EXPIRES,
    environments={"prod": 2, "a.b #c": 1},
    releases={"1.0": 2},
    days={"20779": 2},
    users=b"\x00\xff",
    transaction="GET /cart",
    logger="shop",
)
FIRST = Stored("1", "e1", ISSUE.id, EXPIRES, {})
RELEASE = Release("1.0", 5, 7, events=2, issues_opened=1, expires_at=EXPIRES)
DAY = 20_779  # 2026-11-22


@pytest.fixture
def pk() -> str:
    return issues_partition(str(next(_projects)), 0)


def changes(issue: Issue, *, opened: bool = True, **more: object) -> Changes:
    made = Changes(issues={issue.id: issue}, opened={issue.id: FIRST} if opened else {})
    for name, value in more.items():
        setattr(made, name, value)
    return made


def current_rows(pk: str, now_s: int = 0) -> Rows:
    """Return the current rows that these tests write."""
    ids = [ISSUE.id, "b" * 32]
    return digest.rows(pk, ids, [(each, "r1") for each in ids], [DAY, DAY + 1], now_s)


def listed(pk: str, now_s: int) -> list[Release]:
    """All of a project's releases."""
    return list(releases.list_releases(visible_at(pk, now_s)).by_hash.values())


def test_an_issue_comes_back_as_it_was_stored(pk: str) -> None:
    assert digest.apply(pk, Rows(), changes(ISSUE))
    assert issues.find_issue(visible_at(pk), ISSUE.id) == ISSUE
    assert current_rows(pk).issues == {ISSUE.id: ISSUE}
    assert issues.find_issue(visible_at(pk), "b" * 32) is None
    assert issues.find_issue(visible_at(issues_partition("0", 0)), ISSUE.id) is None


def test_an_issue_of_one_user_less_event_has_no_sketch(pk: str) -> None:
    bare = replace(ISSUE, users=b"", environments={}, releases={})
    assert digest.apply(pk, Rows(), changes(bare))
    assert issues.find_issue(visible_at(pk), ISSUE.id) == bare


def test_a_new_issue_is_refused_where_one_is(pk: str) -> None:
    assert digest.apply(pk, Rows(), changes(ISSUE))
    assert not digest.apply(pk, Rows(), changes(replace(ISSUE, count=9)))
    assert issues.find_issue(visible_at(pk), ISSUE.id) == ISSUE


def test_an_issue_changes_only_from_where_it_was_read(pk: str) -> None:
    digest.apply(pk, Rows(), changes(ISSUE))
    early, late = current_rows(pk), current_rows(pk)
    later = replace(ISSUE, count=3, last_sequence="0" * 39 + "6")
    assert digest.apply(pk, early, changes(later, opened=False))
    assert not digest.apply(pk, late, changes(replace(ISSUE, count=9), opened=False))
    assert issues.find_issue(visible_at(pk), ISSUE.id) == later
    # The rows are as they were written.
    latest = replace(later, count=4, last_sequence="0" * 39 + "7")
    assert digest.apply(pk, early, changes(latest, opened=False))
    assert issues.find_issue(visible_at(pk), ISSUE.id) == latest


@pytest.mark.parametrize("at", [1, 2])
def test_an_issue_s_status_is_what_was_read_or_nothing_is_written(pk: str, at: int) -> None:
    resolved = replace(ISSUE, status="resolved", status_at=at, status_by="me")
    digest.apply(pk, Rows(), changes(ISSUE))
    if at == 2:
        assert issue_status.set_status(pk, ISSUE, replace(resolved, status_at=1), "resolved")
    current = current_rows(pk)
    assert issue_status.set_status(pk, current.issues[ISSUE.id], resolved, "resolved")
    later = replace(ISSUE, count=3, last_sequence="0" * 39 + "6")
    assert not digest.apply(pk, current, changes(later, opened=False))
    assert issues.find_issue(visible_at(pk), ISSUE.id) == resolved


def test_an_expired_issue_is_replaced_by_a_new_one_altogether(pk: str) -> None:
    digest.apply(pk, Rows(), changes(replace(ISSUE, status="resolved")))
    current = current_rows(pk, EXPIRES)
    assert (current.issues, current.last_counted(ISSUE.id)[1]) == ({}, ISSUE.last_sequence)
    anew = replace(ISSUE, count=1, users=b"", expires_at=EXPIRES + 9, last_sequence="0" * 39 + "6")
    assert digest.apply(pk, current, changes(anew))
    assert issues.find_issue(visible_at(pk, EXPIRES), ISSUE.id) == anew


def test_everything_changes_or_nothing(pk: str) -> None:
    digest.apply(pk, Rows(), changes(ISSUE))
    stale = current_rows(pk)
    later = replace(ISSUE, count=3, last_sequence="0" * 39 + "6")
    digest.apply(pk, current_rows(pk), changes(later, opened=False))
    before, current = current_rows(pk), current_rows(pk)
    made = changes(
        replace(ISSUE, id="b" * 32),
        releases={"r1": RELEASE},
        release_links={("b" * 32, "r1"): EXPIRES},
        days={DAY: Day(1, EXPIRES)},
    )
    made.issues[ISSUE.id] = ISSUE
    assert not digest.apply(pk, stale, made)
    assert current_rows(pk) == before
    assert issues.find_issue(visible_at(pk), "b" * 32) is None
    assert (listed(pk, 0), day_counts.list_days(visible_at(pk), "")) == ([], {})
    assert digest.apply(pk, current, made)
    assert issues.find_issue(visible_at(pk), "b" * 32)
    assert listed(pk, 0) == [replace(RELEASE, open_issues=1)]
    assert current_rows(pk).release_links == {("b" * 32, "r1"): EXPIRES} == current.release_links


def test_releases_and_days_change_only_from_where_they_were_read(pk: str) -> None:
    first = Changes(releases={"r1": RELEASE}, days={DAY: Day(2, EXPIRES)})
    assert digest.apply(pk, Rows(), first)
    current = current_rows(pk)
    assert (current.releases, current.days) == (first.releases, first.days)
    more = replace(RELEASE, events=5)
    for made in (Changes(releases={"r1": more}), Changes(days={DAY: Day(5, EXPIRES)})):
        assert not digest.apply(pk, Rows(), made)
        early, late = current_rows(pk), current_rows(pk)
        assert digest.apply(pk, early, made)
        assert not digest.apply(pk, late, made)
    assert listed(pk, 0) == [more]
    assert day_counts.list_days(visible_at(pk), "") == {"2026-11-22": 5}


def test_a_row_that_began_anew_is_not_taken_for_the_one_before(pk: str) -> None:
    digest.apply(pk, Rows(), Changes(days={DAY: Day(2, EXPIRES)}))
    slow, anew = current_rows(pk, EXPIRES - 1), current_rows(pk, EXPIRES)
    assert anew.days == {}
    assert digest.apply(pk, anew, Changes(days={DAY: Day(2, EXPIRES + 9)}))
    assert not digest.apply(pk, slow, Changes(days={DAY: Day(3, EXPIRES)}))
    assert current_rows(pk).days == {DAY: Day(2, EXPIRES + 9)}


def test_days_are_listed_from_one_on(pk: str) -> None:
    digest.apply(pk, Rows(), Changes(days={DAY: Day(5, EXPIRES), DAY + 1: Day(2, EXPIRES)}))
    assert day_counts.list_days(visible_at(pk), "") == {"2026-11-22": 5, "2026-11-23": 2}
    assert day_counts.list_days(visible_at(pk), "2026-11-23") == {"2026-11-23": 2}


def test_issues_are_listed_the_last_seen_first(pk: str) -> None:
    order = [(n * 7) % 120 for n in range(120)]
    for start in (0, 60):
        digest.apply(pk, Rows(), many(order[start : start + 60]))
    found = [issue.last_seen for issue in issues.by_last_seen(visible_at(pk))]
    assert found == list(range(119, -1, -1))


def many(numbers: Iterable[int]) -> Changes:
    """New issues, last seen at these times."""
    made = Changes()
    for n in numbers:
        issue = replace(ISSUE, id=f"{n:032x}", last_seen=n)
        made.issues[issue.id] = issue
        made.opened[issue.id] = FIRST
    return made


@pytest.mark.parametrize(("status", "open_"), [("open", 1), ("resolved", 0), ("ignored", 0)])
def test_a_release_s_open_issues_are_those_that_are_open_now(
    pk: str, status: str, open_: int
) -> None:
    seen = {(each, "r1"): EXPIRES + releases.LINGER_S for each in (ISSUE.id, "b" * 32)}
    issue = replace(ISSUE, status=status)
    digest.apply(pk, Rows(), changes(issue, releases={"r1": RELEASE}, release_links=seen))
    (release,) = listed(pk, EXPIRES - 1)
    assert release.open_issues == open_


def test_what_has_expired_is_not_found_though_it_is_there(pk: str) -> None:
    made = changes(ISSUE, releases={"r1": RELEASE}, days={DAY: Day(2, EXPIRES)})
    digest.apply(pk, Rows(), made)
    for now_s, there in ((EXPIRES - 1, True), (EXPIRES, False)):
        assert bool(issues.find_issue(visible_at(pk, now_s), ISSUE.id)) is there
        assert bool(list(issues.by_last_seen(visible_at(pk, now_s)))) is there
        assert bool(listed(pk, now_s)) is there
        assert bool(day_counts.list_days(visible_at(pk, now_s), "")) is there
        found = current_rows(pk, now_s)
        for rows in (found.issues, found.releases, found.days):
            assert bool(rows) is there
        assert len(found.stored) == 3


def test_a_generation_goes_as_a_whole(pk: str) -> None:
    other = f"{pk[:-1]}10"
    for partition in (pk, other):
        made = many(range(30))
        made.days = {n: Day(1, EXPIRES) for n in range(30)}
        assert digest.apply(partition, Rows(), made)
    issues.delete_generation(pk)
    issues.delete_generation(pk)
    assert (
        list(issues.by_last_seen(visible_at(pk))),
        day_counts.list_days(visible_at(pk), ""),
    ) == ([], {})
    assert len(day_counts.list_days(visible_at(other), "")) == 30


def test_a_transaction_takes_a_hundred_rows(pk: str) -> None:
    each_day = {n: Day(1, EXPIRES) for n in range(digest.MAX_ACTIONS)}
    assert digest.apply(pk, Rows(), Changes(days=each_day))
    assert len(day_counts.list_days(visible_at(pk), "")) == 100
