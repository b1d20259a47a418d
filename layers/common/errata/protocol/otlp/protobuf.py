"""Decodes and encodes protobuf, as much of it as OTLP needs.

A message is decoded into the objects that OTLP's JSON has for it, so `records` reads only one form.
Google's library would add 1.7 MB and 21 ms to a start, and decodes all of a request before its
parts can be counted. Source: protobuf.dev, "Encoding".
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from errata.errors import BodyTooLargeError, InvalidInputError

# The most fields of a request that are decoded. Without this limit, 8 MiB could have millions.
MAX_FIELDS = 500_000
# The most messages inside each other: an attribute may be a list of lists. What is deeper is left
# out.
MAX_DEPTH = 24
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_MAX_SHIFT = 63
_SIGN, _RANGE = 1 << 63, 1 << 64

type ScalarKind = Literal["number", "signed", "bool", "time", "double", "text", "hex", "bytes"]
type FieldType = MessageType | list[MessageType] | ScalarKind


@dataclass(slots=True)
class MessageType:
    """The fields of a message by number: name in JSON, and kind. A list: the field is repeated."""

    fields: Mapping[int, tuple[str, FieldType]]


class MalformedError(InvalidInputError):
    """400: the bytes are not protobuf."""

    def __init__(self, problem: str) -> None:
        super().__init__({"body": [f"The body is not valid protobuf: {problem}."]})


class Decoder:
    """Decodes the messages of one request. Counts their fields."""

    def __init__(self) -> None:
        self._left = MAX_FIELDS

    def fields(self, data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
        """Yield the number, the wire type and the content of each field.

        Raises:
            MalformedError: the bytes are not protobuf.
            BodyTooLargeError: the request has more than `MAX_FIELDS` fields.
        """
        at, end = 0, len(data)
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise BodyTooLargeError(f"The request has more than {MAX_FIELDS} fields.")
            key, at = _varint(data, at)
            wire = key & 7
            content: int | bytes
            if wire == _VARINT:
                content, at = _varint(data, at)
            else:
                if wire == _BYTES:
                    size, at = _varint(data, at)
                elif wire == _EIGHT:
                    size = 8
                elif wire == _FOUR:
                    size = 4
                else:
                    raise MalformedError(f"wire type {wire}")
                if size > end - at:
                    raise MalformedError("a field is cut short")
                content = data[at : at + size]
                at += size
            yield key >> 3, wire, content

    def messages(self, data: bytes, number: int) -> Iterator[bytes]:
        """Yield the bytes of the messages in a repeated field.

        Raises:
            HTTPError: see `fields`.
        """
        for found, _, content in self.fields(data):
            if found == number and isinstance(content, bytes):
                yield content

    def decode(self, data: bytes, message: MessageType, depth: int = 0) -> dict[str, Any]:
        """Return a message as an object. Unknown fields are left out.

        Raises:
            HTTPError: see `fields`.
        """
        decoded: dict[str, Any] = {}
        for number, wire, content in self.fields(data):
            if number not in message.fields:
                continue
            name, part = message.fields[number]
            if isinstance(part, str):
                value = _scalar(part, wire, content)
            elif depth == MAX_DEPTH or not isinstance(content, bytes):
                continue
            elif isinstance(part, list):
                decoded.setdefault(name, []).append(self.decode(content, part[0], depth + 1))
                continue
            else:
                value = self.decode(content, part, depth + 1)
            if value is not None:  # None: the wire type does not fit the kind
                decoded[name] = value
        return decoded


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at a position, and the position after it."""
    value = shift = 0
    try:
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value % _RANGE, at
            shift += 7
            if shift > _MAX_SHIFT:
                raise MalformedError("a number is too long")
    except IndexError:
        raise MalformedError("a number is cut short") from None


def _scalar(kind: ScalarKind, wire: int, content: int | bytes) -> Any:
    """Return a value, None if the wire type is not that of its kind."""
    if isinstance(content, int):
        if kind == "bool":
            return content != 0
        if kind == "signed":
            return content - _RANGE if content >= _SIGN else content
        return content if kind == "number" else None
    if wire == _EIGHT:
        if kind == "time":
            return int.from_bytes(content, "little")
        return struct.unpack("<d", content)[0] if kind == "double" else None
    if wire != _BYTES:
        return None
    if kind == "text":
        return content.decode("utf-8", "replace")
    if kind == "hex":
        return content.hex()
    return content if kind == "bytes" else None


def number_field(number: int, value: int) -> bytes:
    """Return the bytes of a field with a number, none for zero."""
    return _encoded(number << 3 | _VARINT) + _encoded(value) if value else b""


def bytes_field(number: int, value: bytes) -> bytes:
    """Return the bytes of a field with a text or a message, none for an empty one."""
    if not value:
        return b""
    return _encoded(number << 3 | _BYTES) + _encoded(len(value)) + value


def _encoded(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
