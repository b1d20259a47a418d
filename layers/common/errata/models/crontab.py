"""When the runs of a schedule are due: crontabs with time zones, and intervals.

cronsim reads crontabs as Debian's cron does, even when the clocks change: a run in an hour that
does not exist is due right after it, and a run in an hour that comes twice is due once. Only the
function that watches monitors has this package.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from errata.models.monitor import MAX_CRONTAB, MonitorConfig

# Short forms of crontab(5), which cronsim does not know. SDKs also send `?`, for any day.
_SHORT = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_SECONDS = {"minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
_MONTHS_OF = {"month": 1, "year": 12}


class ScheduleError(ValueError):
    """A schedule that cannot be used. The text says why."""


def next_ms(config: MonitorConfig, after_ms: int) -> int:
    """Return when the first run after a time is due, in milliseconds.

    Raises:
        ScheduleError: the schedule cannot be used.
    """
    after = datetime.fromtimestamp(after_ms / 1000, UTC)
    try:
        if config.crontab:
            found = _next_of(config.crontab, after.astimezone(_zone(config.timezone)))
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
    # In a shorter month, the last day stands for the 31st.
    in_month = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return first.replace(day=min(after.day, in_month.day))


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ScheduleError(f"There is no time zone {name!r}.") from None


def _next_of(crontab: str, after: datetime) -> datetime:
    text = crontab.strip().lower()
    fields = _SHORT.get(text, text).replace("?", "*").split()
    if len(text) > MAX_CRONTAB or len(fields) != 5:
        raise ScheduleError("A crontab has five fields: minute, hour, day, month, day of the week.")
    try:
        times = CronSim(" ".join(fields), after)
        # If an hour comes twice, cronsim finds runs of the first time during the second, too.
        return next(found for found in times if found.timestamp() > after.timestamp())
    except CronSimError as error:
        raise ScheduleError(f"{error}: {crontab}") from None
    except StopIteration:
        raise ScheduleError("The crontab matches no day.") from None
