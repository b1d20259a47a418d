"""End-to-end tests: the template, built and deployed on a local AWS that enforces IAM."""

from pathlib import Path

import pytest

from tests.support.deployed import (
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
# These spend most of their time waiting: they start first, and other tests run meanwhile.
SLOWEST = ("test_webhooks", "test_orgs", "test_behind", "test_emulators")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with this folder, and in it with the files that take longest."""
    mine = [item for item in items if item.path.parent == HERE]
    rank = {name: number for number, name in enumerate(SLOWEST)}
    mine.sort(key=lambda item: rank.get(item.path.stem, len(rank)))
    items[:] = mine + [item for item in items if item.path.parent != HERE]
