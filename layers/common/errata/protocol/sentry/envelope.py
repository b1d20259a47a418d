"""Parses Sentry envelopes into headers and items. Does not parse the content of items.

Source: the SDK development documentation, "Envelopes". The grammar is

    Envelope = Headers { "\\n" Item } [ "\\n" ]
    Item     = Headers "\\n" Payload

Headers are JSON objects on one line. If an item's header has a `length`, its payload has that many
bytes, and a line feed or the end of the envelope follows. Otherwise the payload ends at the next
line feed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from errata.errors import InvalidInputError
from errata.protocol.body import MAX_JSON_BYTES, parse_object

# Far more than an SDK sends: an envelope contains one event with its attachments, or a batch of
# other items.
MAX_ITEMS = 100
# The most events of an envelope. The documentation allows one. Together, they have the size limit
# of one event.
MAX_EVENTS = 10
MAX_HEADER_BYTES = 64 * 1024
# The longest headers of an envelope, their line feed, and the usual headers of an item.
START_BYTES = MAX_HEADER_BYTES + 1024

# Errors in forms that Errata cannot read: types of items, and types of attachments. A readable
# `raw_security` item has become an event before this (`errata.protocol.sentry.security`).
_UNREADABLE_ITEMS = ("raw_security", "unreal_report")
_UNREADABLE_ATTACHMENTS = ("event.minidump", "event.applecrashreport")

# Items with what people have written (`errata.protocol.sentry.feedback`).
FEEDBACK = ("feedback", "user_report")
# An item with what a scheduled job says of a run (`errata.protocol.sentry.check_ins`).
CHECK_IN = "check_in"

_END_OF_LINE = b"\n"
_EMPTY_LINES = re.compile(rb"\n*")


@dataclass(frozen=True, slots=True)
class EnvelopeItem:
    """An item of an envelope. `type` is from its header, "" if that has none."""

    type: str
    payload: bytes
    headers: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def unreadable(self) -> bool:
        """Whether this is an error in a form that Errata cannot read."""
        return (
            self.type in _UNREADABLE_ITEMS
            or self.headers.get("attachment_type") in _UNREADABLE_ATTACHMENTS
        )


@dataclass(frozen=True, slots=True)
class Envelope:
    """A parsed envelope. `problem` says why parsing stopped early; "" if it did not."""

    headers: dict[str, Any]
    items: tuple[EnvelopeItem, ...]
    problem: str = ""

    @property
    def events(self) -> list[bytes]:
        """The payloads of the events. SDKs send at most one."""
        return [item.payload for item in self.items if item.type == "event"]

    @property
    def attachments(self) -> list[str]:
        """The names of the attachments."""
        return [
            str(item.headers.get("filename")) for item in self.items if item.type == "attachment"
        ]


def within_limits(events: Sequence[bytes]) -> Sequence[bytes]:
    """Return as many of the first events as one envelope may have. Always includes the first."""
    size = 0
    for number, event in enumerate(events):
        size += len(event)
        if number and (number == MAX_EVENTS or size > MAX_JSON_BYTES):
            return events[:number]
    return events


@dataclass(frozen=True, slots=True)
class Start:
    """The start of an envelope. The headers are {} if they are invalid.

    `has_event` is also True if the start has no complete item header. SDKs put an event before all
    other items, so an event may follow.
    """

    headers: dict[str, Any]
    has_event: bool


class _State(Enum):
    """The part of the envelope that comes next."""

    HEADERS = auto()
    ITEM_HEADERS = auto()
    PAYLOAD = auto()
    END = auto()


class _BrokenItemError(Exception):
    """The rest of the envelope does not follow the grammar."""


def parse_envelope(body: bytes) -> Envelope:
    """Return the headers and items of an envelope.

    After an error the rest is lost, because an item's end is not known without a valid header. The
    items before the error are kept.

    Raises:
        InvalidInputError: the headers of the envelope are invalid.
    """
    reader = _EnvelopeReader(body)
    problem = ""
    try:
        while reader.state is not _State.END:
            reader.step()
    except _BrokenItemError as broken:
        if reader.state is _State.HEADERS:
            raise InvalidInputError({"body": [f"The envelope cannot be read: {broken}."]}) from None
        problem = str(broken)
    return Envelope(reader.headers, tuple(reader.items), problem)


def parse_start(start: bytes) -> Start:
    """Return what is known from the first `START_BYTES` bytes of an envelope, or from all bytes."""
    reader = _EnvelopeReader(start)
    try:
        while reader.state is not _State.END:
            reader.step()
    except _BrokenItemError:
        # Usually the end of the start. The headers of an item may be known without its payload.
        if reader.state is _State.PAYLOAD:
            reader.items.append(reader.item(b""))
    has_event = not reader.items or any(
        item.type == "event" or item.unreadable for item in reader.items
    )
    return Start(reader.headers, has_event)


class _EnvelopeReader:
    """A state machine over the bytes of an envelope. Each step advances or raises."""

    def __init__(self, body: bytes) -> None:
        self.state = _State.HEADERS
        self.headers: dict[str, Any] = {}
        self.items: list[EnvelopeItem] = []
        self._body = body
        self._at = 0
        self._item: dict[str, Any] = {}

    def step(self) -> None:
        """Read the next part.

        Raises:
            _BrokenItemError: it does not follow the grammar.
        """
        match self.state:
            case _State.HEADERS:
                self.headers = self._header_line("its headers")
                self.state = _State.ITEM_HEADERS
            case _State.ITEM_HEADERS:
                self._skip_empty_lines()
                if self._at == len(self._body):
                    self.state = _State.END
                elif len(self.items) == MAX_ITEMS:
                    raise _BrokenItemError(f"it has more than {MAX_ITEMS} items")
                else:
                    self._item = self._header_line(f"the headers of item {len(self.items) + 1}")
                    self.state = _State.PAYLOAD
            case _State.PAYLOAD:
                payload = self._payload()
                self.items.append(self.item(payload))
                self.state = _State.ITEM_HEADERS

    def item(self, payload: bytes) -> EnvelopeItem:
        """Return the item whose headers were read last, with this payload."""
        kind = self._item.get("type")
        return EnvelopeItem(kind if isinstance(kind, str) else "", payload, self._item)

    def _skip_empty_lines(self) -> None:
        # The grammar allows one line feed at the end, but some SDKs write several.
        found = _EMPTY_LINES.match(self._body, self._at)
        self._at = found.end() if found else self._at

    def _header_line(self, name: str) -> dict[str, Any]:
        end = self._line_end()
        if end - self._at > MAX_HEADER_BYTES:
            raise _BrokenItemError(f"{name} are longer than {MAX_HEADER_BYTES} bytes")
        try:
            headers = parse_object(self._body[self._at : end])
        except InvalidInputError:
            raise _BrokenItemError(f"{name} are not a JSON object on a line of their own") from None
        self._at = min(end + 1, len(self._body))
        return headers

    def _payload(self) -> bytes:
        start, length = self._at, self._item.get("length")
        if length is None:
            end = self._line_end()
        elif type(length) is not int or length < 0:
            raise _BrokenItemError(
                f"the length of item {len(self.items) + 1} is not a number of bytes"
            )
        else:
            end = start + length
            if end > len(self._body):
                raise _BrokenItemError(f"item {len(self.items) + 1} is cut short")
            if end < len(self._body) and not self._body.startswith(_END_OF_LINE, end):
                raise _BrokenItemError(
                    f"item {len(self.items) + 1} does not end where its length says"
                )
        self._at = min(end + 1, len(self._body))
        return self._body[start:end]

    def _line_end(self) -> int:
        end = self._body.find(_END_OF_LINE, self._at)
        return len(self._body) if end < 0 else end
