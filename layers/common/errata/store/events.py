"""EventsTable: the log. Everything else is a projection of it.

| item | pk | sk | attributes |
|---|---|---|---|
| event | `12` | event id (UUIDv7) | issue, release, payload, legacy_id, ttl |
| mark of an event | `12` | the id that its sender's clock gives it | event, ttl |
| legacy number | `12#legacy` | `000000000001` | event, ttl |
| legacy counter | `12#state` | `counter` | last_id, retentions |
| boundary of `clear` | `12#state` | `clear` | generation, through, legacy_through, recent |
| deletion of an issue | `12#state` | `delete#<issue id>` | through: up to that id |
| gap in the numbers | `12#gaps` | `000000000001` | ttl |

An event: `issue` is `12#<issue id>` and `release` is `12#<hash of the release>`, the partitions of
the indexes by_issue and by_release; `payload` is `errata.models.event.pack`; `ttl` in seconds.
`recent`: the ids in `Boundary.also`, 16 bytes each, so that an item holds those of a busy project.
A mark stands where an event from an SDK would lie, had it come at once
(docs/decisions/0020-event-ids-of-sdks.md).
`retentions`: of how many days those were under which errors were numbered since the last clear.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import batched
from typing import Any

from botocore.exceptions import ClientError

from errata.config import settings
from errata.errors import Unavailable
from errata.models.event import Fields, unpack
from errata.models.ids import floor_id, minted_ms
from errata.store import clients, idempotency
from errata.store.attributes import (
    BATCH_GET,
    Item,
    back_off,
    batch_delete,
    batch_get,
    batch_put,
    cancellation,
    code,
    query,
    query_count,
    read,
    read_all,
    write_all,
)

DAY_MS = 86_400_000
# Of twelve digits, in which a number is stored.
LAST_LEGACY_ID = 10**12 - 1
_NO_MARK = "attribute_exists(payload)"
# How many numbers are looked for at once that a query has not seen: each is taken only after the
# one before, so few can be on their way. Ten events fit into the 4 MB that a transaction reads.
_UNSETTLED = 10
_TRIES = 6


@dataclass(frozen=True, slots=True)
class Stored:
    """An event as it lies in the table; `fields` is what was sent, unpacked."""

    project_id: str
    id: str
    issue_id: str
    expires_at: int  # seconds since the epoch
    fields: Fields
    legacy_id: int | None = None


@dataclass(frozen=True, slots=True)
class Boundary:
    """What `clear` has put out of sight. The default has cleared nothing.

    Gone is every legacy error up to `legacy_through`, every other event with an id below `through`,
    and those in `also`, which were stored within the seconds before the clear, when ids and the
    order of storing may disagree. `generation` counts the clears; issues belong to one.
    """

    generation: int = 0
    through: str = ""
    legacy_through: int = 0
    also: frozenset[str] = frozenset()

    def hides(self, event_id: str, legacy_id: int | None) -> bool:
        """Whether an event was cleared."""
        if legacy_id is not None:
            return legacy_id <= self.legacy_through
        return event_id < self.through or event_id in self.also

    def shows(self, event: Stored, now_s: int) -> bool:
        """Whether an event is there for readers: neither cleared nor expired."""
        return event.expires_at > now_s and not self.hides(event.id, event.legacy_id)


@dataclass(frozen=True, slots=True)
class LegacyCounter:
    """The last legacy number, and the retentions in days of those numbered since the last clear."""

    last_id: int = 0
    retentions: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Deletion:
    """That an issue was deleted: of its events, those with ids up to `through` are to go."""

    project_id: str
    issue_id: str
    through: str


class Conflict(Exception):
    """Another writer was first. Of the legacy counter: `last_id` is where it stands, if known."""

    def __init__(self, last_id: int | None) -> None:
        super().__init__(last_id)
        self.last_id = last_id


# ------------------------------------------------------------------ writing


def item(
    project_id: str, event_id: str, issue_id: str, release: str | None, payload: bytes, ttl: int
) -> Item:
    """An event's item. `ttl` is the second after which it is gone."""
    typed: Item = {
        "pk": {"S": project_id},
        "sk": {"S": event_id},
        "issue": {"S": f"{project_id}#{issue_id}"},
        "payload": {"B": payload},
        "ttl": {"N": str(ttl)},
    }
    if release:
        typed["release"] = {"S": release_partition(project_id, release)}
    return typed


