"""The help of the command."""

import os
import subprocess
import sys

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
    "issues similar",
    "open",
    "login",
    "logout",
    "issues resolve",
    "issues ignore",
    "issues reopen",
    "issues assign",
    "issues comment",
    "issues activity",
    "issues delete",
    "issues undo",
    "events",
    "events list",
    "events show",
    "releases",
    "releases list",
    "monitors",
    "monitors list",
    "monitors show",
    "monitors delete",
    "privacy",
    "privacy erase",
    "tail",
    "send",
    "capture",
    "capture add",
    "capture list",
    "capture remove",
    "capture test",
    "redrive",
    "backup",
    "restore",
    "doctor",
    "stats",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_short_and_ends_with_an_example(command: str) -> None:
    shown = done(*command.split(), "--help").out.splitlines()
    # The list of all commands is longer.
    assert len(shown) < (44 if command == "" else 40)
    assert shown[-1].startswith("  Example: errata ")
    # The shared options take part in every command.
    assert {"--local", "--stack", "--json"} <= {line.split()[0] for line in shown if line.split()}


@pytest.mark.parametrize("command", COMMANDS[1:])
def test_the_example_uses_the_command(command: str) -> None:
    example = done(*command.split(), "--help").out.splitlines()[-1]
    assert f"errata {command}" in example


def test_the_version_is_printed() -> None:
    assert done("--version").out == "errata 0.1.0\n"


def test_errata_without_a_command_shows_its_help() -> None:
    ran = run()
    assert (ran.code, "Usage: errata" in ran.err) == (2, True)


def test_a_missing_argument_is_a_usage_error() -> None:
    ran = run("projects", "show")
    assert (ran.code, ran.out) == (2, "")
    assert "Missing argument" in ran.err


# Prints the names of the modules that the process has executed, after the help of some commands.
HELP = """
import sys
from importlib.util import _LazyModule

import errata.cli

for line in sys.argv[1:]:
    sys.argv = ["errata", *line.split()]
    try:
        errata.cli.main()
    except SystemExit:
        pass
print("\\n", *(name for name, each in sys.modules.items() if type(each) is not _LazyModule))
"""


def test_help_imports_neither_botocore_nor_rich_nor_a_use_case() -> None:
    lines = [f"{command} --help" for command in COMMANDS] + ["nonsense", "issues show --json"]
    ran = subprocess.run(
        [sys.executable, "-c", HELP, *lines],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    modules = ran.stdout.splitlines()[-1].split()
    assert "errata.cli.issues" in modules
    for slow in (
        "botocore",
        "boto3",
        "rich",
        "keyring",
        "urllib3",
        "errata.usecases",
        "errata.store",
    ):
        assert [each for each in modules if each.startswith(f"{slow}.")] == []
    # Each costs about half a millisecond.
    assert len(modules) < 430
