"""Digest is interrupted or refused at every call to AWS, and counts each event exactly once."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from errata.errors import ThrottledError, UnavailableError
from errata.models.ids import floor_id, now_ms
from errata.models.visible import Watermark, issues_partition
from errata.store import digest_rows, events, issues, watermarks
from errata.store.digest_rows import Rows
from errata.usecases import issues as usecases
from errata.usecases.digest import count_replayed, wanted_by
from tests.support import account, stream, tally
from tests.support.account import Clock
from tests.support.calls import (
    Call,
    Killed,
    cancelled,
    conflicting,
    fault,
    killed,
    recorded,
    starved,
    throttled,
    watched,
)
from tests.support.fresh import clear_cache
from tests.support.visible import visible_in

type Item = dict[str, Any]

START_MS = now_ms()
_projects = count(100)


def fresh() -> str:
    """Return the id of a project that no test has used."""
    return str(next(_projects))


def traffic(*project_ids: str) -> list[Item]:
    """Return events of three issues in two releases for each project, mixed. Some are tallies."""
    return [
        (stream.tally if n > 3 else stream.event)(
            project_id,
            START_MS + n,
            fingerprint=f"f{n % 3}",
            release=f"r{n % 2}",
            environment="prod",
            context={"user": {"id": n % 4}},
        )
        for n in range(6)
        for project_id in project_ids
    ]


def two_transactions(project_id: str) -> list[Item]:
    """Return events of more new issues than one transaction takes."""
    return [
        stream.event(project_id, START_MS + n, fingerprint=f"f{n}", release="r0") for n in range(52)
    ]


def delete_counts(*project_ids: str) -> None:
    """Empty the table: moto copies all of it with each transaction."""
    for project_id in project_ids:
        issues.delete_generation(issues_partition(project_id, 0))


def counts(project_id: str) -> tally.Counts:
    """Return what is counted, without the releases of issues: an issue keeps only some of many."""
    found = tally.counted(project_id)
    for issue in found["issues"].values():
        del issue["releases"]
    return found


def assert_exact(items: list[Item]) -> None:
    project_id = items[0]["pk"]["S"]
    wanted = tally.expected(items)
    for issue in wanted["issues"].values():
        del issue["releases"]
    assert counts(project_id) == wanted


# ------------------------------------------------------------------ the process ends


def test_a_batch_is_counted_once_after_an_interruption_at_any_call() -> None:
    cuts = 0
    for number in count(1):
        items = traffic(one := fresh(), other := fresh())
        batch = stream.numbered(items)
        with fault(number, killed, after=True) as outcome:
            try:
                stream.deliver(batch)
            except Killed:
                cuts += 1
        clear_cache()
        stream.pump(batch)
        for project_id in (one, other):
            assert_exact([item for item in items if item["pk"]["S"] == project_id])
        delete_counts(one, other)
        if not outcome.struck:
            break
    # The rows, and for each project closed issues, webhooks, the rows that find issues, the issues,
    # two releases and a day.
    assert cuts >= 15


def test_a_batch_is_counted_once_after_an_interruption_between_its_transactions() -> None:
    for number in count(4):
        items = two_transactions(project_id := fresh())
        batch = stream.numbered(items)
        with fault(number, killed, after=True) as outcome:
            try:
                stream.deliver(batch)
            except Killed:
                clear_cache()
        # Bisected, as Lambda does with a batch whose function failed.
        stream.pump(batch[:17])
        stream.pump(batch[17:])
        assert_exact(items)
        delete_counts(project_id)
        if not outcome.struck:
            break


# ------------------------------------------------------------------ DynamoDB refuses a call


@pytest.mark.parametrize("error", [throttled, starved, conflicting])
@pytest.mark.parametrize("after", [False, True], ids=["refused", "done, then refused"])
def test_a_batch_is_counted_once_if_any_call_is_refused_once(
    clock: Clock, error: Callable[[Call], ClientError], after: bool
) -> None:
    for number in count(1):
        items = traffic(project_id := fresh())
        with fault(number, error, after=after) as outcome:
            stream.pump(stream.numbered(items))
        assert_exact(items)
        delete_counts(project_id)
        if not outcome.struck:
            break
        assert account.dead_letters() == []


@pytest.mark.parametrize("number", [1, 2, 3])
def test_rows_that_find_issues_are_written_once_and_retried_if_throttled(
    clock: Clock, number: int
) -> None:
    tags = {f"tag{n}": f"value {n}" for n in range(60)}
    items = [stream.event(fresh(), START_MS, fingerprint="f", release="r0", tags=tags)]
    with recorded() as seen:
        stream.pump(stream.numbered(items))
    puts = [each for each in seen if each.operation == "BatchWriteItem"]
    written = [str(row) for put in puts for row in put.parameters["RequestItems"]["IssuesTable"]]
    assert len(puts) == 3
    assert len(written) == len(set(written))
    items = [stream.event(fresh(), START_MS, fingerprint="f", release="r0", tags=tags)]
    made: list[Call] = []

    def watch(call: Call) -> Any:
        if call.operation == "BatchWriteItem":
            made.append(call)
            if len(made) == number:
                raise throttled(call)
        return call.send()

    with watched(watch):
        assert stream.deliver(stream.numbered(items)) == []
    assert_exact(items)


def refusing(error: Callable[[Call], BaseException], *texts: str) -> Callable[[Call], Any]:
    """Refuse every write of an issue, a release or a day that mentions one of these."""

    def watch(call: Call) -> Any:
        hit = any(text in str(call.parameters) for text in texts)
        if call.operation in ("TransactWriteItems", "PutItem") and hit:
            raise error(call)
        return call.send()

    return watch


def issue_of(item: Item) -> str:
    """Return the sort key of an event's issue."""
    return f"issue#{events.issue_of(item)}"


