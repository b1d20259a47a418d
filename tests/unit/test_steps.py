"""What a test begins with is stored once, and restored for tests that begin with the same steps."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from errata.usecases import projects
from tests.support.account import Clock, account
from tests.support.cli import aws
from tests.support.snapshot import DATA, STACKS, Snapshot, step


def is_made(name: str) -> bool:
    """Create a project in a step. Return whether it was created and not restored."""
    calls = []

    def create() -> str:
        calls.append(name)
        projects.create(name)
        return name

    assert step(name, create) == name
    return calls == [name]


def names() -> list[str]:
    return sorted(each.name for each in projects.list_projects())


def test_tests_with_the_same_first_steps_have_the_same_rows_and_no_others() -> None:
    for is_first in (True, False):
        with account("moto"):
            assert is_made("1 a") == is_made("1 b") == is_first
            assert names() == ["1 a", "1 b"]
            projects.create("other")
        with account("moto"):
            # Not the one that came after another step.
            assert is_made("1 b") == is_first
            assert names() == ["1 b"]


def test_a_step_after_anything_else_is_made() -> None:
    for is_first in (True, False):
        with account("moto"):
            assert is_made("2 a") == is_first
            projects.create("other")
            assert is_made("2 b")
            assert names() == ["2 a", "2 b", "other"]
        with account("moto"):
            before = Snapshot(DATA)
            assert is_made("2 a") is False
            before.restore()
            assert is_made("2 c")
            assert names() == ["2 c"]


def test_a_step_is_made_again_with_other_settings_and_after_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    for wanted in (True, False):
        with account("moto"):
            assert is_made("3 a") == wanted
    clock.advance(60)
    with account("moto"):
        assert is_made("3 a")
    with account("moto"), monkeypatch.context() as patch:
        patch.setenv("DASHBOARD_URL", "https://example.com")
        assert is_made("3 a")
        assert names() == ["3 a"]
    clock.advance(-1)
    with account("moto"):
        assert is_made("3 a")


def test_after_a_step_that_is_made_again_others_are_made_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    with account("moto"):
        assert is_made("4 a")
        clock.advance(59)
        assert is_made("4 b")
    clock.advance(1)
    for wanted in (True, False):
        with account("moto"):
            assert is_made("4 a") == is_made("4 b") == wanted


def test_what_commands_read_often_changes_with_the_stack() -> None:
    def template(url: str) -> str:
        queue = {"Queue": {"Type": "AWS::SQS::Queue"}}
        return json.dumps({"Resources": queue, "Outputs": {"Url": {"Value": url}}})

    def described() -> Any:
        (stack,) = aws("cloudformation").describe_stacks(StackName="shop")["Stacks"]
        (output,) = stack.pop("Outputs")
        return output["OutputValue"]

    with account("moto"):
        aws("cloudformation").create_stack(StackName="shop", TemplateBody=template("one"))
        assert described() == described() == "one"
        aws("cloudformation").update_stack(StackName="shop", TemplateBody=template("two"))
        assert described() == "two"
        before = Snapshot(STACKS)
        aws("cloudformation").delete_stack(StackName="shop")
        with pytest.raises(ClientError):
            described()
        before.restore()
        assert described() == "two"
    with account("moto"), pytest.raises(ClientError):
        described()
