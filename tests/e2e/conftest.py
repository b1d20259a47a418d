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
# These spend most of their time waiting. If they start first, no process idles at the end.
SLOWEST = ("test_upgrade", "test_webhooks", "test_orgs", "test_emulators")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the files that take longest."""
    mine = [item for item in items if item.path.parent == HERE]
    rank = {name: number for number, name in enumerate(SLOWEST)}
    mine.sort(key=lambda item: rank.get(item.path.stem, len(rank)))
    items[:] = [item for item in items if item.path.parent != HERE] + mine