@pytest.mark.parametrize("error", [throttled, starved])
def test_a_batch_is_retried_if_one_of_its_issues_stays_throttled(
    error: Callable[[Call], ClientError], clock: Clock
) -> None:
    items = traffic(project_id := fresh())
    batch = stream.numbered(items)
    stream.pump(batch[:3])
    second = issue_of(items[1])
    with watched(refusing(error, second)):
        assert stream.deliver(batch) == ["1001"]
    assert account.dead_letters() == []
    # The others are counted meanwhile, and do not count again.
    found = counts(project_id)["issues"]
    assert {found[issue_of(item).removeprefix("issue#")]["count"] for item in items} == {1, 2}
    stream.pump(batch)
    assert_exact(items)


@pytest.mark.parametrize("operation", ["BatchGetItem", "PutItem"])
def test_a_retry_is_logged_with_its_error(
    operation: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "errata")
    struck: list[str] = []

    def watch(call: Call) -> Any:
        if call.operation == operation and not struck:
            struck.append(operation)
            raise throttled(call)
        return call.send()

    items = traffic(fresh())
    with watched(watch):
        assert stream.deliver(stream.numbered(items)) == []
    logged = [each.getMessage() for each in caplog.records if each.name == "errata"]
    assert logged == ["digest tries again"]
    assert "ThrottledError" in caplog.text
    assert_exact(items)


@pytest.mark.parametrize("error", [throttled, starved])
def test_a_throttled_batch_is_retried_as_a_whole_and_not_issue_by_issue(
    error: Callable[[Call], ClientError], clock: Clock
) -> None:
    project_id = fresh()
    items = [stream.event(project_id, START_MS + n, fingerprint=f"f{n}") for n in range(100)]
    batch = stream.numbered(items)
    with fault(5, error) as outcome, recorded() as seen:
        stream.pump(batch)
    assert outcome.struck
    assert_exact(items)
    # Three for the issues; at most three were done before.
    assert sum(each.operation == "TransactWriteItems" for each in seen) <= 6


def unreachable(_call: Call) -> BaseException:
    """Return the error for a request to which DynamoDB does not respond."""
    return EndpointConnectionError(endpoint_url="https://dynamodb")


def test_a_batch_without_a_response_fails_at_once_and_is_counted_when_retried() -> None:
    items = traffic(one := fresh(), other := fresh())
    batch = stream.numbered(items)
    tries: list[str] = []

    def watch(call: Call) -> Any:
        if call.operation != "TransactWriteItems":
            return call.send()
        tries.append(call.operation)
        raise unreachable(call)

    with watched(watch), pytest.raises(UnavailableError):
        stream.deliver(batch)
    assert len(tries) == 1
    assert account.dead_letters() == []
    stream.pump(batch)
    for project_id in (one, other):
        assert_exact([item for item in items if item["pk"]["S"] == project_id])


def test_a_project_with_repeated_conflicts_is_retried_as_a_whole(clock: Clock) -> None:
    items = traffic(one := fresh(), other := fresh())
    batch = stream.numbered(items)
    with recorded() as seen, watched(refusing(conflicting, f"'{other}#0'")):
        assert stream.deliver(batch) == ["1002"]
    reads = [each for each in seen if f"'{other}#state'" in str(each.parameters)]
    assert [each.operation for each in reads] == ["BatchGetItem"] * 6, "read again for each try"
    assert_exact([item for item in items if item["pk"]["S"] == one])
    stream.pump(batch[1:])
    for project_id in (one, other):
        assert_exact([item for item in items if item["pk"]["S"] == project_id])


@pytest.mark.parametrize("error", [throttled, starved, conflicting])
def test_no_day_is_counted_before_all_issues_of_a_batch_are_stored(
    clock: Clock, error: Callable[[Call], ClientError]
) -> None:
    items = two_transactions(project_id := fresh())
    batch = stream.numbered(items)
    with watched(refusing(error, issue_of(items[51]))):
        assert stream.deliver(batch) == ["1001"]
    assert counts(project_id)["days"] == {}, "days come last"
    stream.pump(batch)
    assert_exact(items)


@pytest.mark.parametrize("error", [throttled, starved, conflicting])
def test_an_issue_counts_its_events_in_order_after_a_partial_failure_and_a_retry(
    clock: Clock, error: Callable[[Call], ClientError]
) -> None:
    project_id = fresh()
    items = [
        stream.event(project_id, START_MS + n, fingerprint=f"f{n % 2}", message=f"message {n}")
        for n in range(8)
    ]
    batch = stream.numbered(items)

    def shown() -> list[tuple[str, str, str, int]]:
        found = usecases.list_issues(visible_in(project_id, START_MS + 100))
        return sorted((e.title, e.first_event, e.last_event, e.count) for e in found)

    def part(*numbers: int) -> tuple[str, str, str, int]:
        first, last = items[numbers[0]]["sk"]["S"], items[numbers[-1]]["sk"]["S"]
        return f"message {numbers[-1]}", first, last, len(numbers)

    stream.pump(batch[:2])
    with watched(refusing(error, issue_of(items[0]))):
        assert stream.deliver(batch[2:6]) == ["1003"], "Lambda goes on at the first one"
    assert shown() == [part(0), part(1, 3, 5)]
    # Lambda delivers what failed again, and what has come since.
    stream.pump(batch[2:4])
    assert shown() == [part(0, 2), part(1, 3, 5)]
    stream.pump(batch[4:])
    assert shown() == [part(0, 2, 4, 6), part(1, 3, 5, 7)]
    assert_exact(items)


def test_a_refused_transaction_of_new_issues_does_not_block_the_next_one(
    clock: Clock,
) -> None:
    items = two_transactions(project_id := fresh())
    with watched(refusing(throttled, issue_of(items[0]))):
        assert stream.deliver(stream.numbered(items)) == ["1001"]
    found = counts(project_id)["issues"]
    assert found.keys() == {issue_of(item).removeprefix("issue#") for item in items[49:]}


