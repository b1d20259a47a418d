"""`errata restore`: into another stack of the same account, which is empty."""

import json
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from errata.config import settings
from errata.models.times import SETTLING_MS
from errata.store import clients, webhook_secrets
from errata.usecases import backup, views
from errata.usecases.issues import list_issues
from tests.support import stream
from tests.support.account import Clock, Project
from tests.support.backups import (
    ORIGIN,
    OTHER,
    counts,
    days,
    move,
    place,
    send,
    shop_with_events,
    small,
    there,
)
from tests.support.calls import Call, recorded, watched
from tests.support.cli import (
    STACK,
    Deployed,
    aws,
    deploy_another,
    deployed,
    done,
    refusing,
    run,
)
from tests.support.clients import ingest, php
from tests.support.fresh import clear_cache
from tests.support.gateway import authorize, call, request
from tests.support.receiver import Receiver
from tests.support.template import ROOT
from tests.support.visible import visible_in
from tests.support.webhooks import queued
from tests.upgrades.release import newest
from tests.upgrades.release import restore as load

__all__ = ["deployed", "place", "small", "there"]


# ------------------------------------------------------------------ a whole deployment


def test_the_restored_stack_gives_the_same_responses_as_the_first_one(
    deployed: Deployed, there: Receiver, clock: Clock, place: str
) -> None:
    left = load(newest(), there, deployed)
    clock.ns = left.at_ms * 10**6
    # Nothing is left to count.
    stream.pump(left.stream["in_flight"])
    done("redrive", "digest")
    commands = [each["arguments"] for each in left.answers["commands"]]
    urls = [(each["url"], each["key"]) for each in left.answers["requests"]]

    def look(stack: str) -> tuple[list[Any], list[Any]]:
        found = [done(*each, "--json", "--stack", stack).json for each in commands]
        clear_cache()
        headers = [{"X-Api-Key": key} if key else {} for _, key in urls]
        responses = [
            call("GET", url, None, header, ip="192.0.2.7")
            for (url, _), header in zip(urls, headers, strict=True)
        ]
        return found, [(each.status, each.json) for each in responses]

    look(STACK)  # gives the projects of 0.1.0 their slugs
    before = look(STACK)
    move(place)
    described = aws("cloudformation").describe_stacks(StackName=OTHER)["Stacks"][0]
    (api_id,) = (e["OutputValue"] for e in described["Outputs"] if e["OutputKey"] == "ApiId")

    def assert_same() -> None:
        after = json.loads(json.dumps(look(OTHER)).replace(api_id, deployed.api_id))
        for seen, was in zip(after, json.loads(json.dumps(before)), strict=True):
            for one, other in zip(seen, was, strict=True):
                assert one == other

    assert_same()
    # The new stream passes the restored rows to cleanup and digest.
    stream.cleaned(left.projects["cleared"]["id"])
    stream.pump(stream.records())
    assert_same()


def test_restored_events_are_not_counted_again_and_new_ones_are(
    deployed: Deployed, there: Receiver, place: str
) -> None:
    shop = shop_with_events(5)
    done("webhooks", "add", shop.id, there.url, "--json")
    assert counts(shop.id) == {"boom 0": 3, "boom 1": 2}
    move(place)
    assert counts(shop.id) == {"boom 0": 3, "boom 1": 2}
    # The new table's stream begins with the restored events. Its numbers are lower, and it may be
    # older, if the stack was deployed before the other one's table was replaced.
    label = "2025-01-01T00:00:00.000"
    restored = [stream.record(item, 1 + n, label) for n, item in enumerate(stream.stored_events())]
    assert len(restored) == 5
    stream.pump(restored)
    assert counts(shop.id) == {"boom 0": 3, "boom 1": 2}
    assert queued() == []
    event_id = send(shop, "boom 1")
    fresh = [each for each in stream.stored_events() if each["sk"]["S"] == event_id]
    stream.pump([stream.record(each, 6 + n, label) for n, each in enumerate(fresh)])
    assert counts(shop.id) == {"boom 0": 3, "boom 1": 3}
    assert days(shop.id) == 6
    assert queued() == []


