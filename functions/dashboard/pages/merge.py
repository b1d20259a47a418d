"""Merge issues into one, and separate them."""

from errata.errors import InvalidInputError, NotFoundError
from errata.models.issue import Issue
from errata.models.slug import short_id
from errata.usecases import issue_events, merge, rights, short_ids, slugs
from errata.usecases.merged import members
from errata.usecases.similar import similar
from functions.dashboard.byte_budget import ByteBudget
from functions.dashboard.forms import text_of
from functions.dashboard.render import page
from functions.dashboard.routing import ISSUE_ID, RequestContext, get, post
from functions.dashboard.web import PageResponse, redirect

# Bytes of the titles and culprits of other issues.
_BYTES = 30_000


@get("projects/<project:project_id>/issues/<issue:issue_id>/merge")
def show(ctx: RequestContext) -> PageResponse:
    """Show the issues that are merged into an issue, and similar ones."""
    return _page(ctx)


@post("projects/<project:project_id>/issues/<issue:issue_id>/merge")
def change(ctx: RequestContext) -> PageResponse:
    """Merge the named or chosen issue into this one, or separate one."""
    form, issue_id = ctx.request.form, ctx.request.ids["issue_id"]
    rights.check(ctx.visible, "settle")
    rights.check(ctx.visible, "merge")
    project = slugs.shown(ctx.project)
    by = ctx.user.email
    try:
        if separated := form.get("separate", ""):
            merge.separate(project, ctx.visible, _id(separated), by)
        else:
            other = form.get("member") or form.get("name", "").strip()
            found = short_ids.find(project, ctx.visible, other)
            merge.merge(project, ctx.visible, issue_id, [found.id], by)
    except (InvalidInputError, NotFoundError) as refused:
        text = text_of(refused) if isinstance(refused, InvalidInputError) else str(refused)
        return _page(ctx, text, form.get("name", ""), 422)
    below = f"{ctx.request.root}projects/{ctx.project.id}/issues"
    return redirect(f"{below}/{issue_id}{'/merge' if separated else ''}")


def _id(text: str) -> str:
    if not ISSUE_ID.fullmatch(text):
        raise InvalidInputError({"issue": ["Unknown issue. Reload the page."]})
    return text


def _page(
    ctx: RequestContext, failed: str = "", typed: str = "", status: int = 200
) -> PageResponse:
    issue = issue_events.find(ctx.visible, ctx.request.ids["issue_id"])
    slug, budget = slugs.shown(ctx.project).slug, ByteBudget(_BYTES)

    def rows(found: list[Issue]) -> list[dict[str, object]]:
        return [
            {
                "id": each.id,
                "short_id": short_id(slug, each.number) or each.id[:8],
                "title": budget.take(each.title, 200),
                "culprit": budget.take(each.culprit, 100),
                "count": each.count,
                "last_seen": each.last_seen,
            }
            for each in found
        ]

    return page(
        ctx.request,
        "merge.html",
        ctx.now_ms,
        status,
        ctx,
        issue=issue,
        issue_path=f"{ctx.request.root}projects/{ctx.project.id}/issues/{issue.id}",
        short_id=short_id(slug, issue.number),
        title=budget.take(issue.title, 200),
        members=rows(members(ctx.visible, issue)),
        similar=rows(similar(ctx.visible, issue)),
        failed=failed,
        typed=typed[:100],
    )
