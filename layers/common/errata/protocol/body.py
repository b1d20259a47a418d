"""Decompresses and parses request bodies as JSON. All endpoints share this."""

import binascii
import re
import zlib
from collections.abc import Callable
from typing import Any

from pydantic_core import from_json

from errata.errors import BodyTooLargeError, HTTPError, InvalidInputError

# The maximum size of an event, in bytes of JSON.
MAX_JSON_BYTES = 1024 * 1024
# What `Content-Encoding` may be, where others are refused with 415.
CODINGS = ("", "identity", "gzip", "x-gzip", "deflate")
# Each member of a gzip file causes a copy of the rest. This limits the number of copies.
_MAX_MEMBERS = 100

_GZIP_MAGIC = b"\x1f\x8b"
# Base64 of the first bytes of zlib data, of gzip data, and of an object in JSON.
_BASE64_STARTS = (b"eA", b"eF", b"eJ", b"eN", b"H4sI", b"ey")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Matches a lone surrogate and, as group 1, everything before it. It goes from escape to escape, so
# that an escaped backslash does not start one. A surrogate pair is one step. One match skips all
# other escapes: with a match for each, a body full of escapes would take much longer.
_UP_TO_LONE_SURROGATE = re.compile(
    rb"((?:[^\\]|\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?!u[dD][89a-fA-F][0-9a-fA-F]{2}).))*+)\\u[dD][89a-fA-F][0-9a-fA-F]{2}",
    re.DOTALL,
)


class ReadOnce[T]:
    """A value that is read at its first use. An error of reading is kept and raised again."""

    def __init__(self, read: Callable[[], T]) -> None:
        self._read = read
        self._outcome: T | HTTPError | None = None

    def get(self) -> T:
        """Return the value.

        Raises:
            HTTPError: reading failed, now or before.
        """
        if self._outcome is None:
            try:
                self._outcome = self._read()
            except HTTPError as error:
                self._outcome = error
        if isinstance(self._outcome, HTTPError):
            raise self._outcome
        return self._outcome


class JsonBody:
    """A request body that should contain a JSON object. It is parsed once, at its first use."""

    def __init__(self, sent: bytes, content_encoding: str = "") -> None:
        self._content = sent
        self._content_encoding = content_encoding
        self._object = ReadOnce(self._read)

    def _read(self) -> dict[str, Any]:
        self._content = decompress(self._content, self._content_encoding)
        return parse_object(self._content)

    def parsed(self) -> dict[str, Any]:
        """Return the object.

        Raises:
            BodyTooLargeError: more than `MAX_JSON_BYTES`.
            InvalidInputError: the compressed data is broken, or the content is not a JSON object.
        """
        return self._object.get()

    def get(self, name: str) -> Any:
        """Return a field of the object, None if it is missing or the body cannot be read."""
        try:
            return self.parsed().get(name)
        except HTTPError:
            return None

    def content(self) -> bytes:
        """Return the decompressed bytes, or the bytes as sent if they cannot be decompressed."""
        self.get("")
        return self._content


def decode_base64(body: bytes) -> bytes:
    """Return the content of a body in Base64. JSON, which never starts like it, stays unchanged.

    Raises:
        InvalidInputError: the Base64 is broken.
    """
    if not body.startswith(_BASE64_STARTS):
        return body
    try:
        return binascii.a2b_base64(body)
    except binascii.Error as error:
        raise InvalidInputError({"body": ["The body is broken Base64."]}) from error


def decompress(body: bytes, content_encoding: str = "", most: int = MAX_JSON_BYTES) -> bytes:
    """Return the body without gzip or deflate compression.

    The first bytes decide, because API Gateway decompresses a body with a `Content-Encoding` header
    and other servers do not. No JSON text starts like gzip or zlib. Only raw deflate has no
    signature; it is recognised by `content_encoding`.

    Raises:
        BodyTooLargeError: the result has more than `most` bytes. Decompression stops there.
        InvalidInputError: the compressed data is broken or incomplete.
    """
    window = _window(body, content_encoding)
    if window is not None:
        return _inflate(body, window, most)
    if len(body) > most:
        raise too_large(most)
    return body


def decompress_start(body: bytes, content_encoding: str, most: int) -> bytes:
    """Return the first `most` bytes of what `decompress` returns. Broken data ends earlier."""
    window = _window(body, content_encoding)
    if window is None:
        return body[:most]
    try:
        return zlib.decompressobj(window).decompress(body, most)
    except zlib.error:
        return b""


def _window(body: bytes, content_encoding: str) -> int | None:
    """Return the `wbits` with which zlib decompresses the body, None if it is not compressed."""
    if body.startswith(_GZIP_MAGIC):
        return 16 + zlib.MAX_WBITS
    if len(body) > 1 and body[0] & 0x0F == 8 and body[0] != 0x20 and not _header_check(body):
        return zlib.MAX_WBITS
    if content_encoding.strip().lower() == "deflate" and not body.lstrip().startswith((b"{", b"[")):
        return -zlib.MAX_WBITS
    return None


def too_large(most: int) -> BodyTooLargeError:
    """Return the exception for a body with more than `most` bytes."""
    return BodyTooLargeError(f"The body is larger than {most} bytes.")


def _header_check(body: bytes) -> int:
    """Return zero if the first two bytes are a zlib header (RFC 1950, section 2.2)."""
    return (body[0] << 8 | body[1]) % 31


def _inflate(body: bytes, window: int, most: int) -> bytes:
    parts: list[bytes] = []
    left = most
    try:
        # A gzip file may hold several members (RFC 1952, section 2.2).
        for _ in range(_MAX_MEMBERS):
            unpacker = zlib.decompressobj(window)
            parts.append(unpacker.decompress(body, left + 1))
            left -= len(parts[-1])
            if left < 0:
                raise too_large(most)
            if not unpacker.eof:
                raise zlib.error("cut short")
            body = unpacker.unused_data if window > zlib.MAX_WBITS else b""
            if not body:
                return b"".join(parts)
    except zlib.error as error:
        raise InvalidInputError(
            {"body": ["The compressed body is broken or cut short."]}
        ) from error
    raise InvalidInputError(
        {"body": [f"The compressed body has more than {_MAX_MEMBERS} members."]}
    )


def parse_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in a body. If a key is repeated, the last one counts.

    Lone surrogates become U+FFFD, so that the event is not lost. JavaScript's `JSON.stringify`
    writes them if a text was cut in the middle of a character.

    Raises:
        InvalidInputError: not JSON (NaN and Infinity are not allowed), or not an object.
    """
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        value = _parse_repaired(body, error)
    if type(value) is not dict:
        raise InvalidInputError({"body": ["The body must be a JSON object."]})
    return value


def _parse_repaired(body: bytes, error: ValueError) -> Any:
    repaired = body.removeprefix(_BYTE_ORDER_MARK)
    if repaired != body or "hex escape" in str(error):
        repaired = _replace_lone_surrogates(repaired)
        try:
            return from_json(repaired, allow_inf_nan=False)
        except ValueError as still:
            error = still
    raise InvalidInputError({"body": [f"The body is not valid JSON: {error}."]}) from error


def _replace_lone_surrogates(text: bytes) -> bytes:
    parts, at = [], 0
    while found := _UP_TO_LONE_SURROGATE.match(text, at):
        parts += [found[1], rb"\ufffd"]
        at = found.end()
    return b"".join([*parts, text[at:]])