def release_partition(project_id: str, release: str) -> str:
    """Where the index by_release keeps a release; hashed, since a key holds 2,048 bytes at most."""
    return f"{project_id}#{release_hash(release)}"


def release_hash(release: str) -> str:
    """The name of a release in keys."""
    return hashlib.blake2s(release.encode(), digest_size=12).hexdigest()


def put(event: Item) -> None:
    """Store an event. Access pattern E1."""
    clients.dynamodb().put_item(TableName=settings().events_table, Item=event)


def put_once(event: Item, record: Any) -> idempotency.Answered | None:
    """Store an event and the record of its Idempotency-Key, or neither. Access pattern E2.

    Returns None when stored, else the record that was there before.

    Raises:
        ClientError: `TransactionCanceledException` when another writer of the same key is at it.
    """
    try:
        clients.dynamodb().transact_write_items(
            TransactItems=[record, {"Put": {"TableName": settings().events_table, "Item": event}}]
        )
    except ClientError as error:
        reasons = cancellation(error)
        if reasons and reasons[0]["Code"] == "ConditionalCheckFailed":
            return idempotency.answered(reasons[0]["Item"])
        raise
    return None


def put_new(event: Item) -> bool:
    """Store an event, unless its id is taken. False when it is. Access pattern E23."""
    try:
        clients.dynamodb().put_item(
            TableName=settings().events_table,
            Item=event,
            ConditionExpression="attribute_not_exists(pk)",
        )
    except ClientError as error:
        if code(error) == "ConditionalCheckFailedException":
            return False
        raise
    return True


def put_marked(event: Item, mark: str) -> bool:
    """Store an event and a mark under another id, unless that one is taken. False when it is.

    Access pattern E24.

    Raises:
        Conflict: another writer is at the mark.
    """
    table = settings().events_table
    taken = {
        "TableName": table,
        "Item": {"pk": event["pk"], "sk": {"S": mark}, "event": event["sk"], "ttl": event["ttl"]},
        "ConditionExpression": "attribute_not_exists(pk)",
    }
    try:
        clients.dynamodb().transact_write_items(
            TransactItems=[{"Put": taken}, {"Put": {"TableName": table, "Item": event}}]  # type: ignore[typeddict-item]
        )
    except ClientError as error:
        codes = [reason["Code"] for reason in cancellation(error)]
        if codes and codes[0] == "ConditionalCheckFailed":
            return False
        if "TransactionConflict" in codes:
            raise Conflict(None) from error
        raise
    return True


