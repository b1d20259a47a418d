"""The words by which people find an issue."""

from typing import Any

from errata.models.search_text import MAX_TEXT, same_words, search_text

EVENT = {
    "message": "bad price",
    "exception_class": "ValueError",
    "exceptions": [
        {"type": "KeyError", "value": "'sku'", "frames": []},
        {
            "type": "ValueError",
            "value": "bad price",
            "frames": [
                {"function": "handle", "filename": "django/core.py", "in_app": False},
                {"function": "checkout", "filename": "shop/views.py", "in_app": True},
                {"function": "total", "module": "shop.cart", "in_app": True},
            ],
        },
    ],
}


def test_the_search_text_has_title_culprit_causes_and_frames_in_this_order() -> None:
    assert search_text(EVENT).split("\n") == [
        "ValueError: bad price",
        "shop.cart in total",
        "KeyError: 'sku'",
        "total",
        "shop.cart",
        "checkout",
        "shop/views.py",
        "bad price",
    ]


def test_the_search_text_is_bounded_in_bytes_and_ends_with_a_whole_line() -> None:
    frames = [
        {"function": f"é{n}" * 40, "filename": f"f{n}.py", "in_app": True} for n in range(200)
    ]
    text = search_text(
        {**EVENT, "exceptions": [{"type": "E", "value": "v" * 5_000, "frames": frames}]}
    )
    assert 600 < len(text.encode()) <= MAX_TEXT
    assert text.split("\n")[-1] in {frame["function"] for frame in frames} | {
        frame["filename"] for frame in frames
    }


def test_the_root_cause_is_kept_if_the_rest_is_too_long() -> None:
    long = {name: name * 300 for name in ("message", "transaction", "logger")}
    chain: list[dict[str, Any]] = [{"type": f"Error{n}", "value": "v" * 300} for n in range(20)]
    chain[-1]["frames"] = [{"function": name, "in_app": True} for name in ("checkout", "total")]
    text = search_text(
        {**EVENT, **long, "exceptions": [{"type": "KeyError", "value": "'sku'"}, *chain]}
    )
    assert "\nKeyError: 'sku'\n" in text
    # A part that does not fit leaves its space to shorter ones.
    assert "logger" not in text
    assert text.endswith("\ncheckout")
    assert len(text.encode()) <= MAX_TEXT


def test_a_trace_that_is_a_text_has_its_causes() -> None:
    python = (
        "Traceback (most recent call last):\n"
        '  File "/app/cart.py", line 7, in total\n    fee: int = prices[sku]\n'
        "KeyError: 'sku'\n\n"
        "The above exception was the direct cause of the following exception:\n\n"
        "Traceback (most recent call last):\n"
        '  File "/app/views.py", line 9, in checkout\n    total()\nshop.CartError: no price\n'
    )
    java = (
        "shop.CartError: no price\n\tat shop.Cart.total(Cart.java:7)\n"
        "Caused by: java.io.IOException: disk full\n\t... 3 more\n"
    )
    event = {"message": "no price", "exception_class": "shop.CartError"}
    assert search_text({**event, "stack_trace": python}).split("\n") == [
        "shop.CartError: no price",
        "KeyError: 'sku'",
        "no price",
    ]
    assert "java.io.IOException: disk full" in search_text({**event, "stack_trace": java})


def test_an_event_of_any_form_has_a_search_text() -> None:
    hostile = {"exceptions": [1, {"frames": 3, "value": {}}], "frames": "x", "message": None}
    assert search_text(hostile).split("\n")[0] == "(no message)"
    assert search_text({"message": "a\n b\t c", "file": "cart.py"}) == "a\ncart.py\na b c"


def test_numbers_do_not_count_as_words() -> None:
    assert same_words("user 1 not found", "user 4711 not found")
    assert not same_words("user 1 not found", "order 1 not found")
