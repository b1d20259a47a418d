"""Digest counts each event once, however the stream cuts, repeats and mixes its batches."""

import random
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.models.ids import DAY_MS, floor_id, now_ms
from errata.models.issue import Issue
from errata.models.visible import Watermark, issues_partition
from errata.store import issue_status, issues, watermarks
from tests.support import fuzz, stream, tally
from tests.support.calls import Call, recorded, watched
from tests.support.visible import all_issues, visible_at

type Item = dict[str, Any]

START_MS = now_ms()
NOON_MS = START_MS // DAY_MS * DAY_MS - DAY_MS // 2
_projects = count(100)


def fresh() -> str:
    """Return the id of a project that no test has used. Digest needs no more of a project."""
    return str(next(_projects))


def traffic(project_id: str, size: int, seed: int = 1) -> list[Item]:
    """Return events of a few issues, releases, environments and users, seconds apart."""
    chance = random.Random(seed)

    def one(n: int) -> Item:
        names = ("release", "environment")
        tags: Item = {
            name: f"{name}-{chance.randrange(3)}" for name in names if chance.random() < 0.8
        }
        return stream.event(
            project_id,
            START_MS + 1_000 * n,
            message=f"m{n}",
            fingerprint=f"f{chance.randrange(4)}",
            level=chance.choice(["error", "info"]),
            context={"user": {"id": chance.randrange(5)}},
            **tags,
        )

    return [one(n) for n in range(size)]


def operations(batch: list[Item]) -> list[str]:
    """Deliver a batch. Return the operations that it takes, those at the same time sorted."""
    with recorded() as seen:
        assert stream.deliver(batch) == []
    return [call.operation for call in seen]


def test_new_issues_are_one_transaction_and_each_other_row_is_written_by_itself() -> None:
    items = traffic(fresh(), 20)
    found = operations(stream.numbered(items))
    tally.assert_exact(items)
    # The rows; the numbers and closed issues; once, whether there are issues without numbers; the
    # webhooks; the rows that find the issues; the issues with their numbers; three releases, each
    # with what is kept of it, and a day.
    assert found[:5] == ["BatchGetItem", "BatchGetItem", "Query", "PutItem", "Query"]
    assert set(found[5:-5]) == {"BatchWriteItem"}
    assert sorted(found[-5:]) == ["PutItem", *["TransactWriteItems"] * 4]
    assert found[-5] == "TransactWriteItems"


def test_a_batch_that_is_delivered_again_changes_nothing() -> None:
    items = traffic(fresh(), 12)
    batch = stream.numbered(items)
    for _ in range(3):
        assert stream.deliver(batch) == []
        tally.assert_exact(items)


@pytest.mark.parametrize("at", range(11))
def test_a_batch_that_is_delivered_again_from_any_record_on_changes_nothing(at: int) -> None:
    items = traffic(fresh(), 10)
    batch = stream.numbered(items)
    stream.pump(batch[:at])
    stream.pump(batch)
    stream.pump(batch[at:])
    tally.assert_exact(items)


def bisected(batch: list[Item]) -> Iterator[list[Item]]:
    """Yield the pieces into which Lambda halves a failing batch, down to single records."""
    if len(batch) > 1:
        half = len(batch) // 2
        yield from bisected(batch[:half])
        yield from bisected(batch[half:])
    yield batch


def test_a_batch_that_is_bisected_is_counted_once() -> None:
    items = traffic(fresh(), 9)
    for piece in bisected(stream.numbered(items)):
        stream.pump(piece)
    tally.assert_exact(items)


@fuzz.bounded(12)
@given(st.integers(0, 10**6), st.lists(st.tuples(st.integers(0, 8), st.integers(1, 8)), max_size=5))
def test_any_overlapping_pieces_in_the_order_of_the_stream_are_counted_once(
    seed: int, pieces: list[tuple[int, int]]
) -> None:
    projects = [fresh(), fresh()]
    items = [item for project_id in projects for item in traffic(project_id, 10, seed)]
    items.sort(key=lambda item: item["sk"]["S"])
    batch = stream.numbered(items, first=(1, 95, 10**20)[seed % 3])
    done = 0
    for back, ahead in pieces:
        start, done = max(done - back, 0), min(done + ahead, len(batch))
        stream.pump(batch[start:done])
    stream.pump(batch[max(done - 2, 0) :])
    tally.assert_exact(items)
    for project_id in projects:
        # moto copies the whole table with each transaction.
        issues.delete_generation(issues_partition(project_id, 0))


