"""A request as the pages see it, and what they answer with.

Paths are relative throughout: the dashboard need not know its host, its stage, or whether a domain
of its own stands before it.
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

# No script, style or frame but our own files; forms go back to us alone.
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
    """`path` is what follows `/dashboard/`; `root` leads back there from the page's own URL.

    `api_url` is where applications send to: the base of every route, as the browser would see it;
    `api_id` and `stage` are what API Gateway calls it.
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
        """Whether htmx asks for a part of a page."""
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
    """The request in a proxy event.

    Raises:
        InvalidInputError: the form is longer than any of ours, or no text.
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
    # As RFC 6265, 4.2.1 and 5.4, has them. Others on our domain set cookies too, in any form:
    # http.cookies drops whatever follows one that it does not like.
    found: dict[str, str] = {}
    for pair in header.split(";"):
        name, _, value = pair.partition("=")
        found.setdefault(name.strip(), value.strip())
    return found


def answer(response: Response, request_headers: dict[str, str]) -> gateway.Response:
    """Return API Gateway's form of a response, compressed if the browser accepts that."""
    body = response.body.encode() if isinstance(response.body, str) else response.body
    headers = {**_HEADERS, "Content-Type": response.content_type, **response.headers}
    accepts = request_headers.get("accept-encoding", "")
    if len(body) > _SMALL and "gzip" in accepts:
        body = gzip.compress(body, compresslevel=6, mtime=0)
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding, HX-Request"}
    answered: dict[str, Any] = {
        "statusCode": response.status,
        "headers": headers,
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }
    if response.cookies:
        answered["multiValueHeaders"] = {"Set-Cookie": list(response.cookies)}
    return answered
