"""Keep the values that an issue's events have had, to find new ones without reading rows.

An issue has a Bloom filter of 4,096 bits, four for each value. When a quarter of the bits are set,
after about 290 values, only releases are added. Until then, at most one new value in 256 is
mistaken for a known one; after 200 more releases, one in 25. Source: Bloom, "Space/time trade-offs
in hash coding with allowable errors" (1970).
"""

import hashlib
import re
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

RELEASE = "release"
# Begins the keys of tags.
TAG = "tag:"
# The keys that people search for, by the names of the fields. A tag is `tag:<name>`.
_OF_EVENT = (
    ("environment", "environment"),
    ("release", RELEASE),
    ("level", "level"),
    ("logger", "logger"),
    ("server_name", "server"),
    ("transaction", "transaction"),
    ("url", "url"),
)
_OF_USER = (("id", "user.id"), ("email", "user.email"))
# An issue has at most this many values of a key, and of all tags together.
MAX_VALUES = 200
ALL_BUT_RELEASES = "everything but releases"
MAX_TAGS = 50
# Each batch of events writes at most this many new values, and all new releases. Without a limit,
# new issues with tags of their own would cost fifty rows for each event.
MAX_NEW = 1_000
# UTF-8 bytes of a value, and of a tag's name.
MAX_VALUE = 200
# Characters of a release in its row. Its value row must have the same.
MAX_RELEASE = 1024
MAX_KEY = 64
_FILTER_BYTES = 512
_BITS = 4
_INDEX = _FILTER_BYTES * 8 - 1

_CUT = re.compile(r"~[0-9a-f]{16}\Z")

type KeyValue = tuple[str, str]


@dataclass(slots=True)
class SeenValues:
    """Which values of an issue have rows (`bits`), and how many for each key (`counts`).

    All tags together count as the key `tag`. To save bytes, a key with one value is not in
    `counts`.
    """

    bits: bytearray = field(default_factory=lambda: bytearray(_FILTER_BYTES))
    counts: dict[str, int] = field(default_factory=dict)

    def add_new(self, found: Mapping[KeyValue, bool], batch: set[KeyValue]) -> list[KeyValue]:
        """Add values. Return the new ones, and the known ones that are True in `found`.

        `batch` has the new values of all issues in the batch of events. Those of this issue are
        added to it. When it is full, other values are not added, and count as new the next time.

        Releases are added even then, up to `MAX_VALUES`: the number of open issues of a release
        depends on them.
        """
        new: list[KeyValue] = []
        place_left = self._place_left()
        at_least = 1 if any(self.bits) else 0
        counts = defaultdict[str, int](lambda: at_least, self.counts)
        for (key, value), is_new in found.items():
            bits = _bits(key, value)
            counted_as = key.partition(":")[0]
            if counts[counted_as] >= MAX_VALUES:
                continue
            if self._has(bits):
                if is_new:
                    new.append((key, value))
                continue
            full = place_left <= 0 or (len(batch) >= MAX_NEW and (key, value) not in batch)
            if full and key != RELEASE:
                continue
            for bit in bits:
                self.bits[bit >> 3] |= 1 << (bit & 7)
            place_left -= _BITS
            counts[counted_as] += 1
            new.append((key, value))
            batch.add((key, value))
        self.counts = {key: count for key, count in counts.items() if count > 1}
        return new

    def cut_keys(self) -> list[str]:
        """Return the keys that have reached a limit: the issue may have had more values of them."""
        if self._place_left() <= 0:
            return [ALL_BUT_RELEASES]
        names = {TAG.removesuffix(":"): "tags"}
        return [names.get(key, key) for key, n in self.counts.items() if n >= MAX_VALUES]

    def _place_left(self) -> int:
        """Return how many bits may still be set for values other than releases."""
        return _FILTER_BYTES * 8 // 4 - int.from_bytes(self.bits).bit_count()

    def has(self, key: str, value: str) -> bool:
        """Return whether a value was added. Rarely, it returns True for one that was not."""
        return self._has(_bits(key, value))

    def _has(self, bits: list[int]) -> bool:
        return all(self.bits[bit >> 3] >> (bit & 7) & 1 for bit in bits)

    def pack(self) -> bytes:
        """Return the filter, compressed: small as long as there are few values."""
        return zlib.compress(self.bits) if any(self.bits) else b""

    @classmethod
    def unpack(cls, packed: bytes, counts: Mapping[str, int]) -> "SeenValues":
        """Return what `pack` has packed. `b""` is the empty filter."""
        bits = bytearray(zlib.decompress(packed)) if packed else bytearray(_FILTER_BYTES)
        return cls(bits, dict(counts))


def _bits(key: str, value: str) -> list[int]:
    text = f"{key}={value}".encode()
    number = int.from_bytes(hashlib.blake2b(text, digest_size=_BITS * 2).digest())
    return [number >> 16 * n & _INDEX for n in range(_BITS)]


def searchable(event: Mapping[str, Any], known: set[KeyValue] | None = None) -> list[KeyValue]:
    """Return the values of an event that people search for, as stored in keys.

    Leaves out values in `known`, and adds the others to it, because most events of an issue have
    the same ones. This only applies to texts, and not to tags.
    """
    known = set() if known is None else known
    context = event.get("context")
    user = context.get("user") if isinstance(context, dict) else None
    found: list[KeyValue] = []
    for fields, keys in ((event, _OF_EVENT), (user, _OF_USER)):
        if not isinstance(fields, dict):
            continue
        for name, key in keys:
            value = fields.get(name)
            if isinstance(value, str):
                if value and (sent := (key, value)) not in known:
                    known.add(sent)
                    shown = value[:MAX_RELEASE] if key == RELEASE else value
                    found.append((key, short_value(shown)))
            elif _is_value(value):
                found.append((key, str(value)))
    found += [(tag_key(name), value) for name, value in searchable_tags(event.get("tags"))]
    return found


def searchable_tags(tags: object) -> Iterator[KeyValue]:
    """Yield names and shortened values of the tags that people can search for."""
    if isinstance(tags, dict):
        for name, value in islice(tags.items(), MAX_TAGS):
            if _is_value(value) and len(name.encode("utf-8", "replace")) <= MAX_KEY:
                yield name, short_value(str(value))


def _is_value(value: object) -> bool:
    return isinstance(value, str | int | float) and value != ""


def tag_key(name: str) -> str:
    """Return the key of a tag by its name."""
    # `=` ends a key.
    return f"{TAG}{name.replace('=', '_')}".encode("utf-8", "replace").decode()


def short_value(value: str) -> str:
    """Return a value as stored in keys. A long one becomes its beginning and a hash of it."""
    if len(value) <= MAX_VALUE and value.isascii():
        return value
    text = value.encode("utf-8", "replace")
    if len(text) <= MAX_VALUE:
        return text.decode()
    end = hashlib.blake2s(text, digest_size=8).hexdigest()
    return f"{text[: MAX_VALUE - 17].decode('utf-8', 'ignore')}~{end}"


def is_cut(stored: str) -> bool:
    """Return whether a value as stored in keys is the beginning and hash of a long one."""
    # Cutting may leave out up to three bytes of a character.
    cut = MAX_VALUE - 3 <= len(stored.encode()) <= MAX_VALUE
    return cut and bool(_CUT.search(stored))


def beginning(stored: str) -> str:
    """Return a value as stored in keys without the hash of a long one."""
    return _CUT.sub("", stored)
