"""The page of a release, and the searches that it links to."""

import html
import re
from urllib.parse import urljoin

import pytest

from errata.models.ids import issue_id
from errata.models.issue_change import RESOLVE, Change
from errata.usecases import issues, merge, projects
from tests.support.account import Clock, Project
from tests.support.browser import Browser, Shown
from tests.support.calls import recorded
from tests.support.pages import HOSTILE, MAX_BYTES, OWNER, only_our_markup, send
from tests.support.visible import visible_in

# The session, releases, two changes of two releases and their issues, and resolved ones.
MAX_CALLS = 14
HOUR_S = 3_600


@pytest.fixture
def shipped(busy: Project, clock: Clock) -> Project:
    """Two releases: 1.0 had two new issues, 1.1 has four, and one that was resolved is back."""

    def arrive(name: str, release: str, user: int = 1) -> None:
        clock.advance(60)
        send(busy, {"message": name, "fingerprint": name, "release": release, "user": {"id": user}})

    arrive("old", "shop@1.0")
    arrive("mended", "shop@1.0")
    issues.resolve(visible_in(busy.id), issue_id(busy.id, "mended"), OWNER)
    clock.advance(5 * HOUR_S)
    for n, name in enumerate(("one", "two", "three", "four", "old", "mended", "four")):
        arrive(name, "shop@1.1", n % 3)
    return busy


def linked(shown: Shown, text: str) -> str:
    found = re.search(rf'<a [^>]*?href="([^"]*)"[^>]*>{re.escape(text)}</a>', shown.html)
    assert found, shown.text
    return urljoin(shown.url, html.unescape(found[1]))


def titles(shown: Shown) -> set[str]:
    return set(re.findall(r'class="(?:issue-)?title"[^>]*>(?:<b>)?([a-z ]+)<', shown.html))


def test_a_release_shows_whether_it_is_worse_and_links_to_its_issues(
    shipped: Project, browser: Browser
) -> None:
    listed = browser.get(f"projects/{shipped.id}/releases")
    assert re.findall(r">(shop@1\.\d)</a>", listed.html) == ["shop@1.1", "shop@1.0"]
    with recorded() as calls:
        shown = browser.get(linked(listed, "shop@1.1"))
    assert len(calls) <= MAX_CALLS
    assert "Worse than shop@1.0: 3 more new or regressed issues" in shown.text
    assert "shop@1.1: 4 new issues, 1 regressed, 7 events an hour" in shown.text
    assert "New issues 4 2 Regressed 1 0 Users of new issues 3 2 Events 7 2" in shown.text
    new = browser.get(linked(shown, "New issues: 4"))
    assert titles(new) == {"one", "two", "three", "four"}
    assert new.value("query") == "first-release:shop@1.1"
    assert titles(browser.get(linked(shown, "Regressed issues: 1"))) == {"mended"}
    before = browser.get(linked(shown, "Release before"))
    assert "The first release: there is no earlier one to compare it with" in before.text
    assert "2 new issues" in before.text


def test_a_deleted_issue_is_not_counted_as_new(shipped: Project, browser: Browser) -> None:
    issues.delete(visible_in(shipped.id), issue_id(shipped.id, "two"), OWNER)
    listed = browser.get(f"projects/{shipped.id}/releases")
    shown = browser.get(linked(listed, "shop@1.1"))
    assert titles(browser.get(linked(shown, "New issues: 3"))) == {"one", "three", "four"}


def test_merged_issues_are_counted_as_one_new_issue(shipped: Project, browser: Browser) -> None:
    found, visible = projects.find(shipped.id), visible_in(shipped.id)
    for head, member in (("one", "two"), ("old", "three")):
        ids = [issue_id(shipped.id, each) for each in (head, member)]
        merge.merge(found, visible, ids[0], ids[1:], OWNER)
    listed = browser.get(f"projects/{shipped.id}/releases")
    with recorded() as calls:
        shown = browser.get(linked(listed, "shop@1.1"))
    # The members of the heads, and the head that is not new.
    assert len(calls) <= MAX_CALLS + 2
    assert "shop@1.1: 3 new issues, 1 regressed, 7 events an hour" in shown.text
    new = browser.get(linked(shown, "New issues: 3"))
    # The old one has a member that is new.
    assert titles(new) == {"one", "old", "four"}


