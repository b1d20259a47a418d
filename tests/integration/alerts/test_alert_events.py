"""Which events send an alert, from the event to the message in its channel."""

import json
from contextlib import suppress
from itertools import count
from typing import Any

import pytest

from errata.config import settings
from errata.errors import InvalidInputError
from errata.models.alert import (
    ASSIGNED,
    EVENTS,
    MENTIONED,
    NEW,
    REGRESSED,
    RESOLVED,
    RISING,
    USERS,
    WOKEN,
    AlertRule,
)
from errata.models.assignee import Assigned, of_member
from errata.models.ids import issue_id
from errata.models.issue_change import IGNORE, RESOLVE, Change
from errata.store import watermarks
from errata.usecases import (
    alerts,
    clear_project,
    comments,
    delete_project,
    issues,
    members,
    merge,
    notify,
    projects,
    slugs,
    webhooks,
)
from errata.usecases.assign import assign
from errata.usecases.channels import AlertTarget
from tests.support import stream
from tests.support.account import Clock, Project
from tests.support.alerts import KEY, Queue, attempts, digest, happen, headers, resolve, rule, slack
from tests.support.calls import Call, Killed, calling_as, cut_off, recorded, watched
from tests.support.receiver import receiver
from tests.support.vendors import VENDORS, played
from tests.support.visible import visible_in


