"""Measure the SDK endpoint, with real events of 16 KB."""

import gzip
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from bench.corpus import SDK, envelopes
from bench.per_event import calls_per_event, units_per_event
from bench.report import Yardstick
from bench.stage import Stage
from bench.traffic import envelope_event

MAX_UNITS = 7
WARMING = "events of an SDK, to warm up"


def fresh(stage: Stage) -> list[dict[str, Any]]:
    """Return the events of the corpus as if they happened now, each with a new id."""
    return [
        envelope_event(gzip.compress(_fresh(body)), stage.public_key, stage.dsn_verdict)
        for body in envelopes()
    ]


def _fresh(body: bytes) -> bytes:
    head, _, payload = body.split(b"\n")[:3]
    event_id = uuid.uuid4().hex
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    headers = {**json.loads(head), "event_id": event_id, "sent_at": now}
    event = {**json.loads(payload), "event_id": event_id, "timestamp": now}
    content = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    item = json.dumps({"type": "event", "content_type": "application/json", "length": len(content)})
    return b"\n".join([json.dumps(headers).encode(), item.encode(), content]) + b"\n"


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
    of_authorizer = stage.calls(stage.authorizer, SDK)
    events = fresh(stage)
    stage.sentry.load(SDK, events)
    calls = stage.calls(stage.sentry, SDK)
    name = "AWS calls per event of an SDK"
    yield calls_per_event(name, len(events), of_authorizer, calls, "PutItem")
    items = [call.request["Item"] for call in calls]
    yield units_per_event(SDK, items, MAX_UNITS, of_sdk=True)
