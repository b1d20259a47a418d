"""Handle requests to `/api.php`, the API of ErrorCapture."""

import json
from typing import Any

from errata import gateway
from errata.config import settings
from errata.errors import (
    ForbiddenError,
    HTTPError,
    InvalidInputError,
    MethodNotAllowedError,
    StoreError,
)
from errata.protocol.body import JsonBody
from errata.protocol.legacy import since
from errata.store import clients
from errata.usecases import legacy

clients.dynamodb()  # made in Lambda's init phase, where CPU is plentiful

_ACTIONS = "generate, errors or clear"


def handler(event: gateway.HttpEvent, _context: Any) -> gateway.HttpResponse:
    """Store an event, create, read or clear a project, or return an error response."""
    try:
        response = gateway.response(200, _act(event))
    except HTTPError as refused:
        response = _error_response(refused)
    except StoreError as error:
        response = _error_response(gateway.unavailable(error))
    return {**response, "body": ""} if event["httpMethod"] == "HEAD" else response


def _act(event: gateway.HttpEvent) -> str:
    if not settings().legacy_api:
        raise ForbiddenError("This deployment does not offer api.php.")
    address = gateway.caller(event).address
    match event["httpMethod"]:
        case "POST":
            number = legacy.submit(_body(event), address, settings().legacy_auto_create)
            return json.dumps({"ok": True, "id": number})
        case "GET" | "HEAD":
            return _action(gateway.query(event), address, event["httpMethod"] == "HEAD")
    message = "Method not allowed: use POST, or GET with an action."
    raise MethodNotAllowedError(message, ("GET", "HEAD", "POST"))


def _action(query: dict[str, str], address: str, head: bool) -> str:
    match query.get("action"):
        case "generate":
            _allowed(settings().legacy_auto_create, "generate")
            # A HEAD request only checks the endpoint. It must not create or clear a project.
            return "" if head else json.dumps({"hash": legacy.generate(_name(query), address)})
        case "errors":
            _allowed(settings().legacy_read, "errors")
            number = since(query.get("since"))
            return legacy.errors(_hash(query), number, address)
        case "clear":
            _allowed(settings().legacy_clear, "clear")
            key = _hash(query)
            return "" if head else json.dumps({"ok": True, "deleted": legacy.clear(key, address)})
        case None | "":
            raise InvalidInputError({"action": [f"action is required: {_ACTIONS}"]})
    raise InvalidInputError({"action": [f"action is unknown: use {_ACTIONS}"]})


def _body(event: gateway.HttpEvent) -> JsonBody:
    encoding = gateway.headers(event).get("content-encoding", "")
    return JsonBody(gateway.body(event), encoding)


def _hash(query: dict[str, str]) -> str:
    if not query.get("hash"):
        raise InvalidInputError({"hash": ["hash is required"]})
    return query["hash"]


def _name(query: dict[str, str]) -> str:
    return query.get("name", "")


def _allowed(switch: bool, action: str) -> None:
    if not switch:
        raise ForbiddenError(f"This deployment has switched action={action} off.")


def _error_response(refused: HTTPError) -> gateway.HttpResponse:
    status = 400 if isinstance(refused, InvalidInputError) else refused.status
    content = json.dumps({"ok": False, "error": refused.message})
    return gateway.response(status, content, gateway.refusal_headers(refused))
