"""`errata members`: add, list, set, invite, remove, and reset the second factor.

Members can sign in to the dashboard.
"""

import secrets
from typing import Annotated, Any, cast

import typer

from errata.cli.command import CommandContext, command, group
from errata.cli.orgs import OrgId
from errata.cli.output import print_fields, print_json, print_line, print_table
from errata.config import settings
from errata.models.member import ROLES, Member, Role
from errata.usecases import members

app = group(
    "Add, list, change and remove an organization's members.",
    example="members add default ada@example.com --role owner",
)

Email = Annotated[
    str, typer.Argument(metavar="EMAIL", help="The e-mail address they sign in with.")
]
_ROLE = "|".join(ROLES)


@command(app, "add", example="members add default ada@example.com --role owner")
def add(
    ctx: CommandContext,
    org: OrgId,
    email: Email,
    role: Annotated[
        str,
        typer.Option(
            metavar=_ROLE,
            help="Owners and admins see all projects, members those of their teams. Viewers see"
            " what members see, and change nothing.",
        ),
    ],
    team: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Id of a team to join, from `teams list`. Repeatable."),
    ] = None,
) -> None:
    """Add a member to an organization.

    A user without an account gets an invitation by e-mail. The local stack sends no e-mail; it
    shows a password instead, only once.
    """
    password = _password(ctx)
    known = bool(password and members.find_user(email).memberships)
    member = members.add(org, email, cast("Role", role), team or (), password=password)
    _added(ctx, org, member, "" if known else password)


@command(app, "list", example="members list default")
def list_(ctx: CommandContext, org: OrgId) -> None:
    """List an organization's members."""
    found = members.list_members(org)
    if ctx.json:
        print_json([_to_json(org, member) for member in found])
        return
    names = {team.id: team.name for team in members.list_teams(org)}
    print_table(
        ["e-mail", "role", "teams"],
        [
            (each.email, each.role, ", ".join(sorted(names.get(team, team) for team in each.teams)))
            for each in found
        ],
        empty=f"No members yet. Add one with `errata members add {org} EMAIL --role owner`.",
    )


@command(app, "set", example="members set default ada@example.com --role admin")
def set_(
    ctx: CommandContext,
    org: OrgId,
    email: Email,
    role: Annotated[str | None, typer.Option(metavar=_ROLE, help="The new role.")] = None,
    team: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID", help="Replaces the teams. Repeatable. `none` removes all teams."
        ),
    ] = None,
) -> None:
    """Change a member's role and teams."""
    if role is None and not team:
        raise typer.BadParameter("Nothing to set. Use --role or --team.")
    teams = None if not team else [] if team == ["none"] else team
    member = members.change(org, email, cast("Role | None", role), teams)
    if ctx.json:
        print_json(_to_json(org, member))
    else:
        _show(org, member, {})


@command(app, "invite", example="members invite default ada@example.com")
def invite(ctx: CommandContext, org: OrgId, email: Email) -> None:
    """Send a new invitation with a new temporary password. A password expires after 7 days.

    The local stack sends no e-mail; it shows the new password instead, only once.
    """
    password = _password(ctx)
    member = members.invite_again(org, email, password=password)
    if ctx.json or password:
        _added(ctx, org, member, password)
    else:
        print_line(f"Invited {member.email} again.")


@command(app, "reset-second-factor", example="members reset-second-factor default ada@example.com")
def reset_second_factor(ctx: CommandContext, org: OrgId, email: Email) -> None:
    """Turn off the second factor of a member who has lost the device. Check who asks for it.

    They then sign in with the password alone, and can set up a new one on their account's page.
    """
    member = members.end_second_factor(org, email)
    if ctx.json:
        print_json(_to_json(org, member))
    else:
        print_line(
            f"{member.email} signs in with the password alone. Ask them to set up a new one."
        )


@command(app, "remove", example="members remove default ada@example.com")
def remove(ctx: CommandContext, org: OrgId, email: Email) -> None:
    """Remove a member from an organization. Their account is kept, but loses access to it."""
    member = members.remove(org, email)
    if ctx.json:
        print_json(_to_json(org, member))
    else:
        print_line(f"Removed {member.email} from organization {org}.")


def _password(ctx: CommandContext) -> str:
    """Return a new password on the local stack, "" elsewhere. The local stack sends no e-mail."""
    return secrets.token_urlsafe(15) if ctx.local else ""


def _added(ctx: CommandContext, org: str, member: Member, password: str) -> None:
    shown = {"password": password} if password else {}
    if ctx.json:
        print_json(_to_json(org, member) | shown)
        return
    _show(org, member, shown | {"dashboard": settings().dashboard_url})
    if password:
        print_line("Copy the password now. It is not shown again.")


def _show(org: str, member: Member, more: dict[str, str]) -> None:
    teams = ", ".join(sorted(member.teams))
    who = {"e-mail": member.email, "organization": org, "role": member.role, "teams": teams}
    print_fields({**who, **more})


def _to_json(org: str, member: Member) -> dict[str, Any]:
    return {
        "organization": org,
        "email": member.email,
        "role": member.role,
        "teams": sorted(member.teams),
    }
