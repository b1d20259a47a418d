"""The authorizer: finds the project of a key, and the gateway key that counts its requests.

It refuses no request. The functions respond with 401 and 403, with the contract's texts.
"""

from typing import Any

from errata import gateway
from errata.config import settings
from errata.errors import StoreError
from errata.models.ids import now_ms
from errata.protocol import api_key
from errata.protocol.sentry import public_key
from errata.store import clients
from errata.usecases import access

clients.dynamodb()  # made in Lambda's init phase, where CPU is plentiful and free

# Routes of the SDK endpoint (template.yaml). They accept only the public key of a DSN.
_SDK_ROUTES = "/api/{project_id}/"


def handler(event: gateway.Event, _context: Any) -> gateway.Response:
    """Allow the request, and pass the access of its key to the function."""
    headers, query = gateway.headers(event), gateway.query(event)
    if event["resource"].startswith(_SDK_ROUTES):
        look_up: access.LookUp = access.find_dsn
        key = public_key.presented(headers, query)
    else:
        look_up = access.find
        key = api_key.presented(event["httpMethod"], headers, query)
    try:
        found = look_up(key, now_ms()) if key else access.NOTHING
    except StoreError as error:
        # API Gateway would respond with 500 and a text of its own. The handler responds instead.
        gateway.unavailable(error)
        return _allow(event, {"key": "unavailable"}, "")
    address = event["requestContext"]["identity"]["sourceIp"]
    context = access.to_context(key, found, address)
    return _allow(event, context, found.usage_key if context.get("metered") == "gateway" else "")


def _allow(event: gateway.Event, context: dict[str, str], usage_key: str) -> gateway.Response:
    statement = {
        "Effect": "Allow",
        "Action": "execute-api:Invoke",
        "Resource": event["methodArn"],
    }
    return {
        "principalId": "caller",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": context,
        "usageIdentifierKey": usage_key or settings().unmetered_key,
    }
