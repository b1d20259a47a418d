"""Requests and responses of the pages.

All links are relative, so the dashboard does not need to know its host, its stage, or whether it
has its own domain.
"""

import base64
import gzip
from io import BytesIO
from typing import TYPE_CHECKING, Self
from urllib.parse import urlencode

from werkzeug.datastructures import Headers, MultiDict
from werkzeug.formparser import FormDataParser
from werkzeug.sansio.request import Request
from werkzeug.utils import cached_property
from werkzeug.wrappers import Response

from errata import gateway
from errata.config import settings
from errata.errors import InvalidInputError
from errata.models.invisible import by_codes

if TYPE_CHECKING:
    from functions.dashboard.routing import RequestContext

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


class PageRequest(Request):
    """A request to the dashboard, made from a Lambda event.

    `path` is the part after `/dashboard`, such as `/projects`.
    `ids` are the values in the path, by name. `root` leads from the page back to `/dashboard/`.
    `api_url` is the base URL of all routes, as the browser sees it. Applications send to it. SDKs
    send to `sdk_url`.
    `kept` are the fields that the sign-in page carries. `restored` is True if the fields of the
    form come from the sign-in page (see `functions.dashboard.kept_forms`). `context` is the request
    context, once the member is known: error pages have it, too. `address` is the caller's. `api_id`
    and `stage` are the API's id and stage in API Gateway.
    """

    def __init__(self, event: gateway.HttpEvent) -> None:
        context = event["requestContext"]
        stage, _, below = context["path"].partition(BASE)
        headers = Headers(event.get("headers") or {})
        super().__init__(
            method=event["httpMethod"],
            scheme=headers.get("X-Forwarded-Proto", "https"),
            server=(context["domainName"], None),
            root_path=stage + BASE,
            path=event["path"].partition(BASE)[2].strip("/"),
            query_string=urlencode(gateway.query(event)).encode(),
            headers=headers,
            remote_addr=None,
        )
        depth = below.count("/")
        self.root = "../" * (depth - 1) or "./" if depth else "dashboard/"
        self.api_url = f"{self.scheme}://{context['domainName']}{stage}"
        self.sdk_url = settings().sdk_url or self.api_url
        self.api_id: str = context["apiId"]
        self.stage: str = context["stage"]
        self.address: str = context["identity"]["sourceIp"]
        self.ids: dict[str, str] = {}
        self.context: RequestContext | None = None
        self.kept: list[tuple[str, str]] = []
        self.too_long_to_keep = False
        self.restored = False
        self._event = event

    @cached_property
    def form(self) -> MultiDict[str, str]:
        """Return the fields of the form.

        Raises:
            InvalidInputError: the form is too large, or cannot be decoded.
        """
        body = gateway.body(self._event)
        if len(body) > MAX_FORM_BYTES:
            raise InvalidInputError({"form": ["This form is too large."]})
        kind = "application/x-www-form-urlencoded"
        try:
            return FormDataParser(silent=False).parse(BytesIO(body), kind, len(body))[1]
        except ValueError as error:
            raise InvalidInputError({"form": ["This form cannot be read."]}) from error

    @property
    def asked(self) -> str:
        """Return the page that the request asks for, with its query, without slashes around it."""
        return self.full_path.strip("/?")

    @property
    def partial(self) -> bool:
        """Return whether htmx asks for a part of a page."""
        return self.headers.get("HX-Request") == "true"


class PageResponse(Response):
    """A response of the dashboard: a page, unless a content type is given."""

    default_mimetype = "text/html"

    def with_cookie(self, name: str, value: str, max_age_s: int) -> Self:
        """Set a cookie that scripts, other sites and other hosts cannot read."""
        self.set_cookie(name, value, max_age=max_age_s, secure=True, httponly=True, samesite="Lax")
        return self


def redirect(to: str, status: int = 303) -> PageResponse:
    """Return a redirect to a URL relative to this one. Browsers follow it with GET.

    With status 307, they send the same method and body again.

    Source: RFC 9110, 15.4.4 and 15.4.8.
    """
    return PageResponse(status=status, headers={"Location": to})


def markdown_response(text: str) -> PageResponse:
    """Return Markdown, with its invisible characters shown by their codes."""
    return PageResponse(by_codes(text), content_type="text/markdown; charset=utf-8")


def to_gateway_response(response: PageResponse, request: PageRequest) -> gateway.HttpResponse:
    """Return API Gateway's form of a response, compressed if the browser accepts that."""
    body = response.get_data()
    cookies = response.headers.getlist("Set-Cookie")
    # A response may set several cookies. API Gateway writes the length itself.
    del response.headers["Set-Cookie"], response.headers["Content-Length"]
    headers = {**_HEADERS, **response.headers}
    if len(body) > _SMALL and request.accept_encodings["gzip"]:
        body = gzip.compress(body, compresslevel=6, mtime=0)
        headers = {"Vary": "Accept-Encoding, HX-Request", **headers, "Content-Encoding": "gzip"}
    return {
        "statusCode": response.status_code,
        "headers": headers,
        "multiValueHeaders": {"Set-Cookie": cookies} if cookies else {},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }
