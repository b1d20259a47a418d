"""Templates, and how they show values."""

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from errata.models.buckets import HOUR_MS
from errata.models.event import received_ms
from errata.models.ids import DAY_MS, minted_ms
from errata.models.verdict import age
from errata.protocol.read import iso
from functions.dashboard import charts
from functions.dashboard.routing import RequestContext, etag
from functions.dashboard.text import breakable, exact, fit, visible
from functions.dashboard.web import PageRequest, PageResponse

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HERE = Path(__file__).parent
environment = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    finalize=visible,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)


def static(name: str) -> str:
    """Return the URL of a static file, which browsers may cache forever."""
    return f"static/{STATIC_TAGS[name]}/{name}"


STATIC = {file.name: file.read_bytes() for file in sorted((HERE / "static").iterdir())}
STATIC_TAGS = {name: etag(content) for name, content in STATIC.items()}


def ago(then_ms: int, now_ms: int) -> str:
    """Return an age in its largest unit: `5 min ago`, `3 h ago`, `12 d ago`, or `just now`."""
    return f"{age(then_ms, now_ms)} ago" if now_ms - then_ms >= 60_000 else "just now"


@lru_cache(maxsize=32)
def _zone(name: str) -> tzinfo:
    """Return a time zone; UTC for "", and if the zone does not exist any more."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def _local(at_ms: int, zone: str) -> datetime | None:
    """Return a time in a time zone, None if it is not within the years 1 to 9999."""
    try:
        return (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(_zone(zone))
    except OverflowError:
        return None


def _absolute(at_ms: int, zone: str) -> str:
    """Return a time as `2026-11-22 14:05:09 CET`."""
    local = _local(at_ms, zone)
    if local is None:
        return f"{iso(at_ms)[:19].replace('T', ' ')} UTC"
    return f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}"


def timestamp(then_ms: int | None, now_ms: int, zone: str = "") -> Markup:
    """Return a relative time. Hovering shows the absolute one, in the reader's time zone.

    If the reader has not chosen a zone, it is UTC, and dashboard.js shows that of the browser.
    """
    if then_ms is None:
        return Markup("")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        iso(then_ms), _absolute(then_ms, zone), ago(then_ms, now_ms)
    )


def clock(then_ms: int, zone: str = "") -> Markup:
    """Return a time of day in the reader's time zone, as `timestamp` does."""
    at = iso(then_ms)
    local = _local(then_ms, zone)
    shown = f"{local:%H:%M:%S}.{then_ms % 1000:03d}" if local else at[11:23]
    return Markup('<time class="clock" datetime="{}" title="{}">{}</time>').format(
        at, _absolute(then_ms, zone), shown
    )


def date_time(then_ms: int, zone: str = "") -> Markup:
    """Return a date and time in the reader's time zone, as `timestamp` does."""
    return Markup('<time class="moment" datetime="{}">{}</time>').format(
        iso(then_ms), _absolute(then_ms, zone)
    )


def minute(then_ms: int, now_ms: int, zone: str = "") -> Markup:
    """Return a date and time without seconds, as `timestamp` does. The year only if it differs."""
    local, now = _local(then_ms, zone), _local(now_ms, zone)
    if local is None or now is None:
        return date_time(then_ms, zone)
    year = "" if local.year == now.year else f" {local.year}"
    shown = f"{local.day} {local:%b}{year}, {local:%H:%M} {local.tzname()}"
    return Markup('<time class="minute" datetime="{}" title="{}">{}</time>').format(
        iso(then_ms), _absolute(then_ms, zone), shown
    )


def zone_name(now_ms: int, zone: str = "") -> str:
    """Return the name of the reader's time zone, such as `CET`, UTC if none is chosen."""
    local = _local(now_ms, zone)
    return (local.tzname() if local else "") or "UTC"


def offset(by_ms: int) -> str:
    """Return how long before or after the event something was, such as `+2.4 s`."""
    seconds, sign = abs(by_ms) / 1000, "+" if by_ms > 0 else "\N{MINUS SIGN}"
    if seconds < 10:
        return f"{sign}{seconds:.1f} s"
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 5 * length:
            return f"{sign}{seconds // length:,.0f} {unit}"
    return f"{sign}{seconds:.0f} s"


def number(value: int) -> str:
    """Return a count, shortened where it is long: `1,234`, `56.7k`, `1.2M`."""
    if value < 10_000:
        return f"{value:,}"
    if value < 1_000_000:
        return f"{value / 1000:.1f}k"
    return f"{value / 1_000_000:.1f}M"


def last_days(days: dict[int, int], now_ms: int, length: int) -> list[int]:
    """Return counts by day since the epoch as a list that ends today."""
    today = now_ms // DAY_MS
    return [days.get(day, 0) for day in range(today - length + 1, today + 1)]


def last_hours(hours: dict[int, int], now_ms: int, length: int) -> list[int]:
    """Return counts by hour since the epoch as a list that ends with the current hour."""
    newest = now_ms // HOUR_MS
    return [hours.get(hour, 0) for hour in range(newest - length + 1, newest + 1)]


def short_day(day: int) -> str:
    """Return a day since the epoch without its year: `22 Nov`."""
    at = datetime.fromtimestamp(day * DAY_MS // 1000, UTC)
    return f"{at.day} {at:%b}"


def hour_name(hour: int, zone: str = "") -> str:
    """Return an hour since the epoch as a time of day in the reader's time zone: `14:00`."""
    local = _local(hour * HOUR_MS, zone)
    return f"{local:%H:%M}" if local else f"{hour % 24:02d}:00"


def clip(value: Any, most: int) -> str:
    """Return up to `most` characters of a text, and twice as many bytes. Cut ones end in “…”."""
    text = "" if value is None else str(value)
    short = fit(text, most, 2 * most)
    return text if short == text else fit(text, most - 1, 2 * most) + "…"


environment.globals.update(
    clip=clip,
    offset=offset,
    minted_ms=minted_ms,
    received_ms=received_ms,
    static=static,
    number=number,
    sparkline=charts.sparkline,
    chart=charts.chart,
    issue_chart=charts.issue_chart,
)
environment.filters["exact"] = exact
environment.filters["breakable"] = breakable


def page(
    request: PageRequest,
    template: str,
    now_ms: int,
    status: int = 200,
    ctx: RequestContext | None = None,
    **values: Any,
) -> PageResponse:
    """Return a page; for htmx, only the part that changes. `ctx` is None without a sign-in."""
    zone = ctx.user.preferences.zone if ctx else ""
    content = environment.get_template(template).render(
        root=request.root,
        ctx=ctx,
        partial=request.partial,
        timestamp=lambda then_ms: timestamp(then_ms, now_ms, zone),
        clock=lambda then_ms: clock(then_ms, zone),
        date_time=lambda then_ms: date_time(then_ms, zone),
        minute=lambda then_ms: minute(then_ms, now_ms, zone),
        zone_name=Markup('<span class="zone">{}</span>').format(zone_name(now_ms, zone)),
        now_ms=now_ms,
        **values,
    )
    return PageResponse(content, status)
