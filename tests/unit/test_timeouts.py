"""A store that does not respond is an error in time: no function is cut off while it waits."""

from typing import Any

import pytest

from errata.store import clients
from errata.store.connections import CONNECT_S, READ_S
from errata.store.lean import ATTEMPTS
from tests.support import template


def patience_s() -> float:
    """Return the longest time that a call to DynamoDB takes until it fails."""
    # A throttled call waits up to 2^n seconds before the next try, n from 0.
    waits = sum(2**n for n in range(ATTEMPTS - 1))
    return float(ATTEMPTS * (CONNECT_S + READ_S) + waits)


def test_botocore_has_the_timeouts_and_attempts_of_the_lean_client() -> None:
    for client, attempts in ((clients.dynamodb(), ATTEMPTS), (clients.dynamodb_once(), 1)):
        config: Any = client.meta.config
        assert config.retries["total_max_attempts"] == attempts
        assert (config.connect_timeout, config.read_timeout) == (CONNECT_S, READ_S)


def timeout_s(function: str) -> int:
    made = template.transformed()[function]["Properties"]
    seconds: int = made["Timeout"]
    return seconds


@pytest.mark.parametrize(
    "function", ["AuthorizerFunction", *sorted(set(template.routes().values()))]
)
def test_a_function_outlasts_a_call_that_gets_no_response(function: str) -> None:
    # With three seconds for the time before the call.
    assert patience_s() + 3 <= timeout_s(function)
    # API Gateway waits no longer than 29 seconds.
    assert timeout_s(function) < 29
