"""The start page: the user's projects, those that need attention first."""

import re
from typing import Any

from errata.models.ids import DAY_MS
from errata.models.slug import short_id
from errata.usecases import project_list
from errata.usecases.project_list import ProjectState
from functions.dashboard.byte_budget import ByteBudget
from functions.dashboard.render import ago, clip, number, page
from functions.dashboard.routing import RequestContext, get, open_get
from functions.dashboard.web import PageRequest, PageResponse, redirect

PROJECT_ID = re.compile(r"[0-9]{1,12}")
_AFTER = re.compile(r"(default|[0-9]{1,12})\.[0-9]{0,12}")
# Bytes of a row's name, title and short id, and of the projects that the verdict names.
_ROW_BYTES = 420
_VERDICT_BYTES = 600
_MENU_BYTES = 12_000
_TABS = ("issues", "releases", "alerts", "stats", "settings", "monitors")
_NAMED = 3
_REASONS_SHOWN = 2


@open_get("")
def start(request: PageRequest, _now_ms: int) -> PageResponse:
    """Redirect from the root of the dashboard to the projects."""
    return redirect(f"{request.root}projects")


@get("projects")
def home(ctx: RequestContext) -> PageResponse:
    """Show the user's projects by organization. A single project opens at once."""
    asked = _AFTER.fullmatch(ctx.request.args.get("after", ""))
    after = asked[0] if asked else ""
    found = project_list.find(ctx.user, after, ctx.now_ms)
    mine = found.states
    only = len(mine) == 1 and len(ctx.user.memberships) == 1
    if only and not (after or found.next_after):
        return redirect(f"{ctx.request.root}projects/{mine[0].project.id}/issues")
    return page(
        ctx.request,
        "home.html",
        ctx.now_ms,
        ctx=ctx,
        organizations=[
            (each, [_row(state, ctx.now_ms) for state in states])
            for each, states in found.organizations
        ],
        next_after=found.next_after,
        after=after,
        verdict=_verdict(mine, part=bool(after or found.next_after)) if mine else None,
    )


@get("projects/menu")
def menu(ctx: RequestContext) -> PageResponse:
    """Return the entries of the menu of projects, for htmx, which asks when the menu opens.

    Each leads to the same tab of its project. The browser may keep them for a minute.
    """
    if not ctx.request.partial:
        return redirect(f"{ctx.request.root}projects")
    tab = ctx.request.args.get("tab", "")
    organizations = project_list.menu(ctx.user)
    budget = ByteBudget(_MENU_BYTES)
    response = page(
        ctx.request,
        "projects_menu.html",
        ctx.now_ms,
        ctx=ctx,
        organizations=[
            (
                budget.take(clip(each.name, 40)),
                [(project.id, budget.take(clip(project.name, 60))) for project in projects],
            )
            for each, projects in organizations
        ],
        tab=tab if tab in _TABS else "issues",
    )
    response.headers["Cache-Control"] = "private, max-age=60"
    response.headers["Vary"] = "Accept-Encoding, HX-Request, Cookie"
    return response


def _verdict(states: list[ProjectState], *, part: bool) -> dict[str, Any]:
    """Return what the page says first: how many projects need attention, and why."""
    urgent = [each for each in states if each.needs_attention]
    budget = ByteBudget(_VERDICT_BYTES)
    return {
        "urgent": len(urgent),
        "of": len(states),
        "where": " on this page" if part else "",
        "named": [
            (each.project.id, budget.take(clip(each.project.name, 40)), _why(each))
            for each in urgent[:_NAMED]
        ],
        "last_day": sum(each.last_day for each in states),
    }


def _why(state: ProjectState) -> str:
    if state.rising:
        return "is rising"
    lost = sum(state.lost.values())
    return f"lost {number(lost)} event{'s' if lost > 1 else ''} since yesterday"


def _row(state: ProjectState, now_ms: int) -> dict[str, Any]:
    budget, issue = ByteBudget(_ROW_BYTES), state.last_issue
    reasons = [reason.replace("_", " ") for reason in state.lost]
    total = sum(state.days)
    return {
        "project": state.project,
        "name": budget.take(clip(state.project.name, 80)),
        "rising": state.rising,
        "trend": _trend(state, now_ms),
        "days": state.days,
        "last_day": state.last_day,
        "total": total,
        "waiting": not total and now_ms - state.project.created_at < project_list.DAYS * DAY_MS,
        "lost": sum(state.lost.values()),
        "reasons": ", ".join(reasons[:_REASONS_SHOWN]) + (" …" if reasons[_REASONS_SHOWN:] else ""),
        "issue": issue,
        "short_id": budget.take(short_id(state.project.slug, issue.number) or "") if issue else "",
        "title": budget.take(issue.title, 120) if issue else "",
    }


def _trend(state: ProjectState, now_ms: int) -> str:
    """Return the trend of a project in words."""
    recent = f"{number(state.recent)} in the last {state.recent_minutes} min"
    if state.rising:
        times = f"{state.factor} \N{MULTIPLICATION SIGN} usual"
        return f"{recent}, {times if state.factor else 'none the day before'}"
    if state.last_day:
        usual = number(round(state.usual)) if state.usual >= 1 else "less than 1"
        return f"{recent}, usually {usual}"
    if state.last_hour_ms is not None:
        return f"Quiet: last event {ago(state.last_hour_ms, now_ms)}"
    return f"Quiet for {project_list.DAYS} d"
