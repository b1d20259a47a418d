"""IssuesTable: how many events a project had on each day.

| item | sk | what |
|---|---|---|
| day counter | `day#2026-11-22` | the project's events of one day, UTC |
"""

from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import lru_cache, partial

from errata.config import settings
from errata.models.issue import Day
from errata.models.visible import Visible
from errata.store.issue_items import to_day
from errata.store.items import batch_get, query, read_all, write_all

_EPOCH = date(1970, 1, 1).toordinal()
_MAX_THREADS = 8


def list_days(visible: Visible, first: str) -> dict[str, int]:
    """Return the number of events per day, starting with `first` (`2026-11-22`).

    Leaves out days without events, and expired days. Access pattern I6.
    """
    found = query(
        TableName=settings().issues_table,
        KeyConditionExpression="pk = :pk AND sk BETWEEN :start AND :end",
        ExpressionAttributeValues=write_all(
            {":pk": visible.partition, ":start": f"day#{first}", ":end": "day#~"}
        ),
        ConsistentRead=True,
    )
    days = [item for item in map(read_all, found) if item["ttl"] > visible.now_s]
    return {item["sk"].removeprefix("day#"): item["count"] for item in days}


def count_days(pks: Iterable[str], days: Iterable[str], now_s: int) -> dict[str, int]:
    """Return the sum of the events of these days (`2026-11-22`) for each partition.

    Leaves out partitions without events. Access pattern I13.
    """
    wanted = list(days)
    keys = [write_all({"pk": pk, "sk": f"day#{day}"}) for pk in pks for day in wanted]
    counts: dict[str, int] = defaultdict(int)
    for item in map(read_all, batch_get(settings().issues_table, keys)):
        if item["ttl"] > now_s:
            counts[item["pk"]] += item["count"]
    return counts


def recent_days(pks: Iterable[str], first: int, now_s: int) -> dict[str, dict[int, Day]]:
    """Return the days of each partition from `first` on, by day since the epoch.

    Leaves out days without events, and expired days. Events of the last second may be missing.
    Reads eight partitions at the same time: for fourteen days, a query costs a seventh of a
    BatchGetItem. Access pattern I26.
    """
    partitions = list(pks)
    with ThreadPoolExecutor(_MAX_THREADS) as threads:
        found = threads.map(partial(_days_of, first, now_s), partitions)
        return dict(zip(partitions, found, strict=True))


def _days_of(first: int, now_s: int, pk: str) -> dict[int, Day]:
    found = query(
        TableName=settings().issues_table,
        KeyConditionExpression="pk = :pk AND sk BETWEEN :start AND :end",
        ExpressionAttributeValues=write_all({":pk": pk, ":start": day_key(first), ":end": "day#~"}),
    )
    days = {
        day_number(item["sk"].removeprefix("day#")): to_day(item) for item in map(read_all, found)
    }
    return {day: each for day, each in days.items() if each.expires_at > now_s}


@lru_cache(maxsize=100)
def day_key(day: int) -> str:
    """Return the sort key of a day, which is given in days since the epoch."""
    return f"day#{date.fromordinal(_EPOCH + day)}"


def day_number(date_: str) -> int:
    """Return the day of a date such as `2026-11-22`, in days since the epoch."""
    return date.fromisoformat(date_).toordinal() - _EPOCH
