"""Rules and their filters, muted channels, and channels that fail."""

import json
from collections import Counter
from threading import Event
from typing import Any

import pytest
from botocore.exceptions import ClientError

from errata.errors import InvalidInputError, NotFoundError
from errata.models.alert import EVENTS, MEMBERS, NEW, REGRESSED, USERS, AlertRule
from errata.models.ids import issue_id
from errata.store import clients, watermarks
from errata.store.webhook_secrets import find_secrets
from errata.usecases import alerts, channels, issues, members, webhooks
from errata.usecases.channels import AlertTarget
from tests.support.account import Clock, Project, rows
from tests.support.alerts import (
    BOTH,
    KEY,
    Queue,
    attempts,
    digest,
    happen,
    headers,
    resolve,
    rule,
    slack,
)
from tests.support.calls import Call, watched
from tests.support.receiver import receiver, response
from tests.support.visible import visible_in


@pytest.mark.parametrize(
    ("filters", "fields", "passes"),
    [
        ({"environment": "prod"}, {"environment": "prod"}, True),
        ({"environment": "prod"}, {"environment": "dev"}, False),
        ({"environment": "prod"}, {}, False),
        ({"level": "error"}, {"level": "fatal"}, True),
        ({"level": "error"}, {"level": "warning"}, False),
        ({"release": "shop@2.*"}, {"release": "shop@2.1"}, True),
        ({"release": "shop@2.*"}, {"release": "shop@3.0"}, False),
        ({"tag": "team=checkout"}, {"tags": {"team": "checkout"}}, True),
        ({"tag": "team=checkout"}, {"tags": {"team": "search"}}, False),
        ({"kinds": (REGRESSED,)}, {}, False),
        ({"release": "shop@[1]?*"}, {"release": "shop@[1]?-rc"}, True),
        ({"release": "shop@?"}, {"release": "shop@1"}, False),
        ({"muted_until": 10**15}, {}, False),
    ],
)
def test_a_rule_sends_only_alerts_that_pass_its_filters(
    busy: Project, clock: Clock, queue: Queue, filters: Any, fields: Any, passes: bool
) -> None:
    kinds = filters.pop("kinds", BOTH)
    added = alerts.add(busy.id, rule(*kinds, **filters), [AlertTarget("eventbridge")])
    assert added.channels
    digest(queue, happen(busy, clock, "f", **fields))
    assert len(queue) == passes


