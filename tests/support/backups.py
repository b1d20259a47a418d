"""Back up a stack with some events, and restore it into another one of the account."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from errata.store import tables
from errata.usecases import backup, issues
from tests.support import stream
from tests.support.account import Project
from tests.support.cli import STACK, deploy_another, done
from tests.support.clients import ingest
from tests.support.fresh import clear_cache
from tests.support.receiver import Receiver, receiver
from tests.support.visible import visible_in

OTHER = "errata-2"
ORIGIN = backup.Origin("1", STACK, "us-east-1", "https://example.com")


@pytest.fixture
def place(tmp_path: Path) -> str:
    """Return a folder for the backup, which does not exist yet."""
    return str(tmp_path / "backups" / "today")


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few rows need several pages and parts."""
    monkeypatch.setattr(tables, "PAGE", 3)
    monkeypatch.setattr(backup, "PART_BYTES", 1_500)


def shop_with_events(number: int = 3) -> Project:
    """Create a project with events of two issues, all counted."""
    made = done("projects", "create", "shop", "--json").json
    shop = Project(made["id"], made["api_key"], made["dsn"].split("//")[1].split("@")[0])
    for n in range(number):
        send(shop, f"boom {n % 2}", release="1.0")
    stream.pump(stream.records())
    return shop


def send(shop: Project, message: str, **fields: Any) -> str:
    accepted = ingest(shop, {"message": message, "fingerprint": message, **fields})
    assert accepted.status == 202, accepted.text
    return str(accepted.json["id"])


def counts(project_id: str) -> dict[str, int]:
    return {each.title: each.count for each in issues.list_issues(visible_in(project_id))}


def days(project_id: str, stack: str = OTHER) -> int:
    """Return the events of all days, from the day counters."""
    listed = done("stats", project_id, "--json", "--stack", stack).json
    return sum(day["accepted"] for day in listed)


def move(place: str) -> None:
    """Back up the stack and restore it into another one."""
    done("backup", place)
    deploy_another(OTHER)
    done("restore", place, "--stack", OTHER, "--json")
    clear_cache()


def parts_of(place: str) -> list[Path]:
    return sorted(Path(place).glob("*.jsonl.gz"))
