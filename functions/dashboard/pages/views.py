"""Save, rename and delete views of the list of issues, and choose the one that opens first."""

from errata.models.views import MAX_NAME
from errata.usecases import views
from errata.usecases.views import Owner
from functions.dashboard.forms import Failed, act
from functions.dashboard.pages.search import link_to_query
from functions.dashboard.render import page
from functions.dashboard.routing import RequestContext, get, post
from functions.dashboard.web import PageResponse, redirect

_MESSAGES = {
    "saved": "Saved.",
    "renamed": "Renamed.",
    "deleted": "Deleted.",
    "default": "The list of issues starts with this view.",
    "no-default": "The list of issues starts with the open ones.",
}
# Whose views a form changes. The value of its button is this word, or also a colon and a view's id.
_OWN, _SHARED = "own", "shared"


@get("projects/<project:project_id>/issues/views", with_views=True)
def show(ctx: RequestContext) -> PageResponse:
    """Show the views of the member and those of the project."""
    return _page(ctx, Failed())


@post("projects/<project:project_id>/issues/views", keeps=True)
def change(ctx: RequestContext) -> PageResponse:
    """Handle the forms that save, rename, choose and delete views."""
    actions = {"save": _save, "rename": _rename, "default": _set_default, "delete": _delete}
    return act(ctx, actions, _page)


def _page(ctx: RequestContext, failed: Failed) -> PageResponse:
    own, shared = ctx.own_views, ctx.shared_views
    if ctx.request.method == "POST":
        own, shared = (views.find(_owner(ctx, whose)) for whose in (_OWN, _SHARED))
    typed = failed.typed if failed.action else ctx.request.args
    return page(
        ctx.request,
        "views.html",
        ctx.now_ms,
        failed.status,
        ctx=ctx,
        failed=failed,
        message=_MESSAGES.get(ctx.request.args.get("said", "")),
        owners=[
            (_OWN, "Your views", "You see them in all projects.", own),
            (_SHARED, f"Views of {ctx.project.name}", "All in the project see them.", shared),
        ],
        may_share=ctx.may("settle"),
        most=MAX_NAME,
        text=typed.get("query", ""),
        sort=typed.get("sort", ""),
    )


def _owner(ctx: RequestContext, whose: str) -> Owner:
    if whose == _SHARED:
        return views.of_project(ctx.project, ctx.visible)
    return views.of_member(ctx.user.email)


def _save(ctx: RequestContext, whose: str) -> PageResponse:
    form = ctx.request.form
    query, sort = form.get("query", ""), form.get("sort", "") or "last_seen"
    saved = views.save(_owner(ctx, whose), form.get("name", ""), query, sort)
    return redirect(f"../issues{link_to_query(saved.query, saved.sort)}")


def _rename(ctx: RequestContext, which: str) -> PageResponse:
    whose, _, view_id = which.partition(":")
    views.rename(_owner(ctx, whose), view_id, ctx.request.form.get("name", ""))
    return redirect("views?said=renamed")


def _set_default(ctx: RequestContext, which: str) -> PageResponse:
    whose, _, view_id = which.partition(":")
    views.set_default(_owner(ctx, whose), view_id)
    return redirect(f"views?said={'default' if view_id else 'no-default'}")


def _delete(ctx: RequestContext, which: str) -> PageResponse:
    whose, _, view_id = which.partition(":")
    views.delete(_owner(ctx, whose), view_id)
    return redirect("views?said=deleted")
