"""Digest with rows that are old or restored, or that others change at the same time."""

import time
from itertools import count
from typing import Any

import pytest

from errata.config import settings
from errata.models.ids import floor_id, now_ms
from errata.models.issue import Issue
from errata.models.visible import Watermark, issues_partition
from errata.protocol.issues import IssueQuery
from errata.store import clients, ranks, watermarks
from errata.store import digest as store_digest
from errata.usecases import issues, redrive
from errata.usecases.clear_project import clear
from tests.integration.test_digest_crashes import invalid
from tests.integration.test_digest_expiry import expire
from tests.support import stream, tally
from tests.support.account import Clock, dead_letters, rows
from tests.support.calls import Call, Killed, fault, killed, lagging, throttled, watched
from tests.support.fresh import clear_cache
from tests.support.visible import visible_in

type Item = dict[str, Any]

_projects = count(900)
ANNA = "anna@example.com"


def fresh() -> str:
    """Return the id of a project that no test has used."""
    return str(next(_projects))


def traffic(project_id: str, number: int, issues: int = 3, **fields: Any) -> list[Item]:
    """Return events of some issues of one release, a millisecond apart."""
    start_ms = now_ms() - 60_000
    return [
        stream.event(project_id, start_ms + n, fingerprint=f"f{n % issues}", release="r", **fields)
        for n in range(number)
    ]


def stored(project_id: str, *kinds: str) -> list[Item]:
    """Return the rows of these kinds of a project."""
    pk = issues_partition(project_id, 0)
    found = [row for row in rows()["ISSUES_TABLE"] if row["pk"]["S"] == pk]
    return [row for row in found if row["sk"]["S"].startswith(kinds)]


def restored(project_id: str, *kinds: str) -> None:
    """Make these rows look as `errata restore` writes them."""
    for row in stored(project_id, *kinds):
        row.pop("stream", None)
        row["last_sequence"] = {"S": ""}
        clients.dynamodb().put_item(TableName=settings().issues_table, Item=row)


# ------------------------------------------------------------------ restored rows


@pytest.mark.parametrize(("ends", "after"), [(killed, True), (throttled, True), (throttled, False)])
def test_restored_rows_count_every_event_once_if_digest_is_interrupted(
    clock: Clock, ends: Any, after: bool
) -> None:
    for number in count(1):
        items = traffic(project_id := fresh(), 6)
        items += [stream.event(project_id, now_ms(), fingerprint="new", release="r")]
        stream.pump(stream.numbered(items[:3]))
        restored(project_id, "issue#", "release#", "day#")
        clear_cache()
        with fault(number, ends, after=after) as outcome:
            try:
                stream.pump(stream.numbered(items[3:]))
            except Killed:
                clear_cache()
                stream.pump(stream.numbered(items[3:]))
        tally.assert_exact(items)
        if not outcome.struck:
            break


def test_restored_rows_are_counted_further_without_a_retry(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "errata")
    items = traffic(project_id := fresh(), 6)
    stream.pump(stream.numbered(items[:3]))
    restored(project_id, "issue#", "release#", "day#")
    assert stream.deliver(stream.numbered(items[3:])) == []
    assert "digest tries again" not in caplog.text
    tally.assert_exact(items)


def test_a_restored_day_with_a_permanent_error_does_not_stop_issues_from_counting(
    clock: Clock,
) -> None:
    items = traffic(project_id := fresh(), 6)
    stream.pump(stream.numbered(items[:3]))
    restored(project_id, "issue#", "release#", "day#")

    def watch(call: Call) -> Any:
        if call.operation == "PutItem" and "day#" in str(call.parameters["Item"]["sk"]):
            raise invalid(call)
        return call.send()

    with watched(watch):
        assert stream.deliver(stream.numbered(items[3:])) == []
    assert len(dead_letters()) == 3
    assert sum(each.count for each in issues.list_issues(visible_in(project_id))) == 6


def test_a_process_that_has_cached_a_generation_counts_events_after_a_clear(clock: Clock) -> None:
    items = traffic(project_id := fresh(), 2, issues=1)
    stream.pump(stream.numbered(items))
    clear(project_id)
    clock.advance(1)
    later = stream.event(project_id, clock.ms, fingerprint="f0")
    # The rows from before the clear are still there, and are read first.
    stream.pump(stream.numbered([later], 1010))
    assert [each.count for each in issues.list_issues(visible_in(project_id))] == [1]


