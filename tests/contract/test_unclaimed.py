"""Projects that anonymous callers create through api.php: limited, else like any other."""

import json
from collections.abc import Callable

import pytest

from errata.errors import NotFoundError
from errata.models.billing import Billing, Invoice
from errata.models.organization import DEFAULT_ORGANIZATION, parse_allowlist
from errata.store import billing
from errata.store import projects as store
from errata.store.organizations import save_organization
from errata.usecases import (
    access,
    delete_project,
    issues,
    organizations,
    projects,
    unclaimed,
    webhooks,
)
from tests.support import sdk, stream
from tests.support.account import Clock, Project, new_project, rows
from tests.support.clients import capture, errors, events, ingest, php, read
from tests.support.fresh import clear_cache
from tests.support.gateway import Response, call
from tests.support.unclaimed import counted, generated, stored
from tests.support.visible import visible_in

WEEK_S = 7 * 86_400


def envelope(project: Project) -> Response:
    return sdk.post(project, sdk.of_event(sdk.event()))


def with_key_in_body(project: Project) -> Response:
    return call("POST", "/api/ingest", {"message": "boom", "api_key": project.key})


ENDPOINTS = [ingest, with_key_in_body, capture, envelope]


# ------------------------------------------------------------------ a week without an event


def test_a_generated_project_expires_after_a_week_without_an_event(clock: Clock) -> None:
    project = generated()
    clock.advance(WEEK_S - 1)
    assert read(project).status == 200
    clock.advance(1)
    assert (read(project).status, ingest(project).status, envelope(project).status) == (401,) * 3
    assert php(action="clear", hash=project.key).json["deleted"] == 0
    assert errors(project) == []
    assert projects.list_unclaimed() == []
    with pytest.raises(NotFoundError):
        projects.find(project.id)


def test_a_cached_project_expires_at_the_same_time(clock: Clock) -> None:
    project = generated()
    clock.advance(WEEK_S - 10)
    assert read(project).status == 200
    clock.advance(10)
    assert read(project).status == 401


@pytest.mark.parametrize("send", ENDPOINTS)
def test_the_first_event_at_any_endpoint_keeps_a_generated_project_for_good(
    clock: Clock, send: Callable[[Project], Response]
) -> None:
    project = generated()
    clock.advance(WEEK_S - 10)
    assert send(project).status in (200, 202)
    clock.advance(20)
    clear_cache()
    assert len(events(project)) == 1
    clock.days(100)
    assert send(project).status in (200, 202)
    assert [each.id for each in projects.list_unclaimed()] == [project.id]
    assert counted() == 1


def test_a_project_that_is_deleted_after_it_was_cached_gets_no_event(clock: Clock) -> None:
    projects_ = [generated(), generated()]
    assert [read(project).status for project in projects_] == [200, 200]  # cached
    for project in projects_:
        delete_project.delete_project(project.id)
    assert (ingest(projects_[0]).status, capture(projects_[1]).status) == (401, 503)
    assert capture(projects_[1]).status == 403
    assert [row["sk"]["S"] for row in rows()["EVENTS_TABLE"]] == ["clear", "clear"]


def test_a_refused_event_does_not_keep_a_generated_project(clock: Clock) -> None:
    project = generated()
    assert ingest(project, b"[").status == 422
    assert capture(project, level=None).status == 400
    assert sdk.post(project, b"{").status == 400
    clock.advance(WEEK_S)
    assert ingest(project).status == 401


def test_an_expired_key_creates_a_project_again(clock: Clock) -> None:
    expired = generated()
    clock.advance(WEEK_S)
    assert capture(expired).json == {"ok": True, "id": 1}
    (again,) = projects.list_unclaimed()
    assert (again.id != expired.id, again.expires_at) == (True, None)
    assert ingest(expired).status == 202
    assert read(Project(again.id, expired.key)).status == 200
    assert (stored(), counted()) == (1, 1)
    # Nothing remains of the first one.
    pks = {row["pk"]["S"] for row in rows()["PROJECTS_TABLE"]}
    assert f"project#{expired.id}" not in pks
    assert store.list_keys(expired.id) == []


def test_the_key_of_any_expired_project_can_be_used_again(clock: Clock) -> None:
    # More than a creation deletes, so that this one is still stored.
    expired = [generated() for _ in range(6)]
    clock.advance(WEEK_S)
    assert capture(expired[-1]).json == {"ok": True, "id": 1}
    assert counted() == stored() == 3


def test_a_cached_project_that_another_process_has_kept_does_not_expire(clock: Clock) -> None:
    project = generated()
    clock.advance(WEEK_S - 1)
    assert read(project).status == 200  # cached for 30 seconds
    projects.find_to_change(project.id)  # another process keeps it
    clock.advance(1)
    assert ingest(project).status == 202


