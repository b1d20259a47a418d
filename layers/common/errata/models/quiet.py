"""Quiet hours of alert rules: `22:00-07:00 Europe/Vienna`."""

import re
from datetime import UTC, datetime, time, timedelta, tzinfo

_FORM = re.compile(
    r"((?:[01][0-9]|2[0-3]):[0-5][0-9])-((?:[01][0-9]|2[0-3]):[0-5][0-9])"
    r"(?: ([A-Za-z_]{1,40}(?:/[A-Za-z_+-]{1,40}){0,2}))?"
)


def is_quiet_hours(text: str) -> bool:
    """Return whether a text is valid quiet hours. A time zone in it must exist."""
    found = _FORM.fullmatch(text)
    return bool(found and found[1] != found[2] and (not found[3] or _zone(found[3])))


def quiet_until(text: str, now_ms: int) -> int:
    """Return when the current quiet hours end, in milliseconds; 0 if `now_ms` is not in them."""
    found = _FORM.fullmatch(text)
    if not found:
        return 0
    zone = _zone(found[3] or "UTC") or UTC
    now = datetime.fromtimestamp(now_ms / 1000, zone)
    begin, end = (time.fromisoformat(each) for each in found.groups()[:2])
    clock = now.time()
    is_quiet = begin <= clock < end if begin < end else clock >= begin or clock < end
    if not is_quiet:
        return 0
    day = now.date() + timedelta(days=1 if clock >= end else 0)
    return round(datetime.combine(day, end, zone).timestamp() * 1000)


def _zone(name: str) -> tzinfo | None:
    # Imported here, because digest imports this module when it starts and needs no time zones.
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
