"""The page for owners and admins: members, teams, policy and projects."""

from itertools import takewhile
from typing import cast
from urllib.parse import quote

from errata.models.audit import AUDIT_ID
from errata.models.member import Member, Role, Roster, Team
from errata.models.organization import parse_allowlist
from errata.models.project import dsn
from errata.store.members import find_roster
from errata.store.projects import some_projects
from errata.usecases import (
    audit,
    billing,
    dashboard_views,
    members,
    organizations,
    quota,
    usage_keys,
)
from functions.dashboard.byte_budget import ByteBudget
from functions.dashboard.forms import (
    Failed,
    act,
    chosen_teams,
    gateway,
    show_key,
    whole_number,
)
from functions.dashboard.membership import offered_roles, own_role, to_organization
from functions.dashboard.pages.home import PROJECT_ID
from functions.dashboard.render import page
from functions.dashboard.routing import RequestContext, get, post
from functions.dashboard.text import weight
from functions.dashboard.web import PageResponse

MEMBERS_A_PAGE = 50
MOST_LISTED = 50
ENTRIES_A_PAGE = 50
# In bytes of HTML. Keeps the page below 80 KB.
MEMBERS_BYTES = 20_000
_MARKUP_OF_A_MEMBER = 300
_MESSAGES = {
    "invited": "Added. A new account gets an e-mail with a temporary password.",
    "again": "A new e-mail with a temporary password has been sent.",
    "changed": "Saved.",
    "left": "Removed from the organization.",
    "team": "Team created. Add members to it, and select it in the settings of projects.",
    "team-deleted": "Team deleted.",
    "saved": "Saved. The change takes effect within 30 seconds.",
}


@get("orgs/<organization:organization_id>")
def show(ctx: RequestContext) -> PageResponse:
    """Show an organization to its owners and admins."""
    ctx.must_administer(ctx.organization.id)
    return _page(ctx, Failed())


@get("orgs/<organization:organization_id>/use")
def show_use(ctx: RequestContext) -> PageResponse:
    """Show how many events each project has received this month."""
    ctx.must_administer(ctx.organization.id)
    asked = PROJECT_ID.fullmatch(ctx.request.args.get("after", ""))
    after = asked[0] if asked else ""
    view = dashboard_views.usage_view(ctx.organization.id, after, ctx.now_ms)
    return page(ctx.request, "usage.html", ctx.now_ms, ctx=ctx, view=view, after=after)


@get("orgs/<organization:organization_id>/audit")
def show_audit(ctx: RequestContext) -> PageResponse:
    """Show who has changed what."""
    ctx.must_administer(ctx.organization.id)
    asked = AUDIT_ID.fullmatch(ctx.request.args.get("before", ""))
    before = asked[0] if asked else ""
    entries, older = audit.list_entries(ctx.organization.id, before, ENTRIES_A_PAGE)
    return page(
        ctx.request,
        "audit.html",
        ctx.now_ms,
        ctx=ctx,
        entries=entries,
        before=before,
        older=older,
    )


@post("orgs/<organization:organization_id>", keeps=True)
def change(ctx: RequestContext) -> PageResponse:
    """Handle the forms of the organization's page."""
    ctx.must_administer(ctx.organization.id)
    return act(ctx, _ACTIONS, _page)


def _page(ctx: RequestContext, failed: Failed) -> PageResponse:
    organization = ctx.organization
    after = ctx.request.args.get("after", "")
    roster = find_roster(organization.id, after, MEMBERS_A_PAGE)
    mine, more = some_projects(organization.id, "", pages=1)
    shown, next_after = _within_budget(roster)
    return page(
        ctx.request,
        "organization.html",
        ctx.now_ms,
        failed.status,
        ctx=ctx,
        message=_MESSAGES.get(ctx.request.args.get("said", "")),
        failed=failed,
        after=after,
        members=_with_names(shown, roster.teams),
        next_after=next_after,
        roles=offered_roles(ctx),
        teams=roster.teams[:MOST_LISTED],
        more_teams=len(roster.teams[MOST_LISTED:]),
        projects=mine[:MOST_LISTED],
        more_projects=more or mine[MOST_LISTED:],
        used=quota.used(organization.id, ctx.now_ms),
        unpaid_url=billing.unpaid_url(organization),
    )


def _within_budget(roster: Roster) -> tuple[list[Member], str]:
    """Return the members that fit the page, and after whom the next page starts."""
    budget = ByteBudget(MEMBERS_BYTES)
    # Each address appears twice: as text and in its link.
    found = [
        *takewhile(
            lambda one: budget.pays(
                _MARKUP_OF_A_MEMBER + weight(one.email) + len(quote(one.email))
            ),
            roster.members,
        )
    ]
    cut = len(found) < len(roster.members)
    return found, found[-1].email if cut else roster.next_after


def _with_names(found: list[Member], teams: list[Team]) -> list[tuple[Member, str]]:
    names = {team.id: team.name for team in teams}
    return [
        (each, ", ".join(sorted(names[team] for team in each.teams if team in names)))
        for each in found
    ]


# ------------------------------------------------------------------ actions


def _invite(ctx: RequestContext, _: str) -> PageResponse:
    form = ctx.request.form
    role = cast("Role", form.get("role", ""))
    email = form.get("email", "")
    members.add(ctx.organization.id, email, role, chosen_teams(ctx), by_role=own_role(ctx))
    return to_organization(ctx, "invited")


def _create_team(ctx: RequestContext, _: str) -> PageResponse:
    members.create_team(ctx.organization.id, ctx.request.form.get("team_name", "").strip())
    return to_organization(ctx, "team")


def _policy(ctx: RequestContext, _: str) -> PageResponse:
    limit = whole_number(ctx, "monthly_quota", "quota")
    lines = ctx.request.form.get("allowlist", "").replace(",", "\n").splitlines()
    entries = ",".join(line.strip() for line in lines if line.strip())
    organizations.change(
        ctx.organization.id,
        parse_allowlist(entries) if entries else (),
        "none" if limit is None else limit,
    )
    return to_organization(ctx, "saved")


def _create_project(ctx: RequestContext, _: str) -> PageResponse:
    created, unmetered = usage_keys.create_project(
        gateway(ctx.request),
        ctx.request.form.get("project_name", "").strip(),
        ctx.organization.id,
        chosen_teams(ctx),
    )
    project, key, public = created
    back = (f"projects/{project.id}/issues", "To the project")
    its_dsn = dsn(ctx.request.sdk_url, public, project.id)
    return show_key(ctx, f"New project: {project.name}", key, unmetered, back, its_dsn)


_ACTIONS = {
    "invite": _invite,
    "create-team": _create_team,
    "policy": _policy,
    "create-project": _create_project,
}