def test_a_release_is_compared_with_a_chosen_release(
    shipped: Project, browser: Browser, clock: Clock
) -> None:
    clock.advance(60)
    send(shipped, {"message": "old", "fingerprint": "old", "release": "shop@1.2"})
    listed = browser.get(f"projects/{shipped.id}/releases")
    path = linked(listed, "shop@1.2")
    shown = browser.get(path)
    assert "Better than shop@1.1: 5 fewer new or regressed issues" in shown.text
    options = dict(re.findall(r'<option value="(\w+)"[^>]*>(shop@[\d.]+)<', shown.html))
    first = next(value for value, name in options.items() if name == "shop@1.0")
    assert "Better than shop@1.0: 2 fewer" in browser.get(f"{path}?with={first}").text
    assert browser.get(f"{path}?with={'0' * 24}").status == 404
    assert browser.get(f"projects/{shipped.id}/releases/{'0' * 24}").status == 404


def test_issues_that_are_resolved_in_a_release_are_shown_with_it(
    shipped: Project, browser: Browser
) -> None:
    change = Change(RESOLVE, release="shop@1.1")
    issues.change(visible_in(shipped.id), issue_id(shipped.id, "old"), change, OWNER)
    listed = browser.get(f"projects/{shipped.id}/releases")
    shown = browser.get(linked(listed, "shop@1.1"))
    found = browser.get(linked(shown, "Resolved issues: 1"))
    assert titles(found) == {"old"}
    assert found.value("query") == "resolved-in:shop@1.1"
    for text in ("!resolved-in:* is:resolved", "resolved-in:shop@1.0", "resolved-in:* is:open"):
        assert titles(browser.get(f"projects/{shipped.id}/issues?query={text}")) == set()


def test_the_following_release_links_to_issues_resolved_in_the_next_release(
    shipped: Project, browser: Browser
) -> None:
    change = Change(RESOLVE, in_next=True)
    issues.change(visible_in(shipped.id), issue_id(shipped.id, "one"), change, OWNER)
    send(shipped, {"message": "x", "fingerprint": "x", "release": "shop@1.2"})
    shown = browser.get(linked(browser.get(f"projects/{shipped.id}/releases"), "shop@1.2"))
    found = browser.get(linked(shown, "resolved in the next release after shop@1.1"))
    assert found.value("query") == "resolved-after:shop@1.1"
    assert titles(found) == {"one"}
    for text in ("resolved-in:*", "resolved-after:shop@1.0", "resolved-after:* is:open"):
        assert titles(browser.get(f"projects/{shipped.id}/issues?query={text}")) == set()


def test_the_page_of_a_release_with_a_hostile_name_stays_small(
    browser: Browser, busy: Project
) -> None:
    for n in range(12):
        name = f"{n}{HOSTILE * 5}"
        send(busy, {"message": f"{n}{HOSTILE}", "fingerprint": f"{n}", "release": name})
    send(busy, *[{"message": HOSTILE, "fingerprint": f"x{n}", "release": name} for n in range(30)])
    listed = browser.get(f"projects/{busy.id}/releases")
    for each in re.findall(r'href="releases/(\w+)"', listed.html)[:3]:
        shown = browser.get(f"projects/{busy.id}/releases/{each}")
        assert shown.status == 200
        assert shown.size <= MAX_BYTES
        only_our_markup(shown.html)
        for link in re.findall(r'href="([^"]*query=[^"]*)"', shown.html):
            assert browser.get(urljoin(shown.url, html.unescape(link))).status == 200