def test_the_status_of_a_restored_issue_can_be_changed(clock: Clock) -> None:
    items = traffic(project_id := fresh(), 1)
    stream.pump(stream.numbered(items))
    restored(project_id, "issue#", "release#", "day#")
    (issue,) = issues.list_issues(visible_in(project_id))
    assert issues.resolve(visible_in(project_id), issue.id, ANNA).status == "resolved"


def test_a_restored_issue_that_was_deleted_is_opened_by_its_next_event(clock: Clock) -> None:
    items = traffic(project_id := fresh(), 1)
    stream.pump(stream.numbered(items))
    restored(project_id, "issue#", "release#", "day#")
    (issue,) = issues.list_issues(visible_in(project_id))
    issues.delete(visible_in(project_id), issue.id, ANNA)
    later = stream.event(project_id, clock.ms + 1, fingerprint="f0")
    stream.pump(stream.numbered([later], 1002))
    assert [each.count for each in issues.list_issues(visible_in(project_id))] == [1]


def test_the_newest_event_of_a_deleted_issue_is_deleted_when_it_is_delivered_again(
    clock: Clock,
) -> None:
    item = stream.event(project_id := fresh(), clock.ms + 1, fingerprint="f")
    stream.put([item])
    batch = stream.numbered([item])
    stream.pump(batch)
    (issue,) = issues.list_issues(visible_in(project_id))
    issues.delete(visible_in(project_id), issue.id, ANNA)
    stream.pump(batch)
    assert stream.stored_events() == []
    assert list(issues.list_issues(visible_in(project_id))) == []


# ------------------------------------------------------------------ events counted by a redrive


def test_a_redrive_counts_events_of_many_issues_at_once(clock: Clock) -> None:
    items = traffic(project_id := fresh(), 60, issues=30)
    ids = set(stream.put(items))
    assert redrive.count_events(project_id, ids) == (60, [])
    tally.assert_exact(items)


def test_a_redrive_counts_a_thousand_events_of_an_issue_at_once(clock: Clock) -> None:
    items = traffic(project_id := fresh(), 1_000, issues=1)
    ids = set(stream.put(items))
    assert redrive.count_events(project_id, ids) == (1_000, [])
    tally.assert_exact(items)


def test_a_batch_that_is_delivered_again_after_a_redrive_is_counted_once(clock: Clock) -> None:
    items = traffic(project_id := fresh(), 6, 1)
    stream.put(items)
    batch = stream.numbered(items[:3])
    stream.pump(batch)
    assert redrive.count_events(project_id, {item["sk"]["S"] for item in items}) == (3, [])
    stream.pump(batch)
    tally.assert_exact(items)


def test_a_redrive_deletes_the_former_rank_row_of_an_issue(clock: Clock) -> None:
    items = traffic(project_id := fresh(), 40, 1)
    stream.put(items)
    stream.pump(stream.numbered(items[:1]))
    assert redrive.count_events(project_id, {item["sk"]["S"] for item in items}) == (39, [])
    (row,) = stored(project_id, f"rank#{ranks.EVENTS}#")
    assert row["sk"]["S"].split("#")[3] == f"{ranks.rank(40):04d}"


def test_events_that_are_cleared_during_a_redrive_are_not_counted(clock: Clock) -> None:
    ids = set(stream.put(traffic(project_id := fresh(), 3)))
    met: list[Call] = []

    def meanwhile(call: Call) -> Any:
        if any(each in str(call.parameters) for each in ids) and not met:
            met.append(call)
            watermark = Watermark(1, floor_id(clock.ms))
            assert watermarks.move_watermark(project_id, watermark, 0)
        return call.send()

    with watched(meanwhile):
        assert redrive.count_events(project_id, ids) == (0, [])
    assert met
    assert list(issues.list_issues(visible_in(project_id))) == []


# ------------------------------------------------------------------ people at the same time


def test_an_issue_resolved_right_after_it_regressed_is_in_the_lists_of_resolved_ones(
    clock: Clock,
) -> None:
    project_id = fresh()
    first, second = traffic(project_id, 1), traffic(project_id, 1)
    stream.pump(stream.numbered(first))
    (issue,) = issues.list_issues(visible_in(project_id))
    issues.resolve(visible_in(project_id), issue.id, ANNA)
    clock.advance(120)
    second = [stream.event(project_id, clock.ms, fingerprint="f0", release="r")]
    met: list[Call] = []

    def meanwhile(call: Call) -> Any:
        done = call.send()
        if call.operation == "TransactWriteItems" and not met:
            met.append(call)
            issues.resolve(visible_in(project_id, clock.ms + 1), issue.id, ANNA)
        return done

    with watched(meanwhile):
        stream.pump(stream.numbered(second, 1002))
    assert met
    for sort in ("last_seen", "first_seen", "count", "users"):
        page = issues.search(visible_in(project_id), IssueQuery(status="resolved", sort=sort))
        assert [each.id for each in page.issues] == [issue.id], sort


