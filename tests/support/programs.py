"""Run programs that contain unmodified SDKs, with a DSN."""

import functools
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from tests.support.chromium import chromium
from tests.support.template import ROOT

SDKS = ROOT / "tests" / "clients" / "sdks"
PAGE = "browser/index.html"
# How long a program may wait for its responses. It usually takes a few seconds.
PATIENCE_S = 120
_INTERPRETERS = {".py": [sys.executable], ".mjs": ["node"], ".rb": ["ruby"]}
_OPTIONS = {"node/express.mjs": ["--import", "./node/instrument.mjs"]}


def run(program: str, dsn: str, *arguments: str, **environment: str) -> str:
    """Run a program of `tests/clients/sdks`, such as `node/script.mjs`. Return its output.

    Some programs fail on purpose and end with another exit code than 0.
    """
    path = SDKS / program
    inherited = {name: each for name, each in os.environ.items() if not name.startswith("SENTRY_")}
    ended = subprocess.run(
        [*_INTERPRETERS[path.suffix], *_OPTIONS.get(program, []), str(path), *arguments],
        cwd=SDKS,
        env={**inherited, "SENTRY_DSN": dsn, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return ended.stdout


def browse(dsn: str, program: str = PAGE) -> str:
    """Open a page in a browser and check out, which fails. Return the page's origin."""
    with served() as origin, chromium() as browser:
        page = browser.new_page()
        page.add_init_script(f"window.SENTRY_DSN = {json.dumps(dsn)}")
        page.goto(f"{origin}/{program}")
        expect(page).to_have_title("Ready")
        page.get_by_role("button").click()
        expect(page).to_have_title("Sent")
    return origin


def line_of(program: str, code: str) -> int:
    """Return the number of the only line in a program that contains this text."""
    lines = (SDKS / program).read_text().splitlines()
    (number,) = (number for number, line in enumerate(lines, 1) if code in line)
    return number


@contextmanager
def served(folder: Path = SDKS) -> Iterator[str]:
    """Serve a folder on its own port. Yield its origin."""
    serve = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""
