"""`errata tokens`: create, list, revoke."""

import pytest

from errata.usecases import audit, members, tokens
from tests.support import web_api
from tests.support.cli import Deployed, done, failed

ADA = "ada@example.com"


@pytest.mark.usefixtures("deployed")
def test_a_token_is_created_shown_once_listed_and_revoked() -> None:
    asked = ("--org", "default", "--scope", "ci", "--name", "builds")
    made = done("tokens", "create", *asked, "--json").json
    assert web_api.call("GET", "/api/0/", made["token"]).json["auth"]["scopes"][0] == "org:ci"
    expected = {"name": "builds", "scope": "ci", "org": "default", "member": None}
    assert made.items() >= expected.items()
    assert (made["expires_at"], made["last_used_at"]) == (None, None)
    (listed,) = done("tokens", "list", "--json").json
    assert {**made, "last_used_at": listed["last_used_at"]}.items() >= listed.items()
    assert listed["last_used_at"]
    table = done("tokens", "list").out
    assert "builds" in table
    assert made["token"] not in table
    assert made["token"].rpartition("_")[2] not in table
    revoked = done("tokens", "revoke", made["id"]).out
    assert revoked == f"Revoked token {made['id']} (builds) of organization default.\n"
    assert "No tokens yet" in done("tokens", "list").out
    entries, _ = audit.list_entries("default", "", 9)
    assert [each.action for each in entries] == ["token revoked", "token created"]


def test_a_new_token_is_printed_with_the_url_of_the_web_api(deployed: Deployed) -> None:
    output = done("tokens", "create", "--scope", "read", "--expires", "30").out
    assert f"web API  https://{deployed.api_id}.execute-api.us-east-1.amazonaws.com/v1\n" in output
    assert "Copy the token now. It is not shown again." in output
    (token,) = tokens.list_tokens("default")
    assert token.expires_at == token.created_at + 30 * 86_400_000


@pytest.mark.usefixtures("deployed")
def test_a_token_can_be_created_for_a_member() -> None:
    members.add("default", ADA, "viewer", password="a long password")
    asked = ("--scope", "write", "--member", " Ada@Example.com")
    made = done("tokens", "create", *asked, "--json").json
    assert made["member"] == ADA
    assert web_api.call("GET", "/api/0/", made["token"]).json["user"]["email"] == ADA
    assert ADA in done("tokens", "list").out


@pytest.mark.usefixtures("deployed")
def test_wrong_arguments_are_refused_with_the_reason() -> None:
    wrong = failed("tokens", "create", "--scope", "all")
    assert "no scope 'all'. Choose from: read, write, ci." in wrong
    assert "no organization 7" in failed("tokens", "create", "--scope", "ci", "--org", "7")
    assert "eve@example.com is not a member" in failed(
        "tokens", "create", "--scope", "ci", "--member", "eve@example.com"
    )
    assert "See `errata tokens list --org default`" in failed("tokens", "revoke", "123")
