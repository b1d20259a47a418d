"""Attachments of unmodified SDKs on the deployed stack, and what deletes them."""

import json
import secrets

import pytest
import requests

from dev.stack import LocalStack
from errata.config import settings
from errata.store import attachments as store
from errata.store import clients
from errata.usecases import attachments, members
from tests.clients.test_sdks import reporting
from tests.support.browser import signed_in
from tests.support.deployed import eventually
from tests.support.programs import run

NOISE = bytes(at * at % 251 for at in range(300_000))


@pytest.mark.parametrize("program", ["node/attachments.mjs", "python/attachments.py"])
def test_files_of_an_sdk_are_stored_with_their_event_until_it_expires(
    stack: LocalStack, program: str
) -> None:
    shop = reporting(stack)
    attachments.change(shop.id, True)
    run(program, shop.dsn)
    (event,) = eventually(shop.events, bool)
    assert [each["filename"] for each in event["attachments"]] == ["cart.json", "noise.bin"]
    assert event["attachments"][0]["content_type"] == "application/json"

    email = f"{secrets.token_hex(4)}@example.com"
    members.add("default", email, "owner")
    ((name, value),) = signed_in(email).cookies.items()
    files = []
    for number in range(2):
        path = f"projects/{shop.id}/events/{event['id']}/attachments/{number}"
        url = f"{stack.dashboard_url}/{path}"
        response = requests.get(url, headers={"Cookie": f"{name}={value}"}, timeout=60)
        assert response.status_code == 200, response.text
        assert response.headers["Content-Disposition"].startswith("attachment;")
        files.append(response.content)
    assert json.loads(files[0]) == {"number": 17}
    assert files[1] == NOISE

    # Delete the row, as its expiry does.
    store.delete_row(shop.id, event["event_id"])
    prefix = f"attachments/{shop.id}/"
    bucket = settings().maps_bucket
    listed = clients.s3().list_objects_v2
    eventually(
        lambda: listed(Bucket=bucket, Prefix=prefix).get("Contents", ()), lambda found: not found
    )
