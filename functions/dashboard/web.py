"""Requests and responses of the pages.

All links are relative, so the dashboard does not need to know its host, its stage, or whether it
has its own domain.
"""

import base64
import gzip
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from errata import gateway
from errata.errors import InvalidInputError

BASE = "/dashboard"
MAX_FORM_BYTES = 64 * 1024
_SMALL = 1_000

# Scripts and styles only from our own files, no frames. Forms go only to our own site.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Request:
    """A request. `path` is the part after `/dashboard/`; `root` leads from the page back there.

    `api_url` is the base URL of all routes, as the browser sees it. Applications send to it.
    `api_id` and `stage` are the API's id and stage in API Gateway.
    """

    method: str
    path: str
    root: str
    api_url: str
    api_id: str
    stage: str
    query: dict[str, str]
    form: dict[str, str]
    form_lists: dict[str, list[str]]
    cookies: dict[str, str]
    headers: dict[str, str]

    @property
    def partial(self) -> bool:
        """Return whether htmx asks for a part of a page."""
        return self.headers.get("hx-request") == "true"


@dataclass(frozen=True, slots=True)
class Response:
    """A response; `cookies` are whole Set-Cookie values."""

    status: int = 200
    body: str | bytes = ""
    content_type: str = "text/html; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()


def redirect(to: str, *cookies: str) -> Response:
    """Redirect to a URL relative to this one, by GET."""
    return Response(303, headers={"Location": to}, cookies=cookies)


def cookie(name: str, value: str, max_age_s: int) -> str:
    """Return a Set-Cookie value that scripts, other sites and other hosts cannot read."""
    return f"{name}={value}; Max-Age={max_age_s}; Path=/; Secure; HttpOnly; SameSite=Lax"


def request(event: gateway.Event) -> Request:
    """Return the request of a proxy event.

    Raises:
        InvalidInputError: the form is too large, or cannot be decoded.
    """
    context = event["requestContext"]
    stage, _, below = context["path"].partition(BASE)
    depth = below.count("/")
    headers = gateway.headers(event)
    pairs = _form(event)
    lists: dict[str, list[str]] = {}
    for name, value in pairs:
        lists.setdefault(name, []).append(value)
    return Request(
        method=event["httpMethod"],
        path=event["path"].partition(BASE)[2].strip("/"),
        root="../" * (depth - 1) or "./" if depth else "dashboard/",
        api_url=f"{headers.get('x-forwarded-proto', 'https')}://{context['domainName']}{stage}",
        api_id=context["apiId"],
        stage=context["stage"],
        query=gateway.query(event),
        form=dict(pairs),
        form_lists=lists,
        cookies=_cookies(headers.get("cookie", "")),
        headers=headers,
    )


def _form(event: gateway.Event) -> list[tuple[str, str]]:
    body = gateway.body(event)
    if len(body) > MAX_FORM_BYTES:
        raise InvalidInputError({"form": ["This form is too large."]})
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=200)
    except ValueError as error:
        raise InvalidInputError({"form": ["This form cannot be read."]}) from error


def _cookies(header: str) -> dict[str, str]:
    # RFC 6265, 4.2.1 and 5.4. Other sites on our domain may set invalid cookies, too: http.cookies
    # would drop everything that follows one.
    found: dict[str, str] = {}
    for pair in header.split(";"):
        name, _, value = pair.partition("=")
        found.setdefault(name.strip(), value.strip())
    return found


def to_gateway_response(response: Response, request_headers: dict[str, str]) -> gateway.Response:
    """Return API Gateway's form of a response, compressed if the browser accepts that."""
    body = response.body.encode() if isinstance(response.body, str) else response.body
    headers = {**_HEADERS, "Content-Type": response.content_type, **response.headers}
    accepts = request_headers.get("accept-encoding", "")
    if len(body) > _SMALL and "gzip" in accepts:
        body = gzip.compress(body, compresslevel=6, mtime=0)
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding, HX-Request"}
    result: dict[str, Any] = {
        "statusCode": response.status,
        "headers": headers,
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }
    if response.cookies:
        result["multiValueHeaders"] = {"Set-Cookie": list(response.cookies)}
    return result
