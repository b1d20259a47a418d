"""Sentry's envelopes: bytes in, headers and items out. No item's content is known here.

Source: the SDK development documentation, "Envelopes", whose grammar is

    Envelope = Headers { "\\n" Item } [ "\\n" ]
    Item     = Headers "\\n" Payload

with headers that are JSON objects of one line. A payload has the `length` that its header says, and
then ends with a line feed or with the envelope; without one it goes on to the next line feed.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from errata.errors import Invalid
from errata.protocol.body import parse_object

# Far beyond what an SDK sends: an envelope holds one event with its attachments, or a batch of
# another kind of item.
MAX_ITEMS = 100
MAX_HEADER_BYTES = 64 * 1024

_END_OF_LINE = b"\n"


@dataclass(frozen=True, slots=True)
class Item:
    """A part of an envelope, with the `type` that its header gives."""

    type: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """What an envelope holds. `problem` says why it was not read to its end; empty if it was."""

    headers: dict[str, Any]
    items: tuple[Item, ...]
    problem: str = ""

    @property
    def event(self) -> bytes | None:
        """The payload of its event, which is one at most; None without one."""
        return next((item.payload for item in self.items if item.type == "event"), None)


class _State(Enum):
    """What comes next."""

    HEADERS = auto()
    ITEM_HEADERS = auto()
    PAYLOAD = auto()
    END = auto()


class _Broken(Exception):
    """The grammar does not hold from here on."""


def parse(body: bytes) -> Envelope:
    """The headers and items of an envelope.

    What is wrong in the middle costs what comes after it alone: where an item ends is not known
    without its header.

    Raises:
        Invalid: not even the headers can be read.
    """
    reader = _Reader(body)
    problem = ""
    try:
        while reader.state is not _State.END:
            reader.step()
    except _Broken as broken:
        if reader.state is _State.HEADERS:
            raise Invalid({"body": [f"The envelope cannot be read: {broken}."]}) from None
        problem = str(broken)
    return Envelope(reader.headers, tuple(reader.items), problem)


class _Reader:
    """A state machine over the bytes of an envelope; each step moves on or raises."""

    def __init__(self, body: bytes) -> None:
        self.state = _State.HEADERS
        self.headers: dict[str, Any] = {}
        self.items: list[Item] = []
        self._body = body
        self._at = 0
        self._item: dict[str, Any] = {}

    def step(self) -> None:
        """Read what comes next.

        Raises:
            _Broken: it is not what the grammar says.
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
                    raise _Broken(f"it has more than {MAX_ITEMS} items")
                else:
                    self._item = self._header_line(f"the headers of item {len(self.items) + 1}")
                    self.state = _State.PAYLOAD
            case _State.PAYLOAD:
                payload = self._payload()
                kind = self._item.get("type")
                self.items.append(Item(kind if isinstance(kind, str) else "", payload))
                self.state = _State.ITEM_HEADERS

    def _skip_empty_lines(self) -> None:
        # The grammar has one line feed at the end; SDKs were seen to write several.
        while self._body.startswith(_END_OF_LINE, self._at):
            self._at += 1

    def _header_line(self, name: str) -> dict[str, Any]:
        end = self._line_end()
        if end - self._at > MAX_HEADER_BYTES:
            raise _Broken(f"{name} are longer than {MAX_HEADER_BYTES} bytes")
        try:
            headers = parse_object(self._body[self._at : end])
        except Invalid:
            raise _Broken(f"{name} are not a JSON object on a line of their own") from None
        self._at = min(end + 1, len(self._body))
        return headers

    def _payload(self) -> bytes:
        start, length = self._at, self._item.get("length")
        if length is None:
            end = self._line_end()
        elif type(length) is not int or length < 0:
            raise _Broken(f"the length of item {len(self.items) + 1} is not a number of bytes")
        else:
            end = start + length
            if end > len(self._body):
                raise _Broken(f"item {len(self.items) + 1} is cut short")
            if end < len(self._body) and not self._body.startswith(_END_OF_LINE, end):
                raise _Broken(f"item {len(self.items) + 1} does not end where its length says")
        self._at = min(end + 1, len(self._body))
        return self._body[start:end]

    def _line_end(self) -> int:
        end = self._body.find(_END_OF_LINE, self._at)
        return len(self._body) if end < 0 else end
