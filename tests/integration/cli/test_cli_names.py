"""Projects by name, issues and events by the first digits of their ids, and `errata open`."""

import pytest

from errata.usecases import projects
from tests.support import clients, stream
from tests.support.account import Clock, Project
from tests.support.cli import done, failed, run

pytestmark = pytest.mark.usefixtures("deployed")


def send_and_digest(project: Project, *messages: str) -> list[str]:
    """Send events, each of an issue of its own. Return their ids."""
    ids = [clients.ingest(project, {"message": each}).json["id"] for each in messages]
    assert stream.deliver(stream.records()) == []
    return ids


# ------------------------------------------------------------------ projects


@pytest.mark.parametrize("name", ["1", "shop", "SHOP", " Shop", "default/shop"])
def test_a_project_is_found_by_id_slug_or_name(name: str) -> None:
    done("projects", "create", "Shop")
    assert done("projects", "show", name, "--json").json["id"] == "1"


def test_a_slug_wins_over_a_name_and_an_old_slug_still_works() -> None:
    done("projects", "create", "Shop")
    done("projects", "create", "Shop")
    assert done("projects", "show", "shop", "--json").json["id"] == "1"
    assert done("projects", "show", "shop-2", "--json").json["id"] == "2"
    done("projects", "set", "shop-2", "--slug", "store")
    assert done("projects", "show", "shop-2", "--json").json["id"] == "2"


def test_a_name_that_two_projects_have_is_refused_with_the_choices() -> None:
    other = done("orgs", "create", "Other", "--json").json["id"]
    done("projects", "create", "Shop")
    done("projects", "create", "Shop", "--org", other)
    assert failed("projects", "show", "shop").splitlines() == [
        "error: Several projects are called shop. Use one of these:",
        "error: 1  default/shop, Shop",
        f"error: 2  {other}/shop, Shop",
    ]
    assert done("projects", "show", f"{other}/shop", "--json").json["id"] == "2"
    assert '"code": "ambiguous"' in run("projects", "show", "shop", "--json").err


def test_an_unknown_project_name_is_an_error() -> None:
    assert failed("issues", "list", "nope") == (
        "error: There is no project nope. See `errata projects list`.\n"
    )


# ------------------------------------------------------------------ ids


def test_an_issue_is_found_by_the_first_digits_of_its_id(busy: Project) -> None:
    send_and_digest(busy, "one")
    (issue,) = done("issues", "list", busy.id, "--json").json
    begin = next(issue["id"][:n] for n in range(4, 32) if not issue["id"][:n].isdecimal())
    assert done("issues", "show", busy.id, begin, "--json").json["id"] == issue["id"]
    done("issues", "resolve", busy.id, begin)
    assert done("issues", "show", busy.id, issue["id"], "--json").json["status"] == "resolved"
    assert "has no issue ffffffff" in failed("issues", "show", busy.id, "ffffffff")


def test_an_ambiguous_prefix_of_issue_ids_is_refused_with_the_choices(
    busy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_and_digest(busy, *(str(number) for number in range(4)))
    found = done("issues", "list", busy.id, "--json").json
    # Ids are hashes, which rarely have a common prefix: accept an empty prefix.
    monkeypatch.setattr(
        "errata.usecases.prefixes._ISSUE", __import__("re").compile("[0-9a-f]{0,31}")
    )
    lines = failed("issues", "show", busy.id, "").splitlines()
    assert lines[0] == "error: The ids of several issues begin with . Use one of these:"
    assert {line.split()[1] for line in lines[1:]} == {each["id"] for each in found}


def test_an_event_is_found_by_the_first_digits_of_its_id(busy: Project, clock: Clock) -> None:
    (first,) = send_and_digest(busy, "one")
    clock.days(1)
    second, third = send_and_digest(busy, "two", "two")
    assert done("events", "show", busy.id, first[:9], "--json").json["id"] == first
    assert done("events", "show", busy.id, third, "--json").json["id"] == third
    lines = failed("events", "show", busy.id, second[:8]).splitlines()
    assert {line.split()[1] for line in lines[1:]} == {second, third}
    assert "has no event" in failed("events", "show", busy.id, "0000000a")


# ------------------------------------------------------------------ open


def test_open_prints_the_url_of_the_page(busy: Project) -> None:
    (event,) = send_and_digest(busy, "one")
    (issue,) = done("issues", "list", busy.id, "--json").json
    root = done("open", "--json").json["url"].removesuffix("/")
    page = f"{root}/projects/{busy.id}"
    for name in (issue["short_id"], issue["short_id"].lower(), issue["id"]):
        assert done("open", name).out == f"{page}/issues/{issue['id']}\n"
    assert done("open", event).out == f"{page}/events/{event}\n"
    assert done("open", busy.id).out == f"{page}\n"
    assert done("open", "shop").out == f"{page}\n"
    assert failed("open", "SHOP-77") == "error: There is no issue SHOP-77.\n"
    assert "There is no issue or event" in failed("open", "0" * 32)


def test_open_finds_a_project_whose_slug_looks_like_a_short_id(busy: Project) -> None:
    projects.change_slug(busy.id, "shop-9")
    assert done("open", "shop-9").out.endswith(f"/projects/{busy.id}\n")


def test_open_offers_the_issues_of_several_organizations(busy: Project) -> None:
    root = done("open", "--json").json["url"].removesuffix("/")
    other = done("orgs", "create", "Other", "--json").json["id"]
    made = done("projects", "create", "Shop", "--org", other, "--json").json
    send_and_digest(busy, "one")
    send_and_digest(Project(made["id"], made["api_key"], ""), "two")
    ids = [done("issues", "list", each, "--json").json[0]["id"] for each in (busy.id, made["id"])]
    lines = failed("open", "shop-1").splitlines()
    assert lines[0] == "error: Several issues are called shop-1. Use one of these:"
    assert sorted(lines[1:]) == [
        f"error: {root}/projects/{busy.id}/issues/{ids[0]}  shop: one",
        f"error: {root}/projects/{made['id']}/issues/{ids[1]}  Shop: two",
    ]
