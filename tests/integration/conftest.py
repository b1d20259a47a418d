"""Integration tests: the real handlers over moto, with the tables of the template.

The store's tests (test_store_*.py) also run on an emulator that listens: see
`tests.support.account`.
"""

from itertools import count

import pytest

from errata.models.visible import issues_partition
from errata.store import connections
from errata.usecases import apply_maps
from tests.support.account import EMULATORS
from tests.support.fixtures import aws, busy, clock, project

__all__ = ["aws", "busy", "clock", "project"]
_projects = count(100)


@pytest.fixture
def pk() -> str:
    """Return the partition of the issues of a project that no other test uses."""
    return issues_partition(str(next(_projects)), 0)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a busy machine take longer than an endpoint waits for a source map, or for a response."""
    monkeypatch.setattr(apply_maps, "MAX_S", 10)
    monkeypatch.setattr(connections, "READ_S", 10)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the store's tests on every available emulator."""
    if metafunc.module.__name__.rpartition(".")[2].startswith("test_store_"):
        metafunc.parametrize("aws", EMULATORS, indirect=True)
