"""The cron monitors of a project, and one with its runs. Members see them, admins delete them."""

from errata.models.monitor import MAX_MONITORS, Monitor, RunStatus
from errata.models.project import live_dsns
from errata.protocol.monitors import WORDS, in_a_row, schedule, took, waits_for
from errata.store.projects import list_keys
from errata.usecases import monitors
from functions.dashboard.byte_budget import ByteBudget
from functions.dashboard.charts import runs_strip
from functions.dashboard.forms import Failed, act, settings_page
from functions.dashboard.routing import RequestContext, get, post
from functions.dashboard.web import PageResponse, redirect

_MESSAGES = {"deleted": "Deleted. Its issues stay. The next check-in creates the monitor again."}
_BYTES = 56_000
_MARKUP_OF_A_ROW, _MARKUP_OF_A_RUN, _MARKUP_OF_ONE = 900, 260, 1_500
# Runs in the strip of a row.
_RUNS_SHOWN = 20
_TONES: dict[RunStatus, str] = {"ok": "good", "in_progress": ""}


@get("projects/<project:project_id>/monitors")
def show(ctx: RequestContext) -> PageResponse:
    """Show the monitors of a project."""
    return _page(ctx, Failed())


@post("projects/<project:project_id>/monitors", keeps=True)
def change(ctx: RequestContext) -> PageResponse:
    """Handle the form that deletes a monitor, on the page of all monitors and of one."""
    ctx.must_administer(ctx.project.organization)
    return act(ctx, {"delete": _delete}, _page)


@get("projects/<project:project_id>/monitors/<monitor:slug>")
def show_one(ctx: RequestContext) -> PageResponse:
    """Show a monitor with its runs, in each environment."""
    slug = ctx.request.ids["slug"]
    budget = ByteBudget(_BYTES)
    shown = []
    for each in monitors.find(ctx.project.id, slug):
        if not budget.pays(_MARKUP_OF_ONE):
            break
        runs = [
            (run, _shown_status(run.status), took(run), budget.take(run.release, 60))
            for run in reversed(each.runs)
            if budget.pays(_MARKUP_OF_A_RUN)
        ]
        shown.append((each, *_texts(each, budget), runs))
    return settings_page(
        ctx, "monitor.html", Failed(), _MESSAGES, slug=slug, shown=shown, cut=budget.cut
    )


def _page(ctx: RequestContext, failed: Failed) -> PageResponse:
    found = monitors.of_project(ctx.project.id)
    budget = ByteBudget(_BYTES)
    rows = []
    for each in found:
        if not budget.pays(_MARKUP_OF_A_ROW):
            break
        rows.append((each, *_texts(each, budget), _strip(each), _last(each)))
    keys = list_keys(ctx.project.id)
    dsns = live_dsns(ctx.request.sdk_url, keys)
    newest = next(iter(dsns), "")
    return settings_page(
        ctx,
        "monitors.html",
        failed,
        _MESSAGES,
        rows=rows,
        total=len(found),
        most=MAX_MONITORS,
        dsn=dsns.get(newest, ""),
        url=ctx.request.sdk_url.rstrip("/"),
        public=next((key.public for key in keys if key.id == newest), ""),
    )


def _texts(each: Monitor, budget: ByteBudget) -> tuple[str, str, str]:
    """Return the environment, the schedule, and why no run is expected, "" if one is."""
    return (
        budget.take(each.environment, 64),
        budget.take(schedule(each), 160),
        budget.take(waits_for(each), 200),
    )


def _strip(each: Monitor) -> object:
    runs = each.runs[-_RUNS_SHOWN:]
    if not runs:
        return ""
    label = f"The last {len(runs)} runs, oldest first: {in_a_row(runs)}"
    return runs_strip([run.status for run in runs], label)


def _last(each: Monitor) -> tuple[str, str] | None:
    return _shown_status(each.status) if each.status else None


def _shown_status(status: RunStatus) -> tuple[str, str]:
    """Return a status in a word, and the class of its badge."""
    return WORDS[status], _TONES.get(status, "failing")


def _delete(ctx: RequestContext, named: str) -> PageResponse:
    slug, _, environment = named.partition("#")
    monitors.delete(ctx.project.id, slug, environment)
    return redirect(f"{ctx.request.root}projects/{ctx.project.id}/monitors?said=deleted")
