"""EventBridge Scheduler: one schedule for each cron monitor, which looks at it once.

A schedule has the time in its name, sends one message to the queue, and is then deleted by AWS. So
it is never changed, and to make it again is harmless. All are in a group of the stack, and end with
it.

Source: EventBridge Scheduler, "Schedule types", "Deletion after schedule completion".
"""

import hashlib
import time

from errata.config import settings
from errata.errors import StoreError
from errata.store import clients
from errata.store.check_ins import Look, look_message


def put(project_id: str, look: Look) -> None:
    """Have the queue get a message at `look.at_ms`, a whole second. No-op if it will."""
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
    """Delete the schedule of a time. No-op if there is none."""
    try:
        clients.scheduler().delete_schedule(
            Name=_name(project_id, look), GroupName=settings().schedule_group
        )
    except StoreError as error:
        if error.code != "ResourceNotFoundException":
            raise


def _name(project_id: str, look: Look) -> str:
    # A name may have 64 characters, and not all that an environment may have.
    named = hashlib.blake2s(f"{look.slug}#{look.environment}".encode(), digest_size=12).hexdigest()
    return f"{project_id}-{named}-{look.at_ms // 1000}"
