"""Teams: who sees a project, and what remains after a deletion that was interrupted."""

from contextlib import suppress

import pytest

from errata.errors import InvalidInputError, NotFoundError
from errata.models.member import Member, Membership
from errata.store import members as store
from errata.usecases import members, organizations, projects
from tests.support import calls
from tests.support.account import Clock

ADA, BOB, EVE = "ada@example.com", "bob@example.com", "eve@example.com"


def test_teams_are_created_listed_renamed_and_deleted(clock: Clock) -> None:
    web = members.create_team("default", "web")
    clock.advance(1)
    ops = members.create_team("default", "ops")
    members.rename_team("default", web.id, "front")
    assert [team.name for team in members.list_teams("default")] == ["front", "ops"]
    members.delete_team("default", ops.id)
    assert [team.id for team in members.list_teams("default")] == [web.id]
    assert members.list_teams(organizations.create("acme").id) == []


def test_invalid_or_duplicate_names_and_unknown_teams_are_refused() -> None:
    team = members.create_team("default", "web")
    for name in ("", "x" * 201):
        with pytest.raises(InvalidInputError, match="1 to 200 characters"):
            members.create_team("default", name)
    with pytest.raises(InvalidInputError, match=f"Team {team.id} already has this name"):
        members.create_team("default", "web")
    members.rename_team("default", team.id, "web")
    with pytest.raises(NotFoundError, match="Organization default has no team 0000"):
        members.rename_team("default", "0000", "x")
    with pytest.raises(NotFoundError, match="Organization default has no team 0000"):
        members.delete_team("default", "0000")


def a_project(organization: str = "default") -> str:
    created = projects.create("shop", organization=organization)
    assert created
    return created.project.id


def test_a_member_sees_the_projects_of_their_teams() -> None:
    team = members.create_team("default", "web").id
    project_id = a_project()
    members.add("default", ADA, "owner")
    members.add("default", BOB, "member", [team])
    members.add("default", EVE, "member")

    def seen() -> list[str]:
        project = projects.find(project_id)
        return [each for each in (ADA, BOB, EVE) if members.find_user(each).sees(project)]

    assert seen() == [ADA]
    assert members.set_project_teams(project_id, [team]).teams == {team}
    assert seen() == [ADA, BOB]
    members.set_project_teams(project_id, [])
    assert seen() == [ADA]
    members.set_project_teams(project_id, [team])
    members.delete_team("default", team)
    assert seen() == [ADA]
    assert projects.find(project_id).teams == set()
    assert members.list_members("default")[1] == Member(BOB, "member")


def test_a_project_accepts_only_teams_of_its_own_organization() -> None:
    team = members.create_team(organizations.create("acme").id, "web").id
    project_id = a_project()
    with pytest.raises(InvalidInputError, match=f"Organization default has no team {team}"):
        members.set_project_teams(project_id, [team])
    with pytest.raises(NotFoundError):
        members.set_project_teams("7", [])


def test_an_interrupted_deletion_of_a_team_can_be_repeated() -> None:
    project_id = a_project()
    members.add("default", ADA, "owner")
    for number in range(1, 20):
        team = members.create_team("default", f"web {number}").id
        members.change("default", ADA, teams=[team])
        members.set_project_teams(project_id, [team])
        fault = calls.fault(number, calls.killed, after=True)
        with suppress(calls.Killed), fault as outcome:
            members.delete_team("default", team)
        try:
            members.delete_team("default", team)
        except NotFoundError:
            assert number > 5
        assert members.list_members("default") == [Member(ADA, "owner")]
        assert projects.find(project_id).teams == set()
        assert members.list_teams("default") == []
        if not outcome.struck:
            return
    raise AssertionError("it never came to an end")


def test_nobody_can_join_a_team_that_is_being_deleted() -> None:
    team = members.create_team("default", "web").id
    members.add("default", ADA, "owner")
    user = members.find_user(ADA)
    store.remove_team("default", team)
    with pytest.raises(store.UnknownTeamError):
        store.save_membership(user, "default", Membership("owner", frozenset([team])))
    assert members.list_members("default") == [Member(ADA, "owner")]


def test_a_member_of_a_half_deleted_team_can_be_changed() -> None:
    team = members.create_team("default", "web").id
    members.add("default", ADA, "member", [team])
    store.remove_team("default", team)
    assert members.change("default", ADA, role="admin").role == "admin"
