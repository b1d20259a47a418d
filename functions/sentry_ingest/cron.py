"""GET and POST /api/{project_id}/cron/{slug}/{key}: check-ins of jobs that have no SDK.

The handler imports this module with the first such request.

Source: Sentry's documentation, "Crons", "HTTP".
"""

from errata import gateway
from errata.errors import HTTPError, InvalidInputError, StoreError
from errata.models.ids import now_ms
from errata.protocol.sentry import public_key
from errata.protocol.sentry.check_ins import CheckInRoute, find_route
from errata.protocol.sentry.errors import error_body
from errata.usecases import access, admission, check_ins, rate_leases


def respond(event: gateway.HttpEvent) -> gateway.HttpResponse:
    """Queue the check-in of a request, or return an error response."""
    route = _route(event)
    if route is None or gateway.method(event) not in ("GET", "POST"):
        return gateway.response(404, error_body("No such route."))
    try:
        named = _accept(event, route)
    except HTTPError as refused:
        return _error_response(refused)
    except StoreError as error:
        return _error_response(gateway.unavailable(error))
    return gateway.response(202, f'{{"id":"{named}"}}', {"Cache-Control": "no-store"})


def _accept(event: gateway.HttpEvent, route: CheckInRoute) -> str:
    at_ms = now_ms()
    query = gateway.query(event)
    path = {"sentry_key": route.sentry_key} if route.sentry_key else {}
    request = admission.AdmissionRequest(
        gateway.caller(event),
        body_key=lambda: public_key.presented(gateway.headers(event), query, path),
        project_id=route.project_id,
        find_key=access.find_dsn,
        has_event=lambda: False,
        take=rate_leases.take_for_key,
    )
    opened = admission.identify(request, at_ms)
    return check_ins.accept_request(route.slug, query, gateway.body(event), opened, at_ms)


def _route(event: gateway.HttpEvent) -> CheckInRoute | None:
    if gateway.of_url(event):
        return find_route(gateway.path(event))
    return CheckInRoute(**event["pathParameters"])


def _error_response(refused: HTTPError) -> gateway.HttpResponse:
    status, detail = refused.status, refused.message
    if isinstance(refused, InvalidInputError):
        status = 400
        detail = " ".join(text for texts in refused.errors.values() for text in texts)
    return gateway.response(status, error_body(detail), gateway.refusal_headers(refused))
