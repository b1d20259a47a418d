"""POST /api/{project_id}/envelope, /store and /security: the SDK endpoint.

Also OTLP (`otlp.py`), check-ins (`cron.py`) and the dialog (`dialog.py`). Refuses and counts
/minidump and /unreal. Requests come from API Gateway, where the authorizer has looked up the key,
or to the function's own URL, where it has not.

Source: the SDK development documentation, "Transport" and "Rate Limiting".
"""

from typing import Any

from errata import gateway
from errata.errors import (
    HTTPError,
    InvalidInputError,
    IssueCapError,
    PaymentRequiredError,
    ProjectBusyError,
    RateLimitedError,
    ServiceUnavailableError,
    StoreError,
    UnauthorizedError,
    UnsupportedEncodingError,
)
from errata.models.ids import now_ms
from errata.protocol.body import (
    CODINGS,
    MAX_JSON_BYTES,
    decode_base64,
    decompress,
    decompress_start,
)
from errata.protocol.sentry import public_key
from errata.protocol.sentry.envelope import (
    START_BYTES,
    Envelope,
    EnvelopeItem,
    Start,
    parse_envelope,
    parse_start,
)
from errata.protocol.sentry.errors import UNKNOWN_KEY, error_body
from errata.protocol.sentry.limits import not_stored
from errata.protocol.sentry.routes import DIALOG, OtlpRoute, SdkRoute, find_otlp_route, find_route
from errata.protocol.sentry.security import to_envelope, with_reports
from errata.store import clients
from errata.usecases import access, admission, rate_leases, report_losses, sentry

clients.dynamodb()  # made in Lambda's init phase, where CPU is plentiful

# For an event with its attachments. The event itself may have 1 MiB (errata.protocol.body).
MAX_ENVELOPE_BYTES = 20 * 1024 * 1024
# Nobody knows when the organization will pay, so SDKs try once a minute.
_PAYMENT_S = 60
_EXPOSED = {"Access-Control-Expose-Headers": "X-Sentry-Error,X-Sentry-Rate-Limits,Retry-After"}


class CrashReportError(HTTPError):
    """415: a crash report of native code. Errata cannot read its memory dump."""

    status = 415
    loss = "unsupported"

    def __init__(self) -> None:
        super().__init__(
            "Errata cannot read crash reports of native code (minidumps, Unreal). Turn them off."
        )


class NoRouteError(HTTPError):
    """404: the function's URL has no such route. API Gateway has its own response."""

    status = 404

    def __init__(self) -> None:
        super().__init__("No such route.")


def handler(event: gateway.HttpEvent, _context: Any) -> gateway.HttpResponse:
    """Accept an envelope or an event, or return an error response."""
    if not gateway.of_url(event):
        return _respond(event)
    if gateway.method(event) == "OPTIONS":
        # Lambda itself responds to the preflight requests of browsers.
        return gateway.without_cors(gateway.response(200, ""))
    return gateway.without_cors(_respond(event))


def _respond(event: gateway.HttpEvent) -> gateway.HttpResponse:
    if _route_path(event) == DIALOG:
        from functions.sentry_ingest import dialog  # pages open it seldom

        return dialog.respond(event)
    if "/cron/" in _route_path(event):
        from functions.sentry_ingest import cron  # SDKs send check-ins in envelopes

        return cron.respond(event)
    if route := _otlp_route(event):
        from functions.sentry_ingest import otlp  # SDKs never need it

        return otlp.respond(event, route)
    try:
        named, limits = _accept(event)
    except HTTPError as refused:
        return _error_response(refused)
    except StoreError as error:
        return _error_response(gateway.unavailable(error))
    return gateway.response(200, f'{{"id":"{named}"}}', {**_EXPOSED, **limits})


def _accept(event: gateway.HttpEvent) -> tuple[str, dict[str, str]]:
    """Return the id for the response, and the header that tells an SDK what Errata drops."""
    at_ms = now_ms()
    caller, route = gateway.caller(event), _route(event)
    read = _Body(event, route.kind)
    request = admission.AdmissionRequest(
        caller,
        body_key=lambda: _key(event, route, read),
        project_id=route.project_id,
        find_key=access.find_dsn,
        has_event=read.has_event,
        take=rate_leases.take_for_key,
    )
    opened = admission.identify(request, at_ms)
    with report_losses.counted(opened.project_id):
        envelope = read.envelope()
    named = sentry.accept(envelope, opened, caller.address, at_ms)
    return named, not_stored(envelope.items, opened.log_errors)


