"""`errata login`, where it stores the token, and how it reports a server's responses."""

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring

from errata.cli import credentials, web
from errata.errors import NoResponseError
from tests.support.cli import done, failed, run

type Patch = pytest.MonkeyPatch

ROOT = {"version": "0", "auth": {"scopes": ["event:read"]}, "user": {"email": "ada@example.com"}}


@dataclass
class Server:
    """A server: what it responds, and the requests that it got."""

    url: str = ""
    responses: list[tuple[int, dict[str, str], object]] = field(default_factory=list)
    requests: list[tuple[str, str, str]] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    """Serve `responses` one after the other, and then the root of the API."""
    served = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.requests.append((self.command, self.path, self.headers["Authorization"]))
            status, headers, content = (served.responses or [(200, {}, ROOT)]).pop(0)
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{listening.server_port}"
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
    thread.start()
    yield served
    listening.shutdown()
    thread.join()
    listening.server_close()


class Keyring(KeyringBackend):
    """A keyring in memory."""

    priority = 1

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: Patch) -> Iterator[Path]:
    """Provide the folder of the configuration, and a system without a keyring."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("ERRATA_TOKEN", raising=False)
    before = keyring.get_keyring()
    keyring.set_keyring(NoKeyring())  # type: ignore[no-untyped-call]  # of keyring
    yield tmp_path
    keyring.set_keyring(before)


def token(url: str) -> str:
    claims = json.dumps({"iat": 1, "url": url, "region_url": url, "org": "default"})
    return f"sntrys_{base64.b64encode(claims.encode()).decode()}_{'s' * 43}"


def log_in(server: Server) -> str:
    text = token(server.url)
    done("login", "--token-stdin", stdin=f"{text}\n".encode())
    return text


def test_without_a_keyring_the_token_is_in_a_file_that_only_its_owner_can_read(
    server: Server, folder: Path
) -> None:
    text = token(server.url)
    output = done("login", "--token-stdin", "--json", stdin=text.encode()).json
    file = folder / "errata" / "login.json"
    assert output == {
        "url": server.url,
        "org": "default",
        "user": "ada@example.com",
        "scopes": ["event:read"],
        "kept_in": str(file),
    }
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert json.loads(file.read_text())["token"] == text
    assert server.requests[0] == ("GET", "/api/0/", f"Bearer {text}")


def test_with_a_keyring_the_token_is_there_and_not_in_the_file(
    server: Server, folder: Path
) -> None:
    ring = Keyring()
    keyring.set_keyring(ring)
    text = log_in(server)
    assert text not in (folder / "errata" / "login.json").read_text()
    found = credentials.find()
    assert found
    assert (found.token, found.place) == (text, "the keyring")
    assert done("logout").out == "Logged out.\n"
    assert (ring.kept, credentials.find()) == ({}, None)


def test_status_shows_who_is_logged_in(server: Server) -> None:
    assert "Nobody is logged in" in failed("login", "--status")
    text = log_in(server)
    output = done("login", "--status").out
    assert "ada@example.com" in output
    assert text not in output
    done("logout")
    assert done("logout").out == "Nobody was logged in.\n"


def test_a_token_in_the_environment_has_priority(server: Server, monkeypatch: Patch) -> None:
    log_in(server)
    monkeypatch.setenv("ERRATA_TOKEN", token("https://errata.example.com"))
    found = credentials.find()
    assert found
    assert (found.url, found.place) == ("https://errata.example.com", "ERRATA_TOKEN")


def test_a_token_that_does_not_work_is_not_stored(server: Server) -> None:
    log_in(server)
    before = credentials.find()
    server.responses.append((401, {}, {"detail": "no"}))
    output = failed("login", "--token-stdin", stdin=token(server.url).encode())
    assert output == "error: The token was revoked or has expired. Run `errata login`.\n"
    assert credentials.find() == before


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("0" * 32, "token"),
        ("sntrys_e30=_x", "token"),
        ("", "token"),
        (token("http://example.com"), "url"),
        (token("https://ada@example.com"), "url"),
        (token("file:///etc/passwd"), "url"),
    ],
)
def test_an_invalid_token_or_one_with_an_unsafe_url_is_refused(text: str, field: str) -> None:
    output = failed("login", "--token-stdin", stdin=f"{text}\n".encode())
    assert output.startswith(f"error: {field}: ")
    assert text == "" or text not in output


def test_a_redirect_is_not_followed_with_the_token(server: Server) -> None:
    server.responses.append((302, {"Location": f"{server.url}/elsewhere"}, {}))
    output = failed("login", "--token-stdin", stdin=token(server.url).encode())
    assert output.startswith("error: The server redirects elsewhere.")
    assert len(server.requests) == 1


def test_a_429_is_retried_after_its_retry_after_unless_that_is_long(
    server: Server, monkeypatch: Patch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("errata.cli.web.time.sleep", waited.append)
    server.responses += [
        (429, {"Retry-After": "7"}, {"detail": "Too many requests."}),
        (200, {}, ROOT),
    ]
    log_in(server)
    assert waited == [7]
    server.responses += [(429, {"Retry-After": "600"}, {"detail": "Too many requests."})]
    ran = run("login", "--status", "--json")
    assert json.loads(ran.err)["error"]["code"] == "rate_limited"
    assert waited == [7]


@pytest.mark.parametrize(
    ("status", "content", "code"),
    [
        (200, b"<html>", "no_response"),
        (403, {"detail": "Only owners and admins can do this."}, "forbidden"),
        (404, b"", "not_found"),
        (409, {"detail": "Changed."}, "conflict"),
        (400, {"detail": "No.", "errors": {"name": ["No."]}}, "invalid_input"),
        (503, {"detail": "Busy."}, "unavailable"),
    ],
)
def test_each_failed_response_has_an_error_code(
    server: Server, status: int, content: object, code: str
) -> None:
    log_in(server)
    server.responses.append((status, {}, content))
    ran = run("login", "--status", "--json")
    assert (ran.code, json.loads(ran.err)["error"]["code"]) == (1, code)


def test_a_server_that_does_not_respond_is_an_error() -> None:
    found = web.Web(credentials.of_token(token("http://127.0.0.1:1")))
    with pytest.raises(NoResponseError, match="does not respond"):
        found.get()
