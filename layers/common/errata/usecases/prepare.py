"""Convert the fields of an event to the item that is stored: in full, or as a tally."""

from typing import Any, NamedTuple

from errata.grouping import v1
from errata.models.event import Event, StoredEvent, pack_or_trim
from errata.models.ids import issue_id, sdk_event_id
from errata.models.project import Access
from errata.models.tally import TALLY_KEPT_S, pack_tally
from errata.store import events
from errata.store.items import TypedItem

_DAY_S = 86_400


class Prepared(NamedTuple):
    """An event's item, typed for DynamoDB, and whether it had to be trimmed to fit."""

    item: TypedItem
    trimmed: bool


def prepare(
    fields: Event, access: Access, event_id: str, at_ms: int, received_ms: int | None = None
) -> Prepared:
    """Group an event if it is not grouped, pack it and set its expiry. Return its item.

    `received_ms` is when the event was received, if this is not the time in `event_id`.
    """
    fingerprint = fields.get("fingerprint")
    copy: Any = {**fields}
    stored: StoredEvent = copy
    if fingerprint is None:
        stored["fingerprint"] = fingerprint = v1.fingerprint(fields)
        stored["grouping"] = "v1"
    if received_ms is not None:
        stored["received_at"] = received_ms
    payload, trimmed = pack_or_trim(stored)
    project_id = access.project_id
    item = events.item(
        project_id,
        event_id,
        issue_id(project_id, fingerprint),
        sdk_event_id(fields.get("event_id")),
        payload,
        at_ms // 1000 + access.retention_days * _DAY_S,
    )
    return Prepared(item, trimmed)


def prepare_tally(fields: Event, access: Access, event_id: str, at_ms: int) -> TypedItem | None:
    """Return the item of a tally of a grouped event. None if it does not fit into a write unit."""
    tally = pack_tally(fields)
    if tally is None:
        return None
    project_id, now_s = access.project_id, at_ms // 1000
    issue = issue_id(project_id, fields["fingerprint"])
    kept_s = access.retention_days * _DAY_S
    ttl = now_s + max(kept_s, TALLY_KEPT_S)
    sdk_id = fields["event_id"]
    return events.tally_item(project_id, event_id, issue, sdk_id, tally, now_s + kept_s, ttl)
