"""User feedback and attachments, as the web API returns them."""

import json
import re
from typing import Any

from errata.models.ids import now_ms
from errata.usecases import attachments, projects
from errata.usecases.projects import operator_access
from functions.web_api.feedback_schemas import AttachmentSchema, FeedbackSchema
from tests.support import sdk
from tests.support.account import Clock, new_project
from tests.support.bundles import make_bucket
from tests.support.fresh import clear_cache
from tests.support.shop import TIMEOUT, Shop

EVENT = "fc6d8c0c43fc4630ad850ee518f1b9d0"
PAGE = b"\x89PNG <script>alert(1)</script>"
FILES = [
    {
        "filename": 'page "1".png',
        "content_type": "image/png",
        "size": len(PAGE),
        "attachment_type": "event.attachment",
    },
    {"filename": "state", "size": 2, "attachment_type": "event.view_hierarchy"},
]


def write(shop: Shop, *comments: str) -> None:
    reports = [{"event_id": EVENT, "name": "Kim", "comments": each} for each in comments]
    body = sdk.envelope(*(sdk.item("user_report", each) for each in reports))
    assert sdk.post(shop.project, body).status == 200


def send_with_files(shop: Shop) -> str:
    """Store an event with files. Return its id."""
    make_bucket()
    (event_id,) = shop.send(TIMEOUT | {"event_id": EVENT, "attachments": FILES})
    access = operator_access(projects.find(shop.id))
    attachments.keep([PAGE, b"{}"], EVENT, access, now_ms())
    return event_id


def test_feedback_has_the_form_of_sentry_s_api(shop: Shop) -> None:
    write(shop, "It broke.")
    (found,) = shop.get("user-feedback/")
    FeedbackSchema.model_validate_json(json.dumps(found))
    expected: dict[str, Any] = {
        "comments": "It broke.",
        "name": "Kim",
        "email": "",
        "eventID": EVENT,
        "event": {"id": None, "eventID": EVENT},
        "issue": None,
        "user": None,
    }
    assert {name: found[name] for name in expected} == expected


def test_feedback_comes_in_pages_newest_first(shop: Shop, clock: Clock) -> None:
    for number in range(5):
        write(shop, f"number {number}")
        clock.advance(1)
    path, read = "user-feedback/?per_page=2", []
    for _ in range(3):
        page = shop.call("GET", path)
        read += [each["comments"] for each in page.json]
        found = re.search(r'<[^>]*(/api[^>]+)>; rel="next"; results="true"', page.headers["Link"])
        path = found[1] if found else ""
    assert (read, path) == ([f"number {n}" for n in (4, 3, 2, 1, 0)], "")


def test_attachments_are_listed_by_either_id_of_their_event(shop: Shop) -> None:
    event_id = send_with_files(shop)
    found = shop.get(f"events/{EVENT}/attachments/")
    assert shop.get(f"events/{event_id}/attachments/") == found
    for each in found:
        AttachmentSchema.model_validate_json(json.dumps(each))
    shown = [(each["id"], each["name"], each["mimetype"], each["size"]) for each in found]
    assert shown == [
        ("0", 'page "1".png', "image/png", len(PAGE)),
        ("1", "state", "application/octet-stream", 2),
    ]
    assert {each["event_id"] for each in found} == {EVENT}
    assert shop.get(f"events/{EVENT}/attachments/1/") == found[1]


def test_an_attachment_is_downloaded_and_never_rendered(shop: Shop) -> None:
    send_with_files(shop)
    for way in ("url", "gateway"):
        response = shop.call("GET", f"events/{EVENT}/attachments/0/?download=1", way=way)
        assert (response.status, response.text.encode("latin-1")) == (200, PAGE)
        # The content type that the sender gave is not used.
        assert response.headers["Content-Type"] == "application/octet-stream"
        assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert response.headers["Content-Disposition"] == (
            "attachment; filename*=UTF-8''page%20%221%22.png"
        )


def test_a_missing_attachment_is_404(shop: Shop) -> None:
    send_with_files(shop)
    missing = [f"events/{EVENT}/attachments/{each}/" for each in ("2", "-1", "x", "0000", "²")]
    missing += [f"{each}?download=1" for each in missing] + [f"events/{'0' * 32}/attachments/"]
    assert [shop.call("GET", each).status for each in missing] == [404] * len(missing)
    clear_cache()
    other = Shop(new_project(), shop.token)
    assert other.call("GET", f"events/{EVENT}/attachments/0/?download=1").status == 404


def test_an_attachment_that_was_not_stored_is_404(shop: Shop) -> None:
    make_bucket()
    shop.send(TIMEOUT | {"event_id": EVENT, "attachments": FILES})
    response = shop.call("GET", f"events/{EVENT}/attachments/0/?download=1")
    assert response.status == 404
    assert "not stored" in response.text