def test_events_whose_ids_are_out_of_order_are_counted_once() -> None:
    items = traffic(fresh(), 15)
    random.Random(3).shuffle(items)
    batch = stream.numbered(items)
    for start in (0, 5, 9):
        stream.pump(batch[start : start + 6])
    tally.assert_exact(items)


@pytest.mark.parametrize("operation", ["BatchWriteItem", "TransactWriteItems", "PutItem"])
def test_a_batch_that_is_delivered_twice_at_the_same_time_is_counted_once(operation: str) -> None:
    items = traffic(fresh(), 12)
    batch = stream.numbered(items)
    met: list[str] = []

    def other_first(call: Call) -> Any:
        if call.operation == operation and not met:
            met.append(call.operation)
            stream.pump(batch)
        return call.send()

    stream.pump(batch[:2])
    with watched(other_first):
        stream.pump(batch)
    assert met
    tally.assert_exact(items)


# ------------------------------------------------------------------ more than a transaction takes


def test_sixty_new_issues_in_a_batch_are_counted_once() -> None:
    project_id = fresh()
    items = [
        stream.event(project_id, START_MS + n, message=f"m{n}", fingerprint=f"f{n}", release="1")
        for n in range(60)
    ]
    batch = stream.numbered(items)
    with recorded() as seen:
        stream.pump(batch)
    sizes = [len(c.parameters["TransactItems"]) for c in seen if c.operation[:3] == "Tra"]
    assert len(sizes) > 1
    assert max(sizes) <= 100
    tally.assert_exact(items)
    stream.pump(batch)
    tally.assert_exact(items)


def transactions(batch: list[Item]) -> list[int]:
    """Deliver a batch. Return the number of rows that each transaction writes."""
    with recorded() as seen:
        assert stream.deliver(batch) == []
    return [len(c.parameters["TransactItems"]) for c in seen if c.operation == "TransactWriteItems"]


def test_a_transaction_takes_as_many_new_issues_as_fit() -> None:
    project_id = fresh()
    items = [stream.event(project_id, NOON_MS + n, fingerprint=f"f{n}") for n in range(100)]
    # The counter, and each issue with its number.
    assert transactions(stream.numbered(items)) == [1 + 2 * 49, 1 + 2 * 49, 1 + 2 * 2]
    tally.assert_exact(items)
    numbers = {each.number for each in all_issues(visible_at(project_id))}
    assert numbers == set(range(1, 101))


def test_sixty_resolved_issues_regress_in_a_batch() -> None:
    project_id = fresh()
    items = [
        stream.event(project_id, NOON_MS + n, fingerprint=f"f{n % 60}", release="1")
        for n in range(120)
    ]
    batch = stream.numbered(items)
    stream.pump(batch[:60])
    visible = visible_at(project_id)
    for issue in all_issues(visible):
        resolved = replace(issue, status="resolved", status_at=NOON_MS + 59)
        assert issue_status.set_status(visible.partition, issue, resolved, "resolved", 60)
    sizes = transactions(batch[60:])
    # Each with its activity, no longer closed, and without the four rows of a resolved one.
    assert sizes == [7] * 60
    found = all_issues(visible)
    assert {(each.status, each.count) for each in found} == {("regressed", 2)}
    tally.assert_exact(items)


def test_known_issues_cost_one_read_and_one_write_for_each_row() -> None:
    items = traffic(fresh(), 100)
    batch = stream.numbered(items)
    stream.pump(batch[:90])
    found = operations(batch[90:])
    tally.assert_exact(items)
    rows = {issue for item in items[90:] for issue in [item["issue"]["S"]]}
    assert found[0] == "BatchGetItem"
    assert found.count("PutItem") == len(rows) + 3 + 1  # issues, releases, the day
    # The rows that find issues whose rank has changed are written and deleted.
    assert set(found[1:]) == {"PutItem", "BatchWriteItem"}
    assert found.count("BatchWriteItem") <= 2


