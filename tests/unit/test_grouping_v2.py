"""Grouping v2: the client's fingerprint, else exceptions and their locations, else the message."""

import json
from pathlib import Path
from typing import Any

import pytest

from errata.grouping.v2 import Grouping, group, locations

FROZEN = sorted((Path(__file__).parent / "grouping").glob("*.json"))
VALUE_ERROR = "ValueError in shop.cart.total"


def frame(function: str, module: str = "shop.cart", **rest: Any) -> dict[str, Any]:
    return {"module": module, "function": function, "in_app": True, **rest}


def raised(type: str, *frames: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {"type": type, "frames": list(frames), **rest}


def event(*exceptions: dict[str, Any], **rest: Any) -> Any:
    return {"platform": "python", "exceptions": list(exceptions), **rest}


TOTAL = event(raised("ValueError", frame("total"), value="bad price 12"))


def member(number: int, parent: int, type: str, **rest: Any) -> dict[str, Any]:
    return raised(type, mechanism={"exception_id": number, "parent_id": parent}, **rest)


def same_group(first: Any, second: Any) -> bool:
    return group(first).fingerprint == group(second).fingerprint


def reason(event: Any) -> str:
    return group(event).grouped_by


@pytest.mark.parametrize("file", FROZEN, ids=lambda file: file.stem)
def test_a_frozen_event_keeps_its_grouping(file: Path) -> None:
    """A changed fingerprint splits every open issue: leave v2 as it is, and add a v3."""
    case = json.loads(file.read_text())
    assert group(case["event"], case.get("fingerprint")) == Grouping(**case["grouping"])


def test_the_frozen_events_cover_every_language() -> None:
    cases = [json.loads(file.read_text()) for file in FROZEN]
    platforms = {case["event"]["platform"] for case in cases}
    assert platforms > {"python", "javascript", "node", "java", "go", "php", "ruby"}
    assert len({case["grouping"]["fingerprint"] for case in cases}) == len(cases)


def test_grouped_by_names_the_types_and_the_code_locations() -> None:
    assert reason(TOTAL) == VALUE_ERROR
    cause = raised("KeyError", frame("get", "shop.db"))
    assert reason(event(cause, *TOTAL["exceptions"])) == (
        "ValueError in shop.cart.total; caused by KeyError in shop.db.get"
    )
    frames = [frame(f"f{number}") for number in range(9)]
    assert reason(event(raised("E", *frames))) == (
        "E in shop.cart.f8, shop.cart.f7, shop.cart.f6, shop.cart.f5 and 5 more"
    )


@pytest.mark.parametrize(
    "other",
    [
        event(raised("TypeError", frame("total"))),
        event(raised("ValueError", frame("subtotal"))),
        event(raised("ValueError", frame("total", "shop.order"))),
        event(raised("ValueError", frame("checkout"), frame("total"))),
        event(raised("KeyError"), raised("ValueError", frame("total"))),
        event(raised("ValueError")),
        {"message": VALUE_ERROR},
    ],
)
def test_another_error_is_another_issue(other: dict[str, Any]) -> None:
    assert not same_group(TOTAL, other)


def test_values_line_numbers_and_frames_of_libraries_do_not_change_the_group() -> None:
    foreign = frame("handle", "django.core", in_app=False)
    mine = frame("total", lineno=7, colno=3, abs_path="/srv/9/cart.py", vars={"a": 1})
    for value in ("bad price 99", "Code: 7"):
        assert same_group(TOTAL, event(raised("ValueError", foreign, mine, foreign, value=value)))


def test_all_frames_count_if_none_is_in_app() -> None:
    foreign = frame("handle", "django.core", in_app=False)
    assert reason(event(raised("ValueError", foreign))) == "ValueError in django.core.handle"
    # The cause has in-app frames: the library's frames do not count.
    chained = event(raised("KeyError", frame("total")), raised("ValueError", foreign))
    assert reason(chained) == "ValueError; caused by KeyError in shop.cart.total"


def test_frames_without_an_exception_are_grouped_by_their_locations() -> None:
    foreign = frame("handle", "django.core", in_app=False)
    assert reason({"frames": [foreign, frame("pay"), foreign]}) == "frames in shop.cart.pay"
    assert reason({"frames": [foreign]}) == "frames in django.core.handle"
    assert reason({"frames": [None, 5, frame("pay"), "x"]}) == "frames in shop.cart.pay"
    # A browser's frame loses the receiver of the call.
    script = {"filename": "cart.js", "function": "Cart.total"}
    found = group({"platform": "javascript", "frames": [script, {**script, "function": "paid"}]})
    assert found.grouped_by == "frames in paid (cart.js), total (cart.js)"
    assert found.fingerprint == "f5e228010bc897e73a6dbffb72ece0c5"  # frozen
    odd: dict[str, Any] = {"module": 5, "function": ["f"], "filename": "cart.py", "in_app": True}
    for each in (odd, {**odd, "function": 5}):
        assert reason({"frames": [each]}) == "frames in cart.py"


def test_an_exception_without_type_value_and_frames_is_ignored() -> None:
    assert reason(event({}, *TOTAL["exceptions"], {"type": ""})) == VALUE_ERROR


def test_the_depth_of_a_recursion_does_not_change_the_group() -> None:
    down = [frame("walk"), frame("walk_children")]
    start = frame("show", "shop.menu")
    shallow, deep = (event(raised("E", start, *down * times)) for times in (1, 400))
    assert same_group(shallow, deep)
    assert reason(deep) == "E in shop.cart.walk_children, shop.cart.walk, shop.menu.show"


def test_only_the_innermost_fifty_locations_count() -> None:
    def failed(outermost: str, locations: int) -> Any:
        inner = [frame(f"f{number}") for number in range(locations - 1)]
        return event(raised("E", frame(outermost), *inner))

    assert not same_group(failed("a", 50), failed("b", 50))
    assert same_group(failed("a", 51), failed("b", 51))
    assert reason(failed("a", 60)).endswith(" and 46 more")


def test_only_the_innermost_thousand_frames_are_read() -> None:
    foreign = frame("handle", "django.core", in_app=False)
    assert reason(event(raised("E", frame("total"), *[foreign] * 999))) == "E in shop.cart.total"
    assert reason(event(raised("E", frame("total"), *[foreign] * 1_000))) == (
        "E in django.core.handle"
    )


def test_only_the_last_fifty_exceptions_count() -> None:
    def failed(first: str, exceptions: int) -> Any:
        return event(raised(first), *(raised(f"E{number}") for number in range(exceptions - 1)))

    assert not same_group(failed("A", 50), failed("B", 50))
    assert same_group(failed("A", 51), failed("B", 51))


def test_the_number_of_retries_in_a_chain_does_not_change_the_group() -> None:
    tries = [raised("Timeout", frame("fetch")), raised("Refused", frame("connect"))]
    assert same_group(event(*tries, *TOTAL["exceptions"]), event(*tries * 5, *TOTAL["exceptions"]))


def test_the_number_of_members_of_an_exception_group_does_not_change_the_group() -> None:
    root = raised("Group", frame("run"), mechanism={"exception_id": 0, "is_exception_group": True})
    few = event(member(2, 0, "KeyError"), member(1, 0, "ValueError"), root)
    many = event(*(member(n, 0, ("KeyError", "ValueError")[n % 2]) for n in range(1, 40)), root)
    assert same_group(few, many)
    assert reason(few) == "Group in shop.cart.run; with KeyError, ValueError"
    # An exception without a mechanism may be the outermost one.
    last = raised("Last", frame("end"))
    assert reason(event(member(1, 0, "KeyError"), root, last)) == (
        "Last in shop.cart.end; caused by Group in shop.cart.run; with KeyError"
    )
    # A member's cause is in the group, too.
    assert same_group(event(member(2, 1, "KeyError"), member(1, 0, "ValueError"), root), few)
    assert not same_group(event(member(1, 0, "KeyError"), root), few)


def test_exceptions_whose_parent_ids_form_a_cycle_are_treated_as_a_chain() -> None:
    circle = [
        raised("A", mechanism={"exception_id": 0, "parent_id": 1, "is_exception_group": True}),
        raised("B", mechanism={"exception_id": 1, "parent_id": 0, "is_exception_group": True}),
    ]
    assert reason(event(*circle)) == "B; caused by A"
    group_of_none = raised("G", mechanism={"exception_id": 9, "is_exception_group": True})
    assert reason(event(member(1, 2, "A"), member(2, 1, "B"), group_of_none)) == (
        "G; caused by B; caused by A"
    )


def test_values_count_if_no_frame_names_a_function() -> None:
    values = ("no item 12", "no item 7", "no cart 7")
    first, second, other = (event(raised("Rejected", value=value)) for value in values)
    assert same_group(first, second)
    assert not same_group(first, other)
    assert reason(first) == "Rejected: no item <number>"
    nameless = {"filename": "https://a.example.org/app.js", "function": "?", "in_app": True}
    assert reason(event(raised("Error", nameless, value="no item 12"), platform="javascript")) == (
        "Error in app.js: no item <number>"
    )


def test_the_line_of_code_distinguishes_errors_raised_in_in_app_frames() -> None:
    def grouped_by(kind: str, function: str, value: str, **rest: Any) -> str:
        raising = frame(function, context_line="  raise  kind('no price')", **rest)
        return reason(event(raised(kind, raising, value=value)))

    lambda_in = "in shop.cart.<lambda>:"
    assert grouped_by("KeyError", "<lambda>", "no price of 12") == (
        f"KeyError {lambda_in} raisekind('noprice')"
    )
    assert grouped_by("Error", "<lambda>", "no price of 12") == (
        f"Error {lambda_in} no price raisekind('noprice')"
    )
    assert grouped_by("Error", "total", "no price of 12") == "Error in shop.cart.total: no price"
    # A line of a library is not read.
    for kind, function in (("Error", "total"), ("KeyError", "<lambda>")):
        assert grouped_by(kind, function, "no price of 12", in_app=False) == (
            f"{kind} in shop.cart.{function}: no price of <number>"
        )


def test_a_value_counts_in_full_without_a_line_of_code() -> None:
    assert reason(event(raised("Error", frame("total"), value="--"))) == (
        "Error in shop.cart.total: --"
    )
    value = "Can't find variable: cart"
    for platform, sent in (("python", value), ("javascript", "cart is not defined")):
        script = raised("Error", frame("total"), value=value)
        assert reason(event(script, platform=platform)) == f"Error in shop.cart.total: {sent}"


@pytest.mark.parametrize(
    "kind",
    [
        *("Error", "Exception", "RuntimeError", "RuntimeException", "StandardError", "Throwable"),
        *("UnhandledRejection", "panic", "NSError", "NSException", "ErrorException", "OSError"),
        *("*errors.errorString", "*fmt.wrapError", "*fmt.wrapErrors", "*errors.joinError"),
        *("*errors.fundamental", "*errors.withStack", "*errors.withMessage", "*pgconn.PgError"),
        *("PostgresError", "java.sql.SQLException", "org.postgresql.util.PSQLException"),
        *("PDOException", "Illuminate\\Database\\QueryException", "OperationalError"),
        *("ProgrammingError", "DatabaseError", "IntegrityError", "HTTPError", "HttpError"),
        *("HttpErrorResponse", "AxiosError", "FetchError", "HttpRequestException", "APIError"),
        *("ApiError", "System.Exception", "NSCocoaErrorDomain", "std::exception::Exception"),
    ],
)
def test_errors_of_a_general_type_are_grouped_by_their_text(kind: str) -> None:
    def failed(value: str) -> Any:
        return event(raised(kind, frame("total"), value=value))

    assert same_group(failed("no price of 12"), failed("no price of 99"))
    assert not same_group(failed("no price of 12"), failed("no stock of 12"))
    assert same_group(*(event(raised(f"{kind}Odd", frame("total"), value=text)) for text in "ab"))


def test_frames_of_a_thread_or_of_the_event_count_for_an_exception_without_frames() -> None:
    threads = [
        {"id": 1, "current": True, "frames": [frame("main")]},
        {"id": 2, "crashed": True, "frames": [frame("total")]},
    ]
    assert same_group(event(raised("ValueError"), threads=threads), TOTAL)
    assert reason(event(raised("ValueError"), threads=threads[:1])) == (
        "ValueError in shop.cart.main"
    )
    assert reason(event(raised("ValueError"), threads=[{"frames": [frame("other")]}])) == (
        "ValueError"
    )
    assert same_group(event(raised("ValueError"), frames=[frame("total")]), TOTAL)


def test_without_an_exception_the_message_counts() -> None:
    sent = {"message": "payment 4711 of 'jo' failed", "frames": [frame("pay")], "transaction": "t"}
    assert same_group(sent, {"message": "payment 9 of 'al' failed"})
    assert not same_group(sent, {"message": "refund 9 of 'al' failed"})
    assert reason(sent) == "message: payment <number> of <quoted> failed"


def test_an_exception_without_a_type_is_a_message() -> None:
    sent = event({"value": "no item 12", "frames": [frame("pay")]}, message="no item 12")
    assert reason(sent) == "message: no item <number>"
    assert reason(event({"frames": [frame("pay")]})) == "frames in shop.cart.pay"
    assert reason(event({"value": "no"}, raised("E"), {"value": "so"})) == (
        "Error: so; caused by E; caused by Error: no"
    )


def test_a_log_template_counts_instead_of_the_formatted_message() -> None:
    def logged(message: str, template: object, **entry: Any) -> str:
        return reason({"message": message, "logentry": {"message": template, **entry}})

    for template in ("hello %s", "hello {}", "hello {name}", "hello %(name)s"):
        assert logged("hello jo", template) == f"message: {template}"
    assert logged("hello jo", "hello", params=["jo"]) == "message: hello"
    assert logged("", "hello") == "message: hello"
    for hole in ("%.f", "%(name)#0 +-12345.12345d", "{" + "n" * 50 + "}"):
        assert logged("hello jo", f"hi {hole}") != logged("hello jo", "hello jo")
    for text in ("%#0 +-#d", "%123456d", "%.123456d", "{" + "n" * 51 + "}"):
        assert logged("hello jo", text) == "message: hello jo"
    for empty in (" ", "%s", "%s: %s", "{Message}", "Error: %s"):
        assert logged("hello jo", empty, params=["jo"]) == "message: hello jo"
    for none in ("", "hello", None, 5):
        assert logged("hello jo", none) == "message: hello jo"
    assert logged("hello 100%", "hello 100%") == "message: hello <number>"


def test_an_event_without_exception_and_message_is_grouped_by_its_other_fields() -> None:
    assert reason({"exception_class": "E", "message": "no 7"}) == "E: no <number>"
    assert reason({"frames": [frame("pay")], "transaction": "t"}) == "frames in shop.cart.pay"
    assert reason({"transaction": "/cart/12", "file": "f"}) == "transaction: /cart/<number>"
    assert reason({"file": "/srv/shop/cart.py", "line": 7}) == "file: shop/cart.py"
    assert reason({}) == "nothing that tells it from others"
    assert reason({"exceptions": [{}], "message": " "}) == "nothing that tells it from others"


def test_grouped_by_is_one_line_of_at_most_500_characters() -> None:
    assert reason({"message": "m" * 491}) == "message: " + "m" * 491
    assert reason({"message": "m" * 492}) == "message: " + "m" * 490 + "…"
    long = event(raised("E" * 300, frame("f" * 300), value="v"))
    for each in (long, {"message": "m " * 900}):
        assert len(reason(each)) == 500
        assert reason(each).endswith("…")
    assert reason(event(raised("E\n\x00\u202eE"))) == "E   E"


def test_a_line_of_code_counts_if_it_has_at_most_300_characters() -> None:
    assert locations.line({"context_line": "x" * 300}) == "x" * 300
    assert locations.line({"context_line": "x" * 301}) == ""
