"""Search from a page outside of any project and organization."""

from errata.protocol.issues import SORTS, translated
from errata.protocol.query import TEXT, Term
from errata.usecases import project_list
from functions.dashboard.byte_budget import ByteBudget
from functions.dashboard.pages.search import MAX_TEXT, link_to_query, path_of_id, path_of_text
from functions.dashboard.render import clip, page
from functions.dashboard.routing import RequestContext, get
from functions.dashboard.web import PageResponse, redirect

_MOST = 50
_BYTES, _MARKUP_OF_A_LINK = 40_000, 100
# How many of the reader's organizations are searched for an id. Each takes a few calls.
_LOOKED_INTO = 3


@get("find")
def find(ctx: RequestContext) -> PageResponse:
    """Redirect to the issue or event that an id names, or to the search in an organization.

    A reader who has several organizations chooses one.
    """
    text = ctx.request.args.get("text", "").strip()
    names = sorted(ctx.user.memberships, key=project_list.age)
    if len(names) == 1:
        return redirect(f"{ctx.request.root}{path_of_text(ctx, names[0], text)}")
    for name in names[:_LOOKED_INTO]:
        if path := path_of_id(ctx, name, (Term(TEXT, (text,)),)):
            return redirect(f"{ctx.request.root}{path}")
    return page(
        ctx.request,
        "find.html",
        ctx.now_ms,
        ctx=ctx,
        text=clip(text, 100),
        links=_links(names[:_MOST], text),
    )


def _links(organization_ids: list[str], text: str) -> list[tuple[str, str]]:
    """Return the names of organizations, each with the path of the search in it."""
    found = project_list.organizations_of(organization_ids)
    query = link_to_query(translated(text=text[:MAX_TEXT]), SORTS[0])
    budget, shown = ByteBudget(_BYTES), []
    for each in organization_ids:
        if each in found and budget.pays(_MARKUP_OF_A_LINK + len(query)):
            name = budget.take(clip(found[each].name, 80))
            shown.append((name, f"orgs/{each}/issues{query}"))
    return shown
