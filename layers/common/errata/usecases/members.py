"""Manage the members and teams of an organization: invite, change and remove.

`by_role` is the role of the signed-in member who asks. None is an operator, who may do everything.
"""

import secrets
from collections.abc import Iterable
from dataclasses import replace

from errata.errors import ForbiddenError, InvalidInputError, NotFoundError, UnavailableError
from errata.models.ids import now_ms
from errata.models.member import ROLES, Member, Membership, Role, Team, User
from errata.models.project import Project
from errata.store import accounts, webhook_secrets
from errata.store import members as store
from errata.store.projects import save_teams
from errata.store.retry import attempts
from errata.store.tokens import remove_tokens_of
from errata.usecases import audit, organizations, projects

MAX_EMAIL_LENGTH = 254  # RFC 5321, section 4.5.3.1.3, without the brackets
# A transaction takes 100 actions, one of them for each team.
MAX_TEAMS = 50
_TRIES = 8


# ------------------------------------------------------------------ members


def find_user(email: str) -> User:
    """Return the user with this e-mail address. An unknown one has no memberships."""
    email = email.strip().lower()
    return store.find_user(email) or User(email)


def list_members(organization_id: str) -> list[Member]:
    """Return an organization's members, sorted by e-mail address.

    Raises:
        NotFoundError: there is no such organization.
    """
    organizations.find(organization_id)
    return store.list_members(organization_id)


@audit.recorded("member added", "email", "role", "teams")
def add(
    organization_id: str,
    email: str,
    role: Role,
    teams: Iterable[str] = (),
    by_role: Role | None = None,
    password: str = "",
) -> Member:
    """Add a member to an organization. Create their account and mail an invitation if needed.

    With a `password`, no mail is sent. A person who is in no organization yet gets this password.
    This is for stacks that cannot send mail.

    Raises:
        ForbiddenError: `by_role` may not do this.
        InvalidInputError: the e-mail address, the role or a team is invalid, or the person is
            already a member.
        NotFoundError: there is no such organization.
        UnavailableError: there was a conflict on every try.
    """
    organizations.find(organization_id)
    email, membership = check_email(email), _membership(role, teams)
    _check_rights(by_role, role)
    before = find_user(email)
    if organization_id in before.memberships:
        _refuse_member(organization_id, before)
    check_teams(organization_id, membership.teams)
    remove_tokens_of(organization_id, email)  # a removal that was cut off may have left some
    # Create the account first. If this is interrupted, the next call finds it and continues.
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


@audit.recorded("member invited again", "email")
def invite_again(
    organization_id: str, email: str, by_role: Role | None = None, password: str = ""
) -> Member:
    """Mail a new invitation to a member whose first password expired or was lost.

    With a `password`, set this password and send no mail, as `add` does.

    Raises:
        ForbiddenError: `by_role` may not do this.
        InvalidInputError: the member has signed in before and can reset the password by mail.
        NotFoundError: they are not a member.
    """
    member = _find(organization_id, email)
    _check_rights(by_role, member.role)
    if password:
        accounts.set_password(member.email, password)
    elif not accounts.invite_again(member.email):
        raise InvalidInputError(
            {
                "email": [
                    f"{member.email} has already chosen a password. They can reset it with"
                    " “Forgot your password?” on the sign-in page."
                ]
            }
        )
    return member


@audit.recorded("second factor turned off", "email")
def end_second_factor(organization_id: str, email: str) -> Member:
    """Turn off the second factor of a member who has lost it. Only operators may do this.

    An account may belong to several organizations, so an admin of one of them may not.

    Raises:
        InvalidInputError: they sign in with an identity provider.
        NotFoundError: they are not a member.
    """
    member = _find(organization_id, email)
    if not accounts.end_second_factor(member.email):
        raise InvalidInputError(
            {
                "email": [
                    f"{member.email} signs in with an identity provider. Their second factor is"
                    " there."
                ]
            }
        )
    return member


