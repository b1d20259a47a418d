"""An event as Markdown, and its exceptions as a text."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.models.event import StoredEvent
from errata.protocol.markdown import exceptions_of, to_markdown, trace_text
from tests.support import sdk_events
from tests.support.pages import HOSTILE


def markdown_of(fields: dict[str, Any]) -> str:
    event: Any = fields
    stored: StoredEvent = event
    return to_markdown(stored, {"issue": "SHOP-42, open"}, "https://errors.example.com/e/1")


def test_an_event_has_its_error_its_location_and_its_values() -> None:
    text = markdown_of(sdk_events.PYTHON)
    assert text.startswith("## `VoucherError: no voucher applies`\nin `shop.cart in apply`\n")
    assert "- issue: `SHOP-42, open`\n" in text
    assert "- event: <https://errors.example.com/e/1>\n" in text
    trace = text.partition("### Stack trace, innermost frame first\n\n")[2]
    assert trace.startswith(
        "```\nVoucherError: no voucher applies\n  shop/cart.py:28 in apply\n"
        "    raise VoucherError(\"no voucher applies\") from error\n      voucher = 'SPRING26'\n"
    )
    assert "caused by: KeyError: 'chair'" in trace
    assert "method: POST\n" in trace
    assert "payment.provider: twint\n" in trace
    # A time in seconds since the epoch is shown as an ISO text.
    assert "2026-11-22T08:09:00.500Z query SELECT 1" in trace


def test_members_of_a_group_are_indented() -> None:
    group = {"exception_id": 0, "is_exception_group": True}
    members = [{"exception_id": n, "parent_id": 0, "source": f"exceptions[{n}]"} for n in (1, 2)]
    exceptions = [
        {"type": "OSError", "value": "full", "mechanism": members[1]},
        {"type": "KeyError", "value": "a", "mechanism": members[0]},
        {"type": "ExceptionGroup", "value": "two", "mechanism": group},
    ]
    found = trace_text(exceptions_of({"exceptions": exceptions}))
    assert found.split("\n") == [
        "ExceptionGroup: two",
        "  including: KeyError: a",
        "  including: OSError: full",
    ]


def test_a_stack_trace_that_cannot_be_parsed_is_shown_as_it_is() -> None:
    assert "```\nat the corner\n```" in markdown_of(
        {"message": "m", "stack_trace": "at the corner"}
    )


@pytest.mark.parametrize("value", [HOSTILE, "`", "```\n# Title\n@everyone", "````` x", "\n\n# a"])
def test_sent_texts_stay_within_their_code_blocks(value: str) -> None:
    fields = {
        **dict.fromkeys(("message", "exception_class", "release", "url", "stack_trace"), value),
        "context": {"request": {"url": value, "method": value}},
        "tags": {value: value},
        "breadcrumbs": [{"message": value, "category": value}],
    }
    fence = ""
    for line in markdown_of(fields).split("\n"):
        if fence:
            fence = "" if line == fence else fence
        elif set(line) == {"`"}:
            fence = line
        else:
            assert line == "" or line.startswith(("## `", "in `", "- ", "### ")), line
    assert fence == ""


@given(
    st.dictionaries(
        st.sampled_from(
            (
                "message",
                "tags",
                "breadcrumbs",
                "context",
                "exceptions",
                "stack_trace",
                "frames",
                "level",
                "release",
            )
        ),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.text(max_size=9), inner, max_size=3)
            ),
            max_leaves=9,
        ),
    )
)
def test_any_event_has_a_markdown_form(fields: dict[str, Any]) -> None:
    assert markdown_of(fields).startswith("## `")
