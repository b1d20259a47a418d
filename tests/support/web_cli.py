"""Run `errata` with a token and without AWS: on a server for the web API in this process."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support import web_api
from tests.support.cli import Ran, run


@pytest.fixture
def web_url() -> Iterator[str]:
    """Serve the web API's function on this machine. Return its base URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._respond()

        def do_POST(self) -> None:
            self._respond()

        def _respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            token = self.headers["Authorization"].removeprefix("Bearer ")
            found = web_api.call(self.command, self.path, token, body or None)
            content = found.text.encode()
            self.send_response(found.status)
            for name, value in {**found.headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    thread.join()
    listening.server_close()


def run_with(token: str, url: str, *arguments: str, stdin: bytes | None = None) -> Ran:
    """Run `errata` with a token."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ERRATA_TOKEN", token)
        patch.setenv("ERRATA_URL", url)
        return run(*arguments, stdin=stdin)
