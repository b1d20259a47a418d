"""Batches, queries, retries, token buckets, and what DynamoDB requires of requests and rows."""

import re
from importlib import resources
from itertools import count, pairwise
from typing import Any

import pytest

from errata.config import settings
from errata.errors import UnavailableError
from errata.models.ids import now_ms
from errata.models.organization import DEFAULT_ORGANIZATION
from errata.store import clients, items, rate_buckets
from errata.store import unclaimed as store
from errata.store.items import TypedItem, Values
from errata.store.retry import attempts
from errata.usecases import unclaimed
from tests.support import account, stream
from tests.support.account import Clock, Project, new_project
from tests.support.calls import Call, recorded, watched
from tests.support.clients import BOOM, capture, errors, events, ingest, php
from tests.support.unclaimed import generated

_names = count()


def keys(number: int) -> list[dict[str, Any]]:
    """Store rows in IdempotencyTable. Return their keys."""
    made = [{"pk": {"S": f"row {next(_names)}"}} for _ in range(number)]
    for key in made:
        clients.dynamodb().put_item(TableName=settings().idempotency_table, Item=key)
    return made


@pytest.mark.parametrize("number", [0, 1, 25, 26, 101])
def test_any_number_of_rows_is_read_and_deleted(number: int) -> None:
    table, mine = settings().idempotency_table, keys(number)
    (other,) = keys(1)
    absent: TypedItem = {"pk": {"S": "absent"}}
    found = items.batch_get(table, [*mine, absent])
    assert sorted(map(str, found)) == sorted(map(str, mine))
    items.batch_delete(table, [*mine, absent])
    assert items.batch_get(table, [*mine, other]) == [other]


def test_a_query_reads_all_pages() -> None:
    ids = stream.put(stream.event("7", 1_795_341_600_000 + n) for n in range(12))
    found = items.query(
        TableName=settings().events_table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "7"}},
        Limit=5,
    )
    assert [item["sk"]["S"] for item in found] == ids


