"""The audit log: every change by a person is in it, even an interrupted one."""

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from errata.errors import ErrataError, StoreError
from errata.models.audit import Actor, AuditEntry
from errata.models.gateway_key import Gateway
from errata.models.ids import now_ms
from errata.store import projects as projects_store
from errata.usecases import (
    audit,
    billing,
    clear_project,
    delete_project,
    issues,
    members,
    organizations,
    projects,
    unclaimed,
    usage_keys,
    webhooks,
)
from tests.support import account, calls, stream
from tests.support.account import Project
from tests.support.cli import refusing
from tests.support.clients import ingest
from tests.support.visible import visible_in

ADA = Actor("ada@example.com", "203.0.113.9")
GATEWAY = Gateway("errata", "api", "v1")
HOOK = "https://hooks.example.com/services/T0/secret?token=hush"


@pytest.fixture(autouse=True)
def _ada() -> Iterator[None]:
    with audit.acting(lambda: ADA):
        yield


def entries(organization_id: str = "default") -> list[AuditEntry]:
    found, _ = audit.list_entries(organization_id, "", 100)
    return found


def lines(organization_id: str = "default") -> list[str]:
    """Return the lines of the log, oldest first."""
    return [
        f"{each.action}: {each.details}" if each.details else each.action
        for each in reversed(entries(organization_id))
    ]


def test_every_change_of_a_project_is_in_the_log(busy: Project) -> None:
    record, key, _ = usage_keys.create_key(GATEWAY, busy.id, "ci")
    usage_keys.create_key(GATEWAY, busy.id, "page", public=True)
    usage_keys.revoke_key(busy.id, record.id)
    usage_keys.change_project(GATEWAY, busy.id, 600, "default")
    projects.rename(busy.id, "blog")
    projects.change_slug(busy.id, "store")
    hook, secret = webhooks.add(busy.id, HOOK)
    webhooks.rotate(busy.id, hook.id)
    webhooks.enable(busy.id, hook.id)
    webhooks.remove(busy.id, hook.id)
    clear_project.clear(busy.id)
    delete_project.delete_project(busy.id, GATEWAY)
    assert lines() == [
        "key created: label ci",
        "key created: label page, public for a DSN",
        f"key revoked: key id {record.id}",
        "project changed: rate limit 600, retention days default",
        "project renamed: name blog",
        "slug changed: slug store",
        "webhook added: url hooks.example.com",
        f"webhook secret rotated: webhook id {hook.id}",
        f"webhook enabled: webhook id {hook.id}",
        f"webhook removed: webhook id {hook.id}",
        "project cleared",
        "project deleted",
    ]
    assert {each.actor for each in entries()} == {ADA}
    assert {each.finished for each in entries()} == {True}
    assert (entries()[-1].project_name, entries()[0].project_name) == ("shop", "blog")
    assert {each.project_id for each in entries()} == {busy.id}
    for hush in (key, secret, "hush", "services"):
        assert hush not in str(account.rows()["PROJECTS_TABLE"]).replace(HOOK, "")


def test_every_change_of_an_organization_is_in_its_log() -> None:
    acme = organizations.create("acme").id
    organizations.change(acme, ("192.0.2.0/24",), 1000)
    organizations.change(acme, (), "none")
    billing.link(acme, "cus_1")
    billing.link(acme, "")
    team = members.create_team(acme, "web").id
    members.rename_team(acme, team, "front")
    members.add(acme, "bob@example.com", "owner")
    members.add(acme, "eve@example.com", "member", [team])
    members.change(acme, "eve@example.com", role="admin")
    members.invite_again(acme, "eve@example.com")
    members.remove(acme, "eve@example.com")
    usage_keys.create_project(GATEWAY, "shop", acme)
    members.set_project_teams("1", [team])
    members.delete_team(acme, team)
    assert lines(acme) == [
        "organization created: name acme",
        "organization changed: allowlist 192.0.2.0/24, monthly quota 1000",
        "organization changed: allowlist none, monthly quota none",
        "Stripe customer linked: customer cus_1",
        "Stripe customer linked: customer none",
        "team created: name web",
        f"team renamed: team id {team}, name front",
        "member added: email bob@example.com, role owner",
        f"member added: email eve@example.com, role member, teams {team}",
        "member changed: email eve@example.com, role admin",
        "member invited again: email eve@example.com",
        "member removed: email eve@example.com",
        "project created: name shop",
        f"project's teams changed: teams {team}",
        f"team deleted: team id {team}",
    ]
    assert lines() == []


def test_deleting_an_issue_and_adopting_a_project_are_in_the_log(busy: Project) -> None:
    ingest(busy)
    assert stream.deliver(stream.records()) == []
    (issue,) = issues.list_issues(visible_in(busy.id))
    issues.delete(visible_in(busy.id), issue.id, "ada@example.com")
    created = unclaimed.create("script", "", "key", None, now_ms())
    assert created
    unclaimed.adopt(created.project.id, "default")
    assert lines() == [f"issue deleted: issue id {issue.id}", "project adopted"]
    assert [each.project_id for each in entries()] == [created.project.id, busy.id]


