"""The yardsticks of the door for Sentry's SDKs, on real events of 16 KB."""

import gzip
import json
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from statistics import median
from typing import Any

from bench import write_units
from bench.corpus import SDK, envelopes
from bench.report import Yardstick, at_most
from bench.stage import Stage
from bench.template import tables
from bench.traffic import envelope_event

MAX_UNITS = 7
WARMING = "events of an SDK, to warm up"


def fresh(stage: Stage) -> list[dict[str, Any]]:
    """The events of the corpus as if they happened now, each under an id that it never had."""
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
    """The CPU seconds of one event, warm: others went before, for no event comes twice."""
    stage.sentry.load(WARMING, fresh(stage))
    stage.sentry.load(SDK, fresh(stage))
    _accepted(stage.sentry.run(WARMING)[1])
    spent, answers = stage.sentry.run(SDK)
    _accepted(answers)
    return spent


def _accepted(answers: list[dict[str, Any]]) -> None:
    for answer in answers:
        assert answer["statusCode"] == 200, answer


def all_counts(stage: Stage) -> Iterator[Yardstick]:
    """Those that count."""
    of_meter = stage.calls(stage.meter, SDK)
    stage.sentry.load(SDK, fresh(stage))
    calls = stage.calls(stage.sentry, SDK)
    kinds = Counter(call.operation for call in calls)
    events = len(envelopes())
    note = f"{events} events of an SDK: {dict(kinds)}; the meter: {len(of_meter)}"
    per_event = len(of_meter) + len(calls) / events
    right = kinds == {"PutItem": events} and per_event == 1
    yield Yardstick("AWS calls per event of an SDK", f"{per_event:g}", "1 PutItem", right, note)

    table = next(table for table in tables() if table["TableName"] == "EventsTable")
    items = [call.request["Item"] for call in calls]
    assert all("release" in item for item in items)
    spent = [write_units.put_units(item, table) for item in items]
    sizes = sorted(write_units.item_size(item) for item in items)
    note = (
        f"the worst of {len(items)}; median {median(spent):g}; items of {sizes[0]} to {sizes[-1]}"
        f" bytes, median {median(sizes):g}"
    )
    yield at_most(f"write units per {SDK} event with a release", max(spent), MAX_UNITS, note)
