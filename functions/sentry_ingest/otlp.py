"""POST /v1/logs and /v1/traces, and the same under /api/{project_id}/integration/otlp: OTLP.

The handler imports this module with the first such request: events of SDKs do not need it.

Source: opentelemetry.io, "OTLP Specification", OTLP/HTTP.
"""

import base64
from typing import Any

from errata import gateway
from errata.errors import (
    HTTPError,
    InvalidInputError,
    StoreError,
    UnauthorizedError,
    UnsupportedEncodingError,
)
from errata.models.ids import now_ms
from errata.protocol.body import CODINGS, decompress, decompress_start
from errata.protocol.otlp import keys, responses
from errata.protocol.otlp.records import MAX_BYTES, Signal, read_request
from errata.protocol.sentry.routes import OtlpRoute
from errata.usecases import access, admission, otlp, rate_leases, report_losses

_HEADERS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}
# Bytes of a refused request that are searched for an exception, which is then lost.
_START_BYTES = 64 * 1024


def respond(event: gateway.HttpEvent, route: OtlpRoute) -> gateway.HttpResponse:
    """Store the exceptions in a request, or return an error response.

    Exporters send a request again after 429 and 503.
    """
    is_json = _is_json(event)
    signal: Any = route.signal
    if signal not in ("logs", "traces"):
        return _response(404, responses.failure(404, is_json, "No such route."), is_json)
    try:
        rejected = _accept(event, route.project_id, signal, is_json)
    except HTTPError as refused:
        return _error_response(refused, is_json)
    except StoreError as error:
        return _error_response(gateway.unavailable(error), is_json)
    return _response(
        200, responses.success(signal, is_json, rejected.number, rejected.why), is_json
    )


def _accept(
    event: gateway.HttpEvent, project_id: str, signal: Signal, is_json: bool
) -> otlp.Rejected:
    at_ms = now_ms()
    caller, encoding = gateway.caller(event), _header(event, "content-encoding")
    request = admission.AdmissionRequest(
        caller,
        body_key=lambda: keys.presented(gateway.headers(event), gateway.query(event)),
        project_id=project_id,
        find_key=access.find_any,
        has_event=lambda: (
            b"exception" in decompress_start(gateway.body(event), encoding, _START_BYTES)
        ),
        take=rate_leases.take_for_key,
    )
    opened = admission.identify(request, at_ms)
    with report_losses.counted(opened.project_id):
        if encoding not in CODINGS:
            raise UnsupportedEncodingError
        body = decompress(gateway.body(event), encoding, MAX_BYTES)
        batch = read_request(body, signal, is_json, opened.log_errors)
    return otlp.accept(batch, signal, opened, caller.address, at_ms)


def _header(event: gateway.HttpEvent, name: str) -> str:
    return gateway.headers(event).get(name, "").strip().lower()


def _is_json(event: gateway.HttpEvent) -> bool:
    return _header(event, "content-type").startswith("application/json")


def _error_response(refused: HTTPError, is_json: bool) -> gateway.HttpResponse:
    status, message = refused.status, refused.message
    if isinstance(refused, InvalidInputError):
        status = 400
    elif isinstance(refused, UnauthorizedError):
        message = "No key of this project: check the headers of the exporter."
    sent = _response(status, responses.failure(status, is_json, message), is_json)
    return {**sent, "headers": {**sent["headers"], **gateway.refusal_headers(refused)}}


def _response(status: int, content: bytes, is_json: bool) -> gateway.HttpResponse:
    if is_json:
        kind, text = "application/json", content.decode()
    else:
        kind, text = "application/x-protobuf", base64.b64encode(content).decode()
    return {
        "statusCode": status,
        "headers": {**_HEADERS, "Content-Type": kind},
        "body": text,
        "isBase64Encoded": not is_json,
    }
