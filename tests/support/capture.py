"""Run a server on loopback that records requests of SDKs, and responds or forwards them."""

import gzip
import http.client
import json
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

KEY = "0123456789abcdef0123456789abcdef"
PROJECT = "1"
# Headers of a connection, not of a message (RFC 9110, 7.6.1).
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}
_CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*"}

type Item = tuple[dict[str, Any], bytes]


@dataclass(frozen=True)
class Reply:
    """A reply of the server."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b'{"id":"00000000000000000000000000000000"}'


@dataclass(frozen=True)
class Sent:
    """One request: its body as sent (without chunks), its header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int  # status of the reply

    @property
    def envelope(self) -> bytes:
        """The body without its content coding."""
        if self.body.startswith(b"\x1f\x8b"):
            return gzip.decompress(self.body)
        if self.headers.get("content-encoding") == "deflate":
            return zlib.decompress(self.body)
        return self.body


@dataclass
class Capture:
    """The server's address, and what it has received so far."""

    host: str
    path: str
    replies: list[Reply]
    sent: list[Sent] = field(default_factory=list)

    def dsn(self, key: str = KEY, project: str = PROJECT) -> str:
        """Return the DSN for an SDK."""
        return f"http://{key}@{self.host}{self.path}/{project}"

    def posts(self) -> list[Sent]:
        """Return the requests that were not preflights."""
        return [each for each in self.sent if each.method == "POST"]

    def items(self, kind: str) -> list[Any]:
        """Return the JSON payloads of all items of a type, in the order of arrival."""
        return [
            json.loads(payload)
            for each in self.posts()
            for header, payload in split(each.envelope)[1]
            if header["type"] == kind
        ]

    def next(self) -> Reply:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


def split(envelope: bytes) -> tuple[dict[str, Any], list[Item]]:
    """Return the header and items of an envelope that is well-formed."""
    first, _, rest = envelope.partition(b"\n")
    items: list[Item] = []
    while rest.strip(b"\n"):
        line, _, rest = rest.partition(b"\n")
        header = json.loads(line)
        length = header.get("length", len(rest.partition(b"\n")[0]))
        items.append((header, rest[:length]))
        rest = rest[length + 1 :]
    return json.loads(first), items


def join(header: dict[str, Any], items: list[Item]) -> bytes:
    """Build an envelope from its parts. Update the `length` of items that have one."""
    lines = [_compact(header)]
    for about, payload in items:
        length = {"length": len(payload)} if "length" in about else {}
        lines += [_compact(about | length), payload]
    return b"\n".join(lines) + b"\n"


def _compact(header: dict[str, Any]) -> bytes:
    return json.dumps(header, separators=(",", ":")).encode()


@contextmanager
def capture(*replies: Reply, upstream: str = "") -> Iterator[Capture]:
    """Run a server on its own port. With `upstream`, the URL of an API, that API replies.

    Without `upstream`, it sends these replies in turn and then repeats the last one. Without
    replies, it always sends 200.
    """
    api = urlsplit(upstream)
    state = Capture("", api.path.rstrip("/"), list(replies) or [Reply()])
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.take()

        def do_OPTIONS(self) -> None:
            self.take()

        def take(self) -> None:
            body = self.read()
            headers = {name.lower(): value for name, value in self.headers.items()}
            if upstream:
                reply = ask(self.command, self.path, headers, body)
            elif self.command == "OPTIONS":
                reply = Reply(204, body=b"")
            else:
                with lock:
                    reply = state.next()
            with lock:
                state.sent.append(Sent(self.command, self.path, headers, body, reply.status))
            self.send_response(reply.status)
            for name, value in ({**({} if upstream else _CORS), **reply.headers}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def read(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            chunks = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass  # trailers
            return b"".join(chunks)

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    def ask(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        connection = http.client.HTTPConnection(api.netloc, timeout=60)
        try:
            connection.request(method, path, body, _end_to_end(headers) | {"Host": api.netloc})
            response = connection.getresponse()
            return Reply(response.status, _end_to_end(dict(response.getheaders())), response.read())
        finally:
            connection.close()

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: object, client_address: object) -> None:
            """Ignore that a sender hangs up."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        state.host = f"127.0.0.1:{server.server_port}"
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()


def _end_to_end(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}
