"""`errata backup` and `errata restore`: into another stack of the same account, which is empty."""

import gzip
import json
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from botocore.exceptions import ClientError

from errata.config import settings
from errata.models.ids import now_ms
from errata.models.times import SETTLING_MS
from errata.store import clients, queues, tables
from errata.usecases import backup, issues
from tests.integration.test_webhooks import queued
from tests.support import stream
from tests.support.account import Clock, Project, rows
from tests.support.calls import Call, Killed, fault, killed, recorded, throttled, watched
from tests.support.cli import (
    STACK,
    Deployed,
    aws,
    deploy_another,
    deployed,
    done,
    failed,
    refusing,
    run,
)
from tests.support.clients import ingest, php
from tests.support.fresh import clear_cache
from tests.support.gateway import authorize, call, request
from tests.support.receiver import Receiver, receiver
from tests.support.steps import peak_bytes
from tests.support.template import ROOT
from tests.support.visible import visible_in
from tests.upgrades.release import newest
from tests.upgrades.release import restore as load

__all__ = ["deployed"]

OTHER = "errata-2"
ORIGIN = backup.Origin("1", STACK, "us-east-1", "https://example.com")


@pytest.fixture
def place(tmp_path: Path) -> str:
    """Return a folder for the backup, which does not exist yet."""
    return str(tmp_path / "backups" / "today")


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few rows need several pages and parts."""
    monkeypatch.setattr(tables, "PAGE", 3)
    monkeypatch.setattr(backup, "PART_BYTES", 1_500)
    monkeypatch.setattr(queues, "WAIT_S", 0)


def shop_with_events(number: int = 3) -> Project:
    """Create a project with events of two issues, all counted."""
    made = done("projects", "create", "shop", "--json").json
    shop = Project(made["id"], made["api_key"], made["dsn"].split("//")[1].split("@")[0])
    for n in range(number):
        send(shop, f"boom {n % 2}", release="1.0")
    stream.pump(stream.records())
    return shop


def send(shop: Project, message: str, **fields: Any) -> str:
    accepted = ingest(shop, {"message": message, "fingerprint": message, **fields})
    assert accepted.status == 202, accepted.text
    return str(accepted.json["id"])


def counts(project_id: str) -> dict[str, int]:
    return {each.title: each.count for each in issues.list_issues(visible_in(project_id))}


def days(project_id: str, stack: str = OTHER) -> int:
    """Return the events of all days, from the day counters."""
    listed = done("stats", project_id, "--json", "--stack", stack).json
    return sum(day["accepted"] for day in listed)


def move(place: str) -> None:
    """Back up the stack and restore it into another one."""
    done("backup", place)
    deploy_another(OTHER)
    done("restore", place, "--stack", OTHER, "--json")
    clear_cache()


# ------------------------------------------------------------------ the whole


def test_the_other_stack_answers_what_the_first_one_did(
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
        answers = [
            call("GET", url, None, header, ip="192.0.2.7")
            for (url, _), header in zip(urls, headers, strict=True)
        ]
        return found, [(each.status, each.json) for each in answers]

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
    # The new stream also tells cleanup and digest of what was restored.
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
def test_a_refused_gateway_key_is_named_with_the_command_that_tries_again(
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
    assert f"errata projects set {shop.id} --rate-limit {rate}" in ran.err


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
    assert "grace@example.com was disabled, and gets no account." in ran.err
    assert ran.json["invited"] == 1
    assert settings().user_pool_id != pool
    users = aws("cognito-idp").list_users(UserPoolId=settings().user_pool_id)["Users"]
    (ada,) = users
    assert {"Name": "email", "Value": "ada@example.com"} in ada["Attributes"]
    assert ada["UserStatus"] == "FORCE_CHANGE_PASSWORD"
    listed = done("members", "list", "default", "--json", "--stack", OTHER).json
    assert [each["role"] for each in listed] == ["owner", "admin"]


@pytest.mark.parametrize("quiet", [True, False])
def test_no_mail_creates_accounts_without_a_mail(
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


def test_members_who_get_no_mail_are_named_and_have_an_account(
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
    assert "errata members invite ORG grace@example.com" in ran.err
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


def test_legacy_numbers_go_on_where_they_were(deployed: Deployed, place: str) -> None:
    shop = shop_with_events(0)

    def submit() -> int:
        sent = {"hash": shop.key, "level": "Warning", "message": "careful"}
        return int(call("POST", "/api.php", sent).json["id"])

    assert [submit(), submit()] == [1, 2]
    for part in backup.back_up(place, ORIGIN):
        if part.name == "events-000001.jsonl.gz":
            assert submit() == 3
    deploy_another(OTHER)
    done("restore", place, "--stack", OTHER, "--json")
    clear_cache()
    found = php(action="errors", hash=shop.key, since=0).json["errors"]
    assert max(int(each["id"]) for each in found) < submit()


def test_a_project_that_a_stranger_creates_meanwhile_gets_a_free_number(
    deployed: Deployed, place: str
) -> None:
    shop = shop_with_events(8)
    done("backup", place)
    deploy_another(OTHER)
    with fault(20, throttled):
        assert run("restore", place, "--stack", OTHER).code == 1
    clear_cache()
    strangers = php(action="generate").json["hash"]
    assert ingest(shop).status == 401
    done("restore", place, "--stack", OTHER)
    clear_cache()
    (unclaimed,) = done("projects", "list", "--unclaimed", "--json", "--stack", OTHER).json
    assert unclaimed["id"] == "2"
    assert done("projects", "create", "new", "--json", "--stack", OTHER).json["id"] == "3"
    clear_cache()
    assert ingest(shop).status == 202
    assert ingest(Project("2", strangers)).status == 202


def test_nothing_fleeting_or_secret_is_in_a_backup(deployed: Deployed, place: str) -> None:
    shop = shop_with_events()
    for name in ("session", "bucket", "created"):
        clients.dynamodb().put_item(
            TableName=settings().idempotency_table, Item={"pk": {"S": f"{name}#1"}}
        )
    done("backup", place)
    text = "".join(gzip.decompress(each.read_bytes()).decode() for each in parts_of(place))
    assert f'"project#{shop.id}"' in text
    assert shop.key not in text
    for word in ("session#", "bucket#", "created#", "gateway#"):
        assert f'"{word}' not in text


def parts_of(place: str) -> list[Path]:
    return sorted(Path(place).glob("*.jsonl.gz"))


def test_what_has_expired_is_left_behind(deployed: Deployed, clock: Clock, place: str) -> None:
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


# ------------------------------------------------------------------ places


def test_only_the_operator_can_read_a_folder(deployed: Deployed, place: str) -> None:
    shop_with_events()
    done("backup", place)
    files = list(Path(place).iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(Path(place).stat().st_mode) == 0o700
    assert {file.name.split("-")[0] for file in files} >= {"manifest.json", "events", "issues"}


def test_a_bucket_is_as_good_as_a_folder(deployed: Deployed) -> None:
    s3 = aws("s3")
    s3.create_bucket(Bucket="safe")
    shop = shop_with_events(5)
    move("s3://safe/errata/today")
    assert counts(shop.id) == {"boom 0": 3, "boom 1": 2}
    listed = s3.list_objects_v2(Bucket="safe")["Contents"]
    assert all(each["Key"].startswith("errata/today/") for each in listed)


def test_a_bucket_that_does_not_exist_is_named(deployed: Deployed) -> None:
    assert "NoSuchBucket" in failed("backup", "s3://nowhere/errata")


def test_a_file_in_place_of_the_folder_is_named(deployed: Deployed, tmp_path: Path) -> None:
    (tmp_path / "here").write_text("")
    assert "here" in failed("backup", str(tmp_path / "here"))


def test_it_needs_little_memory_for_large_tables(
    deployed: Deployed, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "PAGE", 100)
    monkeypatch.setattr(backup, "PART_BYTES", 200_000)
    noise, peaks = Random(1), []
    for number in (100, 300, 2_700):  # the first run also imports modules
        stream.put(
            stream.event("1", now_ms() + n, context={"noise": noise.randbytes(2_000).hex()})
            for n in range(number)
        )
        here = f"{place}-{number}"
        with watched(quick_pages(settings().events_table)):
            peaks.append(peak_bytes(partial(done, "backup", here)))
    assert sum(file.stat().st_size for file in parts_of(here)) > 6_000_000
    assert peaks[2] - peaks[1] < 1_000_000


def quick_pages(table: str) -> Callable[[Call], Any]:
    """Serve pages of this table from a list: moto copies the whole table for each page."""
    items = stream.stored_events()

    def response(call: Call) -> Any:
        if call.operation != "Scan" or call.parameters["TableName"] != table:
            return call.send()
        start = call.parameters.get("ExclusiveStartKey")
        first = 1 + [each["sk"] for each in items].index(start["sk"]) if start else 0
        some = items[first : first + call.parameters["Limit"]]
        last = {"pk": some[-1]["pk"], "sk": some[-1]["sk"]}
        more = first + len(some) < len(items)
        return {"Items": [dict(each) for each in some]} | (
            {"LastEvaluatedKey": last} if more else {}
        )

    return response


def test_the_permissions_that_it_needs_are_in_the_document(
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


# ------------------------------------------------------------------ interrupted


def test_an_interrupted_backup_goes_on(deployed: Deployed, tmp_path: Path) -> None:
    shop_with_events(8)
    done("members", "add", "default", "ada@example.com", "--role", "owner")
    whole = str(tmp_path / "whole")
    done("backup", whole)
    expected = content(whole)
    assert len(parts_of(whole)) > len(expected) > 3
    for number in range(1, 500):
        place = str(tmp_path / str(number))
        with fault(number, throttled) as outcome:
            first = run("backup", place)
        if not outcome.struck:
            break
        assert first.code == 1, first
        assert first.err.startswith("error: ")
        done("backup", place)
        assert content(place) == expected, number
    assert 15 < number < 499


def test_a_backup_that_is_killed_while_it_writes_goes_on(
    deployed: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop_with_events(8)
    whole = str(tmp_path / "whole")
    done("backup", whole)
    replace, written = Path.replace, 0

    class Stopped(BaseException):
        pass

    def stopping(source: Path, target: Path) -> Path:
        nonlocal written
        written += 1
        if written == number:
            raise Stopped
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", stopping)
    for number in range(1, 100):
        place, written = str(tmp_path / str(number)), 0
        try:
            done("backup", place)
        except Stopped:
            done("backup", place)
            assert content(place) == content(whole), number
        else:
            break
    assert 10 < number < 99


def content(place: str) -> dict[str, list[str]]:
    """Return the rows of a backup by kind, in their order."""
    manifest = json.loads((Path(place) / "manifest.json").read_text())
    assert manifest["finished_at"]
    found: dict[str, list[str]] = {}
    for part in manifest["parts"]:
        lines = gzip.decompress((Path(place) / part["name"]).read_bytes()).decode().splitlines()
        assert len(lines) == part["rows"]
        found.setdefault(part["kind"], []).extend(lines)
    return found


@pytest.mark.parametrize("kill", [True, False], ids=["killed", "refused"])
def test_an_interrupted_restore_goes_on(
    deployed: Deployed, there: Receiver, place: str, kill: bool
) -> None:
    shop = shop_with_events(8)
    done("webhooks", "add", shop.id, there.url, "--json")
    send(shop, "boom 0")  # is not counted yet
    done("members", "add", "default", "ada@example.com", "--role", "owner")
    done("backup", place)
    for number in range(1, 500):
        stack = f"errata-{number}"
        deploy_another(stack)
        done("orgs", "list", "--stack", stack)
        with fault(number, killed if kill else throttled, after=kill) as outcome, suppress(Killed):
            run("restore", place, "--stack", stack)
        if not outcome.struck:
            break
        if tables.find_restore() or not rows()["PROJECTS_TABLE"]:
            done("restore", place, "--stack", stack)
        clear_cache()
        assert counts(shop.id) == {"boom 0": 5, "boom 1": 4}, number
        assert days(shop.id, stack) == 9
        assert len(stream.stored_events()) == 9
        assert len(aws("cognito-idp").list_users(UserPoolId=settings().user_pool_id)["Users"]) == 1
        assert tables.find_restore() is None
    assert 40 < number < 499
    stream.pump(stream.records())
    assert counts(shop.id) == {"boom 0": 5, "boom 1": 4}
    assert queued() == []


# ------------------------------------------------------------------ refused


def test_a_finished_backup_is_not_overwritten(deployed: Deployed, place: str) -> None:
    done("backup", place)
    assert "has a finished backup. Choose another place." in failed("backup", place)


def test_a_backup_of_another_stack_is_not_continued(deployed: Deployed, place: str) -> None:
    with fault(12, throttled):
        assert run("backup", place).code == 1
    deploy_another(OTHER)
    refused = failed("backup", place, "--stack", OTHER)
    assert f"has an unfinished backup of the stack {STACK}" in refused


def test_there_must_be_a_backup(deployed: Deployed, place: str) -> None:
    assert failed("restore", place) == f"error: There is no backup in {place}.\n"


def test_a_stack_that_is_not_empty_is_refused(deployed: Deployed, place: str) -> None:
    shop_with_events()
    done("backup", place)
    before = rows()
    refused = failed("restore", place)
    assert "The stack has projects, events, issues already." in refused
    assert rows() == before


def damage(place: Path, how: str) -> str:
    """Damage a backup. Return what the command says about it."""
    manifest = place / "manifest.json"
    part = sorted(place.glob("events-*"))[0]
    match how:
        case "a byte":
            content = bytearray(part.read_bytes())
            content[len(content) // 2] ^= 1
            part.write_bytes(content)
        case "a part":
            part.unlink()
        case "unfinished":
            text = json.loads(manifest.read_text())
            manifest.write_text(json.dumps({**text, "finished_at": 0}))
            return "is not finished. Run `errata backup` again."
        case "newer":
            text = json.loads(manifest.read_text())
            manifest.write_text(json.dumps({**text, "format": 2, "more": True}))
            return "was made by a newer version of Errata"
        case "a name":
            text = json.loads(manifest.read_text())
            text["parts"][0]["name"] = "../../secret"
            manifest.write_text(json.dumps(text))
            return "has a damaged manifest"
        case "manifest":
            manifest.write_text(manifest.read_text()[:-5])
            return "has a damaged manifest"
    return f"{part.name} is missing or damaged."


@pytest.mark.parametrize("how", ["a byte", "a part", "unfinished", "newer", "a name", "manifest"])
def test_a_damaged_backup_is_refused_before_anything_is_written(
    deployed: Deployed, place: str, how: str
) -> None:
    shop_with_events()
    done("backup", place)
    said = damage(Path(place), how)
    deploy_another(OTHER)
    assert said in failed("restore", place, "--stack", OTHER)
    assert not any(rows().values())


def test_another_backup_is_refused_while_one_is_being_restored(
    deployed: Deployed, place: str
) -> None:
    shop_with_events()
    done("backup", place)
    done("backup", f"{place}-2")
    deploy_another(OTHER)
    with fault(12, throttled) as outcome:
        assert run("restore", place, "--stack", OTHER).code == 1
    assert outcome.struck
    refused = failed("restore", f"{place}-2", "--stack", OTHER)
    assert "Another backup is being restored into this stack." in refused
    unwell = run("doctor", "--stack", OTHER).out
    assert "A restore into this stack has begun and is not finished." in unwell
    assert "is not finished. Finish it first." in failed("backup", f"{place}-3", "--stack", OTHER)
    done("restore", place, "--stack", OTHER)
    done("backup", f"{place}-3", "--stack", OTHER)


# ------------------------------------------------------------------ what it says


def test_it_says_what_changes_for_clients(deployed: Deployed, place: str) -> None:
    shop_with_events()
    done("backup", place)
    deploy_another(OTHER, RetentionDays="7")
    said = done("restore", place, "--stack", OTHER).out
    assert f"The URL of the API was https://{deployed.api_id}." in said
    assert "each DSN changes" in said
    assert "This stack keeps events for 7 days, the other one for 30." in said


def test_with_a_domain_nothing_changes_for_clients(deployed: Deployed, place: str) -> None:
    for stack in (OTHER, "errata-3"):
        deploy_another(stack, ApiUrl="https://errors.example.com")
    before = done("projects", "create", "shop", "--json", "--stack", OTHER).json
    done("backup", place, "--stack", OTHER)
    said = done("restore", place, "--stack", "errata-3").out
    assert said.endswith("API keys and DSNs stay as they are.\n")
    shown = done("projects", "show", before["id"], "--json", "--stack", "errata-3").json
    assert shown["dsn"] == before["dsn"].replace("\n", "")


def test_recovered_tables_can_be_backed_up(deployed: Deployed, place: str) -> None:
    shop = shop_with_events(3)
    dynamodb = aws("dynamodb")
    # What point-in-time recovery makes: a table of another name, without a stream.
    for name in ("ProjectsTable", "EventsTable", "IssuesTable"):
        dynamodb.create_backup(TableName=name, BackupName=name)
        (summary,) = dynamodb.list_backups(TableName=name)["BackupSummaries"]
        dynamodb.restore_table_from_backup(
            TargetTableName=f"{name}-then", BackupArn=summary["BackupArn"]
        )
    done("projects", "delete", shop.id, "--yes")
    recovered = [
        f"--{name}-table={name.capitalize()}Table-then" for name in ("projects", "events", "issues")
    ]
    done("backup", place, *recovered)
    deploy_another(OTHER)
    done("restore", place, "--stack", OTHER, "--json")
    clear_cache()
    assert counts(shop.id) == {"boom 0": 2, "boom 1": 1}
    assert ingest(shop).status == 202
