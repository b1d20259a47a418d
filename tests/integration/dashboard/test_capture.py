"""The page of captured log groups, and the link of their events."""

from errata.logs.console import console_url
from errata.models.ids import now_ms
from errata.store import captures
from tests.support.account import Clock, Project
from tests.support.browser import Browser
from tests.support.calls import recorded
from tests.support.clients import events
from tests.support.log_capture import GROUP, STREAM, TIMED_OUT, batch, deliver, line
from tests.support.pages import HOSTILE, MAX_BYTES, only_our_markup


def test_the_page_shows_the_log_groups_of_the_project(
    browser: Browser, busy: Project, clock: Clock
) -> None:
    shown = browser.get(f"projects/{busy.id}/capture")
    assert "No captured log groups yet." in shown.text
    assert f"errata capture add /aws/lambda/NAME --project {busy.id}" in shown.text
    captures.put_group(busy.id, "/aws/lambda/mail", "ada", clock.ms)
    deliver(batch(busy, line(TIMED_OUT)))
    shown = browser.get(f"projects/{busy.id}/capture")
    for text in ("/aws/lambda/mail", "ada", "none yet", GROUP, "a template"):
        assert text in shown.text
    settings = browser.get(f"projects/{busy.id}/settings")
    assert 'href="capture"' in settings.html


def test_the_page_of_300_log_groups_stays_small(browser: Browser, busy: Project) -> None:
    for number in range(300):
        captures.put_group(busy.id, f"/aws/{HOSTILE[:300]}{number:03}", HOSTILE[:90], now_ms())
    with recorded() as calls:
        shown = browser.get(f"projects/{busy.id}/capture")
    assert len(calls) == 2
    assert shown.size <= MAX_BYTES
    only_our_markup(shown.html)
    assert f"errata capture list --project {busy.id}" in shown.text


def test_an_event_links_to_its_log_line_in_the_aws_console(browser: Browser, busy: Project) -> None:
    sent = line(TIMED_OUT)
    deliver(batch(busy, sent))
    (event,) = events(busy)
    shown = browser.get(f"projects/{busy.id}/events/{event['id']}")
    region = event["tags"]["region"]
    link = console_url(region, GROUP, STREAM, sent["timestamp"])
    assert link.startswith(f"https://{region}.console.aws.amazon.com/")
    assert link.replace("&", "&amp;") in shown.html