def test_tallies_are_restored_and_counted_once(
    deployed: Deployed, clock: Clock, place: str
) -> None:
    """Three events of a loop are kept in full. Of four tallies, digest has not counted one."""
    shop = shop_with_events(3)
    loop: dict[str, Any] = {"message": "boom 0", "fingerprint": "boom 0"}
    clock.advance(1)
    counted = [stream.tally(shop.id, clock.ms + n, **loop) for n in range(3)]
    stream.put(counted)
    stream.pump(stream.records())
    stream.put([stream.tally(shop.id, clock.ms + 3, **loop)])
    clock.advance(1)
    assert counts(shop.id) == {"boom 0": 5, "boom 1": 1}
    done("backup", place)
    deploy_another(OTHER)
    ran = done("restore", place, "--stack", OTHER, "--json").json
    assert (ran["counted"], ran["problems"]) == (1, [])
    clear_cache()
    assert counts(shop.id) == {"boom 0": 6, "boom 1": 1}
    stream.pump(stream.records())
    assert counts(shop.id) == {"boom 0": 6, "boom 1": 1}
    (issue,) = [each for each in list_issues(visible_in(shop.id)) if each.title == "boom 0"]
    assert (issue.count, issue.kept) == (6, 2)
    assert days(shop.id) == 7


def test_events_that_were_not_counted_yet_are_counted_without_a_message(
    deployed: Deployed, there: Receiver, place: str
) -> None:
    shop = shop_with_events(3)
    done("webhooks", "add", shop.id, there.url, "--json")
    # Digest is behind: one more of an issue that exists, and a new issue.
    send(shop, "boom 0", release="1.0")
    send(shop, "new", release="2.0")
    done("backup", place)
    deploy_another(OTHER)
    ran = done("restore", place, "--stack", OTHER, "--json").json
    assert (ran["counted"], ran["problems"]) == (2, [])
    clear_cache()
    assert counts(shop.id) == {"boom 0": 3, "boom 1": 1, "new": 1}
    stream.pump(stream.records())
    assert counts(shop.id) == {"boom 0": 3, "boom 1": 1, "new": 1}
    assert days(shop.id) == 5
    assert queued() == []


def test_an_event_that_arrives_during_the_backup_counts_once(
    deployed: Deployed, place: str
) -> None:
    shop = shop_with_events(3)
    parts = backup.back_up(place, ORIGIN)
    assert next(parts).kind == "issues"
    # Stored and counted after the issues were read.
    send(shop, "boom 1", release="1.0")
    stream.pump(stream.records())
    assert list(parts)
    deploy_another(OTHER)
    done("restore", place, "--stack", OTHER, "--json")
    clear_cache()
    assert counts(shop.id) == {"boom 0": 2, "boom 1": 2}


def test_keys_get_gateway_keys_of_the_new_api(deployed: Deployed, clock: Clock, place: str) -> None:
    shop = shop_with_events()
    done("projects", "set", shop.id, "--rate-limit", "600")
    clock.advance(SETTLING_MS / 1000 + 1)
    clear_cache()
    former = counted_by(shop)
    move(place)
    # The functions count until API Gateway knows the new gateway keys.
    assert counted_by(shop) == "unmetered-gateway-key" != former
    clock.advance(SETTLING_MS / 1000 + 1)
    clear_cache()
    assert counted_by(shop) not in (former, "unmetered-gateway-key")
    gateway = aws("apigateway")
    named = [each["name"] for each in gateway.get_api_keys()["items"]]
    assert sum(name.startswith(f"{OTHER}-project-{shop.id}-") for name in named) == 2
    assert f"{OTHER}-600" in [plan["name"] for plan in gateway.get_usage_plans()["items"]]
    assert ingest(shop).status == 202
    found = done("keys", "repair", "--stack", OTHER, "--json").json
    assert found == []


