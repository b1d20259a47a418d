"""When the runs of a schedule are due: crontabs with time zones, and intervals.

A crontab has five fields, as Debian's cron has them: minute, hour, day of the month, month, day of
the week. Names (`mon`, `jan`), ranges, steps, lists, `L` for the last day of a month, and the short
forms (`@daily`) are known. If both days are restricted, one that matches either is due.

Clocks change: a run at an hour that does not exist is due right after it, one at an hour that comes
twice is due once. Schedules whose minute or hour begins with `*` follow the hours that pass.

Source: crontab(5) and cron(8) of Debian.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from errata.models.monitor import MonitorConfig

_SHORT = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTH_NAMES = "jan feb mar apr may jun jul aug sep oct nov dec"
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES.split(), 1)}
_WEEKDAYS = {
    name: number for number, name in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])
}
_LAST = 99  # stands for the last day of a month; no field has such a number
MAX_CRONTAB = 100
# A day that is a 29th of February and a Monday comes after 40 years at most.
_MAX_DAYS = 366 * 41
_SECONDS = {"minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
_MONTHS_OF = {"month": 1, "year": 12}
_MINUTE = timedelta(minutes=1)


class ScheduleError(ValueError):
    """A schedule that cannot be used. The text says why."""


@dataclass(frozen=True, slots=True)
class _Crontab:
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    passing: bool

    def is_due_on(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        is_last = (day + timedelta(days=1)).day == 1
        of_month = day.day in self.days or (is_last and _LAST in self.days)
        of_week = day.isoweekday() % 7 in self.weekdays
        return of_month or of_week if self.either_day else of_month and of_week

    def local_times(self, after: datetime) -> Iterator[datetime]:
        """Yield the times on the wall after one, without a time zone."""
        day = after.date()
        for _ in range(_MAX_DAYS):
            if self.is_due_on(day):
                for hour in self.hours:
                    for minute in self.minutes:
                        found = datetime(day.year, day.month, day.day, hour, minute)
                        if found > after:
                            yield found
            day += timedelta(days=1)


def next_ms(config: MonitorConfig, after_ms: int) -> int:
    """Return when the first run after a time is due, in milliseconds.

    Raises:
        ScheduleError: the schedule cannot be used.
    """
    after = datetime.fromtimestamp(after_ms / 1000, UTC)
    try:
        if config.crontab:
            found = _next_of(_parse(config.crontab), _zone(config.timezone), after)
        else:
            found = _later(config, after)
    except OverflowError:
        raise ScheduleError("The next run would be after the year 9999.") from None
    return round(found.timestamp() * 1000)


def _later(config: MonitorConfig, after: datetime) -> datetime:
    if config.every < 1:
        raise ScheduleError("An interval must be at least 1.")
    if seconds := _SECONDS.get(config.unit):
        return after + timedelta(seconds=seconds * config.every)
    months = after.year * 12 + after.month - 1 + _MONTHS_OF[config.unit] * config.every
    year, month = divmod(months, 12)
    if year > 9999:
        raise OverflowError
    first = after.replace(year=year, month=month + 1, day=1)
    # The 31st of a shorter month is its last day.
    in_month = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return first.replace(day=min(after.day, in_month.day))


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ScheduleError(f"There is no time zone {name!r}.") from None


def _next_of(crontab: _Crontab, zone: tzinfo, after: datetime) -> datetime:
    if crontab.passing:
        return _next_passing(crontab, zone, after)
    # An hour earlier, in case the clock has been set back since.
    on_wall = after.astimezone(zone).replace(tzinfo=None) - timedelta(hours=3)
    for wall in crontab.local_times(on_wall):
        found = _first_at(wall, zone)
        if found > after:
            return found
    raise ScheduleError("It matches no day.")


def _first_at(wall: datetime, zone: tzinfo) -> datetime:
    """Return when the clock on the wall first shows a time, or a later one if it skips it."""
    found = wall.replace(tzinfo=zone).astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == wall:
        return found
    # `wall` is in a gap. By the time before it, it is `found`, which is after the gap's end.
    end = _change(found - timedelta(hours=3), found, zone)
    return end or found


def _next_passing(crontab: _Crontab, zone: tzinfo, after: datetime) -> datetime:
    at = after.replace(second=0, microsecond=0) + _MINUTE
    for _ in range(1_000):
        wall = at.astimezone(zone).replace(tzinfo=None)
        following = next(crontab.local_times(wall - _MINUTE), None)
        if following is None:
            raise ScheduleError("It matches no day.")
        found = at + (following - wall)
        changed = _first_change(at, found, zone)
        if changed is None:
            return found
        at = changed  # the clock is changed before that: look on from there
    raise ScheduleError("It matches no day.")


def _first_change(start: datetime, end: datetime, zone: tzinfo) -> datetime | None:
    """Return when the clock is first changed between two times. None: it is not.

    Clocks are set forward and back once a year, so it is enough to look at each 20 days.
    """
    before = start
    while before < end:
        after = min(before + timedelta(days=20), end)
        if _offset(after, zone) != _offset(before, zone):
            return _change(before, after, zone)
        before = after
    return None


def _change(start: datetime, end: datetime, zone: tzinfo) -> datetime | None:
    """Return the minute in which the clock is changed between two times. None: it is not."""
    if _offset(start, zone) == _offset(end, zone):
        return None
    before = start
    while end - before > _MINUTE:
        middle = (before + (end - before) / 2).replace(second=0, microsecond=0)
        if middle <= before:
            middle = before + _MINUTE
        if _offset(middle, zone) == _offset(start, zone):
            before = middle
        else:
            end = middle
    return end.replace(second=0, microsecond=0)


def _offset(at: datetime, zone: tzinfo) -> timedelta | None:
    return at.astimezone(zone).utcoffset()


# ------------------------------------------------------------------ reading a crontab


@lru_cache(maxsize=1_024)
def _parse(text: str) -> _Crontab:
    text = text.strip().lower()
    fields = _SHORT.get(text, text).split()
    if len(text) > MAX_CRONTAB or len(fields) != 5:
        raise ScheduleError("A crontab has five fields: minute, hour, day, month, day of the week.")
    minute, hour, day, month, weekday = fields
    return _Crontab(
        minutes=tuple(sorted(_field(minute, "minute", 0, 59, {}))),
        hours=tuple(sorted(_field(hour, "hour", 0, 23, {}))),
        days=frozenset(_field(day, "day of the month", 1, 31, {"l": _LAST})),
        months=frozenset(_field(month, "month", 1, 12, _MONTHS)),
        weekdays=frozenset(each % 7 for each in _field(weekday, "weekday", 0, 7, _WEEKDAYS)),
        either_day=day[0] not in "*?" and weekday[0] not in "*?",
        passing=minute[0] == "*" or hour[0] == "*",
    )


def _field(text: str, name: str, low: int, high: int, names: dict[str, int]) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        values, _, step = part.partition("/")
        if values in ("*", "?"):
            first, last = low, high
        else:
            start, dash, end = values.partition("-")
            first = _value(start, name, low, high, names)
            # `5/15` means `5-59/15`.
            last = _value(end, name, low, high, names) if dash else (high if step else first)
        if first == _LAST:
            found.add(_LAST)
            continue
        if first > last or (step and not _is_number(step)) or ("/" in part and not step):
            raise ScheduleError(f"This is no {name}: {part}")
        if step and not 0 < int(step) <= high:
            raise ScheduleError(f"This is no step of a {name}: {step}")
        found.update(range(first, last + 1, int(step or 1)))
    return found


def _value(text: str, name: str, low: int, high: int, names: dict[str, int]) -> int:
    if text in names:
        return names[text]
    if _is_number(text) and low <= int(text) <= high:
        return int(text)
    raise ScheduleError(f"This is no {name}: {text}")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 2
