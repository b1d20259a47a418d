"""Tokens open the web API of one organization, for as long as they are valid."""

import base64
import json
import logging
from contextlib import suppress

import pytest

from errata.errors import InvalidInputError, NotFoundError
from errata.models.audit import Actor
from errata.models.token import TokenScope
from errata.protocol.tokens import make_token
from errata.store import tokens as store
from errata.usecases import audit, members, organizations, tokens
from errata.usecases.access import hash_key
from tests.support import gateway
from tests.support.account import Clock, Project
from tests.support.calls import Killed, failing, fault, killed, recorded
from tests.support.fresh import clear_cache
from tests.support.web_api import URL, URLS, call, member, token

ADA = "ada@example.com"
DAY_S = 86_400


def test_a_token_contains_its_url_and_organization_and_is_stored_as_a_hash() -> None:
    made, text = tokens.create("default", "ci", "builds", URLS, "ops")
    assert made.hash == hash_key(text)
    prefix, payload, random = text.split("_")
    assert prefix == "sntrys"
    assert json.loads(base64.b64decode(payload)) == {
        "iat": made.created_at // 1000,
        "url": URL,
        "region_url": URL,
        "org": "default",
    }
    assert len(base64.b64decode(random + "=")) == 32
    (stored,) = store.list_tokens("default")
    assert stored == made
    assert text not in repr(stored)


def test_the_root_returns_the_scopes_and_the_member_of_the_token() -> None:
    root = call("GET", "/api/0/", token("ci")).json
    assert root == {
        "version": "0",
        "auth": {"scopes": ["org:ci", "org:read", "project:read", "project:releases"]},
        "user": None,
    }
    email = member(ADA, "viewer")
    user = call("GET", "/api/0/", token("read", member=email), way="gateway").json["user"]
    assert (user["email"], user["name"]) == (ADA, ADA)


@pytest.mark.parametrize("held", ["", "x", "sntrys_e30=_tooshort", "Basic"])
def test_a_malformed_token_is_refused_without_a_call_to_aws(held: str) -> None:
    with recorded() as calls:
        refused = call("GET", "/api/0/", held)
    assert (refused.status, calls) == (401, [])
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert refused.json == {
        "detail": "The token is missing or not valid. It may be revoked or expired."
    }


def test_a_request_without_a_token_is_401() -> None:
    assert call("GET", "/api/0/").status == 401


def test_an_api_key_and_a_public_key_do_not_open_the_web_api(project: Project) -> None:
    for key in (project.key, project.public):
        assert call("GET", "/api/0/", key).status == 401


@pytest.mark.parametrize("scope", ["read", "write", "ci"])
def test_a_token_cannot_be_used_as_a_project_key(project: Project, scope: TokenScope) -> None:
    text = token(scope)
    for method, path in (
        ("POST", "/api/ingest"),
        ("GET", f"/api/projects/{project.id}/events"),
        ("POST", f"/api/{project.id}/store/?sentry_key={text}"),
        ("POST", f"/api/{project.id}/envelope/"),
        ("GET", f"/api.php?action=errors&key={text}"),
    ):
        for headers in (
            {"Authorization": f"Bearer {text}"},
            {"X-Api-Key": text},
            {"X-Sentry-Auth": f"Sentry sentry_key={text}"},
        ):
            sent = {"message": "no"} if method == "POST" else None
            assert gateway.call(method, path, sent, headers).status in (400, 401), path


def test_a_revoked_token_has_no_access_after_thirty_seconds(clock: Clock) -> None:
    text = token()
    assert call("GET", "/api/0/", text).status == 200
    tokens.revoke("default", hash_key(text)[:12])
    clock.advance(30.001)
    assert call("GET", "/api/0/", text).status == 401
    assert tokens.list_tokens("default") == []


def test_a_token_expires_to_the_millisecond(clock: Clock) -> None:
    text = token(days=1)
    clock.advance(DAY_S - 0.001)
    assert call("GET", "/api/0/", text).status == 200
    clock.advance(0.001)
    assert call("GET", "/api/0/", text).status == 401


def test_removing_a_member_revokes_their_tokens(clock: Clock) -> None:
    member("owner@example.com", "owner")
    text = token("write", member=member(ADA))
    assert call("GET", "/api/0/", text).status == 200
    members.remove("default", ADA)
    clock.advance(30.001)
    assert call("GET", "/api/0/", text).status == 401
    # Also if the member is added again.
    member(ADA)
    clock.advance(30.001)
    assert call("GET", "/api/0/", text).status == 401
    assert tokens.list_tokens("default", ADA) == []


def test_the_last_use_of_a_token_is_written_at_most_once_an_hour(clock: Clock) -> None:
    text = token()
    with recorded() as calls:
        for _ in range(3):
            clock.advance(40)
            call("GET", "/api/0/", text)
    writes = [
        each for each in calls if each.parameters.get("UpdateExpression") == "SET used_at = :at"
    ]
    assert len(writes) == 1
    (used,) = tokens.list_tokens("default")
    assert used.used_at == clock.ms - 80_000
    clock.advance(3_600)
    call("GET", "/api/0/", text)
    assert tokens.list_tokens("default")[0].used_at == clock.ms


def test_marking_a_revoked_token_as_used_does_not_restore_it() -> None:
    made, _ = tokens.create("default", "read", "x", URLS, "ops")
    tokens.revoke("default", made.id)
    store.mark_used(made, made.created_at + 1)
    assert store.find_token(made.hash) is None


def test_a_warm_request_only_updates_its_token_bucket(clock: Clock) -> None:
    text = token()
    call("GET", "/api/0/", text)
    with recorded() as calls:
        call("GET", "/api/0/", text)
    assert [each.operation for each in calls] == ["UpdateItem"]
    assert calls[0].parameters["Key"]["pk"]["S"].startswith("bucket#token#")


