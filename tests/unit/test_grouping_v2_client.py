"""Grouping v2: the fingerprint that an SDK sends, and the variables in it."""

from typing import Any

import pytest

from errata.grouping.v2 import group
from errata.models.event import Event


def frame(function: str, module: str = "shop.cart", **rest: Any) -> dict[str, Any]:
    return {"module": module, "function": function, "in_app": True, **rest}


KEY_ERROR = {"type": "KeyError", "value": "1", "frames": [frame("get")]}
TOTAL: Event = {
    "exceptions": [{"type": "ValueError", "value": "bad price 12", "frames": [frame("total")]}]
}


def reason(event: Event, fingerprint: object) -> str:
    return group(event, fingerprint).grouped_by


@pytest.mark.parametrize("nothing", [None, [], "", " ", [""], [None], "{{ default }}"])
def test_an_empty_or_default_fingerprint_is_grouped_as_without_one(nothing: object) -> None:
    assert group(TOTAL, nothing) == group(TOTAL)
    assert group(TOTAL, ["{{default}}"]) == group(TOTAL, [" {{   default }} "]) == group(TOTAL)


@pytest.mark.parametrize("own", ["checkout", " two words ", "ü" * 100_000, "{{ no }}", "{{"])
def test_a_fingerprint_of_one_part_is_used_as_it_is(own: str) -> None:
    assert group(TOTAL, [own]) == group(TOTAL, own)
    assert group(TOTAL, [own]).fingerprint == own
    assert group(TOTAL, [own]).made_by == "client"


def test_a_fingerprint_of_several_parts_is_hashed() -> None:
    found = group(TOTAL, ["checkout", "{{ default }}"])
    assert found.grouped_by == "fingerprint: checkout, and ValueError in shop.cart.total"
    assert found.made_by == "client"
    assert len(found.fingerprint) == 32
    assert found.fingerprint == group(TOTAL, ["checkout", "{{default}}"]).fingerprint
    assert found.fingerprint == group(TOTAL, ["checkout", group(TOTAL).fingerprint]).fingerprint
    parts: list[list[object]] = [["a", "b"], ["ab", ""], ["", "ab"], ["b", "a"], ["a", "b", ""]]
    assert len({group(TOTAL, each).fingerprint for each in parts}) == len(parts)


def test_a_fingerprint_part_that_is_not_text_is_converted_to_json() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    odd = [42, 1.5, True, None, {"b": [1], "a": 2}, 10**5_000, deep, object()]
    assert reason({}, odd) == 'fingerprint: 42, 1.5, true, null, {"a": 2, "b": [1]}, ' + (
        "int, list, object"
    )
    assert group({}, 42).fingerprint == group({}, ["42"]).fingerprint == "42"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("transaction", "/pay"),
        ("logger", "shop"),
        ("level", "fatal"),
        ("message", "no 12"),
        ("type", "ValueError"),
        ("error.type", "ValueError"),
        ("value", "bad price 12"),
        ("function", "total"),
        ("stack.function", "total"),
        ("module", "shop.cart"),
        ("error.value", "bad price 12"),
        ("stack.module", "shop.cart"),
        ("stack.package", "shop.so"),
        ("stack.abs_path", "/app/cart.py"),
        ("path", "/app/cart.py"),
        ("stack.filename", "cart.py"),
        ("package", "shop.so"),
        ("tags.tenant", "acme"),
        ("tags.none", "{{ tags.none }}"),
        ("user", "{{ user }}"),
    ],
)
def test_variables_are_replaced_by_the_event_s_values(variable: str, value: str) -> None:
    mine = frame("total", filename="cart.py", abs_path="/app/cart.py", package="shop.so")
    foreign = frame("parse", "json", in_app=False)
    main = {"type": "ValueError", "value": "bad price 12", "frames": [mine, foreign]}
    event: Event = {
        "exceptions": [KEY_ERROR, main],
        "transaction": "/pay",
        "logger": "shop",
        "level": "error",
        "sentry_level": "fatal",
        "message": "no 12",
        "tags": {"tenant": "acme"},
    }
    assert group(event, [f"{{{{{variable}}}}}"]).fingerprint == value
    assert group(event, f"a-{{{{ {variable} }}}}").fingerprint == f"a-{value}"
    assert reason(event, ["a", f"{{{{ {variable} }}}}"]) == f"fingerprint: a, {value}"
    unknown = group({"tags": {}}, f"{{{{ {variable} }}}}").fingerprint
    assert unknown == f"{{{{ {variable} }}}}"


def test_the_level_variable_falls_back_to_errata_s_level() -> None:
    assert group({"level": "error"}, "{{ level }}").fingerprint == "error"


def test_a_tag_variable_stays_if_the_event_has_no_such_tag() -> None:
    no_tags: Any = {"tags": ["tenant"]}
    assert group(no_tags, "{{ tags.tenant }}").fingerprint == "{{ tags.tenant }}"
    assert group({"tags": {"user": "ann"}}, "{{ user }}").fingerprint == "{{ user }}"


def test_frame_variables_use_the_innermost_in_app_frame() -> None:
    def filled(*frames: dict[str, Any]) -> str:
        return group({"frames": list(frames)}, "{{ function }}").fingerprint

    assert filled(frame("outer"), frame("inner")) == "inner"
    foreign = [frame(each, in_app=False) for each in ("first", "last")]
    assert filled(*foreign) == "last"
    assert filled(*foreign, frame("mine"), *foreign) == "mine"


def test_at_most_ten_variables_of_a_part_are_replaced() -> None:
    variables = "{{ tags.tenant }}" * 12
    assert group({"tags": {"tenant": "a"}}, variables).fingerprint == (
        "a" * 10 + "{{ tags.tenant }}" * 2
    )


def test_variables_are_replaced_only_in_the_first_fifty_parts() -> None:
    event: Event = {"tags": {"tenant": "a"}}
    parts = ["{{ tags.tenant }}"] * 51
    filled = ["a"] * 50 + ["{{ tags.tenant }}"]
    literal: Event = {"tags": {"tenant": "{{ tags.tenant }}"}}
    assert group(event, parts).fingerprint == group(literal, filled).fingerprint
    # A default that comes later is not filled either.
    assert group(TOTAL, ["a"] * 49 + ["{{ default }}"]) != group({}, ["a"] * 49 + ["{{ default }}"])
    late = ["a"] * 50 + ["{{ default }}"]
    assert group(TOTAL, late) == group({}, late)


def test_a_value_is_cut_to_a_thousand_characters() -> None:
    assert group({"message": "m" * 1_001}, "{{ message }}").fingerprint == "m" * 1_000


def test_a_megabyte_of_variables_does_not_become_a_gigabyte() -> None:
    event: Event = {"message": "m" * 100_000}
    assert len(group(event, "{{ message }}" * 80_000).fingerprint) < 1_100_000
    assert len(group(event, ["{{ message }}"] * 80_000).fingerprint) == 32


def test_a_long_reason_is_cut() -> None:
    assert len(reason({}, ["x" * 9_000, "y"])) == 500
    assert reason({}, "a\nb\x00\u202e") == "fingerprint: a b  "
