"""Event types: normalised, stored and returned fields. Packs events for the store.

Every endpoint normalises what it receives to an `Event`. `usecases.prepare` makes a `StoredEvent`
of it, which `pack_or_trim` compresses. `protocol.read.to_event` makes the `ApiEvent` of a response.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Required, TypedDict

from pydantic_core import from_json, to_json

from errata.models.ids import minted_ms
from errata.models.seen_values import searchable_tags, short_value
from errata.models.titles import culprit, title
from errata.models.trimming import STEPS
from errata.models.zlib_dictionary import OF_SDKS

# DynamoDB's limit is 400 KB (409,600 bytes) per item, including keys and attribute names.
MAX_PACKED_BYTES = 400_000
# Fields from SDKs that the ingest API does not have. They keep the SDKs' names.
SDK_FIELDS = (
    "event_id",
    "platform",
    "logger",
    "transaction",
    "dist",
    "sentry_level",
    "sdk",
    "tags",
    "contexts",
    "extra",
    "modules",
    "logentry",
    "exceptions",
    "threads",
    "frames",
    "debug_meta",
    "other",
    "grouped_by",
    "problems",
    "scrubbed",
    "attachments",
)
# JSON with more bytes than this is large, for an event.
_LARGE = 10_000
# The year 9999, the last one that `datetime` supports.
_MOST_MS = 253_370_000_000_000

# Any JSON object: a request's body, or a part of an event such as a frame.
type Fields = dict[str, Any]
type Level = Literal["error", "warning", "info", "debug"]


class LegacyLevel(TypedDict):
    """The level of an error as a script sent it to `api.php`."""

    level: str


class LegacyEvent(TypedDict):
    """Fields that only the legacy API has: the event's number, and its level as sent."""

    id: int
    level: str | None


class Problem(TypedDict):
    """A part of an SDK's event that is not stored as sent: its path, such as `user.id`, and why."""

    field: str
    problem: str


class Scrubbed(TypedDict):
    """A place in an event where a secret was replaced: its path as sent, and the rule."""

    field: str
    rule: str


class _FromSdk(TypedDict, total=False):
    """Fields from SDKs that the ingest API does not have (`SDK_FIELDS`). They are returned as sent.

    Parts have the structure of the SDK development documentation, "Event Payloads".
    """

    event_id: str  # 32 hex digits, as SDKs write it
    platform: str
    logger: str
    transaction: str
    dist: str
    sentry_level: str  # the level as sent, if it is not one of `Level`
    sdk: Fields
    tags: dict[str, str]
    contexts: Fields
    extra: Fields
    modules: Fields
    logentry: Fields
    exceptions: list[Fields]  # each with its `frames`; the main one comes last
    threads: list[Fields]
    frames: list[Fields]  # of an event without exceptions, outermost first
    debug_meta: Fields
    other: Fields  # fields without a place here, such as `template` or `csp`, by name
    grouped_by: str  # why the fingerprint is what it is
    problems: list[Problem]
    attachments: list[Fields]  # filename, size, attachment_type and, if sent, content_type
    scrubbed: list[Scrubbed]  # also of events of the other endpoints


class Event(_FromSdk, total=False):
    """An event as an endpoint normalises it. Fields that were not sent are missing.

    Source: spec/ingest-api, "Body of an ingest".
    """

    message: str
    exception_class: str
    level: Level
    file: str
    line: int
    stack_trace: str
    context: Fields  # with the affected user in `user`
    url: str
    environment: str
    release: str
    server_name: str
    breadcrumbs: list[Fields]  # oldest first
    timestamp: str  # ISO 8601, by the client's clock
    source_map_url: str
    source_map: str
    minified_stack: str
    legacy: LegacyLevel  # only from the legacy API
    fingerprint: str  # missing until the event is grouped
    grouping: str  # `v1`, `v2` or `client`. Missing if the client of the ingest API grouped it.


class StoredEvent(Event, total=False):
    """An event as it is stored. It is grouped."""

    received_at: int  # in milliseconds, if the event's id does not tell it
    trimmed: list[str]  # the fields that were trimmed to fit the store


class ApiEvent(_FromSdk, total=False):
    """An event as the API returns it. Fields that were not sent are null, except for those of SDKs.

    Source: spec/ingest-api, "Reading".
    """

    id: Required[str]
    project_id: Required[str]
    issue_id: Required[str]
    received_at: Required[str]  # ISO 8601
    message: Required[str | None]
    exception_class: Required[str | None]
    level: Required[Level]
    file: Required[str | None]
    line: Required[int | None]
    stack_trace: Required[str | None]
    context: Required[Fields | None]
    url: Required[str | None]
    environment: Required[str | None]
    release: Required[str | None]
    server_name: Required[str | None]
    user: Required[Fields | None]  # a copy of the one in `context`
    breadcrumbs: Required[list[Fields] | None]
    timestamp: Required[str]
    fingerprint: Required[str]
    source_map_url: Required[str | None]
    source_map: Required[str | None]
    minified_stack: Required[str | None]
    grouping: Required[str]
    trimmed: Required[list[str]]
    legacy: LegacyEvent


