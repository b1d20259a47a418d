"""`errata tokens`: create, list and revoke tokens of the web API."""

from typing import Annotated, Any, cast

import typer

from errata.cli.command import CommandContext, command, group
from errata.cli.operator import operator
from errata.cli.output import (
    print_fields,
    print_json,
    print_line,
    print_table,
    timestamp,
)
from errata.models.ids import now_ms
from errata.models.organization import DEFAULT_ORGANIZATION
from errata.models.token import TOKEN_SCOPES, Token, TokenScope
from errata.protocol.read import iso
from errata.usecases import members, tokens

app = group(
    "Create, list and revoke tokens of the web API.",
    example="tokens create --org default --scope read",
)

TokenOrg = Annotated[
    str,
    typer.Option("--org", metavar="ORG", help="The organization's id. `default` always exists."),
]


@command(app, "create", example="tokens create --org default --scope ci --name builds")
def create(
    ctx: CommandContext,
    scope: Annotated[
        str,
        typer.Option(
            metavar="|".join(TOKEN_SCOPES),
            help="read: all that can be read. write: also changes of issues. ci: releases, deploys"
            " and source maps.",
        ),
    ],
    org: TokenOrg = DEFAULT_ORGANIZATION,
    name: Annotated[
        str, typer.Option(metavar="TEXT", help="What it is for, 1 to 200 characters.")
    ] = "no name",
    expires: Annotated[
        int | None,
        typer.Option(metavar="DAYS", help="Days that it is valid. Default: until it is revoked."),
    ] = None,
    member: Annotated[
        str,
        typer.Option(
            metavar="EMAIL",
            help="Member that the token stands for. It may do what its scope and the member's role"
            " allow. Default: the organization, with all its projects.",
        ),
    ] = "",
) -> None:
    """Create a token, which is shown only once. It is for one organization."""
    token, text = tokens.create(
        org,
        cast("TokenScope", scope),
        name.strip(),
        tokens.Urls(ctx.stack.web_url, ctx.stack.api_url),
        operator().name,
        member and members.check_email(member),
        expires,
    )
    if ctx.json:
        print_json(_to_json(token) | {"token": text, "url": ctx.stack.web_url})
        return
    print_fields(
        {
            "id": token.id,
            "name": token.name,
            "scope": token.scope,
            "web API": ctx.stack.web_url,
            "token": text,
        }
    )
    print_line("Copy the token now. It is not shown again.")


@command(app, "list", example="tokens list --org default")
def list_(ctx: CommandContext, org: TokenOrg = DEFAULT_ORGANIZATION) -> None:
    """List an organization's tokens, also those of its members. A token itself is not shown."""
    found = tokens.list_tokens(org)
    if ctx.json:
        print_json([_to_json(each) for each in found])
        return
    print_table(
        ["id", "name", "scope", "of", "created (UTC)", "last used (UTC)", "expires (UTC)"],
        [
            (
                each.id,
                each.name,
                each.scope,
                each.member or "the organization",
                timestamp(each.created_at),
                timestamp(each.used_at) if each.used_at else "never",
                _expiry(each),
            )
            for each in found
        ],
        empty=f"No tokens yet. Create one with `errata tokens create --org {org} --scope read`.",
    )


@command(app, "revoke", example="tokens revoke 3f2a90c1d4e5 --org default")
def revoke(
    ctx: CommandContext,
    token_id: Annotated[
        str, typer.Argument(metavar="TOKEN", help="The token's id, from `tokens list`.")
    ],
    org: TokenOrg = DEFAULT_ORGANIZATION,
) -> None:
    """Permanently revoke a token. Takes effect within 30 seconds."""
    token = tokens.revoke(org, token_id)
    if ctx.json:
        print_json(_to_json(token))
    else:
        print_line(f"Revoked token {token.id} ({token.name}) of organization {org}.")


def _expiry(token: Token) -> str:
    if token.expires_at is None:
        return "never"
    expired = " (expired)" if token.expired(now_ms()) else ""
    return f"{timestamp(token.expires_at)}{expired}"


def _to_json(token: Token) -> dict[str, Any]:
    """Return a token as `--json` prints it. `member` is null for an organization's token."""
    return {
        "id": token.id,
        "name": token.name,
        "scope": token.scope,
        "org": token.organization,
        "member": token.member or None,
        "created_at": iso(token.created_at),
        "created_by": token.created_by,
        "last_used_at": iso(token.used_at) if token.used_at else None,
        "expires_at": None if token.expires_at is None else iso(token.expires_at),
    }