def test_changes_without_an_actor_are_not_in_the_log(busy: Project) -> None:
    with audit.acting(None):
        clear_project.clear(busy.id)
        members.create_team("default", "web")
    assert entries() == []
    clear_project.clear(busy.id)
    assert lines() == ["project cleared"]


def test_changes_of_unclaimed_projects_are_not_in_a_log() -> None:
    created = unclaimed.create("script", "", "key", None, now_ms())
    assert created
    projects.rename(created.project.id, "job")
    delete_project.delete_project(created.project.id)
    stored = account.rows()["PROJECTS_TABLE"]
    assert not [row for row in stored if "audit#" in str(row)]


REFUSED: dict[str, Callable[[Project], object]] = {
    "label": lambda it: usage_keys.create_key(GATEWAY, it.id, ""),
    "rate": lambda it: usage_keys.change_project(GATEWAY, it.id, 0, None),
    "project": lambda _: projects.rename("77", "x"),
    "key": lambda it: usage_keys.revoke_key(it.id, "0" * 12),
    "role": lambda _: members.add("default", "x@example.com", "king"),  # type: ignore[arg-type]  # no role
    "url": lambda it: webhooks.add(it.id, "ftp://example.com"),
}


@pytest.mark.parametrize("change", REFUSED)
def test_a_refused_change_is_not_in_the_log(busy: Project, change: str) -> None:
    with pytest.raises(ErrataError):
        REFUSED[change](busy)
    assert entries() == []


def test_a_failed_change_is_in_the_log_as_not_finished(busy: Project) -> None:
    with refusing("DeleteItem", "InternalServerError"), pytest.raises(StoreError):
        webhooks.remove(busy.id, webhooks.add(busy.id, HOOK)[0].id)
    removal, addition = entries()
    assert (removal.finished, addition.finished) == (False, True)


def test_a_change_that_cannot_be_logged_is_not_made(busy: Project) -> None:
    before = projects_store.list_keys(busy.id)
    with refusing("PutItem", "InternalServerError"), pytest.raises(StoreError):
        usage_keys.create_key(GATEWAY, busy.id, "ci")
    assert projects_store.list_keys(busy.id) == before


CUT_OFF: dict[str, Callable[[Project], object]] = {
    "key created": lambda it: usage_keys.create_key(GATEWAY, it.id, "ci"),
    "project changed": lambda it: usage_keys.change_project(GATEWAY, it.id, 600, 7),
    "project deleted": lambda it: delete_project.delete_project(it.id, GATEWAY),
}


@pytest.mark.parametrize("change", CUT_OFF)
def test_an_interrupted_change_that_took_effect_is_in_the_log(change: str) -> None:
    number = 0
    while True:
        number += 1
        project = account.new_project()
        before = state(project.id)
        with calls.cut_off(number) as outcome, suppress(calls.Killed):
            CUT_OFF[change](project)
        logged = [each for each in entries() if each.project_id == project.id]
        assert len(logged) <= 1
        if state(project.id) != before:
            assert logged
        if not outcome.struck:
            assert logged[0].finished
            break
    assert number > 4


def test_an_organization_whose_creation_was_interrupted_has_an_entry() -> None:
    number = 0
    while True:
        number += 1
        with calls.cut_off(number) as outcome, suppress(calls.Killed):
            organizations.create("acme")
        made = [each.id for each in organizations.list_organizations() if each.id != "default"]
        assert all(lines(each) == ["organization created: name acme"] for each in made)
        if not outcome.struck:
            break
    assert number > 3
    assert entries(made[-1])[0].finished


def state(project_id: str) -> str:
    found = projects_store.find_project(project_id)
    keys = [(each.id, each.usage_key_id) for each in projects_store.list_keys(project_id)]
    return f"{found} {sorted(keys)}"


def test_a_long_entry_is_cut() -> None:
    arn = "arn:aws:sts::123456789012:assumed-role/" + "r" * 2_000
    with audit.acting(lambda: Actor(arn, "host")):
        organizations.change("default", tuple(f"192.0.2.{n}/32" for n in range(250)))
    (entry,) = entries()
    assert (len(entry.actor.name), len(entry.details)) == (320, 500)
    assert entry.details.startswith("allowlist 192.0.2.0/32 192.0.2.1/32 ")


def test_the_log_is_read_in_pages() -> None:
    for number in range(7):
        members.create_team("default", f"team {number}")
    pages, before = [], ""
    while True:
        found, before = audit.list_entries("default", before, 3)
        pages.append([each.details for each in found])
        if not before:
            break
    assert [len(each) for each in pages] == [3, 3, 1]
    assert pages[0][0] == "name team 6"
    assert pages[2] == ["name team 0"]
