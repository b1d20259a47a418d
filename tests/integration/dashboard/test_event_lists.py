"""Lists and searches of events, of a project and of an issue."""

import html
import re
from typing import Any

import pytest

from errata.models.ids import issue_id
from errata.usecases import members
from errata.usecases.event_search import MatchingEvents
from errata.usecases.newest_events import Newest
from tests.support.account import Clock, Project
from tests.support.browser import Browser, Shown, signed_in
from tests.support.calls import recorded
from tests.support.pages import HOSTILE, MAX_LIST_BYTES, only_our_markup, send
from tests.support.visible import visible_in

# The session with its rows, and five pages of a query.
MAX_CALLS = 8
EVENTS: dict[str, dict[str, Any]] = {
    "price": {"message": "bad price 17", "fingerprint": "f", "user": {"id": 7}},
    "reset": {"message": "Connection RESET by peer", "fingerprint": "f", "user": {"id": "8"}},
    "long": {"message": "other", "fingerprint": "g"},
}


@pytest.fixture
def sent(busy: Project, clock: Clock) -> dict[str, str]:
    """Return the names of events by their ids, the oldest first."""
    found: dict[str, str] = {}
    for name, event in EVENTS.items():
        clock.advance(1)
        found |= dict.fromkeys(send(busy, event), name)
    return found


def listed(shown: Shown) -> list[str]:
    return re.findall(r'events/([0-9a-f-]{36})"', shown.html)


def test_a_project_s_events_are_listed_and_searched(
    browser: Browser, busy: Project, sent: dict[str, str]
) -> None:
    path = f"projects/{busy.id}/events"
    shown = browser.get(path)
    assert [sent[each] for each in listed(shown)] == ["long", "reset", "price"]
    assert ">Events</a>" in shown.html
    shown = browser.get(f"{path}?query=user.id:7+price")
    assert [sent[each] for each in listed(shown)] == ["price"]
    assert shown.value("query") == "user.id:7 price"
    assert "Found: 1. Looked at all 3 events kept, since" in shown.text
    assert "No event matches your search." in browser.get(f"{path}?query=nothing").text


def test_each_row_shows_path_time_user_release_and_environment(
    browser: Browser, busy: Project
) -> None:
    event = {"message": "boom", "fingerprint": "f", "release": "1.7", "environment": "qa"}
    send(busy, {**event, "url": "https://shop.example.com/cart?id=7", "user": {"id": 7}})
    for of in ("", f"issues/{issue_id(busy.id, 'f')}/"):
        shown = browser.get(f"projects/{busy.id}/{of}events")
        assert re.search(r"boom /cart just now .* UTC 7 1\.7 qa", shown.text)
        # A phone shows the same cells, so none of them is hidden there.
        assert 'class="wide"' not in shown.html


@pytest.mark.parametrize("key", ["is:open", "first-seen:-24h", "last-seen:<-2d"])
def test_a_search_of_events_with_a_key_for_issues_is_422(
    browser: Browser, busy: Project, sent: dict[str, str], key: str
) -> None:
    name = key.partition(":")[0]
    for of in ("", f"issues/{issue_id(busy.id, 'f')}/"):
        shown = browser.get(f"projects/{busy.id}/{of}events?query=boom+{key}")
        assert shown.status == 422
        assert f"{name}: is for issues. It does not work for events." in shown.text
        assert f"<mark>{name}</mark>:" in shown.html
        assert listed(shown) == []


def test_a_search_reads_the_newest_events_and_continues_with_older_ones(
    browser: Browser, busy: Project, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("errata.usecases.newest_events.NEWEST", 10)
    monkeypatch.setattr("errata.usecases.newest_events._PAGE", 5)
    ids = []
    for n in range(32):
        clock.advance(1)
        ids += send(busy, {"message": "boom", "fingerprint": "f", "user": {"id": n % 15}})
    wanted = [ids[30], ids[15], ids[0]]
    for of in ("", f"issues/{issue_id(busy.id, 'f')}/"):
        found, notes = [], []
        path = f"projects/{busy.id}/{of}events"
        query = "?query=user.id:0"
        for _ in range(9):
            with recorded() as calls:
                shown = browser.get(path + query)
            assert len(calls) <= MAX_CALLS
            found += listed(shown)
            notes.append(re.findall(r"Looked at (.*?), since .*? UTC( until)?", shown.text))
            following = re.search(r'rel="next" href="([^"]+)"', shown.html)
            if not following:
                break
            query = html.unescape(following[1])
        assert found == wanted
        assert notes[0] == [("the newest 10 events", "")]
        assert notes[1] == [("10 older events", " until")]
    large = MatchingEvents(Newest(visible_in(busy.id)), ())
    monkeypatch.setattr("errata.usecases.newest_events._MOST_BYTES", 1)
    assert len(list(large.events)) == 5
    assert large.newest.more


def test_only_members_of_a_project_s_teams_search_its_events(
    browser: Browser, busy: Project, sent: dict[str, str]
) -> None:
    members.add("default", "eve@example.com", "member")
    eve = signed_in("eve@example.com")
    for of in ("", f"issues/{issue_id(busy.id, 'f')}/"):
        assert eve.get(f"projects/{busy.id}/{of}events?query=price").status == 404


def test_a_page_of_hostile_events_stays_small(browser: Browser, busy: Project) -> None:
    worst = dict.fromkeys(("release", "environment", "server_name", "url"), HOSTILE * 5)
    send(busy, *[{"message": f"{n}{HOSTILE}", **worst, "user": {"id": HOSTILE}} for n in range(25)])
    for query in ("", "?query=%22%26%22", f"?query={'%26' * 900}", f"?query={'a:b+' * 200}"):
        shown = browser.get(f"projects/{busy.id}/events{query}")
        assert shown.size <= MAX_LIST_BYTES
        only_our_markup(shown.html)
