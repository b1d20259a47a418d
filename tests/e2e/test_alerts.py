"""Alerts on the deployed stack: from an event, through stream, queue and dispatcher, to a channel.

The policies of the template are enforced. Fake chat vendors on loopback apply the real limits.
"""

import json
from contextlib import ExitStack
from functools import partial
from typing import Any

import requests

from dev.stack import LocalStack
from errata.models.alert import (
    ASSIGNED,
    EVENTS,
    MEMBERS,
    MENTIONED,
    NEW,
    REGRESSED,
    RISING,
    USERS,
    WOKEN,
    AlertRule,
)
from errata.models.assignee import Assigned, of_member
from errata.models.ids import issue_id, now_ms
from errata.models.issue_change import IGNORE, Change
from errata.store.issues import find_issues
from errata.usecases import alerts, comments, issues, members, projects, webhooks
from errata.usecases.assign import assign
from errata.usecases.channels import AlertTarget
from tests.support.deployed import eventually, mails_to
from tests.support.receiver import Receiver, receiver
from tests.support.vendors import VENDORS, played
from tests.support.visible import visible_in

# These channels also get a message when an issue is resolved.
RESOLVABLE = ("pagerduty", "eventbridge")
KEY = "R0UT1NGKEYR0UT1NGKEYR0UT1NGKEY12"


def send(stack: LocalStack, key: str, **more: Any) -> None:
    event = {"message": "boom <!channel>", "fingerprint": "f", "environment": "prod", **more}
    requests.post(
        f"{stack.api_url}/api/ingest", json=event, headers={"X-Api-Key": key}, timeout=30
    ).raise_for_status()


def new_queue(stack: LocalStack, name: str) -> tuple[str, str]:
    """Create a queue that anybody may send to. Return its URL and its ARN."""
    sqs = stack.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    wanted = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = wanted["Attributes"]["QueueArn"]
    allowed = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return url, arn


def has_received(there: Receiver, number: int) -> bool:
    return len(there.received) == number


def receive(stack: LocalStack, url: str, found: list[Any]) -> list[Any]:
    """Add the messages of a queue to `found`, and return it."""
    response = stack.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    found += [json.loads(each["Body"]) for each in response.get("Messages", [])]
    return found


def test_every_channel_gets_messages_about_a_new_and_a_regressed_issue(
    stack: LocalStack, project: tuple[str, str]
) -> None:
    project_id, key = project
    bus_url, bus_arn = new_queue(stack, f"bus-{project_id}")
    events = stack.client("events")
    events.put_rule(Name=f"errata-{project_id}", EventPattern='{"source":["errata"]}')
    events.put_targets(Rule=f"errata-{project_id}", Targets=[{"Id": "1", "Arn": bus_arn}])
    mail_url, mail_arn = new_queue(stack, f"mail-{project_id}")
    stack.client("sns").subscribe(
        TopicArn=stack.outputs["AlertTopicArn"],
        Protocol="sqs",
        Endpoint=mail_arn,
        Attributes={"FilterPolicy": json.dumps({"to": ["oncall@example.com"]})},
    )
    with ExitStack() as open_:
        vendors = {kind: open_.enter_context(receiver(played(kind))) for kind in VENDORS}
        targets = [
            AlertTarget(kind, f"{there.url}#{KEY}" if kind == "pagerduty" else there.url)
            for kind, there in vendors.items()
        ]
        members.add("default", address := f"ada-{project_id}@example.com", "owner")
        targets += [
            AlertTarget("email", "oncall@example.com"),
            AlertTarget("eventbridge"),
            AlertTarget(MEMBERS),
        ]
        alerts.add(project_id, AlertRule("", (NEW, REGRESSED), (), environment="prod"), targets)
        send(stack, key)
        for there in vendors.values():
            eventually(partial(has_received, there, 1), bool)
        issues.resolve(visible_in(project_id, now_ms()), issue_id(project_id, "f"), "a@b.example")
        # If the issue regressed before this, no message would say that it was resolved.
        eventually(partial(has_received, vendors["pagerduty"], 2), bool)
        send(stack, key)
        for kind, there in vendors.items():
            eventually(partial(has_received, there, 3 if kind in RESOLVABLE else 2), bool)
            bodies = " ".join(each.body.decode() for each in there.received)
            assert "New: SHOP-" in bodies
            assert "Regressed: SHOP-" in bodies
    log = eventually(
        lambda: list(alerts.only_alerts(webhooks.list_attempts(project_id))),
        lambda found: len(list(found)) == 2 * len(targets) + len(RESOLVABLE),
    )
    assert [each for each in log if each.error or each.status not in (200, 202, 204)] == []
    bus: list[Any] = []
    eventually(lambda: receive(stack, bus_url, bus), lambda found: len(found) == 3)
    types = ["Issue Created", "Issue Resolved", "Issue Regressed"]
    assert sorted(each["detail-type"] for each in bus) == sorted(types)
    mails: list[Any] = []
    eventually(lambda: receive(stack, mail_url, mails), lambda found: len(found) == 2)
    subjects = ["[shop] New: ", "[shop] Regressed: "]
    assert [each["Subject"].partition("SHOP-")[0] for each in mails] == subjects
    sent = eventually(
        # Other mails are invitations, or are about the projects of other tests.
        lambda: [
            e for e in mails_to(stack, address) if f"/projects/{project_id}/" in e["BodyText"]
        ],
        lambda found: len(found) == 2,
    )
    assert [each["Subject"].partition("SHOP-")[0] for each in sent] == subjects
    assert "boom <!channel>" in sent[0]["BodyText"]
    assert "boom &lt;!channel&gt;" in sent[0]["BodyHtml"]


