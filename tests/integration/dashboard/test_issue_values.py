"""What an issue's events have in common: tags, users, browsers. Events that have a value."""

import html
import re
import time
from urllib.parse import urljoin

import pytest

from errata.models.ids import issue_id
from errata.models.visible import issues_partition
from tests.support import sdk_events, shelf
from tests.support.account import Clock, Project
from tests.support.browser import Browser, Shown
from tests.support.calls import recorded
from tests.support.pages import HOSTILE, MAX_BYTES, only_our_markup, send
from tests.support.users import ids_of_three_by_estimate

HTMX = {"HX-Request": "true"}
# The page itself makes two, the events are read in at most seven batches.
MAX_CALLS = 10
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"
)


def issue_of(project: Project) -> str:
    return f"projects/{project.id}/issues/{issue_id(project.id, 'f')}"


def links(shown: Shown) -> dict[str, str]:
    """Return the links of the values, by their texts."""
    found = re.findall(
        r'<a href="([^"]*events\?query=[^"]*)"[^>]*><span>([^<]*)</span>', shown.html
    )
    return {text: html.unescape(link) for link, text in found}


def listed(shown: Shown) -> list[str]:
    """Return the events of a list."""
    return re.findall(r'events/([0-9a-f-]{36})"', shown.html)


def test_the_number_of_all_users_is_at_least_that_of_the_last_hour(
    browser: Browser, busy: Project
) -> None:
    ids = ids_of_three_by_estimate()
    send(busy, *({"message": "boom", "fingerprint": "f", "user": {"id": each}} for each in ids))
    issue = browser.get(issue_of(busy))
    assert re.findall(r'id="users-all">([^/]*)/', issue.html) == ["3<"]
    part = browser.get(f"{issue_of(busy)}/tags", headers=HTMX)
    assert re.findall(r'id="users-(\w+)" hx-swap-oob="innerHTML">(\d+)<', part.html) == [
        ("hour", "4"),
        ("day", "4"),
        ("all", "4"),
    ]


def test_each_value_has_its_share_and_links_to_its_events(browser: Browser, busy: Project) -> None:
    event = {"message": "boom", "fingerprint": "f"}
    agents = [FIREFOX, FIREFOX, FIREFOX, SAFARI]
    ids = send(
        busy,
        *(
            {
                **event,
                "release": f"{n // 3}.0",
                "url": f"https://shop.example.com/cart?n={n}",
                "user": {"id": n, "email": f"{n % 2}@example.com"},
                "context": {"request": {"headers": {"User-Agent": agent}}},
            }
            for n, agent in enumerate(agents)
        ),
    )
    with recorded() as calls:
        shown = browser.get(f"{issue_of(busy)}/tags")
    assert len(calls) <= MAX_CALLS
    assert "Tags of all 4 events kept" in shown.text
    assert "release 0.0 75 % 0.0 3 · 75 % 1.0 1 · 25 %" in shown.text
    assert "browser Firefox 144 75 % Firefox 144 3 · 75 % Mobile Safari 18 1 · 25 %" in shown.text
    assert "system Linux 75 % Linux 3 · 75 % iOS 18 1 · 25 %" in shown.text
    assert "device iPhone 25 %" in shown.text
    assert "https://shop.example.com/cart 100 %" in shown.text
    assert "2 in the last hour, 2 in 24 hours 0@example.com 2 events" in shown.text
    found = links(shown)
    safari = browser.get(f"{issue_of(busy)}/events?{found['Mobile Safari 18'].partition('?')[2]}")
    assert listed(safari) == [ids[3]]
    assert "Found: 1. Looked at all 4 events kept, since" in safari.text
    assert safari.value("query") == 'browser:"Mobile Safari 18"'
    user = browser.get(f"{issue_of(busy)}/events?{found['0@example.com'].partition('?')[2]}")
    assert sorted(listed(user)) == sorted([ids[0], ids[2]])


def test_the_issue_page_loads_its_tags_and_the_browser_caches_them_for_a_minute(
    browser: Browser, busy: Project
) -> None:
    send(busy, {"message": "boom", "fingerprint": "f", "user": {"id": 1}})
    page = browser.get(issue_of(busy))
    asked = re.search(r'id="tags" hx-get="([^"]+)"', page.html)
    assert asked
    assert f'<a href="{asked[1]}">All tags' in page.html
    part = browser.get(f"{issue_of(busy)}/tags", HTMX)
    assert part.html.strip().startswith('<div id="tags" hx-get="')
    assert '<span id="users-hour" hx-swap-oob="innerHTML">1</span>' in part.html
    for where in (page.url, f"{page.url.partition('/issues/')[0]}/events/x"):
        (value,) = {urljoin(where, each) for each in links(part).values() if "query=user" in each}
        assert browser.get(value).text.count("Looked at all 1 event kept") == 1
    assert part.headers["Cache-Control"] == "private, max-age=60"
    assert browser.get(f"{issue_of(busy)}/tags").headers["Cache-Control"] == "no-store"


def test_an_open_page_counts_tags_again_only_if_the_issue_has_changed(
    browser: Browser, busy: Project, clock: Clock
) -> None:
    event = {"message": "boom", "fingerprint": "f"}
    send(busy, {**event, "release": "1"})
    page = browser.get(issue_of(busy))
    part = browser.get(f"{issue_of(busy)}/tags", HTMX)
    found = re.search(r'id="tags" hx-get="([^"]+)" hx-trigger="every 180s"', part.html)
    assert found
    again = urljoin(page.url, html.unescape(found[1]))
    clock.advance(1)
    with recorded() as calls:
        assert browser.get(again, HTMX).status == 204
    assert [each.operation for each in calls] == ["BatchGetItem"]
    send(busy, {**event, "release": "2"})
    assert "release 1 50 % 1 1 · 50 % 2 1 · 50 %" in browser.get(again, HTMX).text


