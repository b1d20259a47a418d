"""Group events that Python's SDK makes from real exceptions, by grouping v2."""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from sentry_sdk.utils import event_from_exception

from errata.grouping.v2 import group
from errata.models.titles import culprit, title
from errata.protocol.sentry.event import to_fields


def run(program: Callable[[], object]) -> Any:
    """Return the fields of the event for the exception of a program."""
    try:
        program()
    except Exception:
        event, _ = event_from_exception(sys.exc_info())
        return to_fields({**event, "platform": "python"}, 0, None, "")[0]
    raise AssertionError("the program has no error")


def same_group(first: Callable[[], object], second: Callable[[], object]) -> bool:
    return group(run(first)).fingerprint == group(run(second)).fingerprint


def price(sku: str) -> int:
    return {"a": 1}[sku]


def buy(sku: str) -> None:
    if len(sku) > 3:
        raise Exception(f"no stock of {sku}")
    raise Exception(f"the price of {sku} is unknown")


def test_the_value_of_an_exception_in_a_named_function_does_not_change_the_group() -> None:
    skus = ["b", "c"]
    first, second = (run(partial(price, sku)) for sku in skus)
    assert group(first).fingerprint == group(second).fingerprint
    assert culprit(first).endswith("test_grouping_runs in price")
    assert title(first) == "KeyError: 'b'"


def test_two_lambdas_are_two_errors() -> None:
    keys: list[str] = []
    assert not same_group(
        lambda: keys[0],
        lambda: keys.index("x"),
    )
    assert not same_group(
        lambda: keys[0],
        lambda: keys[1],
    )


def test_a_bare_exception_is_grouped_by_its_words_without_values() -> None:
    events = [run(partial(buy, sku)) for sku in ("abc", "xyz", "abcd")]
    fingerprints = [group(event).fingerprint for event in events]
    assert fingerprints[0] == fingerprints[1] != fingerprints[2]


def all_prices(skus: str) -> None:
    errors = []
    for sku in skus:
        try:
            price(sku)
        except KeyError as error:
            errors.append(error)
    raise ExceptionGroup("some prices are unknown", errors)


def test_an_exception_group_is_named_by_its_first_error() -> None:
    event = run(partial(all_prices, "bcd"))
    assert title(event) == "KeyError: 'b' (and 2 more)"
    assert culprit(event).endswith("test_grouping_runs in all_prices")
    assert same_group(partial(all_prices, "bcd"), partial(all_prices, "b"))
