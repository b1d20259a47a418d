"""`errata backup`: what is in a backup, where it may be, and how it is continued."""

import gzip
import json
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from errata.config import settings
from errata.models.ids import now_ms
from errata.store import clients, tables
from errata.store.items import query
from errata.usecases import backup, issues
from tests.support import stream
from tests.support.backups import (
    ORIGIN,
    OTHER,
    counts,
    move,
    parts_of,
    place,
    send,
    shop_with_events,
    small,
)
from tests.support.calls import Call, fault, throttled, watched
from tests.support.cli import STACK, Deployed, aws, deploy_another, deployed, done, failed, run
from tests.support.clients import ingest
from tests.support.fresh import clear_cache
from tests.support.steps import peak_bytes
from tests.support.visible import visible_in

__all__ = ["deployed", "place", "small"]


# ------------------------------------------------------------------ what is in it


def test_temporary_rows_expired_rows_and_keys_are_not_in_a_backup(
    deployed: Deployed, place: str
) -> None:
    shop = shop_with_events()
    for name in ("session", "bucket", "created"):
        clients.dynamodb().put_item(
            TableName=settings().idempotency_table, Item={"pk": {"S": f"{name}#1"}}
        )
    expired: Any = {"sk": {"S": "expired"}, "ttl": {"N": "1"}}
    for table in (settings().issues_table, settings().events_table):
        clients.dynamodb().put_item(
            TableName=table, Item={"pk": {"S": f"{shop.id}#state"}, **expired}
        )
    done("backup", place)
    text = text_of(place)
    assert '"expired"' not in text
    assert f'"project#{shop.id}"' in text
    assert shop.key not in text
    for word in ("session#", "bucket#", "created#", "gateway#"):
        assert f'"{word}' not in text
    for key in aws("apigateway").get_api_keys(includeValues=True)["items"]:
        assert key["value"] not in text


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
    with fault(12, throttled):
        assert run("backup", place, *recovered).code == 1
    other_tables = failed("backup", place)
    assert "--events-table EventsTable-then" in other_tables
    done("backup", place, *recovered)
    deploy_another(OTHER)
    done("restore", place, "--stack", OTHER, "--json")
    clear_cache()
    assert counts(shop.id) == {"boom 0": 2, "boom 1": 1}
    assert ingest(shop).status == 202


def text_of(place: str) -> str:
    return "".join(gzip.decompress(each.read_bytes()).decode() for each in parts_of(place))


def test_the_watermark_of_a_deleted_project_is_in_a_backup(deployed: Deployed, place: str) -> None:
    shop = shop_with_events()
    done("projects", "delete", shop.id, "--yes")
    done("backup", place)
    assert f'{{"pk":{{"S":"{shop.id}#state"}}' in text_of(place)


def test_all_accounts_except_those_of_identity_providers_are_in_a_backup(
    deployed: Deployed, place: str
) -> None:
    def users(call: Call) -> Any:
        if call.operation != "ListUsers":
            return call.send()
        more = "PaginationToken" not in call.parameters
        confirmed, external = "CONFIRMED", "EXTERNAL_PROVIDER"
        listed = [("ada", confirmed)] if more else [("okta", external), ("bob", confirmed)]
        found = [
            {
                "UserStatus": status,
                "Enabled": True,
                "Attributes": [{"Name": "email", "Value": f"{name}@example.com"}],
            }
            for name, status in listed
        ]
        return {"Users": found} | ({"PaginationToken": "more"} if more else {})

    with watched(users):
        done("backup", place)
    emails = [json.loads(line)["email"] for line in content(place)["accounts"]]
    assert emails == ["ada@example.com", "bob@example.com"]


@pytest.mark.parametrize("kind", ["projects", "events", "issues"])
def test_a_missing_recovered_table_is_named_in_the_error(
    deployed: Deployed, place: str, kind: str
) -> None:
    refused = failed("backup", place, f"--{kind}-table", "then")
    assert "There is no table then, or it is not ready yet." in refused
    assert not Path(place).exists()


def test_a_backup_needs_little_memory_for_large_tables(
    deployed: Deployed, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "PAGE", 100)
    monkeypatch.setattr(backup, "PART_BYTES", 200_000)
    noise, peaks = Random(1), []
    for number in (100, 200, 1_000):  # the first run also imports modules
        stream.put(
            stream.event("1", now_ms() + n, context={"noise": noise.randbytes(2_000).hex()})
            for n in range(number)
        )
        here = f"{place}-{number}"
        with watched(quick_pages(settings().events_table)):
            peaks.append(peak_bytes(partial(done, "backup", here)))
    assert sum(file.stat().st_size for file in parts_of(here)) > 2_000_000
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


