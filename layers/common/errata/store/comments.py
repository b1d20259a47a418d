"""IssuesTable: comments. They are notes in the activity of an issue (`errata.store.issue_status`).

| item | sk | attributes |
|---|---|---|
| comment | `act#<issue id>#<milliseconds>-note` | what, by, text, mentions, edited_at, deleted_by |
| comment token | `said#<issue id>#<token>` | at: of the comment; expires after a day |

The token comes from the form. If a form is sent twice, the token makes sure that only one comment
is stored.
"""

from typing import Any

from errata.config import settings
from errata.errors import ConditionFailedError, ConflictError
from errata.models.issue import MAX_NOTES, Activity, Issue
from errata.store import clients
from errata.store.issue_status import activity_action, activity_key, to_activity
from errata.store.items import TypedItem, Values, read_all, write_all

_TOKEN_KEPT_S = 86_400


class SaidBeforeError(Exception):
    """A form with this token has made a comment already."""


def add(pk: str, issue: Issue, note: Activity, token: str) -> bool:
    """Store a comment and count it in its issue, both or neither.

    Returns False if there is a note of the same millisecond, or if the issue is gone, has too many
    notes, or is being changed. Access pattern I40.

    Raises:
        SaidBeforeError: there is a comment with this token.
    """
    table = settings().issues_table
    count = {
        "TableName": table,
        "Key": _key(pk, f"issue#{issue.id}"),
        "UpdateExpression": "SET notes = if_not_exists(notes, :none) + :one",
        "ConditionExpression": "attribute_exists(fingerprint)"
        " AND (attribute_not_exists(notes) OR notes < :most)",
        "ExpressionAttributeValues": write_all({":none": 0, ":one": 1, ":most": MAX_NOTES}),
    }
    values: Values = {"at": note.at, "ttl": note.at // 1000 + _TOKEN_KEPT_S}
    token_row = {
        "TableName": table,
        "Item": _key(pk, f"said#{issue.id}#{token}") | write_all(values),
        "ConditionExpression": "attribute_not_exists(pk)",
    }
    actions: list[Any] = [{"Put": token_row}, {"Update": count}, activity_action(pk, issue, note)]
    try:
        clients.dynamodb().transact_write_items(TransactItems=actions)
    except ConflictError as error:
        if error.reason_codes[:1] == ["ConditionalCheckFailed"]:
            raise SaidBeforeError from error
        return False
    return True


def find(pk: str, issue_id: str, at: int) -> Activity | None:
    """Return an issue's note of this millisecond, None if there is none. Access pattern I41."""
    found = clients.dynamodb().get_item(
        TableName=settings().issues_table, Key=_note_key(pk, issue_id, at), ConsistentRead=True
    )
    return to_activity(read_all(found["Item"])) if "Item" in found else None


def edit(pk: str, issue_id: str, before: Activity, after: Activity) -> bool:
    """Change the text of a comment. Returns False if it has changed since it was read.

    Access pattern I42.
    """
    change = "SET #text = :text, edited_at = :edited"
    values: Values = {":text": after.text, ":edited": after.edited_at}
    if after.mentions:
        change += ", mentions = :mentions"
        values[":mentions"] = ",".join(after.mentions)
    else:
        change += " REMOVE mentions"
    return _update(pk, issue_id, before, change, values)


def remove(pk: str, issue_id: str, before: Activity, by: str) -> bool:
    """Delete the text of a comment, and record who did it. Access pattern I43.

    Returns False if the text has changed since it was read.
    """
    change = "SET deleted_by = :by REMOVE #text, mentions, edited_at"
    return _update(pk, issue_id, before, change, {":by": by})


def _update(pk: str, issue_id: str, before: Activity, change: str, values: Values) -> bool:
    try:
        clients.dynamodb().update_item(
            TableName=settings().issues_table,
            Key=_note_key(pk, issue_id, before.at),
            UpdateExpression=change,
            ConditionExpression="#text = :was AND attribute_not_exists(deleted_by)",
            ExpressionAttributeNames={"#text": "text"},
            ExpressionAttributeValues=write_all({":was": before.text, **values}),
        )
    except ConditionFailedError:
        return False
    return True


def _note_key(pk: str, issue_id: str, at: int) -> TypedItem:
    return _key(pk, activity_key(issue_id, at, is_note=True))


def _key(pk: str, sk: str) -> TypedItem:
    return write_all({"pk": pk, "sk": sk})
