"""The first steps of a test are stored once, and restored for tests with the same first steps."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from errata.usecases import projects
from tests.support.account import Clock, account
from tests.support.cli import aws
from tests.support.snapshot import DATA, STACKS, Snapshot, step


def is_run(name: str) -> bool:
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
            assert is_run("1 a") == is_run("1 b") == is_first
            assert names() == ["1 a", "1 b"]
            projects.create("other")
        with account("moto"):
            # Not the snapshot of this step after another one.
            assert is_run("1 b") == is_first
            assert names() == ["1 b"]


def test_a_step_after_any_other_change_is_run() -> None:
    for is_first in (True, False):
        with account("moto"):
            assert is_run("2 a") == is_first
            projects.create("other")
            assert is_run("2 b")
            assert names() == ["2 a", "2 b", "other"]
        with account("moto"):
            before = Snapshot(DATA)
            assert is_run("2 a") is False
            before.restore()
            assert is_run("2 c")
            assert names() == ["2 c"]


def test_a_step_is_run_again_with_other_settings_and_after_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    for wanted in (True, False):
        with account("moto"):
            assert is_run("3 a") == wanted
    clock.advance(60)
    with account("moto"):
        assert is_run("3 a")
    with account("moto"), monkeypatch.context() as patch:
        patch.setenv("DASHBOARD_URL", "https://example.com")
        assert is_run("3 a")
        assert names() == ["3 a"]
    clock.advance(-1)
    with account("moto"):
        assert is_run("3 a")


def test_the_steps_after_one_that_is_run_again_are_run_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    with account("moto"):
        assert is_run("4 a")
        clock.advance(59)
        assert is_run("4 b")
    clock.advance(1)
    for wanted in (True, False):
        with account("moto"):
            assert is_run("4 a") == is_run("4 b") == wanted


def test_the_cached_description_of_a_stack_changes_with_the_stack() -> None:
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