def test_an_assigned_or_mentioned_member_gets_a_mail_and_a_channel_a_message(
    stack: LocalStack, project: tuple[str, str]
) -> None:
    project_id, key = project
    members.add("default", address := f"bob-{project_id}@example.com", "owner")
    with receiver(played("slack")) as there:
        alerts.add(
            project_id, AlertRule("", (ASSIGNED, MENTIONED), ()), [AlertTarget("slack", there.url)]
        )
        send(stack, key)
        visible = visible_in(project_id, now_ms())
        issue = issue_id(project_id, "f")
        eventually(lambda: find_issues(visible, [issue]), bool)
        assign(visible, issue, Assigned(of_member(address), address), "a@b.example")
        eventually(partial(has_received, there, 1), bool)
        assert "has assigned this to" in there.received[0].body.decode()
        name = address.partition("@")[0]
        comments.add(projects.find(project_id), visible, issue, f"@{name}?", "a@b.example", "t")
        eventually(partial(has_received, there, 2), bool)
        assert "b.example mentions bob-" in there.received[1].body.decode()
    wanted = ("a@b.example has assigned this to you: SHOP-", "a@b.example mentions")
    eventually(
        lambda: " ".join(each["Subject"] for each in mails_to(stack, address)),
        lambda subjects: all(each in subjects for each in wanted),
    )


def test_rules_about_events_users_rising_and_woken_issues_send_messages(
    stack: LocalStack, project: tuple[str, str]
) -> None:
    project_id, key = project
    rules = {
        "10 events in 10 min": AlertRule("", (EVENTS,), (), events=10, minutes=10),
        "5 users": AlertRule("", (USERS,), (), users=5),
        "Rising": AlertRule("", (RISING,), ()),
        "Woken": AlertRule("", (WOKEN,), ()),
    }
    with ExitStack() as open_:
        there = {name: open_.enter_context(receiver(played("slack"))) for name in rules}
        for name, rule in rules.items():
            alerts.add(project_id, rule, [AlertTarget("slack", there[name].url)])
        for n in range(12):
            send(stack, key, user={"id": str(n)})
        for name in list(rules)[:3]:
            eventually(partial(has_received, there[name], 1), bool)
        visible = visible_in(project_id, now_ms())
        until = Change(IGNORE, until="events", number=1)
        issues.change(visible, issue_id(project_id, "f"), until, "a@b.example")
        for _ in range(2):
            send(stack, key)
        eventually(partial(has_received, there["Woken"], 1), bool)
        for name, each in there.items():
            assert f"{name}: SHOP-" in each.received[0].body.decode()
