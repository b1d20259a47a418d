"""A client of the web API over moto: through the gateway, and at the function's own URL.

The function makes only the calls that its policy in the template allows.
"""

import base64
import json
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from errata.models.member import Role
from errata.models.token import TokenScope
from errata.usecases import members, tokens
from functions.web_api.handler import handler
from tests.support.calls import calling_as

type Way = Literal["gateway", "url"]
GATEWAY = "https://errors.example.com/v1"
URL = "https://web.lambda-url.us-east-1.on.aws"
URLS = tokens.Urls(URL, GATEWAY)


@dataclass(frozen=True)
class Response:
    """The response that a client gets. The bytes of a file are the first 256 characters."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        """Return the parsed body."""
        return json.loads(self.text)


def call(
    method: str,
    target: str,
    token: str | None = None,
    body: Any = None,
    *,
    way: Way = "url",
    headers: dict[str, str] | None = None,
    ip: str = "203.0.113.9",
) -> Response:
    """Send a request. `target` is a path and a query. Bytes are sent as they are, others as JSON.

    `token`: None sends no header.
    """
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    sent = {"content-type": "application/json", **(headers or {})}
    if token is not None:
        sent["authorization"] = f"Bearer {token}"
    make = _at_url if way == "url" else _through_gateway
    event = make(method, target, sent, ip) | {
        "body": base64.b64encode(raw).decode() if raw else None,
        "isBase64Encoded": bool(raw),
    }
    with calling_as("WebApiFunction"):
        found = json.loads(json.dumps(handler(event, None)))
    assert found["headers"]["Cache-Control"] == "no-store"
    assert found["headers"]["X-Content-Type-Options"] == "nosniff"
    text = found["body"]
    if found.get("isBase64Encoded"):
        text = base64.b64decode(text).decode("latin-1")
    return Response(found["statusCode"], found["headers"], text)


def _at_url(method: str, target: str, headers: dict[str, str], ip: str) -> dict[str, Any]:
    parts = urlsplit(target)
    return {
        "version": "2.0",
        "rawPath": parts.path,
        "rawQueryString": parts.query,
        "headers": headers,
        "requestContext": {
            "domainName": URL.removeprefix("https://"),
            "http": {"method": method, "path": parts.path, "sourceIp": ip},
        },
    }


def _through_gateway(method: str, target: str, headers: dict[str, str], ip: str) -> dict[str, Any]:
    parts = urlsplit(target)
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        query.setdefault(name, []).append(value)
    return {
        "resource": "/api/0/{proxy+}",
        "path": parts.path,
        "httpMethod": method,
        "headers": headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "requestContext": {
            "domainName": "errors.example.com",
            "path": f"/v1{parts.path}",
            "identity": {"sourceIp": ip},
        },
    }


def token(
    scope: TokenScope = "read",
    organization: str = "default",
    member: str = "",
    days: int | None = None,
) -> str:
    """Create a token and return its text."""
    _, text = tokens.create(
        organization, scope, f"{scope} token", URLS, "arn:aws:iam::1:user/ops", member, days
    )
    return text


def member(
    email: str, role: Role = "member", teams: tuple[str, ...] = (), organization: str = "default"
) -> str:
    """Add a member to an organization and return their e-mail address."""
    members.add(organization, email, role, teams, password="a long password")
    return email
