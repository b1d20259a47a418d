"""The access patterns of IssuesTable, on every emulator (see tests/support/account.py)."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from errata.config import settings
from errata.errors import ConflictError
from errata.models import sketch
from errata.models.issue import TTL_LAG_S, Day, Issue, Position, Release
from errata.models.seen_values import RELEASE
from errata.models.visible import Watermark, issues_partition
from errata.protocol.issues import SORTS
from errata.store import (
    clients,
    day_counts,
    digest,
    digest_rows,
    issue_lists,
    issue_status,
    issues,
    numbers,
    ranks,
    releases,
    watermarks,
)
from errata.store.digest import IssueChange, Totals
from errata.store.digest_rows import Rows, Wanted
from errata.store.issue_lists import ListKey
from errata.store.items import write_all
from errata.store.values import NewValue
from tests.support import shelf
from tests.support.calls import recorded
from tests.support.shelf import EXPIRES
from tests.support.visible import visible_at

ISSUE = replace(
    shelf.ISSUE,
    number=0,
    ttl=EXPIRES + TTL_LAG_S,
    position=Position("", "0" * 39 + "5"),
    environments={"prod": 2, "a.b #c": 1},
    releases={"1.0": 2},
    users=sketch.add(b"", ["1", "2"]),
    transaction="GET /cart",
    logger="shop",
)
OTHER = "b" * 32
MADE_RELEASE = Release("1.0", 5, 7, events=2, issues_opened=1, expires_at=EXPIRES)
DAY = 20_779  # 2026-11-22


def current_rows(pk: str, now_s: int = 0) -> Rows:
    """Return the current rows that these tests write."""
    project_id = pk.partition("#")[0]
    wanted = Wanted({ISSUE.id, OTHER}, {"r1"}, {DAY, DAY + 1})
    return digest_rows.read({project_id: wanted}, now_s, {})[project_id]


def write(pk: str, *found: Issue, rows: Rows | None = None) -> list[Issue]:
    """Store issues as digest does. Return them with their numbers."""
    rows = rows or current_rows(pk)
    changes = [IssueChange(replace(each), each.title, renewed=True) for each in found]
    last = numbers.last_number(pk.partition("#")[0])
    assert digest.write_issues(rows, changes, last) == {}
    return [each.issue for each in changes]


def later(stored: Issue, **changed: Any) -> Issue:
    """Return an issue after another event."""
    sequence = f"{int(stored.position.sequence) + 1:040d}"
    return replace(stored, position=Position("", sequence), **changed)


def listed(pk: str, now_s: int) -> list[Release]:
    """Return all of a project's releases."""
    return list(releases.list_releases(visible_at(pk, now_s)).by_hash.values())


def test_an_issue_is_read_as_it_was_stored(pk: str) -> None:
    (stored,) = write(pk, ISSUE)
    assert stored == replace(ISSUE, number=1)
    assert issues.find_issue(visible_at(pk), ISSUE.id) == stored
    assert current_rows(pk).issues == {ISSUE.id: stored}
    assert issues.find_issue(visible_at(pk), OTHER) is None
    assert issues.find_issue(visible_at(issues_partition("0", 0)), ISSUE.id) is None


def test_an_issue_without_users_environments_and_releases_is_read_as_it_was_stored(pk: str) -> None:
    bare = replace(ISSUE, users=b"", environments={}, releases={})
    assert issues.find_issue(visible_at(pk), ISSUE.id) is None
    assert write(pk, bare) == [issues.find_issue(visible_at(pk), ISSUE.id)]


def test_storing_an_issue_that_exists_already_is_a_conflict(pk: str) -> None:
    before = current_rows(pk)
    (stored,) = write(pk, ISSUE)
    with pytest.raises(ConflictError):
        write(pk, replace(ISSUE, count=9), rows=before)
    assert issues.find_issue(visible_at(pk), ISSUE.id) == stored
    assert numbers.last_number(pk.partition("#")[0]) == 1


def test_writing_an_issue_that_has_changed_since_it_was_read_is_a_conflict(pk: str) -> None:
    (stored,) = write(pk, ISSUE)
    early, late = current_rows(pk), current_rows(pk)
    changed = later(stored, count=3)
    assert write(pk, changed, rows=early) == [changed]
    with pytest.raises(ConflictError):
        write(pk, later(stored, count=9), rows=late)
    assert issues.find_issue(visible_at(pk), ISSUE.id) == changed


