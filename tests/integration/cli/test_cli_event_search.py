"""What searches of events find: each query by the use case and by the command."""

from typing import Any

import pytest

from errata.models.ids import issue_id
from errata.protocol.query import EVENT_KEYS, parse_terms
from errata.usecases.event_search import MatchingEvents
from errata.usecases.newest_events import Newest
from tests.support.account import Clock, Project
from tests.support.cli import done, run
from tests.support.pages import send
from tests.support.visible import visible_in

pytestmark = pytest.mark.usefixtures("deployed")

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"
EVENTS: dict[str, dict[str, Any]] = {
    "price": {
        "message": "bad price 17",
        "exception_class": "ValueError",
        "fingerprint": "f",
        "release": "shop 1.0",
        "environment": "production",
        "context": {
            "user": {"id": 7, "email": "ada@example.com"},
            "request": {"headers": {"User-Agent": FIREFOX}},
        },
        "server_name": "web-1",
        "url": "https://shop.example/cart?id=1",
    },
    "reset": {
        "message": "Connection RESET by peer",
        "fingerprint": "f",
        "release": "shop 2.0",
        "level": "warning",
        "context": {"user": {"id": "8"}},
        "file": "app/views.py",
        "line": 42,
    },
    "long": {"message": "other", "fingerprint": "g", "url": f"https://x.io/{'y' * 300}"},
}
QUERIES: list[tuple[str, set[str]]] = [
    ("", set(EVENTS)),
    ("level:warning", {"reset"}),
    ("!level:warning", {"price", "long"}),
    ("user.id:7", {"price"}),
    ("user.id:*", {"price", "reset"}),
    ("!user.id:*", {"long"}),
    ("user.email:ada@*", {"price"}),
    ("user:ada@example.com", {"price"}),
    ("user:8", {"reset"}),
    ("browser:Firefox*", {"price"}),
    ("system:Linux", {"price"}),
    ("!device:*", set(EVENTS)),
    ('release:"shop *" !release:*1.0', {"reset"}),
    ("environment:production", {"price"}),
    ("server:web-1", {"price"}),
    ("url:https://shop.example/cart", {"price"}),
    ("url:https://shop.example/cart?id=1", {"price"}),
    (f"url:https://x.io/{'y' * 300}", {"long"}),
    ("reset", {"reset"}),
    ("VALUEERROR price", {"price"}),
    ("views.py:42", {"reset"}),
    ("app/views", {"reset"}),
    ("!price", {"reset", "long"}),
    ("timeout", set()),
]


@pytest.fixture
def sent(busy: Project, clock: Clock) -> dict[str, str]:
    """The names of events by their ids, the oldest first."""
    found: dict[str, str] = {}
    for name, event in EVENTS.items():
        clock.advance(1)
        found |= dict.fromkeys(send(busy, event), name)
    return found


def test_each_query_finds_its_events(busy: Project, sent: dict[str, str]) -> None:
    wrong = []
    for text, expected in QUERIES:
        found = MatchingEvents(Newest(visible_in(busy.id)), parse_terms(text, EVENT_KEYS))
        names = {sent[each.id] for each in found.events}
        if names != expected:
            wrong.append((text, names))
        assert found.newest.looked_at == len(EVENTS)
        own = Newest(visible_in(busy.id), issue_id(busy.id, "f"))
        names = {
            sent[each.id] for each in MatchingEvents(own, parse_terms(text, EVENT_KEYS)).events
        }
        assert names == expected - {"long"}
    assert not wrong, "\n".join(map(str, wrong))


def test_the_command_finds_the_same_events(busy: Project, sent: dict[str, str]) -> None:
    listing = ("events", "list", busy.id)
    for text, expected in QUERIES[1:]:
        page = done(*listing, "--query", text, "--json").json
        assert {sent[each["id"]] for each in page["data"]} == expected, text
        assert (page["looked_at"], page["next_cursor"]) == (3, None)
    issue = done("issues", "show", busy.id, issue_id(busy.id, "f"), "--json").json
    shown = done(*listing, "--issue", issue["short_id"], "--level", "warning").out
    assert "Connection RESET by peer" in shown
    assert "bad price" not in shown
    assert "Looked at all 2 events, since 20" in shown
    first = done(*listing, "--query", "!zzz", "--limit", "1", "--json").json
    second = done(*listing, "--query", "!zzz", "--cursor", first["next_cursor"], "--json").json
    assert [sent[each["id"]] for each in first["data"] + second["data"]] == list(EVENTS)[::-1]
    refused = run(*listing, "--query", "is:open")
    assert refused.code == 1
    assert "is: is for issues. It does not work for events." in refused.err
    assert "do not work with --query" in run(*listing, "--query", "x", "--since", "2026-11-22").err