def test_the_newest_500_events_are_counted(browser: Browser, busy: Project) -> None:
    event = {"message": "boom", "fingerprint": "f", "level": "error"}
    # Events of a batch are a millisecond apart, up to now, and the first user's must be the oldest.
    for users in (range(1), *(range(first, first + 100) for first in range(1, 501, 100))):
        sdk_events.put(busy, *({**event, "context": {"user": {"id": str(n)}}} for n in users))
        time.sleep(0.1)
    with recorded() as calls:
        shown = browser.get(f"{issue_of(busy)}/tags").text
    assert len(calls) <= MAX_CALLS
    assert "of the newest 500 events" in shown
    assert "Users ≥ 500 in the last hour, ≥ 500 in 24 hours" in shown
    found = browser.get(f"{issue_of(busy)}/events?query=user:500").text
    assert "Found: 1. Looked at the newest 500 events, since" in found
    assert (
        "Found: 0. Looked at the newest 500 events, since"
        in browser.get(f"{issue_of(busy)}/events?query=user:0").text
    )


def test_a_key_has_a_page_with_more_of_its_values(browser: Browser, busy: Project) -> None:
    event = {"message": "boom", "fingerprint": "f"}
    send(
        busy,
        *(
            {**event, "release": f"q{n:02}", "server_name": "web-1", "user": {"id": n}}
            for n in range(23)
        ),
    )
    shown = browser.get(f"{issue_of(busy)}/tags")
    assert "q04 1 · 4 % 18 more values" in shown.text
    link = re.search(r'href="([^"]*)">18 more values', shown.html)
    assert link
    only = browser.get(urljoin(shown.url, html.unescape(link[1])))
    assert "Only release . Show all tags and users" in only.text
    assert len({text for text in links(only) if text.startswith("q")}) == 23
    assert "server" not in only.text
    assert "3 more users" in shown.text
    assert len(links(browser.get(f"{issue_of(busy)}/tags?key=user"))) == 23
    none = browser.get(f"{issue_of(busy)}/tags?key=tag:{HOSTILE}")
    assert "None of the newest events has" in none.text
    only_our_markup(none.html)


def test_counts_and_searches_show_that_they_cover_only_the_newest_events(
    browser: Browser, busy: Project, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("errata.usecases.newest_events.NEWEST", 4)
    ids = []
    for n in range(10):
        clock.advance(1)
        user = {"user": {"id": n % 2}} if n < 5 else {}
        ids += send(busy, {"message": "boom", "fingerprint": "f", "release": "1", **user})
    shown = browser.get(f"{issue_of(busy)}/tags").text
    assert "of the newest 4 events" in shown
    assert "≥ 0 in the last hour" in shown
    first = browser.get(f"{issue_of(busy)}/events?key=user&value=1")
    assert "Found: 0. Looked at the newest 4 events, since" in first.text
    assert "Open the older events to continue the search." in first.text
    seen = []
    for _ in range(5):
        assert browser.page
        following = re.search(r'rel="next" href="([^"]+)"', browser.page.html)
        if not following:
            break
        with recorded() as calls:
            seen += listed(browser.get(f"{issue_of(busy)}/events{html.unescape(following[1])}"))
        assert len(calls) <= MAX_CALLS
    assert seen == [ids[3], ids[1]]


def test_fewer_events_are_counted_if_they_are_large(
    browser: Browser, busy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("errata.store.event_queries._FIRST_BATCH", 2)
    monkeypatch.setattr("errata.usecases.newest_events._MOST_BYTES", 500)
    send(busy, *[{"message": "boom", "fingerprint": "f", "release": "1"}] * 30)
    shown = browser.get(f"{issue_of(busy)}/tags").text
    found = re.search(r"of the newest (\d+) events", shown)
    assert found
    assert 2 <= int(found[1]) < 20


@pytest.mark.parametrize("value", [HOSTILE, "&" * 300, "\U0001f4a5" * 300, "x" * 9_000])
def test_hostile_values_are_shown_as_text(browser: Browser, busy: Project, value: str) -> None:
    send(
        busy,
        *(
            {
                "message": value,
                "fingerprint": "f",
                **dict.fromkeys(("release", "environment", "server_name", "url"), f"{n}{value}"),
                "user": {"email": f"{n}{value}"},
                "context": {"request": {"headers": {"User-Agent": value}}},
            }
            for n in range(25)
        ),
    )
    for path in (
        "tags",
        "events",
        "events?key=url&value=x",
        f"events?key={'x' * 500}&value=%00%22",
    ):
        for headers in ({}, HTMX):
            shown = browser.get(f"{issue_of(busy)}/{path}", headers)
            assert shown.status == 200
            assert shown.size <= MAX_BYTES
            only_our_markup(shown.html)
    link = next(iter(links(browser.get(f"{issue_of(busy)}/tags")).values()))
    found = browser.get(f"{issue_of(busy)}/events?{link.partition('?')[2]}")
    assert len(listed(found)) == 1


def test_the_page_names_the_keys_whose_values_a_search_may_miss(
    browser: Browser, busy: Project
) -> None:
    send(busy, {"message": "boom", "fingerprint": "f", "environment": "qa"})
    warning = "This issue has too many values of"
    assert warning not in browser.get(f"{issue_of(busy)}/tags").text
    pk = issues_partition(busy.id, 0)
    shelf.set_attribute(pk, issue_id(busy.id, "f"), "value_counts", {"user.id": 200, "tag": 200})
    page = browser.get(f"{issue_of(busy)}/tags", HTMX)
    assert f"{warning} user.id, tags. A search finds it only by some of them." in page.text
