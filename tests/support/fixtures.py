"""What tests over an account share; their conftest.py imports it."""

from collections.abc import Iterator

import pytest

from errata.models.project import DEFAULT_RATE_LIMIT
from tests.support.account import Clock, Project, account, new_project


@pytest.fixture(autouse=True)
def aws(request: pytest.FixtureRequest) -> Iterator[None]:
    """An empty account with the template's tables and queues."""
    with account(getattr(request, "param", "moto")):
        yield


@pytest.fixture
def project() -> Project:
    """A project: its id and its key. With the default limit of 60 requests a minute."""
    return new_project(DEFAULT_RATE_LIMIT)


@pytest.fixture
def busy() -> Project:
    """A project that may send as often as it likes."""
    return new_project(metered=True)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time, which goes on only when the test says so."""
    return Clock(monkeypatch)
