"""The composition of an issue's page: its head, its summary, one event, all events."""

from collections.abc import Sequence
from typing import Any

from errata.models.buckets import HOUR_MS, RISING_EVENTS, RISING_FACTOR
from errata.models.ids import DAY_MS
from errata.models.issue import Issue, why_grouped
from errata.models.sketch import estimate
from errata.models.slug import short_id
from errata.models.verdict import RISING, Verdict, verdict
from errata.usecases import issue_refresh, slugs
from errata.usecases.issue_events import MOST_COUNTED, IssueView, Place
from errata.usecases.issue_values import shares
from functions.dashboard.byte_budget import ByteBudget
from functions.dashboard.charts import Bars
from functions.dashboard.event.parts import shown_event
from functions.dashboard.render import clip, hour_name, last_days, page, short_day
from functions.dashboard.routing import RequestContext
from functions.dashboard.web import Response

CHART_HOURS, CHART_DAYS = 24, 30
TITLE_BYTES = 3_000
_MOST_MARKS = 6


def composed(ctx: RequestContext, view: IssueView, event_id: str = "") -> Response:
    """Return the page of an issue with one of its events.

    `event_id`: of an event that the reader has already. It was not read, and is left out.
    """
    args = ctx.request.args
    event = (
        shown_event(view.event, raw="raw" in args, opened=args.get("frames") == "all")
        if view.event
        else None
    )
    below = f"{ctx.request.root}projects/{ctx.project.id}"
    return page(
        ctx.request,
        "issue.html",
        ctx.now_ms,
        ctx=ctx,
        view=view,
        shown=event,
        event_id=view.event.id if view.event else event_id,
        place=placed(view.place, view.issue) if view.event or event_id else "",
        events_path=f"{below}/events",
        issue_path=f"{below}/issues/{view.issue.id}" if view.issue else "",
        tags=[],
        **(_head(ctx, view, view.issue) if view.issue else {"issue": None}),
    )


def _head(ctx: RequestContext, view: IssueView, issue: Issue) -> dict[str, Any]:
    budget = ByteBudget(TITLE_BYTES)
    name, _, rest = issue.title.partition(": ")
    judged = verdict(issue, view.activity, ctx.now_ms)
    return {
        "issue": issue,
        "mark": issue_refresh.mark(ctx.session, ctx.visible, issue),
        "short_id": short_id(slugs.shown(ctx.project).slug, issue.number),
        "title": budget.take(issue.title),
        "title_class": budget.take(name) if rest else "",
        "title_rest": budget.take(rest or issue.title),
        "culprit": budget.take(issue.culprit),
        "verdict": judged,
        "users": estimate(issue.users),
        "last_hour": issue.buckets.last_hour(ctx.now_ms),
        "last_day": issue.buckets.last_day(ctx.now_ms),
        "grouped_by": why_grouped(issue.grouping, issue.grouped_by),
        "by_hour": _by_hour(issue, judged, view.releases, ctx.now_ms),
        "by_day": _by_day(issue, view.releases, ctx.now_ms),
        "environments": sorted(issue.environments, key=lambda each: -issue.environments[each])[:4],
        "shares": [
            (name, shares(counts, issue.count))
            for name, counts in (
                ("release", issue.releases),
                ("environment", issue.environments),
                ("server", issue.servers),
            )
            if counts
        ],
    }


def placed(place: Place, issue: Issue | None) -> str:
    """Return a note on the number of an event in its issue, "" if none is needed."""
    if issue is None:
        return "The issue was deleted, or this event is not counted yet."
    if not place.counted:
        return "This event is not counted yet."
    if place.number is None:
        return (
            f"Its number is not known: more than {MOST_COUNTED} events are newer, and"
            f" as many are older or older ones have expired."
        )
    if place.expired:
        return f"{place.expired:,} older event{'' if place.expired == 1 else 's'} expired."
    return ""


def _by_hour(issue: Issue, judged: Verdict, releases: dict[str, int], now_ms: int) -> Bars:
    counts = issue.buckets.hours
    newest = now_ms // HOUR_MS
    hours = range(newest - CHART_HOURS + 1, newest + 1)
    usual = issue.buckets.usual_hour(now_ms)
    marks = _marks(releases, hours[0] * HOUR_MS, (newest + 1) * HOUR_MS)
    total, hour = issue.buckets.last_day(now_ms), issue.buckets.last_hour(now_ms)
    label = (
        f"Events by hour (UTC) in the last 24 hours: {total:,}, of which {hour:,} in the last hour."
    )
    if usual >= 1:
        label += f" The usual number is {usual:,.0f} an hour."
    return Bars(
        "by-hour",
        label + _said(marks),
        [(hour_name(each), counts.get(each, 0)) for each in hours],
        "an hour",
        usual,
        max(RISING_EVENTS, RISING_FACTOR * usual) if judged.kind == RISING else None,
        marks,
    )


def _by_day(issue: Issue, releases: dict[str, int], now_ms: int) -> Bars:
    counts = last_days(issue.buckets.days, now_ms, CHART_DAYS)
    today = now_ms // DAY_MS
    marks = _marks(releases, (today - CHART_DAYS + 1) * DAY_MS, (today + 1) * DAY_MS)
    return Bars(
        "by-day",
        f"Events by day in the last 30 days: {sum(counts):,}, at most {max(counts):,} a day."
        + _said(marks),
        [(short_day(today - CHART_DAYS + 1 + n), count) for n, count in enumerate(counts)],
        "a day",
        marks=marks,
    )


def _marks(releases: dict[str, int], from_ms: int, to_ms: int) -> list[tuple[str, float]]:
    """Return releases first seen in a period, each with its place in the period: 0 to 1."""
    within = sorted((at, name) for name, at in releases.items() if from_ms <= at < to_ms)
    span = to_ms - from_ms
    return [(clip(name, 30), (at - from_ms) / span) for at, name in within[-_MOST_MARKS:]]


def _said(marks: Sequence[tuple[str, float]]) -> str:
    names = ", ".join(name for name, _ in marks)
    return f" First seen in this time: release {names}." if names else ""