def test_an_issue_keeps_its_search_text_if_it_is_resolved_while_the_index_lags(
    clock: Clock,
) -> None:
    stream.pump(stream.numbered(traffic(project_id := fresh(), 1)))
    (issue,) = issues.list_issues(visible_in(project_id))
    (row,) = stored(project_id, "number#open#")
    with lagging():
        issues.resolve(visible_in(project_id), issue.id, ANNA)
    (moved,) = stored(project_id, "number#")
    assert moved["text"] == row["text"]


def test_an_issue_that_was_ignored_for_a_year_is_still_ignored_when_it_returns(
    clock: Clock,
) -> None:
    project_id, numbers = fresh(), count(1001)

    def send(**fields: Any) -> Issue:
        item = stream.event(project_id, clock.ms, fingerprint="f", **fields)
        stream.pump([stream.record(item, next(numbers))])
        (found,) = issues.list_issues(visible_in(project_id))
        return found

    issues.ignore(visible_in(project_id), send().id, ANNA)
    for _ in range(20):
        clock.days(20)
        send()
    clock.days(60)
    expire(clock)
    assert stored(project_id, "issue#") == []
    assert send().status == "ignored"


# ------------------------------------------------------------------ values


def test_an_issue_has_at_most_two_hundred_releases_in_value_rows(clock: Clock) -> None:
    project_id = fresh()
    items = [
        stream.event(project_id, now_ms() + n, fingerprint="f", release=f"r{n}") for n in range(300)
    ]
    for start in range(0, 300, 100):
        stream.pump(stream.numbered(items[start : start + 100], 1001 + start))
    assert len(stored(project_id, "value#release=")) <= 200


def test_new_issues_with_different_tags_write_a_limited_number_of_value_rows(clock: Clock) -> None:
    project_id = fresh()
    items = [
        stream.event(
            project_id,
            now_ms() + n,
            fingerprint=f"f{n}",
            release=f"r{n}",
            tags={f"tag{each}": f"{n} {each}" for each in range(50)},
        )
        for n in range(100)
    ]
    stream.pump(stream.numbered(items))
    assert len(stored(project_id, "value#release=")) == 100
    assert 1_000 <= len(stored(project_id, "value#")) <= 1_100
    # A value that was left out is written with a later event.
    again = stream.event(project_id, now_ms(), fingerprint="f99", tags={"tag49": "99 49"})
    assert stored(project_id, "value#tag:tag49=99 49#") == []
    stream.pump(stream.numbered([again], 2001))
    assert len(stored(project_id, "value#tag:tag49=99 49#")) == 1


# ------------------------------------------------------------------ rows and threads of a batch


def test_the_former_rank_row_of_an_issue_is_deleted(clock: Clock) -> None:
    items = traffic(project_id := fresh(), 40, 1)
    for start in range(0, 40, 10):
        stream.pump(stream.numbered(items)[start : start + 10])
    (row,) = stored(project_id, f"rank#{ranks.EVENTS}#")
    assert row["sk"]["S"].split("#")[3] == f"{ranks.rank(40):04d}"


def test_an_event_without_a_release_keeps_the_first_and_last_release_of_its_issue(
    clock: Clock,
) -> None:
    project_id = fresh()
    start_ms = now_ms() - 60_000
    named = [("", 0), ("1.0", 1), ("", 2)]
    items = [
        stream.event(project_id, start_ms + n, fingerprint="f", release=release)
        for release, n in named
    ]
    stream.pump(stream.numbered(items))
    (issue,) = issues.list_issues(visible_in(project_id))
    assert (issue.first_release, issue.last_release) == ("1.0", "1.0")


def test_a_failed_write_waits_for_the_other_writes_of_its_batch() -> None:
    done = []

    def slow() -> None:
        time.sleep(0.2)
        done.append("slow")

    def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store_digest._all([broken, slow])
    assert done == ["slow"]
