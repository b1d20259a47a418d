"""`errata members` and `errata teams`."""

import pytest

from errata.store import accounts, sign_in
from tests.support import calls
from tests.support.account import Clock
from tests.support.cli import done, failed, refusing, run

pytestmark = pytest.mark.usefixtures("deployed")

ADA, BOB = "ada@example.com", "bob@example.com"


def test_the_first_owner_is_invited() -> None:
    with calls.recorded() as seen:
        response = done("members", "add", "default", "Ada@Example.com", "--role", "owner", "--json")
    assert response.json == {"organization": "default", "email": ADA, "role": "owner", "teams": []}
    (created,) = [each.parameters for each in seen if each.operation == "AdminCreateUser"]
    assert created["DesiredDeliveryMediums"] == ["EMAIL"]
    assert "AdminSetUserPassword" not in {each.operation for each in seen}
    assert done("members", "list", "default", "--json").json == [response.json]


def test_a_new_member_is_printed_with_role_and_teams() -> None:
    team = done("teams", "create", "default", "web", "--json").json["id"]
    output = done("members", "add", "default", BOB, "--role", "member", "--team", team).out
    assert output.splitlines() == [
        f"e-mail        {BOB}",
        "organization  default",
        "role          member",
        f"teams         {team}",
        "dashboard     https://errors.example.com/dashboard",
    ]
    heading, bob = done("members", "list", "default").out.splitlines()
    assert heading.split() == ["E-MAIL", "ROLE", "TEAMS"]
    assert bob.split() == [BOB, "member", "web"]


def test_an_organization_without_members_and_teams_shows_how_to_add_them() -> None:
    assert done("members", "list", "default").out == (
        "No members yet. Add one with `errata members add default EMAIL --role owner`.\n"
    )
    assert done("teams", "list", "default").out == (
        "No teams yet. Create one with `errata teams create default NAME`.\n"
    )


@pytest.mark.usefixtures("local")
def test_the_local_stack_shows_a_password_once() -> None:
    add = ("members", "add", "default", "--local", "--role", "owner")
    response = done(*add, ADA, "--json").json
    assert set(response) == {"organization", "email", "role", "teams", "password"}
    assert isinstance(sign_in.with_password(ADA, response["password"]), sign_in.Tokens)
    output = done(*add, BOB).out.splitlines()
    assert output[-1] == "Copy the password now. It is not shown again."
    assert isinstance(sign_in.with_password(BOB, output[3].split()[1]), sign_in.Tokens)
    # Somebody with an account keeps their password.
    done("orgs", "create", "acme", "--local")
    again = done("members", "add", "1", ADA, "--local", "--role", "owner", "--json").json
    assert "password" not in again
    assert isinstance(sign_in.with_password(ADA, response["password"]), sign_in.Tokens)
    # A new invitation replaces a lost password.
    invited = done("members", "invite", "default", ADA, "--local", "--json").json
    assert invited == response | {"password": invited["password"]}
    assert isinstance(sign_in.with_password(ADA, invited["password"]), sign_in.Tokens)


def test_roles_and_teams_are_set() -> None:
    team = done("teams", "create", "default", "web", "--json").json["id"]
    done("members", "add", "default", ADA, "--role", "owner")
    done("members", "add", "default", BOB, "--role", "member")
    set_ = ("members", "set", "default", BOB, "--json")
    assert done(*set_, "--role", "admin").json["role"] == "admin"
    changed = done(*set_, "--team", team).json
    assert (changed["role"], changed["teams"]) == ("admin", [team])
    assert done(*set_, "--team", "none").json["teams"] == []
    ran = run("members", "set", "default", BOB)
    assert (ran.code, "Nothing to set. Use --role or --team." in ran.err) == (2, True)
    assert failed("members", "set", "default", BOB, "--role", "boss") == (
        "error: role: There is no role 'boss'. Choose from: owner, admin, member, viewer.\n"
    )


