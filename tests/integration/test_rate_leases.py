"""Rates by lease, in simulated time: never more than the rate and a lease for each environment."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

import pytest

from errata.caches import BoundedDict
from errata.errors import RateLimitedError
from errata.models.project import Access
from errata.usecases import rate_leases, rate_limit
from tests.support.calls import recorded

START_MS = 1_795_341_600_000
_numbers = count()


@dataclass
class Environment:
    """What an execution environment keeps in memory."""

    leases: BoundedDict[str, Any] = field(default_factory=lambda: BoundedDict(10))
    known: BoundedDict[str, int] = field(default_factory=lambda: BoundedDict(10))


@dataclass
class Simulation:
    """Several environments that share the store. `accepted` has the times of accepted requests."""

    access: Access
    environments: list[Environment]
    patch: pytest.MonkeyPatch
    accepted: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)

    def send(self, at_ms: int, environment: int = 0) -> bool:
        """Send a request to an environment. Return whether it is accepted."""
        chosen = self.environments[environment]
        self.patch.setattr(rate_leases, "_leases", chosen.leases)
        self.patch.setattr(rate_limit, "_known", chosen.known)
        try:
            rate_leases.take_for_key(self.access, at_ms)
        except RateLimitedError as error:
            self.refused.append(error.retry_after)
            return False
        self.accepted.append(at_ms)
        return True

    def most_above(self, limit: int, burst: int) -> float:
        """Return by how many requests some span of time exceeded a bucket of this limit."""
        most, level, last = 0.0, 0.0, START_MS
        for at_ms in self.accepted:
            level = max(0.0, level - (at_ms - last) * limit / 60_000) + 1
            most, last = max(most, level - burst), at_ms
        return most


@pytest.fixture
def simulate(aws: None) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:

        def begin(limit: int, burst: int | None = None, environments: int = 1) -> Simulation:
            access = Access("1", f"key{next(_numbers)}", 30, limit, burst=burst)
            return Simulation(access, [Environment() for _ in range(environments)], patch)

        yield begin


@pytest.mark.parametrize(("limit", "burst", "seconds"), [(600, 60, 12), (60, 5, 30), (6, 6, 30)])
def test_requests_exceed_the_rate_by_at_most_a_lease_for_each_environment(
    simulate: Any, limit: int, burst: int, seconds: int
) -> None:
    random, number = Random(limit), 4
    run = simulate(limit, burst, number)
    at_ms = START_MS
    while at_ms < START_MS + seconds * 1000:
        at_ms += random.choice([1, 5, 20, 20, 80])
        run.send(at_ms, random.randrange(number))
    lease = max(1, limit // 20)
    assert run.most_above(limit, burst) <= number * lease
    # Nor much less: what is offered is several times as much.
    granted = burst + limit * seconds / 60
    assert granted * 0.8 <= len(run.accepted) <= granted + number * lease
    assert run.refused


def test_a_burst_costs_a_call_for_each_lease_and_a_refusal_none(simulate: Any) -> None:
    run = simulate(600, 300)
    with recorded() as calls:
        assert all(run.send(START_MS) for n in range(300))
    # Of 1, 4 and 16 tokens, and then of 30.
    assert [call.operation for call in calls] == ["UpdateItem"] * 13
    with recorded() as calls:
        assert not any(run.send(START_MS + n) for n in range(50))
    assert calls == []
    assert set(run.refused) == {1}


def test_a_lease_expires_after_five_seconds(simulate: Any) -> None:
    run = simulate(600, 300)
    assert all(run.send(START_MS) for _ in range(20))  # 1 + 2 + 4 + 8 and 5 of 16
    with recorded() as calls:
        assert run.send(START_MS + 5_000)
    assert calls == []
    with recorded() as calls:
        assert run.send(START_MS + 5_001)
    assert [call.operation for call in calls] == ["UpdateItem"]


def test_a_key_that_sends_below_its_rate_loses_no_tokens(simulate: Any) -> None:
    """Otherwise a key would be refused below its rate, because tokens are lost with each lease."""
    run = simulate(60, 2, environments=3)
    assert all(run.send(START_MS + n * 2_000, n % 3) for n in range(60))


def test_a_lease_takes_the_last_tokens_of_a_bucket(simulate: Any) -> None:
    one, other = simulate(600, 40), simulate(600, 40)
    other.access = one.access
    assert [one.send(START_MS) for _ in range(21)] == [True] * 21  # it has leased all 21
    # The other one asks for 1, 4 and then 16 tokens. Only 14 are left then.
    assert sum(other.send(START_MS) for _ in range(30)) == 19
