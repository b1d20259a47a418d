"""What an exporter of OpenTelemetry does, each in one line: here in JSON."""

import json
import struct
from typing import Any

from errata.models.ids import now_ms
from errata.protocol.otlp import schema
from errata.protocol.otlp.protobuf import MessageType
from tests.support.account import Project
from tests.support.gateway import Response, call

TRACE, SPAN = "5b8aa5a2d2c872e8321cf37308d69df2", "051581bf3cb55c13"
STACK = (
    "Traceback (most recent call last):\n"
    '  File "/app/shop/cart.py", line 12, in total\n'
    "    return prices[sku]\n"
    "KeyError: 'lamp'\n"
)
RESOURCE = {
    "service.name": "shop",
    "service.version": "1.2.3",
    "deployment.environment.name": "staging",
    "telemetry.sdk.language": "python",
}


def pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    """Return attributes as OTLP has them in JSON."""
    return [{"key": name, "value": any_value(each)} for name, each in attributes.items()]


def any_value(value: Any) -> dict[str, Any]:
    """Return a value as OTLP has it in JSON."""
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case list():
            return {"arrayValue": {"values": [any_value(each) for each in value]}}
        case dict():
            return {"kvlistValue": {"values": pairs(value)}}
    return {"stringValue": value}


def exception(kind: str = "KeyError", stack: str = STACK, **more: Any) -> dict[str, Any]:
    """Return the attributes of an exception."""
    return {
        "exception.type": kind,
        "exception.message": "'lamp'",
        "exception.stacktrace": stack,
        **more,
    }


def log(
    attributes: dict[str, Any] | None = None, body: Any = "", severity: int = 17, **more: Any
) -> dict[str, Any]:
    """Return a log record of now."""
    return {
        "timeUnixNano": str(now_ms() * 1_000_000),
        "severityNumber": severity,
        "body": any_value(body),
        "attributes": pairs(attributes or {}),
        **more,
    }


def span(*exceptions: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a span with these exceptions, of now."""
    at = str(now_ms() * 1_000_000)
    return {
        "traceId": TRACE,
        "spanId": SPAN,
        "name": "GET /cart",
        "events": [
            {"timeUnixNano": at, "name": "exception", "attributes": pairs(each)}
            for each in exceptions
        ],
        **more,
    }


def logs(*records: dict[str, Any], resource: dict[str, Any] | None = None) -> bytes:
    """Return a request with log records."""
    return _request("Logs", "logRecords", records, resource)


def spans(*records: dict[str, Any], resource: dict[str, Any] | None = None) -> bytes:
    """Return a request with spans."""
    return _request("Spans", "spans", records, resource)


def _request(
    kind: str, name: str, records: tuple[dict[str, Any], ...], resource: dict[str, Any] | None
) -> bytes:
    of = {"attributes": pairs(RESOURCE if resource is None else resource)}
    scoped = [{"scope": {"name": "shop.cart"}, name: records}]
    return json.dumps({f"resource{kind}": [{"resource": of, f"scope{kind}": scoped}]}).encode()


def export(
    project: Project, signal: str, body: bytes, headers: dict[str, str] | None = None, **more: Any
) -> Response:
    """Send a request in JSON, with the project's API key."""
    sent = {"Content-Type": "application/json", "X-Api-Key": project.key, **(headers or {})}
    return call("POST", f"/v1/{signal}", body, sent, **more)


def as_protobuf(signal: str, body: bytes) -> bytes:
    """Return a request in JSON as protobuf."""
    kind = schema.LOG_RECORD if signal == "logs" else schema.SPAN
    name = "logRecords" if signal == "logs" else "spans"
    of_kind = "Logs" if signal == "logs" else "Spans"
    scoped = MessageType({1: ("scope", schema.SCOPE), 2: (name, [kind])})
    of_resource = MessageType({1: ("resource", schema.RESOURCE), 2: (f"scope{of_kind}", [scoped])})
    return encoded(MessageType({1: (f"resource{of_kind}", [of_resource])}), json.loads(body))


def encoded(message: MessageType, content: dict[str, Any]) -> bytes:
    """Return an object of OTLP's JSON as protobuf."""
    parts = []
    for number, (name, part) in message.fields.items():
        if name not in content:
            continue
        for value in content[name] if isinstance(part, list) else [content[name]]:
            parts.append(_field(number, part[0] if isinstance(part, list) else part, value))
    return b"".join(parts)


def _field(number: int, part: Any, value: Any) -> bytes:
    if isinstance(part, MessageType):
        content = encoded(part, value)
    elif part in ("number", "signed", "bool"):
        return _varint(number << 3) + _varint(int(value) % (1 << 64))
    elif part in ("time", "double"):
        packed = struct.pack("<d", value) if part == "double" else struct.pack("<Q", int(value))
        return _varint(number << 3 | 1) + packed
    else:
        content = bytes.fromhex(value) if part == "hex" else value.encode()
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])