def test_a_known_issue_with_nothing_new_costs_four_calls() -> None:
    project_id = fresh()
    items = [
        stream.event(project_id, NOON_MS + n, fingerprint="f", release="1") for n in range(102)
    ]
    batch = stream.numbered(items)
    stream.pump(batch[:101])
    assert operations(batch[101:]) == ["BatchGetItem", "PutItem", "PutItem", "PutItem"]
    tally.assert_exact(items)


def cleared(through_ms: int) -> str:
    """Return a project that was cleared at that time, and that this process has never read."""
    project_id = str(time.time_ns())
    assert watermarks.move_watermark(project_id, Watermark(1, floor_id(through_ms)), 0)
    return project_id


def test_the_first_batch_after_a_clear_reads_rows_twice_and_later_ones_once() -> None:
    projects = [cleared(NOON_MS), cleared(NOON_MS)]
    items = [
        stream.event(project_id, NOON_MS + n, fingerprint="f")
        for n in range(1, 4)
        for project_id in projects
    ]
    batch = stream.numbered(items)
    # The rows of the cached generation, and of the current one.
    reads = ["BatchGetItem", "BatchGetItem"]
    # Then the number, and how the issue was closed.
    assert operations(batch[:2])[:3] == [*reads, "BatchGetItem"]
    assert operations(batch[2:4]).count("BatchGetItem") == 1
    assert operations(batch[4:]).count("BatchGetItem") == 1
    tally.assert_exact(items)


def test_a_batch_whose_events_are_all_cleared_only_deletes_them() -> None:
    project_id = cleared(NOON_MS + 10)
    items = [stream.event(project_id, NOON_MS + n, fingerprint="f", release="1") for n in range(3)]
    stream.put(items)
    found = operations(stream.numbered(items))
    assert found == ["BatchGetItem", "BatchGetItem", "BatchWriteItem"]
    assert stream.stored_events() == []
    assert tally.counted(project_id)["issues"] == {}


def test_a_second_new_issue_of_a_project_makes_no_query() -> None:
    project_id = fresh()
    items = [stream.event(project_id, NOON_MS + n, fingerprint=f"f{n}") for n in range(2)]
    first, second = stream.numbered(items)
    # Whether there are issues without numbers, and the webhooks: the latter are cached.
    assert operations([first]).count("Query") == 2
    assert "Query" not in operations([second])


@pytest.mark.parametrize("releases", [30, 31, 61])
def test_an_issue_seen_in_many_releases_at_once_is_counted_once(releases: int) -> None:
    project_id = fresh()
    items = [
        stream.event(project_id, START_MS + n, fingerprint="f", release=f"r{n}")
        for n in range(releases)
    ]
    stream.pump(stream.numbered(items))
    found, wanted = tally.counted(project_id), tally.expected(items)
    # An issue itself names the thirty releases that matter most.
    (names,) = [issue.pop("releases") for issue in found["issues"].values()]
    (all_names,) = [issue.pop("releases") for issue in wanted["issues"].values()]
    assert len(names) == min(releases, 30)
    assert names.items() <= all_names.items()
    assert found == wanted
    assert len(found["releases"]) == releases


def test_many_issues_in_many_releases_are_counted_once() -> None:
    project_id = fresh()
    items = [
        stream.event(project_id, START_MS + n, fingerprint=f"f{n % 7}", release=f"r{n % 20}")
        for n in range(100)
    ]
    stream.pump(stream.numbered(items))
    tally.assert_exact(items)


