"""`errata restore` when it is interrupted, and when it refuses a backup or a stack."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from errata.config import settings
from errata.errors import InvalidInputError
from errata.models.gateway_key import Gateway
from errata.store import tables
from errata.usecases.backup import find
from errata.usecases.restore import Restored, begin, restore
from tests.support import stream
from tests.support.account import Project, rows
from tests.support.backups import (
    OTHER,
    counts,
    days,
    place,
    send,
    shop_with_events,
    small,
    there,
)
from tests.support.calls import Call, Killed, cut_off, fault, throttled, watched
from tests.support.cli import (
    Deployed,
    aws,
    deploy_another,
    deployed,
    done,
    failed,
    run,
)
from tests.support.clients import ingest, php
from tests.support.fresh import clear_cache
from tests.support.receiver import Receiver
from tests.support.snapshot import DATA, STACKS, Snapshot
from tests.support.webhooks import queued

__all__ = ["deployed", "place", "small", "there"]

# ------------------------------------------------------------------ interrupted


@pytest.mark.parametrize("kill", [True, False], ids=["killed", "refused"])
def test_an_interrupted_restore_is_continued(
    deployed: Deployed, there: Receiver, place: str, kill: bool
) -> None:
    shop = shop_with_events(8)
    webhook = done("webhooks", "add", shop.id, there.url, "--json").json["id"]
    secret = f"/errata/{OTHER}/webhooks/{shop.id}/{webhook}"
    send(shop, "boom 0")  # is not counted yet
    done("members", "add", "default", "ada@example.com", "--role", "owner")
    done("backup", place)
    deploy_another(OTHER)
    done("orgs", "list", "--stack", OTHER)
    empty = Snapshot((*DATA, *STACKS))
    # A refusal leaves what a kill after the write before it leaves. The command's end differs.
    for number in range(1, 500, 1 if kill else 4):
        empty.restore()
        clear_cache()
        aws("ssm").delete_parameters(Names=[secret, "/of-no-test"])
        with cut_off(number) if kill else fault(number, throttled) as outcome, suppress(Killed):
            run("restore", place, "--stack", OTHER)
        if not outcome.struck:
            break
        if tables.find_restore() or not rows()["PROJECTS_TABLE"]:
            done("restore", place, "--stack", OTHER)
        clear_cache()
        assert counts(shop.id) == {"boom 0": 5, "boom 1": 4}, number
        assert days(shop.id, OTHER) == 9
        assert len(stream.stored_events()) == 9
        assert len(aws("cognito-idp").list_users(UserPoolId=settings().user_pool_id)["Users"]) == 1
        assert tables.find_restore() is None
        assert aws("ssm").get_parameter(Name=secret)
    assert (30 if kill else 40) < number < 499
    stream.pump(stream.records())
    assert counts(shop.id) == {"boom 0": 5, "boom 1": 4}
    assert queued() == []


def test_a_member_who_got_no_mail_is_reported_even_if_the_restore_fails_later(
    deployed: Deployed, place: str
) -> None:
    for name in ("ada", "grace"):
        done("members", "add", "default", f"{name}@example.com", "--role", "owner")
    done("backup", place)
    deploy_another(OTHER)

    def refused(call: Call) -> Any:
        if call.operation == "AdminCreateUser" and "MessageAction" not in call.parameters:
            adas = call.parameters["Username"] == "ada@example.com"
            code = "LimitExceededException" if adas else "NotAuthorizedException"
            raise ClientError({"Error": {"Code": code, "Message": "no."}}, call.operation)
        return call.send()

    with watched(refused):
        ran = run("restore", place, "--stack", OTHER)
    assert ran.code == 1
    assert "ada@example.com got no mail" in ran.err
    # The next run finds her account, and does not name her again.
    assert "ada" not in done("restore", place, "--stack", OTHER).out


def test_a_restore_is_refused_if_an_anonymous_caller_has_created_a_project_before(
    deployed: Deployed, place: str
) -> None:
    shop = shop_with_events()
    done("backup", place)
    deploy_another(OTHER)

    def killed_at_the_first_row(call: Call) -> Any:
        if call.operation == "BatchWriteItem":
            raise Killed
        return call.send()

    with watched(killed_at_the_first_row), suppress(Killed):
        run("restore", place, "--stack", OTHER)
    clear_cache()
    # The counter is not restored yet, so this is project 1, too.
    key = php(action="generate").json["hash"]
    refused = failed("restore", place, "--stack", OTHER)
    assert "The stack has projects already." in refused
    assert "LegacyAutoCreate=off" in refused
    clear_cache()
    assert (ingest(Project("1", key)).status, ingest(shop).status) == (202, 401)


def test_a_project_that_an_anonymous_caller_creates_during_a_restore_gets_a_free_id(
    deployed: Deployed, place: str
) -> None:
    shop = shop_with_events(8)
    done("backup", place)
    deploy_another(OTHER)
    with fault(20, throttled):
        assert run("restore", place, "--stack", OTHER).code == 1
    clear_cache()
    key = php(action="generate").json["hash"]
    assert ingest(shop).status == 401
    done("restore", place, "--stack", OTHER)
    clear_cache()
    (unclaimed,) = done("projects", "list", "--unclaimed", "--json", "--stack", OTHER).json
    assert unclaimed["id"] == "2"
    assert done("projects", "create", "new", "--json", "--stack", OTHER).json["id"] == "3"
    clear_cache()
    assert ingest(shop).status == 202
    assert ingest(Project("2", key)).status == 202


def test_the_slower_of_two_restores_at_once_ends_with_an_error(
    deployed: Deployed, place: str
) -> None:
    shop = shop_with_events()
    done("backup", place)
    other = deploy_another(OTHER)
    done("orgs", "list", "--stack", OTHER)
    manifest, gateway = find(place), Gateway(OTHER, other.api_id, "v1", may_list=True)
    begun = begin(manifest)
    slower = restore(place, manifest, gateway, Restored(), done=begun, mailed=False)
    next(slower)
    done("restore", place, "--stack", OTHER)
    done("projects", "set", shop.id, "--retention-days", "7", "--stack", OTHER)
    with pytest.raises(InvalidInputError, match="Another run"):
        list(slower)
    # It has restored no project over what was changed since.
    assert done("projects", "show", shop.id, "--json", "--stack", OTHER).json["retention_days"] == 7
    assert tables.find_restore() is None
    assert counts(shop.id) == {"boom 0": 2, "boom 1": 1}


# ------------------------------------------------------------------ refused


def test_a_restore_without_a_backup_is_refused(deployed: Deployed, place: str) -> None:
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
    expected = damage(Path(place), how)
    deploy_another(OTHER)
    assert expected in failed("restore", place, "--stack", OTHER)
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
