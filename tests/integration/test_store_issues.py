"""IssuesTable, pattern by pattern; runs on every emulator (see tests/support/account.py)."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import count

import pytest

from errata.models.issue import Issue, Release
from errata.store import issues
from errata.store.issues import Changes

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
)


@pytest.fixture
def pk() -> str:
    return issues.partition(str(next(_projects)), 0)


def changes(issue: Issue, before: str = "", **more: object) -> Changes:
    made = Changes(issues={issue.id: issue}, before={issue.id: before})
    for name, value in more.items():
        setattr(made, name, value)
    return made


def test_an_issue_comes_back_as_it_was_stored(pk: str) -> None:
    assert issues.apply(pk, changes(ISSUE))
    assert issues.find_issue(pk, ISSUE.id, 0) == ISSUE
    assert issues.rows(pk, [ISSUE.id, "b" * 32], []).issues == {ISSUE.id: ISSUE}
    assert issues.find_issue(pk, "b" * 32, 0) is None
    assert issues.find_issue(issues.partition("0", 0), ISSUE.id, 0) is None


def test_an_issue_of_one_user_less_event_has_no_sketch(pk: str) -> None:
    bare = replace(ISSUE, users=b"", environments={}, releases={})
    assert issues.apply(pk, changes(bare))
    assert issues.find_issue(pk, ISSUE.id, 0) == bare


def test_a_new_issue_is_refused_where_one_is(pk: str) -> None:
    assert issues.apply(pk, changes(ISSUE))
    assert not issues.apply(pk, changes(replace(ISSUE, count=9)))
    assert issues.find_issue(pk, ISSUE.id, 0) == ISSUE


def test_an_issue_changes_only_from_where_it_was_read(pk: str) -> None:
    assert not issues.apply(pk, changes(ISSUE, before="0" * 40))
    assert issues.apply(pk, changes(ISSUE))
    later = replace(ISSUE, count=3, last_sequence="0" * 39 + "6")
    assert not issues.apply(pk, changes(later, before="0" * 39 + "4"))
    assert issues.find_issue(pk, ISSUE.id, 0) == ISSUE
    assert issues.apply(pk, changes(later, before=ISSUE.last_sequence))
    assert issues.find_issue(pk, ISSUE.id, 0) == later


def test_everything_changes_or_nothing(pk: str) -> None:
    issues.apply(pk, changes(ISSUE))
    release = Release("1.0", 1, 2, events=1, issues_opened=1, open_issues=1, expires_at=EXPIRES)
    refused = changes(
        replace(ISSUE, id="b" * 32),
        releases={"r1": release},
        sightings={("b" * 32, "r1"): EXPIRES},
        days={"2026-11-22": (1, EXPIRES)},
    )
    refused.issues[ISSUE.id] = ISSUE
    refused.before[ISSUE.id] = "elsewhere"
    assert not issues.apply(pk, refused)
    assert issues.find_issue(pk, "b" * 32, 0) is None
    assert (issues.list_releases(pk, 0), issues.list_days(pk, "")) == ([], {})
    refused.before[ISSUE.id] = ISSUE.last_sequence
    assert issues.apply(pk, refused)
    assert issues.find_issue(pk, "b" * 32, 0)
    assert issues.list_releases(pk, 0) == [release]
    assert issues.rows(pk, [], [("b" * 32, "r1")]).sightings == {("b" * 32, "r1"): EXPIRES}


def test_releases_and_days_add_up(pk: str) -> None:
    first = Release("1.0", 5, 7, events=2, issues_opened=1, open_issues=1, expires_at=EXPIRES)
    second = Release("1.0", 6, 9, events=3, issues_opened=0, open_issues=2, expires_at=EXPIRES + 1)
    for release, day in ((first, (2, EXPIRES)), (second, (3, EXPIRES + 1))):
        made = Changes(releases={"r1": release}, days={"2026-11-22": day, "2026-11-23": (1, 1)})
        assert issues.apply(pk, made)
    expected = Release(
        "1.0", 5, 9, events=5, issues_opened=1, open_issues=3, expires_at=EXPIRES + 1
    )
    assert issues.list_releases(pk, 0) == [expected]
    assert issues.rows(pk, [], [("x", "r1")]).releases == {"r1": expected}
    assert issues.list_days(pk, "") == {"2026-11-22": 5, "2026-11-23": 2}
    assert issues.list_days(pk, "2026-11-23") == {"2026-11-23": 2}


def test_issues_are_listed_the_last_seen_first(pk: str) -> None:
    order = [(n * 7) % 120 for n in range(120)]
    for start in (0, 60):
        issues.apply(pk, many(order[start : start + 60]))
    found = [issue.last_seen for issue in issues.by_last_seen(pk, 0)]
    assert found == list(range(119, -1, -1))


def many(numbers: Iterable[int]) -> Changes:
    """New issues, last seen at these times."""
    made = Changes()
    for n in numbers:
        issue = replace(ISSUE, id=f"{n:032x}", last_seen=n)
        made.issues[issue.id] = issue
        made.before[issue.id] = ""
    return made


def test_what_has_expired_is_not_found_though_it_is_there(pk: str) -> None:
    release = Release("1.0", 1, 2, events=1, issues_opened=1, open_issues=1, expires_at=EXPIRES)
    issues.apply(pk, changes(ISSUE, releases={"r1": release}))
    for now_s, there in ((EXPIRES - 1, True), (EXPIRES, False)):
        assert bool(issues.find_issue(pk, ISSUE.id, now_s)) is there
        assert bool(list(issues.by_last_seen(pk, now_s))) is there
        assert bool(issues.list_releases(pk, now_s)) is there


def test_a_generation_goes_as_a_whole(pk: str) -> None:
    other = f"{pk}9"
    for partition in (pk, other):
        made = many(range(30))
        made.days = {f"2026-11-{n}": (1, EXPIRES) for n in range(30)}
        assert issues.apply(partition, made)
    issues.delete_generation(pk)
    issues.delete_generation(pk)
    assert (list(issues.by_last_seen(pk, 0)), issues.list_days(pk, "")) == ([], {})
    assert len(issues.list_days(other, "")) == 30


def test_a_transaction_takes_a_hundred_rows(pk: str) -> None:
    days = {f"day {n}": (1, EXPIRES) for n in range(issues.MAX_ACTIONS)}
    assert issues.apply(pk, Changes(days=days))
    assert len(issues.list_days(pk, "")) == 100