@pytest.mark.parametrize("rate", ["600", "default"])
def test_a_refused_gateway_key_is_reported_with_the_command_for_a_retry(
    deployed: Deployed, clock: Clock, place: str, rate: str
) -> None:
    shop = shop_with_events()
    done("projects", "set", shop.id, "--rate-limit", rate)
    clock.advance(SETTLING_MS / 1000 + 1)
    done("backup", place)
    deploy_another(OTHER)
    with refusing("CreateApiKey", "LimitExceededException"):
        ran = run("restore", place, "--stack", OTHER, "--json")
    assert ran.code == 0
    assert f"errata projects set {shop.id} --rate-limit {rate} --stack {OTHER}" in ran.err
    # The functions count: no key names a gateway key of the old stack, as if it was lost.
    assert done("keys", "repair", "--stack", OTHER, "--json").json == []


def counted_by(shop: Project) -> str:
    """Return the gateway key that counts a project's requests."""
    found = authorize(request("POST", "/api/ingest", b"{}", {"X-Api-Key": shop.key}))
    return str(found["usageIdentifierKey"])


def test_members_are_invited_and_keep_their_roles(deployed: Deployed, place: str) -> None:
    done("members", "add", "default", "ada@example.com", "--role", "owner")
    done("members", "add", "default", "grace@example.com", "--role", "admin")
    pool = settings().user_pool_id
    aws("cognito-idp").admin_disable_user(UserPoolId=pool, Username="grace@example.com")
    done("backup", place)
    deploy_another(OTHER)
    ran = run("restore", place, "--stack", OTHER, "--json")
    assert ran.code == 0
    assert "grace@example.com was disabled, so it gets no account." in ran.err
    assert ran.json["invited"] == 1
    assert settings().user_pool_id != pool
    users = aws("cognito-idp").list_users(UserPoolId=settings().user_pool_id)["Users"]
    (ada,) = users
    assert {"Name": "email", "Value": "ada@example.com"} in ada["Attributes"]
    assert ada["UserStatus"] == "FORCE_CHANGE_PASSWORD"
    listed = done("members", "list", "default", "--json", "--stack", OTHER).json
    assert [each["role"] for each in listed] == ["owner", "admin"]


@pytest.mark.parametrize("quiet", [True, False])
def test_the_option_no_mail_creates_accounts_without_sending_a_mail(
    deployed: Deployed, place: str, quiet: bool
) -> None:
    done("members", "add", "default", "ada@example.com", "--role", "owner")
    done("backup", place)
    deploy_another(OTHER)
    with recorded() as seen:
        done("restore", place, "--stack", OTHER, *(["--no-mail"] if quiet else []))
    (made,) = (each.parameters for each in seen if each.operation == "AdminCreateUser")
    assert (made.get("MessageAction") == "SUPPRESS") is quiet
    assert ("DesiredDeliveryMediums" in made) is not quiet


def test_members_whose_mail_failed_are_reported_and_have_an_account(
    deployed: Deployed, place: str
) -> None:
    for name in ("ada", "grace"):
        done("members", "add", "default", f"{name}@example.com", "--role", "owner")
    done("backup", place)
    deploy_another(OTHER)

    def no_more_mail(call: Call) -> Any:
        if call.operation == "AdminCreateUser" and "MessageAction" not in call.parameters:
            error: Any = {"Code": "LimitExceededException", "Message": "Exceeded the daily limit."}
            raise ClientError({"Error": error}, call.operation)
        return call.send()

    with watched(no_more_mail):
        ran = run("restore", place, "--stack", OTHER, "--json")
    assert (ran.code, ran.json["invited"]) == (0, 2)
    assert f"errata members invite ORG grace@example.com --stack {OTHER}" in ran.err
    users = aws("cognito-idp").list_users(UserPoolId=settings().user_pool_id)["Users"]
    assert len(users) == 2
    with recorded() as seen:
        done("members", "invite", "default", "grace@example.com", "--stack", OTHER)
    assert "RESEND" in [call.parameters.get("MessageAction") for call in seen]


def test_a_webhook_keeps_its_secret(deployed: Deployed, there: Receiver, place: str) -> None:
    shop = shop_with_events()
    made = done("webhooks", "add", shop.id, there.url, "--json").json
    move(place)
    name = f"/errata/{OTHER}/webhooks/{shop.id}/{made['id']}"
    stored = clients.ssm().get_parameter(Name=name, WithDecryption=True)["Parameter"]
    assert json.loads(stored["Value"])["current"] == made["secret"]
    assert stored["Type"] == "SecureString"


