"""The guard in front of MiniStack: only the API is open to web pages. Runs in .venv-ministack.

MiniStack itself takes any origin, any host name and any signature of its root user, and has
endpoints that delete all data. Any web page that the developer visits could call it.
"""

import datetime
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

# Returns the secret of an access key id with this session token ("" for none), or None.
type FindSecret = Callable[[str, str], str | None]

# Another name may be an attacker's that resolves to this machine (DNS rebinding).
LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)
# With both an API's id and a stage. MiniStack reads a shorter path as a call of an AWS service.
API = re.compile(r"/_aws/execute-api/[^/]+/[^/]+(/.*)?", re.DOTALL)
# The public keys of a user pool, with which the dashboard verifies tokens. AWS shows them to all.
POOL_KEYS = re.compile(r"/[\w-]+_[0-9A-Za-z]+/\.well-known/jwks\.json")
OWN_ENDPOINTS = ("/_ministack", "/_localstack")
# The mails that SES has sent. Tests read them, with a signature.
OUTBOX = ("GET", "/_ministack/ses/messages")
# Only browsers send these.
BROWSER_HEADERS = ("origin", "sec-fetch-site")
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=(?P<key>\w+)/(?P<day>\d{8})/(?P<region>[\w-]+)"
    r"/(?P<service>[\w-]+)/aws4_request, *SignedHeaders=(?P<headers>[\w;-]+)"
    r", *Signature=(?P<signature>[0-9a-f]{64})"
)
QUERY_CREDENTIALS = re.compile(
    r"(^|&)(x-amz-(credential|algorithm|signature)|awsaccesskeyid)=", re.I
)
TIMESTAMP = "%Y%m%dT%H%M%SZ"
MAX_SKEW = datetime.timedelta(minutes=15)
COGNITO = "AWSCognitoIdentityProviderService."


class RefusedError(Exception):
    """The request is refused. The text says why; `code` is AWS's error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Guard:
    """An ASGI application that passes allowed requests to `app` and refuses the others with 403.

    `find_secret` knows the accepted credentials. `unsigned` are the operations of Cognito that AWS
    takes without a signature. `note` is called before and after each call of an AWS service that
    may change data.
    """

    def __init__(
        self, app: Any, find_secret: FindSecret, unsigned: frozenset[str], note: Callable[[], None]
    ) -> None:
        self._app = app
        self._find_secret = find_secret
        self._unsigned = unsigned
        self._note = note

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handle one request, or the application's start and end."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._handle(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _handle(self, scope: Any, receive: Any, send: Any) -> None:
        headers = joined(scope["headers"])
        try:
            check_origin(scope["path"], headers)
            open_to_all = bool(API.fullmatch(scope["path"]))
            if not open_to_all:
                check_form(scope["method"], scope["path"], scope["query_string"].decode("latin-1"))
            if not open_to_all and not self._needs_no_signature(scope, headers):
                body = await read(receive)
                check_signature(scope, headers, body, self._find_secret)
                receive = replay(body, receive)
        except RefusedError as error:
            await refuse(send, error, headers)
            return
        # The API's functions change data by calls of their own.
        if open_to_all or not changes(scope["method"], headers):
            await self._app(scope, receive, send)
            return
        self._note()
        try:
            await self._app(scope, receive, send)
        finally:
            self._note()

    def _needs_no_signature(self, scope: Any, headers: Mapping[str, str]) -> bool:
        """Whether AWS takes this call without one. A page cannot set the header that names it."""
        if scope["method"] == "GET" and not scope["query_string"]:
            return POOL_KEYS.fullmatch(scope["path"]) is not None
        target = headers.get("x-amz-target", "")
        return (
            (scope["method"], scope["path"], scope["query_string"]) == ("POST", "/", b"")
            and "authorization" not in headers
            and target.startswith(COGNITO)
            and target.removeprefix(COGNITO) in self._unsigned
        )


def joined(raw: Any) -> dict[str, str]:
    """Return headers by lower-case name. A repeated one has its values joined by commas."""
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    return headers


def check_origin(path: str, headers: Mapping[str, str]) -> None:
    """Raise RefusedError for another host name, and for a browser outside the API."""
    host = headers.get("host", "")
    if not LOOPBACK.fullmatch(host):
        raise RefusedError(
            "AccessDenied",
            f"The local stack takes requests to 127.0.0.1 or localhost only, not to {host!r}.",
        )
    if not API.fullmatch(path) and any(name in headers for name in BROWSER_HEADERS):
        raise RefusedError(
            "AccessDenied", "Web pages may call only the API, below /_aws/execute-api/."
        )


def check_form(method: str, path: str, query: str) -> None:
    """Raise RefusedError for MiniStack's own endpoints, and for credentials in the URL."""
    is_own = path.startswith(OWN_ENDPOINTS) and (method, path) != OUTBOX
    if is_own or path == "/health":
        raise RefusedError("AccessDenied", f"The local stack does not have {path}.")
    # MiniStack may take those instead of the ones that are checked here.
    if QUERY_CREDENTIALS.search(query):
        raise RefusedError("AccessDenied", "The local stack takes no credentials in a URL.")


