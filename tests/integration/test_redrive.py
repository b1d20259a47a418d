"""`errata redrive` processes dead-letter queues again, and counts each event exactly once."""

import base64
import gzip
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from io import BytesIO
from itertools import count
from typing import Any

import pytest
import urllib3
from botocore.awsrequest import AWSResponse, HeadersDict

from errata.config import settings
from errata.errors import StoreError
from errata.models.ids import DAY_MS, now_ms
from errata.models.loss import LINE
from errata.store import clients, queues
from errata.usecases import issues as reading
from errata.usecases import loss_ledger, redrive, webhooks
from tests.integration.test_losses import batch
from tests.support import account, stream, tally
from tests.support.account import Clock, Project
from tests.support.calls import (
    Call,
    Fault,
    Killed,
    conflicting,
    fault,
    killed,
    throttled,
    watched,
)
from tests.support.cli import Deployed, deployed, done, failed, refusing
from tests.support.gateway import call, handler
from tests.support.visible import all_issues, visible_at, visible_in
from tests.support.webhooks import messages

__all__ = ["deployed"]

type Item = dict[str, Any]


def put_message(queue_url: str, body: Any) -> None:
    clients.sqs().send_message(QueueUrl=queue_url, MessageBody=json.dumps(body))


def number_in(queue_url: str) -> int:
    response = clients.sqs().get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])
    attributes = response["Attributes"]
    return int(attributes["ApproximateNumberOfMessages"]) + int(
        attributes["ApproximateNumberOfMessagesNotVisible"]
    )


