"""A receiver of webhooks on loopback, which answers as it is told and remembers what came."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Received:
    """One request, its header names in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes


type Behaviour = Callable[[BaseHTTPRequestHandler], None]


def answer(status: int, **headers: str) -> Behaviour:
    """Answer at once; `Retry_After="5"` becomes a header."""

    def behave(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return behave


def hang(seconds: float) -> Behaviour:
    """Say nothing for so long."""

    def behave(request: BaseHTTPRequestHandler) -> None:
        time.sleep(seconds)

    return behave


def drip(seconds: float) -> Behaviour:
    """Draw the head of an answer out, a byte at a time."""

    def behave(request: BaseHTTPRequestHandler) -> None:
        until = time.monotonic() + seconds
        try:
            request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while time.monotonic() < until:
                request.wfile.write(b"x")
                request.wfile.flush()
                time.sleep(0.02)
        except OSError:
            pass  # the sender has had enough, as it should

    return behave


def reset(request: BaseHTTPRequestHandler) -> None:
    """Cut the connection without a word."""
    request.connection.shutdown(socket.SHUT_RDWR)


def huge(request: BaseHTTPRequestHandler) -> None:
    """Answer 200 with a body that nobody should read."""
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
    """Where to send, what came, and how it behaves: the first ones in turn, then the last."""

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
    """A receiver that listens on a port of its own, answering 200 where nothing is said.

    With `tls` it speaks https, and notes in `names` whom its callers ask for (SNI).
    """
    state = Receiver("", list(behaviours) or [answer(200)])
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            with lock:
                state.received.append(Received(self.path, headers, body))
                behave = state.next()
            behave(self)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: object, client_address: object) -> None:
            """A sender may hang up whenever it likes."""

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