@audit.recorded("member changed", "email", "role", "teams")
def change(
    organization_id: str,
    email: str,
    role: Role | None = None,
    teams: Iterable[str] | None = None,
    by_role: Role | None = None,
) -> Member:
    """Change a member's role and teams. None keeps the current value.

    Raises:
        ForbiddenError: `by_role` may not do this.
        InvalidInputError: the role or a team is invalid, or they are the last owner.
        NotFoundError: they are not a member.
        UnavailableError: there was a conflict on every try.
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
        if _save(organization_id, before, membership):
            return Member(before.email, membership.role, membership.teams)
    raise UnavailableError


@audit.recorded("member removed", "email")
def remove(organization_id: str, email: str, by_role: Role | None = None) -> Member:
    """Remove a member from an organization and return them. Their account is kept.

    Raises:
        ForbiddenError: `by_role` may not do this.
        InvalidInputError: they are the last owner.
        NotFoundError: they are not a member.
        UnavailableError: there was a conflict on every try.
    """
    for _ in attempts(_TRIES):
        before = _find(organization_id, email)
        _check_rights(by_role, before.role)
        if _save(organization_id, before, None):
            # Their tokens have lost access. They must not regain it if the member is added again.
            remove_tokens_of(organization_id, before.email)
            if not find_user(before.email).memberships:
                name = store.user_hash(before.email)
                webhook_secrets.delete_secrets(webhook_secrets.OF_MEMBERS, name)
            return before
    raise UnavailableError


def _find(organization_id: str, email: str) -> Member:
    organizations.find(organization_id)
    user = find_user(email)
    membership = user.memberships.get(organization_id)
    if membership is None:
        raise NotFoundError(
            f"{user.email} is not a member of organization {organization_id}."
            f" See `errata members list {organization_id}`."
        )
    return Member(user.email, membership.role, membership.teams)


def _save(organization_id: str, before: Member, membership: Membership | None) -> bool:
    """Save the change. Returns False on a conflict: then read and check again."""
    user = find_user(before.email)
    if user.memberships.get(organization_id) != Membership(before.role, before.teams):
        return False
    try:
        store.save_membership(user, organization_id, membership)
    except store.LastOwnerError:
        complaint = (
            f"{before.email} is the last owner of organization {organization_id}."
            " Make another member an owner first."
        )
        raise InvalidInputError({"role": [complaint]}) from None
    except (store.MembershipChangedError, store.UnknownTeamError):
        return False
    return True


def check_email(text: str) -> str:
    """Return an e-mail address as it is stored: in lower case.

    Raises:
        InvalidInputError: it is not an e-mail address.
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
    """Raise ForbiddenError unless `by_role` may change members with these roles."""
    if by_role not in (None, "owner", "admin"):
        raise ForbiddenError("Only owners and admins can do this.")
    if by_role == "admin" and "owner" in roles:
        raise ForbiddenError("Only an owner can add, change or remove an owner.")


def _refuse_member(organization_id: str, user: User) -> None:
    role = user.memberships[organization_id].role
    raise InvalidInputError({"email": [f"{user.email} is already a member, as {role}."]})


# ------------------------------------------------------------------ teams


@audit.recorded("team created", "name")
def create_team(organization_id: str, name: str) -> Team:
    """Create a team without members and projects.

    Raises:
        InvalidInputError: the name is invalid, or another team has it.
        NotFoundError: there is no such organization.
    """
    _check_name(organization_id, name)
    team = Team(secrets.token_hex(4), organization_id, name, created_at=now_ms())
    store.add_team(team)
    return team


def list_teams(organization_id: str) -> list[Team]:
    """Return an organization's teams, oldest first.

    Raises:
        NotFoundError: there is no such organization.
    """
    organizations.find(organization_id)
    return store.list_teams(organization_id)


@audit.recorded("team renamed", "team_id", "name")
def rename_team(organization_id: str, team_id: str, name: str) -> None:
    """Rename a team.

    Raises:
        InvalidInputError: the name is invalid, or another team has it.
        NotFoundError: there is no such team.
    """
    _check_name(organization_id, name, team_id)
    if not store.rename_team(organization_id, team_id, name):
        raise _no_team(organization_id, team_id)


@audit.recorded("team deleted", "team_id")
def delete_team(organization_id: str, team_id: str) -> None:
    """Delete a team. Its members no longer see its projects, except through another team.

    If this is interrupted, call it again.

    Raises:
        NotFoundError: there is no such team, and no member or project still names it.
    """
    organizations.find(organization_id)
    # Delete the team first, so that nobody can join it. Then remove its members; the read is
    # strongly consistent. Without members, a project that still names the team is visible to
    # nobody through it.
    found = store.remove_team(organization_id, team_id)
    for member in store.list_members(organization_id):
        if team_id in member.teams:
            found = True
            _leave_team(organization_id, member.email, team_id)
    for project in projects.list_of(organization_id):
        if team_id in project.teams:
            found = True
            save_teams(project.id, project.teams - {team_id})
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
        if _save(organization_id, member, rest):
            return
    raise UnavailableError


@audit.recorded("project's teams changed", "teams")
def set_project_teams(project_id: str, teams: Iterable[str]) -> Project:
    """Set the teams that see a project. This replaces the former teams.

    Raises:
        InvalidInputError: a team is not in the project's organization.
        NotFoundError: there is no such project.
    """
    project = projects.find(project_id)
    chosen = frozenset(teams)
    check_teams(project.organization, chosen)
    save_teams(project_id, chosen)
    return replace(project, teams=chosen)


def _check_name(organization_id: str, name: str, team_id: str = "") -> None:
    projects.check_texts(name=name)
    for team in list_teams(organization_id):
        if team.name == name and team.id != team_id:
            raise InvalidInputError({"name": [f"Team {team.id} already has this name."]})


def check_teams(organization_id: str, teams: frozenset[str]) -> None:
    """Check that these are teams of an organization.

    Raises:
        InvalidInputError: some are not; it names each of them. Or there are too many.
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