def check_signature(
    scope: Any, headers: Mapping[str, str], body: bytes, find_secret: FindSecret
) -> None:
    """Verify AWS Signature Version 4. Raise RefusedError if it is missing or wrong.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
    """
    if not (match := AUTHORIZATION.fullmatch(headers.get("authorization", ""))):
        raise RefusedError(
            "MissingAuthenticationToken",
            "Sign the request with aws_credentials from .errata/local.json.",
        )
    secret = find_secret(match["key"], headers.get("x-amz-security-token", ""))
    if secret is None:
        raise RefusedError(
            "UnrecognizedClientException",
            "The local stack does not know these credentials. Each `make run` writes new ones to "
            ".errata/local.json, under aws_credentials.",
        )
    signed = match["headers"].split(";")
    payload = headers.get("x-amz-content-sha256", "")
    if (
        "host" not in signed
        or not is_recent(headers.get("x-amz-date", ""))
        or match["day"] != headers["x-amz-date"][:8]
        or (len(payload) == 64 and payload != hashlib.sha256(body).hexdigest())
        or not hmac.compare_digest(
            match["signature"], signature(scope, headers, signed, body, match, secret)
        )
    ):
        raise RefusedError(
            "SignatureDoesNotMatch", "The request's signature is wrong, or older than 15 minutes."
        )


def is_recent(timestamp: str) -> bool:
    """Whether this `x-amz-date` is within 15 minutes of now."""
    try:
        signed_at = datetime.datetime.strptime(timestamp, TIMESTAMP)
    except ValueError:
        return False
    now = datetime.datetime.now(datetime.UTC)
    return abs(now - signed_at.replace(tzinfo=datetime.UTC)) <= MAX_SKEW


def signature(
    scope: Any,
    headers: Mapping[str, str],
    signed: list[str],
    body: bytes,
    claimed: Mapping[str, str] | re.Match[str],
    secret: str,
) -> str:
    """Return the signature that the request must have, as lower-case hexadecimal digits."""
    kind = S3SigV4Auth if claimed["service"] == "s3" else SigV4Auth
    auth: Any = kind(Credentials(claimed["key"], secret), claimed["service"], claimed["region"])
    target = scope["raw_path"].decode("latin-1")
    if query := scope["query_string"].decode("latin-1"):
        target += f"?{query}"
    request = AWSRequest(
        method=scope["method"],
        url=f"http://{headers['host']}{target}",
        headers={name: headers.get(name, "") for name in signed},
        data=body,
    )
    # The hash of the body is part of the signed text, even if its header was not signed.
    if payload := headers.get("x-amz-content-sha256"):
        auth.payload = lambda request: payload
    request.context["timestamp"] = headers["x-amz-date"]
    text = auth.string_to_sign(request, auth.canonical_request(request))
    found: str = auth.signature(text, request)
    return found


def changes(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a call of an AWS service may change data."""
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    reads = ("BatchGet", "Describe", "Filter", "Get", "List", "Query", "Scan")
    return method not in ("GET", "HEAD") and not operation.startswith(reads)


async def read(receive: Any) -> bytes:
    """Return the request's whole body."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


def replay(body: bytes, receive: Any) -> Any:
    """Return a `receive` that gives the body once more."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Any:
        return messages.pop() if messages else await receive()

    return receive_again


async def refuse(send: Any, error: RefusedError, headers: Mapping[str, str]) -> None:
    """Send the error in a form that AWS's tools show. No page may read it: it allows no origin."""
    message = str(error)
    if "form-urlencoded" in headers.get("content-type", "") or "/s3/" in headers.get(
        "authorization", ""
    ):
        kind, body = (
            "text/xml",
            (
                f"<ErrorResponse><Error><Code>{error.code}</Code><Message>{escape(message)}</Message>"
                "</Error></ErrorResponse>"
            ),
        )
    else:
        kind, body = "application/json", json.dumps({"__type": error.code, "message": message})
    start = {
        "type": "http.response.start",
        "status": 403,
        "headers": [
            (b"content-type", kind.encode()),
            (b"content-length", str(len(body.encode())).encode()),
        ],
    }
    await send(start)
    await send({"type": "http.response.body", "body": body.encode()})
