"""The files that the README offers for sending an error report real errors."""

import functools
import http.server
import json
import os
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from dev.stack import LocalStack
from errata.models.ids import now_ms
from errata.models.project import Access
from errata.protocol.read import Filters
from errata.usecases import read_events
from errata.usecases.visible import find_visible
from tests.support.deployed import eventually
from tests.support.template import ROOT

SNIPPETS = ROOT / "functions" / "dashboard" / "snippets"

type Created = tuple[str, str]


@pytest.mark.parametrize(
    ("command", "file", "exception_class", "message"),
    [
        ("sh", "curl.sh", None, "Hello from curl"),
        ("python3", "python_app.py", "ValueError", "invalid literal for int() with base 10"),
        ("node", "node-app.mjs", "TypeError", "Cannot read properties of null"),
        ("php", "app.php", "DomainException", "The shop is closed"),
        ("bash", "job.sh", None, 'exit 1: false "a \\"quoted\\" step"'),
    ],
)
def test_a_snippet_reports_its_error(
    stack: LocalStack,
    project: Created,
    command: str,
    file: str,
    exception_class: str | None,
    message: str,
) -> None:
    environment = {**os.environ, "ERRATA_URL": stack.api_url, "ERRATA_KEY": project[1]}
    subprocess.run(
        [command, str(SNIPPETS / file)],
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    event = only_event(project[0])
    assert event["exception_class"] == exception_class
    assert event["message"].startswith(message)
    assert event["stack_trace"] or not exception_class


def test_a_page_reports_its_error(stack: LocalStack, project: Created, tmp_path: Path) -> None:
    page = (SNIPPETS / "browser.html").read_text()
    for placeholder, value in (
        ("https://errors.example.com", stack.api_url),
        ("your key", project[1]),
    ):
        assert placeholder in page
        page = page.replace(placeholder, value)
    (tmp_path / "index.html").write_text(page)
    serve = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        browser += ["--disable-background-networking", "--disable-component-update"]
        browser += ["--disable-sync", f"--user-data-dir={tmp_path / 'profile'}"]
        browser += ["--virtual-time-budget=10000", "--dump-dom"]
        subprocess.run(
            [*browser, f"http://127.0.0.1:{server.server_port}/"],
            capture_output=True,
            timeout=120,
            check=True,
        )
        event = only_event(project[0])
        server.shutdown()
    (bug,) = (n for n, line in enumerate(page.splitlines(), 1) if line.endswith("// the bug"))
    assert (event["exception_class"], event["line"]) == ("TypeError", bug)
    assert event["url"].startswith("http://127.0.0.1:")
    assert "focus" in event["message"]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder without logging."""

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


def only_event(project_id: str) -> dict[str, Any]:
    """The one event of a project, as soon as it is there."""
    access = Access(project_id, "", 30, 60)
    (event,) = eventually(
        lambda: read_events.read(find_visible(access, now_ms()), Filters()).events,
        lambda found: bool(found),
    )
    decoded: dict[str, Any] = json.loads(event)
    return decoded
