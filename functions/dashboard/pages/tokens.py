"""Tokens of the web API: a member's own, and those of an organization for owners and admins."""

from functools import partial
from typing import cast

from errata.config import settings
from errata.errors import NotFoundError
from errata.models.token import TOKEN_SCOPES, Token, TokenScope
from errata.usecases import tokens
from functions.dashboard.forms import Failed, act, show_token, whole_number
from functions.dashboard.render import page
from functions.dashboard.routing import RequestContext, get, post
from functions.dashboard.web import PageResponse, redirect

# Tokens on a page. Each has about 600 bytes of HTML, so the page stays below 80 KB.
MOST_LISTED = 60
DAYS = (30, 90, 365)
_SCOPES = {
    "read": "read: see projects, issues, events and releases",
    "write": "write: also change issues, as far as the role allows",
    "ci": "ci: releases, deploys and source maps, for builds",
}
_MESSAGES = {"revoked": "The token is revoked. It stops working within 30 seconds."}


@get("account/tokens")
def show_own(ctx: RequestContext) -> PageResponse:
    """Show the tokens of the member in one of their organizations."""
    return _own_page(ctx, Failed())


@post("account/tokens", keeps=True)
def change_own(ctx: RequestContext) -> PageResponse:
    """Handle the forms that create and revoke tokens of the member."""
    here, email = f"account/tokens?org={_chosen(ctx)}", ctx.user.email
    create = partial(_create, _chosen(ctx), email, here)
    revoke = partial(_revoke, _chosen(ctx), email, here)
    return act(ctx, {"create": create, "revoke": revoke}, _own_page)


@get("orgs/<organization:organization_id>/tokens")
def show(ctx: RequestContext) -> PageResponse:
    """Show the tokens of an organization and of its members."""
    ctx.must_administer(ctx.organization.id)
    return _page_of_organization(ctx, Failed())


@post("orgs/<organization:organization_id>/tokens", keeps=True)
def change(ctx: RequestContext) -> PageResponse:
    """Handle the forms that create and revoke tokens of the organization."""
    organization = ctx.organization.id
    ctx.must_administer(organization)
    here = f"orgs/{organization}/tokens"
    create = partial(_create, organization, "", here)
    revoke = partial(_revoke, organization, None, here)
    return act(ctx, {"create": create, "revoke": revoke}, _page_of_organization)


def _chosen(ctx: RequestContext) -> str:
    """Return the organization that the member has chosen, or their first one.

    Raises:
        NotFoundError: they are no member of it, or of any.
    """
    chosen = ctx.request.form.get("org") or ctx.request.args.get("org") or ""
    mine = sorted(ctx.user.memberships)
    if not mine or (chosen and chosen not in mine):
        raise NotFoundError("This organization does not exist, or you are not a member of it.")
    return chosen or mine[0]


def _own_page(ctx: RequestContext, failed: Failed) -> PageResponse:
    chosen = _chosen(ctx)
    found = tokens.list_tokens(chosen, ctx.user.email)
    others = [each for each in sorted(ctx.user.memberships) if each != chosen]
    return _page(ctx, failed, found, own=True, organization=chosen, others=others)


def _page_of_organization(ctx: RequestContext, failed: Failed) -> PageResponse:
    found = tokens.list_tokens(ctx.organization.id)
    # Those of the organization come first: there are at most 50.
    found.sort(key=lambda each: each.member != "")
    return _page(ctx, failed, found, own=False, organization=ctx.organization.id, others=[])


def _page(
    ctx: RequestContext,
    failed: Failed,
    found: list[Token],
    *,
    own: bool,
    organization: str,
    others: list[str],
) -> PageResponse:
    return page(
        ctx.request,
        "tokens.html",
        ctx.now_ms,
        failed.status,
        ctx=ctx,
        failed=failed,
        message=_MESSAGES.get(ctx.request.args.get("said", "")),
        own=own,
        organization_id=organization,
        others=others,
        tokens=found[:MOST_LISTED],
        more=len(found[MOST_LISTED:]),
        scopes=[(name, _SCOPES[name]) for name in TOKEN_SCOPES],
        days=DAYS,
        web_url=web_url(ctx),
    )


def web_url(ctx: RequestContext) -> str:
    """Return the base URL of the web API."""
    return settings().web_url or ctx.request.api_url


def _create(organization: str, member: str, here: str, ctx: RequestContext, _: str) -> PageResponse:
    form = ctx.request.form
    token, text = tokens.create(
        organization,
        cast("TokenScope", form.get("scope", "")),
        form.get("name", "").strip(),
        tokens.Urls(web_url(ctx), ctx.request.api_url),
        ctx.user.email,
        member,
        whole_number(ctx, "days", "number of days"),
    )
    return show_token(ctx, f"New token: {token.name}", text, (here, "To the tokens"))


def _revoke(
    organization: str, member: str | None, here: str, ctx: RequestContext, token_id: str
) -> PageResponse:
    tokens.revoke(organization, token_id, member)
    joined = "&" if "?" in here else "?"
    return redirect(f"{ctx.request.root}{here}{joined}said=revoked")
