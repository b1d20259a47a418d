"""Two stacks of one account: one is backed up and deleted, the other restored, and working."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from dev.process import BIN, ROOT
from dev.stack import LocalStack
from tests.support.deployed import eventually
from tests.support.doctor import wrong
from tests.support.receiver import Receiver, receiver

SECOND, SECOND_API = "errata-second", "e44a7a02"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack of its own, since the test deletes it."""
    with LocalStack(log=tmp_path_factory.mktemp("stack") / "ministack.log") as running:
        yield running


def errata(stack: LocalStack, *arguments: str) -> Any:
    """Run the command on a stack. Return what it prints, as JSON."""
    ran = subprocess.run(
        [BIN / "errata", *arguments, "--json", "--stack", stack.stack_name],
        cwd=ROOT,
        env={**os.environ, **stack.environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran
    return json.loads(ran.stdout)


def send(stack: LocalStack, key: str, *messages: str) -> None:
    for message in messages:
        sent = requests.post(
            f"{stack.api_url}/api/ingest",
            json={"message": message, "fingerprint": message, "release": "1.0"},
            headers={"X-Api-Key": key},
            timeout=30,
        )
        assert sent.status_code == 202, sent.text


def counts(stack: LocalStack, project_id: str) -> dict[str, int]:
    return {each["title"]: each["count"] for each in errata(stack, "issues", "list", project_id)}


def accepted(stack: LocalStack, project_id: str) -> int:
    return sum(each["accepted"] for each in errata(stack, "stats", project_id))


def received_messages(there: Receiver) -> list[str]:
    return [json.loads(each.body)["issue"]["message"] for each in there.received]


def test_a_backup_is_restored_in_a_second_stack_that_outlives_the_first(
    first: LocalStack, tmp_path: Path
) -> None:
    place = str(tmp_path / "backup")
    shop = errata(first, "projects", "create", "shop")
    with receiver() as there:
        webhook = errata(first, "webhooks", "add", shop["id"], there.url)
        errata(first, "members", "add", "default", "ada@example.com", "--role", "owner")
        send(first, shop["api_key"], *["a"] * 5, *["b"] * 3)
        counted = {"a": 5, "b": 3}
        eventually(lambda: counts(first, shop["id"]), lambda found: found == counted)
        eventually(lambda: len(there.received), lambda number: number == 2)

        rows = errata(first, "backup", place)["rows"]
        assert (rows["events"], rows["secrets"], rows["accounts"]) == (8, 1, 1)
        second = first.beside(SECOND, SECOND_API)
        assert wrong(second) == []
        restored = errata(second, "restore", place)
        assert (restored["counted"], restored["invited"], restored["problems"]) == (0, 1, [])
        assert counts(second, shop["id"]) == counted
        assert accepted(second, shop["id"]) == 8

        # The stream of the new table brings the restored events to digest before this one.
        send(second, shop["api_key"], "a", "c")
        counted = {"a": 6, "b": 3, "c": 1}
        eventually(lambda: counts(second, shop["id"]), lambda found: found == counted)
        eventually(lambda: sorted(received_messages(there)), lambda found: found == ["a", "b", "c"])
        assert counts(first, shop["id"]) == {"a": 5, "b": 3}
        signed = errata(second, "webhooks", "list", shop["id"])
        assert [each["id"] for each in signed] == [webhook["id"]]

        remove(first)
        send(second, shop["api_key"], "b", "d")
        counted |= {"b": 4, "d": 1}
        eventually(lambda: counts(second, shop["id"]), lambda found: found == counted)
        eventually(
            lambda: sorted(received_messages(there)), lambda found: found == ["a", "b", "c", "d"]
        )
    assert accepted(second, shop["id"]) == 12
    assert wrong(second) == []


def remove(stack: LocalStack) -> None:
    """Delete a stack, as docs/operations.md says."""
    errata(stack, "teardown", "--yes")
    client = stack.client("cloudformation")
    client.delete_stack(StackName=stack.stack_name)
    until = time.monotonic() + 60
    while client.list_stacks(StackStatusFilter=["DELETE_IN_PROGRESS"])["StackSummaries"]:
        assert time.monotonic() < until
        time.sleep(0.2)
    found = client.list_stacks(StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"]
    assert stack.stack_name in [each["StackName"] for each in found]
