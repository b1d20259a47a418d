"""Token buckets in IdempotencyTable: the requests of one key, or of one address without a key.

The sign-in pages have buckets for address blocks and e-mail addresses.

| pk | attributes |
|---|---|
| `bucket#key#<key id>`, `bucket#key#<key id>#files` or `bucket#ip#<address or /64>` | tat, ttl |
| `bucket#<sign-in, code, mail or provider>#ip#<address or /64>` | tat, ttl |
| `bucket#<sign-in, code or mail>#user#<hash of the e-mail>` | tat, ttl |

`tat` (milliseconds) is compared with the current time, so it does not matter that DynamoDB deletes
a row hours after `ttl` (seconds).
"""

from errata.config import settings
from errata.errors import ConditionFailedError
from errata.store import clients
from errata.store.items import read_value, write_all


def take_tokens(
    bucket: str, *, idle: bool, now: int, step: int, tolerance: int, tokens: int = 1
) -> tuple[bool, int]:
    """Take tokens from a bucket that is full (`idle`) or in use. Access pattern K2.

    The bucket is one number, the theoretical arrival time of GCRA ("tat", in milliseconds). Each
    token moves it `step` forward. Before the last token, it may be at most `tolerance` ahead of
    `now`. Otherwise, no token is taken.

    Returns whether the tokens were taken, and the current arrival time (0 if there is none).
    """
    # `tat` is not a reserved word of DynamoDB, so it needs no placeholder.
    if idle:
        change, condition = "tat = :next", "attribute_not_exists(pk) OR tat <= :now"
        values = {":now": now, ":next": now + tokens * step}
    else:
        change, condition = "tat = tat + :step", "tat > :now AND tat <= :most"
        most = now + tolerance - (tokens - 1) * step
        values = {":now": now, ":step": tokens * step, ":most": most}
    # A bucket is full again within tolerance + step. Until then its row must not expire.
    values[":ttl"] = (now + tolerance + step) // 1000 + 3600
    try:
        response = clients.dynamodb().update_item(
            TableName=settings().idempotency_table,
            Key={"pk": {"S": f"bucket#{bucket}"}},
            UpdateExpression=f"SET {change}, #ttl = :ttl",
            ConditionExpression=condition,
            ExpressionAttributeNames={"#ttl": "ttl"},
            ExpressionAttributeValues=write_all(values),
            ReturnValues="UPDATED_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ConditionFailedError as error:
        return False, read_value(error.item["tat"]) if error.item else 0
    return True, int(response["Attributes"]["tat"]["N"])
