"""EventsTable: failure markers. One failure that an SDK and a log line report is one event.

| item | pk | sk | attributes |
|---|---|---|---|
| failure marker | `12` | id with the time 0, from request, type and half a minute | see below |

`teller` is `sdk` or `log`, `ttl` is in seconds. That of a log line has the id of its event as
`event`, and the event's attribute `issue` as `of_issue`.

SDK and log line both know the id of Lambda's request and the type of the exception. The SDK sends
its event at most a few seconds before the runtime logs the exception. If Lambda invokes a function
again with the same request id, it does so a minute later at the earliest. So a marker stands for
half a minute. A log line looks for the markers of its own half minute and of the one before, an SDK
for those of its own and of the next one.

Only projects with log capture have these markers, and only for events that name a request.
"""

from dataclasses import dataclass
from typing import Any, Literal

from errata.config import settings
from errata.models.ids import named_event_id
from errata.store.items import TypedItem

SLOT_MS = 30_000
type Reporter = Literal["sdk", "log"]


@dataclass(frozen=True, slots=True)
class FailureMarker:
    """The failure that an event is about, and who reports it.

    `claims` is whether the event writes a marker. It is False for a line that the program itself
    has logged, because it may log exceptions of the same type several times in one request.
    """

    request_id: str
    kind: str
    at_ms: int
    reporter: Reporter
    claims: bool = True


def actions(event: TypedItem, marker: FailureMarker) -> list[Any]:
    """Return the actions that make an event the only one of its failure. Access pattern E36.

    They are for the transaction that stores the event. Events of SDKs are never refused because of
    each other.
    """
    project_id = event["pk"]["S"]
    slot = marker.at_ms // SLOT_MS
    # The log line comes after the SDK's event, so it may be in the next half minute.
    other = slot + 1 if marker.reporter == "sdk" else slot - 1
    check = {
        "ConditionExpression": "attribute_not_exists(pk)",
        "TableName": settings().events_table,
    }
    if marker.reporter == "sdk":
        check["ConditionExpression"] = "attribute_not_exists(pk) OR teller = :sdk"
        check["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        values = {"ExpressionAttributeValues": {":sdk": {"S": "sdk"}}}
    else:
        values = {}
    own = _key(project_id, marker, slot)
    row = {**own, "teller": {"S": marker.reporter}, "ttl": event["ttl"]}
    if marker.reporter == "log" and "issue" in event:
        row |= {"event": event["sk"], "of_issue": event["issue"]}
    first: Any = {"Put": {"Item": row, **check, **values}}
    if not marker.claims:
        first = {"ConditionCheck": {"Key": own, **check, **values}}
    return [first, {"ConditionCheck": {"Key": _key(project_id, marker, other), **check, **values}}]


def _key(project_id: str, marker: FailureMarker, slot: int) -> Any:
    name = f"failure#{marker.request_id}#{marker.kind}#{slot}"
    return {"pk": {"S": project_id}, "sk": {"S": named_event_id(0, name)}}
