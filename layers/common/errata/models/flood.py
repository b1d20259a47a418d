"""Flood control: decide what happens to a message for a channel that gets many.

The first five messages within a minute are sent at once. The sixth becomes a leader: it waits a
minute, collects all messages that come meanwhile, and is sent as one message about all of them, a
roundup. If more come soon after that, the next leader waits twice as long, up to half an hour. The
flood ends when no message comes for as long as the next leader would wait.

If a leader is an hour late, its queue message is gone, for example because the stack was restored.
The next message then takes its place, and gets the messages that it has collected.
"""

from dataclasses import dataclass, replace

AT_ONCE = 5
WINDOW_MS = 60_000
FIRST_WAIT_MS = 60_000
MAX_WAIT_MS = 30 * 60_000
# Longer than a queue message is retried.
GONE_MS = 60 * 60_000

SEND, LEAD, HOLD = "send", "lead", "hold"
# The group of a leader of quiet hours begins so.
QUIET = "quiet-"


@dataclass(frozen=True, slots=True)
class Flow:
    """The state of a channel in flood control. Times are in milliseconds since the epoch.

    Attributes:
        recent: when the last messages were sent that were not held, oldest first.
        leader: id of the message that collects others, "" if none does.
        due_at: when the leader is sent.
        group: the name under which the messages are held: the id of the first leader, with `QUIET`
            before it in quiet hours.
        wait_ms: how long the last leader has waited, 0 if there is no flood.
        calm_at: when the flood ends, unless a message comes.
        version: counts the changes.
    """

    recent: tuple[int, ...] = ()
    leader: str = ""
    due_at: int = 0
    wait_ms: int = 0
    calm_at: int = 0
    version: int = 0
    group: str = ""


@dataclass(frozen=True, slots=True)
class FlowStep:
    """What to do with a message: `SEND` it at `at`, let it `LEAD` until `at`, or `HOLD` it.

    `flow` is the state of the channel afterwards.
    """

    do: str
    at: int
    flow: Flow


def quiet_step(flow: Flow, message_id: str, now: int, after: int) -> FlowStep:
    """Return what to do with a message in quiet hours, which end at `after`.

    The first message becomes the leader and is sent at `after`, together with the others. Quiet
    hours have a flow of their own, because rules without them may send to the same channel.
    """
    if flow.leader and now < flow.due_at + GONE_MS:
        return FlowStep(HOLD, flow.due_at, flow)
    group = flow.group if flow.leader else f"{QUIET}{message_id}"
    led = Flow((), message_id, after, 0, 0, flow.version + 1, group)
    return FlowStep(LEAD, after, led)


def step(flow: Flow, message_id: str, now: int, pause_ms: int) -> FlowStep:
    """Return what to do with a message that arrives now.

    `pause_ms` is the least time between two messages of the channel.
    """
    if flow.leader and now < flow.due_at + GONE_MS:
        return FlowStep(HOLD, flow.due_at, flow)
    moved = replace(flow, version=flow.version + 1)
    if flow.leader:
        return FlowStep(LEAD, now, replace(moved, leader=message_id, due_at=now))
    if flow.wait_ms and now < flow.calm_at:
        led = replace(moved, leader=message_id, group=message_id, due_at=flow.calm_at)
        return FlowStep(LEAD, flow.calm_at, led)
    recent = flow.recent[-AT_ONCE:]
    if len(recent) == AT_ONCE and now - recent[0] < WINDOW_MS:
        due_at = now + FIRST_WAIT_MS
        led = replace(moved, leader=message_id, group=message_id, due_at=due_at)
        return FlowStep(LEAD, due_at, replace(led, wait_ms=FIRST_WAIT_MS))
    at = max(now, recent[-1] + pause_ms) if recent else now
    return FlowStep(SEND, at, replace(moved, recent=(*recent, at)[-AT_ONCE:], wait_ms=0, calm_at=0))


def closed(flow: Flow, now: int) -> Flow:
    """Return the state after the leader has stopped collecting messages."""
    wait_ms = min(2 * flow.wait_ms, MAX_WAIT_MS)
    return Flow((), "", 0, wait_ms, now + wait_ms, flow.version + 1)
