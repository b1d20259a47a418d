"""Event and issue ids. Event ids are UUIDv7 (RFC 9562, section 5.7), so they sort by time."""

import hashlib
import os
import re
import time

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_SDK_ID = re.compile(r"[0-9a-f]{32}")
DAY_MS = 86_400_000
# The first and the last millisecond of the years 1 to 9999, which `datetime` supports.
FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_300_799_999


def now_ms() -> int:
    """Return the current time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def day_name(day: int) -> str:
    """Return a day since the epoch as `2026-11-22`."""
    return time.strftime("%Y-%m-%d", time.gmtime(day * DAY_MS // 1000))


def new_event_id(at_ms: int) -> str:
    """Return a random UUIDv7 with the timestamp `at_ms`."""
    return _uuid7(at_ms, os.urandom(10).hex())


def named_event_id(at_ms: int, name: str) -> str:
    """Return a UUIDv7 that depends only on `at_ms` and `name`."""
    return _uuid7(at_ms, hashlib.blake2s(name.encode(), digest_size=10).hexdigest())


def sdk_event_id(value: object) -> str | None:
    """Return an SDK event id as 32 lower-case hex digits, or None if it is invalid.

    SDKs write it like this or as a UUID.
    """
    if not isinstance(value, str):
        return None
    compact = value.strip().replace("-", "").lower()
    return compact if _SDK_ID.fullmatch(compact) else None


def _uuid7(at_ms: int, random: str) -> str:
    """Return a UUIDv7. `random` has 20 hex digits, of which 74 bits are used."""
    variant = "89ab"[int(random[3], 16) & 3]
    stamp = f"{at_ms:012x}"
    return f"{stamp[:8]}-{stamp[8:]}-7{random[:3]}-{variant}{random[4:7]}-{random[7:19]}"


def floor_id(at_ms: int) -> str:
    """Return the smallest possible event id with the timestamp `at_ms`."""
    stamp = f"{max(at_ms, 0):012x}"
    return f"{stamp[:8]}-{stamp[8:]}-7000-8000-000000000000"


def minted_ms(event_id: str) -> int:
    """Return the timestamp in an event id, in milliseconds since the epoch."""
    return int(event_id[:8] + event_id[9:13], 16)


def issue_id(project_id: str, fingerprint: str) -> str:
    """Return the id of an issue. It depends only on the project and the fingerprint."""
    return hashlib.blake2s(f"{project_id}\0{fingerprint}".encode(), digest_size=16).hexdigest()
