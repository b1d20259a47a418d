"""Many clients at once, against the deployed stack."""

from typing import Any

import pytest
import requests

from dev.stack import LocalStack
from errata.store import projects as store
from errata.usecases import issues, projects
from tests.support import scenarios
from tests.support.deployed import eventually
from tests.support.scenarios import Replied
from tests.support.visible import visible_in

PATIENT = 120


@pytest.fixture
def busy(stack: LocalStack) -> tuple[str, str]:
    """A project that may send as often as it likes."""
    created = projects.create("busy")
    assert created
    projects.change(created.project.id, rate_limit=60_000, retention_days=None)
    return created.project.id, created.key


def test_two_hundred_posts_with_one_idempotency_key_store_one_event(
    stack: LocalStack, busy: tuple[str, str]
) -> None:
    project_id, key = busy
    header = {"X-Api-Key": key}

    def post(_: int) -> Replied:
        response = requests.post(
            f"{stack.api_url}/api/ingest",
            json={"message": "once"},
            headers={**header, "Idempotency-Key": "one for all"},
            timeout=PATIENT,
        )
        return Replied(
            response.status_code, response.text, "Idempotency-Replayed" in response.headers
        )

    text = scenarios.one_key_at_once(post)
    read = requests.get(
        f"{stack.api_url}/api/projects/{project_id}/events", headers=header, timeout=PATIENT
    )
    assert [event["id"] in text for event in read.json()["data"]] == [True]
    (issue,) = eventually(lambda: list(issues.list_issues(visible_in(project_id))), bool)
    assert issue.count == 1


def test_a_poller_sees_each_error_once_and_misses_none(
    stack: LocalStack, busy: tuple[str, str]
) -> None:
    _, key = busy
    scenarios.follow_while_writing(
        lambda message: write(stack, key, message),
        lambda since: [(error["id"], error["message"]) for error in read(stack, key, since)],
        each=3,
    )


def test_clearing_while_others_write_loses_nothing(
    stack: LocalStack, busy: tuple[str, str]
) -> None:
    project_id, key = busy

    def clear() -> int | None:
        response = requests.get(f"{stack.api_url}/api.php?action=clear&hash={key}", timeout=PATIENT)
        return response.json()["deleted"] if response.status_code == 200 else None

    outcome = scenarios.clear_while_writing(
        lambda message: write(stack, key, message),
        clear,
        lambda: [error["id"] for error in read(stack, key, 0)],
        each=4,
        clears=3,
    )
    counted = eventually(
        lambda: sum(issue.count for issue in issues.list_issues(visible_in(project_id))),
        lambda count: count == len(outcome.remaining),
    )
    assert counted == len(outcome.remaining)
    assert store.find_project(project_id)


def write(stack: LocalStack, key: str, message: str) -> int | None:
    error = {"hash": key, "level": "Error", "message": message}
    response = requests.post(f"{stack.api_url}/api.php", json=error, timeout=PATIENT)
    assert response.status_code in (200, 503), response.text
    return response.json()["id"] if response.status_code == 200 else None


def read(stack: LocalStack, key: str, since: int) -> list[dict[str, Any]]:
    response = requests.get(
        f"{stack.api_url}/api.php?action=errors&hash={key}&since={since}", timeout=PATIENT
    )
    found: list[dict[str, Any]] = response.json()["errors"]
    return found
