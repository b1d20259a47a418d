"""What agents read has no personal data, unless they ask for it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.models.event import StoredEvent
from errata.models.issue import Activity, Issue
from errata.scrubbing.withheld import (
    activity_without,
    event_without,
    is_personal,
    issue_without,
    text_without,
)

USER = {"id": "user_88123", "email": "ada@example.com", "username": "lovelace", "ip_address": "::9"}


def without(fields: dict[str, Any]) -> Any:
    event: Any = fields
    stored: StoredEvent = event
    return event_without(stored)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no order for ada@example.com.", "no order for [withheld]."),
        ("GET /?email=ada%40example.com&n=1", "GET /?email=[withheld]&n=1"),
        ("refused 203.0.113.9:443", "refused [withheld]:443"),
        ("refused 2001:db8::9 twice", "refused [withheld] twice"),
        ("?user_id=42&page=2", "?user_id=[withheld]&page=2"),
        ('{"userId": 42}', '{"userId": [withheld]}'),
        ("12:30:45 version 1.2.3 at @app.route", "12:30:45 version 1.2.3 at @app.route"),
        ("w" * 190 + " to ada@exam", "w" * 190 + " to [withheld]"),
        ("to ada@exam… and on", "to [withheld]… and on"),
        ("", ""),
    ],
)
def test_addresses_and_ids_are_withheld_in_texts(text: str, expected: str) -> None:
    assert text_without(text) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *((name, True) for name in ("user", "userId", "USER_ID", "client_ip", "customer-email")),
        *((name, True) for name in ("user.name", "REMOTE_ADDR", "first_name", "clientIp")),
        *((name, False) for name in ("user_agent", "ship", "server_name", "id", "filename", "7")),
    ],
)
def test_personal_data_is_recognized_by_its_name(name: str, expected: bool) -> None:
    assert is_personal(name) == expected


def test_mentions_of_the_user_in_an_event_are_withheld() -> None:
    fields = {
        "message": "lovelace has no order (user_88123)",
        "context": {"user": USER, "request": {"url": "https://x.example/u/user_88123", "n": 88123}},
        "tags": {"user": "7", "plan": "gold", "seen by": "Lovelace"},
        "breadcrumbs": [
            {"message": "mail to ada@example.com from 203.0.113.9", "data": {"uid": 7}}
        ],
        "exceptions": [{"type": "E", "frames": [{"vars": {"email": "x", "cart": "[1]"}}]}],
    }
    found = without(fields)
    assert found["message"] == "[withheld] has no order ([withheld])"
    assert found["context"] == {"request": {"url": "https://x.example/u/[withheld]", "n": 88123}}
    # Only an e-mail address is the same in upper and lower case.
    assert found["tags"] == {"user": "[withheld]", "plan": "gold", "seen by": "Lovelace"}
    crumb = {"message": "mail to [withheld] from [withheld]", "data": {"uid": "[withheld]"}}
    assert found["breadcrumbs"] == [crumb]
    frame = {"vars": {"email": "[withheld]", "cart": "[1]"}}
    assert found["exceptions"] == [{"type": "E", "frames": [frame]}]
    assert fields["context"] == {"user": USER, "request": fields["context"]["request"]}  # type: ignore[index]


def test_addresses_in_an_issue_and_its_activity_are_withheld() -> None:
    issue = Issue("a", "f", "v2", "no ada@example.com", "c", "", "", 0, "")
    issue.servers = {"203.0.113.9": 2, "web-1": 1}
    found = issue_without(issue)
    assert (found.title, found.servers) == ("no [withheld]", {"[withheld]": 2, "web-1": 1})
    entry = activity_without(
        Activity(1, "assigned", "bob@example.com", detail="to ada@example.com")
    )
    assert (entry.by, entry.detail) == ("[withheld]", "to [withheld]")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["user", "id", "context", "email", "x"]), inner)
        ),
        max_leaves=12,
    ),
    st.sampled_from(["ada@example.com", "user_88123", "203.0.113.9"]),
)
def test_no_part_of_an_event_contains_the_identity_of_its_user(value: Any, called: str) -> None:
    fields: dict[str, Any] = {
        "context": {"user": {"id": called}, "extra": value},
        "tags": {"x": f"<{called}>"},
    }
    fields["message"] = f"for {called}: {json.dumps(value)}"
    assert called not in json.dumps(without(fields))
