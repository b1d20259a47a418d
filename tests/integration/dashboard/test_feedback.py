"""User feedback on the page of an event and in a list, and with the command."""

import pytest

from errata.usecases import members
from tests.support import sdk
from tests.support.account import Clock, Project, new_project
from tests.support.browser import Browser, signed_in
from tests.support.calls import recorded
from tests.support.cli import deployed, done
from tests.support.clients import events
from tests.support.pages import HOSTILE, MAX_BYTES, MAX_CALLS, only_our_markup

__all__ = ["deployed"]

EVENT = "fc6d8c0c43fc4630ad850ee518f1b9d0"


def report(project: Project, comments: str, event_id: str = EVENT) -> None:
    sent = {"event_id": event_id, "name": "Kim", "email": "kim@example.org", "comments": comments}
    assert sdk.post(project, sdk.envelope(sdk.item("user_report", sent))).status == 200


def test_feedback_is_on_the_event_page_and_in_the_list(browser: Browser, busy: Project) -> None:
    sdk.capture(busy, event_id=EVENT)
    (event,) = events(busy)
    path = f"projects/{busy.id}/events/{event['id']}"
    shown = browser.get(path)
    assert "Feedback</a>" not in shown.html
    assert "No feedback yet." in browser.get(f"projects/{busy.id}/feedback").text
    report(busy, HOSTILE)
    report(busy, "Another one", "0" * 32)
    shown = browser.get(path)
    only_our_markup(shown.html)
    assert "User feedback" in shown.text
    assert "Kim <kim@example.org>" in shown.text
    assert "Another one" not in shown.text
    assert 'feedback">Feedback</a>' in shown.html
    listed = browser.get(f"projects/{busy.id}/feedback")
    only_our_markup(listed.html)
    assert "Another one" in listed.text
    assert f'projects/{busy.id}/events/{EVENT}">Event</a>' in listed.html
    # The link leads to the event by the id that its SDK created.
    assert browser.get(f"projects/{busy.id}/events/{EVENT}").status in (200, 303)


def test_the_list_makes_few_calls_and_has_further_pages(browser: Browser, busy: Project) -> None:
    for number in range(10):
        items = [
            sdk.item("user_report", {"event_id": EVENT, "comments": f"{number} {n} {'<' * 4_000}"})
            for n in range(6)
        ]
        assert sdk.post(busy, sdk.envelope(*items)).status == 200
    path = f"projects/{busy.id}/feedback"
    with recorded() as calls:
        shown = browser.get(path)
    assert len(calls) <= MAX_CALLS
    assert shown.size <= MAX_BYTES
    seen = 0
    while True:
        seen += shown.html.count("<tr>\n    <td")
        older = shown.html.partition('href="feedback?before=')[2].partition('"')[0]
        if not older:
            break
        shown = browser.get(f"{path}?before={older}")
    assert seen == 60
    for before in ("0", "z%00", "z%EE%80%80"):
        assert "There is no older feedback." in browser.get(f"{path}?before={before}").text


@pytest.mark.usefixtures("deployed")
def test_feedback_is_hidden_from_other_teams_and_projects(busy: Project) -> None:
    report(busy, "It broke.")
    members.add("default", "member@example.com", "member", [])
    stranger = signed_in("member@example.com")
    assert stranger.get(f"projects/{busy.id}/feedback").status == 404
    other = new_project(metered=True)
    assert "It broke." not in done("events", "feedback", other.id).out


@pytest.mark.usefixtures("deployed")
def test_the_command_lists_feedback_newest_first(busy: Project, clock: Clock) -> None:
    report(busy, "It\nbroke.")
    clock.advance(1)  # ids of one millisecond have no order
    report(busy, "Again.")
    assert "It broke." in done("events", "feedback", busy.id).out
    first, second = done("events", "feedback", busy.id, "--json").json
    assert (first["message"], first["event_id"], first["url"]) == ("Again.", EVENT, None)
    found = done("events", "feedback", busy.id, "--limit", "1", "--before", first["id"], "--json")
    assert found.json == [second]
