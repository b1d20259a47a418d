"""The authorizer: finds the project of a key, and the gateway key that counts its requests.

It denies requests without a valid key, because AWS does not charge for a denied request
(docs/decisions/0026-denied-by-the-authorizer.md). The gateway response ACCESS_DENIED
(template.yaml) sends the response body, which the authorizer puts into the context. A key may also
be in the request body. Only the functions see that body, so they check such a key.
"""

from typing import Any

from errata import gateway
from errata.config import settings
from errata.errors import RateLimitedError, StoreError, UnauthorizedError
from errata.models.ids import now_ms
from errata.protocol import api_key
from errata.protocol.otlp import keys
from errata.protocol.sentry import errors, public_key
from errata.store import clients
from errata.usecases import access, rate_limit

clients.dynamodb()  # made in Lambda's init phase, where CPU is plentiful

# Routes of the SDK endpoint (template.yaml). They accept only the public key of a DSN.
_SDK_ROUTES = "/api/{project_id}/"
# OTLP takes public keys and API keys.
_OTLP_ROUTES = "/v1/{signal}"
# Keys are in the query or the body (`hash`), and may be new. Only the function can check them.
_LEGACY_ROUTE = "/api.php"


def handler(event: gateway.HttpEvent, _context: Any) -> gateway.HttpResponse:
    """Allow the request and pass the access of its key to the function, or deny it."""
    if event["resource"] == _LEGACY_ROUTE:
        return _allow(event, access.to_context(None, access.NOTHING, ""), settings().unmetered_key)
    headers, query = gateway.headers(event), gateway.query(event)
    if _of_otlp(event):
        look_up: access.LookUp = access.find_any
        key = keys.presented(headers, query)
    elif _of_sdk(event):
        look_up = access.find_dsn
        key = public_key.presented(headers, query, event["pathParameters"])
    else:
        look_up = access.find
        key = api_key.presented(event["httpMethod"], headers, query)
    address, at_ms = event["requestContext"]["identity"]["sourceIp"], now_ms()
    try:
        found = look_up(key, at_ms) if key else access.NOTHING
        context = access.to_context(key, found, address)
        if found.access or (key is None and _body_may_have_key(event)):
            metered = context.get("metered") == "gateway"
            return _allow(event, context, found.usage_key if metered else settings().unmetered_key)
        rate_limit.take_for_address(address, at_ms)
    except RateLimitedError:
        # A denial has one status, 401. With this gateway key, API Gateway refuses all but one
        # request a second, free of charge. The function refuses that one.
        return _allow(event, context, settings().limited_key)
    except StoreError as error:
        # API Gateway would respond with 500 and a text of its own. The handler responds instead.
        gateway.unavailable(error)
        return _allow(event, {"key": "unavailable"}, settings().unmetered_key)
    return _verdict(event, "Deny", {"body": _refusal(event, key)})


def _of_sdk(event: gateway.HttpEvent) -> bool:
    return bool(event["resource"].startswith(_SDK_ROUTES))


def _of_otlp(event: gateway.HttpEvent) -> bool:
    return bool(event["resource"].endswith(_OTLP_ROUTES))


def _body_may_have_key(event: gateway.HttpEvent) -> bool:
    """Return whether the route takes a key from the body. Of the SDK routes, only envelope does."""
    if _of_otlp(event):
        return False
    envelope = event["resource"].endswith("/envelope")
    return event["httpMethod"] == "POST" and (envelope or not _of_sdk(event))


def _refusal(event: gateway.HttpEvent, key: str | None) -> str:
    """Return the body of the 401 response, as the function of the route sends it."""
    if _of_sdk(event) or _of_otlp(event):
        return errors.error_body(errors.UNKNOWN_KEY)
    refused = UnauthorizedError.unknown() if key else UnauthorizedError.missing()
    return str(gateway.error_response(refused)["body"])


def _allow(
    event: gateway.HttpEvent, context: dict[str, str], usage_key: str
) -> gateway.HttpResponse:
    return {**_verdict(event, "Allow", context), "usageIdentifierKey": usage_key}


def _verdict(
    event: gateway.HttpEvent, effect: str, context: dict[str, str]
) -> gateway.HttpResponse:
    # Name all routes of the stage: AWS does not document how `methodArn` ends for a path that ends
    # with a slash. The verdict is not cached, so it holds for this request only.
    api, stage, _ = event["methodArn"].split("/", 2)
    resource = f"{api}/{stage}/*"
    statement = {"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource}
    return {
        "principalId": "caller",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": context,
    }
