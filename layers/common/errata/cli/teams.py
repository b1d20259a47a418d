"""`errata teams`: create, list, rename, delete."""

from typing import Annotated, Any

import typer

from errata.cli.command import CommandContext, command, group
from errata.cli.orgs import OrgId
from errata.cli.output import print_fields, print_json, print_line, print_table, timestamp
from errata.models.member import Team
from errata.protocol.read import iso
from errata.usecases import members

app = group(
    "Create, list, rename and delete an organization's teams.",
    example="teams list default",
)

TeamId = Annotated[str, typer.Argument(metavar="TEAM", help="The team's id, from `teams list`.")]
TeamName = Annotated[str, typer.Argument(metavar="NAME", help="1 to 200 characters.")]


@command(app, "create", example="teams create default web")
def create(ctx: CommandContext, org: OrgId, name: TeamName) -> None:
    """Create a team. Give it access to a project with `projects set --team`."""
    team = members.create_team(org, name.strip())
    if ctx.json:
        print_json(_to_json(team))
    else:
        print_fields({"team": team.id, "name": team.name})


@command(app, "list", example="teams list default")
def list_(ctx: CommandContext, org: OrgId) -> None:
    """List an organization's teams."""
    found = members.list_teams(org)
    if ctx.json:
        print_json([_to_json(team) for team in found])
        return
    print_table(
        ["id", "name", "created (UTC)"],
        [(team.id, team.name, timestamp(team.created_at)) for team in found],
        empty=f"No teams yet. Create one with `errata teams create {org} NAME`.",
    )


@command(app, "rename", example="teams rename default 3f2a90c1 front")
def rename(ctx: CommandContext, org: OrgId, team_id: TeamId, name: TeamName) -> None:
    """Rename a team."""
    members.rename_team(org, team_id, name.strip())
    if ctx.json:
        print_json({"id": team_id, "name": name.strip()})
    else:
        print_line(f"Renamed team {team_id} to {name.strip()}.")


@command(app, "delete", example="teams delete default 3f2a90c1")
def delete(ctx: CommandContext, org: OrgId, team_id: TeamId) -> None:
    """Delete a team. Its members stay in the organization, and its projects are kept."""
    members.delete_team(org, team_id)
    if ctx.json:
        print_json({"id": team_id})
    else:
        print_line(f"Deleted team {team_id}.")


def _to_json(team: Team) -> dict[str, Any]:
    return {"id": team.id, "name": team.name, "created_at": iso(team.created_at)}
