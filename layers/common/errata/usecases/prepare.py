"""Turn the fields of an event into the item that is stored."""

from typing import NamedTuple

from errata.grouping import v1
from errata.models.event import Fields, pack_or_trim
from errata.models.ids import issue_id
from errata.models.project import Access
from errata.store import events
from errata.store.items import Item

_DAY_S = 86_400


class Prepared(NamedTuple):
    """An event's item, typed for DynamoDB, and whether it had to be trimmed to fit."""

    item: Item
    trimmed: bool


def prepare(fields: Fields, access: Access, event_id: str, at_ms: int) -> Prepared:
    """Group an event, pack it and set its expiry. Return its item.

    Adds `fingerprint` and `grouping` to `fields` if they are missing.
    """
    fingerprint = fields.get("fingerprint")
    if fingerprint is None:
        fields["fingerprint"] = fingerprint = v1.fingerprint(fields)
        fields["grouping"] = "v1"
    payload, trimmed = pack_or_trim(fields)
    project_id = access.project_id
    item = events.item(
        project_id,
        event_id,
        issue_id(project_id, fingerprint),
        fields.get("release"),
        payload,
        at_ms // 1000 + access.retention_days * _DAY_S,
    )
    return Prepared(item, trimmed)
