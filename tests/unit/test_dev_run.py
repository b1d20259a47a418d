"""What `make run` prints, and its options."""

import json
import os
import shlex
from pathlib import Path

import pytest

from dev.errors import PortTakenError, ToolError
from dev.process import held
from dev.run import empty, explain, main, parse, port_number, welcome
from dev.stack import STAGE, architecture
from tests.support import template

API = "http://127.0.0.1:4566/_aws/execute-api/abc/v1"
DSN = "http://public@127.0.0.1:4568/1001"
PROJECT = {"id": "1001", "api_key": "secret", "dsn": DSN}
URLS = (API, "http://127.0.0.1:4568", "http://127.0.0.1:4567")
LOGIN = {"email": "demo@example.com", "password": "hush"}


def test_the_command_to_paste_sends_an_event() -> None:
    text = welcome(URLS, PROJECT, LOGIN)
    command = text[text.index("curl") : text.index("\n\nPress")]

    words = shlex.split(command)

    assert words[:4] == [
        "curl",
        "-X",
        "POST",
        "http://127.0.0.1:4566/_aws/execute-api/abc/v1/api/ingest",
    ]
    assert "X-Api-Key: secret" in words
    assert "Content-Type: application/json" in words
    assert json.loads(words[-1])["message"]


def test_the_welcome_shows_the_dsn_the_urls_and_the_login() -> None:
    text = welcome(URLS, PROJECT, LOGIN)
    assert f"  {DSN}\n" in text
    assert f"{API}/dashboard\n" in text
    assert "  SDKs       http://127.0.0.1:4568\n" in text
    assert "  web API    http://127.0.0.1:4567\n" in text
    assert "demo@example.com" in text
    assert "hush" in text


def test_the_port_comes_from_the_option_the_environment_or_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PORT", raising=False)
    assert port_number(parse([]).port) == 4566
    monkeypatch.setenv("PORT", "4700")
    assert port_number(parse([]).port) == 4700
    assert port_number(parse(["--port", "4701"]).port) == 4701


@pytest.mark.parametrize(
    "text", ["80000", "65536", "65534", "abc", "-1", "4.5", "1e3", "٤٥٦٦", "9" * 9]
)
def test_an_invalid_port_is_refused_in_one_line(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORT", text)
    monkeypatch.setattr("signal.signal", lambda number, handler: None)

    assert main([]) == 1

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        f"The port must be a whole number from 0 to 65533, not {text!r}. "
        "For example: make run PORT=4566.\n"
    )


def test_a_second_run_in_one_clone_is_refused_and_deletes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    for name in ("HOME", "STATE", "LOCK", "LOCAL"):
        monkeypatch.setattr(f"dev.run.{name}", tmp_path / name.lower())
    (tmp_path / "home").mkdir()
    (tmp_path / "state").mkdir()

    with held(tmp_path / "lock"):
        assert main(["--fresh"]) == 1

    assert (tmp_path / "state").exists()
    printed = capsys.readouterr().err
    assert printed.startswith(f"`make run` already runs in this clone (process {os.getpid()}).")
    assert len(printed.splitlines()) == 1


def test_a_fresh_start_deletes_data_and_project(tmp_path: Path) -> None:
    state, local = tmp_path / "state", tmp_path / "local.json"
    (state / "s3").mkdir(parents=True)
    local.touch()

    empty(state, local)
    empty(state, local)

    assert list(tmp_path.iterdir()) == []


def test_a_failed_command_is_explained_with_its_output() -> None:
    text = explain(ToolError("sam deploy", "no such resource\n"))

    assert text.startswith("no such resource\n\nsam deploy failed.")
    assert "FRESH=1" in text


def test_a_taken_port_is_explained_in_one_line() -> None:
    assert "\n" not in explain(PortTakenError(4566))


@pytest.mark.parametrize(
    ("machine", "expected"),
    [("x86_64", "x86_64"), ("AMD64", "x86_64"), ("aarch64", "arm64"), ("arm64", "arm64")],
)
def test_functions_run_on_this_machines_processor(machine: str, expected: str) -> None:
    assert architecture(machine) == expected


def test_the_stage_is_the_template_s() -> None:
    (api,) = template.of_type("AWS::Serverless::Api").values()
    assert api["StageName"] == STAGE
