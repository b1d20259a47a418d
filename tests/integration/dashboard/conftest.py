"""Tests of the dashboard over moto, with only the permissions that the template grants."""

from typing import Any

import pytest

from errata.usecases import members
from functions.dashboard.handler import handler
from tests.support.account import Project
from tests.support.browser import Browser, signed_in
from tests.support.calls import calling_as
from tests.support.fixtures import aws, busy, clock, project
from tests.support.pages import OWNER

__all__ = ["aws", "busy", "clock", "project"]


@pytest.fixture(autouse=True)
def _no_more_than_permitted(monkeypatch: pytest.MonkeyPatch) -> None:
    def response(event: dict[str, Any], context: Any) -> dict[str, Any]:
        with calling_as("DashboardFunction"):
            return handler(event, context)

    monkeypatch.setattr("tests.support.browser.handler", response)


@pytest.fixture
def browser(project: Project) -> Browser:
    """Return the browser of an owner of the default organization, which owns the project."""
    members.add("default", OWNER, "owner")
    return signed_in(OWNER)
