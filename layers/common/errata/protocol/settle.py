"""What people type to resolve or ignore an issue: a release, a duration, a number."""

import re
from collections.abc import Mapping

from errata.errors import InvalidInputError
from errata.models.issue import MAX_NAME, short_name
from errata.models.issue_change import IGNORE, REOPEN, RESOLVE, Change
from errata.models.settled import EVENTS, RISING, TIME, USERS

_UNITS_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
_DURATION = re.compile(r"([0-9]{1,9})([mhdw])")
_MAX_MS = 366 * 86_400_000
_MOST = 10**9
_FOR = ("ignore-1h", "ignore-24h", "ignore-7d")


def change_of(form: Mapping[str, str], now_ms: int) -> Change | None:
    """Return the change that a form of the dashboard asks for. None if it is another action.

    Raises:
        InvalidInputError: a field is invalid.
    """
    action = form.get("action", "")
    match action:
        case "resolve":
            return Change(RESOLVE)
        case "resolve-next":
            return Change(RESOLVE, in_next=True)
        case "resolve-in":
            return in_release(form.get("release", ""))
        case "ignore":
            return Change(IGNORE)
        case "ignore-rising":
            return Change(IGNORE, until=RISING)
        case "ignore-events":
            return until_more(EVENTS, form.get("until_events", ""))
        case "ignore-users":
            return until_more(USERS, form.get("until_users", ""))
        case "reopen":
            return Change(REOPEN)
    return for_time(action.removeprefix("ignore-"), now_ms) if action in _FOR else None


def in_release(name: str) -> Change:
    """Return the change that resolves issues in a release.

    Raises:
        InvalidInputError: it is no name of a release.
    """
    name = name.strip()
    if not name or short_name(name) != name or not name.isprintable():
        text = f"Name a release, such as shop@2.4.0, of at most {MAX_NAME} bytes."
        raise InvalidInputError({"release": [text]})
    return Change(RESOLVE, release=name)


def for_time(duration: str, now_ms: int) -> Change:
    """Return the change that ignores issues for a time such as `90m`, `24h`, `7d` or `2w`.

    Raises:
        InvalidInputError: it is no duration, or more than a year.
    """
    found = _DURATION.fullmatch(duration.strip())
    length = int(found[1]) * _UNITS_MS[found[2]] if found else 0
    if not 0 < length <= _MAX_MS:
        text = "Give a time of at most a year, such as 90m, 24h, 7d or 2w."
        raise InvalidInputError({"for": [text]})
    return Change(IGNORE, until=TIME, number=now_ms + length)


def until_more(what: str, number: str | int) -> Change:
    """Return the change that ignores issues until they have more `EVENTS` or `USERS`.

    Raises:
        InvalidInputError: it is no such number.
    """
    text = str(number).strip().replace(",", "")
    value = int(text) if re.fullmatch("[0-9]{1,10}", text) else 0
    if not 0 < value <= _MOST:
        message = f"Give a number of {what} from 1 to {_MOST:,}."
        raise InvalidInputError({f"until-{what}": [message]})
    return Change(IGNORE, until=what, number=value)
