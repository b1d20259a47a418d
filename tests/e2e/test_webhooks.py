"""Webhooks on the deployed stack: through the stream, the queue and the dispatcher."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from standardwebhooks import Webhook

from dev.stack import LocalStack
from errata.grouping import v1
from errata.models.event import StoredEvent, pack
from errata.models.ids import issue_id, new_event_id, now_ms
from errata.store import events
from errata.usecases import webhooks
from tests.support.deployed import eventually
from tests.support.receiver import Receiver, hang, receiver, reset, response

type Created = tuple[str, str]

# Thirty batches of the queue. More batches find no other fault and cost 50 ms of CPU each.
MANY = 300


def store_new_issues(project_id: str, prefix: str, number: int) -> None:
    """Store events of as many new issues, as ingest would."""
    for n in range(number):
        fields: StoredEvent = {"message": f"{prefix} {n}", "level": "error"}
        fields["fingerprint"] = v1.fingerprint(fields)
        at_ms = now_ms()
        issue = issue_id(project_id, fields["fingerprint"])
        later = at_ms // 1000 + 86_400
        events.put(events.item(project_id, new_event_id(at_ms), issue, None, pack(fields), later))


def messages(there: Receiver) -> list[str]:
    return [json.loads(request.body)["issue"]["message"] for request in there.received]


def dead_letters(stack: LocalStack) -> int:
    resource = stack.client("cloudformation").describe_stack_resource(
        StackName=stack.stack_name, LogicalResourceId="WebhookDeadLetterQueue"
    )
    attributes = stack.client("sqs").get_queue_attributes(
        QueueUrl=resource["StackResourceDetail"]["PhysicalResourceId"],
        AttributeNames=["ApproximateNumberOfMessages"],
    )
    return int(attributes["Attributes"]["ApproximateNumberOfMessages"])


def test_the_message_of_a_new_issue_is_verified_by_standardwebhooks(
    stack: LocalStack, project: Created
) -> None:
    project_id, key = project
    with receiver() as there:
        webhook, secret = webhooks.add(project_id, there.url)
        requests.post(
            f"{stack.api_url}/api/ingest", json={"message": "boom", "api_key": key}, timeout=30
        ).raise_for_status()
        eventually(lambda: len(there.received), lambda count: count > 0)
        (request,) = there.received
    Webhook(secret).verify(request.body, dict(request.headers))
    assert messages(there) == ["boom"]
    found = eventually(
        lambda: list(webhooks.list_attempts(project_id, webhook.id)), lambda each: bool(each)
    )
    assert [attempt.status for attempt in found] == [200]


class Failing:
    """Webhooks that fail twice. Their pauses are long, so other tests run meanwhile."""

    def __init__(self, open_: ExitStack) -> None:
        # What the second attempt gets, and the pause after it in seconds.
        self.pauses = {"503": 60, "429 with Retry-After": 70, "reset": 60}
        behaviours = (response(503), response(429, Retry_After="70"), reset)
        self.receivers = {
            name: open_.enter_context(receiver(response(503), behaviour, response(200)))
            for name, behaviour in zip(self.pauses, behaviours, strict=True)
        }
        self.project_id = ""

    def wait_for(self, attempts: int, project_id: str) -> None:
        """Wait until each webhook has had so many attempts. The first call sends the messages."""
        if not self.project_id:
            self.project_id = project_id
            for there in self.receivers.values():
                webhook, _ = webhooks.add(project_id, there.url)
                webhooks.test(project_id, webhook.id)
        eventually(
            lambda: [len(there.received) for there in self.receivers.values()],
            lambda counts: min(counts) >= attempts,
            patience_s=200,
        )

    def pause_before(self, attempt: int, name: str) -> int:
        """Return how many seconds before an attempt the one before it was signed."""
        requests = self.receivers[name].received
        before, at = (requests[n].headers["webhook-timestamp"] for n in (attempt - 2, attempt - 1))
        return int(at) - int(before)


@pytest.fixture(scope="module")
def failing() -> Iterator[Failing]:
    with ExitStack() as open_:
        yield Failing(open_)


def test_a_failed_attempt_is_retried_with_the_same_webhook_id(
    stack: LocalStack, project: Created, failing: Failing
) -> None:
    failing.wait_for(2, project[0])
    for name, there in failing.receivers.items():
        first, second = there.received[:2]
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert 9 <= failing.pause_before(2, name) < 40, name
    numbers = eventually(
        lambda: [attempt.number for attempt in webhooks.list_attempts(failing.project_id)],
        lambda found: len(found) >= 6,
    )
    assert numbers[-6:] == [2, 2, 2, 1, 1, 1]


def test_a_slow_webhook_does_not_delay_others(stack: LocalStack, project: Created) -> None:
    project_id, _ = project
    with receiver(hang(10)) as slow, receiver() as quick:
        webhooks.add(project_id, slow.url)
        webhooks.add(project_id, quick.url)
        store_new_issues(project_id, "slow", 3)
        eventually(lambda: len(quick.received), lambda count: count == 3)
        received = [*slow.received[:1], *quick.received]
        signed = [int(each.headers["webhook-timestamp"]) for each in received]
        assert max(signed) - min(signed) < 10
        webhooks.remove(project_id, webhooks.list_webhooks(project_id)[0].id)


def test_many_new_issues_get_a_message_each_even_if_the_dispatcher_is_killed(
    stack: LocalStack, project: Created
) -> None:
    project_id, _ = project
    with receiver() as there:
        webhooks.add(project_id, there.url)
        # The queue returns the messages of a killed dispatcher after this timeout: early enough
        # also for the webhooks that fail.
        stack.client("sqs").set_queue_attributes(
            QueueUrl=stack.outputs["WebhookQueueUrl"], Attributes={"VisibilityTimeout": "20"}
        )
        store_new_issues(project_id, "new", MANY)
        eventually(lambda: len(there.received), lambda count: count > MANY // 10)
        assert kill_workers(stack) > 0
        eventually(lambda: len(set(messages(there))), lambda count: count == MANY, patience_s=400)
    ids: dict[str, set[str]] = {}
    for request in there.received:
        ids.setdefault(json.loads(request.body)["issue"]["id"], set()).add(
            request.headers["webhook-id"]
        )
    assert len(ids) == MANY
    assert all(len(each) == 1 for each in ids.values())
    assert dead_letters(stack) == 0


def test_every_failed_attempt_is_retried_after_its_pause(
    stack: LocalStack, project: Created, failing: Failing
) -> None:
    failing.wait_for(3, project[0])
    for name, pause in failing.pauses.items():
        assert len(failing.receivers[name].received) == 3, name
        assert 9 <= failing.pause_before(2, name) < 40, name
        assert pause - 1 <= failing.pause_before(3, name) < pause + 30, name


def kill_workers(stack: LocalStack) -> int:
    """Kill the processes that run the dispatcher. Return how many there were."""
    killed = 0
    for folder in Path("/proc").iterdir():
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if (
            any(
                each.startswith(b"AWS_LAMBDA_FUNCTION_NAME=") and b"WebhookDispatcher" in each
                for each in environment
            )
            and f"AWS_ENDPOINT_URL={stack.endpoint_url}".encode() in environment
        ):
            os.kill(int(folder.name), signal.SIGKILL)
            killed += 1
    return killed
