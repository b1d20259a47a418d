"""Put issues directly into the table, as digest would leave them."""

import dataclasses
from collections.abc import Iterable, Mapping
from itertools import batched
from typing import Any

from errata.config import settings
from errata.models.issue import Issue, Position
from errata.models.seen_values import KeyValue, short_value
from errata.store import clients, numbers, ranks
from errata.store import values as value_store
from errata.store.issue_items import issue_item
from errata.store.items import Value, Values, write_all
from errata.store.values import NewValue

EXPIRES = 2_000_000_000

ISSUE = Issue(
    id="a" * 32,
    fingerprint="f",
    grouping="client",
    title="boom",
    culprit="app.py:1",
    level="error",
    exception_class="ValueError",
    first_seen=1,
    first_event="e1",
    last_seen=2,
    last_event="e2",
    position=Position("", "0" * 39 + "5"),
    number=1,
    count=2,
    expires_at=EXPIRES,
    ranked_at=2,
    ttl=EXPIRES,
    rows_until=EXPIRES,
)


def issue(number: int, **changed: Any) -> Issue:
    """Return an issue that differs from others only in its id and number."""
    changed = {"ranked_at": changed.get("last_seen", 2), **changed}
    expires = changed.get("expires_at", EXPIRES)
    changed = {"ttl": expires, "rows_until": expires, **changed}
    return dataclasses.replace(ISSUE, id=f"{number:032x}", number=number + 1, **changed)


def put(
    pk: str,
    found: Iterable[Issue],
    *,
    texts: Mapping[str, str] | None = None,
    values: Mapping[str, Iterable[KeyValue]] | None = None,
    **more: Any,
) -> None:
    """Store these issues under `pk`, with the rows by which lists and searches find them.

    `texts` and `values` have words and values of issues beside those that they have themselves, by
    id. `more` has additional attributes that nobody reads.
    """
    texts, values = texts or {}, values or {}
    found = list(found)
    project_id, _, generation = pk.partition("#")
    last = max((each.number for each in found), default=0)
    _store([_item(project_id, numbers.COUNTER, {"last": last, "generation": int(generation)})])
    _store(
        item
        for each in found
        for item in (
            _item(pk, f"issue#{each.id}", issue_item(each)) | write_all(more),
            *(
                _item(pk, sk, {**content, "ttl": each.rows_until})
                for sk, content in (
                    ranks.rows(each, _text(each) + texts.get(each.id, ""))
                    | value_rows(each, values.get(each.id, ()))
                ).items()
            ),
        )
    )


def _text(issue: Issue) -> str:
    return "\n".join((issue.title, issue.culprit, issue.transaction, issue.logger, ""))


def value_rows(issue: Issue, more: Iterable[KeyValue] = ()) -> dict[str, Values]:
    """Return the value rows of an issue: of what it counts, and of more values."""
    counted = {"environment": issue.environments, "release": issue.releases}
    found = [*more, *((key, name) for key, names in counted.items() for name in names)]
    at = max(issue.first_seen, issue.last_seen)
    return value_store.rows(
        NewValue(issue.id, (key, short_value(value)), at, issue.rows_until) for key, value in found
    )


def put_rows(pk: str, found: Iterable[Issue]) -> None:
    """Store the rows of these issues alone, as if they were left over."""
    _store(
        _item(pk, sk, {**content, "ttl": each.rows_until})
        for each in found
        for sk, content in ranks.rows(each, each.title).items()
    )


def put_old(pk: str, found: Iterable[Issue]) -> None:
    """Store these issues as release 0.1.0 did: without number and without rows."""
    for each in found:
        item = issue_item(each)
        for name in ("number", "seen_at", "ranked_at", "expires_at", "rows_until", "buckets"):
            item.pop(name, None)
        content = {**item, "last_seen": each.last_seen, "days": {}}
        _store([_item(pk, f"issue#{each.id}", content)])


def _store(items: Iterable[dict[str, Any]]) -> None:
    for some in batched(items, 25, strict=False):
        clients.dynamodb().batch_write_item(
            RequestItems={
                settings().issues_table: [{"PutRequest": {"Item": item}} for item in some]
            }
        )


def _item(pk: str, sk: str, content: Values) -> dict[str, Any]:
    return write_all({"pk": pk, "sk": sk, **content})


def set_attribute(pk: str, issue_id: str, name: str, value: Value) -> None:
    """Change an attribute of an issue's row."""
    clients.dynamodb().update_item(
        TableName=settings().issues_table,
        Key=write_all({"pk": pk, "sk": f"issue#{issue_id}"}),
        UpdateExpression="SET #name = :value",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues=write_all({":value": value}),
    )
