"""ProjectsTable: users, their memberships, and teams.

| item | pk | sk | attributes |
|---|---|---|---|
| user | `user#<hash of the e-mail>` | `user` | email, orgs, signed_out_at, preferences |
| member | `org#3` | `member#<e-mail>` | none; the user's item names this organization |
| owners | `org#3` | `owners` | count: how many members are owners |
| team | `org#3` | `team#<id>` | name, created_at |

Preferences are `name`, `zone` and `theme`, and the scope: `scope_environment`, `scope_range`.
`muted`, `reach_quiet`, `reach_kind`, `reach_hint` and `reach_since` say how the user wants to be
told of alerts.
`orgs` maps an organization's id to `role` and `teams` (ids of teams, joined by commas). Only the
user's item says what a person may do. The member items list an organization's members. The count of
owners prevents the removal of the last owner. All three change in one transaction. A member can
only be added to an existing team.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from errata.config import settings
from errata.errors import ConditionFailedError, StoreError
from errata.models.member import Member, Membership, Preferences, Reach, Roster, Team, User
from errata.models.views import Scope
from errata.store import clients, views
from errata.store.items import (
    PlainItem,
    TypedItem,
    Values,
    batch_get,
    query,
    read_all,
    write_all,
    write_value,
)

_PREFERENCES = ("name", "zone", "theme")
_REACH = ("quiet", "kind", "hint", "since")


class MembershipChangedError(Exception):
    """The user, or a related row, has changed since it was read."""


class LastOwnerError(Exception):
    """The organization would be left without an owner."""


class UnknownTeamError(Exception):
    """One of the teams does not exist."""


def user_hash(email: str) -> str:
    """Return the hash that stands for a user in keys and cookies. `email` is in lower case."""
    return hashlib.sha256(email.encode()).hexdigest()[:32]


# ------------------------------------------------------------------ users and members


def find_user(email: str) -> User | None:
    """Return the user with this e-mail (lower case), read consistently. Access pattern P23."""
    response = clients.dynamodb().get_item(
        TableName=settings().projects_table, Key=user_key(email), ConsistentRead=True
    )
    return to_user(read_all(response["Item"])) if "Item" in response else None


def sign_out(email: str, at_ms: int) -> None:
    """End all sessions of a user (`email` in lower case). Access pattern P34."""
    clients.dynamodb().update_item(
        TableName=settings().projects_table,
        Key=user_key(email),
        UpdateExpression="SET email = :email, signed_out_at = :at",
        ExpressionAttributeValues=write_all({":email": email, ":at": at_ms}),
    )


def save_preferences(email: str, preferences: Preferences) -> None:
    """Set how a user wants to see the dashboard (`email` in lower case). Access pattern P52."""
    values = {name: getattr(preferences, name) for name in _PREFERENCES}
    clients.dynamodb().update_item(
        TableName=settings().projects_table,
        Key=user_key(email),
        UpdateExpression="SET email = :email, "
        + ", ".join(f"#{name} = :{name}" for name in _PREFERENCES),
        ExpressionAttributeNames={f"#{name}": name for name in _PREFERENCES},
        ExpressionAttributeValues=write_all(
            {":email": email, **{f":{name}": value for name, value in values.items()}}
        ),
    )


def save_scope(email: str, scope: Scope) -> None:
    """Set the scope in which a user looks at issues (`email` in lower case). Access pattern P56."""
    clients.dynamodb().update_item(
        TableName=settings().projects_table,
        Key=user_key(email),
        UpdateExpression="SET email = :email, scope_environment = :environment,"
        " scope_range = :range",
        ExpressionAttributeValues=write_all(
            {":email": email, ":environment": scope.environment, ":range": scope.range}
        ),
    )


def save_alerts(email: str, kinds: Iterable[str], reach: Reach) -> None:
    """Set how a user wants to be told of alerts (`reach`), and which kinds are muted.

    `email` is in lower case. Access pattern P62.
    """
    own = {name: getattr(reach, name) or None for name in _REACH} if reach.is_own else {}
    values = {"muted": ",".join(sorted(kinds)) or None}
    values |= {f"reach_{name}": own.get(name) for name in _REACH}
    sets = ["email = :email", *(f"{name} = :{name}" for name, value in values.items() if value)]
    unset = [name for name, value in values.items() if not value]
    clients.dynamodb().update_item(
        TableName=settings().projects_table,
        Key=user_key(email),
        UpdateExpression=f"SET {', '.join(sets)}"
        + (f" REMOVE {', '.join(unset)}" if unset else ""),
        ExpressionAttributeValues=write_all(
            {":email": email} | {f":{name}": value for name, value in values.items()}
        ),
    )


def save_membership(before: User, organization_id: str, membership: Membership | None) -> None:
    """Set a user's membership in an organization; None removes it.

    `before` is the user as it was read; if there was none, a user without memberships. Access
    pattern P24.

    Raises:
        MembershipChangedError: the user has changed since it was read, or another transaction is
            changing it. Read it again.
        LastOwnerError: the member is the only owner of the organization.
        UnknownTeamError: one of the teams does not exist.
    """
    was = before.memberships.get(organization_id)
    after = {name: each for name, each in before.memberships.items() if name != organization_id}
    if membership:
        after[organization_id] = membership
    row = write_all({"pk": f"org#{organization_id}", "sk": f"member#{before.email}"})
    # Each action, with the error to raise if its condition fails.
    actions: list[tuple[type[Exception], Any]] = [
        (MembershipChangedError, {"Update": _change_of_user(before, after)}),
        *((LastOwnerError, each) for each in _change_of_owners(organization_id, was, membership)),
        (
            MembershipChangedError,
            {"Put" if membership else "Delete": _row(row, kept=membership is not None)},
        ),
    ]
    if not after:
        key = views.key(f"user#{user_hash(before.email)}")
        actions.append((MembershipChangedError, {"Delete": _row(key, kept=False)}))
    # Check only the new teams: deleting a team also removes its members from it.
    joined = (membership.teams if membership else frozenset()) - (was.teams if was else frozenset())
    actions += [(UnknownTeamError, _check_team(organization_id, team)) for team in sorted(joined)]
    try:
        clients.dynamodb().transact_write_items(TransactItems=[each for _, each in actions])
    except StoreError as error:
        failed = error.reason_codes
        if "TransactionConflict" in failed:
            raise MembershipChangedError from error
        for (meaning, _), why in zip(actions, failed, strict=False):
            if why == "ConditionalCheckFailed":
                raise meaning from error
        raise


def _change_of_user(before: User, after: dict[str, Membership]) -> Any:
    values = {":email": write_value(before.email), ":after": _from_memberships(after)}
    condition = "attribute_not_exists(orgs)"
    if before.memberships:
        condition = "orgs = :before"
        values[":before"] = _from_memberships(before.memberships)
    else:
        # A user whose last membership was removed has an empty map.
        condition += " OR size(orgs) = :none"
        values[":none"] = write_value(0)
    return {
        "TableName": settings().projects_table,
        "Key": user_key(before.email),
        # Update, not put: the item may have other attributes, for example `signed_out_at`.
        "UpdateExpression": "SET email = :email, orgs = :after",
        "ConditionExpression": condition,
        "ExpressionAttributeValues": values,
    }


def _change_of_owners(
    organization_id: str, was: Membership | None, now: Membership | None
) -> list[Any]:
    owned, owns = (each is not None and each.role == "owner" for each in (was, now))
    if owned == owns:
        return []
    change = {
        "TableName": settings().projects_table,
        "Key": write_all({"pk": f"org#{organization_id}", "sk": "owners"}),
        "UpdateExpression": "ADD #count :change",
        "ExpressionAttributeNames": {"#count": "count"},
        "ExpressionAttributeValues": write_all({":change": 1}),
    }
    if owned:
        change["ConditionExpression"] = "#count > :one"
        change["ExpressionAttributeValues"] = write_all({":change": -1, ":one": 1})
    return [{"Update": change}]


def _row(row: TypedItem, *, kept: bool) -> Any:
    return {"TableName": settings().projects_table, "Item" if kept else "Key": row}


def _check_team(organization_id: str, team_id: str) -> Any:
    return {
        "ConditionCheck": {
            "TableName": settings().projects_table,
            "Key": team_key(organization_id, team_id),
            "ConditionExpression": "attribute_exists(pk)",
        }
    }


def list_members(organization_id: str) -> list[Member]:
    """Return an organization's members, sorted by e-mail. Reads consistently.

    Access pattern P25.
    """
    rows = query(
        TableName=settings().projects_table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :member)",
        ExpressionAttributeValues=write_all(
            {":pk": f"org#{organization_id}", ":member": "member#"}
        ),
        ProjectionExpression="sk",
        ConsistentRead=True,
    )
    return _members(organization_id, (row["sk"]["S"] for row in rows))


def find_roster(organization_id: str, after: str, most: int) -> Roster:
    """Return an organization's teams and up to `most` members with e-mails after `after`.

    Members are sorted by e-mail. Takes two calls, read consistently: one for the organization's
    rows, one for the users. Access pattern P33.
    """
    rows = list(
        query(
            TableName=settings().projects_table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=write_all({":pk": f"org#{organization_id}"}),
            ConsistentRead=True,
        )
    )
    names = [row["sk"]["S"] for row in rows if row["sk"]["S"].startswith("member#")]
    rest = [name for name in names if name > f"member#{after}"]
    return Roster(
        _members(organization_id, rest[:most]),
        _teams(organization_id, (row for row in rows if row["sk"]["S"].startswith("team#"))),
        next_after=rest[most - 1].removeprefix("member#") if len(rest) > most else "",
    )


def _members(organization_id: str, names: Iterable[str]) -> list[Member]:
    keys = [user_key(name.removeprefix("member#")) for name in names]
    users = [to_user(read_all(item)) for item in batch_get(settings().projects_table, keys)]
    return [
        Member(user.email, membership.role, membership.teams, user.muted, _in_zone(user))
        for user in sorted(users, key=lambda each: each.email)
        if (membership := user.memberships.get(organization_id))
    ]


def _in_zone(user: User) -> Reach:
    if not user.reach.quiet:
        return user.reach
    return replace(user.reach, quiet=f"{user.reach.quiet} {user.preferences.zone}".strip())


def to_user(item: PlainItem) -> User:
    """Return the user in an item of plain values."""
    memberships = {
        organization: Membership(
            found["role"], frozenset(filter(None, found.get("teams", "").split(",")))
        )
        for organization, found in item.get("orgs", {}).items()
    }
    preferences = Preferences(*(item.get(name, "") for name in _PREFERENCES))
    scope = Scope(item.get("scope_environment", ""), item.get("scope_range", ""))
    muted = frozenset(filter(None, item.get("muted", "").split(",")))
    found = {name: item.get(f"reach_{name}") for name in _REACH}
    reach = Reach(**{name: value for name, value in found.items() if value})
    signed_out_at = item.get("signed_out_at", 0)
    return User(item["email"], memberships, signed_out_at, preferences, scope, muted, reach)


def _from_memberships(memberships: dict[str, Membership]) -> Any:
    return write_value(
        {
            organization: {"role": each.role, "teams": ",".join(sorted(each.teams))}
            for organization, each in memberships.items()
        }
    )


def user_key(email: str) -> TypedItem:
    """Return the key of a user (`email` in lower case)."""
    return write_all({"pk": f"user#{user_hash(email)}", "sk": "user"})


# ------------------------------------------------------------------ teams


def add_team(team: Team) -> None:
    """Store a new team. Access pattern P26."""
    values: Values = {"name": team.name, "created_at": team.created_at}
    clients.dynamodb().put_item(
        TableName=settings().projects_table,
        Item=team_key(team.organization, team.id) | write_all(values),
    )


def rename_team(organization_id: str, team_id: str, name: str) -> bool:
    """Change a team's name. Returns False if the team does not exist. Access pattern P27."""
    try:
        clients.dynamodb().update_item(
            TableName=settings().projects_table,
            Key=team_key(organization_id, team_id),
            UpdateExpression="SET #name = :name",
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeNames={"#name": "name"},
            ExpressionAttributeValues=write_all({":name": name}),
        )
    except ConditionFailedError:
        return False
    return True


def list_teams(organization_id: str) -> list[Team]:
    """Return an organization's teams, oldest first. Reads consistently. Access pattern P28."""
    found = query(
        TableName=settings().projects_table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :team)",
        ExpressionAttributeValues=write_all({":pk": f"org#{organization_id}", ":team": "team#"}),
        ConsistentRead=True,
    )
    return _teams(organization_id, found)


def _teams(organization_id: str, found: Iterable[TypedItem]) -> list[Team]:
    teams = (
        Team(item["sk"].removeprefix("team#"), organization_id, item["name"], item["created_at"])
        for item in map(read_all, found)
    )
    return sorted(teams, key=lambda team: (team.created_at, team.id))


def remove_team(organization_id: str, team_id: str) -> bool:
    """Delete a team. Returns False if it did not exist. Access pattern P29."""
    response = clients.dynamodb().delete_item(
        TableName=settings().projects_table,
        Key=team_key(organization_id, team_id),
        ReturnValues="ALL_OLD",
    )
    return "Attributes" in response


def team_key(organization_id: str, team_id: str) -> TypedItem:
    """Return the key of a team."""
    return write_all({"pk": f"org#{organization_id}", "sk": f"team#{team_id}"})
