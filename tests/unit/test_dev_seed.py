"""The demo project and login are created once, and reused as long as their data exists."""

import json
from pathlib import Path

import pytest

from dev import seed
from dev.stack import LocalStack

API_URL = "http://127.0.0.1:4700/_aws/execute-api/e44a7a00/v1"
LOGIN = {"email": "demo@example.com", "password": "first"}
DSN = "http://public@127.0.0.1:4700/_aws/execute-api/e44a7a00/v1/1001"
PROJECT = {"id": "1001", "api_key": "secret", "dsn": DSN}
CREATED = PROJECT | {"name": "demo"}


class Stack(LocalStack):
    """A running stack that remembers values in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.endpoint_url = "http://127.0.0.1:4700"
        self.memory: dict[str, str] = {}

    def put_value(self, name: str, value: str) -> None:
        self.memory[name] = value

    def get_value(self, name: str) -> str | None:
        return self.memory.get(name)


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of local.json during a start. The CLI is replaced, and expects the file."""
    local = tmp_path / "starting" / ".errata" / "local.json"
    members: list[dict[str, str]] = []
    dsns: list[str] = []

    def errata(name: str, command: list[str], environment: object, folder: Path) -> str:
        assert folder == tmp_path / "starting"
        assert json.loads(local.read_text())["stack"] == "errata-local"
        assert (command[1], command[-1]) == ("--local", "--json")
        match command[2:-1]:
            case ["projects", "create", "demo"]:
                dsns.append(DSN)
                return json.dumps(CREATED)
            case ["projects", "show", "1001"]:
                return json.dumps({"dsn": dsns[-1] if dsns else None})
            case ["keys", "create", "1001", "--dsn"]:
                dsns.append(DSN)
                return json.dumps({"dsn": DSN})
            case ["members", "list", "default"]:
                return json.dumps(members)
            case ["members", "add", "default", email, "--role", "owner"]:
                members.append({"email": email})
                return json.dumps({"email": email, "password": "first"})
            case ["members", "invite", "default", email]:
                return json.dumps({"email": email, "password": "another"})
        raise AssertionError(command)

    monkeypatch.setattr(seed, "LOCAL", tmp_path / "local.json")
    monkeypatch.setattr(seed, "STARTING", tmp_path / "starting")
    monkeypatch.setattr(seed, "run_tool", errata)
    return local


def test_the_first_run_creates_and_records_project_and_login(local: Path) -> None:
    stack = Stack()
    assert seed.ensure_project(stack) == (PROJECT, False)
    assert seed.ensure_login(stack) == LOGIN

    assert json.loads(local.read_text()) == {
        "api_url": API_URL,
        "sdk_url": API_URL,
        "web_url": API_URL,
        "dashboard_url": f"{API_URL}/dashboard",
        "region": "us-east-1",
        "aws_endpoint_url": "http://127.0.0.1:4700",
        "aws_credentials": {
            "access_key_id": stack.credentials.access_key_id,
            "secret_access_key": stack.credentials.secret_access_key,
        },
        "stack": "errata-local",
        "project": PROJECT,
        "login": LOGIN,
    }


def test_local_json_appears_complete_and_is_absent_during_the_next_start(
    local: Path, tmp_path: Path
) -> None:
    stack, found = Stack(), tmp_path / "local.json"
    seed.withdraw()
    seed.ensure_project(stack)
    seed.ensure_login(stack)
    assert not found.exists()
    seed.publish()
    first = json.loads(found.read_text())
    assert (first["project"], first["login"]) == (PROJECT, LOGIN)
    assert not local.exists()

    seed.withdraw()
    assert not found.exists()
    assert seed.ensure_project(stack) == (PROJECT, True)
    assert seed.ensure_login(stack) == LOGIN
    seed.publish()
    assert json.loads(found.read_text()) == first


def test_an_interrupted_start_keeps_its_project(local: Path, tmp_path: Path) -> None:
    stack = Stack()
    seed.withdraw()
    seed.ensure_project(stack)
    seed.withdraw()
    assert seed.ensure_project(stack) == (PROJECT, True)
    assert not (tmp_path / "local.json").exists()


def test_only_the_owner_can_read_the_key(local: Path) -> None:
    seed.ensure_project(Stack())

    assert local.stat().st_mode & 0o777 == 0o600


def test_a_later_run_reuses_project_and_login(local: Path) -> None:
    stack = Stack()
    seed.ensure_project(stack)
    seed.ensure_login(stack)

    assert seed.ensure_project(stack) == (PROJECT, True)
    assert json.loads(local.read_text())["login"] == LOGIN
    assert seed.ensure_login(stack) == LOGIN


def test_an_old_project_without_a_dsn_gets_one(local: Path) -> None:
    stack = Stack()
    stack.put_value(seed.DEMO, "1001")
    old = {"id": "1001", "api_key": "secret"}
    local.parent.mkdir(parents=True)
    local.write_text(json.dumps({"project": old}))

    assert seed.ensure_project(stack) == (PROJECT, True)
    assert json.loads(local.read_text())["project"] == PROJECT


def test_the_dsn_follows_the_stack_to_another_port(local: Path) -> None:
    stack = Stack()
    seed.ensure_project(stack)
    written = local.read_text()
    local.write_text(written.replace("127.0.0.1:4700", "127.0.0.1:4600"))

    assert seed.ensure_project(stack) == (PROJECT, True)
    assert local.read_text() == written


def test_a_project_without_its_data_is_created_again(local: Path) -> None:
    seed.ensure_project(Stack())

    assert seed.ensure_project(Stack()) == (PROJECT, False)


def test_a_project_whose_key_is_lost_is_created_again(local: Path) -> None:
    stack = Stack()
    seed.ensure_project(stack)
    local.unlink()

    assert seed.ensure_project(stack) == (PROJECT, False)


def test_a_login_whose_password_is_lost_gets_another(local: Path) -> None:
    stack = Stack()
    seed.ensure_project(stack)
    seed.ensure_login(stack)
    local.unlink()
    seed.ensure_project(stack)

    assert seed.ensure_login(stack) == LOGIN | {"password": "another"}
