"""Fixes of MiniStack's IAM: actions, resources and conditions of requests."""

import json
from typing import Any


def fix_iam(actions: Any, evaluator: Any) -> None:
    """Apply all fixes of this module."""
    allow_batches_of_messages(actions)
    check_mail_identities(actions)
    check_schedule_groups(actions)
    supply_partition_keys(actions, evaluator)


def allow_batches_of_messages(iam: Any) -> None:
    """Require `sqs:SendMessage` to send a batch of messages; the same for other batch operations.

    AWS has no actions for the batch operations (Service Authorization Reference, Amazon SQS).
    """
    name_action = iam.extract_iam_action

    def name_without_batch(service: str, *request: Any) -> Any:
        action = name_action(service, *request)
        return action.removesuffix("Batch") if service == "sqs" and action else action

    iam.extract_iam_action = name_without_batch


def check_mail_identities(iam: Any) -> None:
    """Check `ses:SendEmail` on the identity that sends a mail. MiniStack checks it on `*`.

    Source: Service Authorization Reference, Amazon Simple Email Service v2.
    """
    find = iam.extract_resource_arn

    def of_sender(service: str, method: str, path: str, *request: Any) -> Any:
        found = find(service, method, path, *request)
        if service != "ses" or path != "/v2/email/outbound-emails":
            return found
        _headers, body, _query, region, account = request
        sender = json.loads(body).get("FromEmailAddress", "")
        return f"arn:aws:ses:{region}:{account}:identity/{sender}"

    iam.extract_resource_arn = of_sender


def check_schedule_groups(iam: Any) -> None:
    """Check what is done to a schedule in its group. MiniStack takes each to be in `default`.

    Source: Service Authorization Reference, Amazon EventBridge Scheduler.
    """
    find = iam.extract_resource_arn

    def in_group(service: str, method: str, path: str, *request: Any) -> Any:
        found = find(service, method, path, *request)
        if service != "scheduler" or not path.startswith("/schedules/"):
            return found
        _headers, body, query, region, account = request
        named = query.get("groupName") or json.loads(body or b"{}").get("GroupName") or "default"
        group = named[0] if isinstance(named, list) else named
        name = path.removeprefix("/schedules/")
        return f"arn:aws:scheduler:{region}:{account}:schedule/{group}/{name}"

    iam.extract_resource_arn = in_group


class _Action(str):
    """An action on one row of a transaction, with the row's partition key."""

    keys: list[str]


def supply_partition_keys(actions: Any, evaluator: Any) -> None:
    """Supply `dynamodb:LeadingKeys`, the partition keys that a request names, to policies.

    MiniStack does not, and a condition with `ForAllValues` is true for a key that is not there.
    Every table of the template has the partition key `pk`. Queries are not covered.

    Source: Amazon DynamoDB developer guide, "Using IAM policy conditions for fine-grained access
    control".
    """
    describe, check_rows = actions.dynamodb_service_context, actions.dynamodb_transaction_checks
    enforce = evaluator.enforce

    def with_keys(body: bytes) -> Any:
        found = describe(body)
        keys = partition_keys(json.loads(body or b"{}"))
        return {**found, "dynamodb:LeadingKeys": keys} if keys else found

    def of_each_row(action: str, body: bytes, *more: Any) -> Any:
        checks = check_rows(action, body, *more)
        items = json.loads(body or b"{}").get("TransactItems", []) if checks else []
        for number, ((name, arn), item) in enumerate(zip(checks, items, strict=True)):
            row = _Action(name)
            row.keys = partition_keys(item)
            checks[number] = row, arn
        return checks

    def enforce_rows(access_key: str, action: str, *more: Any, **options: Any) -> Any:
        if isinstance(action, _Action):
            context = {**options["service_context"], "dynamodb:LeadingKeys": action.keys}
            options["service_context"] = context
        return enforce(access_key, action, *more, **options)

    actions.dynamodb_service_context = with_keys
    actions.dynamodb_transaction_checks = of_each_row
    evaluator.enforce = enforce_rows


def partition_keys(value: Any) -> list[str]:
    """Return the partition keys of all rows that a request's body names."""
    if isinstance(value, list):
        return [key for each in value for key in partition_keys(each)]
    if not isinstance(value, dict):
        return []
    rows = [value.get("Key"), value.get("Item"), *(value.get("Keys") or ())]
    own = [row["pk"]["S"] for row in rows if isinstance(row, dict)]
    read = {"Key", "Item", "Keys", "ExpressionAttributeValues"}
    inner = [each for name, each in value.items() if name not in read]
    return own + [key for each in inner for key in partition_keys(each)]
