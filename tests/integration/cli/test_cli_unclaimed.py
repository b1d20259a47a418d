"""`errata projects` with unclaimed projects."""

import pytest

from errata.usecases import organizations, projects, webhooks
from tests.support import clients
from tests.support.account import Clock, new_project
from tests.support.cli import done, failed, run
from tests.support.unclaimed import counted, generated

pytestmark = pytest.mark.usefixtures("deployed")


def listed(*options: str) -> list[str]:
    """The ids that `projects list` prints."""
    return [each["id"] for each in done("projects", "list", *options, "--json").json]


def test_unclaimed_projects_are_listed_separately(clock: Clock) -> None:
    acme = organizations.create("Acme").id
    own, unclaimed = new_project().id, generated("a script's").id
    theirs = done("projects", "create", "theirs", "--org", acme, "--json").json["id"]
    assert listed() == [own, theirs]
    assert (listed("--org", acme), listed("--org", "default")) == ([theirs], [own])
    assert listed("--unclaimed") == [unclaimed]
    row = done("projects", "list", "--unclaimed").out.splitlines()[1].split("  ")
    assert [each.strip() for each in row if each][:2] == [unclaimed, "a script's"]
    clock.days(7)
    assert listed("--unclaimed") == []
    assert done("projects", "list", "--unclaimed").out == "No unclaimed projects.\n"


def test_a_list_of_an_unknown_org_or_of_an_org_and_unclaimed_is_an_error() -> None:
    assert failed("projects", "list", "--org", "7") == (
        "error: There is no organization 7. See `errata orgs list`.\n"
    )
    ran = run("projects", "list", "--org", "default", "--unclaimed")
    assert (ran.code, "Use --org or --unclaimed, not both." in ran.err) == (2, True)


def test_show_says_when_an_unclaimed_project_expires_and_how_to_adopt_it(clock: Clock) -> None:
    clock.ns = 1_795_341_600_000_000_000
    project = generated()
    shown = done("projects", "show", project.id, "--json").json
    assert (shown["organization"], shown["expires_at"]) == (None, "2026-11-29T10:00:00.000Z")
    output = done("projects", "show", project.id).out
    assert f"none. Adopt it with `errata projects adopt {project.id} --org ORG`" in output
    assert "2026-11-29 10:00:00 UTC, unless it gets an event" in output
    assert clients.ingest(project).status == 202
    assert "expires" not in done("projects", "show", project.id).out
    assert done("projects", "list", "--unclaimed").out.splitlines()[1].endswith("never")


def test_a_project_is_adopted() -> None:
    acme, project = organizations.create("Acme").id, generated("shop")
    ran = done("projects", "adopt", project.id, "--org", acme)
    assert ran.out == f"Project {project.id} (shop) now belongs to organization {acme}.\n"
    assert (listed("--unclaimed"), listed("--org", acme)) == ([], [project.id])
    other = generated()
    adopted = done("projects", "adopt", other.id, "--org", "default", "--json").json
    assert (adopted["id"], adopted["organization"]) == (other.id, "default")
    assert done("projects", "set", other.id, "--rate-limit", "600", "--json").json["rate_limit"]


def test_an_adoption_that_is_not_possible_is_an_error() -> None:
    own, unclaimed = new_project(), generated()
    for org in ("default", "7"):
        assert failed("projects", "adopt", "9", "--org", org) == (
            "error: There is no project 9. See `errata projects list`.\n"
        )
    assert failed("projects", "adopt", unclaimed.id, "--org", "7") == (
        "error: There is no organization 7. See `errata orgs list`.\n"
    )
    assert failed("projects", "adopt", unclaimed.id, "--org", "unclaimed") == (
        "error: There is no organization unclaimed. See `errata orgs list`.\n"
    )
    taken = f"error: project: Project {own.id} already belongs to organization default.\n"
    assert failed("projects", "adopt", own.id, "--org", "default") == taken
    done("projects", "adopt", unclaimed.id, "--org", "default")
    assert "already belongs to organization default" in failed(
        "projects", "adopt", unclaimed.id, "--org", organizations.create("Acme").id
    )


def test_all_unclaimed_projects_are_deleted_after_their_number_was_typed() -> None:
    own = new_project()
    unclaimed = [generated() for _ in range(2)]
    assert clients.ingest(unclaimed[0]).status == 202
    for typed in (b"", b"3\n", b"yes\n"):
        ran = run("projects", "delete", "--unclaimed", stdin=typed)
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.startswith(
            "This deletes every unclaimed project (2) with its data. Type 2 to"
        )
        assert "error: name: That is not the number of projects. Nothing was deleted." in ran.err
    assert listed("--unclaimed") == [each.id for each in unclaimed]
    ran = run("projects", "delete", "--unclaimed", stdin=b"2\n")
    assert (ran.code, ran.out.startswith("Deleted 2 unclaimed projects. Their keys")) == (0, True)
    assert (listed("--unclaimed"), listed(), counted()) == ([], [own.id], 0)
    assert clients.ingest(unclaimed[1]).status == 401


def test_yes_deletes_all_unclaimed_projects_without_a_question() -> None:
    unclaimed = generated()
    run_ = ("projects", "delete", "--unclaimed", "--yes", "--json")
    assert done(*run_).json == {"deleted": [unclaimed.id]}
    assert done(*run_).json == {"deleted": []}
    assert done("projects", "delete", "--unclaimed").out.startswith("Deleted 0 unclaimed projects.")


@pytest.mark.parametrize("options", [(), ("1", "--unclaimed")])
def test_delete_needs_either_a_project_id_or_unclaimed(options: tuple[str, ...]) -> None:
    ran = run("projects", "delete", *options)
    assert ran.code == 2
    assert "Give a project's id, or --unclaimed, but not both." in ran.err


def test_all_projects_include_unclaimed_ones_that_have_not_expired(clock: Clock) -> None:
    generated()
    clock.days(7)
    own, unclaimed = new_project(), generated()
    webhooks.add(unclaimed.id, "https://example.com/hook")
    assert [each.id for each in projects.list_projects()] == [own.id, unclaimed.id]
    clock.days(7)
    since = ("webhooks", "redeliver", "--since", "2020-01-01T00:00:00Z")
    assert done(*since).out.startswith("Sent 0 again")
