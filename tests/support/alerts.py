"""Alerts from an event to the message: WebhookQueue with a dispatcher, on a clock."""

import heapq
import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends

from errata.models.alert import NEW, REGRESSED, AlertRule
from errata.models.ids import issue_id
from errata.models.webhook import Attempt, Message
from errata.store.webhooks import parse_message
from errata.usecases import alerts, issues, webhooks
from errata.usecases.channels import AlertTarget
from errata.usecases.deliver import deliver
from tests.support import stream
from tests.support.account import Clock, Project
from tests.support.calls import Call, Killed, calling_as, watched
from tests.support.receiver import Receiver
from tests.support.visible import visible_in

# The queue's visibility timeout, in template.yaml.
VISIBILITY_S = 180
MAX_RECEIVES = 10
KEY = "R0UT1NGKEYR0UT1NGKEYR0UT1NGKEY12"
IDENTITY = "arn:aws:ses:us-east-1:123456789012:identity/errata@example.com"
BOTH = (NEW, REGRESSED)


class Queue:
    """Messages that wait, with the second from which the dispatcher sees each."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.dead: list[Message] = []
        self._number = count()
        self._waiting: list[tuple[int, int, int, Message]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: Message, after_s: int = 0, receives: int = 0) -> None:
        """Add a message that is visible after some seconds."""
        at = self.clock.ms + after_s * 1000
        heapq.heappush(self._waiting, (at, next(self._number), receives, message))

    def drop(self) -> list[Message]:
        """Lose all messages, as a restore does. Return them."""
        lost = [message for *_, message in sorted(self._waiting, key=lambda each: each[:2])]
        self._waiting.clear()
        return lost

    @contextmanager
    def filled(self) -> Iterator[None]:
        """Add what the block sends to the queue."""

        def watch(call: Call) -> Any:
            response = call.send()
            if call.operation == "SendMessageBatch":
                for entry in call.parameters["Entries"]:
                    message = parse_message(entry["MessageBody"])
                    self.put(message, entry.get("DelaySeconds", 0))
            return response

        with watched(watch):
            yield

    def run(self, for_s: float = 10**9) -> int:
        """Deliver what becomes visible within some seconds. Return the number of attempts."""
        until, made = self.clock.ms + for_s * 1000, 0
        while self._waiting and self._waiting[0][0] <= until:
            at, _, receives, message = heapq.heappop(self._waiting)
            if at > self.clock.ms:
                self.clock.advance((at - self.clock.ms) / 1000)
            made += 1
            if receives == MAX_RECEIVES:
                self.dead.append(message)
                continue
            try:
                with self.filled(), calling_as("WebhookDispatcherFunction"):
                    pause = deliver(message)
            except (Exception, Killed):
                pause = VISIBILITY_S
            if pause is not None:
                self.put(message, pause, receives + 1)
        return made


def mails() -> list[Any]:
    return list(ses_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].sent_messages)


def rule(*kinds: str, **filters: Any) -> AlertRule:
    return AlertRule("", kinds or BOTH, (), **filters)


def slack(there: Receiver) -> AlertTarget:
    return AlertTarget("slack", there.url)


def happen(project: Project, clock: Clock, *fingerprints: str, **fields: Any) -> list[Any]:
    """Events of these issues, in the stream."""
    items = []
    for each in fingerprints:
        clock.advance(0.002)
        items.append(stream.event(project.id, clock.ms, fingerprint=each, **fields))
    stream.put(items)
    return stream.numbered(items, 1001 + clock.ms)


def digest(queue: Queue, batch: list[Any]) -> None:
    with queue.filled():
        stream.pump(batch)


def resolve(project: Project, clock: Clock, fingerprint: str) -> None:
    clock.advance(1)
    visible = visible_in(project.id, clock.ms)
    issues.resolve(visible, issue_id(project.id, fingerprint), "anna@example.com")
    clock.advance(1)


def headers(there: Receiver) -> list[str]:
    """What each Slack message says in its header."""
    return [json.loads(each.body)["blocks"][0]["text"]["text"] for each in there.received]


def attempts(project: Project) -> list[Attempt]:
    return list(alerts.only_alerts(webhooks.list_attempts(project.id)))[::-1]
