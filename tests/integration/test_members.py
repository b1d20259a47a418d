"""Members and their accounts: what holds after any order of changes, races and crashes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from errata.config import settings
from errata.errors import ForbiddenError, InvalidInputError, NotFoundError
from errata.models.member import Member, Membership, Role
from errata.store import clients, sign_in
from errata.usecases import members, organizations
from tests.support import calls

ADA, BOB, EVE = "ada@example.com", "bob@example.com", "eve@example.com"


def accounts() -> dict[str, str]:
    """Return the accounts of the pool by e-mail address, each with its state."""
    found = clients.cognito_idp().list_users(UserPoolId=settings().user_pool_id)["Users"]
    return {
        next(each["Value"] for each in user["Attributes"] if each["Name"] == "email"): user[
            "UserStatus"
        ]
        for user in found
    }


def complaints(error: pytest.ExceptionInfo[InvalidInputError]) -> str:
    return " ".join(text for texts in error.value.errors.values() for text in texts)


def test_an_added_member_is_listed_and_has_an_account() -> None:
    with calls.recorded() as seen:
        added = members.add("default", " Ada@Example.COM ", "owner")
    assert added == Member(ADA, "owner")
    assert members.list_members("default") == [added]
    assert members.find_user("ADA@example.com").memberships == {"default": Membership("owner")}
    assert accounts() == {ADA: "FORCE_CHANGE_PASSWORD"}
    (created,) = [each.parameters for each in seen if each.operation == "AdminCreateUser"]
    assert created["DesiredDeliveryMediums"] == ["EMAIL"]
    assert "MessageAction" not in created
    assert {"Name": "email_verified", "Value": "true"} in created["UserAttributes"]


def test_an_account_may_belong_to_several_organizations() -> None:
    acme = organizations.create("acme").id
    members.add("default", ADA, "owner")
    members.add(acme, ADA, "member")
    assert members.find_user(ADA).memberships == {
        "default": Membership("owner"),
        acme: Membership("member"),
    }
    assert len(accounts()) == 1
    members.remove(acme, ADA)
    assert set(members.find_user(ADA).memberships) == {"default"}
    assert members.list_members(acme) == []


def test_an_unknown_user_has_no_memberships() -> None:
    assert members.find_user(EVE).memberships == {}


def test_adding_a_member_again_is_refused_and_changes_nothing() -> None:
    members.add("default", ADA, "owner")
    with pytest.raises(InvalidInputError) as error:
        members.add("default", ADA, "member")
    assert complaints(error) == "ada@example.com is already a member, as owner."
    assert members.list_members("default") == [Member(ADA, "owner")]


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "a@b@c",
        "ada @example.com",
        "ada@ex\nample.com",
        "\u202ea@b",
        "a" * 243 + "@example.com",
    ],
)
def test_an_invalid_e_mail_address_is_refused(email: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        members.add("default", email, "owner")
    assert list(error.value.errors) == ["email"]
    assert accounts() == {}


def test_an_e_mail_address_that_cognito_refuses_is_refused() -> None:
    def response(call: calls.Call) -> Any:
        if call.operation == "AdminCreateUser":
            raise ClientError({"Error": {"Code": "InvalidParameterException"}}, call.operation)
        return call.send()

    with calls.watched(response), pytest.raises(InvalidInputError) as error:
        members.add("default", ADA, "owner")
    assert complaints(error) == "Cognito does not accept ada@example.com as an e-mail address."
    assert members.list_members("default") == []


def test_an_unknown_organization_member_role_or_team_is_named_in_the_error() -> None:
    with pytest.raises(NotFoundError, match="no organization 7"):
        members.add("7", ADA, "owner")
    with pytest.raises(NotFoundError, match="no organization 7"):
        members.list_members("7")
    for act in (members.remove, members.change, members.invite_again):
        with pytest.raises(NotFoundError, match=f"{EVE} is not a member of organization default"):
            act("default", EVE)
    role: Any = "boss"
    with pytest.raises(InvalidInputError) as error:
        members.add("default", ADA, role)
    assert (
        complaints(error) == "There is no role 'boss'. Choose from: owner, admin, member, viewer."
    )
    with pytest.raises(InvalidInputError) as error:
        members.add("default", ADA, "member", ["00000000"])
    assert complaints(error) == (
        "Organization default has no team 00000000. See `errata teams list default`."
    )
    assert accounts() == {}


def test_roles_and_teams_are_changed_independently() -> None:
    team = members.create_team("default", "web").id
    members.add("default", ADA, "owner")
    members.add("default", BOB, "member", [team])
    assert members.change("default", BOB, role="admin").teams == {team}
    assert members.change("default", BOB, teams=()) == Member(BOB, "admin")
    assert members.list_members("default") == [Member(ADA, "owner"), Member(BOB, "admin")]


def test_the_last_owner_cannot_be_removed_or_lose_the_role() -> None:
    members.add("default", ADA, "owner")
    members.add("default", BOB, "admin")
    acts: list[Callable[[], Any]] = [
        lambda: members.remove("default", ADA),
        lambda: members.change("default", ADA, role="admin"),
    ]
    for act in acts:
        with pytest.raises(InvalidInputError) as error:
            act()
        assert complaints(error) == (
            "ada@example.com is the last owner of organization default."
            " Make another member an owner first."
        )
    members.change("default", BOB, role="owner")
    members.change("default", ADA, role="member")
    members.remove("default", ADA)
    with pytest.raises(InvalidInputError, match="last owner"):
        members.remove("default", BOB)


def test_owners_are_counted_separately_for_each_organization() -> None:
    acme = organizations.create("acme").id
    members.add("default", ADA, "owner")
    members.add(acme, BOB, "owner")
    with pytest.raises(InvalidInputError, match="last owner"):
        members.remove("default", ADA)


def test_one_owner_is_left_if_owners_remove_each_other_at_once() -> None:
    people = [f"{n}@example.com" for n in range(5)]
    for each in people:
        members.add("default", each, "owner")

    def remove(email: str) -> str:
        try:
            members.remove("default", email)
        except InvalidInputError:
            return email
        return ""

    with calls.atomic(), ThreadPoolExecutor(5) as pool:
        stayed = [each for each in pool.map(remove, people) if each]
    assert [member.email for member in members.list_members("default")] == stayed
    assert len(stayed) == 1


def test_changes_of_one_user_in_two_organizations_are_both_kept() -> None:
    ids = [organizations.create(name).id for name in ("acme", "umbrella", "wayne")]
    with calls.atomic(), ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda id: members.add(id, ADA, "owner"), ids))
    assert set(members.find_user(ADA).memberships) == set(ids)


@pytest.mark.parametrize(
    "act",
    [
        lambda: members.add("default", BOB, "owner"),
        lambda: members.add("default", BOB, "owner", password="a long password"),
        lambda: members.change("default", ADA, role="owner"),
        lambda: members.remove("default", ADA),
    ],
)
def test_an_interrupted_change_is_completed_by_repeating_it(act: Callable[[], Any]) -> None:
    members.add("default", EVE, "owner")
    members.add("default", ADA, "admin")
    for number in range(1, 20):
        with calls.cut_off(number) as outcome:
            try:
                act()
            except calls.Killed:
                pass
            except (InvalidInputError, NotFoundError):  # it was done before
                assert number > 1
        if not outcome.struck:
            break
    else:
        raise AssertionError("it never came to an end")
    listed = {member.email: member.role for member in members.list_members("default")}
    owners = sum(role == "owner" for role in listed.values())
    assert listed == {
        email: user.memberships["default"].role
        for email in (ADA, BOB, EVE)
        if "default" in (user := members.find_user(email)).memberships
    }
    # The count agrees: the last one stays, and no other.
    for email, role in listed.items():
        if role == "owner" and owners > 1:
            members.remove("default", email)
            owners -= 1
    with pytest.raises(InvalidInputError, match="last owner"):
        members.remove(
            "default", next(m.email for m in members.list_members("default") if m.role == "owner")
        )
    if BOB in listed:
        assert BOB in accounts()


def test_a_member_added_with_a_password_can_sign_in_and_gets_no_mail() -> None:
    with calls.recorded() as seen:
        members.add("default", ADA, "owner", password="correct horse battery")
    (created,) = [each.parameters for each in seen if each.operation == "AdminCreateUser"]
    assert created["MessageAction"] == "SUPPRESS"
    assert isinstance(sign_in.with_password(ADA, "correct horse battery"), sign_in.Tokens)
    # A member who has a password keeps it.
    members.add(organizations.create("acme").id, ADA, "owner", password="another password")
    assert isinstance(sign_in.with_password(ADA, "correct horse battery"), sign_in.Tokens)


def test_an_invitation_can_be_sent_again_until_the_member_has_a_password() -> None:
    members.add("default", ADA, "owner")
    actions: list[Any] = []

    def response(call: calls.Call) -> Any:
        if call.operation == "AdminCreateUser":
            actions.append(call.parameters.get("MessageAction"))
            raise ClientError({"Error": {"Code": "UnsupportedUserStateException"}}, call.operation)
        return call.send()

    assert members.invite_again("default", ADA) == Member(ADA, "owner")
    with (
        calls.watched(response),
        pytest.raises(InvalidInputError, match="has already chosen a password"),
    ):
        members.invite_again("default", ADA)
    assert actions == ["RESEND"]


@pytest.mark.parametrize(
    ("by_role", "of", "allowed"),
    [
        ("owner", "owner", True),
        ("owner", "member", True),
        ("admin", "owner", False),
        ("admin", "admin", True),
        ("admin", "member", True),
        ("member", "member", False),
        ("member", "owner", False),
    ],
)
def test_only_owners_manage_owners_and_only_owners_and_admins_manage_others(
    by_role: Role, of: Role, allowed: bool
) -> None:
    members.add("default", EVE, "owner")
    members.add("default", BOB, "owner")
    members.add("default", ADA, of)
    acts: list[Callable[[], Any]] = [
        lambda: members.add("default", "new@example.com", of, by_role=by_role),
        lambda: members.change("default", ADA, teams=(), by_role=by_role),
        lambda: members.remove("default", ADA, by_role=by_role),
    ]
    for act in acts:
        if allowed:
            act()
        else:
            with pytest.raises(ForbiddenError):
                act()


def test_an_admin_cannot_become_an_owner() -> None:
    members.add("default", ADA, "owner")
    members.add("default", BOB, "admin")
    with pytest.raises(ForbiddenError):
        members.change("default", BOB, role="owner", by_role="admin")