def test_replayed_events_are_not_counted_if_another_writer_has_changed_the_rows() -> None:
    project_id = fresh()
    items = [
        stream.event(project_id, START_MS + n, fingerprint="f", release=f"r{n}") for n in range(3)
    ]
    late = [events.stored(item) for item in items]

    def rows() -> Rows:
        wanted = wanted_by(late)
        return digest_rows.read({project_id: wanted}, START_MS // 1000, {})[project_id]

    with watched(refusing(conflicting, issues_partition(project_id, 0))):
        assert count_replayed(rows(), late) == 0
    with (
        watched(refusing(throttled, issues_partition(project_id, 0))),
        pytest.raises(ThrottledError),
    ):
        count_replayed(rows(), late)
    assert counts(project_id)["issues"] == {}
    assert count_replayed(rows(), late) == 3
    assert_exact(items)


def test_unprocessed_keys_are_read_again(clock: Clock) -> None:
    items = traffic(fresh())

    def half(call: Call) -> Any:
        response = call.send()
        if call.operation == "BatchGetItem":
            table = max(response["Responses"], key=lambda each: len(response["Responses"][each]))
            found = response["Responses"][table]
            asked = call.parameters["RequestItems"][table]["Keys"]
            if len(asked) > 1:
                unread = asked[len(asked) // 2 :]
                response["Responses"][table] = [
                    item for item in found if {k: item[k] for k in unread[0]} not in unread
                ]
                response["UnprocessedKeys"] = {table: {"Keys": unread, "ConsistentRead": True}}
        return response

    stream.pump(stream.numbered(items[:3]))
    with watched(half):
        stream.pump(stream.numbered(items))
    assert_exact(items)


# ------------------------------------------------------------------ permanent errors


TOO_LARGE = "Item size has exceeded the maximum"


def invalid(call: Call) -> BaseException:
    """Return DynamoDB's error for an invalid item."""
    error: Any = {"Code": "ValidationException", "Message": TOO_LARGE}
    return ClientError({"Error": error}, call.operation)


def refused_letters() -> list[str]:
    """Return the dead letters. Each says why its event was refused."""
    letters = account.dead_letters()
    assert [each for each in letters if TOO_LARGE not in each] == []
    return letters


def invalid_inside(call: Call) -> BaseException:
    """Return DynamoDB's error for a transaction in which an updated item would be invalid."""
    return cancelled(call, "ValidationError")


@pytest.mark.parametrize("invalid", [invalid, invalid_inside])
def test_events_of_an_issue_with_a_permanent_error_are_dead_lettered_and_block_no_other(
    invalid: Callable[[Call], BaseException],
) -> None:
    items = traffic(project_id := fresh())
    second = issue_of(items[1])
    with watched(refusing(invalid, second)):
        assert stream.deliver(stream.numbered(items)) == []
    letters = account.dead_letters()
    refused = [item["sk"]["S"] for item in items if issue_of(item) == second]
    assert all(any(event_id in letter for letter in letters) for event_id in refused)
    assert len(letters) == len(refused)
    assert all(f'"project_id": "{project_id}"' in letter for letter in letters)
    assert_exact([item for item in items if issue_of(item) != second])


def test_events_of_two_issues_with_permanent_errors_are_all_dead_lettered() -> None:
    items = traffic(fresh())
    bad = {issue_of(item) for item in items[:2]}
    with watched(refusing(invalid, *bad)):
        assert stream.deliver(stream.numbered(items)) == []
    good = [item for item in items if issue_of(item) not in bad]
    assert len(refused_letters()) == len(items) - len(good)
    assert_exact(good)


def test_an_issue_with_a_permanent_error_keeps_its_count_and_rows() -> None:
    project_id = fresh()
    items = [stream.event(project_id, START_MS + n, fingerprint="f") for n in range(9)]
    batch = stream.numbered(items)
    stream.pump(batch[:1])
    with watched(refusing(invalid, issue_of(items[0]))):
        assert stream.deliver(batch) == []
    assert counts(project_id)["issues"][issue_of(items[0]).removeprefix("issue#")]["count"] == 1


def test_a_throttled_day_is_retried_even_if_a_release_has_a_permanent_error(
    clock: Clock,
) -> None:
    project_id = fresh()
    items = [stream.event(project_id, START_MS + n, fingerprint="f", release="r") for n in range(3)]
    throttles = iter([True])

    def watch(call: Call) -> Any:
        if call.operation == "TransactWriteItems" and "release#" in str(call.parameters):
            raise invalid(call)
        day = call.operation == "PutItem" and "day#" in str(call.parameters["Item"]["sk"])
        if day and next(throttles, False):
            raise throttled(call)
        return call.send()

    with watched(watch):
        assert stream.deliver(stream.numbered(items)) == []
    assert len(account.dead_letters()) == 3
    assert sum(counts(project_id)["days"].values()) == 3


def test_a_permanent_error_of_one_project_blocks_no_other_project() -> None:
    items = traffic(bad := fresh(), good := fresh())

    def watch(call: Call) -> Any:
        if call.operation == "BatchWriteItem" and f"'{bad}#0'" in str(call.parameters):
            raise invalid(call)
        return call.send()

    with watched(watch):
        assert stream.deliver(stream.numbered(items)) == []
    assert len(refused_letters()) == 6
    assert_exact([item for item in items if item["pk"]["S"] == good])


def test_a_day_with_a_permanent_error_dead_letters_events_that_issues_have_counted() -> None:
    items = traffic(project_id := fresh())

    def watch(call: Call) -> Any:
        if call.operation == "PutItem" and "day#" in str(call.parameters["Item"]["sk"]):
            raise invalid(call)
        return call.send()

    with watched(watch):
        assert stream.deliver(stream.numbered(items)) == []
    assert len(refused_letters()) == len(items)
    counted = usecases.list_issues(visible_in(project_id, START_MS + 20))
    assert sum(issue.count for issue in counted) == len(items)


@pytest.mark.parametrize("first", [True, False])
def test_an_issue_is_counted_if_another_one_has_a_permanent_error(first: bool) -> None:
    items = [item for n, item in enumerate(traffic(fresh())) if n % 3 < 2]
    bad = issue_of(items[0 if first else 1])
    with watched(refusing(invalid, bad)):
        assert stream.deliver(stream.numbered(items)) == []
    good = [item for item in items if issue_of(item) != bad]
    assert len(account.dead_letters()) == len(good) == 2
    assert_exact(good)


def test_new_issues_get_consecutive_numbers_around_one_with_a_permanent_error() -> None:
    items = two_transactions(project_id := fresh())
    with watched(refusing(invalid, issue_of(items[20]))):
        assert stream.deliver(stream.numbered(items)) == []
    assert len(account.dead_letters()) == 1
    good = [item for item in items if item is not items[20]]
    assert_exact(good)
    found = usecases.list_issues(visible_in(project_id, START_MS + 100))
    by_number = sorted(found, key=lambda issue: issue.number)
    assert [issue.number for issue in by_number] == list(range(1, len(items)))
    assert [issue.first_event for issue in by_number] == [item["sk"]["S"] for item in good]


def test_unreadable_stream_records_are_dead_lettered_and_block_no_other() -> None:
    items = traffic(fresh())
    batch = stream.numbered(items)
    for name, value in {"payload": {"B": "bm90IHpsaWI="}, "ttl": {"N": "x"}}.items():
        broken = stream.record(items[0], 2000)
        broken["dynamodb"]["NewImage"][name] = value
        batch.insert(3, broken)
    del batch[0]["dynamodb"]["NewImage"]["issue"]
    assert stream.deliver(batch) == []
    assert len(account.dead_letters()) == 3
    assert_exact(items[1:])


def refusing_to_delete(event_id: str) -> Callable[[Call], Any]:
    """Refuse every deletion that mentions this event, and let the first transaction conflict."""
    conflicts = iter([True])

    def watch(call: Call) -> Any:
        if call.operation == "BatchWriteItem" and event_id in str(call.parameters):
            raise invalid(call)
        if call.operation == "TransactWriteItems" and next(conflicts, False):
            raise conflicting(call)
        return call.send()

    return watch


def hide_by_deletion(project_id: str) -> None:
    """Count an event, and delete its issue with all events of the next ten milliseconds."""
    first = stream.event(project_id, START_MS, fingerprint="f")
    stream.pump(stream.numbered([first]))
    visible = visible_in(project_id, START_MS + 10)
    usecases.delete(visible, issue_of(first).removeprefix("issue#"), "anna@example.com")


def hide_by_clear(project_id: str) -> None:
    """Hide the events of the next ten milliseconds."""
    assert watermarks.move_watermark(project_id, Watermark(1, floor_id(START_MS + 10)), 0)


@pytest.mark.parametrize("hide", [hide_by_deletion, hide_by_clear])
def test_only_an_event_whose_deletion_fails_permanently_is_dead_lettered(
    hide: Callable[[str], None], clock: Clock
) -> None:
    hide(project_id := fresh())
    late = [stream.event(project_id, START_MS + n, fingerprint="f") for n in range(1, 4)]
    new = stream.event(project_id, START_MS + 20, fingerprint="f")
    _, stays, _, counted = stream.put([*late, new])
    with watched(refusing_to_delete(stays)):
        assert stream.deliver(stream.numbered([*late, new], 2001)) == []
    (letter,) = refused_letters()
    assert stays in letter
    stored = [each["sk"]["S"] for each in stream.stored_events() if each["pk"]["S"] == project_id]
    assert stored == [stays, counted]
    (issue,) = usecases.list_issues(visible_in(project_id, START_MS + 20))
    assert (issue.count, issue.first_event) == (1, counted)


@pytest.mark.parametrize("hide", [hide_by_deletion, hide_by_clear])
def test_an_event_whose_deletion_is_throttled_is_retried(
    hide: Callable[[str], None], clock: Clock
) -> None:
    hide(project_id := fresh())
    late = stream.event(project_id, START_MS + 1, fingerprint="f")
    other = stream.event(project_id, START_MS + 20, fingerprint="g")
    stream.put([late, other])
    batch = stream.numbered([late, other], 2001)

    def refuse(call: Call) -> Any:
        if call.operation == "BatchWriteItem" and "EventsTable" in str(call.parameters):
            raise throttled(call)
        return call.send()

    with watched(refuse):
        assert stream.deliver(batch) == ["2001"]
    assert account.dead_letters() == []
    (issue,) = usecases.list_issues(visible_in(project_id, START_MS + 20))
    assert issue.fingerprint == "g"
    stream.pump(batch)
    stored = [each["sk"]["S"] for each in stream.stored_events() if each["pk"]["S"] == project_id]
    assert stored == [other["sk"]["S"]]
