"""The dashboard: pages for a signed-in team."""

from typing import Any

from errata import gateway
from errata.errors import HTTPError, NotFoundError, StoreError
from errata.models.ids import now_ms
from errata.store import clients
from errata.usecases.sessions import SignedOutError, StaleSessionError
from functions.dashboard import pages, tokens, web
from functions.dashboard.render import page
from functions.dashboard.routing import SESSION_COOKIE, respond

clients.dynamodb()  # made in Lambda's init phase, where CPU is plentiful and free

ROUTES = pages


def handler(event: gateway.Event, _context: Any) -> gateway.Response:
    """Return a page, or an error page."""
    request, at_ms = web.Request(event), now_ms()
    try:
        response = respond(request, at_ms, tokens.verify)
    except SignedOutError:
        response = _to_sign_in(request)
    except StaleSessionError:
        response = web.redirect(f"{request.root}renew{pages.sign_in.back_to(request)}")
    except NotFoundError as error:
        response = page(request, "error.html", at_ms, 404, title="Not found", text=str(error))
    except HTTPError as refused:
        response = _refusal(request, refused, at_ms)
    except StoreError as error:
        response = _refusal(request, gateway.unavailable(error), at_ms)
    return web.to_gateway_response(response, request)


def _to_sign_in(request: web.Request) -> web.Response:
    if request.partial:
        # htmx would insert the sign-in form into the page. This header makes it reload the page.
        response = web.Response(status=401, headers={"HX-Refresh": "true"})
    else:
        response = web.redirect(f"{request.root}sign-in{pages.sign_in.back_to(request)}")
    return response.with_cookie(SESSION_COOKIE, "", 0)


def _refusal(request: web.Request, refused: HTTPError, at_ms: int) -> web.Response:
    return page(
        request,
        "error.html",
        at_ms,
        refused.status,
        title="That did not work",
        text=refused.message,
    )