@pytest.mark.parametrize("at", [1, 2])
def test_an_issue_whose_status_changed_since_it_was_read_is_not_written(pk: str, at: int) -> None:
    (stored,) = write(pk, ISSUE)
    resolved = replace(stored, status="resolved", status_at=at, status_by="me")
    if at == 2:
        first = replace(resolved, status_at=1)
        assert issue_status.set_status(pk, stored, first, "resolved", 0)
    current = current_rows(pk)
    assert issue_status.set_status(pk, current.issues[ISSUE.id], resolved, "resolved", 0)
    with pytest.raises(ConflictError):
        write(pk, later(stored, count=3), rows=current)
    assert issues.find_issue(visible_at(pk), ISSUE.id) == resolved


def test_an_expired_issue_is_replaced_by_a_new_one_and_leaves_the_lists(pk: str) -> None:
    (stored,) = write(pk, replace(ISSUE, status="resolved"))
    current = current_rows(pk, EXPIRES)
    assert current.issues == {}
    assert current.position(f"issue#{ISSUE.id}") == ISSUE.position
    expires = EXPIRES + 9
    again = later(ISSUE, count=1, users=b"", expires_at=expires, ttl=expires, rows_until=expires)
    (made,) = write(pk, again, rows=current)
    assert made.number == stored.number + 1
    visible = visible_at(pk, EXPIRES)
    assert issues.find_issue(visible, ISSUE.id) == made
    for order in SORTS:
        assert issue_lists.from_rows(visible, order, "resolved", None, 9).found == []


def test_writing_releases_or_days_that_changed_since_they_were_read_is_a_conflict(pk: str) -> None:
    position = Position("", "1")
    first = Totals(
        {"r1": replace(MADE_RELEASE, position=position)},
        {DAY: Day(2, {7: 2}, EXPIRES, position)},
    )
    digest.write_totals(current_rows(pk), first)
    current = current_rows(pk)
    assert (current.releases, current.days) == (first.releases, first.days)
    more = replace(first.releases["r1"], events=5, position=Position("", "2"))
    more_days = {DAY: Day(5, {7: 5}, EXPIRES, Position("", "2"))}
    nothing = Rows(current.project_id, current.watermark)
    for made in (Totals({"r1": more}), Totals(days=more_days)):
        with pytest.raises(ConflictError):
            digest.write_totals(nothing, made)
        early, late = current_rows(pk), current_rows(pk)
        digest.write_totals(early, made)
        with pytest.raises(ConflictError):
            digest.write_totals(late, made)
    assert listed(pk, 0) == [more]
    assert day_counts.list_days(visible_at(pk), "") == {"2026-11-22": 5}


def test_writing_a_day_that_expired_and_was_begun_again_is_a_conflict(pk: str) -> None:
    digest.write_totals(current_rows(pk), Totals(days={DAY: Day(2, {}, EXPIRES)}))
    slow, again = current_rows(pk, EXPIRES - 1), current_rows(pk, EXPIRES)
    assert again.days == {}
    digest.write_totals(again, Totals(days={DAY: Day(2, {}, EXPIRES + 9)}))
    with pytest.raises(ConflictError):
        digest.write_totals(slow, Totals(days={DAY: Day(3, {}, EXPIRES)}))
    assert current_rows(pk).days == {DAY: Day(2, {}, EXPIRES + 9)}


TEXTS = ("last_sequence", "stream", "status")


def change_one(pk: str, sk: str, name: str) -> None:
    """Change one attribute of a row, as another function does that has read it before."""
    clients.dynamodb().update_item(
        TableName=settings().issues_table,
        Key=write_all({"pk": pk, "sk": sk}),
        UpdateExpression="SET #name = :value",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues=write_all({":value": "other" if name in TEXTS else 123}),
    )


@pytest.mark.parametrize(
    "name", ["last_sequence", "stream", "status", "status_at", "assigned_at", "notes", "ttl"]
)
def test_any_change_of_an_issue_row_since_it_was_read_is_a_conflict(pk: str, name: str) -> None:
    (stored,) = write(pk, ISSUE)
    early = current_rows(pk)
    change_one(pk, f"issue#{ISSUE.id}", name)
    with pytest.raises(ConflictError):
        write(pk, later(stored, count=3), rows=early)


