"""Suggestions for a term of a search: which there are, and what they cost."""

from typing import Any

import pytest

from errata.protocol.issues import read_query
from errata.protocol.query import parse_terms
from errata.usecases import clear_project
from errata.usecases.issues import search
from errata.usecases.suggest import HINTS, environments, suggest
from tests.support import stream
from tests.support.account import Clock, Project
from tests.support.calls import recorded
from tests.support.pages import HOSTILE
from tests.support.vendors import strings
from tests.support.visible import visible_in

NOW_MS = 1_796_000_000_000
MINUTE_MS = 60_000
LONG = "x" * 300


def put(project: Project, *events: dict[str, Any]) -> None:
    """Count events, each a minute after the one before. The last one is from now."""
    begin = NOW_MS - (len(events) - 1) * MINUTE_MS
    for n, fields in enumerate(events):
        event = {"message": "boom", "fingerprint": f"{n}"} | fields
        stream.put([stream.event(project.id, begin + n * MINUTE_MS, **event)])
    assert stream.deliver(stream.records()) == []


def terms(project: Project, text: str) -> list[str]:
    visible = visible_in(project.id, NOW_MS)
    with recorded() as calls:
        found = suggest(visible, text)
    assert len(calls) <= 6
    assert {call.operation for call in calls} <= {"Query"}
    return [each.term for each in found]


def test_each_term_has_its_suggestions(busy: Project, clock: Clock) -> None:
    clock.ns = NOW_MS * 10**6
    put(
        busy,
        {"release": "shop@2.0", "environment": "staging", "tags": {"browser": "Firefox"}},
        {"release": "shop@10.0", "environment": "qa env", "tags": {"a]b": "x", "build": "1"}},
        {"release": "other", "environment": "production", "tags": {"browser": 'a"b\\c*d'}},
        {"url": f"https://x.io/{LONG}", "context": {"user": {"id": 7, "email": "a@x.io"}}},
        {"transaction": "first\nsecond", "logger": HOSTILE},
    )
    for text, expected in (
        ("env", ["environment:"]),
        ("!email", ["!user.email:"]),
        ("is:re", ["is:regressed", "is:resolved"]),
        ("!level:w", ["!level:warning"]),
        ("last-seen:<-2", ["last-seen:<-24h"]),
        ("first-seen:x", []),
        # The newest come first.
        ("release:", ["release:other", "release:shop@10.0", "release:shop@2.0"]),
        ('!release:"shop@2', ["!release:shop@2.0"]),
        ("release:*", []),
        ("environment:q", ['environment:"qa env"']),
        ("user.id:", ["user.id:7"]),
        ("user.email:a@", ["user.email:a@x.io"]),
        ("tags[b", ["tags[browser]:", "tags[build]:"]),
        ("!tags[a", [r"!tags[a\]b]:"]),
        ("tags[browser]:", [r'tags[browser]:"a\"b\\c\*d"', "tags[browser]:Firefox"]),
        (r"tags[a\]b]:", [r"tags[a\]b]:x"]),
        ("transaction:", ["transaction:first*second"]),
        ("a" * 301, []),
    ):
        assert terms(busy, text) == expected, text
    (url,) = terms(busy, "url:")
    assert url.startswith('url:"https://x.io/xxx')
    assert url.endswith('x*"')
    (logger,) = terms(busy, "logger:")
    assert parse_terms(logger)[0].value == HOSTILE
    assert environments(visible_in(busy.id, NOW_MS)) == ["production", "qa env", "staging"]
    assert len(terms(busy, "")) == len(HINTS)


def test_a_frequent_value_does_not_hide_the_others(busy: Project, clock: Clock) -> None:
    clock.ns = NOW_MS * 10**6
    rare = [{"environment": name, "fingerprint": name} for name in ("aaa", "dev", "qa")]
    often = [{"environment": "production", "fingerprint": f"{n}"} for n in range(70)]
    for some in (rare, often[:35], often[35:]):
        put(busy, *some)
    assert set(terms(busy, "environment:")) == {
        f"environment:{name}" for name in ("production", "aaa", "dev", "qa")
    }
    many = [{"release": f"{n:03d}", "fingerprint": "one"} for n in range(60)]
    put(busy, *many)
    found = terms(busy, "release:")
    assert found == [f"release:{n:03d}" for n in range(59, 51, -1)]


def test_cleared_and_expired_values_are_not_suggested(busy: Project, clock: Clock) -> None:
    clock.ns = NOW_MS * 10**6
    put(busy, {"environment": "production"})
    assert terms(busy, "environment:") == ["environment:production"]
    later = visible_in(busy.id, NOW_MS + 60 * 86_400_000)
    assert suggest(later, "environment:") == []
    clear_project.clear(busy.id)
    assert terms(busy, "environment:") == []


@pytest.mark.parametrize("key", ["release", "assigned", "tags[a]"])
def test_no_query_has_a_key_that_is_too_long_for_dynamodb(busy: Project, key: str) -> None:
    visible = visible_in(busy.id)
    with recorded() as calls:
        assert search(visible, read_query(f"{key}:{'é' * 900}*")).issues == []
        assert suggest(visible, f"{key}:{'\U0001f4a5' * 280}") == []
    texts = [each for call in calls for each in strings(call.parameters)]
    assert max(len(each.encode()) for each in texts) <= 1024
