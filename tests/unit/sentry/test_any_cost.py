"""Any event of an SDK costs few steps and little memory, wherever its bulk is."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from errata.grouping import v2
from errata.models.event import pack
from errata.protocol.body import MAX_JSON_BYTES, parse_object
from errata.protocol.sentry.event import to_fields
from tests.support import fuzz
from tests.support.steps import MOST_BYTES, MOST_STEPS, peak_bytes, steps

SMALL = st.sampled_from(
    [None, 1, "x", "%s", "%(a)s", "/a", "{{ message }}", [], [1], {}, {"a": 1}, [["a", "b"]], 1.5]
)
# Where an event has lists, objects and texts.
PATHS = st.sampled_from(
    [
        ("message",),
        ("fingerprint",),
        ("tags",),
        ("extra",),
        ("contexts", "a"),
        ("modules",),
        ("breadcrumbs",),
        ("breadcrumbs", "values"),
        ("threads", "values"),
        ("threads", 0, "stacktrace", "frames"),
        ("exception", "values"),
        ("exception", 0, "value"),
        ("exception", 0, "type"),
        ("exception", 0, "mechanism", "data"),
        ("exception", 0, "stacktrace", "frames"),
        ("exception", 0, "stacktrace", "frames", 0, "vars"),
        ("exception", 0, "stacktrace", "frames", 0, "pre_context"),
        ("exception", 0, "stacktrace", "frames", 0, "function"),
        ("exception", 0, "stacktrace", "frames", 0, "filename"),
        ("logentry", "message"),
        ("logentry", "params"),
        ("request", "headers"),
        ("request", "data"),
        ("user",),
        ("stacktrace", "frames"),
        ("template",),
        ("logentry",),
        ("sentry.interfaces.Http", "headers"),
        ("exception", 0, "stacktrace", "registers"),
        ("threads", 0, "held_locks"),
    ]
)
KINDS = st.sampled_from(["array", "object", "text"])


def bulk(kind: str, unit: Any, size: int) -> Any:
    """Return a value of about `size` bytes that repeats a unit."""
    number = size // (len(json.dumps(unit)) + (10 if kind == "object" else 1))
    if kind == "array":
        return [unit] * number
    return {f"{n:06}": unit for n in range(number)} if kind == "object" else str(unit) * number


def put(event: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """Return the event with a value at a path. A number in the path makes a list of one."""
    if not path:
        return value
    first, *rest = path
    if first == 0:
        inner = event[0] if isinstance(event, list) and event else {}
        return [put(inner, tuple(rest), value)]
    known = event if isinstance(event, dict) else {}
    return {**known, first: put(known.get(first), tuple(rest), value)}


def process(sent: bytes) -> None:
    fields, fingerprint = to_fields(parse_object(sent), 0, None, "192.0.2.1")
    grouping = v2.group(fields, fingerprint)
    stored: Any = {**fields, "fingerprint": grouping.fingerprint}
    pack(stored)


@fuzz.bounded(12)
@given(st.lists(st.tuples(PATHS, KINDS, SMALL), min_size=1, max_size=3))
def test_an_event_of_a_mebibyte_takes_few_steps_and_little_memory(
    parts: list[tuple[Any, str, Any]],
) -> None:
    event: Any = {}
    for path, kind, unit in parts:
        event = put(event, path, bulk(kind, unit, MAX_JSON_BYTES // len(parts) - 1_000))
    sent = json.dumps(event, separators=(",", ":")).encode()
    assert len(sent) <= MAX_JSON_BYTES
    assert steps(lambda: process(sent)) < MOST_STEPS
    assert peak_bytes(lambda: process(sent)) < MOST_BYTES
