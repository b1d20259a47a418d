"""Compose an issue's page: its head, its summary, one event, and what all events have in common."""

import secrets
from collections.abc import Sequence
from typing import Any

from errata.models.buckets import HOUR_MS, RISING_EVENTS, RISING_FACTOR
from errata.models.ids import DAY_MS, minted_ms
from errata.models.issue import Issue, why_all_grouped
from errata.models.issue_change import RESOLVE, Change
from errata.models.release_order import SeenRelease, newest
from errata.models.settled import how, still_to_come
from errata.models.sketch import estimate
from errata.models.slug import short_id
from errata.models.verdict import RISING, Verdict, verdict
from errata.protocol import tracker
from errata.usecases import assignees, feedback, issue_refresh, original_frames, slugs
from errata.usecases.issue_events import MOST_COUNTED, EventNumber, IssueView
from errata.usecases.issue_values import shares
from functions.dashboard.byte_budget import ByteBudget
from functions.dashboard.charts import Bars
from functions.dashboard.comments import shown_activity
from functions.dashboard.event.sections import shown_event
from functions.dashboard.feedback import shown_feedback
from functions.dashboard.render import ago, clip, hour_name, last_days, page, short_day, zone_name
from functions.dashboard.routing import RequestContext
from functions.dashboard.web import PageResponse

CHART_HOURS, CHART_DAYS = 24, 30
TITLE_BYTES = 3_000
# Bytes of all comments beside an event. Those that do not fit are on the page of the activity.
COMMENTS_BYTES = 6_000
_MOST_MARKS = 6
# From so many events a day on, the page opens with the chart of hours instead of days.
_HOURS_FROM = 10


def composed(ctx: RequestContext, view: IssueView, event_id: str = "") -> PageResponse:
    """Return the page of an issue with one of its events.

    `event_id`: the event that the browser already shows. It is not read, and left out.
    """
    args = ctx.request.args
    event = (
        shown_event(
            original_frames.complete(ctx.visible, view.event),
            raw="raw" in args,
            opened=args.get("frames") == "all",
        )
        if view.event
        else None
    )
    below = f"{ctx.request.root}projects/{ctx.project.id}"
    sdk_id = view.event.fields.get("event_id") if view.event and ctx.project.feedback else None
    shown_id = view.event.id if view.event else event_id
    return page(
        ctx.request,
        "issue.html",
        ctx.now_ms,
        ctx=ctx,
        view=view,
        shown=event,
        event_id=shown_id,
        number_note=_note(view, shown_id, ctx.now_ms) if shown_id else "",
        events_path=f"{below}/events",
        issue_path=f"{below}/issues/{view.issue.id}" if view.issue else "",
        tags=[],
        feedback=shown_feedback(feedback.of_event(ctx.visible, sdk_id)) if sdk_id else [],
        **(_head(ctx, view, view.issue, shown_id) if view.issue else {"issue": None}),
    )


