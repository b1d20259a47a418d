"""Owners get a mail when a project begins to lose events, and when a quota runs out."""

import json
import logging
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends

from errata.config import settings
from errata.models import temporary
from errata.models.loss import LOW_QUOTA
from errata.usecases import loss_ledger, members, organizations, owner_notices, projects, quota
from tests.integration.test_losses import batch, lost
from tests.support.account import Clock, Project
from tests.support.calls import Killed, calling_as, cut_off, watched
from tests.support.cli import refusing
from tests.support.clients import ingest
from tests.support.gateway import handler
from tests.support.visible import visible_in

IDENTITY = "arn:aws:ses:us-east-1:123456789012:identity/errata@example.com"
ACME = "1"
LOSS = "event lost: project 1, invalid"


@pytest.fixture(autouse=True)
def clock(clock: Clock) -> Clock:
    """Stop the time in the middle of a month: notices are counted by day and month."""
    clock.to_mid_month()
    return clock


@pytest.fixture
def owned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Create an organization with two owners, an admin and a project. The deployment has SES."""
    monkeypatch.setenv("MAIL_IDENTITY", IDENTITY)
    settings.cache_clear()
    boto3.client("ses").verify_email_identity(EmailAddress="errata@example.com")
    assert organizations.create("acme").id == ACME
    members.add(ACME, "ada@example.com", "owner")
    members.add(ACME, "bob@example.com", "owner")
    members.add(ACME, "eve@example.com", "admin")
    assert projects.create("shop", organization=ACME)


def mails() -> list[Any]:
    return list(ses_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].sent_messages)


def deliver(clock: Clock, *lines: str) -> None:
    with calling_as("LedgerFunction"):
        handler("ledger")(batch(list(lines), clock.ms), None)


@pytest.mark.usefixtures("owned")
def test_the_first_loss_of_a_day_sends_one_mail_to_each_owner(clock: Clock) -> None:
    for _ in range(3):
        deliver(clock, LOSS, LOSS, "event lost: project 1, too_large")
        owner_notices.clear_cache()
    mail, other = mails()
    assert mail.destinations["ToAddresses"] == ["ada@example.com"]
    assert other.destinations["ToAddresses"] == ["bob@example.com"]
    assert mail.source == "errata@example.com"
    assert mail.subject == "Errata: project 1 loses events"
    assert "Project shop (1) loses events. First losses of " in mail.body
    assert "2 invalid, 1 too large" in mail.body
    assert "https://errors.example.com/dashboard/projects/1/stats" in mail.body
    clock.days(1)
    deliver(clock, LOSS)
    assert len(mails()) == 4


@pytest.mark.usefixtures("owned")
@pytest.mark.parametrize(
    "line",
    [
        "event lost: project 1, sdk_before_send, 7",  # the application wanted it so
        "event lost: project 1, trimmed",  # it is stored
        "event lost: project 77, invalid",  # deleted meanwhile
        "something else",
    ],
)
def test_lines_without_a_loss_that_concerns_owners_send_no_mail(clock: Clock, line: str) -> None:
    deliver(clock, line)
    assert mails() == []


@pytest.mark.usefixtures("owned")
def test_losses_of_doctor_s_temporary_project_send_no_mail(clock: Clock) -> None:
    made = projects.create("errata-doctor-1", organization=ACME, project_id=temporary.new_id())
    assert made
    deliver(clock, f"event lost: project {made.project.id}, invalid")
    assert mails() == []


@pytest.mark.usefixtures("owned")
def test_losses_of_an_organization_without_owners_send_no_mail(clock: Clock) -> None:
    created = projects.create("mine")
    assert created
    deliver(clock, f"event lost: project {created.project.id}, invalid")
    assert mails() == []


@pytest.mark.usefixtures("owned")
def test_owners_get_a_mail_when_80_percent_and_when_all_of_a_quota_is_used(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    organizations.change(ACME, monthly_quota=10)
    created = projects.create("blog", organization=ACME)
    assert created
    blog = Project(created.project.id, created.key)
    with caplog.at_level(logging.WARNING, logger="errata"):
        for _ in range(7):
            assert ingest(blog).status == 202
        assert lost(caplog) == []
        for _ in range(3):
            assert ingest(blog).status == 202
        assert len(lost(caplog)) == 1
        deliver(clock, *lost(caplog))
        warning, _ = mails()
        assert warning.subject == "Errata: organization 1 has used 80 % of its quota"
        assert "orgs/1" in warning.body
        assert ingest(blog).status == 402
        assert ingest(blog).status == 402
    deliver(clock, *lost(caplog))
    used_up = mails()[-1]
    assert len(mails()) == 6
    assert used_up.subject == "Errata: the quota of organization 1 is used up"
    deliver(clock, *lost(caplog))
    assert len(mails()) == 6


@pytest.mark.usefixtures("aws")
def test_without_ses_a_notice_is_published_to_the_topic_of_the_alarms(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = boto3.client("sns").create_topic(Name="alarms")["TopicArn"]
    queue = boto3.client("sqs").create_queue(QueueName="subscriber")["QueueUrl"]
    arn = "arn:aws:sqs:us-east-1:123456789012:subscriber"
    boto3.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    monkeypatch.setenv("NOTICE_TOPIC", topic)
    settings.cache_clear()
    members.add("default", "ada@example.com", "owner")
    assert projects.create("shop")
    deliver(clock, LOSS)
    (message,) = boto3.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    assert "Errata: project 1 loses events" in message["Body"]
    assert "Project shop (1) loses events. First losses of " in message["Body"]


@pytest.mark.usefixtures("aws")
def test_without_ses_and_a_topic_no_notice_is_sent(clock: Clock) -> None:
    assert projects.create("shop")
    deliver(clock, LOSS)
    assert mails() == []


@pytest.mark.usefixtures("owned")
def test_a_refused_mail_does_not_fail_the_batch_and_is_retried(clock: Clock) -> None:
    with refusing("SendEmail", "MessageRejected"):
        deliver(clock, LOSS)
    assert counted() == 1
    clock.advance(59)
    deliver(clock, LOSS)
    assert mails() == []  # it may still be on its way
    clock.advance(2)
    deliver(clock, LOSS)
    assert (counted(), len(mails())) == (3, 2)


@pytest.mark.usefixtures("owned")
def test_other_owners_get_the_mail_if_ses_refuses_one_address(clock: Clock) -> None:
    members.add(ACME, "aaa@example.com", "owner")

    def response(call: Any) -> Any:
        if "aaa@example.com" in str(call.parameters.get("Destination")):
            raise ClientError({"Error": {"Code": "MessageRejected", "Message": "no"}}, "SendEmail")
        return call.send()

    for _ in range(2):
        with watched(response):
            deliver(clock, LOSS)
        clock.advance(61)
    assert [each.destinations["ToAddresses"] for each in mails()] == [
        ["ada@example.com"],
        ["bob@example.com"],
    ]


@pytest.mark.usefixtures("owned")
def test_the_ledger_waits_for_one_mail_only_if_ses_does_not_respond(clock: Clock) -> None:
    organizations.change(ACME, monthly_quota=10)
    assert projects.create("blog", organization=ACME)
    asked = []

    def response(call: Any) -> Any:
        if call.operation == "SendEmail":
            asked.append(call.parameters["Destination"])
            raise ReadTimeoutError(endpoint_url="https://email.us-east-1.amazonaws.com")
        return call.send()

    lines = [LOSS, "event lost: project 2, quota", LOW_QUOTA % (ACME, quota.month_of(clock.ms))]
    with watched(response):
        deliver(clock, *lines)
    assert len(asked) == 1
    clock.advance(61)
    deliver(clock, *lines)
    assert len(mails()) == 2 * len(["80 %", "loss", "loss", "100 %"])


@pytest.mark.usefixtures("owned")
@pytest.mark.parametrize("ses", [True, False])
def test_a_notice_says_why_its_reader_gets_it(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, ses: bool
) -> None:
    sent = []

    def response(call: Any) -> Any:
        if call.operation in ("SendEmail", "Publish"):
            sent.append(json.dumps(call.parameters))
            return {}
        return call.send()

    if not ses:
        monkeypatch.setenv("MAIL_IDENTITY", "")
        monkeypatch.setenv("NOTICE_TOPIC", "arn:aws:sns:us-east-1:123456789012:alarms")
        settings.cache_clear()
    with watched(response):
        deliver(clock, "event lost: project 1, quota")
    assert len(sent) == (4 if ses else 2)
    why = "because you own the organization" if ses else "because you subscribe to the alarms"
    assert all(why in each for each in sent)


@pytest.mark.usefixtures("owned")
def test_losses_that_are_counted_days_later_send_no_mail(clock: Clock) -> None:
    old = batch([LOSS, "event lost: project 1, quota"], clock.ms)
    clock.days(3)
    handler("ledger")(old, None)
    assert mails() == []


@pytest.mark.usefixtures("owned")
def test_a_quota_that_was_used_up_last_month_sends_no_mail_this_month(clock: Clock) -> None:
    clock.ns = int(datetime(2026, 11, 30, 23, 59, 50, tzinfo=UTC).timestamp()) * 10**9
    event = batch(["event lost: project 1, quota"], clock.ms)
    clock.advance(30)
    handler("ledger")(event, None)
    assert {each.subject for each in mails()} == {"Errata: project 1 loses events"}
    deliver(clock, "event lost: project 1, quota")
    assert "Errata: the quota of organization 1 is used up" in {each.subject for each in mails()}


@pytest.mark.usefixtures("owned")
def test_a_quota_notice_is_sent_even_after_another_loss_of_the_same_day(clock: Clock) -> None:
    deliver(clock, LOSS)
    deliver(clock, "event lost: project 1, quota")
    assert [each.subject for each in mails()[::2]] == [
        "Errata: project 1 loses events",
        "Errata: the quota of organization 1 is used up",
    ]


@pytest.mark.usefixtures("owned")
def test_an_error_while_reading_the_project_does_not_fail_the_batch(clock: Clock) -> None:
    with refusing("GetItem", "InternalServerError"):
        deliver(clock, LOSS)
    assert (counted(), mails()) == (1, [])


@pytest.mark.usefixtures("owned")
def test_a_loss_is_counted_once_and_mailed_wherever_the_ledger_is_interrupted(clock: Clock) -> None:
    number = 0
    while True:
        number += 1
        clock.days(1)
        before = len(mails())
        event = batch([LOSS], clock.ms)
        with cut_off(number) as outcome, suppress(Killed):
            handler("ledger")(event, None)
        owner_notices.clear_cache()
        clock.advance(61)
        handler("ledger")(event, None)
        assert counted() == 1
        assert 2 <= len(mails()) - before <= 4
        if not outcome.struck:
            break
    assert number > 5


def counted() -> int:
    """Return how many invalid events the ledger has today."""
    ((_, reasons),) = loss_ledger.by_day(visible_in("1"), 1).values()
    return reasons["invalid"]