def put_legacy(event: Item, legacy_id: int, retention_days: int) -> None:
    """Move the counter to `legacy_id` and store that event under it, or neither.

    `retention_days` is what the event's `ttl` was made of. Access pattern E3.

    Raises:
        Conflict: the counter did not stand at `legacy_id - 1`, or another writer is at it.
    """
    table = settings().events_table
    project_id = event["pk"]["S"]
    number = {
        "pk": {"S": f"{project_id}#legacy"},
        "sk": {"S": _padded(legacy_id)},
        "event": event["sk"],
        "ttl": event["ttl"],
    }
    counter = {
        "TableName": table,
        "Key": _state_key(project_id, "counter"),
        "UpdateExpression": "SET last_id = :new ADD retentions :retention",
        "ConditionExpression": (
            "last_id = :old" if legacy_id > 1 else "attribute_not_exists(last_id)"
        ),
        "ExpressionAttributeValues": write_all(
            {":new": legacy_id} | ({":old": legacy_id - 1} if legacy_id > 1 else {})
        )
        | {":retention": {"NS": [str(retention_days)]}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    typed = {**event, "legacy_id": {"N": str(legacy_id)}}
    try:
        clients.dynamodb().transact_write_items(
            TransactItems=[
                {"Update": counter},  # type: ignore[typeddict-item]
                {"Put": {"TableName": table, "Item": typed}},
                {"Put": {"TableName": table, "Item": number}},
            ]
        )
    except ClientError as error:
        reasons = cancellation(error)
        if not reasons:
            raise
        if reasons[0]["Code"] == "ConditionalCheckFailed":
            raise Conflict(read(reasons[0].get("Item", {}).get("last_id", {"N": "0"}))) from error
        if any(reason["Code"] == "TransactionConflict" for reason in reasons):
            raise Conflict(None) from error
        raise


# ------------------------------------------------------------------ reading


def newest_first(project_id: str, low: str, high: str, page: int) -> Iterator[Stored]:
    """A project's events with `low` <= id < `high`, read consistently, `page` at a time.

    Access pattern E4.
    """
    for found in query(
        TableName=settings().events_table,
        KeyConditionExpression="pk = :project AND sk BETWEEN :low AND :high",
        ExpressionAttributeValues=write_all({":project": project_id, ":low": low, ":high": high}),
        FilterExpression=_NO_MARK,
        ScanIndexForward=False,
        ConsistentRead=True,
        Limit=page,
    ):
        if found["sk"]["S"] != high:
            yield stored(found)


def newest_first_in_index(
    index: str, partition: str, low: str, high: str, page: int
) -> Iterator[Stored]:
    """The events of an issue or a release with `low` <= id < `high`; the index lags by moments.

    `index` is by_issue or by_release, `partition` its key, `page` how many events to fetch at a
    time. Access patterns E5 and E6.
    """
    attribute = index.removeprefix("by_")
    keys = query(
        TableName=settings().events_table,
        IndexName=index,
        KeyConditionExpression="#partition = :partition AND sk BETWEEN :low AND :high",
        ExpressionAttributeNames={"#partition": attribute},
        ExpressionAttributeValues=write_all({":partition": partition, ":low": low, ":high": high}),
        ScanIndexForward=False,
        Limit=page,
    )
    pending: list[str] = []
    project_id = partition.split("#")[0]
    for found in keys:
        if found["sk"]["S"] != high:
            pending.append(found["sk"]["S"])
        if len(pending) == page:
            yield from by_ids(project_id, pending)
            pending = []
    yield from by_ids(project_id, pending)


def neighbours(partition: str, low: str, high: str, most: int, *, newest: bool) -> list[str]:
    """Ids of an issue's events with `low` < id < `high`: the newest, newest first, or the oldest.

    `partition` is the key of the index by_issue, which lags by moments. Access pattern E16.
    """
    if low >= high:
        return []
    # Both bounds belong to what BETWEEN finds; `~` sorts behind whatever an id holds.
    below = f"{high[:-1]}{chr(ord(high[-1]) - 1)}~"
    found = clients.dynamodb().query(
        TableName=settings().events_table,
        IndexName="by_issue",
        KeyConditionExpression="issue = :partition AND sk BETWEEN :low AND :high",
        ExpressionAttributeValues=write_all(
            {":partition": partition, ":low": f"{low}~", ":high": below}
        ),
        ScanIndexForward=not newest,
        Limit=most,
    )
    return [item["sk"]["S"] for item in found["Items"]]


def by_ids(project_id: str, event_ids: Iterable[str]) -> list[Stored]:
    """These events, those that exist, in the order asked for. Access pattern E7."""
    wanted = list(event_ids)
    keys = [write_all({"pk": project_id, "sk": event_id}) for event_id in wanted]
    found = {item["sk"]["S"]: item for item in batch_get(settings().events_table, keys)}
    return [stored(found[event_id]) for event_id in wanted if "payload" in found.get(event_id, ())]


def stored(found: Item) -> Stored:
    """The event in an item, typed as DynamoDB answers. A stream's image needs its payload decoded.

    Raises:
        KeyError, ValueError, zlib.error: it is not an event that Errata stored.
    """
    return Stored(
        project_id=found["pk"]["S"],
        id=found["sk"]["S"],
        issue_id=found["issue"]["S"].rpartition("#")[2],
        expires_at=int(found["ttl"]["N"]),
        fields=unpack(found["payload"]["B"]),
        legacy_id=_legacy_id(found),
    )


def legacy_after(project_id: str, since: int, now_s: int, oldest: str) -> Iterator[tuple[int, str]]:
    """Legacy numbers above `since` and their event ids, ascending, consistently, none left out.

    Only those that have not expired, with ids from `oldest` on. Access pattern E8.

    Raises:
        Unavailable: a number is being written, and those behind it must not overtake it.
    """
    last = since
    for found in query(**_legacy_after(project_id, since, now_s, oldest)):
        number, event_id = int(found["sk"]["S"]), found["event"]["S"]
        if last + 1 < number and minted_ms(event_id) > now_s * 1000 - CLEAR_MARGIN_MS:
            # A gap that is new: a query may see the later one of two transactions alone.
            missing = range(max(last + 1, number - _UNSETTLED), number)
            for each in settled(f"{project_id}#legacy", map(_padded, missing)):
                if int(each["ttl"]["N"]) > now_s and each["event"]["S"] >= oldest:
                    yield int(each["sk"]["S"]), each["event"]["S"]
        yield number, event_id
        last = number


def settled(pk: str, sort_keys: Iterable[str]) -> list[Item]:
    """The items that exist under these keys, once no transaction is at any of them, in order.

    A query or a batch may see a transaction in part ("Isolation levels for transactions" in the
    DynamoDB developer guide: read-committed); this sees all of it, or none. For few items, of 400
    KB at most. Access pattern E22.

    Raises:
        Unavailable: transactions kept coming.
    """
    found: list[Item] = []
    for some in batched(sort_keys, _UNSETTLED, strict=False):
        gets = [
            {"Get": {"TableName": settings().events_table, "Key": write_all({"pk": pk, "sk": sk})}}
            for sk in some
        ]
        for attempt in range(_TRIES):
            try:
                answer = clients.dynamodb().transact_get_items(TransactItems=gets)  # type: ignore[arg-type]
            except ClientError as error:
                if all(reason["Code"] != "TransactionConflict" for reason in cancellation(error)):
                    raise
                back_off(attempt)
            else:
                found += [each["Item"] for each in answer["Responses"] if "Item" in each]
                break
        else:
            raise Unavailable
    return found


def count_legacy_after(project_id: str, since: int, now_s: int, oldest: str) -> int:
    """How many those of `legacy_after` are, one by one. Access pattern E15."""
    return query_count(**_legacy_after(project_id, since, now_s, oldest))


def _legacy_after(project_id: str, since: int, now_s: int, oldest: str) -> Item:
    return {
        "TableName": settings().events_table,
        "KeyConditionExpression": "pk = :legacy AND sk > :since",
        "ExpressionAttributeValues": write_all(
            {
                ":legacy": f"{project_id}#legacy",
                ":since": _padded(since),
                ":now": now_s,
                ":oldest": oldest,
            }
        ),
        "FilterExpression": "#ttl > :now AND #event >= :oldest",
        "ExpressionAttributeNames": {"#ttl": "ttl", "#event": "event"},
        "ConsistentRead": True,
    }


# ------------------------------------------------------------------ clear


def boundary(project_id: str) -> Boundary:
    """What `clear` has put out of sight of one project, read consistently."""
    return boundaries([project_id])[project_id]


def boundaries(project_ids: Iterable[str]) -> dict[str, Boundary]:
    """The boundaries of several projects, read consistently. Access pattern E9."""
    wanted = dict.fromkeys(project_ids, Boundary())
    keys = [_state_key(project_id, "clear") for project_id in wanted]
    for found in batch_get(settings().events_table, keys):
        wanted[found["pk"]["S"].removesuffix("#state")] = to_boundary(found)
    return wanted


def legacy_counter(project_id: str) -> LegacyCounter:
    """Where the legacy counter stands, read consistently. Access pattern E10."""
    answer = clients.dynamodb().get_item(
        TableName=settings().events_table,
        Key=_state_key(project_id, "counter"),
        ConsistentRead=True,
    )
    if "Item" not in answer:
        return LegacyCounter()
    found = read_all(answer["Item"])
    return LegacyCounter(found["last_id"], frozenset(map(int, found.get("retentions", []))))


def ids_since(project_id: str, low: str) -> list[tuple[str, int | None]]:
    """Ids, with legacy numbers, of the events from `low` on, read consistently.

    Access pattern E11.
    """
    found = query(
        TableName=settings().events_table,
        KeyConditionExpression="pk = :project AND sk >= :low",
        ExpressionAttributeValues=write_all({":project": project_id, ":low": low}),
        FilterExpression=_NO_MARK,
        ProjectionExpression="sk, legacy_id",
        ConsistentRead=True,
    )
    return [(each["sk"]["S"], _legacy_id(each)) for each in found]


def move_boundary(project_id: str, new: Boundary, last_legacy: int) -> bool:
    """Put the boundary of the next generation in place, if nothing moved meanwhile.

    Access pattern E12.

    False when another clear was first, or when the legacy counter is not at `last_legacy`.
    """
    table = settings().events_table
    counter = {"TableName": table, "Key": _state_key(project_id, "counter")}
    unmoved: Any
    if last_legacy:
        unmoved = {
            "Update": {
                **counter,
                "UpdateExpression": "REMOVE retentions",
                "ConditionExpression": "last_id = :last",
                "ExpressionAttributeValues": write_all({":last": last_legacy}),
            }
        }
    else:
        unmoved = {"ConditionCheck": {**counter, "ConditionExpression": "attribute_not_exists(pk)"}}
    replaced = {
        "TableName": table,
        "Item": write_all(
            {
                "pk": f"{project_id}#state",
                "sk": "clear",
                "generation": new.generation,
                "through": new.through,
                "legacy_through": new.legacy_through,
            }
        )
        | ({"recent": {"B": _packed(new.also)}} if new.also else {}),
        "ConditionExpression": "attribute_not_exists(pk) OR generation = :before",
        "ExpressionAttributeValues": write_all({":before": new.generation - 1}),
    }
    try:
        clients.dynamodb().transact_write_items(
            TransactItems=[unmoved, {"Put": replaced}]  # type: ignore[typeddict-item]
        )
    except ClientError as error:
        if cancellation(error):
            return False
        raise
    return True


def stored_between(project_id: str, low: str, high: str) -> list[tuple[str, str, int | None]]:
    """Ids, issue ids and legacy numbers of the events with `low` <= id < `high`, ascending.

    Read consistently. Access pattern E14.
    """
    found = query(
        TableName=settings().events_table,
        KeyConditionExpression="pk = :project AND sk BETWEEN :low AND :high",
        ExpressionAttributeValues=write_all({":project": project_id, ":low": low, ":high": high}),
        FilterExpression=_NO_MARK,
        ProjectionExpression="sk, issue, legacy_id",
        ConsistentRead=True,
    )
    return [
        (
            each["sk"]["S"],
            each["issue"]["S"].rpartition("#")[2],
            _legacy_id(each),
        )
        for each in found
        if each["sk"]["S"] != high
    ]


def delete_cleared(project_id: str, limit: Boundary) -> None:
    """Delete what a boundary hides, events and legacy numbers alike. Access pattern E13."""
    table = settings().events_table
    for numbers in ("legacy", "gaps"):
        found = query(
            TableName=table,
            KeyConditionExpression="pk = :numbers AND sk <= :through",
            ExpressionAttributeValues=write_all(
                {":numbers": f"{project_id}#{numbers}", ":through": _padded(limit.legacy_through)}
            ),
            ProjectionExpression="pk, sk",
        )
        _delete_in_batches(table, found)
    events = query(
        TableName=table,
        KeyConditionExpression="pk = :project AND sk <= :newest",
        ExpressionAttributeValues=write_all(
            # A legacy error that was cleared is older than the boundary plus its margin.
            {":project": project_id, ":newest": _newest_hidden(limit)}
        ),
        ProjectionExpression="pk, sk, legacy_id",
    )
    hidden = (
        {"pk": each["pk"], "sk": each["sk"]}
        for each in events
        if limit.hides(each["sk"]["S"], _legacy_id(each))
    )
    _delete_in_batches(table, hidden)


def _newest_hidden(limit: Boundary) -> str:
    newest = max([limit.through, *limit.also])
    return floor_id(minted_ms(newest) + CLEAR_MARGIN_MS + 1000)


# ------------------------------------------------------------------ deleting an issue


def deletion_item(deletion: Deletion) -> Item:
    """What tells `cleanup` of a deletion."""
    key = _state_key(deletion.project_id, f"delete#{deletion.issue_id}")
    return key | write_all({"through": deletion.through})


def deletions(project_id: str) -> list[Deletion]:
    """Deletions that are not done yet, read consistently. Access pattern E17."""
    found = query(
        TableName=settings().events_table,
        KeyConditionExpression="pk = :state AND begins_with(sk, :delete)",
        ExpressionAttributeValues=write_all(
            {":state": f"{project_id}#state", ":delete": "delete#"}
        ),
        ConsistentRead=True,
    )
    return [
        Deletion(project_id, each["sk"]["S"].removeprefix("delete#"), each["through"]["S"])
        for each in found
    ]


def ids_of_issue(project_id: str, issue_id: str, high: str) -> Iterator[str]:
    """Ids of an issue's events up to `high`, ascending; the index lags by moments.

    Access pattern E18.
    """
    found = query(
        TableName=settings().events_table,
        IndexName="by_issue",
        KeyConditionExpression="issue = :issue AND sk <= :high",
        ExpressionAttributeValues=write_all({":issue": f"{project_id}#{issue_id}", ":high": high}),
    )
    return (each["sk"]["S"] for each in found)


def delete_events(project_id: str, event_ids: Iterable[str]) -> None:
    """Delete these events and their legacy numbers, which leave gaps. Access pattern E19."""
    table = settings().events_table
    for some in batched(event_ids, BATCH_GET, strict=False):
        keys = [write_all({"pk": project_id, "sk": event_id}) for event_id in some]
        numbered = [
            (_padded(n), each) for each in batch_get(table, keys) if (n := _legacy_id(each))
        ]
        # The events last: whoever comes again after this was cut off finds the numbers by them.
        batch_put(
            table,
            [
                write_all({"pk": f"{project_id}#gaps", "sk": number}) | {"ttl": event["ttl"]}
                for number, event in numbered
            ],
        )
        legacy = f"{project_id}#legacy"
        batch_delete(table, [write_all({"pk": legacy, "sk": number}) for number, _ in numbered])
        batch_delete(table, keys)


def forget_deletion(deletion: Deletion) -> None:
    """Take note that a deletion is done, unless the issue was deleted again. Access pattern E20."""
    try:
        clients.dynamodb().delete_item(
            TableName=settings().events_table,
            Key=_state_key(deletion.project_id, f"delete#{deletion.issue_id}"),
            ConditionExpression="through = :through",
            ExpressionAttributeValues=write_all({":through": deletion.through}),
        )
    except ClientError as error:
        if code(error) != "ConditionalCheckFailedException":
            raise


def gaps(project_id: str, first: int, last: int) -> int:
    """How many numbers from `first` to `last` went with their issues, counted consistently.

    Access pattern E21.
    """
    return query_count(
        TableName=settings().events_table,
        KeyConditionExpression="pk = :gaps AND sk BETWEEN :first AND :last",
        ExpressionAttributeValues=write_all(
            {":gaps": f"{project_id}#gaps", ":first": _padded(first), ":last": _padded(last)}
        ),
        ConsistentRead=True,
    )


# ------------------------------------------------------------------ details


def _delete_in_batches(table: str, keys: Iterator[Item]) -> None:
    batch: list[Item] = []
    for key in keys:
        batch.append(key)
        if len(batch) == 500:
            batch_delete(table, batch)
            batch = []
    batch_delete(table, batch)


def _state_key(project_id: str, name: str) -> Item:
    return {"pk": {"S": f"{project_id}#state"}, "sk": {"S": name}}


def _legacy_id(found: Item) -> int | None:
    """The number of an event that the legacy API took; None of any other."""
    return int(found["legacy_id"]["N"]) if "legacy_id" in found else None


def _padded(legacy_id: int) -> str:
    return f"{legacy_id:012d}"


def to_boundary(found: Item) -> Boundary:
    """The boundary in an item, typed as DynamoDB answers."""
    values = read_all(found)
    return Boundary(
        generation=values["generation"],
        through=values["through"],
        legacy_through=values["legacy_through"],
        also=frozenset(_unpacked(values.get("recent", b""))),
    )


def _packed(event_ids: Iterable[str]) -> bytes:
    return bytes.fromhex("".join(sorted(event_ids)).replace("-", ""))


def _unpacked(packed: bytes) -> Iterator[str]:
    for (digits,) in struct.iter_unpack("16s", packed):
        text = digits.hex()
        yield f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


# An event's id tells of a moment at most this long before the event is stored: no function that
# stores events runs longer (template.yaml), and their clocks agree within milliseconds. Of an event
# that an SDK has named: for how long one counts as prompt (usecases.sentry), and the function's.
CLEAR_MARGIN_MS = 30_000
