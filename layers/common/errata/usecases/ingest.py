"""Accept one event: durable before the caller hears of it."""

import hashlib
import logging
from dataclasses import dataclass

from errata.errors import Refused, StoreError, UnavailableError
from errata.grouping import v1
from errata.models.event import Fields, pack_or_trim
from errata.models.ids import issue_id, new_event_id, now_ms
from errata.models.project import Access
from errata.protocol.ingest import parse
from errata.store import events, idempotency
from errata.store.attributes import Item
from errata.store.retry import attempts
from errata.usecases import losses, quota

_TRIES = 10
_DAY_S = 86_400

logger = logging.getLogger("errata")


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer: the event's id, and how it relates to an earlier request with the same key."""

    event_id: str
    replayed: bool = False
    mismatch: bool = False


def accept(
    sent: Fields | Refused, body: bytes, access: Access, idempotency_key: str | None
) -> Accepted:
    """Store one event; with an Idempotency-Key, unless one was stored under it within 24 hours.

    `sent` is what `body` holds, or the refusal of a body that could not be read: a replay comes
    before it (spec/ingest-api: "idempotent replay (202) → 402 → 422 → 202").

    Raises:
        Refused: what is wrong with the request; nothing is stored or recorded.
    """
    if idempotency_key is not None:
        return _accept_once(sent, body, access, idempotency_key)
    at_ms = now_ms()
    try:
        if isinstance(sent, Refused):
            raise sent
        fields = parse(sent)
    except Refused:
        # 402 comes before 422, but what is refused takes no unit, not even for a moment.
        quota.check(access, at_ms)
        raise
    unit = quota.spend(access, at_ms)
    try:
        event_id = new_event_id(at_ms)
        events.put(prepare(fields, access, event_id, at_ms))
    except (Refused, StoreError) as error:
        # Not where the store gave no answer: the event may be in it.
        quota.give_back(unit, error)
        raise
    if "trimmed" in fields:
        losses.note(access.project_id, "trimmed")
    return Accepted(event_id)


def _accept_once(
    sent: Fields | Refused, body: bytes, access: Access, idempotency_key: str
) -> Accepted:
    body_hash = hashlib.sha256(body).digest()
    at_ms = now_ms()
    fields = _parsed(sent)
    if isinstance(fields, Refused) or not quota.in_hand(access, at_ms):
        # A replay comes before a refusal, and takes no unit that another event may wait for.
        earlier = idempotency.find_answered(access.project_id, idempotency_key, at_ms)
        if earlier:
            return _replay(earlier, body_hash, access)
    if isinstance(fields, Refused):
        quota.check(access, at_ms)
        raise fields
    unit = quota.spend(access, at_ms)
    try:
        before, event_id = _put_once(fields, body_hash, access, idempotency_key)
    except (Refused, StoreError) as error:
        quota.give_back(unit, error)
        raise
    if before is None:
        return Accepted(event_id)
    quota.give_back(unit)
    return _replay(before, body_hash, access)


def _parsed(sent: Fields | Refused) -> Fields | Refused:
    if isinstance(sent, Refused):
        return sent
    try:
        return parse(sent)
    except Refused as refused:
        return refused


def _put_once(
    fields: Fields, body_hash: bytes, access: Access, idempotency_key: str
) -> tuple[idempotency.Answered | None, str]:
    """Store an event under a key; what was stored under it before, and the event's id."""
    for _ in attempts(_TRIES):
        at_ms = now_ms()
        event_id = new_event_id(at_ms)
        answered = idempotency.Answered(event_id, body_hash)
        record = idempotency.record_put(access.project_id, idempotency_key, answered, at_ms)
        try:
            before = events.put_once(prepare(fields, access, event_id, at_ms), record)
        except StoreError as error:
            if not error.reasons:
                raise
            # The transaction of another request with the same key is under way, or just over.
            before = idempotency.find_answered(access.project_id, idempotency_key, at_ms)
            if before is None:
                continue
        if before is None and "trimmed" in fields:
            losses.note(access.project_id, "trimmed")
        return before, event_id
    raise UnavailableError


def _replay(earlier: idempotency.Answered, body_hash: bytes, access: Access) -> Accepted:
    mismatch = earlier.body_hash != body_hash
    if mismatch:
        # Where the operator can see it, and count it with a metric filter.
        logger.warning("idempotency mismatch", extra={"project_id": access.project_id})
        losses.note(access.project_id, "mismatch")
    return Accepted(earlier.event_id, replayed=True, mismatch=mismatch)


def prepare(fields: Fields, access: Access, event_id: str, at_ms: int) -> Item:
    """The item of an event: grouped, packed, with the time it expires.

    `fields` get what grouped them, and `trimmed` where the item does not hold all of them.
    """
    fingerprint = fields.get("fingerprint")
    if fingerprint is None:
        fields["fingerprint"] = fingerprint = v1.fingerprint(fields)
        fields["grouping"] = "v1"
    payload, trimmed = pack_or_trim(fields)
    if trimmed:
        fields["trimmed"] = True
    project_id = access.project_id
    return events.item(
        project_id,
        event_id,
        issue_id(project_id, fingerprint),
        fields.get("release"),
        payload,
        at_ms // 1000 + access.retention_days * _DAY_S,
    )
