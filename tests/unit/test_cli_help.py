"""What the command says of itself."""

import pytest

from tests.support.cli import done, run

COMMANDS = [
    "",
    "orgs",
    "orgs create",
    "orgs list",
    "orgs show",
    "orgs set",
    "projects",
    "projects create",
    "projects list",
    "projects show",
    "projects set",
    "projects delete",
    "members",
    "members add",
    "members list",
    "members set",
    "members invite",
    "members remove",
    "teams",
    "teams create",
    "teams list",
    "teams rename",
    "teams delete",
    "keys",
    "keys list",
    "keys create",
    "keys revoke",
    "issues",
    "issues list",
    "issues show",
    "issues resolve",
    "issues ignore",
    "issues reopen",
    "issues delete",
    "events",
    "events list",
    "events show",
    "releases",
    "releases list",
    "privacy",
    "privacy erase",
    "tail",
    "send",
    "redrive",
    "backup",
    "restore",
    "doctor",
    "stats",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_short_and_ends_with_an_example(command: str) -> None:
    said = done(*command.split(), "--help").out.splitlines()
    assert len(said) < 40
    assert said[-1].startswith("  Example: errata ")
    # The shared options take part in every command.
    assert {"--local", "--stack", "--json"} <= {line.split()[0] for line in said if line.split()}


@pytest.mark.parametrize("command", COMMANDS[1:])
def test_the_example_is_one_of_the_command(command: str) -> None:
    example = done(*command.split(), "--help").out.splitlines()[-1]
    assert f"errata {command}" in example


def test_the_version() -> None:
    assert done("--version").out == "errata 0.1.0\n"


def test_a_command_alone_shows_its_help() -> None:
    ran = run()
    assert (ran.code, "Usage: errata" in ran.err) == (2, True)


def test_a_wrong_use_is_typer_s() -> None:
    ran = run("projects", "show")
    assert (ran.code, ran.out) == (2, "")
    assert "Missing argument" in ran.err