def test_new_and_regressed_issues_send_alerts_and_other_events_do_not(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    with receiver(played("slack", now=lambda: clock.ms / 1000)) as there:
        alerts.add(busy.id, rule(), [slack(there)])
        sent = {"message": "boom", "exception_class": "E", "release": "1", "environment": "prod"}
        frames = {"stack_trace": 'Traceback\n  File "shop/cart.py", line 12, in total\nE: boom'}
        digest(queue, happen(busy, clock, "f", **sent, **frames))
        digest(queue, happen(busy, clock, "f", **sent))
        resolve(busy, clock, "f")
        digest(queue, happen(busy, clock, "f", **{**sent, "release": "2"}))
        digest(queue, happen(busy, clock, "f", **sent))
        queue.run()
    assert headers(there) == ["New: SHOP-1 in shop", "Regressed: SHOP-1 in shop"]
    first = there.received[0].body.decode()
    path = f"/issues/{issue_id(busy.id, 'f')}"
    for part in ("E: boom", "prod", "shop/cart.py:12 in total", path):
        assert part in first.replace("\u200b", ""), part
    assert [(each.status, each.issues) for each in attempts(busy)] == [(200, 1), (200, 1)]


def test_an_issue_that_begins_to_rise_sends_one_alert(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    with receiver() as there:
        alerts.add(busy.id, rule(RISING), [slack(there)])
        for hour in range(30):
            digest(queue, happen(busy, clock, *(["f"] * (3 if hour < 26 else 15))))
            clock.advance(3_590 if hour < 26 else 600)
        queue.run()
    assert headers(there) == ["Rising: SHOP-1 in shop"]


def test_an_issue_that_is_new_and_rising_at_once_sends_one_alert(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    alerts.add(busy.id, rule(NEW, RISING), [AlertTarget("eventbridge")])
    digest(queue, happen(busy, clock, *["f"] * 20))
    assert len(queue) == 1


def test_an_event_threshold_sends_one_alert_per_peak(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    with receiver() as there:
        alerts.add(busy.id, rule(EVENTS, events=20, minutes=10), [slack(there)])
        for _ in range(10):
            digest(queue, happen(busy, clock, *["f"] * 3))
            clock.advance(60)
        assert len(queue) == 1, "ten minutes have 21 events, and later no more"
        clock.advance(3_600)
        digest(queue, happen(busy, clock, *["f"] * 19))
        clock.advance(1)
        assert len(queue) == 1
        digest(queue, happen(busy, clock, "f"))
        queue.run()
    assert headers(there) == ["20 events in 10 min: SHOP-1 in shop"] * 2


def test_a_user_threshold_sends_one_alert(busy: Project, clock: Clock, queue: Queue) -> None:
    with receiver() as there:
        alerts.add(busy.id, rule(USERS, users=5, environment="prod"), [slack(there)])
        for n in range(12):
            digest(queue, happen(busy, clock, "f", environment="prod", context={"user": {"id": n}}))
        queue.run()
    assert headers(there) == ["5 users: SHOP-1 in shop"]


def test_alerts_of_merged_issues_name_their_head(busy: Project, clock: Clock, queue: Queue) -> None:
    with receiver() as there:
        alerts.add(busy.id, rule(REGRESSED, EVENTS, events=6, minutes=10), [slack(there)])
        digest(queue, happen(busy, clock, "a", "b"))
        clock.advance(1)
        project, visible = slugs.shown(projects.find(busy.id)), visible_in(busy.id, clock.ms)
        head, member = (issue_id(busy.id, each) for each in "ab")
        merge.merge(project, visible, head, [member], "anna@example.com")
        resolve(busy, clock, "a")
        for names in ("b", "ab", "b", "b"):
            digest(queue, happen(busy, clock, *names))
        queue.run()
    assert headers(there) == ["Regressed: SHOP-1 in shop", "6 events in 10 min: SHOP-1 in shop"]
    assert all(f"/issues/{head}" in each.body.decode() for each in there.received)
    assert "Events: 7" in there.received[1].body.decode()


def test_an_ignored_issue_sends_no_threshold_alerts(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    alerts.add(
        busy.id, rule(EVENTS, USERS, events=5, minutes=10, users=5), [AlertTarget("eventbridge")]
    )
    digest(queue, happen(busy, clock, "f"))
    issues.ignore(visible_in(busy.id, clock.ms), issue_id(busy.id, "f"), "anna@example.com")
    for n in range(20):
        digest(queue, happen(busy, clock, "f", context={"user": {"id": n}}))
    assert len(queue) == 0


def test_thresholds_survive_a_clear_and_are_removed_with_their_rules(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    added = alerts.add(busy.id, rule(USERS, users=5), [AlertTarget("eventbridge")])
    alerts.add(busy.id, rule(EVENTS, events=9, minutes=1), [AlertTarget("eventbridge")])
    digest(queue, happen(busy, clock, "f"))
    clock.advance(60)
    clear_project.clear(busy.id)
    clock.advance(60)
    digest(queue, happen(busy, clock, *["f"] * 9))
    assert len(queue) == 1
    alerts.remove(busy.id, added.id)
    assert watermarks.find_watermark(busy.id).thresholds == "events 9/1"
    delete_project.delete_project(busy.id)


def test_twenty_rules_add_no_calls_of_digest_for_events_without_alerts(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    def calls() -> list[str]:
        notify.clear_cache()
        with recorded() as seen:
            digest(queue, happen(busy, clock, "f", "g", environment="prod"))
        return [f"{each.operation} {each.parameters.get('TableName')}" for each in seen]

    calls()
    before = calls()
    for n in range(19):
        more = {"events": 100 + n, "minutes": 10, "users": 50 + n, "environment": "prod"}
        kinds = (NEW, REGRESSED, RISING, EVENTS, USERS, WOKEN)
        alerts.add(busy.id, rule(*kinds, **more), [AlertTarget("eventbridge")])
    assert calls() == before


def test_pagerduty_closes_the_incident_of_a_resolved_issue(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    with receiver(played("pagerduty")) as there:
        alerts.add(busy.id, rule(), [AlertTarget("pagerduty", f"{there.url}#{KEY}")])
        digest(queue, happen(busy, clock, "f"))
        queue.run()
        with queue.filled(), calling_as("DashboardFunction"):
            clock.advance(1)
            visible = visible_in(busy.id, clock.ms)
            issues.resolve(visible, issue_id(busy.id, "f"), "anna@example.com")
            issues.resolve(visible, issue_id(busy.id, "f"), "anna@example.com")
        queue.run()
    opened, closed = (json.loads(each.body) for each in there.received)
    assert (opened["event_action"], closed["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == closed["dedup_key"]


def test_a_webhook_gets_the_events_that_it_asks_for(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    wanted = ["issue.regressed", "issue.resolved", "issue.rising", "issue.assigned"]
    with receiver() as there, receiver() as other:
        webhooks.add(busy.id, there.url, wanted)
        webhooks.add(busy.id, other.url)
        digest(queue, happen(busy, clock, "f", message="boom"))
        with queue.filled():
            resolve(busy, clock, "f")
            who = Assigned("member:ada@example.com", "ada@example.com")
            visible = visible_in(busy.id, clock.ms)
            assign(visible, issue_id(busy.id, "f"), who, "ada@example.com")
        digest(queue, happen(busy, clock, *["f"] * 12, message="boom"))
        queue.run()
    sent = [json.loads(each.body) for each in there.received]
    assert sorted(each["event"] for each in sent) == sorted(wanted)
    assert {each["issue"]["title"] for each in sent} == {"boom"}
    by_event = {each["event"]: each["issue"] for each in sent}
    assert by_event["issue.resolved"]["status_by"] == "anna@example.com"
    assert by_event["issue.regressed"]["status"] == "regressed"
    assert [json.loads(each.body)["event"] for each in other.received] == ["issue.created"]


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://hooks.slack.com/services/T0/B0/x", "slack"),
        ("https://discord.com/api/webhooks/1/x", "discord"),
        ("https://prod-1.westeurope.logic.azure.com/workflows/x", "teams"),
    ],
)
def test_adding_a_chat_url_as_a_webhook_is_refused_with_the_channel_option(
    busy: Project, url: str, kind: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        webhooks.add(busy.id, url)
    assert f"--to {kind}=URL" in str(refused.value)


def test_an_ignored_issue_that_wakes_sends_an_alert(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    with receiver() as there:
        alerts.add(busy.id, rule(WOKEN), [slack(there)])
        digest(queue, happen(busy, clock, "f"))
        clock.advance(1)
        wanted = Change(IGNORE, until="events", number=2)
        issues.change(visible_in(busy.id, clock.ms), issue_id(busy.id, "f"), wanted, "a@b.example")
        for _ in range(4):
            clock.advance(1)
            digest(queue, happen(busy, clock, "f"))
        queue.run()
    assert headers(there) == ["Woken: SHOP-1 in shop"]


@pytest.mark.parametrize("kind", VENDORS)
def test_each_vendor_accepts_its_messages(
    busy: Project, clock: Clock, queue: Queue, kind: str
) -> None:
    with receiver(played(kind)) as there:
        address = f"{there.url}#{KEY}" if kind == "pagerduty" else there.url
        alerts.add(busy.id, rule(), [AlertTarget(kind, address)])
        digest(queue, happen(busy, clock, "f", message="<!channel> @everyone [x](y)"))
        queue.run()
    (attempt,) = attempts(busy)
    assert attempt.status in (200, 202, 204), attempt.error
    assert "SHOP-1" in there.received[0].body.decode()


def test_the_event_bus_gets_an_event(busy: Project, clock: Clock, queue: Queue) -> None:
    alerts.add(busy.id, rule(), [AlertTarget("eventbridge")])
    with recorded() as seen:
        digest(queue, happen(busy, clock, "f", message="boom"))
        queue.run()
    (entry,) = next(e.parameters["Entries"] for e in seen if e.operation == "PutEvents")
    assert (entry["Source"], entry["DetailType"]) == ("errata", "Issue Created")
    assert json.loads(entry["Detail"])["issues"][0]["title"] == "boom"
    assert [each.status for each in attempts(busy)] == [202]
    with recorded() as seen, queue.filled():
        resolve(busy, clock, "f")
        queue.run()
    (entry,) = next(e.parameters["Entries"] for e in seen if e.operation == "PutEvents")
    assert entry["DetailType"] == "Issue Resolved"


@pytest.mark.parametrize(
    "asked", [rule(RISING), rule(EVENTS, events=20, minutes=10), rule(USERS, users=20)]
)
def test_a_threshold_sends_one_alert_if_a_longer_batch_is_retried(
    busy: Project, clock: Clock, queue: Queue, asked: AlertRule
) -> None:
    def kill_at_issue_write(call: Call) -> Any:
        if call.operation == "PutItem" and call.parameters["TableName"] == settings().issues_table:
            raise Killed
        return call.send()

    digest(queue, happen(busy, clock, "f"))
    alerts.add(busy.id, asked, [AlertTarget("eventbridge")])
    notify.clear_cache()
    batch: list[Any] = []
    for n in range(30):
        batch += happen(busy, clock, "f", context={"user": {"id": n}})
    with watched(kill_at_issue_write), suppress(Killed):
        digest(queue, batch[:25])
    digest(queue, batch)
    assert len({each.id for each in queue.drop()}) == 1


@pytest.mark.parametrize("kind", [NEW, REGRESSED, WOKEN])
def test_digest_killed_at_any_call_sends_one_message_per_occasion(
    busy: Project, clock: Clock, queue: Queue, kind: str
) -> None:
    settled = {REGRESSED: Change(RESOLVE), WOKEN: Change(IGNORE, until="events", number=1)}
    with receiver() as there:
        alerts.add(busy.id, rule(kind), [slack(there)])
        for number in count(1):
            clock.advance(3_600)
            name, before = f"f{number}", len(there.received)
            if kind in settled:
                digest(queue, happen(busy, clock, name))
                clock.advance(1)
                visible, issue = visible_in(busy.id, clock.ms), issue_id(busy.id, name)
                issues.change(visible, issue, settled[kind], "a@b.example")
                clock.advance(1)
            batch = happen(busy, clock, name)
            with cut_off(number) as outcome, queue.filled(), suppress(Killed):
                stream.deliver(batch)
            for _ in range(2):
                digest(queue, batch)
            queue.run()
            assert len(there.received) == before + 1, number
            if not outcome.struck:
                break
    assert number > 3


@pytest.mark.parametrize("what", [RESOLVED, ASSIGNED, MENTIONED])
def test_a_member_s_request_killed_at_any_call_sends_one_message(
    busy: Project, clock: Clock, queue: Queue, what: str
) -> None:
    ada = "ada@example.com"
    members.add("default", ada, "owner")
    project = projects.find(busy.id)

    def act(issue: str) -> None:
        visible = visible_in(busy.id, clock.ms)
        if what == RESOLVED:
            issues.resolve(visible, issue, "bob@example.com")
        elif what == ASSIGNED:
            assign(visible, issue, Assigned(of_member(ada), ada), "bob@example.com")
        else:
            comments.add(project, visible, issue, "@ada?", "bob@example.com", issue)

    with receiver(played("pagerduty")) as there:
        kinds = (ASSIGNED, MENTIONED)
        alerts.add(busy.id, rule(*kinds), [AlertTarget("pagerduty", f"{there.url}#{KEY}")])
        for number in count(1):
            clock.advance(3_600)
            digest(queue, happen(busy, clock, f"f{number}"))
            clock.advance(1)
            issue, before = issue_id(busy.id, f"f{number}"), len(there.received)
            with cut_off(number) as outcome, queue.filled(), suppress(Killed):
                act(issue)
            clock.advance(1)
            with queue.filled():
                act(issue)
            queue.run()
            assert len(there.received) == before + 1, number
            if not outcome.struck:
                break
    assert number > 2
