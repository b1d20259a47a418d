"""The pages of tokens: a member's own, and those of an organization."""

import re

import pytest

from errata.errors import NotFoundError
from errata.usecases import audit, members, organizations, tokens
from tests.support.browser import Browser, Shown, signed_in
from tests.support.calls import recorded
from tests.support.pages import MAX_BYTES, MAX_CALLS, only_our_markup
from tests.support.web_api import URLS, call

OWNER, MEMBER = "ada@example.com", "eve@example.com"
HOSTILE = "<script>alert(1)</script>\u202e" + "&" * 150


@pytest.fixture
def owner() -> Browser:
    members.add("default", OWNER, "owner")
    members.add("default", MEMBER, "viewer")
    return signed_in(OWNER)


def shown_token(shown: Shown) -> str:
    """Return the new token from the page that shows it once."""
    found = re.search(r"sntrys_[A-Za-z0-9+/=]+_[A-Za-z0-9+/]{43}", shown.html)
    assert found, shown.text
    return found[0]


def test_an_owner_creates_a_token_of_the_organization_and_revokes_it(owner: Browser) -> None:
    owner.get("orgs/default/tokens")
    made = owner.post("orgs/default/tokens", create="1", name="builds", scope="ci", days="30")
    text = shown_token(made)
    assert "not shown again" in made.text
    assert call("GET", "/api/0/", text).json["user"] is None
    (token,) = tokens.list_tokens("default")
    assert (token.name, token.scope, token.member, token.created_by) == ("builds", "ci", "", OWNER)
    assert token.expires_at == token.created_at + 30 * 86_400_000
    listed = owner.get("orgs/default/tokens")
    assert text not in listed.html
    assert "builds" in listed.text
    assert "the organization" in listed.text
    assert "revoked" in owner.post("orgs/default/tokens", revoke=token.id).text
    assert tokens.list_tokens("default") == []
    entries, _ = audit.list_entries("default", "", 2)
    assert {each.actor.name for each in entries} == {OWNER}


def test_a_member_has_tokens_of_their_own(owner: Browser) -> None:
    others, _ = tokens.create("default", "read", "of another", URLS, OWNER, OWNER)
    eve = signed_in(MEMBER)
    eve.get("account/tokens")
    fields = {"create": "1", "name": "laptop", "scope": "read", "days": "", "org": "default"}
    made = eve.post("account/tokens", **fields)
    assert call("GET", "/api/0/", shown_token(made)).json["user"]["email"] == MEMBER
    listed = eve.get("account/tokens")
    assert "laptop" in listed.text
    assert "of another" not in listed.text
    # A member can open neither the organization's page nor the tokens of others.
    assert eve.get("orgs/default/tokens").status == 403
    eve.get("account/tokens")
    assert eve.post("orgs/default/tokens", create="1", name="x", scope="write").status == 403
    eve.get("account/tokens")
    assert eve.post("account/tokens", revoke=others.id, org="default").status == 404
    assert len(tokens.list_tokens("default")) == 2
    # An owner may revoke a member's.
    (hers,) = tokens.list_tokens("default", MEMBER)
    owner.get("orgs/default/tokens")
    owner.post("orgs/default/tokens", revoke=hers.id)
    with pytest.raises(NotFoundError):
        tokens.revoke("default", hers.id)


def test_a_token_needs_a_membership_in_its_organization(owner: Browser) -> None:
    acme = organizations.create("acme")
    assert owner.get(f"account/tokens?org={acme.id}").status == 404
    owner.get("account/tokens")
    fields = {"create": "1", "name": "x", "scope": "read", "days": "", "org": acme.id}
    assert owner.post("account/tokens", **fields).status == 404
    assert owner.get(f"orgs/{acme.id}/tokens").status == 404
    members.add(acme.id, OWNER, "viewer")
    assert "organization default" in owner.get("account/tokens?org=default").text
    shown_token(owner.post("account/tokens", **fields))
    assert [each.member for each in tokens.list_tokens(acme.id)] == [OWNER]


def test_an_invalid_form_shows_an_error_and_keeps_the_input(owner: Browser) -> None:
    owner.get("account/tokens")
    fields = {"create": "1", "name": "kept", "scope": "root", "days": "7.5", "org": "default"}
    shown = owner.post("account/tokens", **fields)
    assert shown.status == 422
    assert "must be a whole number" in shown.text
    assert shown.value("name") == "kept"


def test_the_page_of_many_hostile_tokens_stays_small(owner: Browser) -> None:
    for number in range(tokens.MAX_TOKENS):
        tokens.create("default", "write", f"{number}{HOSTILE}"[:200], URLS, OWNER)
    for number in range(20):
        tokens.create("default", "read", f"{number}{HOSTILE}"[:200], URLS, MEMBER, MEMBER)
    with recorded() as calls:
        shown = owner.get("orgs/default/tokens")
    assert len(calls) <= MAX_CALLS
    assert shown.size <= MAX_BYTES
    only_our_markup(shown.html)
    assert "10 more tokens are not shown" in shown.text
