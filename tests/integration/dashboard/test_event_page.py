"""The page of an event shows everything that was sent."""

import json
import re
from typing import Any

import pytest

from errata.models.ids import issue_id
from errata.usecases import projects
from tests.support.account import Clock, Project
from tests.support.browser import Browser, Shown, signed_in
from tests.support.clients import ingest
from tests.support.pages import CORPUS, OWNER, send


def test_an_event_shows_all_that_was_sent(browser: Browser, busy: Project) -> None:
    sent = json.loads(CORPUS[0])
    (event,) = send(busy, sent)
    shown = browser.get(f"projects/{busy.id}/events/{event}")
    for value in (sent["message"], sent["release"], sent["server_name"], sent["user"]["email"]):
        assert value in shown.text
    for crumb in sent["breadcrumbs"]:
        assert " ".join(crumb["message"].split()) in shown.text
        assert crumb["timestamp"][11:23] in shown.text
    for name, value in sent["context"]["request"]["headers"].items():
        assert f"{name} {value}" in shown.text
    assert "/app/shop.py:331 in import_reviews" in shown.text
    assert "Traceback (most recent call last):" not in shown.text
    raw = browser.get(f"projects/{busy.id}/events/{event}?raw=1")
    assert "Traceback (most recent call last):" in raw.text
    response = json.loads(browser.get(f"projects/{busy.id}/events/{event}/json").html)
    assert response["context"] == {**sent["context"], "user": sent["user"]}


def test_requests_and_breadcrumbs_of_any_shape_are_shown(browser: Browser, busy: Project) -> None:
    request = {"url": "/a", "headers": {"url": "/b"}}
    crumbs = [{"timestamp": "half past ten", "message": "x"}, {"timestamp": 1795334940}]
    (event,) = send(busy, {"message": "m", "context": {"request": request}, "breadcrumbs": crumbs})
    shown = browser.get(f"projects/{busy.id}/events/{event}").text
    assert "Request /a 1 header url /b" in shown
    assert "half past ten x" in " ".join(shown.split())
    assert "08:09:00.000" in shown


def test_breadcrumb_times_are_parsed_and_other_texts_are_shown_as_sent(
    browser: Browser, busy: Project
) -> None:
    sent: list[Any] = [
        "2026-11-21T23:59:59+02:00",
        "2026-11-21 10:00:00.1234",
        1795334940.25,
        "99:99",
        "2026-13-45T00:00:00Z",
        12,
        10**12,
        None,
    ]
    (event,) = send(
        busy,
        {
            "message": "m",
            "timestamp": "2026-11-22T14:03:01+02:00",
            "breadcrumbs": [{"message": f"c{n}", "timestamp": each} for n, each in enumerate(sent)],
        },
    )
    shown = browser.get(f"projects/{busy.id}/events/{event}")
    times = re.findall(r'<time class="clock" datetime="([^"]+)"[^>]*>([^<]+)<', shown.html)
    assert times == [
        ("2026-11-22T08:09:00.250Z", "08:09:00.250"),
        ("2026-11-21T10:00:00.123Z", "10:00:00.123"),
        ("2026-11-21T21:59:59.000Z", "21:59:59.000"),
    ]
    assert "99:99 c3" in shown.text
    assert "Happened" in shown.text
    assert (
        '<time class="moment" datetime="2026-11-22T12:03:01.000Z">2026-11-22 12:03:01 UTC'
        in shown.html
    )


def test_every_text_of_a_stack_trace_is_on_the_page(browser: Browser, busy: Project) -> None:
    texts = {
        "stack_trace": "as it is",
        "minified_stack": "at q (min.js:1:1)",
        "source_map": "{}map",
    }
    (event, minified) = send(
        busy, {"message": "m", **texts}, {"message": "m", "minified_stack": "at q (min.js:1:1)"}
    )
    shown = browser.get(f"projects/{busy.id}/events/{event}").text
    for text in (*texts.values(), "minified_stack", "source_map"):
        assert text in shown
    assert browser.get(f"projects/{busy.id}/events/{minified}?raw=1").text.count("min.js") == 1


def test_line_ends_and_joiners_of_other_systems_are_shown_correctly(
    browser: Browser, busy: Project
) -> None:
    words = "می\u200cرود 👨\u200d👩\u200d👧"
    trace = 'Traceback (most recent call last):\r\n  File "a.py", line 1, in f\r\nValueError: y\r\n'
    (event,) = send(busy, {"message": f"one\r\ntwo\rthree {words}", "stack_trace": trace})
    shown = browser.get(f"projects/{busy.id}/events/{event}?raw=1").html
    assert f"one\ntwo\N{WHITE SQUARE}000Dthree {words}" in shown
    assert "in f\nValueError: y\n" in shown
    listed = browser.get(f"projects/{busy.id}/issues?environment=a%E2%80%8Db")
    assert listed.value("query") == 'is:open environment:"a\u200db"'