def _route_path(event: gateway.HttpEvent) -> str:
    return gateway.path(event) if gateway.of_url(event) else str(event["resource"])


def _otlp_route(event: gateway.HttpEvent) -> OtlpRoute | None:
    if gateway.of_url(event):
        return find_otlp_route(gateway.path(event)) if gateway.method(event) == "POST" else None
    if not event["resource"].endswith("/v1/{signal}"):
        return None
    return OtlpRoute(**event["pathParameters"])


def _route(event: gateway.HttpEvent) -> SdkRoute:
    """Return the route of a request.

    Raises:
        NoRouteError: the function's URL has no such route.
    """
    if not gateway.of_url(event):
        return SdkRoute(event["resource"].split("/")[3], **event["pathParameters"])
    route = find_route(gateway.path(event))
    if route is None or gateway.method(event) != "POST":
        raise NoRouteError
    return route


def _key(event: gateway.HttpEvent, route: SdkRoute, read: "_Body") -> str | None:
    """Return the key of a request in which the authorizer found none, or that it has not seen."""
    key = None
    if gateway.of_url(event):
        path = {"sentry_key": route.sentry_key} if route.sentry_key else {}
        key = public_key.presented(gateway.headers(event), gateway.query(event), path)
    return read.key() if key is None else key


class _Body:
    """Body of a request to the SDK endpoint. Only its start is read before the key is known."""

    def __init__(self, event: gateway.HttpEvent, route: str) -> None:
        self._event = event
        self._route = route

    def envelope(self) -> Envelope:
        """Return the envelope. An event or report of another route gets an envelope of its own.

        Raises:
            HTTPError: the body cannot be read, is too large, or not what the route accepts.
        """
        if self._route in ("minidump", "unreal"):
            raise CrashReportError
        encoding = self._encoding()
        if encoding not in CODINGS:
            raise UnsupportedEncodingError
        sent = gateway.body(self._event)
        if self._route == "security":
            body = decompress(sent, encoding, MAX_JSON_BYTES)
            agent = gateway.headers(self._event).get("user-agent", "")
            return to_envelope(body, gateway.query(self._event), agent)
        if self._route == "store":
            # SDKs that do not know envelopes send Base64 of zlib data, without a header for it.
            event = decompress(decode_base64(sent), encoding, MAX_ENVELOPE_BYTES)
            return Envelope({}, (EnvelopeItem("event", event),))
        return with_reports(parse_envelope(decompress(sent, encoding, MAX_ENVELOPE_BYTES)))

    def _encoding(self) -> str:
        return gateway.headers(self._event).get("content-encoding", "").strip().lower()

    def _start(self) -> Start:
        # The caller may be anybody, and the rest may be large.
        body = gateway.body(self._event)
        return parse_start(decompress_start(body, self._encoding(), START_BYTES))

    def key(self) -> str | None:
        """Return the key in the envelope's `dsn` header, None if there is none."""
        if self._route != "envelope":
            return None
        return public_key.of_dsn(self._start().headers.get("dsn"))

    def has_event(self) -> bool:
        """Return whether a refusal loses an event. For an unreadable body, assume that it does."""
        return self._route != "envelope" or self._start().has_event


def _error_response(refused: HTTPError) -> gateway.HttpResponse:
    """Return the error response. SDKs back off on 429 only, so 402 is sent as 429."""
    status, detail = refused.status, refused.message
    extra = {**_EXPOSED, **gateway.refusal_headers(refused)}
    match refused:
        case InvalidInputError():
            status = 400
        case UnauthorizedError():
            detail = UNKNOWN_KEY
        case IssueCapError() | ProjectBusyError():
            limit = f"{refused.retry_after}:error:key:{refused.loss}"
            extra["X-Sentry-Rate-Limits"] = limit
        case RateLimitedError():
            extra["X-Sentry-Rate-Limits"] = f"{refused.retry_after}::key:rate_limited"
        case ServiceUnavailableError():
            extra["X-Sentry-Rate-Limits"] = f"{extra['Retry-After']}::key:unavailable"
        case PaymentRequiredError():
            status = 429
            if refused.billing_url:
                # The public key is known to everybody, the invoice is not.
                detail = PaymentRequiredError.invoice_unpaid("").message
            extra["Retry-After"] = str(_PAYMENT_S)
            limit = f"{_PAYMENT_S}:error;default;security:project:{refused.loss}"
            extra["X-Sentry-Rate-Limits"] = limit
    # A header is one line of ASCII.
    extra["X-Sentry-Error"] = " ".join(detail.encode("ascii", "replace").decode().split())[:200]
    return gateway.response(status, error_body(detail), extra)
