"""Issues are merged on a page of their own, which shows similar ones."""

import pytest

from errata.models.ids import issue_id
from errata.usecases import projects, slugs
from tests.support.account import Project
from tests.support.browser import Browser
from tests.support.calls import recorded
from tests.support.pages import HOSTILE, MAX_BYTES, MAX_CALLS, only_our_markup, send


@pytest.fixture
def path(busy: Project) -> str:
    """Send three issues. Return the path of the first."""
    for message in ("no price for the cart", "no price for this cart", "disk full"):
        send(busy, {"message": message, "fingerprint": message, "exception_class": "PriceError"})
    return f"projects/{busy.id}/issues/{issue_id(busy.id, 'no price for the cart')}"


def test_a_similar_issue_is_merged_and_separated(
    browser: Browser, busy: Project, path: str
) -> None:
    other = issue_id(busy.id, "no price for this cart")
    name = f"{slugs.shown(projects.find(busy.id)).slug.upper()}-2"
    with recorded() as calls:
        page = browser.get(f"{path}/merge")
    assert len(calls) <= MAX_CALLS
    assert "no price for this cart" in page.text
    assert "disk full" not in page.text
    issue = browser.post(f"{path}/merge", member=other)
    assert "; 1 other issue merged by hand" in issue.text
    assert "All 2 events" in issue.text
    assert f"merged {name}" in issue.text
    listed = browser.get(f"projects/{busy.id}/issues").text
    assert name not in listed
    # Its page, its short id and its events lead to the head.
    for link in (f"projects/{busy.id}/issues/{other}", f"projects/{busy.id}/issues/{name}"):
        assert "All 2 events" in browser.get(link).text
    with recorded() as calls:
        browser.get(path)
    # One call for the members, and one of the index of events for each member.
    assert len(calls) <= MAX_CALLS + 2
    page = browser.post(f"{path}/merge", separate=other)
    assert "None yet. If you merge an issue into this one," in page.text
    assert name in browser.get(f"projects/{busy.id}/issues").text


def test_an_issue_of_the_same_file_is_similar(browser: Browser, busy: Project) -> None:
    cart, mail = "shop/cart/total_of_items.py", "mail/daily/send_reports.py"
    for title, file in (
        ("negative sum", cart),
        ("unexpected currency", cart),
        ("unexpected weekday", mail),
    ):
        send(busy, {"message": title, "fingerprint": title, "file": file})
    page = browser.get(f"projects/{busy.id}/issues/{issue_id(busy.id, 'negative sum')}/merge").text
    assert "unexpected currency" in page
    assert "unexpected weekday" not in page


def test_an_invalid_merge_shows_an_error_and_keeps_the_input(browser: Browser, path: str) -> None:
    browser.get(f"{path}/merge")
    refused = browser.post(f"{path}/merge", name="999")
    assert refused.status == 422
    assert "has no issue 999" in refused.text
    assert 'value="999"' in refused.html
    refused = browser.post(f"{path}/merge", name="1")
    assert (refused.status, "at least one other issue" in refused.text) == (422, True)


def test_the_page_of_hostile_issues_stays_small(browser: Browser, busy: Project) -> None:
    for name in "ab":
        send(busy, {"message": HOSTILE * 20, "culprit": HOSTILE, "fingerprint": name})
    page = browser.get(f"projects/{busy.id}/issues/{issue_id(busy.id, 'a')}/merge")
    assert len(page.html.encode()) <= MAX_BYTES
    only_our_markup(page.html)
