"""A call to a store that does not respond fails before the function's own timeout."""

from typing import Any

import pytest

from errata.store import clients
from tests.support import template


def patience_s() -> float:
    """How long a call to DynamoDB takes at most until it fails."""
    config: Any = clients.dynamodb().meta.config
    attempts = config.retries["total_max_attempts"]
    # botocore's standard mode waits up to 2^n seconds before the next try, n from 0.
    waits = sum(2**n for n in range(attempts - 1))
    return float(attempts * (config.connect_timeout + config.read_timeout) + waits)


def timeout_s(function: str) -> int:
    made = template.transformed()[function]["Properties"]
    seconds: int = made["Timeout"]
    return seconds


@pytest.mark.parametrize(
    "function", ["AuthorizerFunction", *sorted(set(template.routes().values()))]
)
def test_a_function_outlasts_a_call_that_gets_no_answer(function: str) -> None:
    # With three seconds for what came before it.
    assert patience_s() + 3 <= timeout_s(function)
    # API Gateway waits no longer than 29 seconds.
    assert timeout_s(function) < 29
