"""Limit how many messages a channel gets: send some now, some later, and join others."""

import random
import time
from collections.abc import Iterator

from errata.errors import ConflictError, UnavailableError
from errata.models.flood import HOLD, QUIET, SEND, closed, quiet_step, step
from errata.models.ids import now_ms
from errata.models.webhook import ADMITTED, LEADS, Delivery, Message
from errata.store import floods

# Two batches of ten messages may change the flow of one channel at the same time.
_TRIES = 40
_MOST_PAUSE_S = 0.1
_QUIET_LANE = "#quiet"


def admit(message: Message, pause_ms: int, after: int, person: str) -> tuple[bool, int | None]:
    """Ask whether to send a message to a channel now.

    Args:
        pause_ms: the least time between two messages of the channel.
        after: when the quiet hours of the rule, or the person, end, in milliseconds. 0 outside.
        person: in a channel that reaches several people, the one whom the message is for (see
            `reach.lane_of`). Each person has a flow.

    Returns:
        Whether to send it now. If not: the seconds after which to ask again, or None if another
        message will tell what this one would.

    Raises:
        UnavailableError: too many others asked at the same time.
    """
    for _ in range(_TRIES):
        at_ms = now_ms()
        lane = f"{_QUIET_LANE}{person}" if at_ms < after else person
        flow = floods.find_flow(message, lane)
        if at_ms < after:
            next_step = quiet_step(flow, message.id, at_ms, after)
        else:
            next_step = step(flow, message.id, at_ms, pause_ms)
        wait_s = -(-(next_step.at - at_ms) // 1000)
        try:
            if next_step.do == HOLD:
                floods.hold(message, next_step.flow, at_ms // 1000, lane)
                return False, None
            if next_step.do == SEND and wait_s <= 0:
                if floods.move(message, next_step.flow, at_ms // 1000, lane):
                    return True, None
            else:
                role = ADMITTED if next_step.do == SEND else LEADS
                group = next_step.flow.group if role == LEADS else ""
                delivery = Delivery(due_at=next_step.at, role=role, group=group)
                floods.move_with(message, next_step.flow, delivery, at_ms // 1000, lane)
                return False, wait_s
        except ConflictError:
            pass
        time.sleep(random.random() * _MOST_PAUSE_S)  # noqa: S311 - no secret depends on it
    raise UnavailableError


def collected(leader: Message, group: str, lane: str) -> Iterator[Message]:
    """Return the messages that a leader has collected. From now on, it collects no more."""
    if group.startswith(QUIET):
        lane = f"{_QUIET_LANE}{lane}"
    for _ in range(_TRIES):
        flow = floods.find_flow(leader, lane)
        # An earlier try may have closed the flow, and then been interrupted.
        if flow.leader != leader.id:
            break
        at_ms = now_ms()
        if floods.move(leader, closed(flow, at_ms), at_ms // 1000, lane):
            break
    else:
        raise UnavailableError
    return floods.list_held(leader, group)