def test_settings_comments_assignments_and_views_are_restored(
    deployed: Deployed, clock: Clock, place: str
) -> None:
    shop = shop_with_events(3)
    clock.advance(1)
    send(shop, "quiet", release="2.0")
    stream.pump(stream.records()[-1:])
    clock.advance(1)
    done("teams", "create", "default", "web")
    done("members", "add", "default", "ada@example.com", "--role", "owner")
    done("releases", "set", shop.id, "1.0", "--released", "2026-01-02T03:04:05Z")
    done("issues", "resolve", shop.id, "SHOP-1", "--in-release", "9.0")
    done("issues", "ignore", shop.id, "SHOP-3", "--until-events", "2")
    done("issues", "assign", shop.id, "SHOP-1", "--to", "ada@example.com")
    done("issues", "assign", shop.id, "SHOP-2", "--to", "#web")
    done("issues", "comment", shop.id, "SHOP-1", "--text", "Rolled back. @ada, look.")
    done("views", "save", shop.id, "Checkout", "--query", "is:open boom", "--sort", "users")
    views.save(views.of_member("ada@example.com"), "To do", "assigned:me", "count")
    chat = "https://hooks.slack.com/services/T0/B0/secret"
    every = ("--events", "5/10", "--quiet", "22:00-07:00 Europe/Vienna")
    rule = ("alerts", "add", shop.id, "--on", "new", "--on", "events", *every)
    made = done(*rule, "--to", f"slack={chat}", "--to", "email=ops@example.com", "--json").json
    done("alerts", "mute", shop.id, made["id"], "--for", "2h")

    def look(stack: str) -> list[Any]:
        found = [
            done(*each, "--stack", stack, "--json").json
            for each in (
                *(("issues", "show", shop.id, f"SHOP-{n}") for n in (1, 2, 3)),
                *(("issues", "activity", shop.id, f"SHOP-{n}") for n in (1, 2, 3)),
                ("issues", "list", shop.id, "--query", "resolved-in:9.0 assigned:ada@example.com"),
                ("issues", "list", shop.id, "--query", "assigned:#web first-release:1.0"),
                ("issues", "list", "--org", "default", "--query", "boom", "--sort", "users"),
                ("releases", "list", shop.id),
                ("views", "list", shop.id),
                ("alerts", "list", shop.id),
                ("orgs", "audit", "default"),
            )
        ]
        clear_cache()
        own = views.find(views.of_member("ada@example.com"))
        targets = [
            json.loads(each)["current"] for each in webhook_secrets.find_stored_secrets().values()
        ]
        return [*found, own, targets]

    before = look(STACK)
    assert [len(each) for each in before[6:9]] == [1, 1, 2]
    assert chat in str(before[-1])
    move(place)
    assert look(OTHER) == before
    # The settings still apply to new events: one of an older release, and two of an ignored issue.
    sent = ("boom 0", "boom 1", "quiet", "quiet")
    new = {send(shop, message, release="1.0") for message in sent}
    fresh = [each for each in stream.stored_events() if each["sk"]["S"] in new]
    stream.pump([stream.record(each, 9_000 + n) for n, each in enumerate(fresh)])
    listed = done("issues", "list", shop.id, "--query", "", "--stack", OTHER, "--json").json
    statuses = {each["short_id"]: each["status"] for each in listed}
    assert statuses == {"SHOP-1": "resolved", "SHOP-2": "open", "SHOP-3": "open"}


def test_slugs_stay_with_their_projects(deployed: Deployed, place: str) -> None:
    shop = shop_with_events()
    done("projects", "set", shop.id, "--slug", "store")
    move(place)
    there = ("--stack", OTHER, "--json")
    assert done("projects", "list", *there).json[0]["slug"] == "store"
    found = {done("issues", "show", shop.id, name, *there).json["id"] for name in ("SHOP-2", "2")}
    assert len(found) == 1
    done("projects", "create", "shop", *there)
    done("projects", "create", "store", *there)
    listed = done("projects", "list", *there).json
    assert [each["slug"] for each in listed] == ["store", "shop-2", "store-2"]


