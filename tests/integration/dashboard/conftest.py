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
from tests.support.snapshot import step

__all__ = ["aws", "busy", "clock", "project"]


@pytest.fixture(autouse=True)
def _no_more_than_permitted(monkeypatch: pytest.MonkeyPatch) -> None:
    def response(event: dict[str, Any], context: Any) -> dict[str, Any]:
        with calling_as("DashboardFunction"):
            return handler(event, context)

    monkeypatch.setattr("tests.support.browser.handler", response)


@pytest.fixture
def browser(project: Project, request: pytest.FixtureRequest) -> Browser:
    """Return the browser of an owner of the default organization, which owns the project."""
    step(("owner", OWNER), lambda: members.add("default", OWNER, "owner"))
    if "busy" in request.fixturenames:
        # A session starts now. The rows before it may come from the snapshot of another test.
        request.getfixturevalue("busy")
    return signed_in(OWNER)