@pytest.mark.parametrize("send", [ingest, with_key_in_body, capture])
def test_a_process_that_cached_an_expired_project_uses_the_one_that_replaced_it(
    clock: Clock, send: Callable[[Project], Response]
) -> None:
    expired = generated()
    clock.advance(WEEK_S - 1)
    assert (read(expired).status, sdk.post(expired, b"{").status) == (200, 400)  # cached
    clock.advance(1)
    # Another process creates it, and this one is not notified.
    created = unclaimed.create("unnamed", expired.key, "sent by a script", None, clock.ms)
    assert created
    assert created.project.id != expired.id
    assert send(expired).status in (200, 202)
    assert len(events(Project(created.project.id, expired.key))) == 1
    # The DSN of the expired project is not replaced.
    assert envelope(expired).status == 401


def test_creating_a_project_deletes_expired_ones(clock: Clock) -> None:
    for _ in range(4):
        generated()
    kept = generated()
    assert ingest(kept).status == 202
    clock.advance(WEEK_S)
    generated()
    assert (stored(), counted()) == (3, 3)
    generated()
    assert (stored(), counted()) == (3, 3)
    assert len(projects.list_unclaimed()) == 3


def test_a_change_by_an_operator_keeps_a_generated_project(clock: Clock) -> None:
    changes: list[Callable[[str], object]] = [
        lambda project_id: webhooks.add(project_id, "https://example.com/hook"),
        lambda project_id: projects.create_key(project_id, "another"),
        lambda project_id: projects.change(project_id, 600, None),
        lambda project_id: projects.rename(project_id, "shop"),
    ]
    changed = [generated() for _ in changes]
    for project, change in zip(changed, changes, strict=True):
        change(project.id)
    clock.advance(WEEK_S)
    assert [read(project).status for project in changed] == [200] * 4


def test_a_key_that_was_revoked_stays_revoked_after_expiry(clock: Clock) -> None:
    project = generated()
    record = store.list_keys(project.id)[0]
    projects.revoke_key(project.id, record.id)
    clock.advance(WEEK_S)
    generated()
    assert (stored(), counted()) == (1, 1)
    assert capture(project).status == 403


# ------------------------------------------------------------------ how many


def is_refused(response: Response) -> bool:
    assert response.status == 429, response.text
    assert set(response.json) == {"ok", "error"}
    assert "3 unclaimed projects" in response.json["error"]
    assert "until an operator adopts or deletes some" in response.json["error"]
    assert int(response.headers["Retry-After"]) > 0
    return True


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> list[Project]:
    """As many unclaimed projects as there may be: three, the last one with an event."""
    assert clock
    monkeypatch.setattr("errata.usecases.unclaimed.MAX_UNCLAIMED", 3)
    found = [generated(f"{n}") for n in range(3)]
    assert ingest(found[-1]).status == 202
    return found


def assert_both_refused() -> None:
    before = rows()["PROJECTS_TABLE"]
    assert is_refused(php(action="generate"))
    assert is_refused(capture(Project("", "one more")))
    after = rows()["PROJECTS_TABLE"]
    # Only the number for the next project has moved.
    assert [row for row in before if row["pk"]["S"] != "counter"] == [
        row for row in after if row["pk"]["S"] != "counter"
    ]


def test_no_project_is_created_beyond_the_limit_of_unclaimed_projects(full: list[Project]) -> None:
    assert_both_refused()
    assert [ingest(each).status for each in full] == [202] * 3
    assert capture(full[0]).status == 200
    assert new_project()  # an operator's own
    assert counted() == stored() == 3


def test_the_limit_is_one_thousand() -> None:
    assert unclaimed.MAX_UNCLAIMED == 1_000


FREED = {
    "adopted": lambda project: unclaimed.adopt(project.id, DEFAULT_ORGANIZATION),
    "deleted": lambda project: delete_project.delete_project(project.id),
}


@pytest.mark.parametrize("free", FREED.values(), ids=FREED)
@pytest.mark.parametrize("which", [0, 2], ids=["generated", "with an event"])
def test_an_adopted_or_deleted_project_makes_space_for_one(
    full: list[Project], free: Callable[[Project], object], which: int
) -> None:
    free(full[which])
    assert counted() == 2
    assert php(action="generate").status == 200
    assert_both_refused()


def test_expired_projects_make_space(full: list[Project], clock: Clock) -> None:
    assert_both_refused()
    clock.advance(WEEK_S)
    assert [php(action="generate").status for _ in range(2)] == [200] * 2
    assert_both_refused()
    assert counted() == stored() == 3


