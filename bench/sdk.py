"""Measure the SDK endpoint, with real events of 16 KB."""

import gzip
import json
import random
import string
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from bench import bill
from bench.corpus import SDK, envelopes
from bench.per_event import calls_per_event, units_per_event
from bench.report import Yardstick, at_most
from bench.stage import Stage
from bench.traffic import envelope_event

MAX_UNITS = 7
# Of an event that arrives late: its dedup marker is written twice.
MAX_LATE_UNITS = 9
MAX_INSTRUCTIONS = 10_600
LATE = "late events of an SDK"
WARMING = "events of an SDK, to warm up"


def fresh(stage: Stage) -> list[dict[str, Any]]:
    """Return the events of the corpus as if they happened now, each with a new id.

    Each belongs to a new issue. Otherwise they would soon be an error loop.
    """
    return [
        envelope_event(sdk_post(of_new_issue(event)), stage.public_key, stage.dsn_verdict)
        for event in large_events()
    ]


def large_events() -> list[dict[str, Any]]:
    """Return the events of 16 KB as an SDK sends them."""
    return [json.loads(body.split(b"\n")[2]) for body in envelopes()]


def of_new_issue(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event of 16 or 4 KB with a type of exception that no other event has."""
    copy: dict[str, Any] = json.loads(json.dumps(event))
    main = copy["exception"]["values"][-1]
    main["type"] += "".join(random.choices(string.ascii_lowercase, k=6))
    return copy


def sdk_post(event: dict[str, Any], age_ms: int = 0, file: bytes = b"") -> bytes:
    """Return what an SDK posts: a compressed envelope with an event that happened `age_ms` ago.

    `file`: an attachment of the event.
    """
    event_id = uuid.uuid4().hex
    now = datetime.now(UTC)
    happened = now - timedelta(milliseconds=age_ms)
    headers = {"event_id": event_id, "sent_at": _iso(now)}
    event = {**event, "event_id": event_id, "timestamp": _iso(happened)}
    content = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    item = json.dumps({"type": "event", "content_type": "application/json", "length": len(content)})
    lines = [json.dumps(headers).encode(), item.encode(), content]
    if file:
        header = {"type": "attachment", "filename": "screenshot.png", "length": len(file)}
        lines += [json.dumps(header).encode(), file]
    return gzip.compress(b"\n".join(lines) + b"\n")


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def spend(stage: Stage) -> float:
    """Return the CPU seconds per warm event. Warms up with the same events under other ids."""
    stage.sentry.load(WARMING, fresh(stage))
    stage.sentry.load(SDK, fresh(stage))
    _accepted(stage.sentry.run(WARMING)[1])
    spent, responses = stage.sentry.run(SDK)
    _accepted(responses)
    return spent


def _accepted(responses: list[dict[str, Any]]) -> None:
    for response in responses:
        assert response["statusCode"] == 200, response


def all_counts(stage: Stage) -> Iterator[Yardstick]:
    """Yield the counts."""
    stage.authorizer.run(SDK)  # on a busy machine, what it has looked up is soon too old
    of_authorizer = stage.calls(stage.authorizer, SDK)
    events = fresh(stage)
    stage.sentry.load(SDK, events)
    calls = stage.calls(stage.sentry, SDK)
    name = "AWS calls per event of an SDK"
    yield calls_per_event(name, len(events), of_authorizer, calls, "PutItem")
    stage.sentry.load(SDK, fresh(stage))
    counted = stage.sentry.instructions(SDK)
    note = f"the median of {len(counted)}; from {min(counted)} to {max(counted)}"
    name = f"bytecode instructions of a warm {SDK} event"
    yield at_most(name, median(counted), MAX_INSTRUCTIONS, note)
    items = [call.request["Item"] for call in calls]
    yield units_per_event(SDK, items, MAX_UNITS, of_sdk=True)
    yield _late(stage)


def _late(stage: Stage) -> Yardstick:
    """Measure events that arrive an hour after they happened."""
    sent = [sdk_post(of_new_issue(each), 3_600_000) for each in large_events()]
    stage.sentry.load(
        LATE, [envelope_event(each, stage.public_key, stage.dsn_verdict) for each in sent]
    )
    # On a busy machine, it looks something up in between.
    calls = [call for call in stage.calls(stage.sentry, LATE) if call.operation == "PutItem"]
    spent = [bill.writes(calls[n : n + 3]).total() for n in range(0, len(calls), 3)]
    assert len(spent) == len(sent)
    note = f"the worst of {len(spent)}; median {median(spent):g}; 3 calls each"
    return at_most(f"write units per late {SDK} event", max(spent), MAX_LATE_UNITS, note)
