"""Where a command works: the local stack, or a stack in the caller's account."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from errata.cli.app import app
from errata.config import settings
from errata.store import clients
from tests.support import cli
from tests.support.account import Project
from tests.support.cli import Deployed, deploy, done, failed, refusing, run
from tests.support.fresh import TABLES

type Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def new_session() -> Iterator[None]:
    """Let botocore read the environment again, before the test and after it."""
    clients.clear_cache()
    yield
    clients.clear_cache()


@pytest.mark.parametrize(
    "line",
    [
        "--local --json projects list",
        "projects --local --json list",
        "projects list --local --json",
        "--json projects --local list",
        "--local projects list --json",
    ],
)
def test_shared_options_are_accepted_anywhere(local: Path, project: Project, line: str) -> None:
    (found,) = done(*line.split()).json
    assert found["id"] == project.id


@pytest.mark.parametrize("line", ["show --local 1 --json", "show 1 --local --json"])
def test_shared_options_are_accepted_before_and_after_an_argument(
    local: Path, project: Project, line: str
) -> None:
    assert done("projects", *line.split()).json["id"] == project.id


def test_the_local_stack_is_found_from_a_subfolder(local: Path, monkeypatch: Patch) -> None:
    within = local / "a" / "b"
    within.mkdir(parents=True)
    monkeypatch.chdir(within)
    assert done("projects", "list", "--local", "--json").json == []


def test_a_local_command_ignores_the_caller_s_aws_settings(local: Path, monkeypatch: Patch) -> None:
    # cli.answering asserts that the credentials are the local ones.
    monkeypatch.setenv("AWS_PROFILE", "of-no-file")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "precious")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "https://elsewhere.example")
    monkeypatch.setenv("ERRATA_STACK", "another")
    assert done("projects", "list", "--local", "--json").json == []
    assert os.environ["AWS_ENDPOINT_URL"] == cli.LOCAL_URL


def test_local_urls_are_shown(local: Path, project: Project) -> None:
    shown = done("projects", "show", project.id, "--local", "--json").json
    assert shown["api_url"] == f"{cli.LOCAL_URL}/_aws/execute-api/abc/v1"


def test_without_a_local_stack_the_error_shows_how_to_start_one(
    tmp_path: Path, monkeypatch: Patch
) -> None:
    monkeypatch.chdir(tmp_path)
    output = failed("projects", "list", "--local")
    assert output == "error: No local stack found. Start one with `make run`.\n"


@pytest.mark.parametrize("content", ["", "[]", "{}", '"x"', '{"stack": "errata"}'])
def test_a_broken_local_file_is_named(tmp_path: Path, monkeypatch: Patch, content: str) -> None:
    file = tmp_path / ".errata" / "local.json"
    file.parent.mkdir()
    file.write_text(content)
    monkeypatch.chdir(tmp_path)
    output = failed("projects", "list", "--local")
    assert output.startswith(f"error: {file} is invalid. Run `make run`")


def test_a_local_stack_that_does_not_respond_is_an_error(
    deployed: Deployed, tmp_path: Path, monkeypatch: Patch
) -> None:
    cli.write_local(tmp_path, "http://127.0.0.1:1")
    monkeypatch.chdir(tmp_path)
    output = failed("projects", "list", "--local")
    assert output == (
        "error: The local stack at http://127.0.0.1:1 does not respond. Start it with `make run`.\n"
    )


def test_an_invalid_local_url_is_an_error(
    deployed: Deployed, tmp_path: Path, monkeypatch: Patch
) -> None:
    cli.write_local(tmp_path, "not a url")
    monkeypatch.chdir(tmp_path)
    assert failed("projects", "list", "--local").startswith("error: Invalid endpoint: not a url")


def test_a_stack_that_the_local_aws_does_not_have_is_an_error(local: Path) -> None:
    with refusing("DescribeStacks", "ValidationError"):
        output = failed("projects", "list", "--local")
    assert output == (
        f"error: There is no stack errata in {cli.LOCAL_URL}. Start it with `make run`.\n"
    )


def test_a_stack_s_outputs_are_the_settings(
    deployed: Deployed, project: Project, monkeypatch: Patch
) -> None:
    deploy("eleven", RetentionDays="11")
    for name in (*TABLES, "RETENTION_DAYS"):
        monkeypatch.delenv(name, raising=False)
    settings.cache_clear()
    (found,) = done("--stack", "eleven", "projects", "list", "--json").json
    assert found["id"] == project.id
    assert "11 days (default)" in done("projects", "show", project.id, "--stack", "eleven").out


def test_the_stack_is_named_by_option_or_environment(
    deployed: Deployed, monkeypatch: Patch
) -> None:
    deploy("other", RetentionDays="5")
    done("projects", "list")
    assert settings().retention_days == 30
    monkeypatch.setenv("ERRATA_STACK", "other")
    done("projects", "list")
    assert settings().retention_days == 5
    done("projects", "list", "--stack", "errata")
    assert settings().retention_days == 30


def test_the_last_stack_option_is_used(deployed: Deployed) -> None:
    done("--stack", "nowhere", "projects", "list", "--stack", "errata")


def test_local_and_a_stack_exclude_each_other(local: Path) -> None:
    ran = run("--local", "projects", "list", "--stack", "errata")
    assert ran.code == 2
    assert "Use --local or --stack, not both." in ran.err


def test_an_unknown_stack_is_an_error(deployed: Deployed) -> None:
    output = failed("projects", "list", "--stack", "nowhere")
    prefix = "error: There is no stack nowhere in us-east-1. Set your stack with --stack"
    assert output.startswith(prefix)


def test_a_stack_that_is_not_of_errata_is_an_error(deployed: Deployed) -> None:
    deploy("queue", ApiId=None, EventsTableName=None)
    output = failed("projects", "list", "--stack", "queue")
    assert output == (
        "error: The stack queue in us-east-1 (CREATE_COMPLETE) has no output EventsTableName,"
        " ApiId. It is not an Errata stack, or its deployment is not complete.\n"
    )


def test_missing_credentials_are_an_error(deployed: Deployed, monkeypatch: Patch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert failed("projects", "list").startswith("error: No AWS credentials found. Sign in with")


def test_incomplete_credentials_are_an_error(deployed: Deployed, monkeypatch: Patch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert failed("projects", "list").startswith("error: No AWS credentials found. Sign in with")


def test_an_unknown_profile_is_an_error(deployed: Deployed, monkeypatch: Patch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "of-no-file")
    assert "The config profile (of-no-file) could not be found" in failed("projects", "list")


def test_a_missing_region_is_an_error(deployed: Deployed, monkeypatch: Patch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    output = failed("projects", "list")
    assert output.startswith("error: No AWS region is set. Set AWS_DEFAULT_REGION")


def test_the_region_may_also_be_in_aws_region(deployed: Deployed, monkeypatch: Patch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    done("projects", "list")


@pytest.mark.parametrize("operation", ["DescribeStacks", "Query"])
def test_a_call_that_aws_denies_is_named(deployed: Deployed, operation: str) -> None:
    denied = "User arn:aws:iam::1:user/eve is not authorized."
    with refusing(operation, "AccessDeniedException", denied):
        output = failed("projects", "list")
    prefix = f"error: You are not allowed to call {operation}: {denied} Use credentials"
    assert output.startswith(prefix)


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidClientTokenId"])
def test_credentials_that_aws_rejects_are_an_error(deployed: Deployed, code: str) -> None:
    with refusing("DescribeStacks", code):
        output = failed("projects", "list")
    assert output.startswith(f"error: AWS rejected your credentials ({code}: no.). Sign in")


def test_any_other_error_of_aws_is_shown(deployed: Deployed) -> None:
    with refusing("Query", "ResourceNotFoundException", "Requested resource not found"):
        output = failed("projects", "list")
    assert output == (
        "error: Query failed with ResourceNotFoundException: Requested resource not found\n"
    )


def test_control_characters_in_an_error_do_not_reach_the_terminal(deployed: Deployed) -> None:
    assert r"no project a\x1b[31mb" in failed("projects", "show", "a\x1b[31mb")


def test_an_unexpected_exception_is_not_caught(deployed: Deployed, monkeypatch: Patch) -> None:
    monkeypatch.setattr("errata.store.projects.query", lambda **_: 1 / 0)
    assert isinstance(CliRunner().invoke(app, ["projects", "list"]).exception, ZeroDivisionError)
