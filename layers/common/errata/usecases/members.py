"""People of an organization, and its teams: invite them, change what they may do, remove them.

Whoever acts for somebody who is signed in passes `by_role`, their role in the organization; without
one it is an operator, who may do everything.
"""

import secrets
from collections.abc import Iterable
from dataclasses import replace

from errata.errors import ForbiddenError, InvalidInputError, NotFoundError, UnavailableError
from errata.models.ids import now_ms
from errata.models.member import ROLES, Member, Membership, Role, Team, User
from errata.models.project import Project
from errata.store import accounts
from errata.store import members as store
from errata.store import projects as projects_store
from errata.store.retry import attempts
from errata.usecases import organizations, projects

MAX_EMAIL_LENGTH = 254  # RFC 5321, section 4.5.3.1.3, without the brackets
# A transaction takes 100 actions, one of them for each team.
MAX_TEAMS = 50
_TRIES = 8


# ------------------------------------------------------------------ members


def find_user(email: str) -> User:
    """Somebody by their e-mail; without memberships where nobody has added them."""
    email = email.strip().lower()
    return store.find_user(email) or User(email)


def list_members(organization_id: str) -> list[Member]:
    """An organization's members, by their e-mails.

    Raises:
        NotFoundError: there is no such organization.
    """
    organizations.find(organization_id)
    return store.list_members(organization_id)


def add(
    organization_id: str,
    email: str,
    role: Role,
    teams: Iterable[str] = (),
    by_role: Role | None = None,
    password: str = "",
) -> Member:
    """Add somebody to an organization. Without an account yet they get one, and an invitation.

    With a `password`, nothing is mailed, and whoever belongs to no organization yet gets it; it
    is for stacks that cannot send mail.

    Raises:
        ForbiddenError: whoever asks may not do this.
        InvalidInputError: the e-mail, the role or a team is not one, or they are a member already.
        NotFoundError: there is no such organization.
    """
    organizations.find(organization_id)
    email, membership = check_email(email), _membership(role, teams)
    _check_rights(by_role, role)
    before = find_user(email)
    if organization_id in before.memberships:
        _refuse_member(organization_id, before)
    check_teams(organization_id, membership.teams)
    # The account first: cut off behind it, the same again finds it and goes on.
    accounts.create(email, mailed=not password)
    if password and not before.memberships:
        accounts.set_password(email, password)
    for _ in attempts(_TRIES):
        try:
            store.save_membership(before, organization_id, membership)
        except store.UnknownTeamError:
            check_teams(organization_id, membership.teams)
        except store.MembershipChangedError:
            before = find_user(email)
            if organization_id in before.memberships:
                _refuse_member(organization_id, before)
        else:
            return Member(email, role, membership.teams)
    raise UnavailableError


def invite_again(
    organization_id: str, email: str, by_role: Role | None = None, password: str = ""
) -> Member:
    """Mail a new invitation to a member whose first password has expired, or was lost.

    With a `password`, nothing is mailed, and they get it, as with `add`.

    Raises:
        ForbiddenError: whoever asks may not do this.
        InvalidInputError: they have signed in already, and set a new password with a code by mail.
        NotFoundError: they are no member.
    """
    member = _find(organization_id, email)
    _check_rights(by_role, member.role)
    if password:
        accounts.set_password(member.email, password)
    elif not accounts.invite_again(member.email):
        raise InvalidInputError(
            {
                "email": [
                    f"{member.email} has chosen a password already, and can set a new one with"
                    " “Forgot your password?” where they sign in."
                ]
            }
        )
    return member


def change(
    organization_id: str,
    email: str,
    role: Role | None = None,
    teams: Iterable[str] | None = None,
    by_role: Role | None = None,
) -> Member:
    """Change a member's role and teams; what is None stays.

    Raises:
        ForbiddenError: whoever asks may not do this.
        InvalidInputError: the role or a team is not one, or nobody else owns the organization.
        NotFoundError: they are no member.
    """
    chosen = None if teams is None else frozenset(teams)
    for _ in attempts(_TRIES):
        before = _find(organization_id, email)
        membership = _membership(
            before.role if role is None else role, before.teams if chosen is None else chosen
        )
        _check_rights(by_role, before.role, membership.role)
        if chosen is not None:
            check_teams(organization_id, chosen)
        if _saved(organization_id, before, membership):
            return Member(before.email, membership.role, membership.teams)
    raise UnavailableError


def remove(organization_id: str, email: str, by_role: Role | None = None) -> Member:
    """Remove somebody from an organization; returns what they were. Their account stays.

    Raises:
        ForbiddenError: whoever asks may not do this.
        InvalidInputError: nobody else owns the organization.
        NotFoundError: they are no member.
    """
    for _ in attempts(_TRIES):
        before = _find(organization_id, email)
        _check_rights(by_role, before.role)
        if _saved(organization_id, before, None):
            return before
    raise UnavailableError


def _find(organization_id: str, email: str) -> Member:
    organizations.find(organization_id)
    user = find_user(email)
    membership = user.memberships.get(organization_id)
    if membership is None:
        raise NotFoundError(
            f"{user.email} is no member of organization {organization_id}."
            f" See `errata members list {organization_id}`."
        )
    return Member(user.email, membership.role, membership.teams)


