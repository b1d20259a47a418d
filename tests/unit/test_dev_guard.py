"""The guard of the local AWS: what it accepts and what it refuses."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from dev.guard import Guard, changes

HOST = "127.0.0.1:4566"
API = "/_aws/execute-api/e44a7a00/v1"
KEY, SECRET = "AKIALOCAL", "hush"
FORM = b"Action=CreateRole&RoleName=evil&Version=2010-05-08"
FORM_HEADERS = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
RESET = "AWSCognitoIdentityProviderService.ForgotPassword"


class Emulator:
    """An ASGI application behind the guard, which records what reaches it."""

    def __init__(self) -> None:
        self.reached: list[tuple[str, str, bytes]] = []
        self.noted = 0
        # The names of the headers of the last response.
        self.headers: set[str] = set()
        self.guard = Guard(self.app, self.find_secret, frozenset({"ForgotPassword"}), self.note)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        self.reached.append((scope["method"], scope["path"], message["body"]))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    def find_secret(self, key: str, token: str) -> str | None:
        return {(KEY, ""): SECRET, ("ASIAROLE", "token"): "role's"}.get((key, token))

    def note(self) -> None:
        self.noted += 1

    def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        query: str = "",
        kind: str = "http",
    ) -> tuple[int, str]:
        """Return the status and the body of the response to a request that comes in two parts."""
        parts = [
            {"type": "http.request", "body": body[:5], "more_body": True},
            {"type": "http.request", "body": body[5:], "more_body": False},
        ]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return parts.pop(0)

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": kind,
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        # Nothing here waits, so one step is the whole run.
        with pytest.raises(StopIteration):
            self.guard(scope, receive, send).send(None)
        if kind != "http":
            return sent[0]["code"], sent[0]["type"]
        self.headers = {name.decode().lower() for name, _ in sent[0]["headers"]}
        return sent[0]["status"], sent[1]["body"].decode()


@pytest.fixture
def emulator() -> Emulator:
    return Emulator()


def signed(
    body: bytes = FORM,
    path: str = "/",
    *,
    method: str = "POST",
    credentials: tuple[str, str, str | None] = (KEY, SECRET, None),
    service: str = "iam",
    host: str = HOST,
    headers: Mapping[str, str] = FORM_HEADERS,
) -> dict[str, str]:
    """Return the headers of a request that botocore has signed."""
    request = AWSRequest(method, f"http://{host}{path}", headers=dict(headers), data=body)
    auth = S3SigV4Auth if service == "s3" else SigV4Auth
    auth(Credentials(*credentials), service, "us-east-1").add_auth(request)
    return {
        "host": host,
        **{name.lower(): value for name, value in request.prepare().headers.items()},
    }


def test_a_signed_call_is_passed_on_unchanged(emulator: Emulator) -> None:
    assert emulator.send("POST", "/", signed(), FORM) == (200, "done")
    assert emulator.reached == [("POST", "/", FORM)]


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [("GET", "/bucket/a b+c", ""), ("PUT", "/bucket/%C3%A9/x", "partNumber=1&uploadId=a%2Fb")],
)
def test_a_signed_call_of_s3_is_accepted(
    emulator: Emulator, method: str, path: str, query: str
) -> None:
    target = f"{path}?{query}" if query else path
    headers = signed(b"data", target, method=method, service="s3", headers={})
    assert emulator.send(method, path, headers, b"data", query)[0] == 200


def test_a_role_s_session_needs_its_token(emulator: Emulator) -> None:
    role = signed(credentials=("ASIAROLE", "role's", "token"))
    assert emulator.send("POST", "/", role, FORM)[0] == 200
    assert emulator.send("POST", "/", {**role, "x-amz-security-token": "other"}, FORM)[0] == 403


@pytest.mark.parametrize("key", ["test", "000000000000", "AKIAOTHER"])
def test_unknown_credentials_are_refused(emulator: Emulator, key: str) -> None:
    status, body = emulator.send("POST", "/", signed(credentials=(key, key, None)), FORM)
    assert status == 403
    assert "<Code>UnrecognizedClientException</Code>" in body
    assert ".errata/local.json" in body
    assert emulator.reached == []


@pytest.mark.parametrize(
    ("change", "body"),
    [
        ({}, FORM.replace(b"evil", b"good")),
        ({"x-amz-date": "20200101T000000Z"}, FORM),
        ({"x-amz-date": "yesterday"}, FORM),
        ({"host": "localhost:4566"}, FORM),
    ],
)
def test_a_call_that_was_changed_or_is_old_is_refused(
    emulator: Emulator, change: dict[str, str], body: bytes
) -> None:
    status, text = emulator.send("POST", "/", {**signed(), **change}, body)
    assert (status, emulator.reached) == (403, [])
    assert "SignatureDoesNotMatch" in text


def test_a_body_other_than_its_signed_hash_is_refused(emulator: Emulator) -> None:
    headers = signed(b"data", "/bucket/x", method="PUT", service="s3", headers={})
    assert emulator.send("PUT", "/bucket/x", headers, b"other")[0] == 403
    assert emulator.reached == []


def test_a_secret_that_is_wrong_is_refused(emulator: Emulator) -> None:
    assert emulator.send("POST", "/", signed(credentials=(KEY, "guessed", None)), FORM)[0] == 403


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/health",
        "/_aws/execute-api/e44a7a00",
        "/_aws/execute-api/e44a7a00/",
        "/_aws/execute-api//v1/x",
        "/_aws/lambda-url/x/",
        "/_ministack/reset",
        "/_ministack/config",
        "/_ministack/ses/messages",
        "/oauth2/token",
    ],
)
def test_an_unsigned_call_outside_the_api_is_refused(emulator: Emulator, path: str) -> None:
    status, _ = emulator.send("POST", path, {"host": HOST, **FORM_HEADERS}, FORM)
    assert (status, emulator.reached) == (403, [])


@pytest.mark.parametrize(
    "path",
    [
        *("/_ministack/reset", "/_ministack/health", "/_ministack/ses/messages"),
        *("/_localstack/health", "/health"),
    ],
)
def test_ministack_s_own_endpoints_are_closed_to_everyone(emulator: Emulator, path: str) -> None:
    status, body = emulator.send("POST", path, signed(path=path), FORM)
    assert (status, emulator.reached) == (403, [])
    assert path in body


@pytest.mark.parametrize(
    "header",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": f"http://{HOST}"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_web_page_is_refused_even_with_a_signature(
    emulator: Emulator, header: dict[str, str]
) -> None:
    status, body = emulator.send("POST", "/", {**signed(), **header}, FORM)
    assert (status, emulator.reached) == (403, [])
    assert "Web pages" in body


@pytest.mark.parametrize("method", ["OPTIONS", "GET", "POST"])
@pytest.mark.parametrize("path", ["/", "/_ministack/reset", f"{API}/dashboard"])
@pytest.mark.parametrize("origin", ["https://evil.example", "null", f"http://{HOST}"])
def test_no_web_page_can_read_a_refusal(
    emulator: Emulator, method: str, path: str, origin: str
) -> None:
    # A page may call the API, but not by the name of another host.
    host = "evil.example" if path.startswith(API) else HOST
    asked = {"host": host, "origin": origin, "access-control-request-method": "POST"}
    assert emulator.send(method, path, asked)[0] == 403
    # A browser shows a response to a page only with `Access-Control-Allow-Origin`.
    assert emulator.headers == {"content-type", "content-length"}


def test_a_web_page_may_call_the_api(emulator: Emulator) -> None:
    page = {"host": HOST, "origin": "https://shop.example", "sec-fetch-site": "cross-site"}
    for method in ("OPTIONS", "POST"):
        assert emulator.send(method, f"{API}/api/ingest", page)[0] == 200
    assert emulator.noted == 0


@pytest.mark.parametrize("path", ["/", f"{API}/dashboard"])
@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:4566", "127.0.0.1.evil.example", "localhost@evil.example", ""],
)
def test_another_host_name_is_refused(emulator: Emulator, path: str, host: str) -> None:
    headers = {**signed(path=path), "host": host} if host else FORM_HEADERS
    status, _ = emulator.send("POST", path, headers, FORM)
    assert (status, emulator.reached) == (403, [])


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "[::1]:4566", "127.0.0.1"])
def test_a_host_name_of_this_machine_is_accepted(emulator: Emulator, host: str) -> None:
    assert emulator.send("GET", f"{API}/dashboard", {"host": host})[0] == 200
    assert emulator.send("POST", "/", signed(host=host), FORM)[0] == 200


@pytest.mark.parametrize(
    "query", ["X-Amz-Credential=test%2F20260101", "Action=X&AWSAccessKeyId=test&Signature=x"]
)
def test_credentials_in_the_url_are_refused(emulator: Emulator, query: str) -> None:
    status, body = emulator.send("POST", "/", signed(path=f"/?{query}"), FORM, query)
    assert (status, emulator.reached) == (403, [])
    assert "no credentials in a URL" in body


def test_cognito_accepts_unsigned_the_calls_that_aws_accepts_unsigned(emulator: Emulator) -> None:
    headers = {"host": HOST, "x-amz-target": RESET}
    assert emulator.send("POST", "/", headers)[0] == 200
    assert emulator.send("POST", "/x", headers)[0] == 403
    assert emulator.send("POST", "/", headers, query="Action=CreateRole")[0] == 403
    assert emulator.send("POST", "/", {**headers, "origin": "https://evil.example"})[0] == 403
    admin = {**headers, "x-amz-target": RESET.replace("Forgot", "AdminReset")}
    assert emulator.send("POST", "/", admin)[0] == 403


def test_a_refusal_has_the_error_format_of_the_called_service(emulator: Emulator) -> None:
    _, body = emulator.send("POST", "/", {"host": HOST, "x-amz-target": "DynamoDB.ListTables"})
    assert json.loads(body)["__type"] == "MissingAuthenticationToken"
    _, body = emulator.send("POST", "/", {"host": HOST, **FORM_HEADERS})
    assert body.startswith("<ErrorResponse><Error><Code>MissingAuthenticationToken</Code>")


def test_a_websocket_is_closed(emulator: Emulator) -> None:
    assert emulator.send("GET", f"{API}/", {}, kind="websocket") == (1008, "websocket.close")
    assert emulator.reached == []


def test_calls_that_change_data_are_noted_before_and_after(emulator: Emulator) -> None:
    emulator.send("POST", "/", signed(), FORM)
    assert emulator.noted == 2


@pytest.mark.parametrize(
    ("method", "operation", "expected"),
    [
        ("POST", "DynamoDB_20120810.PutItem", True),
        ("POST", "DynamoDB_20120810.Query", False),
        ("POST", "Logs_20140328.FilterLogEvents", False),
        ("POST", "", True),
        ("PUT", "", True),
        ("GET", "", False),
    ],
)
def test_a_call_changes_data_unless_it_only_reads(
    method: str, operation: str, expected: bool
) -> None:
    assert changes(method, {"x-amz-target": operation}) is expected


def test_the_public_keys_of_a_user_pool_need_no_signature() -> None:
    emulator = Emulator()
    path = "/us-east-1_AbC123/.well-known/jwks.json"
    assert emulator.send("GET", path, {"host": HOST})[0] == 200
    for method, other, headers in (
        ("GET", path, {"host": "evil.example"}),
        ("GET", path, {"host": HOST, "origin": "https://evil.example"}),
        ("POST", path, {"host": HOST}),
        ("GET", f"{path}/../x", {"host": HOST}),
        ("GET", "/us-east-1_AbC123/.well-known/other", {"host": HOST}),
    ):
        assert emulator.send(method, other, headers)[0] == 403
    assert len(emulator.reached) == 1