# ------------------------------------------------------------------ places


def test_only_the_operator_can_read_a_folder(deployed: Deployed, place: str) -> None:
    shop_with_events()
    done("backup", place)
    files = list(Path(place).iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(Path(place).stat().st_mode) == 0o700
    assert {file.name.split("-")[0] for file in files} >= {"manifest.json", "events", "issues"}


def test_a_backup_in_a_bucket_can_be_restored(deployed: Deployed) -> None:
    s3 = aws("s3")
    s3.create_bucket(Bucket="safe")
    shop = shop_with_events(5)
    move("s3://safe/errata/today")
    assert counts(shop.id) == {"boom 0": 3, "boom 1": 2}
    listed = s3.list_objects_v2(Bucket="safe")["Contents"]
    assert all(each["Key"].startswith("errata/today/") for each in listed)


def test_a_bucket_that_does_not_exist_is_an_error(deployed: Deployed) -> None:
    assert "NoSuchBucket" in failed("backup", "s3://nowhere/errata")


@pytest.mark.parametrize("there", ["S3://safe/x", "s3:/safe/x", "s3://", "gs://safe/x", "", " "])
def test_a_place_that_is_neither_a_folder_nor_a_bucket_is_refused(
    deployed: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in ("backup", "restore"):
        refused = failed(command, there)
        assert "is neither a folder nor s3://bucket/prefix." in refused
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_the_folder_is_named_in_the_error(
    deployed: Deployed, tmp_path: Path
) -> None:
    (tmp_path / "here").write_text("")
    assert "here" in failed("backup", str(tmp_path / "here"))


def test_a_finished_backup_is_not_overwritten(deployed: Deployed, place: str) -> None:
    done("backup", place)
    assert "has a finished backup. Choose another place." in failed("backup", place)


# ------------------------------------------------------------------ interrupted


def test_an_interrupted_backup_is_continued(deployed: Deployed, tmp_path: Path) -> None:
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


def test_a_backup_that_is_killed_while_it_writes_is_continued(
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


def test_no_issue_number_is_given_twice_if_issues_are_opened_during_the_backup(
    deployed: Deployed, place: str
) -> None:
    shop = shop_with_events(3)
    table, met = settings().issues_table, list[Call]()

    def counter_first(call: Call) -> Any:
        """Open an issue between the scan of the counter and that of the issues."""
        if call.operation != "Scan" or call.parameters["TableName"] != table or len(met) == 2:
            return call.send()
        met.append(call)
        first = len(met) == 1
        if not first:
            send(shop, "boom 3")
            stream.pump(stream.records())
        pks = (shop.id, f"{shop.id}#0")
        found = [
            row
            for pk in pks
            for row in query(
                TableName=table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": pk}},
            )
        ]
        items = [row for row in found if (row["sk"]["S"] == "numbers") == first]
        assert items
        after = {"pk": items[0]["pk"], "sk": items[0]["sk"]}
        return {"Items": items, **({"LastEvaluatedKey": after} if first else {})}

    with watched(counter_first):
        done("backup", place)
    deploy_another(OTHER)
    done("restore", place, "--stack", OTHER)
    clear_cache()
    send(shop, "boom 4")
    stream.pump(stream.records())
    found = [each.number for each in issues.list_issues(visible_in(shop.id))]
    assert len(set(found)) == len(found) == 4


def test_two_runs_at_once_leave_a_backup_that_can_be_restored(
    deployed: Deployed, place: str
) -> None:
    shop = shop_with_events(4)
    one, other = backup.back_up(place, ORIGIN), backup.back_up(place, ORIGIN)
    for run_of, kind in ((one, "issues"), (other, "events"), (one, "projects")):
        assert any(part.kind == kind for part in run_of)
    # The other one reads another row, and writes a part of the same number.
    done("projects", "set", shop.id, "--retention-days", "31")
    assert "projects" in [part.kind for part in other]
    assert list(one) == []
    deploy_another(OTHER)
    done("restore", place, "--stack", OTHER, "--json")
    clear_cache()
    assert counts(shop.id) == {"boom 0": 2, "boom 1": 2}


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


def test_a_backup_of_another_stack_is_not_continued(deployed: Deployed, place: str) -> None:
    with fault(12, throttled):
        assert run("backup", place).code == 1
    deploy_another(OTHER)
    refused = failed("backup", place, "--stack", OTHER)
    assert f"has an unfinished backup of the stack {STACK}" in refused
