"""Foreign clients of the deployed stack: SDKs, snippets, the README's commands, and a browser.

These need Node.js, PHP, Ruby, curl and Chromium: see `dev/tools.sh`.
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
