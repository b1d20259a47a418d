"""Tests with foreign clients of the deployed stack: SDKs, snippets and a browser.

They need Node.js, PHP, Ruby, curl and Chromium: see `dev/tools.sh`.
"""

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