def test_events_of_an_issue_have_numbers_and_link_to_their_neighbours(
    browser: Browser, busy: Project, clock: Clock
) -> None:
    ids = []
    for _ in range(5):
        clock.advance(1)
        ids += send(busy, {"message": "boom", "fingerprint": "f"})
    below = f"projects/{busy.id}"
    issue = f"{below}/issues/{issue_id(busy.id, 'f')}"
    for number, event in enumerate(ids):
        shown = browser.get(f"{below}/events/{event}")
        assert f"Event {number + 1} of 5 received" in shown.text
        assert steps(shown) == (
            ids[number - 1] if number else None,
            ids[number + 1] if number < 4 else None,
        )
    newest = browser.get(issue)
    assert "Event 5 of 5 received" in newest.text
    assert steps(newest) == (ids[3], None)
    assert browser.get(f"{issue}/first").url.endswith(ids[0])


def steps(shown: Shown) -> tuple[str | None, str | None]:
    """Return the ids of the previous and the next event."""
    found = [
        re.search(rf'rel="{rel}" href="[^"]*/([0-9a-f-]{{36}})"', shown.html)
        for rel in ("prev", "next")
    ]
    return found[0] and found[0][1], found[1] and found[1][1]


def test_an_event_whose_number_is_not_known_says_so(
    browser: Browser, busy: Project, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("errata.usecases.issue_events.MOST_COUNTED", 3)
    ids = []
    for _ in range(9):
        clock.advance(1)
        ids += send(busy, {"message": "boom", "fingerprint": "f"})

    def shown_number(event: str) -> str:
        shown = browser.get(f"projects/{busy.id}/events/{event}").text
        return shown[shown.index("All 9 events") - 4_000 :].partition(" received ")[0][-20:]

    # From the newest one, from the oldest one, and too far from both.
    assert shown_number(ids[6]).endswith("Event 7 of 9")
    assert shown_number(ids[2]).endswith("Event 3 of 9")
    far = browser.get(f"projects/{busy.id}/events/{ids[4]}").text
    assert "Its number is not known" in far
    clock.advance(1)
    (late,) = [ingest(busy, {"message": "boom", "fingerprint": "f"}).json["id"]]
    assert "This event is not counted yet." in browser.get(f"projects/{busy.id}/events/{late}").text


def test_an_event_of_a_new_issue_is_shown_before_it_is_counted(
    browser: Browser, busy: Project
) -> None:
    sent = {"message": "boom", "exception_class": "E", "user": {"id": 7}, "release": "1"}
    event = ingest(busy, sent).json["id"]
    shown = browser.get(f"projects/{busy.id}/events/{event}")
    assert "E: boom" in shown.text
    assert "The issue was deleted, or this event is not counted yet." in shown.text
    for form in ("/json", ".md"):
        assert browser.get(f"projects/{busy.id}/events/{event}{form}").status == 200


def test_an_event_shows_how_many_older_events_expired(
    browser: Browser, busy: Project, clock: Clock
) -> None:
    projects.change(busy.id, None, 2)
    old = send(busy, *[{"message": "boom", "fingerprint": "f"}] * 2)
    clock.advance(86_400 * 1.5)
    send(busy, {"message": "boom", "fingerprint": "f"})
    clock.advance(86_400)
    (event,) = send(busy, {"message": "boom", "fingerprint": "f"})
    browser = signed_in(OWNER)  # the session of two days ago has ended
    shown = browser.get(f"projects/{busy.id}/events/{event}")
    older, _ = steps(shown)
    assert "Event 4 of 4" in shown.text
    assert browser.get(f"projects/{busy.id}/events/{old[0]}").status == 404
    shown = browser.get(f"projects/{busy.id}/events/{older}")
    assert "Event 3 of 4" in shown.text
    assert "2 older events expired." in shown.text
    assert steps(shown) == (None, event)


def test_times_at_the_ends_of_the_calendar_are_shown(browser: Browser, busy: Project) -> None:
    ends = [
        "0001-01-01T00:00:00+23:59",
        "0001-01-01T00:00:00",
        "9999-12-31T23:59:59.999999",
        "9999-12-31T23:59:59-23:59",
    ]
    sent = [
        {"message": "m", "timestamp": end, "breadcrumbs": [{"timestamp": end, "message": "c"}]}
        for end in ends
    ]
    for event in send(busy, *sent):
        for page in ("", "?raw=1", "/json"):
            assert browser.get(f"projects/{busy.id}/events/{event}{page}").status == 200
