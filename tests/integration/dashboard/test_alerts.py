"""The page of a project's alerts."""

import re
from typing import Any

import pytest

from errata.config import settings
from errata.models.alert import NEW, REGRESSED, AlertRule
from errata.models.ids import now_ms
from errata.store import webhooks as store
from errata.store.webhooks import parse_message
from errata.usecases import alerts, channels, members, webhooks
from errata.usecases.channels import AlertTarget
from errata.usecases.deliver import deliver
from tests.support.account import Project
from tests.support.browser import Browser, Shown, signed_in
from tests.support.calls import calling_as, recorded
from tests.support.pages import HOSTILE, MAX_BYTES, MAX_CALLS, only_our_markup, send
from tests.support.receiver import receiver, response

SECRET = "https://hooks.slack.com/services/T0/B0/geheimX9f2"


def path(project: Project) -> str:
    return f"projects/{project.id}/alerts"


def press(browser: Browser, project: Project, button: str, value: str = "1", **form: Any) -> Shown:
    return browser.post(path(project), **{button: value, **form})


def rule(**more: str) -> AlertRule:
    return AlertRule("", (NEW, REGRESSED), (), **more)  # type: ignore[arg-type]


def test_a_channel_and_a_rule_are_added_muted_and_removed(browser: Browser, busy: Project) -> None:
    browser.get(path(busy))
    press(browser, busy, "add-channel", kind="slack", address=SECRET, name="#shop")
    shown = browser.get(path(busy))
    assert "#shop" in shown.text
    assert "hooks.slack.com/…X9f2" in shown.text
    assert "geheim" not in shown.html
    (channel,) = channels.find_setup(busy.id).channels
    press(browser, busy, "add-rule", on=["new"], to=[channel], environment="prod", cooldown="1800")
    (added,) = channels.find_setup(busy.id).rules
    assert (added.kinds, added.environment, added.cooldown_s) == (("new",), "prod", 1800)
    shown = browser.get(path(busy))
    assert "When an issue is new in prod , tell #shop ." in shown.text
    edit = browser.get(f"{path(busy)}?rule={added.id}")
    assert "Edit the rule" in edit.text
    assert 'value="prod"' in edit.html
    form = {"on": ["new", "users"], "to": [channel], "users": "7", "zone": "Europe/Vienna"}
    quiet = {"quiet_from": "22:00", "quiet_until": "07:00", "cooldown": "0"}
    press(browser, busy, "save-rule", added.id, rule=added.id, **form, **quiet)
    (changed,) = channels.find_setup(busy.id).rules
    assert (changed.id, changed.environment, changed.users) == (added.id, "", 7)
    assert changed.quiet == "22:00-07:00 Europe/Vienna"
    refused = press(browser, busy, "save-rule", added.id, rule=added.id, cooldown="0")
    assert "Edit the rule" in refused.text
    assert "Say what to tell" in refused.text
    press(browser, busy, "mute", f"{channel} 3600")
    assert browser.get(path(busy)).text.count("Muted") == 1
    press(browser, busy, "mute", f"{channel} 0")
    press(browser, busy, "mute", f"{added.id} 3600")
    assert "Muted" in browser.get(path(busy)).text
    press(browser, busy, "mute", f"{added.id} 0")
    with recorded() as seen:
        press(browser, busy, "test", added.id)
    assert "SendMessageBatch" in [each.operation for each in seen]
    press(browser, busy, "remove-rule", added.id)
    assert "nobody is told" in browser.get(path(busy)).text
    press(browser, busy, "remove-channel", channel)
    assert channels.find_setup(busy.id).channels == {}


@pytest.mark.parametrize(
    ("form", "word"),
    [
        ({"button": "add-rule", "on": ["new"], "cooldown": "0"}, "Name at least one channel"),
        ({"button": "add-rule", "to": ["x"], "cooldown": "0"}, "Say what to tell"),
        ({"button": "add-rule", "on": ["new"], "to": ["x"], "cooldown": "soon"}, "from the list"),
        ({"button": "add-channel", "kind": "slack", "address": "ftp://x"}, "https://"),
        ({"button": "add-channel", "kind": "pagerduty", "address": "short"}, "routing key"),
        ({"button": "test", "value": "nobody"}, "no channel nobody"),
    ],
)
def test_an_invalid_form_shows_an_error(
    browser: Browser, busy: Project, form: dict[str, Any], word: str
) -> None:
    alerts.add(busy.id, rule(), [AlertTarget("eventbridge")])
    browser.get(path(busy))
    assert word in press(browser, busy, **form).text


def test_an_admin_sees_the_form_and_a_member_of_no_team_gets_404(
    browser: Browser, busy: Project
) -> None:
    alerts.add(busy.id, rule(), [AlertTarget("slack", SECRET)])
    members.add("default", "eve@example.com", "admin")
    eve = signed_in("eve@example.com")
    assert "Add rule" in eve.get(path(busy)).text
    members.add("default", "mia@example.com", "member")
    assert signed_in("mia@example.com").get(path(busy)).status == 404


