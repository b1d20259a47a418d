"""Responses of OTLP, in the form of the request.

Source: opentelemetry.io, "OTLP Specification": "Full Success", "Partial Success", "Failures".
"""

import json

from errata.protocol.otlp.protobuf import bytes_field, number_field
from errata.protocol.otlp.records import Signal

# google.rpc.Code, by the status of HTTP. Clients only read the status.
_CODES = {400: 3, 401: 16, 403: 7, 413: 3, 415: 3, 429: 8, 503: 14}
_UNKNOWN = 2
_REJECTED: dict[Signal, str] = {"logs": "rejectedLogRecords", "traces": "rejectedSpans"}


def success(signal: Signal, is_json: bool, rejected: int, why: str) -> bytes:
    """Return the body of a 200 response: how many spans or log records led to no event, and why."""
    if is_json:
        # In JSON, an int64 is a text.
        partial = {_REJECTED[signal]: str(rejected), "errorMessage": why}
        return json.dumps({"partialSuccess": partial} if rejected else {}).encode()
    partial_bytes = number_field(1, rejected) + bytes_field(2, why.encode()) if rejected else b""
    return bytes_field(1, partial_bytes)


def failure(status: int, is_json: bool, message: str) -> bytes:
    """Return the body of an error response: a google.rpc.Status."""
    code = _CODES.get(status, _UNKNOWN)
    if is_json:
        return json.dumps({"code": code, "message": message}).encode()
    return number_field(1, code) + bytes_field(2, message.encode())
