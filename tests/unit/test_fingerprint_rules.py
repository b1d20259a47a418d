"""A project's own rules for fingerprints: how they are written, and what they match."""

from typing import Any

import pytest

from errata.grouping import rules
from tests.support import sdk
from tests.support.cpu import cpu_s

EVENT: dict[str, Any] = {
    **sdk.KEY_ERROR,
    "message": "'lamp'",
    "exceptions": [
        {
            "type": "KeyError",
            "value": "'lamp'",
            "frames": [
                {"filename": "lib/http.py", "module": "lib.http", "function": "call"},
                {
                    "filename": "shop/cart.py",
                    "abs_path": "/srv/shop/cart.py",
                    "module": "shop.cart",
                    "function": "total",
                    "package": "shop",
                },
            ],
        },
        {"type": "CartError", "value": "no total for [lamp] in 30 ms"},
    ],
    "level": "error",
    "sentry_level": "fatal",
    "logger": "shop.carts",
    "transaction": "/cart/{id}",
    "release": "shop@1.2.3",
    "environment": "production",
    "platform": "python",
    "server_name": "web-1",
    "dist": "7",
    "tags": {"host": "eu-1", "a.b": "c"},
}


def matches(conditions: str, event: dict[str, Any] = EVENT) -> bool:
    (rule,) = rules.parse(f"{conditions} -> x")
    return rule.matches(event)


@pytest.mark.parametrize(
    "conditions",
    [
        "type:KeyError",
        "error.type:CartError",
        "type:carterror",
        "type:*Error",
        'value:"no total for *"',
        'value:"*[lamp]*"',  # a bracket is no set of characters
        "error.value:*30?ms",
        "message:*lamp*",
        "level:error",
        "level:fatal",
        "logger:shop.*",
        "transaction:/cart/{id}",
        "release:shop@1.*",
        "environment:prod*",
        "platform:python",
        "server_name:web-?",
        "dist:7",
        "tags.host:eu-*",
        "tags.a.b:c",
        "path:*/shop/*",
        "path:lib/*",
        "stack.abs_path:/srv/*",
        "stack.filename:shop/cart.py",
        "module:shop.cart",
        "stack.module:shop.*",
        "function:total",
        "stack.function:call",
        "package:shop",
        "stack.package:shop",
        "!type:ValueError",
        "!tags.nothing:*",
        "type:KeyError !level:info path:*cart*",
        "module:shop.* function:total",
        "module:shop.* !function:call",
        r'message:"*\'lamp\'"'.replace("\\'", "'"),
    ],
)
def test_a_condition_matches(conditions: str) -> None:
    assert matches(conditions)


@pytest.mark.parametrize(
    "conditions",
    [
        "type:Key",
        "type:ValueError",
        "!type:KeyError",
        "type:KeyError level:info",
        "level:warning",
        "tags.host:us-*",
        "tags.nothing:*",
        "module:shop.* function:call",  # in different frames
        "stack.abs_path:shop/*",
        "!path:*cart* !path:*http*",
        'value:"no total"',
        'value:"*[mapl]*"',
    ],
)
def test_a_condition_does_not_match(conditions: str) -> None:
    assert not matches(conditions)


def test_a_message_condition_matches_the_event_or_any_exception() -> None:
    exceptions = [{"type": "E", "value": "first"}, {"type": "E", "value": "second"}]
    event = {"message": "said", "exceptions": exceptions}
    for wanted in ("said", "first", "second"):
        assert matches(f"message:{wanted}", event)
    assert not matches("message:e", event)
    assert matches("message:said", {"message": "said"})


def test_only_the_300_innermost_frames_are_matched() -> None:
    for frames in (
        lambda found: {"frames": found},
        lambda found: {"exceptions": [{"type": "E"}, {"type": "E", "frames": found}]},
    ):
        found = [{"function": f"f{n}"} for n in range(301)]
        assert matches("function:f300", frames(found))
        assert matches("function:f1", frames(found))
        assert not matches("function:f0", frames(found))


@pytest.mark.parametrize(
    ("pattern", "value"), [('"a \\"b\\" \\\\c"', 'a "b" \\c'), ('""', ""), ("a", "a")]
)
def test_quotes_are_removed_and_escaped_characters_are_kept(pattern: str, value: str) -> None:
    assert matches(f"release:{pattern}", {"release": value})
    (rule,) = rules.parse(f"release:x -> {pattern if value else 'y'}")
    assert rule.fingerprint == (value or "y",)
    assert rules.parse('release:x -> "')[0].fingerprint == ('"',)


def test_a_rule_has_ten_conditions_at_most() -> None:
    ten = "release:a " * rules.MAX_MATCHERS
    assert matches(ten, {"release": "a"})
    with pytest.raises(rules.WrongFingerprintRulesError, match="more than 10 conditions"):
        matches(f"{ten} release:a")


