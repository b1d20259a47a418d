"""Shared by tests of dashboard pages: their limits, and helpers that send and read."""

import html
import re
from typing import Any

from tests.support import stream
from tests.support.account import Project
from tests.support.browser import Browser
from tests.support.calls import recorded
from tests.support.clients import ingest
from tests.support.template import ROOT

OWNER = "ada@example.com"
MAX_CALLS = 5
MAX_BYTES = 80_000
MAX_LIST_BYTES = 60_000
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg/onload=alert(3)>"
    " javascript:alert(4) {{7*7}} {% raw %} \x1b[31m\x00\u202eevil\u2066\u200b\ufeff &amp;"
)
CORPUS = (ROOT / "bench" / "corpus" / "4kb.jsonl").read_text().splitlines()


def send(project: Project, *events: dict[str, Any]) -> list[str]:
    """Report errors and digest them. Return their ids."""
    ids = [ingest(project, event).json["id"] for event in events]
    assert stream.deliver(stream.records()) == []
    return ids


def followed(browser: Browser, path: str, found: str, most_calls: int = MAX_CALLS) -> list[str]:
    """Return what all pages of a list contain. Each page must be within the limits."""
    seen: list[str] = []
    to = path
    while True:
        with recorded() as calls:
            shown = browser.get(to)
        assert (shown.status, len(calls) <= most_calls) == (200, True)
        assert shown.size <= MAX_BYTES
        seen += re.findall(found, shown.html)
        following = re.search(r'rel="next" href="([^"]+)"', shown.html)
        if not following:
            return seen
        to = path + html.unescape(following[1])


def only_our_markup(html: str) -> None:
    """Assert that a page has only the elements, handlers and links of the templates."""
    assert re.findall(r"<script(?![^>]* src=\"[./]*static/)", html) == []
    assert re.findall(r"<(?:img|iframe|object|embed|base)\b", html) == []
    assert re.findall(r"<svg(?! class=\"(?:spark|chart|runs|share|qr|i)\b)", html) == []
    assert re.findall(r"<[a-z]+(?:\s+[a-z-]+=\"[^\"]*\")*\s+on\w+=", html) == []
    assert all(not each.startswith("javascript") for each in re.findall(r'href="([^"]*)"', html))
    assert re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b]", html) == []
