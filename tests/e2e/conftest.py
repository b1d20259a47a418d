"""End-to-end tests: the template, built and deployed on a local AWS that enforces IAM."""

from pathlib import Path

import pytest

from tests.support.deployed import (
    clients_of_the_stack,
    digest_dead_letters,
    errata,
    log,
    project,
    settings_of_the_stack,
    shared,
    stack,
    team,
)

__all__ = [
    "clients_of_the_stack",
    "digest_dead_letters",
    "errata",
    "log",
    "project",
    "settings_of_the_stack",
    "shared",
    "stack",
    "team",
]
HERE = Path(__file__).parent
# It deploys the stack, and spends most of its time waiting: other tests run meanwhile.
FIRST = "test_webhooks"
# Long files that need no stack, for the other processes until it is deployed.
MEANWHILE = (
    "test_sdk_events",
    "test_legacy_actions",
    "test_organization",
    "test_cli_usage_keys",
    "test_bounds",
    "test_settings",
)
# Then this folder, first the files that take longest.
SLOWEST = ("test_monitors", "test_orgs", "test_behind", "test_emulators")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the files so that no process waits for the stack, or runs alone at the end."""
    order = {name: number for number, name in enumerate((FIRST, *MEANWHILE, *SLOWEST))}
    last = len(order)

    def rank(item: pytest.Item) -> int:
        name, mine = item.path.stem, item.path.parent == HERE
        if name in order and mine == (name not in MEANWHILE):
            return order[name]
        return last if mine else last + 1

    items.sort(key=rank)
