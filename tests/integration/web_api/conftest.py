"""Tests of the web API over moto, with only the permissions that the template grants."""

import pytest

from tests.support.account import Project
from tests.support.fixtures import aws, busy, clock, project
from tests.support.shop import Shop, new_shop

__all__ = ["aws", "busy", "clock", "project"]


@pytest.fixture
def shop(busy: Project) -> Shop:
    """Return a project with the token of an owner."""
    return new_shop(busy)
