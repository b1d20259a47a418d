"""Tests with foreign clients of the deployed stack: SDKs, snippets and a browser.

They need Node.js, PHP, Ruby, curl and Chromium: see `dev/tools.sh`.
"""

import pytest

from tests.support.deployed import (
    browser,
    clients_of_the_stack,
    errata,
    log,
    project,
    settings_of_the_stack,
    shared,
    stack,
    team,
)

__all__ = [
    "browser",
    "clients_of_the_stack",
    "errata",
    "log",
    "project",
    "settings_of_the_stack",
    "shared",
    "stack",
    "team",
]

# The SDKs come first: a debugger in a Node.js program loses local variables while the previous
# release is built, by test_upgrade near the end. Then what takes longest, so no process waits.
FIRST = (
    "sdks",
    "uploads",
    "dashboard_accessibility",
    "dashboard",
    "doctor",
    "backup",
    "deploy",
    "run",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of FIRST first."""
    order = {f"test_{name}": number for number, name in enumerate(FIRST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))
