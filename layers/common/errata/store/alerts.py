"""ProjectsTable: the alert rules of a project. Also reads the issues and events of an alert.

| item | table | pk | sk | attributes |
|---|---|---|---|---|
| rules | ProjectsTable | `project#12` | `webhook_alerts` | rules (JSON), version |

Its sort key begins like those of webhooks and channels, so digest reads them all with one query.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from errata.config import settings
from errata.errors import ConflictError, StoreError
from errata.models.alert import AlertRule, thresholds_of
from errata.models.event import Stored
from errata.models.issue import Issue
from errata.models.webhook import Webhook
from errata.store import clients, watermarks
from errata.store.events import is_kept_in_full, stored
from errata.store.issue_items import is_issue, to_issue
from errata.store.items import batch_get_tables, query, read_all, write_all
from errata.store.project_items import ALERT_RULES, alert_rules_key
from errata.store.webhooks import to_webhook


def find_receivers(project_id: str) -> tuple[list[Webhook], list[AlertRule] | None, int]:
    """Return a project's webhooks and channels, its alert rules, and the version of the rules.

    The rules are None if nobody has ever set any. Reads consistently. Access pattern P59.
    """
    receivers: list[Webhook] = []
    rules: list[AlertRule] | None = None
    version = 0
    for typed in query(
        TableName=settings().projects_table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :webhook)",
        ExpressionAttributeValues=write_all(
            {":pk": f"project#{project_id}", ":webhook": "webhook"}
        ),
        ConsistentRead=True,
    ):
        item = read_all(typed)
        if item["sk"] == ALERT_RULES:
            rules = [_to_rule(each) for each in json.loads(item["rules"])]
            version = item["version"]
        else:
            receivers.append(to_webhook(item))
    return sorted(receivers, key=lambda each: each.created_at), rules, version


def save_rules(
    project_id: str, rules: Sequence[AlertRule], version: int, before: Sequence[AlertRule]
) -> None:
    """Store the rules of a project, unless they have changed since `version` was read.

    `before` are the rules of that version. If the thresholds have changed, the same transaction
    also sets those in the row of the watermark. Access pattern P60.

    Raises:
        ConflictError: the rules have changed.
    """
    text = json.dumps([asdict(each) for each in rules])
    put: Any = {
        "TableName": settings().projects_table,
        "Item": alert_rules_key(project_id) | write_all({"rules": text, "version": version + 1}),
        "ConditionExpression": "attribute_not_exists(pk) OR version = :version",
        "ExpressionAttributeValues": write_all({":version": version}),
    }
    if thresholds_of(rules) == thresholds_of(before):
        clients.dynamodb().put_item(**put)
        return
    thresholds = watermarks.thresholds_action(project_id, thresholds_of(rules))
    try:
        clients.dynamodb().transact_write_items(TransactItems=[{"Put": put}, thresholds])
    except StoreError as error:
        if "ConditionalCheckFailed" in error.reason_codes:
            raise ConflictError from error
        raise


def _to_rule(stored_rule: dict[str, object]) -> AlertRule:
    # Leave out what only a later release knows. JSON has no types: `usecases.alerts` has checked
    # the values before they were stored.
    known = {name: each for name, each in stored_rule.items() if name in AlertRule.__slots__}
    values = {name: tuple(each) if isinstance(each, list) else each for name, each in known.items()}
    return AlertRule(**values)  # type: ignore[arg-type]


def find_news(
    issues: Iterable[tuple[str, str]], project_id: str, event_id: str
) -> tuple[dict[tuple[str, str], Issue], Stored | None]:
    """Return the issues that exist, by (partition, issue id), and an event.

    The event is None if `event_id` is "", or if it is not kept in full. Reads consistently. Access
    pattern I36.
    """
    events_table, issues_table = settings().events_table, settings().issues_table
    keys = [write_all({"pk": pk, "sk": f"issue#{issue_id}"}) for pk, issue_id in issues]
    event_key = write_all({"pk": project_id, "sk": event_id})
    found = batch_get_tables({issues_table: keys, events_table: [event_key] if event_id else []})
    items = [read_all(each) for each in found[issues_table] if is_issue(each)]
    event = next((stored(each) for each in found[events_table] if is_kept_in_full(each)), None)
    return {(each["pk"], (issue := to_issue(each)).id): issue for each in items}, event


def find_newest(partition: str, issue_id: str, project_id: str) -> Mapping[str, Any]:
    """Return the fields of an issue's newest event that is kept in full.

    If that event has expired, returns only `level` and `release`, from the issue. Returns {} if the
    issue does not exist. Makes two calls.
    """
    place = (partition, issue_id)
    found, _ = find_news([place], project_id, "")
    issue = found.get(place)
    if issue is None:
        return {}
    _, event = find_news([], project_id, issue.newest_kept)
    return event.fields if event else {"level": issue.level, "release": issue.last_release}
