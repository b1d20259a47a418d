"""Long lists of releases and projects have pages."""

import pytest

from errata.models.organization import DEFAULT_ORGANIZATION
from errata.usecases import members, organizations, projects, unclaimed
from errata.usecases.project_list import ORGANIZATIONS_A_PAGE, PROJECTS_A_PAGE
from tests.support import stream
from tests.support.account import Clock, Project
from tests.support.browser import Browser
from tests.support.clients import ingest
from tests.support.pages import OWNER, followed, send
from tests.support.unclaimed import generated

RELEASE = r'href="issues\?query=is%3Aopen\+release%3A(?:%22)?([^"]+)"'


@pytest.mark.parametrize(
    "name",
    ["web@0123456789abcdef0123456789abcdef01234567-", "&" * 180, "é" * 180],
    ids=["web", "escaped", "wide"],
)
def test_releases_are_paged_within_the_bounds(
    browser: Browser, busy: Project, clock: Clock, name: str
) -> None:
    for n in range(120):
        clock.advance(1)
        ingest(busy, {"message": "m", "fingerprint": f"{n % 3}", "release": f"{n:03d}{name}"})
    assert stream.deliver(stream.records()) == []
    path = f"projects/{busy.id}/releases"
    seen = followed(browser, path, RELEASE)
    assert [each[:3] for each in seen] == [f"{n:03d}" for n in range(119, -1, -1)]
    assert "First page" in browser.page.text  # type: ignore[union-attr]
    assert browser.get(f"projects/{busy.id}/releases?cursor=x").status == 422


def test_too_many_releases_are_loaded_in_parts_with_lower_bounds_of_open_issues(
    browser: Browser, busy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(busy, *[{"message": "m", "fingerprint": f"{n}", "release": f"{n:03d}"} for n in range(90)])
    exact = browser.get(f"projects/{busy.id}/releases")
    assert ("may be higher" in exact.text, "too many releases" in exact.text) == (False, False)
    monkeypatch.setattr("moto.dynamodb.models.table.RESULT_SIZE_LIMIT", 6_000)
    shown = browser.get(f"projects/{busy.id}/releases")
    assert "too many releases to load at once" in shown.text
    assert "A number with a “+” may be higher" in shown.text
    seen = followed(browser, f"projects/{busy.id}/releases", RELEASE)
    assert sorted(seen) == [f"{n:03d}" for n in range(90)]


@pytest.mark.parametrize("name", ["the shop of many", "&" * 190, "\U0001f4a5" * 180])
def test_projects_are_paged_within_the_bounds(
    browser: Browser, project: Project, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    others = organizations.create("others").id
    for n in range(20):
        organization = organizations.create(f"{n}{name}"[:200]).id
        members.add(organization, OWNER, "admin")
        projects.create(f"{n}{name}"[:200], organization=organization)
        projects.create("of others", organization=others)
    for n in range(60):
        projects.create(f"{n}{name}"[:200])
    mine = [each.id for each in projects.list_projects() if each.name != "of others"]
    link = r'class="issue-title" href="[./]*projects/(\d+)/issues"'
    # Session, organizations, watermarks, losses and last errors take one call each.
    most = 5 + ORGANIZATIONS_A_PAGE + PROJECTS_A_PAGE
    assert sorted(followed(browser, "projects", link, most), key=int) == mine
    assert "of others" not in browser.get("projects").text
    assert browser.get("projects?after=x").text == browser.get("projects").text
    monkeypatch.setattr("moto.dynamodb.models.table.RESULT_SIZE_LIMIT", 6_000)
    assert sorted(followed(browser, "projects", link, most), key=int) == mine


def test_unclaimed_projects_and_those_of_others_do_not_hide_a_member_s_projects(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = organizations.create("others").id
    for n in range(12):
        projects.create(f"of others {n}", organization=others)
        generated(f"of strangers {n}")
    acme = organizations.create("Acme").id
    members.add(acme, OWNER, "owner")
    created = projects.create("mine", organization=acme)
    assert created
    # One read gives few rows, as one read of 1 MB does of 18,000 projects.
    monkeypatch.setattr("moto.dynamodb.models.table.RESULT_SIZE_LIMIT", 2_000)
    for path in ("projects", f"orgs/{acme}", f"orgs/{acme}/use"):
        shown = browser.get(path).html
        assert f"projects/{created.project.id}/" in shown, path
        assert "of others" not in shown
        assert "of strangers" not in shown
        assert "?after=" not in shown


def test_nobody_sees_an_unclaimed_project_until_it_is_adopted(browser: Browser) -> None:
    stranger = generated("of a stranger")
    assert browser.get(f"projects/{stranger.id}/issues").status == 404
    assert browser.get(f"projects/{stranger.id}/settings").status == 404
    unclaimed.adopt(stranger.id, DEFAULT_ORGANIZATION)
    assert browser.get(f"projects/{stranger.id}/issues").status == 200
