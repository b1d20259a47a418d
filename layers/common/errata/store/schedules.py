"""EventBridge Scheduler: one schedule for each cron monitor, which looks at it once.

A schedule has its time in its name. It sends one message to the queue, and then AWS deletes it. So
it never changes, and creating it twice is harmless. All schedules are in a group that belongs to
the stack, and are deleted with it.

Source: EventBridge Scheduler, "Schedule types", "Deletion after schedule completion".
"""

import hashlib
import time

from errata.config import settings
from errata.errors import StoreError
from errata.store import clients
from errata.store.check_ins import Look, look_message


def put(project_id: str, look: Look) -> None:
    """Schedule a message to the queue at `look.at_ms`, a whole second. No-op if it is scheduled."""
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(look.at_ms // 1000))
    try:
        clients.scheduler().create_schedule(
            Name=_name(project_id, look),
            GroupName=settings().schedule_group,
            ScheduleExpression=f"at({at})",
            FlexibleTimeWindow={"Mode": "OFF"},
            ActionAfterCompletion="DELETE",
            Target={
                "Arn": settings().monitor_queue_arn,
                "RoleArn": settings().scheduler_role_arn,
                "Input": look_message(project_id, look),
                "DeadLetterConfig": {"Arn": settings().monitor_dead_letter_arn},
            },
        )
    except StoreError as error:
        if error.code != "ConflictException":
            raise


def remove(project_id: str, look: Look) -> None:
    """Delete the schedule of a look. No-op if it does not exist."""
    try:
        clients.scheduler().delete_schedule(
            Name=_name(project_id, look), GroupName=settings().schedule_group
        )
    except StoreError as error:
        if error.code != "ResourceNotFoundException":
            raise


def _name(project_id: str, look: Look) -> str:
    # A name has at most 64 characters, and may not have all those that an environment may have.
    named = hashlib.blake2s(f"{look.slug}#{look.environment}".encode(), digest_size=12).hexdigest()
    return f"{project_id}-{named}-{look.at_ms // 1000}"
