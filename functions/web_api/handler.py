"""The web API: `/api/0/…`, as Sentry's public API has it, for people's tools and for builds."""

import logging
import secrets
from typing import Any

from errata import gateway
from errata.errors import (
    AmbiguousError,
    HTTPError,
    InvalidInputError,
    InvalidQueryError,
    NotFoundError,
    StoreError,
    UnauthorizedError,
)
from errata.models.audit import Actor
from errata.models.ids import now_ms
from errata.protocol.tokens import from_header
from errata.store import clients
from errata.usecases import audit, tokens
from functions.web_api import request as http
from functions.web_api.context import Context
from functions.web_api.routes import ROUTES
from functions.web_api.routing import Router, respond

clients.dynamodb()  # made in Lambda's init phase, where CPU is plentiful

logger = logging.getLogger("errata")
_router = Router(ROUTES)


def handler(event: gateway.HttpEvent, _context: Any) -> gateway.HttpResponse:
    """Return the response to a request, or an error in the form of Sentry's API."""
    try:
        response = _respond(http.read(event))
    except AmbiguousError as error:
        response = http.error(404, str(error), choices=error.choices)
    except NotFoundError as error:
        response = http.error(404, str(error))
    except HTTPError as refused:
        response = _refused(refused)
    except StoreError as error:
        response = _refused(gateway.unavailable(error))
    except Exception:
        failure = secrets.token_hex(4)
        logger.exception("the web API failed: %s", failure)
        response = http.error(500, f"This is an error in Errata. Look for {failure} in its log.")
    return http.to_gateway_response(response)


def _respond(request: http.ApiRequest) -> http.ApiResponse:
    at_ms = now_ms()
    text = from_header(request.headers.get("authorization", ""))
    bearer = tokens.authenticate(text, request.address, at_ms)
    route, ids = _router.match(request)
    context = Context(request, bearer, at_ms)
    with audit.acting(lambda: Actor(bearer.name, request.address)):
        return respond(route, ids, context)


def _refused(refused: HTTPError) -> http.ApiResponse:
    more: dict[str, object] = {}
    # Sentry's API, and so its clients, know 400 for what a form has wrong.
    status = refused.status
    if isinstance(refused, InvalidInputError):
        status, more = 400, {"errors": refused.errors}
    if isinstance(refused, InvalidQueryError):
        more["query"] = {"text": refused.text, "start": refused.start, "end": refused.end}
    response = http.error(status, refused.message, **more)
    response.headers.update(gateway.refusal_headers(refused))
    if isinstance(refused, UnauthorizedError):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
