"""Computes the fingerprint of an event and its reason."""

import hashlib
import json
from typing import NamedTuple

from errata.grouping.v2 import client, engines, message, names, stack
from errata.models.event import Event

MAX_REASON = 500


class Grouping(NamedTuple):
    """The grouping of an event.

    `made_by` is `v2` or `client`. `grouped_by` is the reason for the fingerprint, in words.
    """

    fingerprint: str
    made_by: str
    grouped_by: str


def group(event: Event, fingerprint: object = None) -> Grouping:
    """Return the grouping of an event from an SDK. Every event has one.

    A fingerprint has 32 hex digits, except for a client's fingerprint with one part. That is used
    unchanged, as in the ingest API.

    Args:
        event: the fields that `errata.protocol.sentry` returns.
        fingerprint: what the SDK sent: an array of any values, a text, or None.
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


def _default(event: Event) -> stack.Why:
    """Return the default grouping of an event, as JSON and in words."""
    exceptions = stack.exceptions(event)
    if event.get("platform") in engines.PLATFORMS:
        said = exceptions[0].get("value") if exceptions else None
        if engines.fails_to_load(said or event.get("message")):
            return '["loading"]', "a part of the application that cannot be loaded"
    if found := stack.by_exceptions(event, exceptions):
        return found
    if text := message.of(event):
        return _logged(text, event.get("logger"))
    if found := stack.by_frames(event):
        return found
    transaction, path = event.get("transaction"), event.get("file")
    if isinstance(transaction, str) and (text := message.constant(transaction)):
        return _alone("transaction", text)
    if isinstance(path, str) and (text := names.file(path)):
        return _alone("file", text)
    return '["nothing"]', "nothing that tells it from others"


def _logged(text: str, logger: object) -> stack.Why:
    """Return the grouping of a message. The same text of two loggers is two issues."""
    by = names.name(logger) if isinstance(logger, str) else ""
    if not by:
        return _alone("message", text)
    return json.dumps(["message", text, by]), f"message: {text} (logger {by})"


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
