"""A server on loopback, mostly of webhooks. It responds as configured, and records what it gets."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Received:
    """One request, its header names in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Request(BaseHTTPRequestHandler):
    """A request that was read whole."""

    body: bytes


type Behaviour = Callable[[Any], None]


def response(status: int, **headers: str) -> Behaviour:
    """Respond at once. `Retry_After="5"` becomes a header."""

    def behave(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return behave


def file(content: bytes, status: int = 200, **headers: str) -> Behaviour:
    """Respond with a file. `Content_Encoding="gzip"` becomes a header."""

    def behave(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        length = {"Content_Length": str(len(content))}
        for name, value in {**length, **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(content)

    return behave


def hang(seconds: float) -> Behaviour:
    """Wait `seconds` before the response."""

    def behave(request: BaseHTTPRequestHandler) -> None:
        time.sleep(seconds)

    return behave


def drip(seconds: float) -> Behaviour:
    """Send the head of a response slowly, one byte at a time."""

    def behave(request: BaseHTTPRequestHandler) -> None:
        until = time.monotonic() + seconds
        try:
            request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while time.monotonic() < until:
                request.wfile.write(b"x")
                request.wfile.flush()
                time.sleep(0.02)
        except OSError:
            pass  # the sender has given up, as it should

    return behave


def reset(request: BaseHTTPRequestHandler) -> None:
    """Close the connection without a response."""
    request.connection.shutdown(socket.SHUT_RDWR)


def huge(request: BaseHTTPRequestHandler) -> None:
    """Respond with 200 and a body that nobody should read."""
    request.send_response(200)
    request.send_header("Content-Length", str(10**12))
    request.end_headers()
    try:
        for _ in range(10_000):
            request.wfile.write(b"x" * 65536)
    except OSError:
        pass  # as above


@dataclass
class Receiver:
    """The receiver's URL, what it got, and its behaviours: in turn, then the last one again."""

    url: str
    behaviours: list[Behaviour]
    received: list[Received] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)

    @property
    def port(self) -> int:
        port = urlsplit(self.url).port
        assert port
        return port

    def next(self) -> Behaviour:
        return self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]


@contextmanager
def receiver(*behaviours: Behaviour, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Run a receiver on its own port. Without behaviours it responds with 200.

    With `tls` it uses https, and records in `names` the server names of its callers (SNI).
    """
    state = Receiver("", list(behaviours) or [response(200)])
    lock = threading.Lock()

    class Handler(Request):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.body = body
            with lock:
                state.received.append(Received(self.path, headers, body))
                behave = state.next()
            behave(self)

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: object, client_address: object) -> None:
            """Ignore that a sender hangs up."""

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls:
            tls.sni_callback = lambda _socket, name, _context: state.names.append(name)
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        scheme = "https" if tls else "http"
        state.url = f"{scheme}://127.0.0.1:{server.server_port}/hook"
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