def test_a_token_may_make_three_hundred_requests_at_once(clock: Clock) -> None:
    text = token()
    responses = [call("GET", "/api/0/", text) for _ in range(301)]
    assert {each.status for each in responses[:300]} == {200}
    assert responses[300].status == 429
    assert responses[300].headers["Retry-After"] == "1"


def test_requests_with_invalid_tokens_are_limited_by_ip_address(clock: Clock) -> None:
    wrong = make_token("default", URL, 1, b"x" * 32)
    assert [call("GET", "/api/0/", wrong).status for _ in range(61)] == [401] * 60 + [429]
    assert call("GET", "/api/0/", wrong, ip="198.51.100.7").status == 401


def test_the_allowlist_of_the_organization_applies_to_its_tokens() -> None:
    organizations.change("default", ("192.0.2.0/24",))
    text = token()
    assert call("GET", "/api/0/", text).status == 403
    assert call("GET", "/api/0/", text, ip="192.0.2.1").status == 200


def test_tokens_are_in_the_audit_log_without_their_text() -> None:
    with audit.acting(lambda: Actor(ADA, "192.0.2.1")):
        made, text = tokens.create("default", "read", "laptop", URLS, ADA)
        tokens.revoke("default", made.id)
    entries, _ = audit.list_entries("default", "", 10)
    assert [(each.action, each.details, each.finished) for each in entries] == [
        ("token revoked", f"name laptop, id {made.id}", True),
        ("token created", f"name laptop, scope read, id {made.id}", True),
    ]
    assert text not in repr(entries)


def test_wrong_input_for_tokens_is_refused_with_the_reason() -> None:
    with pytest.raises(InvalidInputError, match="no scope 'admin'"):
        tokens.create("default", "admin", "x", URLS, "ops")  # type: ignore[arg-type]  # what a person may type
    with pytest.raises(InvalidInputError, match="1 to 3650 days"):
        tokens.create("default", "read", "x", URLS, "ops", days=0)
    with pytest.raises(InvalidInputError, match="1 to 200 characters"):
        tokens.create("default", "read", "", URLS, "ops")
    with pytest.raises(NotFoundError, match="no organization 7"):
        tokens.create("7", "read", "x", URLS, "ops")
    with pytest.raises(NotFoundError, match="not a member"):
        tokens.create("default", "read", "x", URLS, "ops", member=ADA)
    with pytest.raises(NotFoundError, match="no token 123"):
        tokens.revoke("default", "123")


def test_a_member_lists_and_revokes_only_their_own_tokens() -> None:
    made, _ = tokens.create("default", "read", "x", URLS, ADA, member=member(ADA))
    of_organization, _ = tokens.create("default", "read", "y", URLS, "ops")
    assert tokens.list_tokens("default", ADA) == [made]
    assert tokens.list_tokens("default", "") == [of_organization]
    with pytest.raises(NotFoundError):
        tokens.revoke("default", of_organization.id, ADA)


def test_an_organization_and_each_member_have_a_maximum_number_of_tokens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tokens, "MAX_TOKENS", 2)
    token(), token()
    with pytest.raises(InvalidInputError, match="2 tokens at most"):
        token()
    token(member=member(ADA))


def test_an_organization_and_each_member_have_fifty_tokens_at_most() -> None:
    ada = member(ADA)
    for of in ("", ada):
        made = [tokens.create("default", "read", "x", URLS, "ops", member=of)[0] for _ in range(50)]
        with pytest.raises(InvalidInputError, match="50 tokens at most"):
            tokens.create("default", "read", "x", URLS, "ops", member=of)
        tokens.revoke("default", made[0].id)
        tokens.create("default", "read", "x", URLS, "ops", member=of)
        assert len(tokens.list_tokens("default", of)) == 50


@pytest.mark.parametrize("number", range(1, 8))
def test_an_interrupted_removal_leaves_no_token_for_a_member_who_returns(
    clock: Clock, number: int
) -> None:
    member("owner@example.com", "owner")
    text = token("write", member=member(ADA))
    with suppress(Killed), fault(number, killed, after=True):
        members.remove("default", ADA)
    clear_cache()
    if ADA not in {each.email for each in members.list_members("default")}:
        assert call("GET", "/api/0/", text).status == 401
        member(ADA)
        clear_cache()
        assert call("GET", "/api/0/", text).status == 401
        members.remove("default", ADA)
    else:
        members.remove("default", ADA)
    clear_cache()
    assert call("GET", "/api/0/", text).status == 401
    assert store.list_tokens("default", ADA) == []


@pytest.mark.parametrize("number", range(1, 8))
def test_a_token_whose_creation_was_interrupted_is_in_the_audit_log_if_it_exists(
    number: int,
) -> None:
    with (
        suppress(Killed),
        fault(number, killed, after=True) as outcome,
        audit.acting(lambda: Actor(ADA, "192.0.2.1")),
    ):
        tokens.create("default", "read", "x", URLS, ADA)
    entries, _ = audit.list_entries("default", "", 9)
    # Each that exists is in the audit log, and can be revoked.
    for each in tokens.list_tokens("default"):
        assert f"id {each.id}" in entries[0].details
        tokens.revoke("default", each.id)
    assert store.list_tokens("default") == []
    assert outcome.struck == (number <= 5)


def test_no_token_is_in_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    text = token()
    for held in (text, text[:-1]):
        call("GET", "/api/0/", held)
        with fault(1, failing):
            call("GET", "/api/0/nothing", held)
    secret = text.rpartition("_")[2]
    assert secret[:-1] not in caplog.text