def _head(ctx: RequestContext, view: IssueView, issue: Issue, shown_id: str) -> dict[str, Any]:
    budget = ByteBudget(TITLE_BYTES)
    name, _, rest = issue.title.partition(": ")
    judged = verdict(issue, view.activity, ctx.now_ms)
    assignee = issue.assignee
    known = assignees.shown(ctx.project.organization, [assignee], ctx.now_ms)
    last_day = issue.buckets.last_day(ctx.now_ms)
    at_ms = minted_ms(shown_id) if shown_id else None
    return {
        "issue": issue,
        "assigned": known.get(assignee),
        "activity": shown_activity(view.activity, ByteBudget(COMMENTS_BYTES)),
        "comment_token": secrets.token_hex(8),
        "version": issue_refresh.version(ctx.session, ctx.visible, issue),
        "short_id": short_id(slugs.shown(ctx.project).slug, issue.number),
        "title": budget.take(issue.title),
        "title_class": budget.take(name) if rest else "",
        "title_rest": budget.take(rest or issue.title),
        "culprit": budget.take(issue.culprit),
        "verdict": judged,
        "settled": clip(", ".join(filter(None, (how(issue), still_to_come(issue)))), 120),
        "ticket": tracker.shown(issue.tracker_url) if tracker.is_url(issue.tracker_url) else "",
        "newest_release": _newest(issue, view.releases),
        "users": estimate(issue.users),
        "last_hour": issue.buckets.last_hour(ctx.now_ms),
        "last_day": last_day,
        # Most of what happened to a new issue, or to a busy one, is in the chart of hours.
        "opens_hours": last_day >= _HOURS_FROM or ctx.now_ms - issue.first_seen < DAY_MS,
        "grouped_by": why_all_grouped(issue),
        "by_hour": _by_hour(ctx, issue, judged, view.releases, at_ms),
        "by_day": _by_day(issue, view.releases, ctx.now_ms, at_ms),
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


def _newest(issue: Issue, releases: dict[str, int]) -> str:
    """Return the newest release in which an issue was seen, "" if it was seen in none.

    `releases` says when the most frequent ones were first seen.
    """
    names = Change(RESOLVE, in_next=True).releases(issue)
    found = newest(SeenRelease(name, releases.get(name, issue.last_seen)) for name in names)
    return found.name if found else ""


def _note(view: IssueView, shown_id: str, now_ms: int) -> str:
    """Return a note on the event that is shown, "" if none is needed."""
    notes = [number_note(view.number, view.issue)]
    if view.issue and view.issue.last_kept == shown_id:
        last = ago(view.issue.last_seen, now_ms)
        notes.append(
            f"This is the newest event kept in full. Later ones, the last {last}, were only"
            " counted: in an error loop, not every event is kept in full."
        )
    return " ".join(filter(None, notes))


def number_note(number: EventNumber, issue: Issue | None) -> str:
    """Return a note on the number of an event in its issue, "" if none is needed."""
    if issue is None:
        return "The issue was deleted, or this event is not counted yet."
    if not number.counted:
        return "This event is not counted yet."
    if number.value is None:
        return (
            f"Its number is not known: more than {MOST_COUNTED} events are newer, and"
            f" as many are older or older ones have expired."
        )
    if number.expired:
        return f"{number.expired:,} older event{'' if number.expired == 1 else 's'} expired."
    return ""


def _by_hour(
    ctx: RequestContext,
    issue: Issue,
    judged: Verdict,
    releases: dict[str, int],
    at_ms: int | None,
) -> Bars:
    now_ms, zone = ctx.now_ms, ctx.user.preferences.zone
    counts = issue.buckets.hours
    newest = now_ms // HOUR_MS
    hours = range(newest - CHART_HOURS + 1, newest + 1)
    usual = issue.buckets.usual_hour(now_ms)
    marks = _marks(releases, hours[0] * HOUR_MS, (newest + 1) * HOUR_MS)
    total, hour = issue.buckets.last_day(now_ms), issue.buckets.last_hour(now_ms)
    label = f"Events by hour in the last 24 hours: {total:,}, of which {hour:,} in the last hour."
    if usual >= 1:
        label += f" The usual number is {usual:,.0f} an hour."
    return Bars(
        "by-hour",
        label + _releases_text(marks),
        [(hour_name(each, zone), counts.get(each, 0)) for each in hours],
        "an hour",
        usual,
        max(RISING_EVENTS, RISING_FACTOR * usual) if judged.kind == RISING else None,
        marks,
        first_hour=hours[0],
        zone=zone_name(now_ms, zone),
        shown=_bar_of(at_ms, HOUR_MS, hours),
    )


def _by_day(issue: Issue, releases: dict[str, int], now_ms: int, at_ms: int | None) -> Bars:
    counts = last_days(issue.buckets.days, now_ms, CHART_DAYS)
    today = now_ms // DAY_MS
    marks = _marks(releases, (today - CHART_DAYS + 1) * DAY_MS, (today + 1) * DAY_MS)
    return Bars(
        "by-day",
        f"Events by day in the last 30 days: {sum(counts):,}, at most {max(counts):,} a day."
        + _releases_text(marks),
        [(short_day(today - CHART_DAYS + 1 + n), count) for n, count in enumerate(counts)],
        "a day",
        marks=marks,
        shown=_bar_of(at_ms, DAY_MS, range(today - CHART_DAYS + 1, today + 1)),
    )


def _bar_of(at_ms: int | None, length_ms: int, bars: range) -> int | None:
    """Return which bar a time belongs to, None if it is in none of them or in the newest one."""
    if at_ms is None or at_ms // length_ms not in bars[:-1]:
        return None
    return bars.index(at_ms // length_ms)


def _marks(releases: dict[str, int], from_ms: int, to_ms: int) -> list[tuple[str, float]]:
    """Return releases first seen in a period, each with its place in the period: 0 to 1."""
    within = sorted((at, name) for name, at in releases.items() if from_ms <= at < to_ms)
    span = to_ms - from_ms
    return [(clip(name, 30), (at - from_ms) / span) for at, name in within[-_MOST_MARKS:]]


def _releases_text(marks: Sequence[tuple[str, float]]) -> str:
    names = ", ".join(name for name, _ in marks)
    return f" First seen in this time: release {names}." if names else ""
