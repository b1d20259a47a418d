"""Today's code on what a release has left: every release that has a dump in tests/upgrades.

What is stored stays readable across all releases. What the authorizer passes on has to be
understood by the release before and the one after, so that is tested with the newest dump alone.
"""

import copy
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse
from standardwebhooks import Webhook

from errata.config import settings
from errata.models.ids import now_ms
from errata.models.issue import OPEN_STATUSES, STATUSES
from errata.models.times import LEFT_TO_EXPIRE_S
from errata.protocol.issues import ASKED_STATUSES, SORTS, IssueQuery
from errata.usecases import issues
from tests.support import sdk, stream
from tests.support.account import Clock, Project
from tests.support.browser import Browser
from tests.support.calls import fault, throttled
from tests.support.cli import Deployed, deployed, done
from tests.support.clients import events, ingest, php
from tests.support.fresh import TABLES, clear_cache
from tests.support.gateway import admit, authorize, call, decide, denied, effect, handler
from tests.support.receiver import Receiver, receiver
from tests.support.template import ROOT
from tests.support.visible import all_issues, visible_in
from tests.support.webhooks import queued
from tests.upgrades.release import HERE, Restored, newest, releases, restore

__all__ = ["deployed"]

type Item = dict[str, Any]

OLD = ROOT / "tests" / "upgrades" / "old.py"


@pytest.fixture
def there() -> Iterator[Receiver]:
    """Return where the restored webhooks lead."""
    with receiver() as running:
        yield running