def test_the_first_rule_that_matches_decides() -> None:
    parsed = rules.parse(
        """
        # comment
        type:ValueError -> values

        type:KeyError -> "keys, all of them", {{ type }}
        type:* -> all
        """.replace('"keys, all of them"', '"keys of all"')
    )
    assert [(each.number, each.line, each.fingerprint) for each in parsed] == [
        (3, "type:ValueError -> values", ("values",)),
        (5, 'type:KeyError -> "keys of all", {{ type }}', ("keys of all", "{{ type }}")),
        (6, "type:* -> all", ("all",)),
    ]
    assert rules.find(parsed, EVENT) is parsed[1]
    assert rules.find(parsed, {}) is None
    assert rules.find((), EVENT) is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("type:KeyError", "Line 1: there is no `->` before the fingerprint."),
        ("type:KeyError ->", "Line 1: there is no fingerprint after `->`."),
        ("-> x", "Line 1: there is no condition before `->`"),
        ("# ok\nKeyError -> x", "Line 2: 'KeyError' is not a condition."),
        ("type: KeyError -> x", "Line 1: 'type: KeyError' is not a condition."),
        ('type:"KeyError -> x', "is not a condition"),
        ("app:yes -> x", "Line 1: there is no condition app. Use one of: message, level, logger"),
        ('type:x -> y, title="z"', "Line 1: titles cannot be set."),
        ("type:" + "x" * 301 + " -> y", "a pattern has more than 300 characters"),
        ("type:x " * 11 + "-> y", "there are more than 10 conditions"),
        ("type:x -> y\n" * 101, "There are 101 rules. At most 100 are allowed."),
        ("# " + "x" * 16_000, "The rules have more than 16,000 bytes."),
    ],
)
def test_a_wrong_rule_is_named(text: str, complaint: str) -> None:
    with pytest.raises(rules.WrongFingerprintRulesError) as refused:
        rules.parse(text)
    assert any(complaint in each for each in refused.value.complaints)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("type:x -> title=y", "titles cannot be set. Remove `title=…`."),
        ("-> x", "there is no condition before `->`, such as type:ValueError."),
        (
            f"type:x {'a' * 41} -> y",
            f"{'a' * 40!r} is not a condition. Write name:pattern. Quote a pattern with spaces.",
        ),
        (
            "app:yes -> x",
            "there is no condition app. Use one of: message, level, logger, transaction, release, "
            "environment, platform, server_name, dist, type, error.type, value, error.value, path, "
            "stack.abs_path, stack.filename, module, stack.module, function, stack.function, "
            "package, stack.package, tags.NAME.",
        ),
    ],
)
def test_a_complaint_says_what_to_write_instead(line: str, complaint: str) -> None:
    with pytest.raises(rules.WrongFingerprintRulesError) as refused:
        rules.parse(f"{line}\n{line}")
    assert str(refused.value) == f"Line 1: {complaint} Line 2: {complaint}"


def test_the_largest_rules_are_accepted() -> None:
    assert rules.parse("#" + "x" * 15_999) == ()
    assert len(rules.parse("type:x -> y\n" * 100)) == 100


def test_an_arrow_may_be_in_the_fingerprint() -> None:
    assert rules.parse("type:x -> a -> b")[0].fingerprint == ("a -> b",)


def test_all_wrong_lines_are_named_up_to_ten() -> None:
    with pytest.raises(rules.WrongFingerprintRulesError) as refused:
        rules.parse("x\n" * 30)
    assert [each[:8] for each in refused.value.complaints][:2] == ["Line 1: ", "Line 2: "]
    assert len(refused.value.complaints) == 10


@pytest.mark.parametrize("pattern", ["*a" * 149, "*?" * 149, "*" * 299])
def test_no_pattern_is_slow(pattern: str) -> None:
    """Thirty such rules take less than five seconds for the largest values."""
    parsed = rules.parse(f'message:"{pattern}b" -> x\n' * 20 + f'path:"{pattern}b" -> y\n' * 10)
    frames = [{"filename": "a" * 5_000}] * 5_000
    event = {"message": "a" * 1_000_000, "exceptions": [{"value": "a" * 5_000, "frames": frames}]}
    assert rules.find(parsed, event) is None
    assert cpu_s(lambda: rules.find(parsed, event), 5) < 5


@pytest.mark.parametrize(
    "event",
    [
        {"exceptions": "x", "frames": 3, "tags": [], "message": 5},
        {"exceptions": [None, {"type": 3, "frames": [7, {"filename": None}]}], "tags": {"a": 1}},
    ],
)
def test_rules_do_not_match_an_invalid_event_and_do_not_raise(event: dict[str, Any]) -> None:
    for name in (*rules.NAMES, "tags.a"):
        assert not matches(f"{name}:x", event)
