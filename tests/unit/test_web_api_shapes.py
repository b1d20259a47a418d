"""How the web API translates queries, and shows events, of any form."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.errors import InvalidInputError
from errata.models.event import Stored
from errata.models.ids import new_event_id, now_ms
from errata.protocol.query import EVENT_KEYS, parse_terms
from functions.web_api.event_schemas import event_details, event_schema, hex_id, hyphenated
from functions.web_api.issue_schemas import is_issue_id, issue_id_of, split_issue_id
from functions.web_api.queries import translated
from tests.support import fuzz
from tests.support.cpu import cpu_s

FAST = fuzz.bounded(60)
_WORDS = st.sampled_from(
    [
        *("is:unresolved", "is:muted", "!is:resolved", "lastSeen:+24h", "age:-7d", "level:fatal"),
        *("has:user", 'user:"id:7"', "project:shop", "event.type:error", "assigned:none"),
        *("release:[1.0, 1.1]", "[", "]", '"', "\\", ":", "!", "*", "tags[a]:b", "x:", "SHOP-1"),
    ]
)
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=12,
)
_PARTS = (
    *("exceptions", "threads", "frames", "breadcrumbs", "context", "tags", "logentry", "contexts"),
    *("extra", "modules", "sdk", "dist", "message", "release", "stack_trace", "platform"),
)


@FAST
@given(st.lists(_WORDS | st.text(max_size=6), max_size=6).map(" ".join))
def test_any_query_is_translated_or_refused(text: str) -> None:
    with suppress(InvalidInputError):
        ours, projects = translated(text)
        assert all(f"project:{each}" in text.replace('"', "") for each in projects)
        parse_terms(ours)


@pytest.mark.parametrize(
    ("sentrys", "ours", "projects"),
    [
        ("is:unresolved", "is:unresolved", []),
        ("is:muted !is:archived", "is:ignored !is:ignored", []),
        (
            "lastSeen:+24h firstSeen:>2026-11-01T10:00:30Z",
            "last-seen:<-24h first-seen:>2026-11-01T10:00",
            [],
        ),
        ('project:shop "project:x" level:fatal', '"project:x" level:error', ["shop"]),
        ("issue.category:error has:release !has:user", "release:* !user.id:*", []),
        ("assigned:[me] assigned_or_suggested:me", "assigned:me assigned:me", []),
        ("firstRelease:1.0 server_name:web-1", "first-release:1.0 server:web-1", []),
        ("message:timeout issue:SHOP-7", "timeout SHOP-7", []),
        ('views.py:42 "a b"', 'views.py:42 "a b"', []),
    ],
)
def test_sentry_s_terms_are_translated_into_errata_s(
    sentrys: str, ours: str, projects: list[str]
) -> None:
    assert translated(sentrys) == (ours, projects)


def test_a_long_query_takes_little_time() -> None:
    texts = ("[" * 1_000, '"' * 1_000, "a:" * 500, "!" * 1_000, 'x:"' + "\\" * 990)
    assert cpu_s(lambda: [translated(text) for text in texts], 1) < 1
    with pytest.raises(InvalidInputError):
        translated("a" * 1_001)


@FAST
@given(st.dictionaries(st.sampled_from(_PARTS), _JSON))
def test_any_event_is_shown(fields: dict[str, Any]) -> None:
    """A sender may put any JSON into any field."""
    sent: Any = {"level": "error", "fingerprint": "f", **fields}
    event = Stored("7", new_event_id(now_ms()), "0" * 32, 2**40, sent)
    json.loads(event_details(event, "1", None, None).model_dump_json(by_alias=True))
    json.loads(event_schema(event, None).model_dump_json(by_alias=True))


@FAST
@given(st.integers(0, 10**18 - 1), st.integers(1, 2**32 - 1))
def test_the_id_of_an_issue_has_its_project_and_number(project: int, number: int) -> None:
    made = issue_id_of(str(project), number)
    assert split_issue_id(made) == (str(project), number)
    assert is_issue_id(made) == (project > 0)
    assert not is_issue_id(str(number))


def test_an_event_id_has_two_forms() -> None:
    event_id = new_event_id(now_ms())
    assert hyphenated(hex_id(event_id)) == event_id
    assert parse_terms("user:7", EVENT_KEYS)