@pytest.fixture(params=releases())
def left(
    request: pytest.FixtureRequest,
    deployed: Deployed,
    there: Receiver,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> Restored:
    """Return what a release has left, some seconds ago."""
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", "/errata/stripe")
    settings.cache_clear()
    restored = restore(request.param, there, deployed)
    clock.ns = restored.at_ms * 10**6
    return restored


def project(left: Restored, name: str) -> Project:
    """Return a project of the dump, by its name there."""
    return Project(**left.projects[name])


def counts(of: Project) -> dict[str, int]:
    """Return the events of each issue, by the end of its title."""
    found = issues.list_issues(visible_in(of.id))
    return {each.title.removeprefix("ShopError: "): each.count for each in found}


def assert_holds(seen: Any, recorded: Any, what: object) -> None:
    """Fail unless all that was recorded is still there; more may have come."""
    if isinstance(recorded, dict):
        assert set(recorded) <= set(seen), what
        for name, value in recorded.items():
            assert_holds(seen[name], value, (what, name))
    elif isinstance(recorded, list):
        assert len(seen) == len(recorded), what
        for one, other in zip(seen, recorded, strict=True):
            assert_holds(one, other, what)
    else:
        assert seen == recorded, what


# ------------------------------------------------------------------ reading


def test_every_command_prints_the_same_as_in_the_release(left: Restored) -> None:
    for each in left.answers["commands"]:
        seen, recorded = done(*each["arguments"], "--json").json, each["json"]
        if each["arguments"][:2] == ["releases", "list"]:
            # In the order of releases today, and of when they were last seen before.
            seen, recorded = (sorted(rows, key=itemgetter("release")) for rows in (seen, recorded))
        assert_holds(seen, recorded, each["arguments"])


def test_every_project_stays_in_its_organization(left: Restored) -> None:
    before = {
        each["id"]: each["organization"]
        for command in left.answers["commands"]
        if command["arguments"] == ["projects", "list"]
        for each in command["json"]
    }
    assert len(set(before.values())) > 1
    for org in set(before.values()):
        found = done("projects", "list", "--org", org, "--json").json
        assert [each["id"] for each in found] == [id for id in before if before[id] == org]
    assert done("projects", "list", "--unclaimed", "--json").json == []


def test_every_read_request_gets_the_same_response_also_with_old_cursors(left: Restored) -> None:
    assert any("cursor=" in each["url"] for each in left.answers["requests"])
    for each in left.answers["requests"]:
        headers = {"X-Api-Key": each["key"]} if each["key"] else {}
        seen = call("GET", each["url"], None, headers, ip="192.0.2.7")
        assert seen.status == each["status"], each["url"]
        assert_holds(seen.json, each["json"], each["url"])


def test_every_dashboard_page_shows_the_same_names_to_members_who_were_signed_in(
    left: Restored,
) -> None:
    emails = {each["email"] for each in left.answers["pages"]}
    browsers = {email: left.browser(email) for email in emails}
    assert any("?" in each["path"] for each in left.answers["pages"])
    for each in left.answers["pages"]:
        shown = browsers[each["email"]].get(each["path"])
        assert shown.status == each["status"], each["path"]
        missing = [name for name in each["names"] if name not in shown.html]
        assert not missing, each["path"]
    assert not any("sign-in" in browser.page.url for browser in browsers.values() if browser.page)


def test_an_ended_session_stays_ended(left: Restored) -> None:
    browser = Browser(dict(left.named["cookies of alan@example.com"]))
    assert browser.get("projects").url.split("?")[0].endswith("/sign-in")


# ------------------------------------------------------------------ counting


def test_events_in_flight_are_counted_once(left: Restored) -> None:
    shop, cleared, script = (project(left, name) for name in ("shop", "cleared", "script"))
    names = ("shop", "cleared", "script", "sdks", "hooks")
    before = {name: counts(project(left, name)) for name in names}
    at_hand = [*left.stream["digested"], *left.stream["in_flight"]]
    for batch in (at_hand, at_hand, left.stream["in_flight"]):
        assert stream.deliver(copy.deepcopy(batch)) == []
        clear_cache()
    after = counts(shop)
    assert after["open"] == before["shop"]["open"] + 1
    assert after.pop("new in flight") == 1
    assert {name: after[name] for name in before["shop"] if name != "open"} == {
        name: count for name, count in before["shop"].items() if name != "open"
    }
    # The last batch that the release has digested came again.
    assert counts(project(left, "hooks")) == before["hooks"]
    # Events that were cleared before digest got them are not counted.
    assert counts(cleared) == before["cleared"]
    assert counts(script) == {**before["script"], "in flight": 1}
    assert sum(counts(project(left, "sdks")).values()) == sum(before["sdks"].values()) + 1


def test_every_list_shows_the_issues_that_the_release_stored(left: Restored) -> None:
    def assert_listed() -> None:
        for name in left.projects:
            visible = visible_in(project(left, name).id)
            stored = all_issues(visible)
            for status in ASKED_STATUSES:
                wanted = {"all": STATUSES, "open": OPEN_STATUSES}.get(status, (status,))
                expected = sorted(each.id for each in stored if each.status in wanted)
                for sort in SORTS:
                    query = IssueQuery(status=status, sort=sort)
                    found = [each.id for each in issues.matching(visible, query)]
                    assert sorted(found) == expected, (name, status, sort)

    assert_listed()
    stream.deliver(copy.deepcopy(left.stream["in_flight"]))
    assert_listed()
    shop = project(left, "shop")
    for each in list(issues.list_issues(visible_in(shop.id)))[:2]:
        issues.resolve(visible_in(shop.id), each.id, "ada@example.com")
    assert_listed()


def test_a_resolved_issue_regresses_and_an_ignored_one_stays_ignored(left: Restored) -> None:
    shop = project(left, "shop")
    stream.deliver(copy.deepcopy(left.stream["in_flight"]))
    known = {item["sk"]["S"] for item in stream.stored_events()}
    for title in ("resolved", "ignored", "deleted"):
        assert ingest(shop, {"message": title, "fingerprint": title}).status == 202
    new = [item for item in stream.stored_events() if item["sk"]["S"] not in known]
    assert stream.deliver(stream.numbered(new, first=900_001)) == []
    found = {
        each.title: (each.status, each.count) for each in issues.list_issues(visible_in(shop.id))
    }
    assert found["resolved"] == ("regressed", 4)
    assert found["ignored"] == ("ignored", 4)
    assert found["deleted"] == ("open", 1)


# ------------------------------------------------------------------ accepting


def test_an_idempotency_key_is_replayed(left: Restored) -> None:
    shop, once = project(left, "shop"), left.named["once"]
    stored = len(stream.stored_events())
    again = ingest(shop, once["body"], idempotency_key=once["key"])
    assert (again.status, again.json) == (202, {"id": once["id"]})
    assert again.headers["Idempotency-Replayed"] == "true"
    other = ingest(shop, {"message": "another body"}, idempotency_key=once["key"])
    assert other.headers["Idempotency-Mismatch"] == "true"
    assert len(stream.stored_events()) == stored
    # One of two days ago has expired.
    assert (
        "Idempotency-Replayed" not in ingest(shop, once["body"], idempotency_key="expired").headers
    )
    assert len(stream.stored_events()) == stored + 1


def test_an_sdk_event_that_is_sent_again_is_not_stored_again(left: Restored) -> None:
    sdks = project(left, "sdks")
    stored = len(stream.stored_events())
    for sent in left.named["sdk events"].values():
        again = sdk.post(sdks, sdk.of_event(sent))
        assert (again.status, again.json) == (200, {"id": sent["event_id"]})
    assert len(stream.stored_events()) == stored
    sdk.capture(sdks)
    assert len(stream.stored_events()) == stored + 1


def test_legacy_numbers_continue(left: Restored) -> None:
    for name, number in (("script", 9), ("own key", 5)):
        error = {"hash": project(left, name).key, "level": "Error", "message": "next"}
        assert call("POST", "/api.php", error).json == {"ok": True, "id": number}


def test_events_that_the_release_counted_use_up_the_quota(left: Restored) -> None:
    limited = project(left, "limited")
    responses = [ingest(limited).status for _ in range(6)]
    assert responses == [202] * 4 + [402] * 2


def test_allowlists_unpaid_invoices_and_revoked_keys_still_apply(left: Restored) -> None:
    fenced, unpaid = project(left, "fenced"), project(left, "unpaid")
    assert ingest(fenced).status == 403
    key = {"X-Api-Key": fenced.key}
    assert call("POST", "/api/ingest", {"message": "boom"}, key, ip="192.0.2.7").status == 202
    refused = ingest(unpaid)
    assert (refused.status, "billing_url" in refused.json) == (402, True)
    gone = {"X-Api-Key": left.named["revoked key"]}
    assert call("POST", "/api/ingest", {"message": "boom"}, gone).status == 401
    second = {"X-Api-Key": left.named["second key"]}
    assert call("POST", "/api/ingest", {"message": "boom"}, second).status == 202
    removed = project(left, "removed")
    assert ingest(removed).status == 401


# ------------------------------------------------------------------ clearing


def test_a_clear_hides_and_counts_what_the_release_stored(left: Restored) -> None:
    script, shop = project(left, "script"), project(left, "shop")
    assert php(action="clear", hash=script.key).json == {"ok": True, "deleted": 4}
    assert php(action="errors", hash=script.key).json == {"errors": []}
    assert counts(script) == {}
    assert php(action="clear", hash=shop.key).json == {"ok": True, "deleted": 0}
    assert events(shop) == []
    assert counts(shop) == {}
    stream.deliver(copy.deepcopy(left.stream["in_flight"]))
    assert counts(shop) == {}
    stream.cleaned(shop.id)
    assert_left_to_expire(shop.id)
    assert (events(shop), counts(shop)) == ([], {})


def assert_left_to_expire(project_id: str, kept: int = 0) -> None:
    """Fail unless the cleared events that are left expire soon. `kept` events are not cleared."""
    left = [item for item in stream.stored_events() if item["pk"]["S"] == project_id]
    ends = sorted(int(item["ttl"]["N"]) for item in left)
    assert len(left) > kept
    assert ends[-1] <= now_ms() // 1000 + LEFT_TO_EXPIRE_S


def test_cleanup_deletes_what_the_release_had_not_deleted_yet(left: Restored) -> None:
    cleared, shop, removed = (project(left, name) for name in ("cleared", "shop", "removed"))
    kept = {
        "shop": [each for each in events(shop) if each["message"] != "being deleted"],
        "cleared": events(cleared),
    }
    before = [item["pk"]["S"] for item in stream.stored_events()]
    for record in left.stream["cleanup"]:
        handler("cleanup")({"Records": [copy.deepcopy(record)]}, None)
    after = [item["pk"]["S"] for item in stream.stored_events()]
    assert after.count(removed.id) == 0
    assert_left_to_expire(cleared.id, kept=1)
    assert before.count(shop.id) - after.count(shop.id) == 2
    clear_cache()
    assert kept == {"shop": events(shop), "cleared": events(cleared)}


# ------------------------------------------------------------------ queues


def test_messages_in_flight_are_delivered(left: Restored, there: Receiver) -> None:
    hooks, working = project(left, "hooks"), left.named["webhook working"]
    records = queued()
    assert len(records) == len(left.queues["WebhookQueue"])
    handler("webhook_dispatcher")({"Records": records}, None)
    (request,) = (each for each in there.received if each.path == "/working")
    at = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
    signatures = request.headers["webhook-signature"].split()
    for secret in (working["secret"], working["rotated"]):
        signed = Webhook(secret).sign(request.headers["webhook-id"], at, request.body.decode())
        assert signed in signatures
    attempts = done("webhooks", "attempts", hooks.id, "--json").json
    # The message for the webhook that is gone has an attempt, too, but nothing was sent.
    assert len(attempts) == 3 + len(records)
    assert not [each for each in there.received if each.path == "/gone"]
    sent = len(there.received)
    handler("webhook_dispatcher")({"Records": records}, None)
    assert len(there.received) == sent


def test_a_message_that_the_release_delivered_can_be_redelivered(
    left: Restored, there: Receiver
) -> None:
    hooks = project(left, "hooks")
    (first, *_) = done("webhooks", "attempts", hooks.id, "--json").json
    done("webhooks", "redeliver", first["id"], "--json")
    records = [each for each in queued() if each["body"] not in left.queues["WebhookQueue"]]
    assert len(records) == 1


def test_dead_letters_are_redriven(left: Restored, clock: Clock, there: Receiver) -> None:
    shop, backlog, hooks = (project(left, name) for name in ("shop", "backlog", "hooks"))
    stream.deliver(copy.deepcopy(left.stream["in_flight"]))
    lost = done("stats", shop.id, "--json").json[-1]["lost"]
    for _ in range(2):
        letters = done("redrive", "--json").json
        assert all(each["done"] for each in letters), letters
    assert counts(backlog) == {"given up": 5}
    assert counts(shop)["dead-lettered"] == 1
    now = done("stats", shop.id, "--json").json[-1]["lost"]
    # The first of the two batches had been counted by the release.
    assert {**now, "rate_limited": now["rate_limited"] - 2} == lost
    waiting = [json.loads(each["body"])["event"] for each in queued()]
    assert waiting.count("webhook.test") == 1
    assert hooks


# ------------------------------------------------------------------ authorizer and functions


@pytest.mark.parametrize("left", [newest()], indirect=True)
def test_functions_understand_what_the_release_s_authorizer_passes_on(left: Restored) -> None:
    for caller in left.callers:
        clear_cache()
        event = copy.deepcopy(caller["event"])
        seen = decide(event, caller["verdict"])
        assert [seen.status, sorted(seen.json)] == caller["answer"], caller["kind"]


@pytest.mark.parametrize("left", [newest()], indirect=True)
def test_the_release_s_functions_understand_what_today_s_authorizer_passes_on(
    left: Restored, tmp_path: Path
) -> None:
    # No function gets a request that the authorizer denies.
    denials = {}
    calls = {}
    for caller in left.callers:
        clear_cache()
        event = copy.deepcopy(caller["event"])
        if caller["kind"] == "unavailable":
            with fault(1, throttled):
                verdict = authorize(event)
        else:
            verdict = authorize(event)
        if effect(verdict) == "Deny":
            response = denied(verdict)
            denials[caller["kind"]] = [response.status, sorted(response.json)]
        else:
            admit(event, verdict)
            name = handlers()[event["resource"], event["httpMethod"]]
            calls[caller["kind"]] = {"handler": name, "event": event}
    with tarfile.open(HERE / newest() / "source.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    given = {
        "environment": {
            **TABLES,
            "UNMETERED_KEY": os.environ["UNMETERED_KEY"],
        },
        "at_ms": left.at_ms,
        "tables": [
            {"definition": _definition(name, table["Properties"]), "items": left.tables[name]}
            for name, table in old_resources().items()
            if table["Type"] == "AWS::DynamoDB::Table"
        ],
        "calls": list(calls.values()),
    }
    ran = subprocess.run(
        [sys.executable, "-P", OLD],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{tmp_path / 'layers' / 'common'}"},
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    assert set(denials) == {"API key as DSN", "unknown", "revoked", "empty"}
    responses = dict(zip(calls, json.loads(ran.stdout), strict=True))
    assert {**denials, **responses} == {each["kind"]: each["answer"] for each in left.callers}


def _definition(name: str, table: Item) -> Item:
    kept = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    return {"TableName": name, **{key: table[key] for key in kept if key in table}}


def handlers() -> dict[tuple[str, str], str]:
    """Return the release's handlers by path and method."""
    return {
        (event["Properties"]["Path"], event["Properties"]["Method"]): found["Properties"]["Handler"]
        for found in old_resources().values()
        if found["Type"] == "AWS::Serverless::Function"
        for event in found["Properties"].get("Events", {}).values()
        if event["Type"] == "Api"
    }


@cache
def old_resources() -> dict[str, Item]:
    """Return the resources of the release's template."""
    found: dict[str, Item] = yaml_parse((HERE / newest() / "template.yaml").read_text())[
        "Resources"
    ]
    return found