def test_days_are_counted_by_utc_and_an_issue_keeps_its_last_thirty() -> None:
    project_id = fresh()
    midnight = START_MS // 86_400_000 * 86_400_000
    items = [
        stream.event(project_id, midnight + day * 86_400_000 - offset, fingerprint="f")
        for day in range(35)
        for offset in (1, 0)
    ]
    stream.pump(stream.numbered(items))
    (issue,) = tally.counted(project_id)["issues"].values()
    last = (midnight // 86_400_000) + 34
    assert sorted(issue["buckets"].days) == list(range(last - 29, last + 1))
    assert sum(tally.counted(project_id)["days"].values()) == issue["count"] == 70


# ------------------------------------------------------------------ what an issue keeps


def only_issue(project_id: str) -> Issue:
    (issue,) = all_issues(visible_at(project_id))
    return issue


def test_a_long_name_counts_under_its_first_two_hundred_characters() -> None:
    project_id = fresh()
    items = [
        stream.event(
            project_id,
            START_MS + n,
            fingerprint="f",
            environment=name,
            release=name,
            server_name=name,
        )
        for n, name in enumerate("n" * 200 + end for end in ("", "a", "bc"))
    ]
    stream.pump(stream.numbered(items))
    issue = only_issue(project_id)
    for counts in (issue.environments, issue.releases, issue.servers):
        assert counts == {"n" * 200: 3}


def test_the_rarest_of_more_than_thirty_names_is_dropped_and_the_newest_is_kept() -> None:
    project_id = fresh()
    sent = [f"e{n}" for n in range(30)] * 3
    sent.remove("e7")
    items = [
        stream.event(project_id, START_MS + n, fingerprint="f", environment=name)
        for n, name in enumerate([*sent, "newest"])
    ]
    # The second batch starts from the row that the first one stored.
    batch = stream.numbered(items)
    stream.pump(batch[:40])
    stream.pump(batch[40:])
    kept = {f"e{n}": 3 for n in range(30) if n != 7}
    assert only_issue(project_id).environments == {**kept, "newest": 1}


def test_the_title_of_an_issue_is_that_of_its_newest_event_in_any_order() -> None:
    project_id = fresh()
    items = [
        stream.event(
            project_id,
            START_MS + n,
            fingerprint="f",
            message=f"m{n}",
            exception_class=f"E{n}",
            level=level,
            transaction=f"t{n}" * 200,
            logger=f"l{n}",
        )
        for n, level in enumerate(("error", "fatal", "warning"))
    ]
    batch = stream.numbered([items[1], items[2], items[0]])
    stream.pump(batch[:2])
    stream.pump(batch[2:])
    issue = only_issue(project_id)
    assert (issue.title, issue.exception_class, issue.level) == ("E2: m2", "E2", "warning")
    assert (issue.transaction, issue.logger) == ("t2" * 100, "l2")
    assert (issue.count, issue.first_seen, issue.last_seen) == (3, START_MS, START_MS + 2)
    assert issue.first_event == items[0]["sk"]["S"]


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 0, 1)])
def test_the_culprit_of_an_issue_is_that_of_its_newest_event_in_any_order(
    order: tuple[int, ...],
) -> None:
    project_id = fresh()
    items = [
        stream.event(
            project_id,
            START_MS + n,
            fingerprint="f",
            exceptions=[
                {
                    "type": "E",
                    "value": "v",
                    "frames": [{"function": f"total{n}", "module": "shop.cart", "in_app": True}],
                }
            ],
        )
        for n in range(3)
    ]
    stream.pump(stream.numbered(items[n] for n in order))
    assert only_issue(project_id).culprit == "shop.cart in total2"


@pytest.mark.parametrize(("fields", "grouping"), [({"fingerprint": "f"}, "client"), ({}, "v1")])
def test_an_issue_stores_the_grouping_of_its_fingerprint(
    fields: dict[str, Any], grouping: str
) -> None:
    project_id = fresh()
    stream.pump(stream.numbered([stream.event(project_id, START_MS, **fields)]))
    issue = only_issue(project_id)
    assert issue.grouping == grouping
    assert issue.fingerprint == fields.get("fingerprint", issue.fingerprint) != ""
    # Compared as a text with those that are stored: its length is what it always was.
    assert issue.position.sequence == "1001".zfill(40)


def test_an_issue_is_grouped_as_its_first_event_was() -> None:
    project_id = fresh()
    first = stream.event(project_id, START_MS)
    (issue,) = tally.expected([first])["issues"].values()
    # A client may send the same text.
    second = stream.event(project_id, START_MS + 1, fingerprint=issue["fingerprint"])
    stream.pump(stream.numbered([first, second]))
    found = only_issue(project_id)
    assert (found.grouping, found.count, found.first_seen) == ("v1", 2, START_MS)
