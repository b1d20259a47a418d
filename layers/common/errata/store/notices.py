"""IdempotencyTable: which notices were sent.

| item | pk | attributes |
|---|---|---|
| notice | `notice#loss#12#2026-11-29` | began (seconds), sent, ttl |
"""

from errata.config import settings
from errata.errors import ConditionFailedError
from errata.store import clients
from errata.store.items import write_all

_KEPT_S = 40 * 86_400
# If a notice was begun this long ago and is not sent, its process was interrupted.
_CUT_OFF_S = 60


def begin(name: str, now_s: int) -> bool | None:
    """Begin to send a notice. Access pattern K12.

    Returns True if the caller must send it, False if it was sent, None if another process is
    sending it.
    """
    try:
        clients.dynamodb().put_item(
            TableName=settings().idempotency_table,
            Item=write_all({"pk": f"notice#{name}", "began": now_s, "ttl": now_s + _KEPT_S}),
            ConditionExpression=(
                "attribute_not_exists(pk) OR (attribute_not_exists(sent) AND began < :before)"
            ),
            ExpressionAttributeValues=write_all({":before": now_s - _CUT_OFF_S}),
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ConditionFailedError as error:
        return False if "sent" in error.item else None
    return True


def finish(name: str) -> None:
    """Record that a notice was sent. Access pattern K13."""
    clients.dynamodb().update_item(
        TableName=settings().idempotency_table,
        Key=write_all({"pk": f"notice#{name}"}),
        UpdateExpression="SET sent = :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
