"""Show the activity of an issue: who changed what, and comments."""

import re
import secrets

from errata.errors import InvalidInputError, NotFoundError
from errata.models.slug import short_id
from errata.usecases import comments, rights, slugs
from functions.dashboard.byte_budget import ByteBudget
from functions.dashboard.comments import shown_activity, shown_comment
from functions.dashboard.forms import Failed, act
from functions.dashboard.render import page
from functions.dashboard.routing import RequestContext, get, post
from functions.dashboard.web import PageResponse, redirect

_BYTES = 40_000
_TIME = re.compile(r"[0-9]{1,13}")
_TOKEN = re.compile(r"[0-9a-f]{16}")


@get("projects/<project:project_id>/issues/<issue:issue_id>/activity")
def show(ctx: RequestContext) -> PageResponse:
    """Show a page of the activity, or one comment, to change it."""
    return _page(ctx, Failed())


@post("projects/<project:project_id>/issues/<issue:issue_id>/activity", keeps=True)
def change(ctx: RequestContext) -> PageResponse:
    """Add, change or delete a comment."""
    rights.check(ctx.visible, "settle")
    return act(ctx, {"add": _add, "edit": _edit, "remove": _remove}, _page)


def _page(ctx: RequestContext, failed: Failed) -> PageResponse:
    issue_id, args = ctx.request.ids["issue_id"], ctx.request.args
    found = comments.page(ctx.visible, issue_id, _time(args.get("before", "")))
    at = _time(args.get("comment", ""))
    comment = comments.find(ctx.visible, issue_id, at) if at else None
    below = f"{ctx.request.root}projects/{ctx.project.id}"
    budget = ByteBudget(_BYTES)
    mine = comment is not None and comment.by == ctx.user.email and ctx.may("settle")
    typed = failed.typed.get("text", comment.text if comment else "")
    return page(
        ctx.request,
        "activity.html",
        ctx.now_ms,
        failed.status,
        ctx,
        failed=failed,
        issue=found.issue,
        issue_path=f"{below}/issues/{issue_id}",
        events_path=f"{below}/events",
        short_id=short_id(slugs.shown(ctx.project).slug, found.issue.number),
        comment=comment,
        may_edit=mine,
        may_remove=comment is not None
        and ctx.may("settle")
        and comments.may_remove(ctx.visible, comment, ctx.user.email),
        html=shown_comment(comment, budget) if comment and not mine else None,
        typed=typed if len(typed) <= comments.MAX_TEXT else typed[: comments.MAX_TEXT],
        token=secrets.token_hex(8),
        activity=[] if comment else shown_activity(found.entries, budget),
        before=args.get("before", ""),
        older=found.older,
    )


def _time(text: str) -> int:
    return int(text) if _TIME.fullmatch(text) else 0


# ------------------------------------------------------------------ actions


def _add(ctx: RequestContext, _: str) -> PageResponse:
    form, issue_id = ctx.request.form, ctx.request.ids["issue_id"]
    token = form.get("token", "")
    if not _TOKEN.fullmatch(token):
        raise InvalidInputError({"token": ["Reload the page and send the comment again."]})
    text = form.get("text", "")
    comments.add(ctx.project, ctx.visible, issue_id, text, ctx.user.email, token)
    return _done(ctx, to_issue=form.get("back") == "issue")


def _edit(ctx: RequestContext, at: str) -> PageResponse:
    form, issue_id = ctx.request.form, ctx.request.ids["issue_id"]
    edited_at, text = _time(form.get("edited_at", "")), form.get("text", "")
    by = ctx.user.email
    comments.edit(ctx.project, ctx.visible, issue_id, _time(at), text, by, edited_at)
    return _done(ctx)


def _remove(ctx: RequestContext, at: str) -> PageResponse:
    if not _TIME.fullmatch(at):
        raise NotFoundError("There is no such comment.")
    comments.remove(ctx.visible, ctx.request.ids["issue_id"], int(at), ctx.user.email)
    return _done(ctx)


def _done(ctx: RequestContext, *, to_issue: bool = False) -> PageResponse:
    below = f"{ctx.request.root}projects/{ctx.project.id}/issues/{ctx.request.ids['issue_id']}"
    return redirect(f"{below}#activity" if to_issue else f"{below}/activity")
