"""Accept what an SDK of Sentry sends: one event of it is stored, once."""

import os
from typing import Any

from errata.errors import ConflictError, Invalid, Refused, StoreError, UnavailableError
from errata.grouping import v2
from errata.models.event import Fields
from errata.models.ids import named_event_id, new_event_id, now_ms
from errata.models.project import Access
from errata.protocol.body import MAX_JSON_BYTES, parse_object, too_large
from errata.protocol.sentry import event as protocol
from errata.protocol.sentry.envelope import Envelope
from errata.protocol.sentry.reports import discarded
from errata.store import events
from errata.store.retry import attempts
from errata.usecases import losses, quota
from errata.usecases.ingest import prepare

# An event that arrives so soon after it happened, by its sender's clock, has the id of that moment.
# With the time that the function has (template.yaml), that is within events.CLEAR_MARGIN_MS.
PROMPT_MS = 10_000
# Clocks that are right differ by less.
_AHEAD_MS = 1_000
_TRIES = 6
_MAX_KNOWN = 10_000

# Project and event id of what this process has stored: an SDK that repeats itself at once is spared
# the store.
_stored: set[tuple[str, str]] = set()


def accept(envelope: Envelope, access: Access, address: str) -> str:
    """Store the event of an envelope, unless it was stored before, and count its client reports.

    Items of other kinds (sessions, transactions, …) are let go. `address` is the client's. Returns
    the id of the event as SDKs write it, or that of the envelope where it holds no event.

    Raises:
        Refused: what is wrong with the event; nothing is stored.
    """
    for item in envelope.items:
        if item.type == "client_report":
            for reason, number in discarded(item.payload).items():
                losses.note(access.project_id, reason, number)
    named = protocol.event_id(envelope.headers.get("event_id"))
    found = envelope.event
    if found is None:
        if envelope.problem:
            raise Invalid({"body": [f"The envelope cannot be read: {envelope.problem}."]})
        return named or os.urandom(16).hex()
    if len(found) > MAX_JSON_BYTES:
        raise too_large(MAX_JSON_BYTES)
    sent = parse_object(found)
    named = named or protocol.event_id(sent.get("event_id"))
    if named and (access.project_id, named) in _stored:
        return named
    at_ms = now_ms()
    fields = _fields(envelope, sent, named, address, at_ms)
    unit = quota.spend(access, at_ms)
    try:
        happened_ms = protocol.milliseconds(sent.get("timestamp"))
        stored = _put(fields, named, happened_ms, access, at_ms)
    except (Refused, StoreError) as error:
        # Not where the store gave no answer: the event may be in it.
        quota.give_back(unit, error)
        raise
    if not stored:
        quota.give_back(unit)
    elif "trimmed" in fields:
        losses.note(access.project_id, "trimmed")
    if named:
        _remember(access.project_id, named)
    return str(fields["event_id"])


def _fields(
    envelope: Envelope, sent: dict[str, Any], named: str | None, address: str, at_ms: int
) -> Fields:
    """The fields of an event, grouped. An event without an id gets one, which the answer tells."""
    sent_at_ms = protocol.milliseconds(envelope.headers.get("sent_at"))
    fields, fingerprint = protocol.to_fields(sent, at_ms, sent_at_ms, address)
    fields["event_id"] = named or os.urandom(16).hex()
    if envelope.problem:
        problem = {"field": "envelope", "problem": envelope.problem}
        fields["problems"] = [*fields.get("problems", ()), problem]
    grouping = v2.group(fields, fingerprint)
    fields["fingerprint"] = grouping.fingerprint
    fields["grouping"] = grouping.made_by
    fields["grouped_by"] = grouping.grouped_by
    return fields


def _put(
    fields: Fields, named: str | None, happened_ms: int | None, access: Access, at_ms: int
) -> bool:
    """Store the event, with one call; False when it was stored before.

    See docs/decisions/0020-event-ids-of-sdks.md.
    """
    if named is None:
        events.put(prepare(fields, access, new_event_id(at_ms), at_ms))
        return True
    own_id = named_event_id(happened_ms or 0, named)
    if happened_ms is not None and -_AHEAD_MS <= at_ms - happened_ms <= PROMPT_MS:
        fields["received_at"] = at_ms
        return events.put_new(prepare(fields, access, own_id, at_ms))
    item = prepare(fields, access, new_event_id(at_ms), at_ms)
    for _ in attempts(_TRIES):
        try:
            return events.put_marked(item, own_id)
        except ConflictError:
            continue
    raise UnavailableError


def _remember(project_id: str, named: str) -> None:
    if len(_stored) >= _MAX_KNOWN:
        _stored.clear()
    _stored.add((project_id, named))


def forget() -> None:
    """Drop what this process knows of stored events."""
    _stored.clear()
