"""Assignees: their names, who can be assigned, and whom a text stands for."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from errata.caches import TTLCache
from errata.errors import InvalidInputError
from errata.models.assignee import Assigned, email_of, of_member, of_team
from errata.models.issue import Issue
from errata.models.member import Member, Team, has_right
from errata.models.project import Project
from errata.models.visible import Visible
from errata.store import assignees as store
from errata.store.members import find_roster, list_teams
from errata.usecases import members

_NOBODY_WORDS = ("", "nobody", "none")
# The most members and teams to choose from.
MOST_OFFERED = 50
_known: TTLCache[Assigned] = TTLCache(max_entries=2_000)
_teams: TTLCache[list[Team]] = TTLCache(max_entries=200)


def parse(project: Project, visible: Visible, text: str) -> Assigned | None:
    """Return the assignee that a text such as `ada@example.com`, `#team` or `me` names.

    None for `nobody`, `none` and "".

    Raises:
        InvalidInputError: there is no such member or team, or the member does not see the project,
            or is a viewer.
    """
    text = text.strip()
    if text.lower() in _NOBODY_WORDS:
        return None
    if project.unclaimed:
        raise _refused("This project belongs to no organization, so nobody can be assigned.")
    if text.startswith("#"):
        return _team(project, text.removeprefix("#"))
    email = visible.member if text == "me" and visible.member else members.check_email(text)
    user = members.find_user(email)
    membership = user.memberships.get(project.organization)
    if membership is None:
        raise _refused(f"{email} is not a member of the organization.")
    if not user.sees(project):
        raise _refused(f"{email} does not see this project. Add them to one of its teams first.")
    if not has_right(membership.role, "settle"):
        raise _refused(f"{email} is a viewer, and viewers cannot settle issues.")
    return Assigned(of_member(email), email)


def _team(project: Project, name: str) -> Assigned:
    for team in list_teams(project.organization):
        if name in (team.name, team.id):
            return Assigned(of_team(team.id), team.name)
    raise _refused(f"There is no team {name} in the organization.")


def _refused(message: str) -> InvalidInputError:
    return InvalidInputError({"assignee": [message]})


# ------------------------------------------------------------------ who they are


def shown(organization_id: str, assignees: Iterable[str], now_ms: int) -> dict[str, Assigned]:
    """Return who these assignees are, by assignee. Makes at most one call; cached for 30 s."""
    asked = set(filter(None, assignees))
    read: dict[str, Assigned] = {}

    def find(assignee: str) -> Assigned:
        if not read:
            read.update(store.find_assigned(organization_id, asked))
        return read[assignee]

    return {
        each: _known.get(f"{organization_id}#{each}", now_ms, partial(find, each)) for each in asked
    }


def called(visible: Visible, assignee: str) -> str:
    """Return an assignee's e-mail address or team name, "" for nobody. Makes at most one call."""
    if not assignee:
        return ""
    if email := email_of(assignee):
        return email
    return shown(visible.organization, [assignee], visible.now_ms)[assignee].called


def of_list(organization_id: str, issues: Iterable[Issue], now_ms: int) -> dict[str, Assigned]:
    """Return the assignees of a list of issues, as `shown`, but read only the names of teams.

    So a member who has left is not marked as gone.
    """
    asked = {each.assignee for each in issues if each.assignee}
    members = {each: Assigned(each, email) for each in asked if (email := email_of(each))}
    return members | shown(organization_id, asked - members.keys(), now_ms)


def teams_of(organization_id: str, now_ms: int) -> list[Team]:
    """Return the teams of an organization, for searches. Cached for 30 s."""
    return _teams.get(organization_id, now_ms, partial(list_teams, organization_id))


def clear_cache() -> None:
    """Drop the cached assignees and teams."""
    _known.clear()
    _teams.clear()


@dataclass(frozen=True, slots=True)
class Offer:
    """Whom an issue can be assigned to. `more`: there are others."""

    members: list[Member]
    teams: list[Team]
    more: bool


def offer(project: Project) -> Offer:
    """Return members and teams to choose from, at most fifty of each. Makes two calls."""
    roster = find_roster(project.organization, "", MOST_OFFERED)
    found = [e for e in roster.members if e.sees(project) and has_right(e.role, "settle")]
    teams = sorted(roster.teams, key=lambda team: team.id not in project.teams)[:MOST_OFFERED]
    return Offer(found, teams, bool(roster.next_after) or len(roster.teams) > MOST_OFFERED)