def test_legacy_numbers_continue_after_a_restore(deployed: Deployed, place: str) -> None:
    shop = shop_with_events(0)

    def submit() -> int:
        sent = {"hash": shop.key, "level": "Warning", "message": "careful"}
        return int(call("POST", "/api.php", sent).json["id"])

    assert [submit(), submit()] == [1, 2]
    for part in backup.back_up(place, ORIGIN):
        if part.name.startswith("events-000001-"):
            assert submit() == 3
    deploy_another(OTHER)
    done("restore", place, "--stack", OTHER, "--json")
    clear_cache()
    found = php(action="errors", hash=shop.key, since=0).json["errors"]
    assert max(int(each["id"]) for each in found) < submit()


def test_expired_rows_are_not_restored(deployed: Deployed, clock: Clock, place: str) -> None:
    shop = shop_with_events(3)
    clock.advance(20 * 86_400)
    send(shop, "later")
    stream.pump(stream.records()[-1:])
    done("backup", place)
    clock.advance(15 * 86_400)
    deploy_another(OTHER)
    ran = done("restore", place, "--stack", OTHER, "--json").json
    assert ran["expired"] > 3
    clear_cache()
    assert counts(shop.id) == {"later": 1}
    assert len(stream.stored_events()) == 1


# ------------------------------------------------------------------ permissions


def test_the_permissions_of_backup_and_restore_are_documented(
    deployed: Deployed, there: Receiver
) -> None:
    aws("s3").create_bucket(Bucket="safe")
    shop = shop_with_events(3)
    done("webhooks", "add", shop.id, there.url, "--json")
    done("members", "add", "default", "ada@example.com", "--role", "owner")
    send(shop, "not counted yet")
    with recorded() as backing_up:
        done("backup", "s3://safe/today")
    deploy_another(OTHER)
    with recorded() as restoring:
        done("restore", "s3://safe/today", "--stack", OTHER)
    text = (ROOT / "docs" / "backup.md").read_text()
    paragraphs = [each for each in text.split("\n\n") if each.startswith("Your credentials need")]
    # Of a transaction, IAM checks the actions. The rest of API Gateway's is in operations.md.
    parts = {"TransactWriteItems": "PutItem"}
    for seen, paragraph in zip((backing_up, restoring), paragraphs, strict=True):
        named = {name.partition(":")[2] or name for name in re.findall(r"`([\w:-]+)`", paragraph)}
        made = {
            parts.get(call.operation, call.operation)
            for call in seen
            if call.client.meta.service_model.service_name not in ("apigateway", "sts")
        }
        assert made - named == set()
        # Without ListBucket, S3 says "access denied" of a file that does not exist. DynamoDB's
        # actions on single rows depend on what there is to count.
        assert named - made <= {"ListBucket", "BatchGetItem", "UpdateItem", "DeleteItem"}


# ------------------------------------------------------------------ output


def test_restore_prints_what_changes_for_clients(deployed: Deployed, place: str) -> None:
    shop_with_events()
    done("backup", place)
    deploy_another(OTHER, RetentionDays="7")
    printed = done("restore", place, "--stack", OTHER).out
    assert f"The URL of the API was https://{deployed.api_id}." in printed
    assert "each DSN changes" in printed
    assert f"`errata projects show ID --stack {OTHER}` prints the DSN." in printed
    assert "This stack keeps events for 7 days, the other one for 30." in printed


def test_nothing_changes_for_clients_of_stacks_with_the_same_domain(
    deployed: Deployed, place: str
) -> None:
    for stack in (OTHER, "errata-3"):
        deploy_another(stack, ApiUrl="https://errors.example.com")
    before = done("projects", "create", "shop", "--json", "--stack", OTHER).json
    done("backup", place, "--stack", OTHER)
    printed = done("restore", place, "--stack", "errata-3").out
    assert printed.endswith("API keys and DSNs stay as they are.\n")
    shown = done("projects", "show", before["id"], "--json", "--stack", "errata-3").json
    assert shown["dsn"] == before["dsn"].replace("\n", "")
