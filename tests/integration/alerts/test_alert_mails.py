"""Mails to members, assignees and mentioned members."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import boto3
import pytest

from errata.config import settings
from errata.errors import InvalidInputError
from errata.models.alert import ASSIGNED, MAILED, MEMBERS, MENTIONED
from errata.models.assignee import Assigned
from errata.models.ids import issue_id
from errata.store import clients
from errata.usecases import alerts, channels, comments, members, notify, projects, send_alert
from errata.usecases.assign import assign
from errata.usecases.channels import AlertTarget
from tests.support.account import Clock, Project
from tests.support.alerts import (
    Queue,
    attempts,
    digest,
    happen,
    headers,
    mails,
    resolve,
    rule,
    slack,
)
from tests.support.browser import signed_in
from tests.support.calls import calling_as, recorded
from tests.support.receiver import receiver, response
from tests.support.vendors import played
from tests.support.visible import visible_in


@pytest.mark.usefixtures("mailed")
def test_an_assignee_gets_mails_and_one_mail_for_many_issues(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    for name in ("ada", "bob"):
        members.add("default", f"{name}@example.com", "owner")
    alerts.remove(busy.id, "default")
    names = [f"f{n}" for n in range(9)]
    digest(queue, happen(busy, clock, *names))
    with queue.filled():
        for each in names:
            clock.advance(1)
            visible, issue = visible_in(busy.id, clock.ms), issue_id(busy.id, each)
            assign(visible, issue, Assigned("member:bob@example.com", "bob"), "ada@example.com")
        assign(visible, issue, Assigned("member:ada@example.com", "ada"), "ada@example.com")
    queue.run()
    assert {each.destinations["ToAddresses"][0] for each in mails()} == {"bob@example.com"}
    assert [each.subject.partition(" SHOP")[0] for each in mails()] == [
        *["[shop] ada@example.com has assigned this to you:"] * 5,
        "[shop] 4 assigned issues",
    ]


@pytest.mark.usefixtures("mailed")
def test_every_member_gets_the_mail_although_a_message_has_few_recipients(
    busy: Project, clock: Clock, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_alert, "MAX_RECIPIENTS", 2)
    wanted = [f"{name}@example.com" for name in ("ada", "bob", "cyd", "dan", "eve")]
    for each in wanted:
        members.add("default", each, "owner")
    digest(queue, happen(busy, clock, "f"))
    queue.run()
    assert [each.destinations["ToAddresses"][0] for each in mails()] == wanted
    assert [each.status for each in attempts(busy)] == [202] * 3
    # In a flood, too: five within a minute, and a roundup.
    digest(queue, happen(busy, clock, *"abcdefgh"))
    queue.run()
    received = [(each.subject, each.destinations["ToAddresses"][0]) for each in mails()[5:]]
    assert len(received) == len(set(received)) == 5 * len(wanted)
    assert {subject for subject, _ in received if "issues" in subject} == {"[shop] 3 new issues"}
    assert len(queue) == 0


@pytest.mark.usefixtures("mailed")
def test_a_rule_sends_assignments_and_mentions_to_channels(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    for name in ("ada", "bob"):
        members.add("default", f"{name}@example.com", "owner")
    with receiver(played("slack")) as there, receiver() as silent:
        alerts.remove(busy.id, "default")
        alerts.add(busy.id, rule(ASSIGNED, MENTIONED, environment="prod"), [slack(there)])
        alerts.add(busy.id, rule(ASSIGNED, MENTIONED, environment="dev"), [slack(silent)])
        alerts.add(busy.id, rule(MENTIONED), [AlertTarget(MEMBERS)])
        digest(queue, happen(busy, clock, "f", environment="prod"))
        visible, issue = visible_in(busy.id, clock.ms), issue_id(busy.id, "f")
        project = projects.find(busy.id)
        with queue.filled(), calling_as("DashboardFunction"):
            assign(visible, issue, Assigned("member:bob@example.com", "bob"), "ada@example.com")
            assign(visible, issue, None, "ada@example.com")
            assign(visible, issue, Assigned("member:ada@example.com", "ada"), "ada@example.com")
            comments.add(project, visible, issue, "@bob?", "ada@example.com", "token")
        queue.run()
        assert silent.received == []
        sent = sorted(each.replace("\u200b", "") for each in headers(there))
    assert sent == [
        "ada@example.com has assigned this to ada@example.com: SHOP-1 in shop",
        "ada@example.com mentions bob@example.com: SHOP-1 in shop",
    ], "somebody who is no longer assigned gets no alert"
    (mail,) = mails()
    assert mail.destinations["ToAddresses"] == ["bob@example.com"], (
        "one mail, though the rule is for all members"
    )
    assert "ada@example.com mentions bob@example.com: SHOP-1" in mail.subject


@pytest.mark.usefixtures("mailed")
def test_a_mentioned_member_gets_one_mail(busy: Project, clock: Clock, queue: Queue) -> None:
    for name in ("ada", "bob", "cyd"):
        members.add("default", f"{name}@example.com", "owner")
    alerts.remove(busy.id, "default")
    digest(queue, happen(busy, clock, "f"))
    visible, issue = visible_in(busy.id, clock.ms), issue_id(busy.id, "f")
    project = projects.find(busy.id)
    with queue.filled(), calling_as("DashboardFunction"):
        for _ in range(2):  # the same form, sent twice
            comment = comments.add(
                project, visible, issue, "@bob @ada?", "ada@example.com", "token"
            )
        comments.edit(project, visible, issue, comment.at, "@bob @cyd?", "ada@example.com", 0)
    queue.run()
    assert [(each.destinations["ToAddresses"], each.subject) for each in mails()] == [
        ([f"{name}@example.com"], "[shop] ada@example.com mentions you: SHOP-1 boom")
        for name in ("bob", "cyd")
    ]


@pytest.mark.usefixtures("mailed")
def test_quiet_hours_of_a_rule_do_not_delay_the_mail_to_a_mentioned_member(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    for name in ("ada", "bob"):
        members.add("default", f"{name}@example.com", "owner")
    begin = datetime.fromtimestamp(clock.ms / 1000, UTC).replace(second=0)
    quiet = f"{begin:%H:%M}-{begin + timedelta(hours=9):%H:%M}"
    alerts.remove(busy.id, "default")
    alerts.add(busy.id, rule(MENTIONED, quiet=quiet), [AlertTarget(MEMBERS)])
    digest(queue, happen(busy, clock, "f"))
    visible, issue = visible_in(busy.id, clock.ms), issue_id(busy.id, "f")
    with queue.filled():
        comments.add(projects.find(busy.id), visible, issue, "@bob?", "ada@example.com", "token")
    queue.run(60)
    assert [each.destinations["ToAddresses"] for each in mails()] == [["bob@example.com"]]


@pytest.mark.usefixtures("mailed")
def test_members_get_no_mail_about_alerts_that_they_have_turned_off(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    for name in ("ada", "bob"):
        members.add("default", f"{name}@example.com", "owner")
    bob = signed_in("bob@example.com")
    bob.get("account")
    shown = bob.post("account", alert=["regressed"], **{"save-alerts": "1"})
    assert shown.html.count("checked") == 2, "regressed, and the theme"
    digest(queue, happen(busy, clock, "f"))
    resolve(busy, clock, "f")
    digest(queue, happen(busy, clock, "f"))
    queue.run()
    assert sorted(each.destinations["ToAddresses"][0] for each in mails()) == [
        *["ada@example.com"] * 2,
        "bob@example.com",
    ]


@pytest.mark.usefixtures("mailed")
def test_members_get_alerts_after_their_quiet_hours_and_in_their_own_channel(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    for name in ("ada", "bob", "cyd"):
        members.add("default", f"{name}@example.com", "owner")
    zone = ZoneInfo("Asia/Tokyo")
    begin = datetime.fromtimestamp(clock.ms / 1000, zone)
    hours = {"quiet_from": f"{begin:%H:%M}", "quiet_until": f"{begin + timedelta(hours=9):%H:%M}"}
    with receiver(played("slack")) as there:
        bob, cyd = signed_in("bob@example.com"), signed_in("cyd@example.com")
        every = list(MAILED)
        bob.get("account")
        bob.post("account", save="1", zone="Asia/Tokyo", theme="")
        bob.post("account", **{"save-alerts": "1"}, alert=every, **hours)
        cyd.get("account")
        shown = cyd.post("account", **{"save-alerts": "1"}, alert=every, kind="slack", address="x")
        assert shown.status == 422
        own = {"kind": "slack", "address": f"{there.url}/geheim"}
        cyd.post("account", **{"save-alerts": "1"}, alert=every, **own)
        shown = cyd.get("account")
        assert "geheim" not in shown.html
        assert "/…heim" in shown.html
        clock.advance(61)
        digest(queue, happen(busy, clock, "f", "g"))
        queue.run(3_600)
        assert [each.destinations["ToAddresses"] for each in mails()] == [["ada@example.com"]] * 2
        assert headers(there) == ["New: SHOP-1 in shop", "New: SHOP-2 in shop"]
        started = clock.ms
        queue.run()
        assert [each.destinations["ToAddresses"] for each in mails()][2:] == [["bob@example.com"]]
        assert mails()[2].subject == "[shop] 2 new issues"
        assert 8.8 * 3_600_000 < clock.ms - started < 9 * 3_600_000
        there.behaviours[:] = [response(404)]
        digest(queue, happen(busy, clock, "h"))
        queue.run(60)
    recipients = {each.destinations["ToAddresses"][0] for each in mails()[3:]}
    assert recipients == {"ada@example.com", "bob@example.com", "cyd@example.com"}
    assert "Mailed instead" in " ".join(each.error for each in attempts(busy))
    cyd = signed_in("cyd@example.com")
    cyd.get("account")
    cyd.post("account", **{"save-alerts": "1"}, alert=every)
    names = [each["Name"] for each in clients.ssm().describe_parameters()["Parameters"]]
    assert not [each for each in names if "/member/" in each]


@pytest.mark.usefixtures("mailed")
def test_members_who_see_a_project_get_its_alerts_by_mail_by_default(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    members.add("default", "ada@example.com", "owner")
    members.add("default", "eve@example.com", "member")  # in no team
    digest(queue, happen(busy, clock, "f", message="boom"))
    resolve(busy, clock, "f")
    digest(queue, happen(busy, clock, "f", message="boom"))
    queue.run()
    assert [each.destinations["ToAddresses"] for each in mails()] == [["ada@example.com"]] * 2
    assert [each.subject for each in mails()] == [
        "[shop] New: SHOP-1 boom",
        "[shop] Regressed: SHOP-1 boom",
    ]
    alerts.remove(busy.id, "default")
    notify.clear_cache()
    digest(queue, happen(busy, clock, "g"))
    assert len(queue) == 0


@pytest.mark.usefixtures("mailed")
def test_mails_of_an_issue_are_one_thread_with_text_html_and_an_unsubscribe_link(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    members.add("default", "ada@example.com", "owner")
    with recorded() as seen:
        for name in ("f", "g"):
            digest(queue, happen(busy, clock, name, message="a <b> & c"))
        resolve(busy, clock, "f")
        digest(queue, happen(busy, clock, "f", message="a <b> & c"))
        queue.run()
    contents = [e.parameters["Content"]["Simple"] for e in seen if e.operation == "SendEmail"]
    threads = []
    for content in contents:
        named = {each["Name"]: each["Value"] for each in content["Headers"]}
        assert named["References"] == named["In-Reply-To"]
        page = f"https://errors.example.com/dashboard/projects/{busy.id}/alerts"
        assert named["List-Unsubscribe"] == f"<{page}>"
        threads.append(named["References"])
        assert "a <b> & c" in content["Body"]["Text"]["Data"]
        assert "a &lt;b&gt; &amp; c" in content["Body"]["Html"]["Data"]
    by_issue = {name: f"<{issue_id(busy.id, name)}@errata>" for name in ("f", "g")}
    assert sorted(threads) == sorted([by_issue["f"], by_issue["f"], by_issue["g"]])


def test_without_mail_and_rules_digest_sends_no_alerts_and_makes_no_extra_calls(
    busy: Project, clock: Clock, queue: Queue
) -> None:
    with recorded() as seen:
        digest(queue, happen(busy, clock, "f"))
    assert len(queue) == 0
    asked = [each for each in seen if "ProjectsTable" in str(each.parameters.get("TableName"))]
    assert [each.operation for each in asked] == ["Query"], "webhooks, channels and rules at once"
    with recorded() as seen:
        digest(queue, happen(busy, clock, "f"))
    assert not [each for each in seen if "ProjectsTable" in str(each.parameters)]


def test_without_ses_an_address_gets_its_mails_through_an_sns_topic(
    busy: Project, clock: Clock, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = boto3.client("sns").create_topic(Name="alerts")["TopicArn"]
    monkeypatch.setenv("ALERT_TOPIC", topic)
    settings.cache_clear()
    with calling_as("DashboardFunction"):
        alerts.add(busy.id, rule(), [AlertTarget("email", "oncall@example.com")])
    (subscription,) = boto3.client("sns").list_subscriptions()["Subscriptions"]
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "oncall@example.com")
    with recorded() as seen:
        digest(queue, happen(busy, clock, "f", message="bööm"))
        queue.run()
    (published,) = [each.parameters for each in seen if each.operation == "Publish"]
    assert published["Subject"] == "[shop] New: SHOP-1 b??m"
    assert published["MessageAttributes"]["to"]["StringValue"] == "oncall@example.com"
    with pytest.raises(InvalidInputError, match="MailIdentityArn"):
        alerts.add(busy.id, rule(), [AlertTarget(MEMBERS)])
    other = projects.create("other")
    assert other
    for project_id, left in ((busy.id, 1), (other.project.id, 0)):
        added = alerts.add(other.project.id, rule(), [AlertTarget("email", "oncall@example.com")])
        (channel,) = channels.find_setup(project_id).channels
        with calling_as("DashboardFunction"):
            alerts.remove_channel(project_id, channel)
        assert len(boto3.client("sns").list_subscriptions()["Subscriptions"]) == left
    assert added.channels == (channel,)


@pytest.mark.usefixtures("mailed")
def test_only_members_who_see_the_project_get_mail_without_a_confirmed_address(
    busy: Project, clock: Clock, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALERT_TOPIC", boto3.client("sns").create_topic(Name="alerts")["TopicArn"])
    settings.cache_clear()
    members.add("default", "ada@example.com", "owner")
    members.add("default", "bob@example.com", "owner")
    alerts.remove(busy.id, "default")
    with calling_as("DashboardFunction"):
        for address in ("Bob@example.com", "stranger@example.com"):
            alerts.add(busy.id, rule(), [AlertTarget("email", address)])
    (subscription,) = boto3.client("sns").list_subscriptions()["Subscriptions"]
    assert subscription["Endpoint"] == "stranger@example.com"
    notify.clear_cache()
    digest(queue, happen(busy, clock, "f"))
    queue.run()
    assert [each.destinations["ToAddresses"] for each in mails()] == [["Bob@example.com"]]
    members.remove("default", "bob@example.com")
    clock.advance(60)
    digest(queue, happen(busy, clock, "g"))
    queue.run()
    assert len(mails()) == 1, "bob has left"