def controls(shown: Shown) -> set[str]:
    """Return the names of the buttons and fields of a page, without its navigation."""
    main = shown.html.partition("<main")[2].partition("</main>")[0]
    return set(re.findall(r'<(?:button|input|select|textarea)\b[^>]* name="([^"]*)"', main))


def test_a_member_reads_the_page_and_cannot_change_anything(
    browser: Browser, busy: Project
) -> None:
    with receiver(response(403)) as there:
        added = alerts.add(busy.id, rule(), [AlertTarget("slack", there.url)])
        with recorded() as seen:
            alerts.test(busy.id, added.id)
        (sent,) = [each for each in seen if each.operation == "SendMessageBatch"]
        with calling_as("WebhookDispatcherFunction"):
            deliver(parse_message(sent.parameters["Entries"][0]["MessageBody"]))
    (channel,) = added.channels
    store.update_webhook(channels.find(busy.id, channel), name="#shop", disabled_at=now_ms())
    (failed,) = webhooks.recent_attempts(busy.id, 10, now_ms())
    form = {"on": ["new"], "to": [channel], "cooldown": "0"}
    posts: dict[str, dict[str, Any]] = {
        "add-rule": {"add-rule": "1", **form},
        "save-rule": {"save-rule": added.id, "rule": added.id, **form},
        "remove-rule": {"remove-rule": added.id},
        "mute": {"mute": f"{added.id} 3600"},
        "test": {"test": added.id},
        "add-channel": {"add-channel": "1", "kind": "slack", "address": SECRET},
        "remove-channel": {"remove-channel": channel},
        "enable": {"enable": channel},
        "again": {"again": failed.id},
    }
    offered = controls(browser.get(path(busy))) | controls(
        browser.get(f"{path(busy)}?rule={added.id}")
    )
    assert offered >= posts.keys()
    team = members.create_team("default", "web").id
    members.set_project_teams(busy.id, [team])
    members.add("default", "mia@example.com", "member", [team])
    mia = signed_in("mia@example.com")
    for query in ("", f"?rule={added.id}"):
        shown = mia.get(path(busy) + query)
        assert shown.status == 200
        assert "tell #shop ." in shown.text
        assert "Only owners and admins of the organization can change these alerts." in shown.text
        assert controls(shown) == {"csrf"}
    before = channels.find_setup(busy.id)
    for fields in posts.values():
        mia.get(path(busy))
        with recorded() as calls:
            assert mia.post(path(busy), **fields).status == 403, fields
        assert "SendMessageBatch" not in [each.operation for each in calls]
    assert channels.find_setup(busy.id) == before


def test_the_log_lists_sent_and_failed_deliveries(browser: Browser, busy: Project) -> None:
    with receiver(response(200), response(403)) as there:
        added = alerts.add(busy.id, rule(), [AlertTarget("slack", there.url)])
        with recorded() as seen:
            send(busy, {"message": HOSTILE, "environment": HOSTILE[:200]})
            alerts.test(busy.id, added.id)
        for call in [each for each in seen if each.operation == "SendMessageBatch"]:
            for entry in call.parameters["Entries"]:
                with calling_as("WebhookDispatcherFunction"):
                    deliver(parse_message(entry["MessageBody"]))
    channel = channels.find(busy.id, added.channels[0])
    store.update_webhook(channel, failures=3, failing_since=now_ms())
    with recorded() as calls:
        shown = browser.get(path(busy))
    assert len(calls) <= MAX_CALLS
    assert "New: SHOP-2-1" in shown.text
    assert "Last sent" in shown.text
    assert "403 in" in shown.text
    assert "rejected the last 3 messages" in shown.text
    only_our_markup(shown.html)
    failed = browser.get(f"{path(busy)}?log=failed").text
    assert "403 in" in failed
    assert "200 in" not in failed
    press(browser, busy, "again", "x")
    assert settings().webhook_queue_url


def test_older_deliveries_are_on_further_pages(
    browser: Browser, busy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.dashboard.pages.alerts.ATTEMPTS", 2)
    added = alerts.add(busy.id, rule(), [AlertTarget("eventbridge")])
    with recorded() as seen:
        for _ in range(5):
            alerts.test(busy.id, added.id)
    for call in [each for each in seen if each.operation == "SendMessageBatch"]:
        deliver(parse_message(call.parameters["Entries"][0]["MessageBody"]))
    shown, url = [], path(busy)
    while url:
        page = browser.get(url)
        shown.append(page.html.count("<tr>") - 1)
        found = re.search(r'href="alerts\?(before=[^"#]+)#log">Older', page.html)
        url = f"{path(busy)}?{found[1]}" if found else ""
    assert shown == [2, 2, 1]


def test_twenty_rules_and_channels_fit_on_the_page(browser: Browser, busy: Project) -> None:
    for n in range(19):
        target = AlertTarget("slack", f"{SECRET}{n}")
        channels.add(busy.id, target, "&" * 60)
        alerts.add(busy.id, rule(environment="&" * 200, release="&" * 200), [target])
    with recorded() as calls:
        shown = browser.get(path(busy))
    assert shown.size <= MAX_BYTES
    assert len(calls) <= MAX_CALLS
