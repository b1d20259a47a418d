"""Floods, quiet hours and interruptions: each issue sends an alert, whatever is killed."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pytest

from errata.usecases import alerts, channels, clear_project, members, notify, preferences, webhooks
from errata.usecases.deliver import deliver
from tests.support import stream
from tests.support.account import Clock, Project
from tests.support.alerts import Queue, attempts, digest, happen, headers, mails, rule, slack
from tests.support.calls import Call, Killed, atomic, fault, killed, watched
from tests.support.receiver import Receiver, receiver
from tests.support.vendors import played


@contextmanager
def slack_limit(busy: Project, clock: Clock, most: int, within_s: float) -> Iterator[Receiver]:
    """Run a Slack that takes `most` messages in `within_s` seconds, and a rule for it."""
    behaviour = played("slack", most, within_s, lambda: clock.ms / 1000)
    with receiver(behaviour) as there:
        alerts.add(busy.id, rule(), [slack(there)])
        yield there


def alerted_issues(project: Project) -> int:
    return sum(each.issues for each in attempts(project) if each.status == 200)


def test_the_sixth_message_within_a_minute_becomes_a_roundup(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    with slack_limit(busy, clock, 1, 0.9) as there:
        digest(queue, happen(busy, clock, *(f"f{n}" for n in range(28))))
        queue.run()
        assert headers(there)[5:] == ["23 new issues in shop"]
        assert there.received[5].body.decode().count("SHOP-") >= 10
        started = clock.ms
        with queue.filled():
            webhooks.redeliver(busy.id, attempts(busy)[5].id)
        queue.run()
        assert headers(there)[6:] == ["23 new issues in shop"], "sent again with all of them"
        again = len(there.received) - 6
        for part in range(3):
            clock.advance(1)
            digest(queue, happen(busy, clock, *(f"g{part}{n}" for n in range(4))))
            queue.run()
            waited = (clock.ms - started) // 1000
            assert headers(there)[-1] == "4 new issues in shop"
            assert [120, 240, 480][part] <= waited <= [120, 240, 480][part] + 10
            started = clock.ms
        clock.advance(3_600)
        digest(queue, happen(busy, clock, "calm"))
        queue.run()
    assert headers(there)[-1].startswith("New: SHOP-")
    assert {each.status for each in attempts(busy)} == {200}, "never above Slack's limit"
    assert alerted_issues(busy) == 28 + 12 + 1 + 23 * again


def test_alerts_in_quiet_hours_are_sent_when_they_end(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    begin = datetime.fromtimestamp(clock.ms / 1000, UTC).replace(second=0)
    quiet = f"{begin:%H:%M}-{begin + timedelta(hours=13):%H:%M}"
    with slack_limit(busy, clock, 1, 0.9) as there:
        (loud,) = channels.find_setup(busy.id).rules
        alerts.remove(busy.id, loud.id)
        alerts.add(busy.id, rule(quiet=quiet), [slack(there)])
        alerts.add(busy.id, rule(level="fatal"), [slack(there)])
        notify.clear_cache()
        started = clock.ms
        digest(queue, happen(busy, clock, "a"))
        digest(queue, happen(busy, clock, "b"))
        queue.run(60)
        assert headers(there) == []
        digest(queue, happen(busy, clock, "c", level="fatal"))
        queue.run(60)
        assert headers(there) == ["New: SHOP-3 in shop"], "both rules match, and one is not quiet"
        queue.run()
    assert headers(there)[1:] == ["2 new issues in shop"]
    assert 12.9 * 3_600_000 < clock.ms - started < 13.1 * 3_600_000


def test_a_message_that_arrives_while_the_leader_is_sent_is_not_lost(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    with slack_limit(busy, clock, 1, 0.9):
        digest(queue, happen(busy, clock, *(f"f{n}" for n in range(7))))
        queue.run(10)
        (leader,) = queue.drop()
        digest(queue, happen(busy, clock, "g"))
        once = iter([True])

        def watch(call: Call) -> Any:
            if "#held" in str(call.parameters.get("TransactItems")) and next(once, False):
                clock.advance(60)
                assert deliver(leader) is None
            return call.send()

        with watched(watch):
            queue.run()
    assert next(once, None) is None, "the leader was sent in between"
    assert alerted_issues(busy) == 8


def test_messages_that_are_delivered_concurrently_are_each_sent_once(
    busy: Project, clock: Clock, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    with slack_limit(busy, clock, 100, 1) as there:
        digest(queue, happen(busy, clock, *(f"f{n}" for n in range(40))))
        clock.advance(5)
        monkeypatch.setattr(time, "sleep", Event().wait)  # not the clock's sleep: other threads run
        with atomic(), ThreadPoolExecutor(10) as pool:
            messages = queue.drop()
            pauses = list(pool.map(deliver, messages))
        for message, pause in zip(messages, pauses, strict=True):
            if pause is not None:
                queue.put(message, pause)
        assert len(there.received) + len(queue) == 6, "five at once or soon, and a leader"
        queue.run()
    assert alerted_issues(busy) == 40
    assert len(there.received) == 6


def test_the_message_after_a_lost_leader_includes_what_the_leader_had_collected(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    with slack_limit(busy, clock, 1, 0.9) as there:
        digest(queue, happen(busy, clock, *(f"f{n}" for n in range(9))))
        queue.run(30)
        assert len(queue) == 1, "the leader"
        queue.drop()
        clock.advance(3 * 3_600)
        digest(queue, happen(busy, clock, "g"))
        queue.run()
    assert headers(there)[-1] == "4 new issues in shop", "three were held"


def test_messages_held_before_a_clear_do_not_block_later_alerts(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    with slack_limit(busy, clock, 1, 0.9) as there:
        digest(queue, happen(busy, clock, *(f"f{n}" for n in range(40))))
        queue.run(10)
        assert len(queue) == 1, "the leader"
        clear_project.clear(busy.id)
        stream.cleaned(busy.id)
        digest(queue, happen(busy, clock, "g"))
        queue.run()
    assert "SHOP-41" in there.received[-1].body.decode()


def test_150_new_issues_each_send_an_alert_although_dispatchers_are_killed(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    with slack_limit(busy, clock, 1, 0.9) as there:
        for part in range(3):
            digest(queue, happen(busy, clock, *(f"f{part}-{n}" for n in range(50))))
            clock.advance(15)
        chance, struck = random.Random(1), 0

        def die(call: Call) -> Any:
            nonlocal struck
            response = call.send()
            if chance.random() < 0.03:
                struck += 1
                raise killed(call)
            return response

        with watched(die):
            queue.run()
    assert struck > 10
    assert queue.dead == []
    assert {each.status for each in attempts(busy)} == {200}, "never above Slack's limit"
    assert alerted_issues(busy) >= 150
    assert len(there.received) < 20


def test_a_message_is_sent_after_a_kill_between_any_two_calls(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    with slack_limit(busy, clock, 100, 1):
        struck = cut_everywhere(busy, clock, queue, number=1, apart_s=4_000)
    assert struck > 15, "both digest and the dispatcher"


@pytest.mark.usefixtures("mailed")
def test_members_with_quiet_hours_get_mail_after_a_kill_between_any_two_calls(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    for name in ("ada", "bob"):
        members.add("default", f"{name}@example.com", "owner")
    bob = members.find_user("bob@example.com")
    preferences.save_alerts(bob, (), "00:00-23:59", "", "", clock.ms)
    clock.advance(61)
    for cut in range(1, 60):
        clock.advance(4_000)
        before = len(mails())
        batch = happen(busy, clock, f"f{cut}")
        with fault(cut, killed, after=True) as outcome:
            with queue.filled(), suppress(Killed):
                stream.deliver(batch)
            queue.run(300)
        digest(queue, batch)
        queue.run()
        mailed = {each.destinations["ToAddresses"][0] for each in mails()[before:]}
        assert mailed == {"ada@example.com", "bob@example.com"}, cut
        if not outcome.struck:
            break
    assert cut > 15, "both digest and the dispatcher"


def test_each_issue_of_a_flood_sends_an_alert_after_a_kill_between_any_two_calls(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    with slack_limit(busy, clock, 100, 1):
        digest(queue, happen(busy, clock, *(f"f{n}" for n in range(7))))
        queue.run()
        # The flood is not over: of two messages, one leads and the other is held.
        cut_everywhere(busy, clock, queue, number=2, apart_s=1)
        assert {each.issues for each in attempts(busy)[-5:]} == {2}


def cut_everywhere(busy: Project, clock: Clock, queue: Queue, *, number: int, apart_s: int) -> int:
    """Kill digest or the dispatcher after each of their calls in turn. Return the last call."""
    for cut in range(1, 200):
        clock.advance(apart_s)
        before = alerted_issues(busy)
        batch = happen(busy, clock, *(f"{cut}-{n}" for n in range(number)))
        with fault(cut, killed, after=True) as outcome:
            with queue.filled(), suppress(Killed):
                stream.deliver(batch)
            queue.run(300)
        digest(queue, batch)
        queue.run()
        assert (len(queue), queue.dead) == (0, [])
        assert alerted_issues(busy) - before >= number, cut
        if not outcome.struck:
            return cut
    raise AssertionError("more calls than expected")
