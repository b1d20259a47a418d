"""A DynamoDB server on loopback: moto behind HTTP/1.1, and responses that a test chooses."""

import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.awsrequest import AWSRequest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.request import normalize_request
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.responses import DynamoHandler

# No other test uses it, so its tables are only those of the server's test.
REGION = "eu-west-3"

type Behaviour = Callable[[BaseHTTPRequestHandler, bytes], None]


@dataclass(frozen=True)
class Request:
    """A request that the server got. `connection` is the number of its connection, from 1."""

    connection: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """Its URL, its requests, and what it does with the next ones. Then it is DynamoDB again."""

    url: str = ""
    received: list[Request] = field(default_factory=list)
    next: list[Behaviour] = field(default_factory=list)
    connections: int = 0


def dynamodb(request: BaseHTTPRequestHandler, body: bytes) -> None:
    """Respond as moto does."""
    url = f"http://dynamodb.{REGION}.amazonaws.com/"
    made = AWSRequest("POST", url, dict(request.headers.items()), body).prepare()
    status, headers, content = DynamoHandler.dispatch(normalize_request(made), url, made.headers)
    send(request, status, content.encode(), {name: str(each) for name, each in headers.items()})


def respond(status: int, content: str | bytes, **headers: str) -> Behaviour:
    """Respond with this content. `x_amz_crc32="1"` becomes a header."""
    body = content.encode() if isinstance(content, str) else content
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda request, _: send(request, status, body, named)


def fail(code: str, status: int = 400, **headers: str) -> Behaviour:
    """Respond with an error of DynamoDB."""
    content = f'{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"sorry"}}'
    return respond(status, content, **headers)


def raw(content: bytes, close: bool = True) -> Behaviour:
    """Send these bytes, and close the connection."""

    def behave(request: BaseHTTPRequestHandler, _: bytes) -> None:
        request.wfile.write(content)
        request.close_connection = close

    return behave


def in_parts(*parts: bytes) -> Behaviour:
    """Send these bytes with pauses, and keep the connection open."""

    def behave(request: BaseHTTPRequestHandler, _: bytes) -> None:
        for part in parts:
            request.wfile.write(part)
            threading.Event().wait(0.02)

    return behave


def then_close(behaviour: Behaviour) -> Behaviour:
    """Close the connection after the response, without saying so in it."""

    def behave(request: BaseHTTPRequestHandler, body: bytes) -> None:
        behaviour(request, body)
        request.close_connection = True

    return behave


def later(seconds: float, behaviour: Behaviour) -> Behaviour:
    """Wait before the response."""

    def behave(request: BaseHTTPRequestHandler, body: bytes) -> None:
        threading.Event().wait(seconds)
        behaviour(request, body)

    return behave


def send(
    request: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]
) -> None:
    """Send a response with a checksum and the time, unless `headers` has others."""
    named = {
        "date": formatdate(usegmt=True),
        "x-amz-crc32": str(zlib.crc32(body)),
        **{name.lower(): value for name, value in headers.items()},
        "content-length": str(len(body)),
    }
    lines = [f"HTTP/1.1 {status} ", *(f"{name}: {value}" for name, value in named.items())]
    request.wfile.write("\r\n".join([*lines, "", ""]).encode() + body)


def reset() -> None:
    """Delete all tables."""
    dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].reset()


@contextmanager
def serving(tls: Any = None) -> Iterator[Server]:
    """Run a server. The environment's endpoint and region are its own during the block."""
    state = Server()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            with lock:
                state.connections += 1
                self.number = state.connections

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            with lock:
                state.received.append(Request(self.number, headers, body))
                behave = state.next.pop(0) if state.next else dynamodb
            behave(self, body)

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    class Listener(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Ignore that a client hangs up."""

    with pytest.MonkeyPatch.context() as patch, Listener(("127.0.0.1", 0), Handler) as listener:
        if tls:
            listener.socket = tls.wrap_socket(listener.socket, server_side=True)
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        name = "https://localhost" if tls else "http://127.0.0.1"
        state.url = f"{name}:{listener.server_port}"
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", state.url)
        patch.setenv("AWS_REGION", REGION)
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        try:
            yield state
        finally:
            listener.shutdown()
            thread.join()
            reset()
