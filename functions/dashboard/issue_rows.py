"""Rows of a list of issues: title, badges, charts and numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from errata.models.assignee import Assigned
from errata.models.buckets import RISING_EVENTS, RISING_FACTOR, Buckets
from errata.models.issue import OPEN, Issue, trend
from errata.models.sketch import estimate
from errata.models.slug import short_id
from errata.models.verdict import age, times
from functions.dashboard.byte_budget import ByteBudget
from functions.dashboard.render import clip, last_days, last_hours
from functions.dashboard.text import breakable, weight

CHART_HOURS, CHART_DAYS = 24, 14
# Bytes for the charts, badges and texts of a row. Each row of a full page gets at least
# `ROW_BYTES`, and more if others need less. So fifty rows stay below 60 KB.
ROW_BYTES, _MOST_ROW_BYTES, _ROWS = 420, 900, 50
_BADGE_BYTES, _FACE_BYTES = 50, 70
# Charts are drawn ten units high. The style sheet enlarges them.
_HEIGHT = 10


def shown_rows(
    issues: Sequence[Issue], assigned: Mapping[str, Assigned], slug: str, now_ms: int
) -> list[dict[str, Any]]:
    """Return what the rows of a page of issues show. `assigned` says who their assignees are."""
    rows, left = [], ROW_BYTES * max(_ROWS, len(issues))
    for n, issue in enumerate(issues, 1):
        most = min(_MOST_ROW_BYTES, left - ROW_BYTES * (len(issues) - n))
        budget = ByteBudget(most)
        rows.append(shown_row(issue, slug, now_ms, budget, assigned.get(issue.assignee)))
        left -= most - max(0, budget.left)
    return rows


def shown_row(
    issue: Issue,
    slug: str,
    now_ms: int,
    budget: ByteBudget,
    assigned: Assigned | None = None,
) -> dict[str, Any]:
    """Return what the row of an issue shows. `assigned` is None if nobody works on it."""
    badges = _badges(issue, now_ms)
    if assigned:
        budget.pays(_FACE_BYTES)
    budget.pays(_BADGE_BYTES * len(badges))
    chart = _chart(issue.buckets, now_ms, rising="rising" in dict(badges))
    budget.pays(len(chart))
    name = budget.take(short_id(slug, issue.number) or "")
    title = budget.take(issue.title)
    kind, colon, rest = title.partition(": ")
    return {
        "issue": issue,
        "assigned": assigned,
        "assigned_name": budget.take(clip(assigned.called, 60)) if assigned else "",
        "anchor": issue.number or issue.id,
        "short_id": name,
        "title": rest if colon else title,
        "title_class": kind if colon else "",
        "culprit": _culprit(issue.culprit, budget),
        "badges": badges,
        "chart": chart,
        "last_day": issue.buckets.last_day(now_ms),
        "last_days": sum(last_days(issue.buckets.days, now_ms, CHART_DAYS)),
        "users": estimate(issue.users),
        "age": age(issue.first_seen, now_ms).replace("less than a minute", "< 1 min"),
    }


def _culprit(text: str, budget: ByteBudget) -> str:
    shown = budget.take(text)
    broken = breakable(shown)
    return broken if budget.pays(len(broken.encode()) - weight(shown)) else shown


def _badges(issue: Issue, now_ms: int) -> list[tuple[str, str]]:
    """Return the badges of an issue, each with its kind and its words."""
    found, kinds = [], trend(issue, now_ms)
    if "rising" in kinds:
        hour, usual = issue.buckets.last_hour(now_ms), issue.buckets.usual_hour(now_ms)
        factor = f" {times(hour / usual)} \N{MULTIPLICATION SIGN}" if usual else ""
        found.append(("rising", f"Rising{factor}"))
    if issue.status != OPEN:
        found.append((issue.status, issue.status.capitalize()))
    if "new" in kinds and not found:
        found.append(("new", "New"))
    return found


def _chart(buckets: Buckets, now_ms: int, *, rising: bool) -> Markup:
    """Draw the events of 24 hours and of 14 days, and the hours that are unusually high."""
    hours = last_hours(buckets.hours, now_ms, CHART_HOURS)
    days = last_days(buckets.days, now_ms, CHART_DAYS)
    hot = Markup("")
    if rising:
        high = max(RISING_EVENTS, RISING_FACTOR * buckets.usual_hour(now_ms))
        # The last sixty minutes are in the chart's last two hours.
        late = [count if count >= high else 0 for count in hours[-2:]]
        only = [0] * (CHART_HOURS - 2) + (late if any(late) else [0, hours[-1]])
        hot = Markup('<path class="hot" d="{}"/>').format(_steps(only, max(hours)))
    return Markup('<path d="{}"/>{}<path class="days" d="{}"/>').format(
        _steps(hours, max(hours)), hot, _steps(days, max(days))
    )


def _steps(counts: list[int], most: int) -> str:
    """Return the path of bars that are one unit wide. Equal neighbours are one step."""
    path, height, width = f"M0 {_HEIGHT}", 0, 0
    for count in [*counts, 0]:
        bar = max(1, round(_HEIGHT * count / most)) if count else 0
        if bar != height:
            path += f"{f'h{width}' if width else ''}V{_HEIGHT - bar}"
            height, width = bar, 0
        width += 1
    return path
