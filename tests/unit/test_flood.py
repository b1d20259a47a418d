"""Flood control: how long a channel that gets many messages waits between them."""

from errata.models.flood import FIRST_WAIT_MS, HOLD, LEAD, MAX_WAIT_MS, SEND, Flow, closed, step

START_MS = 1_795_341_600_000


def test_waits_double_up_to_half_an_hour_and_a_quiet_wait_ends_the_flood() -> None:
    flow, now = Flow(), START_MS
    for number in range(5):
        done = step(flow, f"m{number}", now, 1_000)
        assert (done.do, done.at) == (SEND, START_MS + number * 1_000)
        flow = done.flow
    waits = []
    for number in range(9):
        done = step(flow, f"leader{number}", now, 1_000)
        assert done.do == LEAD
        waits.append((done.at - now) // 60_000)
        assert step(done.flow, "held", done.at - 1, 1_000).do == HOLD
        now, flow = done.at, closed(done.flow, done.at)
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30, 30]
    # The last millisecond of the flood, and the first one after it.
    late = step(flow, "late", now + MAX_WAIT_MS - 1, 1_000)
    assert (late.do, late.at) == (LEAD, now + MAX_WAIT_MS)
    calm = step(flow, "calm", now + MAX_WAIT_MS, 1_000)
    assert (calm.do, calm.flow.wait_ms) == (SEND, 0)


def test_five_messages_a_minute_begin_no_flood() -> None:
    flow = Flow()
    for number in range(20):
        now = START_MS + number * FIRST_WAIT_MS // 5
        done = step(flow, f"m{number}", now, 1_000)
        assert (done.do, done.at) == (SEND, now)
        flow = done.flow
