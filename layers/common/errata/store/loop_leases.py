"""IdempotencyTable: how many events of an issue were leased in an hour, for the issue cap.

| pk | attributes |
|---|---|
| `loop#<issue id>#<hour since the epoch>` | leased, ttl |
"""

from errata.config import settings
from errata.errors import ConditionFailedError
from errata.models.buckets import HOUR_MS
from errata.store import clients
from errata.store.items import write_all

_KEPT_S = 86_400


def lease(issue_id: str, hour: int, events: int, most_before: int) -> bool:
    """Lease events if at most `most_before` are already leased. Return whether they were leased.

    Makes one attempt: a busy table must not keep the event waiting. Access pattern K20.
    """
    expires_at = (hour + 1) * HOUR_MS // 1000 + _KEPT_S
    values = {":events": events, ":most": most_before, ":ttl": expires_at}
    try:
        clients.dynamodb_once().update_item(
            TableName=settings().idempotency_table,
            Key=write_all({"pk": f"loop#{issue_id}#{hour}"}),
            UpdateExpression="ADD leased :events SET #ttl = :ttl",
            ConditionExpression="attribute_not_exists(leased) OR leased <= :most",
            ExpressionAttributeNames={"#ttl": "ttl"},
            ExpressionAttributeValues=write_all(values),
        )
    except ConditionFailedError:
        return False
    return True
