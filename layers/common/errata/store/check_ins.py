"""MonitorQueue: messages with check-ins, and messages that ask the worker to look at a monitor.

A queue message is JSON: `project_id`, and either `check_ins` or `look`. The latter is a list of a
monitor's slug, its environment, and when its schedule was to look, in milliseconds. That is 0 if no
schedule has sent the message.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from errata.config import settings
from errata.models.monitor import CheckIn, MonitorConfig
from errata.store import clients


@dataclass(frozen=True, slots=True)
class Look:
    """An order to look at a monitor. `at_ms` is when its schedule was to look, 0 without one."""

    slug: str
    environment: str
    at_ms: int = 0


def send(project_id: str, check_ins: Sequence[CheckIn]) -> None:
    """Queue the check-ins of a request, as one message."""
    found = [{k: v for k, v in asdict(each).items() if v not in (None, "")} for each in check_ins]
    _send({"project_id": project_id, "check_ins": found})


def look_later(project_id: str, slug: str, environment: str, delay_s: int) -> None:
    """Have a worker look at a monitor in some seconds, at most 900."""
    _send({"project_id": project_id, "look": [slug, environment, 0]}, DelaySeconds=delay_s)


def look_message(project_id: str, look: Look) -> str:
    """Return the message that a schedule sends.

    EventBridge Scheduler replaces words such as `<aws.scheduler.schedule-arn>` by values, and an
    environment may have such a name. So `<` is escaped. Source: its "Adding context attributes".
    """
    order = {"project_id": project_id, "look": [look.slug, look.environment, look.at_ms]}
    return json.dumps(order).replace("<", "\\u003c")


def parse(body: str) -> tuple[str, list[CheckIn], Look | None]:
    """Return the project of a queue message, its check-ins, and what to look at.

    Raises:
        ValueError, KeyError, TypeError: the body is no such message.
    """
    sent = json.loads(body)
    if "look" in sent:
        return sent["project_id"], [], Look(*sent["look"])
    return sent["project_id"], [_to_check_in(each) for each in sent["check_ins"]], None


def _to_check_in(sent: dict[str, Any]) -> CheckIn:
    config = sent.pop("config", None)
    return CheckIn(**{"run_id": "", **sent}, config=MonitorConfig(**config) if config else None)


def _send(message: dict[str, Any], **more: Any) -> None:
    either: Any = clients.lean_sqs() or clients.sqs()
    body = json.dumps(message, separators=(",", ":"))
    either.send_message(QueueUrl=settings().monitor_queue_url, MessageBody=body, **more)
