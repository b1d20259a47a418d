"""IdempotencyTable: the loss ledger. Number of losses by project, day and reason.

| item | pk | attributes |
|---|---|---|
| day | `lost#12#2026-11-22` | a number for each reason, ttl |
| batch | `batch#<its name>#<part>` | ttl |

A batch's row is a dedup marker: it says that the batch was counted. It is kept for longer than the
batch can be delivered again. Lambda retries a batch for at most six hours, and the dead-letter
queue keeps it for fourteen days.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from errata.config import settings
from errata.errors import StoreError, UnavailableError
from errata.models.times import LOSS_BATCH_KEPT_S
from errata.store import clients
from errata.store.items import batch_get, read_all, write_all
from errata.store.retry import attempts

KEPT_S = 90 * 86_400
# A transaction takes 100 actions.
_ROWS = 99
_TRIES = 6


def add(batch: str, lost: Mapping[tuple[str, str, str], int], now_s: int) -> None:
    """Count the losses of a batch, unless they were counted before. Access pattern K6.

    `lost` maps project, day and reason to a number.

    Raises:
        StoreError: not all of the batch was counted. The same batch can be retried.
    """
    rows: dict[str, dict[str, int]] = defaultdict(dict)
    for (project_id, day, reason), number in sorted(lost.items()):
        rows[f"lost#{project_id}#{day}"][reason] = number
    names = list(rows)
    table = settings().idempotency_table
    for start in range(0, len(names), _ROWS):
        marker: Any = {
            "TableName": table,
            "Item": write_all({"pk": f"batch#{batch}#{start}", "ttl": now_s + LOSS_BATCH_KEPT_S}),
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        counts = [_count(table, pk, rows[pk], now_s) for pk in names[start : start + _ROWS]]
        _write_once([{"Put": marker}, *counts])


def _write_once(actions: list[Any]) -> None:
    """Run a transaction once. Its first action fails if it has run before."""
    for _ in attempts(_TRIES):
        try:
            clients.dynamodb().transact_write_items(TransactItems=actions)
        except StoreError as error:
            codes = error.reason_codes
            if codes and codes[0] == "ConditionalCheckFailed":
                return
            # During a burst, several batches of one project are counted at the same time.
            if "TransactionConflict" not in codes:
                raise
        else:
            return
    raise UnavailableError


def _count(table: str, pk: str, reasons: dict[str, int], now_s: int) -> Any:
    # Placeholders, because a loss reason may become a reserved word of DynamoDB.
    update = {
        "TableName": table,
        "Key": write_all({"pk": pk}),
        "UpdateExpression": "SET #ttl = :ttl ADD " + ", ".join(f"#{r} :{r}" for r in reasons),
        "ExpressionAttributeNames": {"#ttl": "ttl", **{f"#{r}": r for r in reasons}},
        "ExpressionAttributeValues": write_all(
            {":ttl": now_s + KEPT_S, **{f":{r}": number for r, number in reasons.items()}}
        ),
    }
    return {"Update": update}


def of_days(
    project_ids: Iterable[str], days: Iterable[str]
) -> dict[str, dict[str, dict[str, int]]]:
    """Return the losses of these projects by project, day and reason. Access pattern K7.

    Leaves out days without losses.
    """
    wanted = list(days)
    lost: dict[str, dict[str, dict[str, int]]] = {each: {} for each in project_ids}
    keys = [write_all({"pk": f"lost#{each}#{day}"}) for each in lost for day in wanted]
    for item in map(read_all, batch_get(settings().idempotency_table, keys)):
        _, project_id, day = item["pk"].split("#")
        lost[project_id][day] = {r: n for r, n in item.items() if r not in ("pk", "ttl")}
    return lost
