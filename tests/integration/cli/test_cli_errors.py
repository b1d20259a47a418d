"""Errors with `--json`: on stderr, with a code, in every command (docs/command.md)."""

import json
import re
from pathlib import Path

import pytest

from errata.cli import aws_failures, failures
from errata.store import clients
from tests.support.account import Project
from tests.support.cli import Deployed, refusing, run

DOCUMENT = Path(__file__).parents[3] / "docs" / "command.md"


def error(*arguments: str) -> tuple[str, str]:
    """Run a command that must fail. Return the code and the message of its error."""
    ran = run(*arguments, "--json")
    assert (ran.code, ran.out) == (1, ""), ran
    (text,) = ran.err.splitlines()
    found = json.loads(text)["error"]
    assert set(found) == {"code", "message"}
    return found["code"], found["message"]


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("issues show", "usage", "Missing argument 'PROJECT'."),
        ("issues show 1 2 --nonsense", "usage", "No such option: --nonsense"),
        ("issues nonsense", "usage", "No such command 'nonsense'."),
        ("--local issues list 1 --stack errata", "usage", "Invalid value: Use --local or --stack"),
        ("issues list", "invalid_input", "project: Give a project or --org, not both."),
        ("projects show 7", "not_found", "There is no project 7. See `errata projects list`."),
        ("projects list --stack no", "not_found", "There is no stack no in us-east-1. "),
    ],
)
def test_an_error_has_a_code(deployed: Deployed, line: str, code: str, message: str) -> None:
    found, text = error(*line.split())
    assert (found, text.startswith(message)) == (code, True), text


def test_errors_about_a_query_and_an_issue_have_codes(deployed: Deployed, project: Project) -> None:
    code, text = error("issues", "list", project.id, "--query", "is:nonsense")
    assert (code, text.startswith("query: ")) == ("invalid_query", True)
    code, text = error("issues", "show", project.id, "42")
    assert (code, text) == ("not_found", f"Project {project.id} has no issue 42.")


def test_a_declined_question_has_the_code_aborted(deployed: Deployed, project: Project) -> None:
    ran = run("issues", "resolve", project.id, "--query", "is:open", "--json", stdin=b"n\n")
    assert ran.code == 1
    assert json.loads(ran.err.splitlines()[-1])["error"]["code"] == "aborted"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("AccessDeniedException", "aws_denied"),
        ("ExpiredTokenException", "no_credentials"),
        ("InternalFailure", "aws_error"),
    ],
)
def test_errors_of_aws_have_codes(deployed: Deployed, name: str, code: str) -> None:
    with refusing("DescribeStacks", name):
        assert error("projects", "list")[0] == code


def test_missing_credentials_have_a_code(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    clients.clear_cache()
    assert error("projects", "list")[0] == "no_credentials"
    clients.clear_cache()


def test_a_success_prints_nothing_on_stderr(deployed: Deployed, project: Project) -> None:
    assert run("projects", "show", project.id, "--json").err == ""
    ran = run("--version", "--json")
    assert (ran.code, ran.err) == (0, "")


def test_the_document_lists_the_codes() -> None:
    listed = re.findall(r"^\| `([a-z_]+)` \|", DOCUMENT.read_text(), re.MULTILINE)
    ours = {*failures.CODES.values(), failures.UNAVAILABLE, failures.USAGE, failures.ABORTED}
    aws = {
        each for name, each in vars(aws_failures).items() if name.isupper() and each == str(each)
    }
    assert len(listed) == len(set(listed))
    assert set(listed) == ours | {each for each in aws if " " not in each}
