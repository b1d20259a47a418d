"""The dashboard: pages for a signed-in team."""

import logging
import secrets
from typing import Any

from errata import gateway
from errata.errors import HTTPError, NotFoundError, StoreError
from errata.models.ids import now_ms
from errata.store import clients
from errata.usecases.sessions import SignedOutError, StaleSessionError
from functions.dashboard import tokens, web
from functions.dashboard.render import page
from functions.dashboard.routing import SESSION_COOKIE, back_to, respond

clients.dynamodb()  # made in Lambda's init phase, where CPU is plentiful

logger = logging.getLogger("errata")


def handler(event: gateway.HttpEvent, _context: Any) -> gateway.HttpResponse:
    """Return a page, or an error page."""
    request, at_ms = web.PageRequest(event), now_ms()
    try:
        response = respond(request, at_ms, tokens.verify)
    except SignedOutError:
        response = _to_sign_in(request, at_ms)
    except StaleSessionError:
        response = web.redirect(f"{request.root}renew{back_to(request)}")
    except NotFoundError as error:
        response = _error(request, at_ms, 404, "Not found", str(error))
    except HTTPError as refused:
        response = _error(request, at_ms, refused.status, "That did not work", refused.message)
        response.headers.update(gateway.refusal_headers(refused))
    except StoreError as error:
        failure = secrets.token_hex(4)
        busy = gateway.unavailable(error, failure)
        response = _failure(request, busy.status, busy.message, failure, at_ms)
    except Exception:
        failure = secrets.token_hex(4)
        logger.exception("the dashboard failed: %s", failure)
        response = _failure(request, 500, "This is an error in Errata.", failure, at_ms)
    return web.to_gateway_response(response, request)


def _to_sign_in(request: web.PageRequest, at_ms: int) -> web.PageResponse:
    if request.partial:
        # htmx would insert the sign-in form into the page. This header makes it reload the page.
        response = web.PageResponse(status=401, headers={"HX-Refresh": "true"})
    elif request.kept or request.too_long_to_keep:
        from functions.dashboard.pages import sign_in  # pages are imported when they are shown

        response = sign_in.ask_again(request, at_ms)
    else:
        response = web.redirect(f"{request.root}sign-in{back_to(request)}")
    return response.with_cookie(SESSION_COOKIE, "", 0)


def _failure(
    request: web.PageRequest, status: int, text: str, failure: str, at_ms: int
) -> web.PageResponse:
    text = f"{text} If it happens again, look for {failure} in the log of the dashboard's function."
    return _error(request, at_ms, status, "Something went wrong", text)


def _error(
    request: web.PageRequest, at_ms: int, status: int, title: str, text: str
) -> web.PageResponse:
    return page(request, "error.html", at_ms, status, request.context, title=title, text=text)
