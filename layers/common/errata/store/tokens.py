"""ProjectsTable: tokens of the web API.

| item | pk | sk | listed_under | listed_as |
|---|---|---|---|---|
| token | `token#<sha256>` | `token` | `org#3#tokens` | `<member>#<created_at>#<sha256>` |

`<member>` is the hash of the member, `-` for a token of the organization.
A token that is revoked is deleted. The audit log says by whom.
"""

from contextlib import suppress
from typing import Any

from errata.config import settings
from errata.errors import ConditionFailedError
from errata.models.member import User
from errata.models.organization import Organization
from errata.models.token import Token
from errata.store import clients, members, organizations
from errata.store.items import (
    PlainItem,
    TypedItem,
    Values,
    batch_get,
    query_some,
    read_all,
    write_all,
)

_ORGANIZATION_ITSELF = "-"


def find_token(token_hash: str) -> Token | None:
    """Return the token with this hash. Reads consistently. Access pattern P65."""
    response = clients.dynamodb().get_item(
        TableName=settings().projects_table, Key=_key(token_hash), ConsistentRead=True
    )
    return _to_token(read_all(response["Item"])) if "Item" in response else None


def find_bearer(token: Token) -> tuple[User | None, Organization | None]:
    """Return the member that a token stands for, and the organization.

    The member is None if the token is the organization's. Both are None if they have no row. Reads
    consistently. Access pattern P66.
    """
    keys = [write_all({"pk": f"org#{token.organization}", "sk": "org"})]
    if token.member:
        keys.append(members.user_key(token.member))
    found = {item["sk"]["S"]: read_all(item) for item in batch_get(settings().projects_table, keys)}
    return (
        members.to_user(found["user"]) if "user" in found else None,
        organizations.to_organization(found["org"]) if "org" in found else None,
    )


def add_token(token: Token) -> None:
    """Store a new token. Access pattern P67."""
    clients.dynamodb().put_item(
        TableName=settings().projects_table,
        Item=write_all(_item(token)),
        ConditionExpression="attribute_not_exists(pk)",
    )


def remove_token(token_hash: str) -> None:
    """Delete a token. No-op if it does not exist. Access pattern P68."""
    clients.dynamodb().delete_item(TableName=settings().projects_table, Key=_key(token_hash))


def remove_tokens_of(organization_id: str, member: str) -> None:
    """Delete the tokens of a member who leaves an organization. Can be repeated."""
    for token in list_tokens(organization_id, member):
        remove_token(token.hash)


def list_tokens(organization_id: str, member: str | None = None) -> list[Token]:
    """Return an organization's tokens, oldest first. Reads at most 1 MB. Access pattern P69.

    `member` is the e-mail address of the member whose tokens to return, "" for the tokens of the
    organization itself, None for all.
    """
    begin = "" if member is None else f"{_holder(member)}#"
    found, _ = query_some(
        1,
        TableName=settings().projects_table,
        IndexName="listing",
        KeyConditionExpression="listed_under = :under AND begins_with(listed_as, :begin)"
        if begin
        else "listed_under = :under",
        ExpressionAttributeValues=write_all(
            {":under": f"org#{organization_id}#tokens", ":begin": begin or None}
        ),
    )
    tokens = [_to_token(read_all(item)) for item in found]
    return sorted(tokens, key=lambda each: (each.created_at, each.hash))


def mark_used(token: Token, at_ms: int) -> None:
    """Record when a token was used, unless another process just has. Access pattern P70."""
    with suppress(ConditionFailedError):
        clients.dynamodb().update_item(
            TableName=settings().projects_table,
            Key=_key(token.hash),
            UpdateExpression="SET used_at = :at",
            # A token that was revoked meanwhile must not come back.
            ConditionExpression="attribute_exists(pk) AND (attribute_not_exists(used_at)"
            " OR used_at = :before)",
            ExpressionAttributeValues=write_all({":at": at_ms, ":before": token.used_at}),
        )


def _key(token_hash: str) -> TypedItem:
    return write_all({"pk": f"token#{token_hash}", "sk": "token"})


def _holder(member: str) -> str:
    return members.user_hash(member) if member else _ORGANIZATION_ITSELF


def _item(token: Token) -> Values:
    return {
        "pk": f"token#{token.hash}",
        "sk": "token",
        "listed_under": f"org#{token.organization}#tokens",
        "listed_as": f"{_holder(token.member)}#{token.created_at}#{token.hash}",
        # Not `organization`: that would put it into the index of projects.
        "of": token.organization,
        "name": token.name,
        "scope": token.scope,
        "created_at": token.created_at,
        "created_by": token.created_by,
        "member": token.member or None,
        "expires_at": token.expires_at,
        "used_at": token.used_at or None,
        "api_url": token.api_url or None,
    }


def _to_token(item: PlainItem) -> Token:
    optional: dict[str, Any] = {
        name: item[name] for name in ("member", "expires_at", "used_at", "api_url") if name in item
    }
    return Token(
        hash=item["pk"].removeprefix("token#"),
        organization=item["of"],
        name=item["name"],
        scope=item["scope"],
        created_at=item["created_at"],
        created_by=item["created_by"],
        **optional,
    )
