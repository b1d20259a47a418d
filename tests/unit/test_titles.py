"""The titles and culprits of issues."""

from typing import Any

import pytest

from errata.models.event import summary
from errata.models.texts import cut_marked
from errata.models.titles import culprit, title
from errata.protocol.sentry.event import to_fields
from tests.support.steps import peak_bytes


def sent(*exceptions: dict[str, Any], **rest: Any) -> Any:
    return to_fields({"exception": {"values": list(exceptions)}, **rest}, 0, None, "192.0.2.1")[0]


def frame(function: str | None, in_app: bool = True, **rest: Any) -> dict[str, Any]:
    return {"function": function, "in_app": in_app, **rest}


def raised(kind: str, value: str, *frames: dict[str, Any], **mechanism: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "value": value,
        "mechanism": mechanism,
        "stacktrace": {"frames": list(frames)},
    }


def member(number: int, kind: str, value: str, source: str = "", **rest: Any) -> dict[str, Any]:
    source = source or f"exceptions[{number - 1}]"
    known = {"exception_id": number, "parent_id": 0, "source": source, **rest}
    return raised(kind, value, **known)


GROUP = raised("ExceptionGroup", "3 failed", exception_id=0, is_exception_group=True)


def test_an_exception_group_is_named_by_its_first_member() -> None:
    members = [member(n, kind, "bad price") for n, kind in ((3, "C"), (2, "B"), (1, "ValueError"))]
    assert title(sent(*members, GROUP)) == "ValueError: bad price (and 2 more)"
    assert title(sent(members[2], GROUP)) == "ValueError: bad price"
    long = title(sent(members[0], member(1, "E", "x" * 300), GROUP))
    assert long == f"E: {'x' * 183}… (and 1 more)"
    assert title(sent(GROUP)) == "ExceptionGroup: 3 failed"
    cause = member(1, "KeyError", "a", "__cause__")
    assert title(sent(cause, GROUP)) == "ExceptionGroup: 3 failed"


def test_a_nested_exception_group_is_named_by_its_first_member() -> None:
    inner = member(1, "ExceptionGroup", "inner", is_exception_group=True)
    deep = member(2, "ValueError", "bad price", parent_id=1)
    last = member(3, "KeyError", "a")
    assert title(sent(last, deep, inner, GROUP)) == "ValueError: bad price (and 1 more)"


def test_exception_groups_whose_parent_ids_form_a_cycle_have_a_title() -> None:
    one = member(1, "A", "a", parent_id=2, is_exception_group=True)
    two = member(2, "B", "b", parent_id=1, is_exception_group=True)
    assert title(sent(one, two)) in ("A: a", "B: b")


@pytest.mark.parametrize("kind", ["signalhandler", "mach", "minidump"])
def test_a_crash_is_named_by_its_function(kind: str) -> None:
    crash = raised("EXC_BAD_ACCESS", "dereferenced 0x16f0c4d20", type=kind)
    frames = [frame("main"), frame("Cart.total()"), frame("memcpy", in_app=False), frame(None)]
    inside = {**crash, "stacktrace": {"frames": frames}}
    assert title(sent(inside)) == "EXC_BAD_ACCESS in Cart.total()"
    threads = {"values": [{"crashed": True, "stacktrace": {"frames": frames}}]}
    assert title(sent(crash, threads=threads)) == "EXC_BAD_ACCESS in Cart.total()"
    assert title(sent(crash)) == "EXC_BAD_ACCESS: dereferenced 0x16f0c4d20"
    foreign = {**crash, "stacktrace": {"frames": frames[2:]}}
    assert title(sent(foreign)) == "EXC_BAD_ACCESS in memcpy"
    handled = {**inside, "mechanism": {"type": "generic"}}
    assert title(sent(handled)) == "EXC_BAD_ACCESS: dereferenced 0x16f0c4d20"


def test_named_parameters_are_filled_in() -> None:
    template = "payment {order} of {name:>9} by {other}"
    entry = {"message": template, "params": {"order": 12, "name": "jo"}}
    assert title(to_fields({"logentry": entry}, 0, None, "")[0]) == "payment 12 of jo by {other}"
    many = {"message": "{a}" * 1_000_000, "params": {"a": "x" * 1_000_000}}
    assert title(to_fields({"logentry": many}, 0, None, "")[0]) == "x" * 199 + "…"


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([frame("total", module="shop.cart", filename="shop/cart.py")], "shop.cart in total"),
        ([frame("total", module="org.shop.Cart$1", filename="C.java")], "org.shop.Cart$1 in total"),
        ([frame("total", filename="src/cart.rs")], "src/cart.rs in total"),
        ([frame("total")], "total"),
        ([frame("pay", module="a"), frame("get", False, module="django")], "a in pay"),
        ([frame("get", False, module="django")], "GET /cart"),
        ([frame("?", filename="cart.js")], "GET /cart"),
        ([], "GET /cart"),
        ([frame("total", filename="x" * 400)], f"{'x' * 150} in total"),
        ([frame("f" * 300, filename="cart.js")], f"cart.js in {'f' * 189}"),
    ],
)
def test_a_culprit_is_the_innermost_in_app_frame_or_the_transaction(
    frames: list[dict[str, Any]], expected: str
) -> None:
    event = sent(raised("E", "no", *frames), transaction="GET /cart")
    assert culprit(event) == expected
    message = to_fields(
        {"message": "no", "stacktrace": {"frames": frames}, "transaction": "GET /cart"}, 0, None, ""
    )[0]
    assert culprit(message) == expected


def test_a_culprit_without_a_function_or_a_transaction_is_a_line() -> None:
    event = sent(raised("E", "no", frame("?", filename="cart.js", lineno=7)))
    assert culprit(event) == "cart.js:7"


def test_the_summary_of_an_event_has_its_title_and_culprit() -> None:
    event = sent(member(1, "KeyError", "a"), raised("ExceptionGroup", "x", frame("f", module="m")))
    kept = summary(event)
    assert "exceptions" not in kept
    assert (
        (title(kept), culprit(kept))
        == (title(event), culprit(event))
        == (
            "ExceptionGroup: x",
            "m in f",
        )
    )


def test_a_cut_title_ends_with_an_ellipsis() -> None:
    assert title(sent(raised("E", "x" * 197))) == f"E: {'x' * 197}"
    assert title(sent(raised("E", "x" * 198))) == f"E: {'x' * 196}…"
    assert cut_marked("é" * 200, 400) == "é" * 200
    assert cut_marked("é" * 201, 400) == "é" * 198 + "…"


def test_a_list_as_a_parameter_is_not_filled_in_and_takes_little_memory() -> None:
    event = {
        "message": "{a} of {n} {b}" + "{a}" * 600,
        "logentry": {"params": {"a": [0] * 400_000, "n": 3, "b": True}},
    }
    titles: list[str] = []
    assert peak_bytes(lambda: titles.append(title(event))) < 100_000
    assert titles[0].startswith("{a} of 3 True{a}")
