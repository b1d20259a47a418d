"""The order in which v2 asks an event what groups it."""

import hashlib
import json
from dataclasses import dataclass

from errata.grouping.v2 import client, message, names, stack
from errata.models.event import Fields

MAX_REASON = 500


@dataclass(frozen=True, slots=True)
class Grouping:
    """A `fingerprint`, what made it (`v2` or `client`), and why it is this one, for people."""

    fingerprint: str
    made_by: str
    grouped_by: str


def group(event: Fields, fingerprint: object = None) -> Grouping:
    """What groups an event of an SDK; every event has something that does.

    `event` has the fields that `errata.protocol.sentry` makes of it; `fingerprint` is what the SDK
    sent: an array of anything, a text, or None. Fingerprints are 32 hex digits, but for a client's
    that has one part: it is used as it is, as by the ingest API.
    """
    parts = client.parts(fingerprint)
    if not parts:
        by, reason = _default(event)
        return Grouping(_digest(by), "v2", _short(reason))
    default = reason = ""
    if client.asks_for_default(parts):
        by, reason = _default(event)
        default = _digest(by)
    filled = client.filled(parts, event, default)
    own = filled[0] if len(filled) == 1 else _digest(json.dumps(["client", filled]))
    return Grouping(own, "client", _short(client.reason(parts, filled, reason)))


def _default(event: Fields) -> stack.Why:
    """What groups an event without a fingerprint of its own, as JSON, and the same for people."""
    if found := stack.by_exceptions(event):
        return found
    if text := message.of(event):
        return _alone("message", text)
    if found := stack.by_frames(event):
        return found
    transaction, path = event.get("transaction"), event.get("file")
    if isinstance(transaction, str) and (text := message.constant(transaction)):
        return _alone("transaction", text)
    if isinstance(path, str) and (text := names.file(path)):
        return _alone("file", text)
    return '["nothing"]', "nothing that tells it from others"


def _alone(what: str, text: str) -> stack.Why:
    return json.dumps([what, text]), f"{what}: {text}"


def _digest(by: str) -> str:
    # JSON keeps the parts apart ("ab" + "c" is not "a" + "bc").
    return hashlib.sha256(by.encode()).hexdigest()[:32]


def _short(reason: str) -> str:
    if len(reason) > MAX_REASON:
        reason = reason[: MAX_REASON - 1] + "…"
    if reason.isprintable():
        return reason
    return "".join(each if each.isprintable() else " " for each in reason)
