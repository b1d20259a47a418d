"""Change many issues of the list at once, with progress, result and undo."""

import hashlib
import time
from urllib.parse import urlencode

from errata.errors import InvalidInputError
from errata.models.assignee import NOBODY, of_member
from errata.models.issue_change import ASSIGN, DELETE, BulkChange, Change
from errata.protocol.change_issues import summary
from errata.protocol.settle import change_of
from errata.usecases import change_issues, rights
from functions.dashboard.render import page
from functions.dashboard.routing import ISSUE_ID, RequestContext, get, post
from functions.dashboard.web import PageResponse, redirect

# Seconds that a request works for somebody without scripts: the function has 25, and its last slice
# may take a few. A script sends a request for each slice and waits itself, which costs nothing.
_WORK_S = 8
# Fields of the link back to the list.
_BACK = ("query", "sort", "cursor")
_MAX_BACK = 4_000


@post("projects/<project:project_id>/issues/changes")
def begin(ctx: RequestContext) -> PageResponse:
    """Change the selected issues, or all that the search finds. Ask before deleting."""
    form = ctx.request.form
    action = form.get("action", "")
    if not action:  # Enter on a box. The browser keeps the page, and what is selected on it.
        return PageResponse(status=204)
    change = _assigning(ctx, action) or change_of(form, ctx.now_ms)
    if action == DELETE:
        change = Change(DELETE)
    if change is None:
        raise InvalidInputError({"action": ["Unknown action. Reload the page."]})
    chosen = form.getlist("issue")
    everything = "all" in form
    if not all(map(ISSUE_ID.fullmatch, chosen)):
        raise InvalidInputError({"issue": ["Unknown issue. Reload the page."]})
    rights.check(ctx.visible, "delete" if change.kind == DELETE else "settle")
    if change.kind == DELETE and "sure" not in form and (chosen or everything):
        return _ask(ctx, chosen, everything=everything)
    ids = [] if everything else chosen
    seen_at = form.get("seen_at", 0, type=int)
    asked = [action, *sorted(ids), form.get("query", "") if everything else "", str(seen_at)]
    bulk = change_issues.begin(
        ctx.visible,
        _id(form.get("nonce", ""), *asked),
        change,
        ctx.user.email,
        seen_at,
        issue_ids=ids,
        query=form.get("query", "") if everything else None,
    )
    return _work(ctx, bulk, "")


@get("projects/<project:project_id>/issues/changes/<issue:change_id>")
def show(ctx: RequestContext) -> PageResponse:
    """Show the progress of a bulk change. A script continues it; without scripts, a button does."""
    bulk = change_issues.find(ctx.visible, ctx.request.ids["change_id"])
    return page(
        ctx.request,
        "issue_changes.html",
        ctx.now_ms,
        ctx=ctx,
        bulk=bulk,
        summary=summary(bulk),
        back=_back(ctx),
        count=0,
    )


@post("projects/<project:project_id>/issues/changes/<issue:change_id>")
def act(ctx: RequestContext) -> PageResponse:
    """Continue a bulk change, or undo it."""
    rights.check(ctx.visible, "settle")
    change_id = ctx.request.ids["change_id"]
    if "undo" in ctx.request.form:
        undo_id = _id("undo", change_id)
        bulk = change_issues.undo(ctx.visible, change_id, undo_id, ctx.user.email)
        return _work(ctx, bulk, "../")
    bulk = change_issues.find(ctx.visible, change_id)
    return _work(ctx, bulk, "../", 0 if "paced" in ctx.request.form else _WORK_S)


def _assigning(ctx: RequestContext, action: str) -> Change | None:
    """Return the change that assigns issues, None if the action is another one."""
    to = {"assign-me": of_member(ctx.user.email), "assign-nobody": NOBODY}
    return Change(ASSIGN, to=to[action]) if action in to else None


def _work(ctx: RequestContext, bulk: BulkChange, up: str, work_s: float = 0) -> PageResponse:
    """Do one slice, or work for some seconds. Redirect to the list, or to the progress."""
    if not bulk.finished:
        bulk = change_issues.advance(ctx.visible, bulk, time.monotonic() + work_s)
    back = _back(ctx)
    if bulk.finished:
        return redirect(f"{up}../issues?{urlencode(back | {'changed': bulk.id})}")
    return redirect(f"{up}changes/{bulk.id}?{urlencode(back)}")


def _ask(ctx: RequestContext, chosen: list[str], *, everything: bool) -> PageResponse:
    return page(
        ctx.request,
        "issue_changes.html",
        ctx.now_ms,
        ctx=ctx,
        bulk=None,
        summary="",
        back=_back(ctx),
        count=0 if everything else len(set(chosen)),
        chosen=[] if everything else sorted(set(chosen)),
        fields={name: ctx.request.form.get(name, "") for name in ("seen_at", "nonce")},
    )


def _back(ctx: RequestContext) -> dict[str, str]:
    """Return the fields that lead back to the list as it was."""
    given = ctx.request.form if ctx.request.method == "POST" else ctx.request.args
    return {name: given[name][:_MAX_BACK] for name in _BACK if given.get(name)} | {
        "query": given.get("query", "")[:_MAX_BACK]
    }


def _id(*of: str) -> str:
    """Return an id that is the same for the same form: a form sent twice makes one change."""
    return hashlib.sha256("\0".join(of).encode("utf-8", "replace")).hexdigest()[:32]
