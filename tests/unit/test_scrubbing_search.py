"""The search in an event's JSON misses nothing that a walk through all values would replace."""

import copy
import json
import random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from errata.protocol.body import parse_object
from errata.scrubbing.built_in import scrub
from errata.scrubbing.fields import scrub_found
from errata.scrubbing.search import _AUTOMATON, SecretHints, find_hints
from errata.scrubbing.values import RULES
from tests.support import fuzz
from tests.support.planted import ALL, NAMES

EVERYTHING = SecretHints(True, True, list(RULES))
WORDS = (
    *("auth", "Auth", "AUTH", "pass", "otp", "Ssn", "key", "api", "token", "secret", "cookie"),
    *("session", "id", "card", "number", "two", "factor", "connect", "sid", "word", "symfony"),
    *("user", "agent", "x", "Y", "é", "a" * 40),
)
SIGNS = (
    *("", "_", "-", ".", " ", "%5B", "%", "\n", "\t", '"', "'", "\\", "/", "é", "\u2003", "\x08"),
    *("=", ": ", ":", "=>", " => ", '": "', "': '", '\\": \\"', "[", "]", "{", "}", ",", "&", "1"),
    *("`", " = ", "<", ">", "</", "%3D", "%22", "%3A", "('", "', '", "('token', 'a", "string(3) "),
    *("{ ", "Sid", "Session", ".AspNetCore.", "wordpress_", "\x0c", "%s", "%(x)s"),
    *("4111111111111111", "DE89370400440532013000", "4111 1111 1111 1111"),
    *("bearer ", "Basic\t", "http://", "@", "4", "[Filtered]", "null", "true"),
)
texts = st.lists(st.sampled_from((*WORDS, *SIGNS, *(text for text, _ in ALL.values()), *NAMES)))
short = texts.map(lambda parts: "".join(parts[:6]))
scalars = st.one_of(
    short, st.none(), st.booleans(), st.sampled_from((7, 4111111111111111, 1.5, 4111111111111111.0))
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(short, inner).map(list),
        st.dictionaries(short, inner, max_size=3),
        st.fixed_dictionaries({"key": short, "value": inner}),
        st.fixed_dictionaries({"name": short, "value": inner}),
        st.fixed_dictionaries({"message": short, "params": st.lists(inner, max_size=2)}),
        st.fixed_dictionaries({"cookies": st.dictionaries(short, inner, max_size=2)}),
    ),
    max_leaves=6,
)
events = st.dictionaries(
    st.sampled_from(("message", "extra", "modules", "request", "frames", "cookies")), values
)


def encode(value: Any, chance: random.Random, escapes: float) -> str:
    """Return JSON in which some characters are escaped, as different encoders do."""
    gap = chance.choice(("", " ", "\n  "))
    if isinstance(value, dict):
        items = (
            f"{encode(n, chance, escapes)}{gap}:{gap}{encode(v, chance, escapes)}"
            for n, v in value.items()
        )
        return f"{{{gap}{f'{gap},'.join(items)}{gap}}}"
    if isinstance(value, list):
        return f"[{gap}{f'{gap},{gap}'.join(encode(v, chance, escapes) for v in value)}{gap}]"
    if not isinstance(value, str):
        return json.dumps(value)
    ascii_only = chance.random() < 0.5
    letters = (
        f"\\u{ord(letter):04x}"
        if chance.random() < escapes
        else "\\/"
        if letter == "/" and chance.random() < 0.5
        else json.dumps(letter, ensure_ascii=ascii_only)[1:-1]
        for letter in value
    )
    return f'"{"".join(letters)}"'


@fuzz.bounded(150)
@example({"extra": [["auth\n", 1]]}, 0)
@example({"message": "account.DE89370400440532013000"}, 0)
@given(events, st.integers(0, 1_000))
def test_the_search_replaces_the_same_as_a_walk_through_all_values(
    event: dict[str, Any], seed: int
) -> None:
    chance = random.Random(seed)
    content = encode(event, chance, chance.choice((0, 0, 0.1)))
    sent = content.encode()
    searched, walked = parse_object(sent), parse_object(sent)
    by_search, by_walk = scrub(searched, sent), scrub_found(walked, EVERYTHING)
    assert by_search == by_walk, content
    assert searched == walked
    again = copy.deepcopy(parse_object(sent))
    assert scrub(again) == by_walk
    assert again == walked


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_by_form_is_found_by_the_search(rule: Any) -> None:
    matched = [text for text, _ in ALL.values() if rule.clean(text) != text]
    assert matched
    for text in matched:
        found = find_hints({"message": text})
        assert found
        assert rule in found.rules


@pytest.mark.parametrize(
    "letters", [bytes(range(256)), b"pasword_tken-:=%<> ", b'"token:\\ u00[]{},=', b"0123456789 -."]
)
def test_a_megabyte_of_other_text_hides_no_secret(letters: bytes) -> None:
    """RE2 says that nothing matches if its memory is too small."""
    text = bytes(random.Random(1).choices(letters, k=1_000_000))
    for planted, _ in ALL.values():
        content = json.dumps({"message": planted}).encode()
        alone = set(_AUTOMATON.Match(content))
        assert alone <= set(_AUTOMATON.Match(text + content)), planted


def test_a_secret_with_an_escaped_slash_is_replaced() -> None:
    fields = {"extra": "whsec_Zq7Vx2Lm/9Kp4Rt6Wn8Yb3Cd5Fg1"}
    content = json.dumps(fields).replace("/", "\\/").encode()
    assert [each["rule"] for each in scrub(fields, content)] == ["webhook-secret"]


def test_ordinary_events_have_no_hints_of_secrets() -> None:
    event = {
        "message": "no author, monkey or footprint found",
        "user": {"id": "7", "session": None, "passed": True},
        "request": {"headers": {"User-Agent": "curl"}, "cookies": {"theme": "dark"}},
        "extra": {"token": "[Filtered]", "password": "", "otp": None, "ids": [1764430000123456]},
        "modules": {"pyjwt": "2.8.0", "google-auth": "2.1", "passlib": "1"},
    }
    assert find_hints(event) is None
    assert find_hints(event, json.dumps(event).encode()) is None
    assert find_hints({**event, "extra": {"modules": event["modules"]}})