def test_an_adopted_or_deleted_project_is_subtracted_from_the_count_once(
    full: list[Project],
) -> None:
    unclaimed.adopt(full[0].id, DEFAULT_ORGANIZATION)
    delete_project.delete_project(full[0].id)
    delete_project.delete_project(full[1].id)
    with pytest.raises(NotFoundError):
        delete_project.delete_project(full[1].id)
    assert counted() == stored() == 1


# ------------------------------------------------------------------ works fully


def test_a_generated_project_works_at_every_endpoint_and_has_no_organization() -> None:
    project = generated("shop")
    found = projects.find(project.id)
    assert (found.unclaimed, found.name) == (True, "shop")
    assert ingest(project, idempotency_key="k").status == 202
    assert ingest(project, idempotency_key="k").headers["Idempotency-Replayed"] == "true"
    assert capture(project).json == {"ok": True, "id": 1}
    assert envelope(project).status == 200
    assert len(events(project)) == 3
    stream.pump(stream.records())
    assert len(list(issues.list_issues(visible_in(project.id)))) == 3
    assert [each["id"] for each in errors(project)] == [1]
    assert php(action="clear", hash=project.key).json == {"ok": True, "deleted": 1}
    assert events(project) == []
    assert projects.list_owned() == []
    assert projects.list_of(DEFAULT_ORGANIZATION) == []


def test_a_submitted_project_is_unclaimed_and_does_not_expire(clock: Clock) -> None:
    project = Project("", "brought by a script")
    assert capture(project).status == 200
    clock.days(100)
    assert capture(project).json == {"ok": True, "id": 2}
    (found,) = projects.list_unclaimed()
    assert found.expires_at is None


def test_the_default_organization_s_policy_applies(project: Project) -> None:
    anonymous = generated()
    organizations.change(DEFAULT_ORGANIZATION, allowlist=parse_allowlist("192.0.2.1"))
    clear_cache()
    assert (ingest(anonymous).status, capture(anonymous).status) == (403, 403)
    organizations.change(DEFAULT_ORGANIZATION, allowlist=())
    unpaid = billing.to_text(Billing((("in_1", Invoice("failed", 1)),)))
    save_organization(organizations.find(DEFAULT_ORGANIZATION), billing=unpaid)
    clear_cache()
    assert (ingest(anonymous).status, ingest(project).status) == (402, 402)


@pytest.mark.usefixtures("clock")
def test_unclaimed_projects_have_a_quota_of_the_same_size_but_of_their_own() -> None:
    own, anonymous = new_project(), generated()
    organizations.change(DEFAULT_ORGANIZATION, monthly_quota=2)
    clear_cache()
    assert [ingest(anonymous).status for _ in range(3)] == [202, 202, 402]
    assert capture(Project("", "brought by a script")).status == 402
    assert [ingest(own).status for _ in range(3)] == [202, 202, 402]


# ------------------------------------------------------------------ adoption


def test_an_adopted_project_keeps_its_key_and_events_and_never_expires(clock: Clock) -> None:
    acme = organizations.create("Acme").id
    one, other = generated(), generated()
    assert ingest(other).status == 202
    for project in (one, other):
        found = unclaimed.adopt(project.id, acme)
        assert (found.organization, found.expires_at) == (acme, None)
    assert [each.id for each in projects.list_of(acme)] == [one.id, other.id]
    assert [each.id for each in projects.list_owned()] == [one.id, other.id]
    assert projects.list_unclaimed() == []
    clock.days(8)
    assert (ingest(one).status, capture(one).status) == (202, 200)
    assert len(events(other)) == 1


def test_an_adopted_project_has_its_organization_s_policy(clock: Clock) -> None:
    acme = organizations.create("Acme").id
    organizations.change(acme, allowlist=parse_allowlist("192.0.2.1"))
    project = generated()
    assert ingest(project).status == 202
    unclaimed.adopt(project.id, acme)
    clock.advance(30)
    assert (ingest(project).status, capture(project).status) == (403, 403)


def test_an_unclaimed_project_and_an_anonymous_caller_are_in_no_organization(clock: Clock) -> None:
    project = generated()
    opened = access.find(project.key, clock.ms).access
    assert opened
    assert opened.organization == access.of_anonymous_caller(clock.ms).organization == "unclaimed"


def test_functions_of_the_previous_release_get_the_seven_values_that_they_read(
    clock: Clock,
) -> None:
    project = generated()
    context = access.to_context(project.key, access.find(project.key, clock.ms), "192.0.2.1")
    assert json.loads(context["access"]) == [
        *(project.id, json.loads(context["grant"])["key_id"], 30, 60, "unclaimed", None, None)
    ]
    opened = access.from_context(context)
    assert opened.expires_at == clock.ms + WEEK_S * 1000