@dataclass(frozen=True, slots=True)
class Stored:
    """An event as it is read from the store. `fields` are its unpacked fields.

    A `tally` has only the fields that digest counts (`errata.models.tally`).
    """

    project_id: str
    id: str
    issue_id: str
    expires_at: int  # seconds since the epoch
    fields: StoredEvent
    legacy_id: int | None = None
    tally: bool = False


def pack(event: StoredEvent) -> bytes:
    """Return the fields of an event as bytes to store. See `pack_or_trim`."""
    return pack_or_trim(event)[0]


def pack_or_trim(event: StoredEvent) -> tuple[bytes, bool]:
    """Return the fields as zlib-compressed JSON, and whether some were trimmed.

    The result has at most `MAX_PACKED_BYTES`. An event that is too large is trimmed step by step
    until it fits (`errata.models.trimming`). The field `trimmed` then lists the changed fields.
    Numbers that JSON does not have, such as an overflowed 1e999, become null.
    """
    packed = _compress(event)
    if len(packed) <= MAX_PACKED_BYTES:
        return packed, False
    smaller: Fields = {**event, "trimmed": []}
    for trim in STEPS:
        trim(smaller)
        packed = _compress(smaller)
        if len(packed) <= MAX_PACKED_BYTES:
            break
    return packed, True


def unpack(packed: bytes) -> StoredEvent:
    """Return the fields that `pack` received, except for those that it trimmed."""
    text = packed_json(packed)
    try:
        event: StoredEvent = from_json(text)
    except ValueError:
        # The stored JSON can be one level deeper than the received JSON, and then exceeds the
        # depth limit of `from_json`.
        event = json.loads(text)
    return event


def packed_json(packed: bytes) -> bytes:
    """Return the JSON of the fields that `pack` has packed.

    Raises:
        zlib.error: the bytes are not from `pack`.
    """
    unpacker = zlib.decompressobj(zdict=OF_SDKS)
    text = unpacker.decompress(packed)
    if not unpacker.eof:
        raise zlib.error("cut short")
    return text


def _compress(event: Mapping[str, Any]) -> bytes:
    text = to_json(event, inf_nan_mode="null")
    # For a large event of an SDK, level 4 is enough: level 6 takes 50 % longer and saves only 4 %.
    # For a smaller one, these 4 % are often a write unit.
    level = 4 if "event_id" in event and len(text) > _LARGE else 6
    packer = zlib.compressobj(level, zdict=OF_SDKS)
    return packer.compress(text) + packer.flush()


def received_ms(event_id: str, event: StoredEvent) -> int:
    """Return when an event was received, in milliseconds since the epoch.

    This is `received_at` if it is set, otherwise the time in the event's id. The id of an event
    from an SDK contains the time when the event happened.
    """
    known = event.get("received_at")
    return known if type(known) is int and 0 <= known < _MOST_MS else minted_ms(event_id)


def user_identity(event: StoredEvent) -> str | None:
    """Return a text that identifies the affected user, or None.

    It uses the first of these that is set: id, e-mail, user name, IP address.
    """
    context = event.get("context")
    user = context.get("user") if isinstance(context, dict) else None
    if isinstance(user, dict):
        for name in ("id", "email", "username", "ip_address"):
            if user.get(name) not in (None, "", "[Filtered]"):
                return f"{name}:{user[name]}"
    return None


# What digest and lists read of an event, besides its user.
_SUMMARY = (
    *("message", "exception_class", "level", "file", "line", "url", "received_at"),
    *("environment", "release", "server_name", "fingerprint", "grouping", "grouped_by"),
    *("transaction", "logger"),
)


def summary(event: StoredEvent, *, titled: bool = True) -> StoredEvent:
    """Return the fields that digest and lists of events read. If `titled`, with title and culprit.

    The other fields may be large: 1 MB of JSON such as `[[],[],…]` takes 20 MB as Python objects,
    and a batch has 100 events.
    """
    kept: Any = {name: event.get(name) for name in _SUMMARY if name in event}
    if titled:  # these need the exceptions, which are not kept
        kept["title"], kept["culprit"] = title(event), culprit(event)
    if "source_map_url" in event and "source_map" not in event:
        kept["source_map_url"] = event["source_map_url"]
    if identity := user_identity(event):
        name, _, value = identity.partition(":")
        email: Any = event["context"]["user"].get("email")
        of_email = {"email": short_value(email)} if isinstance(email, str) and email else {}
        kept["context"] = {"user": {**of_email, name: value}}
    kept["tags"] = dict(searchable_tags(event.get("tags")))
    fields: StoredEvent = kept
    return fields


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """What an earlier request with the same key stored, and the SHA-256 of its body."""

    event_id: str
    body_hash: bytes
