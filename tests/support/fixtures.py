"""Fixtures of all tests that use an account. Their conftest.py imports these."""

from collections.abc import Iterator

import pytest

from errata.models.project import DEFAULT_LIMIT
from tests.support.account import Clock, Project, account, new_project


@pytest.fixture(autouse=True)
def aws(request: pytest.FixtureRequest) -> Iterator[None]:
    """Provide an empty account with the template's tables and queues."""
    with account(getattr(request, "param", "moto")):
        yield


@pytest.fixture
def project() -> Project:
    """Create a project with the default limit of 60 requests per minute."""
    return new_project(DEFAULT_LIMIT.per_minute)


@pytest.fixture
def busy() -> Project:
    """Create a project without an effective rate limit."""
    return new_project(metered=True)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Provide a clock that advances only when the test says so."""
    return Clock(monkeypatch)
