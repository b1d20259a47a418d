"""Exceptions, threads and frames that were sent as data."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from errata.models.event import SDK_FIELDS
from errata.protocol.stacktrace import structured
from tests.support import sdk_events


def parsed(*exceptions: dict[str, Any]) -> list[str]:
    """Return the titles of exceptions. Pass these in the order in which SDKs send them."""
    found = structured.exceptions({"exceptions": [*exceptions]})
    return [f"{each.relation} {each.title}".strip() for each in found]


def raised(kind: str, number: int | None = None, parent: int | None = None, **more: Any) -> Any:
    numbers = {"exception_id": number, "parent_id": parent}
    known = {name: value for name, value in numbers.items() if value is not None}
    return {"type": kind, "mechanism": {"type": "generic", **known, **more}}


def test_the_exception_that_was_raised_last_comes_first_then_its_causes() -> None:
    assert parsed({"type": "A"}, {"type": "B", "value": "b"}, {"value": "c"}) == [
        "c",
        "caused by B: b",
        "caused by A",
    ]


def test_exception_ids_and_parent_ids_order_a_tree() -> None:
    tree = [
        raised("Deep", 4, 1, source="__context__"),
        raised("Reason", 3, 0, source="__cause__"),
        raised("Second", 2, 0, source="exceptions[1]"),
        raised("First", 1, 0, source="exceptions[0]"),
        raised("Group", 0, is_exception_group=True),
    ]
    assert parsed(*tree) == [
        "Group",
        "including First",
        "during handling of Deep",
        "including Second",
        "caused by Reason",
    ]


def test_a_cause_of_javascript_follows_its_error() -> None:
    errors = [raised("A", 1, 0, source="cause"), raised("B", 0)]
    assert parsed(*errors) == ["B", "caused by A"]


def test_exceptions_whose_parent_ids_form_a_cycle_are_parsed_once() -> None:
    ring = [raised("A", 0, 1), raised("B", 1, 0), raised("Self", 2, 2), raised("Lost", 3, 9)]
    assert sorted(each.rpartition(" ")[2] for each in parsed(*ring)) == ["A", "B", "Lost", "Self"]


def test_frames_come_innermost_first_with_the_code_around_them() -> None:
    main, cause = structured.exceptions(sdk_events.PYTHON)
    assert [(each.file, each.line, each.in_app) for each in main.frames] == [
        ("shop/cart.py", 28, True),
        ("flask/app.py", 917, False),
        ("flask/app.py", 902, False),
    ]
    assert (main.mechanism, main.handled) == ("flask", False)
    frame = cause.frames[0]
    assert (frame.path, frame.module) == ("/app/shop/cart.py", "shop.cart")
    assert len(frame.before) == 2
    assert frame.source.strip() == "amount += PRICES[item] * number"
    assert frame.after == ("        return amount",)
    assert frame.variables["item"] == "'chair'"


def test_frames_without_an_exception_are_a_trace_without_a_title() -> None:
    (trace,) = structured.exceptions({"frames": [sdk_events.FLASK, sdk_events.TOTAL]})
    assert trace.title == ""
    assert [frame.function for frame in trace.frames] == ["total", "dispatch_request"]


def test_a_frame_without_a_file_or_function_is_named_by_other_fields() -> None:
    frames = [
        {"package": "libc.so.6", "instruction_addr": "0x7f3c"},
        {"module": "shop.Cart", "function": "total", "platform": "java", "filename": "Cart.java"},
        {"function": "?", "abs_path": "/a.js", "lineno": 1},
        {},
    ]
    (trace,) = structured.exceptions({"exceptions": [{"frames": frames}]})
    assert [(frame.file, frame.function) for frame in trace.frames[::-1]] == [
        ("libc.so.6", "0x7f3c"),
        ("Cart.java", "shop.Cart.total"),
        ("/a.js", ""),
        ("(unknown)", ""),
    ]


def test_only_the_innermost_frames_of_a_deep_trace_are_kept() -> None:
    deep = [{"filename": "a.py", "lineno": n} for n in range(structured.MAX_FRAMES + 10)]
    (trace,) = structured.exceptions({"exceptions": [{"type": "RecursionError", "frames": deep}]})
    assert [trace.frames[0].line, trace.frames[-1].line] == [structured.MAX_FRAMES + 9, 10]


def test_the_thread_that_has_failed_comes_first() -> None:
    threads = structured.threads(
        {"threads": [{"id": 7}, {"name": "ui", "current": True}, {"name": "db", "crashed": True}]}
    )
    assert [(each.name, each.crashed, each.current) for each in threads] == [
        ("db", True, False),
        ("ui", False, True),
        ("Thread 7", False, False),
    ]


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
names = st.sampled_from((*SDK_FIELDS, *sdk_events.TOTAL, "type", "value", "mechanism", "parent_id"))
anything = st.recursive(
    scalars | st.sampled_from([10**400, -1]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(("exceptions", "frames", "threads")), anything))
def test_any_value_in_any_field_raises_nothing(event: dict[str, Any]) -> None:
    for trace in structured.exceptions(event):
        assert isinstance(trace.title, str)
        assert all(isinstance(frame.file, str) for frame in trace.frames)
    structured.threads(event)