def test_a_muted_channel_gets_no_alerts_and_others_do(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    with receiver() as muted, receiver() as there:
        added = alerts.add(busy.id, rule(), [slack(muted), slack(there)])
        until = alerts.mute(busy.id, added.channels[0], 3_600)
        assert until == clock.ms + 3_600_000
        digest(queue, happen(busy, clock, "f"))
        queue.run()
        assert (len(muted.received), len(there.received)) == (0, 1)
        clock.advance(3_600)
        digest(queue, happen(busy, clock, "g"))
        queue.run()
        assert (len(muted.received), len(there.received)) == (1, 2)


@pytest.mark.usefixtures("mailed")
def test_a_channel_that_is_muted_while_it_fails_stays_muted(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    members.add("default", "ada@example.com", "owner")

    def muting(call: Call) -> Any:
        if call.operation == "SendEmail":
            alerts.mute(busy.id, MEMBERS, 3_600)
            raise ClientError({"Error": {"Code": "MessageRejected"}}, "SendEmail")
        return call.send()

    digest(queue, happen(busy, clock, "f"))
    with watched(muting):
        queue.run()
    members_channel = channels.find(busy.id, MEMBERS)
    assert (members_channel.failures, members_channel.muted_until > clock.ms) == (1, True)


def test_a_changed_rule_keeps_its_id_and_stays_muted(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    added = alerts.add(busy.id, rule(USERS, users=5), [AlertTarget("eventbridge")])
    alerts.mute(busy.id, added.id, 60)
    changed = alerts.change(busy.id, added.id, rule(NEW), [AlertTarget("", added.channels[0])])
    assert (changed.id, changed.kinds, changed.users) == (added.id, (NEW,), 0)
    assert changed.muted_until == clock.ms + 60_000
    assert channels.find_setup(busy.id).rules == [changed]
    assert watermarks.find_watermark(busy.id).thresholds == ""
    with pytest.raises(NotFoundError):
        alerts.change(busy.id, "nothing", rule(NEW), [AlertTarget("eventbridge")])


def test_a_channel_gets_one_alert_even_if_several_rules_match(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    for _ in range(3):
        alerts.add(busy.id, rule(), [AlertTarget("eventbridge")])
    digest(queue, happen(busy, clock, "f"))
    assert len(queue) == 1


def test_an_issue_sends_at_most_one_alert_in_the_cooldown(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    alerts.add(busy.id, rule(REGRESSED, cooldown_s=3600), [AlertTarget("eventbridge")])
    digest(queue, happen(busy, clock, "f"))
    queued = []
    for _ in range(4):
        resolve(busy, clock, "f")
        digest(queue, happen(busy, clock, "f"))
        queued.append(len(queue))
        clock.advance(1_300)
    assert queued == [1, 1, 1, 2]


def test_all_errors_of_a_rule_are_shown_at_once(busy: Project) -> None:
    wrong = AlertRule("", ("odd",), (), level="bad", tag="x", cooldown_s=10**9)
    targets = [
        AlertTarget("fax", "1"),
        AlertTarget("slack", "http://10.0.0.1/"),
        AlertTarget("", "nobody"),
    ]
    with pytest.raises(InvalidInputError) as refused:
        alerts.add(busy.id, wrong, targets)
    assert set(refused.value.errors) == {"on", "level", "tag", "cooldown", "to"}
    assert len(refused.value.errors["to"]) == 3
    assert channels.find_setup(busy.id).channels == {}
    for _ in range(20):
        alerts.add(busy.id, rule(), [AlertTarget("eventbridge")])
    with pytest.raises(InvalidInputError, match="at most 20"):
        alerts.add(busy.id, rule(), [AlertTarget("eventbridge")])


@pytest.mark.parametrize(
    ("events", "minutes", "fine"),
    [(100, 1, True), (100, 60, True), (100, 0, False), (100, 61, False), (1, 10, False)],
)
def test_an_event_threshold_needs_two_events_and_one_to_sixty_minutes(
    busy: Project, events: int, minutes: int, fine: bool
) -> None:
    asked = rule(EVENTS, events=events, minutes=minutes)
    if fine:
        assert alerts.add(busy.id, asked, [AlertTarget("eventbridge")]).minutes == minutes
        return
    with pytest.raises(InvalidInputError, match="in how many minutes"):
        alerts.add(busy.id, asked, [AlertTarget("eventbridge")])


def test_rules_that_two_members_add_at_once_are_both_kept(busy: Project) -> None:
    first = iter([True])

    def watch(call: Call) -> Any:
        is_of_rules = call.operation == "PutItem" and "webhook_alerts" in str(call.parameters)
        if is_of_rules and next(first, False):
            alerts.add(busy.id, rule(NEW), [AlertTarget("eventbridge")])
        return call.send()

    with watched(watch):
        alerts.add(busy.id, rule(REGRESSED), [AlertTarget("eventbridge")])
    assert [each.kinds for each in channels.find_setup(busy.id).rules] == [(NEW,), (REGRESSED,)]


def test_a_channel_address_is_stored_encrypted_only_and_is_deleted_with_its_channel(
    busy: Project,
) -> None:
    url = "https://hooks.slack.com/services/T0/B0/secretX9f2"
    added = alerts.add(busy.id, rule(), [AlertTarget("slack", url), AlertTarget("pagerduty", KEY)])
    stored = json.dumps(rows(), default=str)
    assert added.channels[0] in stored
    assert "secretX9f2" not in stored
    assert KEY not in stored
    found = clients.ssm().describe_parameters()["Parameters"]
    path = f"/errata/errata/webhooks/{busy.id}"
    # The account's own key for SSM encrypts them, which is free.
    assert {each["Name"]: (each["Type"], each["KeyId"]) for each in found} == {
        f"{path}/{channel}": ("SecureString", "alias/aws/ssm") for channel in added.channels
    }
    assert [find_secrets(busy.id, each).current for each in added.channels] == [url, KEY]
    shown = [each.url for each in channels.find_setup(busy.id).channels.values()]
    assert sorted(shown) == ["hooks.slack.com/…X9f2", "…EY12"]
    again = alerts.add(busy.id, rule(), [AlertTarget("slack", url)])
    assert again.channels == added.channels[:1], "the same address is the same channel"
    alerts.remove_channel(busy.id, again.channels[0])
    assert [each.channels for each in channels.find_setup(busy.id).rules] == [added.channels[1:]]
    left = clients.ssm().describe_parameters()["Parameters"]
    assert [each["Name"] for each in left] == [f"{path}/{added.channels[1]}"]


def test_a_channel_is_failing_after_three_failed_deliveries_until_one_succeeds(
    busy: Project, clock: Clock, queue: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    with receiver(*[response(403)] * 3, response(200)) as there:
        added = alerts.add(busy.id, rule(), [slack(there)])
        for n in range(4):
            clock.advance(120)
            digest(queue, happen(busy, clock, f"f{n}"))
            queue.run()
            channel = channels.find(busy.id, added.channels[0])
            assert channel.failures == (n + 1 if n < 3 else 0)
            assert ("channel failing" in caplog.text) is (n >= 2)
    assert channel.failing_since is None


def test_a_message_is_retried_after_the_time_that_the_vendor_asks_for(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    def wait(request: Any) -> None:
        body = b'{"retry_after": 90.2}'
        request.send_response(429)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        Event().wait(0.1)  # the body comes later than the headers
        request.wfile.write(body)

    with receiver(wait, response(204)) as there:
        alerts.add(busy.id, rule(), [AlertTarget("discord", there.url)])
        digest(queue, happen(busy, clock, "f"))
        queue.run(60)
        started = clock.ms
        assert len(there.received) == 1
        queue.run()
        assert clock.ms - started > 80_000
    assert [each.status for each in attempts(busy)] == [429, 204]


def test_a_test_message_is_sent_and_listed_in_the_log(busy: Project, queue: Queue) -> None:
    with receiver() as there:
        added = alerts.add(busy.id, rule(), [slack(there), AlertTarget("eventbridge")])
        with queue.filled():
            assert len(alerts.test(busy.id, added.id)) == 2
            assert len(alerts.test(busy.id, added.channels[0])) == 1
        queue.run()
    assert headers(there) == ["Test in shop"] * 2
    assert Counter(each.message.event for each in attempts(busy)) == {"alert.test": 3}
    assert webhooks.redeliver_since(busy.id, 0) == [], "a redelivery sends no test again"
    with pytest.raises(NotFoundError):
        alerts.test(busy.id, "nothing")


def test_an_issue_that_is_deleted_before_delivery_sends_no_alert(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    with receiver() as there:
        alerts.add(busy.id, rule(), [slack(there)])
        digest(queue, happen(busy, clock, "f"))
        issues.delete(visible_in(busy.id, clock.ms + 10), issue_id(busy.id, "f"), "a@example.com")
        queue.run()
    assert there.received == []
    assert attempts(busy) == []
