"""The demo project: made once, and known as long as its data is."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dev import seed
from dev.stack import LocalStack

CREATED = {"id": "1001", "name": "demo", "api_key": "secret"}
PROJECT = {"id": "1001", "api_key": "secret"}


class Stack(LocalStack):
    """A stack that is up, with a memory of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.emulator: Any = SimpleNamespace(endpoint_url="http://127.0.0.1:4700")
        self.outputs = {
            "ApiId": "abc",
            "ApiUrl": "https://abc.execute-api.us-east-1.amazonaws.com/v1",
        }
        self.memory: dict[str, str] = {}

    def remember(self, name: str, value: str) -> None:
        self.memory[name] = value

    def recall(self, name: str) -> str | None:
        return self.memory.get(name)


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where local.json goes; the CLI answers as it should, once it can find the stack."""
    local = tmp_path / ".errata" / "local.json"

    def errata(name: str, command: list[str], environment: object) -> str:
        assert command[1:] == ["--local", "projects", "create", "demo", "--json"]
        assert "project" not in json.loads(local.read_text())
        return json.dumps(CREATED)

    monkeypatch.setattr(seed, "LOCAL", local)
    monkeypatch.setattr(seed, "run_tool", errata)
    return local


def test_the_first_run_makes_a_project_and_writes_it_down(local: Path) -> None:
    assert seed.ensure_project(Stack()) == (PROJECT, False)

    assert json.loads(local.read_text()) == {
        "api_url": "http://127.0.0.1:4700/_aws/execute-api/abc/v1",
        "region": "us-east-1",
        "aws_endpoint_url": "http://127.0.0.1:4700",
        "stack": "errata-local",
        "project": PROJECT,
    }


def test_the_key_is_for_its_owners_eyes(local: Path) -> None:
    seed.ensure_project(Stack())

    assert local.stat().st_mode & 0o777 == 0o600


def test_a_later_run_reuses_the_project(local: Path) -> None:
    stack = Stack()
    seed.ensure_project(stack)

    assert seed.ensure_project(stack) == (PROJECT, True)


def test_a_project_without_its_data_is_made_again(local: Path) -> None:
    seed.ensure_project(Stack())

    assert seed.ensure_project(Stack()) == (PROJECT, False)


def test_a_project_whose_key_is_lost_is_made_again(local: Path) -> None:
    stack = Stack()
    seed.ensure_project(stack)
    local.unlink()

    assert seed.ensure_project(stack) == (PROJECT, False)