def test_a_member_is_removed_unless_they_are_the_last_owner() -> None:
    done("members", "add", "default", ADA, "--role", "owner")
    done("members", "add", "default", BOB, "--role", "member")
    assert done("members", "remove", "default", BOB).out == (
        "Removed bob@example.com from organization default.\n"
    )
    refusal = (
        "error: role: ada@example.com is the last owner of organization default."
        " Make another member an owner first.\n"
    )
    assert failed("members", "remove", "default", ADA) == refusal
    assert failed("members", "set", "default", ADA, "--role", "member") == refusal
    assert failed("members", "remove", "default", BOB) == (
        "error: bob@example.com is not a member of organization default."
        " See `errata members list default`.\n"
    )


def test_an_invitation_is_mailed_again() -> None:
    done("members", "add", "default", ADA, "--role", "owner")
    assert done("members", "invite", "default", ADA).out == "Invited ada@example.com again.\n"
    with refusing("AdminCreateUser", "UnsupportedUserStateException"):
        output = failed("members", "invite", "default", ADA)
    assert output.startswith("error: email: ada@example.com has already chosen a password")


def test_a_lost_second_factor_is_turned_off_and_the_audit_log_says_so() -> None:
    password = "a long new password"
    done("members", "add", "default", ADA, "--role", "owner")
    accounts.set_password(ADA, password)
    tokens = sign_in.with_password(ADA, password)
    assert isinstance(tokens, sign_in.Tokens)
    sign_in.new_second_factor(tokens.access)
    sign_in.confirm_second_factor(tokens.access, "123456")
    assert sign_in.has_second_factor(ADA)
    out = done("members", "reset-second-factor", "default", ADA).out
    assert out == (
        "ada@example.com signs in with the password alone. Ask them to set up a new one.\n"
    )
    assert not sign_in.has_second_factor(ADA)
    assert "second factor turned off" in done("orgs", "audit", "default").out
    with refusing("AdminSetUserMFAPreference", "UserNotFoundException"):
        output = failed("members", "reset-second-factor", "default", ADA)
    assert output.startswith("error: email: ada@example.com signs in with an identity provider.")
    assert failed("members", "reset-second-factor", "default", BOB).startswith(
        "error: bob@example.com is not a member of organization default."
    )


def test_an_error_of_cognito_is_shown() -> None:
    with refusing("AdminCreateUser", "LimitExceededException", "Exceeded daily email limit."):
        output = failed("members", "add", "default", ADA, "--role", "owner")
    assert output == (
        "error: AdminCreateUser failed with LimitExceededException: Exceeded daily email limit.\n"
    )


def test_teams_are_created_listed_renamed_and_deleted(clock: Clock) -> None:
    made = done("teams", "create", "default", " web ", "--json").json
    assert (made["name"], len(made["id"])) == ("web", 8)
    clock.advance(1)
    output = done("teams", "create", "default", "ops").out.splitlines()
    assert [line.split()[0] for line in output] == ["team", "name"]
    assert done("teams", "rename", "default", made["id"], "front").out == (
        f"Renamed team {made['id']} to front.\n"
    )
    assert [each["name"] for each in done("teams", "list", "default", "--json").json] == [
        "front",
        "ops",
    ]
    assert done("teams", "delete", "default", made["id"]).out == f"Deleted team {made['id']}.\n"
    assert failed("teams", "delete", "default", made["id"]) == (
        f"error: Organization default has no team {made['id']}. See `errata teams list default`.\n"
    )


@pytest.mark.parametrize(
    "line",
    [
        "members add 7 ada@example.com --role owner",
        "members list 7",
        "members set 7 ada@example.com --role owner",
        "members invite 7 ada@example.com",
        "members remove 7 ada@example.com",
        "teams create 7 web",
        "teams list 7",
        "teams rename 7 0000 web",
        "teams delete 7 0000",
    ],
)
def test_an_unknown_organization_is_an_error(line: str) -> None:
    output = failed(*line.split())
    assert output == "error: There is no organization 7. See `errata orgs list`.\n"