def _saved(organization_id: str, before: Member, membership: Membership | None) -> bool:
    """Whether the change is made; False where it is to be judged anew."""
    user = find_user(before.email)
    if user.memberships.get(organization_id) != Membership(before.role, before.teams):
        return False
    try:
        store.save_membership(user, organization_id, membership)
    except store.LastOwnerError:
        complaint = (
            f"{before.email} is the last owner of organization {organization_id}."
            " Make somebody else an owner first."
        )
        raise InvalidInputError({"role": [complaint]}) from None
    except (store.MembershipChangedError, store.UnknownTeamError):
        return False
    return True


def check_email(text: str) -> str:
    """An e-mail address as it is stored: in lower case.

    Raises:
        InvalidInputError: it is none.
    """
    email = text.strip().lower()
    name, _, domain = email.partition("@")
    sound = name and domain and "@" not in domain and email.isprintable() and " " not in email
    if not sound or len(email) > MAX_EMAIL_LENGTH:
        raise InvalidInputError(
            {"email": [f"{text!r} is not an e-mail address such as ada@example.com."]}
        )
    return email


def _membership(role: Role, teams: Iterable[str]) -> Membership:
    if role not in ROLES:
        raise InvalidInputError(
            {"role": [f"There is no role {role!r}. Choose from: {', '.join(ROLES)}."]}
        )
    return Membership(role, frozenset(teams))


def _check_rights(by_role: Role | None, *roles: Role) -> None:
    """Whether somebody with `by_role` may deal with members of these roles."""
    if by_role == "member":
        raise ForbiddenError("Members change nothing of an organization. Ask one of its admins.")
    if by_role == "admin" and "owner" in roles:
        raise ForbiddenError("Only an owner adds, changes or removes owners.")


def _refuse_member(organization_id: str, user: User) -> None:
    role = user.memberships[organization_id].role
    raise InvalidInputError({"email": [f"{user.email} is a member already, as {role}."]})


# ------------------------------------------------------------------ teams


def create_team(organization_id: str, name: str) -> Team:
    """A new team, without members or projects.

    Raises:
        InvalidInputError: the name is not one, or another team's.
        NotFoundError: there is no such organization.
    """
    _check_name(organization_id, name)
    team = Team(secrets.token_hex(4), organization_id, name, created_at=now_ms())
    store.add_team(team)
    return team


def list_teams(organization_id: str) -> list[Team]:
    """An organization's teams, oldest first.

    Raises:
        NotFoundError: there is no such organization.
    """
    organizations.find(organization_id)
    return store.list_teams(organization_id)


def rename_team(organization_id: str, team_id: str, name: str) -> None:
    """Give a team another name.

    Raises:
        InvalidInputError: the name is not one, or another team's.
        NotFoundError: there is no such team.
    """
    _check_name(organization_id, name, team_id)
    if not store.rename_team(organization_id, team_id, name):
        raise _no_team(organization_id, team_id)


def delete_team(organization_id: str, team_id: str) -> None:
    """Delete a team: its members no longer see its projects, unless by another team.

    Cut off, it may be done again.

    Raises:
        NotFoundError: there is no such team, and nothing is left of one.
    """
    organizations.find(organization_id)
    # The team first: nobody gets into it any more. Then its members, who are read consistently:
    # once it has none, the projects that still name it are shown to nobody for that.
    found = store.remove_team(organization_id, team_id)
    for member in store.list_members(organization_id):
        if team_id in member.teams:
            found = True
            _leave_team(organization_id, member.email, team_id)
    for project in projects_store.list_projects():
        if project.organization == organization_id and team_id in project.teams:
            found = True
            projects_store.save_teams(project.id, project.teams - {team_id})
    if not found:
        raise _no_team(organization_id, team_id)


def _leave_team(organization_id: str, email: str, team_id: str) -> None:
    for _ in attempts(_TRIES):
        before = find_user(email)
        membership = before.memberships.get(organization_id)
        if membership is None or team_id not in membership.teams:
            return
        member = Member(email, membership.role, membership.teams)
        rest = Membership(membership.role, membership.teams - {team_id})
        if _saved(organization_id, member, rest):
            return
    raise UnavailableError


def set_project_teams(project_id: str, teams: Iterable[str]) -> Project:
    """Say which teams see a project: these, and no other.

    Raises:
        InvalidInputError: one is not a team of the project's organization.
        NotFoundError: there is no such project.
    """
    project = projects.find(project_id)
    chosen = frozenset(teams)
    check_teams(project.organization, chosen)
    projects_store.save_teams(project_id, chosen)
    return replace(project, teams=chosen)


def _check_name(organization_id: str, name: str, team_id: str = "") -> None:
    projects.check_texts(name=name)
    for team in list_teams(organization_id):
        if team.name == name and team.id != team_id:
            raise InvalidInputError({"name": [f"Team {team.id} has this name already."]})


def check_teams(organization_id: str, teams: frozenset[str]) -> None:
    """Whether these are teams of an organization.

    Raises:
        InvalidInputError: names every one that is not.
    """
    if not teams:
        return
    if len(teams) > MAX_TEAMS:
        raise InvalidInputError({"teams": [f"{MAX_TEAMS} teams at most."]})
    unknown = sorted(teams - {team.id for team in store.list_teams(organization_id)})
    if unknown:
        advice = f"See `errata teams list {organization_id}`."
        raise InvalidInputError(
            {
                "teams": [
                    f"Organization {organization_id} has no team {each}. {advice}"
                    for each in unknown
                ]
            }
        )


def _no_team(organization_id: str, team_id: str) -> NotFoundError:
    return NotFoundError(
        f"Organization {organization_id} has no team {team_id}."
        f" See `errata teams list {organization_id}`."
    )
