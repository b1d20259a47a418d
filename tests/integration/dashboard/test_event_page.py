"""The page of an event: all that was sent, as it was meant."""

import json
import re
from typing import Any

from errata.models.ids import issue_id
from tests.support.account import Clock, Project
from tests.support.browser import Browser
from tests.support.pages import CORPUS, send


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
    assert 'url /a headers { "url": "/b" }' in shown
    assert "half past ten x" in " ".join(shown.split())
    assert "08:09:00.000" in shown


def test_times_that_were_sent_are_times(browser: Browser, busy: Project) -> None:
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
        ("2026-11-21T21:59:59.000Z", "21:59:59.000"),
        ("2026-11-21T10:00:00.123Z", "10:00:00.123"),
        ("2026-11-22T08:09:00.250Z", "08:09:00.250"),
    ]
    assert "99:99 c3" in shown.text
    assert 'happened <time datetime="2026-11-22T12:03:01.000Z"' in shown.html


def test_every_text_of_a_stack_is_on_the_page(browser: Browser, busy: Project) -> None:
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


def test_lines_and_words_of_other_systems_are_shown_as_they_were_meant(
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


def test_events_of_an_issue_lead_to_each_other(
    browser: Browser, busy: Project, clock: Clock
) -> None:
    ids = []
    for _ in range(25):
        clock.advance(1)
        ids += send(busy, {"message": "boom", "fingerprint": "f"})
    below = f"projects/{busy.id}/events"
    shown = browser.get(f"{below}/{ids[1]}").html
    assert re.search(rf'rel="prev" href="[^"]*{ids[2]}"', shown)
    assert re.search(rf'rel="next" href="[^"]*{ids[0]}"', shown)
    assert 'rel="next"' not in browser.get(f"{below}/{ids[0]}").html
    assert 'rel="prev"' not in browser.get(f"{below}/{ids[-1]}").html
    page = browser.get(f"projects/{busy.id}/issues/{issue_id(busy.id, 'f')}")
    assert re.findall(r"events/([0-9a-f-]{36})", page.html) == ids[:4:-1]


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
