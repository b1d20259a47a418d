"""Reads the log records that Sentry's SDKs send in envelopes: items of the type `log`.

Source: the SDK development documentation, "Logs". A payload is `{"items": [record, …]}`; each
record has attributes of the form `{"value": …, "type": …}`.
"""

from typing import Any

from errata.errors import BodyTooLargeError, InvalidInputError
from errata.protocol.body import parse_object, too_large
from errata.protocol.otlp.records import (
    ERROR,
    MAX_ATTRIBUTES,
    MAX_BYTES,
    MAX_EVENTS,
    MAX_JSON_PARTS,
    Attributes,
    Batch,
    TelemetryRecord,
)
from errata.protocol.sentry.event import milliseconds

_SEVERITIES = {"error": 17, "fatal": 21}
# Attributes that describe the program, and the names that OTLP has for them.
_OF_RESOURCE = {
    "sentry.release": "service.version",
    "sentry.environment": "deployment.environment.name",
    "server.address": "host.name",
}
_TEMPLATE = "sentry.message.template"
_SCOPE = "logger.name"
# Attributes that say nothing about the error.
_QUIET = ("sentry.sdk.name", "sentry.sdk.version", "sentry.origin", "sentry.trace.parent_span_id")


def read(payload: bytes, batch: Batch) -> None:
    """Add the records of level error in an item to a batch. Invalid records are left out.

    Raises:
        BodyTooLargeError: the item has more parts than Errata reads.
        InvalidInputError: the item is not JSON.
    """
    for sent in _records(payload):
        batch.number += 1
        level = sent.get("level")
        severity = _SEVERITIES.get(level, 0) if isinstance(level, str) else 0
        if severity < ERROR:
            continue
        if len(batch.kept) == MAX_EVENTS:
            batch.over += 1
        else:
            batch.kept.append([_record(sent, severity)])


def _records(payload: bytes) -> list[dict[str, Any]]:
    if len(payload) > MAX_BYTES:
        raise too_large(MAX_BYTES)
    if sum(map(payload.count, (b",", b"{", b"["))) > MAX_JSON_PARTS:
        raise BodyTooLargeError("The log records have too many parts.")
    items = parse_object(payload).get("items")
    if not isinstance(items, list):
        raise InvalidInputError({"items": ["must be an array"]})
    return [each for each in items if isinstance(each, dict)]


def _record(sent: dict[str, Any], severity: int) -> TelemetryRecord:
    own = _attributes(sent.get("attributes"))
    resource = {name: own.pop(old) for old, name in _OF_RESOURCE.items() if old in own}
    template, scope = own.pop(_TEMPLATE, ""), own.pop(_SCOPE, "")
    at_ms = milliseconds(sent.get("timestamp"))
    return TelemetryRecord(
        at_ns=(at_ms or 0) * 1_000_000,
        trace_id=_text(sent.get("trace_id")),
        span_id=_text(sent.get("span_id")),
        attributes={name: each for name, each in own.items() if name not in _QUIET},
        resource=resource,
        scope=_text(scope),
        body=sent.get("body"),
        severity=severity,
        template=_text(template),
    )


def _attributes(sent: Any) -> Attributes:
    pairs = list(sent.items())[:MAX_ATTRIBUTES] if isinstance(sent, dict) else []
    return {name: each.get("value") if isinstance(each, dict) else each for name, each in pairs}


def _text(sent: Any) -> str:
    return sent if isinstance(sent, str) else ""