@pytest.mark.parametrize(
    ("sk", "name"),
    [
        *((day_counts.day_key(DAY), name) for name in ("last_sequence", "stream", "count", "ttl")),
        *(("release#r1", name) for name in ("last_sequence", "stream", "events", "ttl")),
        ("release#r1", "released_at"),
    ],
)
def test_any_change_of_a_release_or_day_row_since_it_was_read_is_a_conflict(
    pk: str, sk: str, name: str
) -> None:
    made = Totals({"r1": MADE_RELEASE}, {DAY: Day(2, {}, EXPIRES)})
    digest.write_totals(current_rows(pk), made)
    early = current_rows(pk)
    change_one(pk, sk, name)
    with pytest.raises(ConflictError):
        digest.write_totals(early, made)


def test_days_are_listed_from_a_given_day_on(pk: str) -> None:
    days = {DAY: Day(5, {}, EXPIRES), DAY + 1: Day(2, {}, EXPIRES)}
    digest.write_totals(current_rows(pk), Totals(days=days))
    assert day_counts.list_days(visible_at(pk), "") == {"2026-11-22": 5, "2026-11-23": 2}
    assert day_counts.list_days(visible_at(pk), "2026-11-23") == {"2026-11-23": 2}


# ------------------------------------------------------------------ lists


def many(found: Iterable[int], **changed: object) -> list[Issue]:
    """Return new issues, each last seen a millisecond after its number here."""
    return [
        replace(ISSUE, id=f"{n:032x}", last_seen=n + 1, ranked_at=n + 1, **changed)  # type: ignore[arg-type]
        for n in found
    ]


def test_more_new_issues_than_a_transaction_takes_get_their_numbers(pk: str) -> None:
    stored = write(pk, *many(range(120)))
    assert sorted(each.number for each in stored) == list(range(1, 121))


@pytest.mark.parametrize("order", SORTS)
def test_rows_are_listed_in_descending_order_and_continue_after_any_key(
    pk: str, order: str
) -> None:
    status = "ignored" if order == ranks.LAST_SEEN else "open"
    visible = visible_at(pk)
    write(pk, *many([(n * 7) % 30 for n in range(30)], status=status))
    whole = issue_lists.from_rows(visible, order, status, None, 99)
    assert len(whole.found) == 30
    assert whole.stopped is None
    keys = [each.key for each in whole.found]
    assert keys == sorted(keys, key=lambda each: each.sorts_by, reverse=True)
    assert all(each.shows(issue, [status]) for each, issue in shown(pk, whole))
    for n in (0, 10, 29):
        rest = issue_lists.from_rows(visible, order, status, keys[n], 99)
        assert [each.key for each in rest.found] == keys[n + 1 :]
    assert issue_lists.from_rows(visible, order, status, None, 10).stopped == keys[9]


def shown(pk: str, part: issue_lists.Chunk) -> list[tuple[issue_lists.ListEntry, Issue]]:
    """Return what a list found, with the issues."""
    ids = [each.key.issue_id for each in part.found]
    found, _ = issue_lists.read(visible_at(pk), ids, until=False)
    return [(each, found[each.key.issue_id]) for each in part.found]


def test_the_index_continues_after_any_key(pk: str) -> None:
    visible = visible_at(pk)
    write(pk, *many((n * 7) % 120 for n in range(120)))

    def found(after: ListKey | None) -> list[int]:
        part = issue_lists.from_index(visible, ["open"], after, 200)
        return [each.key.value for each in part.found]

    assert found(None) == list(range(120, 0, -1))
    # After an issue that is not there, and before all rows of the same time.
    assert found(ListKey(100, index=True, issue_id="f" * 32)) in (
        list(range(100, 0, -1)),
        list(range(99, 0, -1)),
    )
    assert found(ListKey(100, index=True, issue_id=f"{99:032x}")) == list(range(99, 0, -1))
    assert found(ListKey(100, issue_id="0" * 32)) == list(range(99, 0, -1))
    part = issue_lists.from_index(visible, ["resolved"], None, 50)
    assert (part.found, part.stopped) == ([], ListKey(71, True, f"{70:032x}"))


