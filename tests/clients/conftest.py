"""Tests with foreign clients of the deployed stack: SDKs, snippets and a browser.

They need Node.js, PHP, Ruby, curl and Chromium: see `dev/tools.sh`.
"""

from tests.support.deployed import (
    browser,
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
    "errata",
    "log",
    "project",
    "settings_of_the_stack",
    "shared",
    "stack",
    "team",
]
