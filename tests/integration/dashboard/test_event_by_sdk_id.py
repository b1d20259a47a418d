"""An SDK event id in an address or in the search leads to the event."""

import uuid

from tests.support import sdk
from tests.support.account import Project
from tests.support.browser import Browser, signed_in
from tests.support.calls import recorded
from tests.support.clients import events


def test_the_dashboard_redirects_to_the_event(browser: Browser, busy: Project) -> None:
    sdk_id = sdk.capture(busy)
    (event,) = events(busy)
    own = f"projects/{busy.id}/events/{event['id']}"
    for form in (sdk_id, sdk_id.upper(), str(uuid.UUID(sdk_id)), event["id"].upper()):
        with recorded() as calls:
            page = browser.get(f"projects/{busy.id}/events/{form}")
        assert (page.status, page.url.partition("/dashboard/")[2]) == (200, own)
        assert len(calls) <= 9
        as_json = browser.get(f"projects/{busy.id}/events/{form}/json")
        assert as_json.url.endswith(f"{own}/json")
    missing = browser.get(f"projects/{busy.id}/events/{'0' * 32}")
    assert (missing.status, "There is no such event." in missing.text) == (404, True)


def test_a_search_for_an_sdk_event_id_redirects_to_the_event(
    browser: Browser, busy: Project
) -> None:
    sdk_id = sdk.capture(busy)
    (event,) = events(busy)
    page = browser.get(f"projects/{busy.id}/issues?text={sdk_id}")
    assert page.url.endswith(f"projects/{busy.id}/events/{event['id']}")
    page = browser.get(f"projects/{busy.id}/issues?text={'0' * 32}")
    assert (page.status, page.url.partition("?")[0].endswith("/issues")) == (200, True)


def test_somebody_without_access_cannot_find_an_event_by_its_sdk_event_id(busy: Project) -> None:
    sdk_id = sdk.capture(busy)
    stranger = signed_in("nobody@example.com")
    for path in (f"events/{sdk_id}", f"events/{sdk_id}/json", f"issues?text={sdk_id}"):
        assert stranger.get(f"projects/{busy.id}/{path}").status == 404
