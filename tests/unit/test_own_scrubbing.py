"""Rules of a project for scrubbing: how they are read, what they match, and what that costs."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.scrubbing import FILTERED
from errata.scrubbing.addresses import without_email_addresses, without_ip_addresses
from errata.scrubbing.own import scrub_with
from errata.scrubbing.own_rules import (
    MAX_BYTES,
    MAX_EXEMPT,
    MAX_NAMES,
    MAX_PATTERN,
    MAX_PATTERNS,
    WrongScrubbingRulesError,
    parse_rules,
)
from tests.support import fuzz
from tests.support.cpu import cpu_s

SIZE = 300_000
ADDRESSES = "ip-addresses: on\nemail-addresses: on"


def scrubbed(rules: str, **fields: Any) -> dict[str, Any]:
    """Return an event after these rules have scrubbed it."""
    own, _ = parse_rules(rules)
    scrub_with(own, fields)
    return fields


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("nonsense", "it must begin with name:, exempt:, pattern:, ip-addresses: or"),
        ("Name : x", "it must begin with"),
        ("name:", "a name has 1 to 5 words"),
        ("name: 12", "a name has 1 to 5 words"),
        ("name: größe", "a name has 1 to 5 words"),
        ("name: a b c d e f", "a name has 1 to 5 words"),
        ("exempt: extra..a", "a path has names with a dot between them"),
        ("exempt:", "a path has names with a dot between them"),
        ("exempt: extra.page_*", "`*` stands for a whole name"),
        ("exempt: " + "a" * 201, "the path has more than 200 characters"),
        ("pattern:", "there is no pattern"),
        ("pattern: (a", "RE2 does not accept the pattern: missing ): (a."),
        ("pattern: (?=a)", "RE2 does not accept the pattern: invalid perl operator"),
        ("pattern: (\\pL{90}){9}", "RE2 does not accept the pattern: pattern too large"),
        ("pattern: " + "x" * (MAX_PATTERN + 1), "the pattern has more than 200 characters"),
        *(
            (f"pattern: {each}", "the pattern also matches an empty text")
            for each in ("a*", "\\b", "\\B", "^", "$", "(?m)^", "(?m)$", "x?$", "|a", "()")
        ),
        ("ip-addresses: off", "the value must be on"),
        ("email-addresses: yes", "the value must be on"),
    ],
)
def test_a_wrong_line_is_named(line: str, complaint: str) -> None:
    with pytest.raises(WrongScrubbingRulesError) as refused:
        parse_rules(f"# a comment\n\nname: x\n{line}")
    (complained,) = refused.value.complaints
    assert complained.startswith(f"Line 4: {complaint}")


@pytest.mark.parametrize(
    ("line", "most"),
    [("name: x", MAX_NAMES), ("exempt: x", MAX_EXEMPT), ("pattern: x", MAX_PATTERNS)],
)
def test_each_kind_of_line_has_a_maximum_number(line: str, most: int) -> None:
    assert parse_rules(f"{line}\n" * most)[1] == most
    with pytest.raises(WrongScrubbingRulesError, match=f"At most {most} are allowed"):
        parse_rules(f"{line}\n" * (most + 1))


def test_all_rules_together_have_a_maximum_size_and_ten_complaints() -> None:
    with pytest.raises(WrongScrubbingRulesError, match="more than 8,000 bytes"):
        parse_rules("#" * (MAX_BYTES + 1))
    with pytest.raises(WrongScrubbingRulesError, match="too large together"):
        parse_rules("pattern: [a-q][^u-z]{120}x\n" * MAX_PATTERNS)
    with pytest.raises(WrongScrubbingRulesError) as refused:
        parse_rules("x\n" * 99)
    assert len(refused.value.complaints) == 10


def test_names_are_compared_by_words() -> None:
    secret = ("customer_number", "CustomerNumber", "old-customer-number", "customer_number_type")
    plain = ("customer", "number", "number_customer", "customers_numbers", "spinner")
    found = scrubbed(
        "name: Customer number\nname: pin", extra=dict.fromkeys((*secret, *plain), 1.5)
    )
    assert found["extra"] == dict.fromkeys(secret, FILTERED) | dict.fromkeys(plain, 1.5)
    found = scrubbed("name: pin", message="pin=1&pink=2 {'cardPin': 3} \"spin\": 4", pin=True)
    assert found == {
        "message": f"pin={FILTERED}&pink=2 {{'cardPin': {FILTERED}}} \"spin\": 4",
        "pin": True,
    }


def test_patterns_match_texts_names_and_numbers() -> None:
    rules = "pattern: \\bEMP-\\d{6}\\b\npattern: (?i)kunde\npattern: ^777\\d+$"
    found = scrubbed(
        rules,
        message="EMP-204817, emp-204817, EMP-2048171, KUNDE",
        extra={"EMP-000001": {"kunden": 777123, "at": 777.5}},
        debug_meta={"x": "kunde"},
        modules={"kunde": "1"},
    )
    assert found == {
        "message": f"{FILTERED}, emp-204817, EMP-2048171, {FILTERED}",
        "extra": {FILTERED: {f"{FILTERED}n": FILTERED, "at": 777.5}},
        "debug_meta": {"x": "kunde"},
        "modules": {FILTERED: "1"},
    }


@pytest.mark.parametrize(
    ("pattern", "clean"),
    [
        ("^EMP$", f"a EMP|{FILTERED}|EMP b|EMP\nEMP"),
        ("(?m)^EMP$", f"a EMP|{FILTERED}|EMP b|{FILTERED}\n{FILTERED}"),
        ("\\AEMP", f"a EMP|{FILTERED}|{FILTERED} b|{FILTERED}\nEMP"),
        ("EMP\\z", f"a {FILTERED}|{FILTERED}|EMP b|EMP\n{FILTERED}"),
        ("(?-m:^)EMP(?-m:$)|\\Aa", f"{FILTERED} EMP|{FILTERED}|EMP b|EMP\nEMP"),
        ("\\bEMP\\B", "a EMP|EMP|EMP b|EMP\nEMP"),
    ],
)
def test_anchors_match_at_the_ends_of_a_text_or_of_its_lines(pattern: str, clean: str) -> None:
    texts = ["a EMP", "EMP", "EMP b", "EMP\nEMP"]
    assert "|".join(scrubbed(f"pattern: {pattern}", extra=texts)["extra"]) == clean


def test_a_text_with_very_many_matches_is_replaced_as_a_whole() -> None:
    assert scrubbed("pattern: x", message="ax" * 100)["message"] == f"a{FILTERED}" * 100
    assert scrubbed("pattern: x", message="ax" * 101)["message"] == FILTERED


def test_a_valid_event_id_and_timestamp_are_not_scrubbed() -> None:
    event = {"event_id": "0" * 32, "timestamp": "2026-11-29T12:00:00Z"}
    assert scrubbed("pattern: \\d+", **event) == event
    planted = {"event_id": "user 12", "timestamp": "user 12"}
    assert set(scrubbed("pattern: \\d+", **planted).values()) == {f"user {FILTERED}"}


@pytest.mark.parametrize(
    "path",
    [
        *(
            "extra.a.token",
            "extra.*.token",
            "**.token",
            "extra.**",
            "extra",
            "*.a",
            "**",
            "**.*.token",
        ),
        *("extra.**.token", "**.**.token", "extra.a.token.**"),
    ],
)
def test_a_value_at_an_exempt_path_is_not_scrubbed(path: str) -> None:
    rules = f"name: badge\n{ADDRESSES}\nexempt: {path}"
    value = {"badge": "1", "at": "192.0.2.7", "card": 4111111111111111, "n": None}
    found = scrubbed(rules, extra={"a": {"token": value}}, user={"email": "x"})
    assert found["extra"] == {"a": {"token": value}}
    assert path == "**" or found["user"]["email"] == FILTERED


@pytest.mark.parametrize(
    "path", ["extra.token", "*.token", "extra.*.*", "token", "extra.a.b.**", "Extra.a.token"]
)
def test_a_path_that_does_not_match_the_exemption_is_scrubbed(path: str) -> None:
    deep = path == "extra.*.*"
    found = scrubbed(
        f"exempt: {path}",
        **{"other": {"x": {"y": {"token": "s"}}}} if deep else {"extra": {"a": {"token": "s"}}},
    )
    assert FILTERED in json.dumps(found)


def test_an_exempt_path_may_have_array_indexes_and_names_with_dots() -> None:
    found = scrubbed(
        "exempt: extra.list.1.token\nexempt: request.cookies.connect.sid",
        extra={"list": [{"token": "a"}, {"token": "b"}]},
        request={"cookies": {"connect.sid": "c"}},
    )
    assert found["extra"] == {"list": [{"token": FILTERED}, {"token": "b"}]}
    assert found["request"] == {"cookies": {"connect.sid": "c"}}


def test_patterns_apply_to_exempt_parts_too() -> None:
    found = scrubbed("exempt: extra\npattern: EMP-\\d+", extra={"token": ["EMP-1", "b"]})
    assert found == {"extra": {"token": [FILTERED, "b"]}}


def test_an_exempt_path_within_a_secret_is_replaced_with_it() -> None:
    found = scrubbed("exempt: extra.credentials.id", extra={"credentials": {"id": 1}})
    assert found == {"extra": {"credentials": FILTERED}}


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (
            "192.0.2.7:80, 010.1.1.1 1.2.3.4.5 256.1.1.1 v1.2.3.4 0.0.0.0",
            "_:80, 010.1.1.1 1.2.3.4.5 256.1.1.1 v1.2.3.4 _",
        ),
        (
            "db.example.com/10.0.0.1:5432, 10.0.0.1. Or [10.0.0.1]",
            "db.example.com/_:5432, _. Or [_]",
        ),
        ("2001:db8::1, fe80::1%eth0 ::ffff:192.0.2.1 [::1]:80", "_, _%eth0 _ [_]:80"),
        ("connect to 2001:DB8:0:0:1:2:3:4: refused", "connect to _: refused"),
        (
            "at 12:34:56 00:1a:2b:3c:4d:5e Foo::Bar a::b::c std:: :: 1:2",
            "at 12:34:56 00:1a:2b:3c:4d:5e Foo::Bar a::b::c std:: :: 1:2",
        ),
    ],
)
def test_ip_addresses_in_texts_are_replaced(text: str, clean: str) -> None:
    assert without_ip_addresses(text).replace(FILTERED, "_") == clean
    found = scrubbed("ip-addresses: on", message=text)["message"]
    assert found.replace(FILTERED, "_") == clean


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Zoë <zoë.x+y@mail.example.com>, a@b.", "Zoë <_>, a@b."),
        ("mailto:ada@example.com?to=ada%40example.com", "mailto:_?to=_"),
        ("root@localhost @decorator a@ @b.c foo@1.2", "root@localhost @decorator a@ @b.c foo@1.2"),
    ],
)
def test_email_addresses_in_texts_are_replaced(text: str, clean: str) -> None:
    assert without_email_addresses(text).replace(FILTERED, "_") == clean
    found = scrubbed("email-addresses: on", message=text)["message"]
    assert found.replace(FILTERED, "_") == clean


def test_address_fields_are_replaced_and_versions_like_addresses_are_not() -> None:
    event = {
        "user": {"ip_address": "{{auto}}", "email": "at home", "email_sent": "yes"},
        "request": {
            "headers": [["X-Forwarded-For", "unknown"], ["User-Agent", "Chrome/120.0.0.0"]],
            "env": {"REMOTE_ADDR": "hidden", "HTTP_X_REAL_IP": "hidden", "SERVER_NAME": "x"},
        },
        "contexts": {"browser": {"version": "120.0.0.0"}},
        "release": "shop@1.2.3.4",
    }
    found = scrubbed(ADDRESSES, **json.loads(json.dumps(event)))
    user, request = found.pop("user"), found.pop("request")
    assert user == {"ip_address": FILTERED, "email": FILTERED, "email_sent": "yes"}
    assert request == {
        "headers": [["X-Forwarded-For", FILTERED], ["User-Agent", "Chrome/120.0.0.0"]],
        "env": {"REMOTE_ADDR": FILTERED, "HTTP_X_REAL_IP": FILTERED, "SERVER_NAME": "x"},
    }
    assert found == {name: event[name] for name in ("contexts", "release")}


def test_replacements_are_noted_without_secrets_in_names() -> None:
    own, _ = parse_rules("name: badge\npattern: ^EMP-\\d+$\nemail-addresses: on")
    noted = scrub_with(
        own,
        {
            "extra": {"EMP-1": {"password": "x"}},
            "tags": {"a@b.cd": {"badge": 7}},
            "message": "a@b.cd",
        },
    )
    assert noted == [
        {"field": f"extra.{FILTERED}.password", "rule": "name"},
        {"field": f"extra.{FILTERED}", "rule": "in-name"},
        {"field": f"tags.{FILTERED}", "rule": "in-name"},
        {"field": f"tags.{FILTERED}.badge", "rule": "own-name"},
        {"field": "message", "rule": "email-address"},
    ]


# ------------------------------------------------------------------ any event

_NAMES = st.one_of(
    st.sampled_from(["a", "b", "x", "badge", "value", "key", "frames", "filename", "modules"]),
    st.sampled_from(["debug_meta", "token", "event_id", "timestamp", "", "a.b", "aab", "1.2.3.4"]),
)
_LEAVES = st.one_of(
    st.sampled_from([None, True, 1.5, 123, 12345, "aab", "1.2.3.4", "a@b.cd", "badge=1", "::1"]),
    st.text(st.characters(categories=["L", "P"]), max_size=4),
)
_TREES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=15,
)


@fuzz.bounded(60)
@given(st.dictionaries(_NAMES, _TREES, max_size=5))
def test_any_event_stays_json_is_scrubbed_once_and_changes_only_with_a_note(
    event: dict[str, Any],
) -> None:
    own, _ = parse_rules(
        f"name: badge\nexempt: **.x.*\nexempt: a.b\npattern: a+b|^\\d{{3}}$\n{ADDRESSES}"
    )
    clean = json.loads(json.dumps(event))
    noted = scrub_with(own, clean)
    assert noted or clean == event
    assert "_Exempt" not in {type(each).__name__ for each in leaves(clean)}
    again = json.loads(json.dumps(clean))
    scrub_with(own, again)
    assert again == clean


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from leaves(each)
    else:
        yield value


# ------------------------------------------------------------------ hostile

# Backtracking engines take exponential or quadratic time for these.
HOSTILE_RULES = f"""
name: badge
exempt: **.*.a.*.b
pattern: (x+x+)+y
pattern: .*b|x
pattern: (?i)[a-z]{{50}}\\d
pattern: (a|aa)+$
{ADDRESSES}
"""
HOSTILE: dict[str, Any] = {
    **{part: part for part in ("a", "x", "@", "a@", "a@b", "a@b.c ", "%40", "1.", "1.1.1.1 ", ":")},
    **{part: part for part in ("a:", "::1 ", "badge=1 ", "aB", "ab ", "é")},
    "numbers": [1] * 80_000,
    "texts": ["x"] * 70_000,
    "objects": [{"a": {"b": 1}}] * 20_000,
    "names": {f"{n:x}": n for n in range(25_000)},
    "dots": {"." * 150_000: 1},
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_events_take_linear_time(kind: str) -> None:
    own, _ = parse_rules(HOSTILE_RULES)
    value = HOSTILE[kind]
    if type(value) is str:
        value = value * (SIZE // len(value))
    written = json.dumps(value)
    assert cpu_s(lambda: scrub_with(own, {"extra": {"a": json.loads(written)}}), 4) < 4