def leave_half(call: Call) -> Any:
    """Leave the second half of every batch unprocessed."""
    ((table, asked),) = call.parameters["RequestItems"].items()
    rows = asked["Keys"] if call.operation == "BatchGetItem" else asked
    now, later = rows[: (len(rows) + 1) // 2], rows[(len(rows) + 1) // 2 :]
    if call.operation == "BatchGetItem":
        asked["Keys"] = now
    else:
        call.parameters["RequestItems"][table] = now
    response = call.send()
    if later and call.operation == "BatchGetItem":
        response["UnprocessedKeys"] = {table: {"Keys": later, "ConsistentRead": True}}
    elif later:
        response["UnprocessedItems"] = {table: later}
    return response


def test_unprocessed_keys_and_items_are_requested_again(clock: Clock) -> None:
    table, mine = settings().idempotency_table, keys(20)
    with watched(leave_half):
        found = items.batch_get(table, mine)
        assert sorted(map(str, found)) == sorted(map(str, mine))
        items.batch_delete(table, mine)
    assert items.batch_get(table, mine) == []


def leave_all(call: Call) -> Any:
    """Leave every batch unprocessed each time."""
    wanted = call.parameters["RequestItems"]
    return {"Responses": {}, "UnprocessedKeys": wanted, "UnprocessedItems": wanted}


def test_keys_and_items_that_stay_unprocessed_make_the_store_unavailable(clock: Clock) -> None:
    table, mine = settings().idempotency_table, keys(3)
    with watched(leave_all), pytest.raises(UnavailableError):
        items.batch_get(table, mine)
    with watched(leave_all), pytest.raises(UnavailableError):
        items.batch_delete(table, mine)
    assert len(items.batch_get(table, mine)) == 3


def test_waits_between_attempts_grow_to_one_second_at_most(clock: Clock) -> None:
    began, times = clock.ns, []
    for _ in attempts(13):
        times.append((clock.ns - began) / 10**9)
    assert times[0] == 0, "the first attempt waits for nothing"
    waits = [after - before for before, after in pairwise(times)]
    assert len(waits) == 12
    assert all(wait <= min(1, 0.02 * 2**attempt) for attempt, wait in enumerate(waits))
    assert len(set(waits)) > 6


def test_values_are_read_as_they_were_written() -> None:
    plain: Values = {
        "s": "é\x00",
        "n": -(10**20),
        "b": b"\x00\xff",
        "m": {"a b.c": 1, "x": {"y": ""}},
    }
    item = {"pk": {"S": "values"}, **items.write_all({**plain, "none": None})}
    table = settings().idempotency_table
    clients.dynamodb().put_item(TableName=table, Item=item)
    (found,) = items.batch_get(table, [{"pk": {"S": "values"}}])
    assert dict(items.read_all(found).items()) == {"pk": "values", **plain}
    with pytest.raises(TypeError):
        items.write_value([])  # type: ignore[arg-type]  # what mypy refuses is refused at run time, too


# ------------------------------------------------------------------ token buckets


def test_a_full_bucket_gives_a_token_and_sets_its_arrival_time() -> None:
    name = f"a {next(_names)}"
    assert rate_buckets.take_tokens(name, idle=True, now=100, step=10, tolerance=20) == (True, 110)
    # It is busy now: a caller that takes it for idle learns its arrival time.
    assert rate_buckets.take_tokens(name, idle=True, now=105, step=10, tolerance=20) == (False, 110)
    assert rate_buckets.take_tokens(name, idle=False, now=105, step=10, tolerance=20) == (True, 120)
    assert rate_buckets.take_tokens(name, idle=False, now=105, step=10, tolerance=20) == (True, 130)
    assert rate_buckets.take_tokens(name, idle=False, now=105, step=10, tolerance=20) == (
        False,
        130,
    )
    assert rate_buckets.take_tokens(name, idle=False, now=110, step=10, tolerance=20) == (True, 140)
    assert rate_buckets.take_tokens(name, idle=False, now=140, step=10, tolerance=20) == (
        False,
        140,
    )
    assert rate_buckets.take_tokens(name, idle=True, now=140, step=10, tolerance=20) == (True, 150)


def test_a_bucket_without_a_row_is_full() -> None:
    name = f"b {next(_names)}"
    assert rate_buckets.take_tokens(name, idle=False, now=5, step=10, tolerance=20) == (False, 0)
    assert rate_buckets.take_tokens(name, idle=True, now=5, step=10, tolerance=20) == (True, 15)


# ------------------------------------------------------------------ what DynamoDB requires


def everything(project: Project) -> None:
    """Make every kind of request that the functions make."""
    for n in range(3):
        ingest(project, {**BOOM, "release": "1.0", "environment": "prod", "user": {"id": n}})
        ingest(project, BOOM, idempotency_key="k")
        ingest(project, {"level": 5}, idempotency_key="other")
        capture(project)
        capture(Project("", "a new one"))
    stream.pump(stream.records())
    for query in ({}, {"release": "1.0"}, {"fingerprint": "f"}, {"level": "info"}):
        events(project, **query)
    errors(project)
    unused, used = generated(), generated()
    ingest(used)
    unclaimed.adopt(used.id, DEFAULT_ORGANIZATION)
    assert store.remove_expired(unused.id, now_ms() + unclaimed.GENERATED_KEPT_MS)
    php(action="clear", hash=project.key)
    stream.cleaned(project.id)


def test_no_expression_names_a_reserved_word() -> None:
    file = resources.files("moto.dynamodb.parsing") / "reserved_keywords.txt"
    reserved = {word.strip().upper() for word in file.read_text().splitlines()}
    assert len(reserved) > 500
    with recorded() as seen:
        everything(new_project())
    found = set()
    for call in seen:
        for name, expression in _expressions(call.parameters):
            # Names behind # and values behind : are free, functions and operators are words.
            words = set(re.findall(r"(?<![#:\w])[A-Za-z_]\w*(?!\w*\()", expression))
            words -= {"SET", "ADD", "REMOVE", "AND", "OR", "NOT", "BETWEEN"}
            found |= {(name, word) for word in words if word.upper() in reserved}
    assert found == set()


def _expressions(value: Any) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        own = [(name, each) for name, each in value.items() if name.endswith("Expression")]
        return own + [found for each in value.values() for found in _expressions(each)]
    if isinstance(value, list):
        return [found for each in value for found in _expressions(each)]
    return []


def test_all_rows_but_projects_states_and_counters_have_a_ttl() -> None:
    everything(project := new_project())
    ingest(project, BOOM, idempotency_key="k2")
    capture(project)
    stream.pump(stream.records())
    stored = account.rows()
    for table in ("EVENTS_TABLE", "ISSUES_TABLE", "IDEMPOTENCY_TABLE"):
        for row in stored[table]:
            # A project keeps its state and the counter of its issues' numbers.
            kept = row["pk"]["S"].endswith("#state") or row.get("sk") == {"S": "numbers"}
            assert "ttl" in row or kept, row
            assert row.get("ttl", {"N": "1795341600"})["N"].isdecimal()
    assert all("ttl" not in row for row in stored["PROJECTS_TABLE"])