@pytest.mark.parametrize("old", [False, True])
def test_the_number_counter_says_up_to_when_issues_without_rows_were_seen(
    pk: str, old: bool
) -> None:
    if old:
        shelf.put_old(pk, [replace(ISSUE, last_seen=5)])
    _, until = issue_lists.read(visible_at(pk), [], until=True)
    assert until == issue_lists.TOP
    numbers.begin(pk, 1_000)
    numbers.begin(pk, 9_000_000)
    _, until = issue_lists.read(visible_at(pk), [], until=True)
    assert until == (1_000 + 15 * 60_000 if old else 0)
    write(pk, replace(ISSUE, id=OTHER))
    assert issue_lists.read(visible_at(pk), [], until=True)[1] == until
    assert issue_lists.read(visible_at(f"{pk[:-1]}1"), [], until=True)[1] == 0


# ------------------------------------------------------------------ releases, expiry, deletion


@pytest.mark.parametrize(("status", "open_"), [("open", 1), ("resolved", 0), ("ignored", 0)])
def test_a_release_s_open_issues_are_those_that_are_open_now(
    pk: str, status: str, open_: int
) -> None:
    rows = current_rows(pk)
    value = NewValue(ISSUE.id, (RELEASE, "1.0"), 9, EXPIRES)
    change = IssueChange(replace(ISSUE, status=status), "boom", renewed=True, values=[value])
    digest.write_issues(rows, [change], 0)
    digest.write_totals(rows, Totals({"r1": MADE_RELEASE}))
    (release,) = listed(pk, EXPIRES - 1)
    assert release.open_issues == open_


def test_expired_rows_are_not_found_although_they_are_still_stored(pk: str) -> None:
    write(pk, ISSUE)
    made = Totals({"r1": MADE_RELEASE}, {DAY: Day(2, {}, EXPIRES)})
    digest.write_totals(current_rows(pk), made)
    for now_s, there in ((EXPIRES - 1, True), (EXPIRES, False)):
        visible = visible_at(pk, now_s)
        assert bool(issues.find_issue(visible, ISSUE.id)) is there
        assert issue_lists.has_issues(visible) is there
        assert bool(listed(pk, now_s)) is there
        assert bool(day_counts.list_days(visible, "")) is there
        found = current_rows(pk, now_s)
        for rows in (found.issues, found.releases, found.days):
            assert bool(rows) is there
        assert len(found.stored) == 3


def test_deleting_a_generation_deletes_all_of_its_issues_and_no_others(pk: str) -> None:
    other = f"{pk[:-1]}10"
    for partition in (pk, other):
        shelf.put(partition, (replace(each, number=n) for n, each in enumerate(many(range(30)), 1)))
    issues.delete_generation(pk)
    issues.delete_generation(pk)
    assert not issue_lists.has_issues(visible_at(pk))
    for order in SORTS:
        assert issue_lists.from_rows(visible_at(pk), order, "open", None, 9).found == []
    assert issue_lists.has_issues(visible_at(other))


def test_known_releases_stay_known_when_more_are_read(pk: str) -> None:
    for name, first_seen in (("r1", 5), ("r2", 7)):
        item: Any = {"pk": pk, "sk": f"known#{name}", "first_seen": first_seen, "ttl": EXPIRES}
        clients.dynamodb().put_item(TableName=settings().issues_table, Item=write_all(item))
    rows, others = current_rows(pk), current_rows(pk)

    digest_rows.before_opening(rows, [], 0)
    assert rows.known == {"r1": 5}
    digest_rows.read_known(rows, ["r2"], 0)
    assert rows.known == {"r1": 5, "r2": 7}

    digest_rows.read_known(others, ["r2"], 0)
    digest_rows.before_opening(others, [], 0)
    assert others.known == {"r1": 5, "r2": 7}


def test_the_first_read_of_rows_after_a_clear_takes_two_calls_and_the_next_ones_one(
    pk: str,
) -> None:
    project_id, generations = pk.partition("#")[0], dict[str, int]()
    assert watermarks.move_watermark(project_id, Watermark(1, ""), 0)

    def calls() -> int:
        with recorded() as made:
            digest_rows.read({project_id: Wanted({ISSUE.id}, set(), {DAY})}, 0, generations)
        return len(made)

    assert [calls() for _ in range(3)] == [2, 1, 1]