def stream_of_events() -> str:
    """Turn the stream on. Return its ARN."""
    response = clients.dynamodb().update_table(
        TableName=settings().events_table,
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    return response["TableDescription"]["LatestStreamArn"]


def in_stream(arn: str) -> list[Item]:
    """Return all records of the stream, as the streams API returns them."""
    streams = clients.dynamodbstreams()
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    iterator = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records: list[Item] = streams.get_records(ShardIterator=iterator)["Records"]
    return [{**record, "shard": shard["ShardId"]} for record in records]


def failed_batch(arn: str, records: list[Item], at_ms: int) -> Item:
    """Return what Lambda puts into the dead-letter queue for a batch that failed."""
    arrived = f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
    return {
        "requestContext": {"condition": "RetryAttemptsExhausted"},
        "version": "1.0",
        "DDBStreamBatchInfo": {
            "shardId": records[0]["shard"],
            "startSequenceNumber": records[0]["dynamodb"]["SequenceNumber"],
            "endSequenceNumber": records[-1]["dynamodb"]["SequenceNumber"],
            "approximateArrivalOfFirstRecord": arrived,
            "approximateArrivalOfLastRecord": arrived,
            "batchSize": len(records),
            "streamArn": arn,
        },
    }


def traffic(project_id: str, at_ms: int, number: int = 9, step: int = 1_000) -> list[Item]:
    """Return events of three issues in two releases, mixed."""
    return [
        stream.event(
            project_id,
            at_ms + n * step,
            fingerprint=f"f{n % 3}",
            release=f"r{n % 2}",
            environment="prod",
            message=f"boom {n}",
            context={"user": {"id": n % 4}},
        )
        for n in range(number)
    ]


def spoil(item: Item) -> Item:
    return {**item, "payload": {"B": b"not zlib"}}


# ------------------------------------------------------------------ one dead-lettered event


@pytest.mark.usefixtures("deployed")
def test_a_dead_lettered_event_is_counted_as_soon_as_its_payload_is_readable(
    busy: Project, clock: Clock
) -> None:
    items = traffic(busy.id, clock.ms)
    stream.put([*items[:4], spoil(items[4]), *items[5:]])
    assert stream.deliver(stream.records()) == []
    (letter,) = done("redrive", "digest", "--dry-run", "--json").json
    assert (letter["done"], items[4]["sk"]["S"] in letter["what"]) == (False, True)

    # As long as it cannot be read, it stays.
    (letter,) = done("redrive", "--json").json
    assert (letter["done"], "unreadable" in letter["what"]) == (False, True)

    stream.put([items[4]])
    assert "counted 1 of 1" in done("redrive", "digest").out
    tally.assert_exact(items)
    assert done("redrive").out == "The dead-letter queues are empty.\n"


def test_an_event_is_counted_once_however_often_it_is_redriven(busy: Project, clock: Clock) -> None:
    items = traffic(busy.id, clock.ms)
    stream.put(items)
    stream.deliver(stream.numbered([*items[:4], *items[5:]]))
    for item in (items[4], items[4], items[0]):  # the last one was counted
        body = {"reason": "x", "project_id": busy.id, "event_id": item["sk"]["S"], "sequence": "1"}
        put_message(settings().digest_dead_letter_url, body)
        put_message(settings().digest_dead_letter_url, body)
        assert all(each.done for each in redrive.redrive_queue("digest"))
        tally.assert_exact(items)
    more = traffic(busy.id, clock.ms + 60_000)
    stream.put(more)
    stream.deliver(stream.numbered(more, first=2001))
    tally.assert_exact([*items, *more])


def test_a_redriven_event_opens_its_issue_and_sends_a_message(busy: Project, clock: Clock) -> None:
    webhooks.add(busy.id, "https://example.com/hook", ())
    (item,) = traffic(busy.id, clock.ms, 1)
    (event_id,) = stream.put([item])
    body = {"reason": "x", "project_id": busy.id, "event_id": event_id, "sequence": "1"}
    put_message(settings().digest_dead_letter_url, body)
    redrive.redrive_queue("digest")
    tally.assert_exact([item])
    (message,) = messages()
    assert event_id in message.body


def test_a_redrive_drops_cleared_and_missing_events(busy: Project, clock: Clock) -> None:
    (item,) = traffic(busy.id, clock.ms, 1)
    (event_id,) = stream.put([item])
    clock.advance(60)
    call("GET", f"/api.php?action=clear&hash={busy.key}")
    gone = traffic(busy.id, clock.ms, 1)[0]["sk"]["S"]
    for each in (event_id, gone):
        body = {"reason": "x", "project_id": busy.id, "event_id": each, "sequence": "1"}
        put_message(settings().digest_dead_letter_url, body)
    assert [each.done for each in redrive.redrive_queue("digest")] == [True, True]
    assert list(reading.list_issues(visible_in(busy.id))) == []


def test_a_redrive_drops_an_expired_event_that_is_still_stored(busy: Project, clock: Clock) -> None:
    webhooks.add(busy.id, "https://example.com/hook", ())
    (item,) = traffic(busy.id, clock.ms, 1)
    (event_id,) = stream.put([item])
    body = {"reason": "x", "project_id": busy.id, "event_id": event_id, "sequence": "1"}
    put_message(settings().digest_dead_letter_url, body)
    clock.days(30)
    (letter,) = redrive.redrive_queue("digest")
    assert letter.done, letter.what
    assert (account.rows()["ISSUES_TABLE"], messages()) == ([], [])


def test_a_redriven_event_opens_its_expired_issue_again(busy: Project, clock: Clock) -> None:
    clock.to_midday()  # both are counted in the row of one day, which expires
    old, late = (*traffic(busy.id, clock.ms, 1), *traffic(busy.id, clock.ms + 60_000, 1))
    stream.put([old, late])
    stream.deliver(stream.numbered([old]))
    clock.days(30)
    body = {"reason": "x", "project_id": busy.id, "event_id": late["sk"]["S"], "sequence": "1"}
    for _ in range(2):
        put_message(settings().digest_dead_letter_url, body)
        redrive.redrive_queue("digest")
        tally.assert_exact([late])


# ------------------------------------------------------------------ dead-lettered batches


def test_a_dead_lettered_batch_is_counted_once_after_later_ones(
    busy: Project, clock: Clock
) -> None:
    arn = stream_of_events()
    items = traffic(busy.id, clock.ms)
    stream.put(items)
    lost = in_stream(arn)[3:6]
    stream.deliver(stream.numbered([*items[:3], *items[6:]]))
    put_message(settings().digest_dead_letter_url, failed_batch(arn, lost, clock.ms))
    clock.advance(3600)
    (letter,) = redrive.redrive_queue("digest")
    assert (letter.done, letter.what[:16]) == (True, "counted 3 of 3 e")
    tally.assert_exact(items)
    put_message(settings().digest_dead_letter_url, failed_batch(arn, lost, clock.ms))
    assert redrive.redrive_queue("digest")[0].what.startswith("counted 0 of 3")
    tally.assert_exact(items)


def test_reads_of_a_shard_are_paced_and_retried_if_throttled(busy: Project, clock: Clock) -> None:
    arn = stream_of_events()
    items = traffic(busy.id, clock.ms)
    stream.put(items)
    put_message(settings().digest_dead_letter_url, failed_batch(arn, in_stream(arn), clock.ms))
    started, reads = clock.ms, list[int]()
    headers: Any = HeadersDict()

    def refuse_first(request: Any, **_: Any) -> AWSResponse | None:
        reads.append(clock.ms - started)
        code = b"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"
        body = BytesIO(b'{"__type": "' + code + b'"}')
        refusal = urllib3.HTTPResponse(body, preload_content=False)
        if len(reads) > 1:
            return None
        return AWSResponse(request.url, 400, headers, refusal)

    events = clients.dynamodbstreams().meta.events
    events.register_first("before-send.dynamodb-streams.GetRecords", refuse_first)
    (letter,) = redrive.redrive_queue("digest")
    assert letter.done, letter.what
    assert (reads[0], len(reads)) == (250, 2)
    assert reads[1] > reads[0]
    tally.assert_exact(items)


def test_more_releases_of_one_issue_than_a_transaction_takes_are_all_counted(
    busy: Project, clock: Clock
) -> None:
    arn = stream_of_events()
    items = [
        stream.event(busy.id, clock.ms + n, fingerprint="f", release=f"r{n}", message="boom")
        for n in range(70)
    ]
    stream.put(items)
    put_message(settings().digest_dead_letter_url, failed_batch(arn, in_stream(arn), clock.ms))
    (letter,) = redrive.redrive_queue("digest")
    assert letter.what.startswith("counted 70 of 70")
    (issue,) = reading.list_issues(visible_in(busy.id))
    assert (issue.count, issue.last_event) == (70, items[-1]["sk"]["S"])
    releases = tally.counted(busy.id)["releases"]
    assert {name: each["events"] for name, each in releases.items()} == {
        f"r{n}": 1 for n in range(70)
    }


def test_a_redrive_counts_only_events_that_the_failed_batch_had_not_counted(
    busy: Project, clock: Clock
) -> None:
    arn = stream_of_events()
    items = traffic(busy.id, clock.ms, 12)
    stream.put(items)
    # Of the six in the middle one issue had been counted, and the beginning of another.
    counted = [n for n in range(12) if n < 3 or n >= 9 or n % 3 == 0 or n == 4]
    stream.deliver(stream.numbered(items[n] for n in counted))
    put_message(settings().digest_dead_letter_url, failed_batch(arn, in_stream(arn)[3:9], clock.ms))
    (letter,) = redrive.redrive_queue("digest")
    assert letter.what.startswith("counted 3 of 6")
    tally.assert_exact(items)


def test_events_of_a_batch_that_has_left_the_stream_are_found_by_their_time(
    busy: Project, project: Project, clock: Clock
) -> None:
    arn = stream_of_events()
    start = clock.ms
    # The events before and after them have nearly the same time, and were counted.
    items = [*traffic(busy.id, start, 9, 600), *traffic(project.id, start, 9, 600)]
    stream.put(items)
    lost = items[3:6] + items[12:15]
    stream.deliver(stream.numbered(item for item in items if item not in lost))
    body = failed_batch(arn, in_stream(arn)[:1], start + 2_400)
    body["DDBStreamBatchInfo"]["shardId"] = "shardId-gone"
    put_message(settings().digest_dead_letter_url, body)
    clock.days(1.1)
    assert redrive.redrive_queue("digest")[0].done
    # Which of an issue's events of these seconds were missing is not known, only how many.
    for found in (items[:9], items[9:]):
        project_id = found[0]["pk"]["S"]
        counted, wanted = tally.counted(project_id), tally.expected(found)
        assert counted["days"] == wanted["days"]
        for issue_id, issue in wanted["issues"].items():
            for name in ("count", "first", "last", "title", "environments"):
                assert counted["issues"][issue_id][name] == issue[name]
            assert counted["issues"][issue_id]["buckets"].days == issue["buckets"].days


def test_a_batch_over_midnight_is_counted_on_both_days(busy: Project, clock: Clock) -> None:
    arn = stream_of_events()
    midnight = (clock.ms // DAY_MS) * DAY_MS
    items = traffic(busy.id, midnight - 4_500)
    stream.put(items)
    stream.deliver(stream.numbered([*items[:2], items[8]]))
    put_message(settings().digest_dead_letter_url, failed_batch(arn, in_stream(arn)[2:8], clock.ms))
    redrive.redrive_queue("digest")
    tally.assert_exact(items)
    assert len(reading.list_days(visible_in(busy.id), "")) == 2


def test_a_digest_and_a_redrive_at_once_both_count(busy: Project, clock: Clock) -> None:
    items = traffic(busy.id, clock.ms)
    stream.put(items)
    stream.deliver(stream.numbered([*items[:4], *items[5:7]]))
    body = {"reason": "x", "project_id": busy.id, "event_id": items[4]["sk"]["S"], "sequence": "1"}
    put_message(settings().digest_dead_letter_url, body)
    met: list[str] = []

    def digest_first(call: Call) -> Any:
        if call.operation == "TransactWriteItems" and not met:
            met.append(call.operation)
            stream.deliver(stream.numbered(items[7:], first=3001))
        return call.send()

    with watched(digest_first):
        assert redrive.redrive_queue("digest")[0].done
    assert met
    tally.assert_exact(items)


# ------------------------------------------------------------------ interruptions


INTERRUPTIONS: dict[str, Callable[[int], AbstractContextManager[Fault]]] = {
    "killed": lambda number: fault(number, killed, after=True),
    "refused": lambda number: fault(number, conflicting),
    "took effect": lambda number: fault(number, conflicting, after=True),
}


@pytest.mark.parametrize("interruption", INTERRUPTIONS)
def test_an_interrupted_redrive_that_runs_again_counts_each_event_once(
    clock: Clock, interruption: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Messages that an ended process had received are visible again at once.
    monkeypatch.setattr(queues, "HELD_S", 0)
    for number in count(1):
        project_id = str(100 + number)
        items = traffic(project_id, clock.ms)
        stream.put(items)
        stream.deliver(stream.numbered([*items[:3], *items[6:]]))
        for item in items[3:6]:
            body = {"project_id": project_id, "event_id": item["sk"]["S"], "reason": "x"}
            put_message(settings().digest_dead_letter_url, body)
        with INTERRUPTIONS[interruption](number) as outcome:
            try:
                redrive.redrive_queue("digest")
            except (Killed, Exception):
                assert outcome.struck
        assert all(each.done for each in redrive.redrive_queue("digest"))
        tally.assert_exact(items)
        assert number_in(settings().digest_dead_letter_url) == 0
        if not outcome.struck:
            break
    assert number > 8


# ------------------------------------------------------------------ losses that were not counted


def not_counted(lines: list[str], at_ms: int, number: int = 1) -> Item:
    """Let a run fail at its call `number`. Return its batch: Lambda puts the same into the queue.

    Source: "Capturing records of Lambda asynchronous invocations", dead-letter queues.
    """
    event = batch(lines, at_ms)
    with fault(number, throttled), pytest.raises(StoreError):
        handler("ledger")(event, None)
    return event


def lost(project_id: str, days: int = 1) -> int:
    counted = loss_ledger.by_day(visible_in(project_id), days).values()
    return sum(number for _, reasons in counted for number in reasons.values())


def expire(clock: Clock) -> None:
    """Delete the rows of IdempotencyTable that have expired."""
    table = settings().idempotency_table
    for item in clients.dynamodb().scan(TableName=table)["Items"]:
        if int(item["ttl"]["N"]) < clock.ms // 1000:
            clients.dynamodb().delete_item(TableName=table, Key={"pk": item["pk"]})


@pytest.mark.usefixtures("deployed")
def test_lost_events_are_counted_once_however_often_they_are_redriven(clock: Clock) -> None:
    event = not_counted([LINE % ("1", "invalid"), LINE % ("1", "quota")], clock.ms)
    put_message(settings().ledger_dead_letter_url, event)
    assert "2 lost events" in done("redrive", "--dry-run").out
    assert lost("1") == 0

    assert "counted 2 lost events" in done("redrive", "ledger").out
    assert number_in(settings().ledger_dead_letter_url) == 0
    put_message(settings().ledger_dead_letter_url, event)
    handler("ledger")(event, None)
    assert all(each.done for each in redrive.redrive_queue("ledger"))
    assert lost("1") == 2


def test_a_redrive_counts_no_loss_twice_as_long_as_its_letter_is_kept(clock: Clock) -> None:
    # More than one transaction takes. Only the first one was done.
    event = not_counted([LINE % (each, "invalid") for each in range(1, 151)], clock.ms, 2)
    counted = sum(lost(str(each)) for each in range(1, 151))
    assert 0 < counted < 150
    # Six hours in Lambda's own queue, fourteen days in ours.
    clock.days(14.25)
    expire(clock)
    put_message(settings().ledger_dead_letter_url, event)
    assert all(each.done for each in redrive.redrive_queue("ledger"))
    assert {lost(str(each), 16) for each in range(1, 151)} == {1}


def test_lost_events_that_cannot_be_counted_yet_stay_in_the_queue(clock: Clock) -> None:
    put_message(settings().ledger_dead_letter_url, not_counted([LINE % ("1", "ip")], clock.ms))
    with refusing("TransactWriteItems", "ProvisionedThroughputExceededException"):
        (letter,) = redrive.redrive_queue("ledger")
    assert (letter.done, "not counted" in letter.what) == (False, True)
    assert redrive.redrive_queue("ledger")[0].done
    assert lost("1") == 1


# ------------------------------------------------------------------ the other queues


@pytest.mark.usefixtures("deployed")
def test_a_redrive_sends_webhook_messages_back_to_their_queue(busy: Project) -> None:
    webhooks.add(busy.id, "https://example.com/hook", ())
    stream.put(traffic(busy.id, now_ms(), 3))
    stream.deliver(stream.records())
    letters = [clients.sqs().receive_message(QueueUrl=settings().webhook_queue_url)["Messages"]]
    sent = [each for letter in letters for each in letter]
    for each in sent:
        clients.sqs().send_message(
            QueueUrl=settings().webhook_dead_letter_url, MessageBody=each["Body"]
        )
        clients.sqs().delete_message(
            QueueUrl=settings().webhook_queue_url, ReceiptHandle=each["ReceiptHandle"]
        )
    assert "found" in done("redrive", "webhooks", "--dry-run").out
    assert number_in(settings().webhook_dead_letter_url) == len(sent)
    assert "put back" in done("redrive", "webhooks").out
    assert number_in(settings().webhook_dead_letter_url) == 0
    assert len(messages()) == 3


@pytest.mark.usefixtures("deployed")
def test_messages_that_cannot_be_processed_do_not_block_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redrive, "AT_ONCE", 3)
    url = settings().ledger_dead_letter_url
    letters = [batch([LINE % ("1", "quota")], now_ms()) for _ in range(8)]
    for number, letter in enumerate(letters):
        put_message(url, letter)
        if number % 3 == 0:
            put_message(url, {"hello": number})
    assert len(done("redrive", "ledger", "--dry-run", "--json").json) == 11
    assert number_in(url) == 11
    assert sorted(each.done for each in redrive.redrive_queue("ledger")) == [False] * 3 + [True] * 8
    assert lost("1") == 8
    assert number_in(url) == 3
    assert len(redrive.redrive_queue("ledger")) == 3, "they are not held any more"


def test_a_redrive_ends_although_its_messages_have_become_visible_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redrive, "AT_ONCE", 3)
    monkeypatch.setattr(queues, "HELD_S", 0)
    for number in range(5):
        put_message(settings().ledger_dead_letter_url, {"hello": number})
    with refusing("ChangeMessageVisibility", "AWS.SimpleQueueService.MessageNotInflight"):
        assert not any(each.done for each in redrive.redrive_queue("ledger"))
    assert number_in(settings().ledger_dead_letter_url) == 5


def test_a_redrive_finishes_a_clear(busy: Project, clock: Clock) -> None:
    long = {"ttl": {"N": str(clock.ms // 1000 + 90 * 86_400)}}
    stream.put({**each, **long} for each in traffic(busy.id, clock.ms))
    stream.deliver(stream.records())
    clock.advance(60)
    call("GET", f"/api.php?action=clear&hash={busy.key}")
    assert stream.stored_events()
    arn = stream_of_events()
    record = {"shard": "s", "dynamodb": {"SequenceNumber": "1"}}
    put_message(settings().cleanup_dead_letter_url, failed_batch(arn, [record], clock.ms))
    (letter,) = redrive.redrive_queue("cleanup")
    assert letter.done
    assert stream.stored_events() == []
    assert all_issues(visible_at(busy.id)) == []


def test_messages_of_an_unknown_kind_stay_in_the_queue(deployed: Deployed) -> None:
    put_message(settings().digest_dead_letter_url, {"hello": "there"})
    put_message(settings().digest_dead_letter_url, ["no", "object"])
    put_message(settings().webhook_dead_letter_url, {"no": "notice"})
    assert [each.done for each in redrive.redrive_queue("webhooks")] == [False]
    assert number_in(settings().webhook_dead_letter_url) == 1
    assert deployed
    found = done("redrive", "digest", "--json").json
    assert [each["done"] for each in found] == [False, False]
    assert number_in(settings().digest_dead_letter_url) == 2
    assert done("redrive", "--dry-run").out.count("unknown kind") == 3
    assert "There is no queue x" in failed("redrive", "x")
    for data in ("", "no gzip", "H4sI", base64.b64encode(gzip.compress(b"{}")).decode()):
        put_message(settings().ledger_dead_letter_url, {"awslogs": {"data": data}})
    left = done("redrive", "ledger", "--json").json
    assert {(each["done"], each["what"]) for each in left} == {
        (False, "an unknown kind of message")
    }
    assert done("redrive", "ledger", "--dry-run").out.count("unknown kind") == 4
