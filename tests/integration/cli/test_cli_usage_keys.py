"""A key's requests are always counted once: by the gateway, or else by the handlers."""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import pytest
from moto.apigateway.models import APIGatewayBackend
from moto.core.exceptions import JsonRESTError

from errata.models.gateway_key import Gateway
from errata.models.ids import now_ms
from errata.models.times import SETTLING_MS
from errata.store import gateway_key_rows
from errata.store import projects as store
from errata.usecases import access, delete_project, projects, usage_keys
from errata.usecases.access import hash_key
from tests.support import calls
from tests.support.account import Clock, Project, new_project
from tests.support.cli import STACK, Deployed, aws, done, refusing, run
from tests.support.gateway import call, handler
from tests.support.snapshot import DATA, STACKS, Snapshot

SETTLED_S = SETTLING_MS / 1000 + 1
LATER_S = 2 * SETTLED_S


@dataclass(frozen=True)
class Metered:
    """A gateway key as the gateway knows it: its name, and the rate and burst of its plan."""

    name: str
    rate: float
    burst: int


def gateway_keys() -> dict[str, Metered]:
    """Every gateway key of a plan, by its value."""
    gateway = aws("apigateway")
    alive = {key["id"] for key in gateway.get_api_keys()["items"]}
    return {
        key["value"]: Metered(
            key["name"], plan["throttle"]["rateLimit"], plan["throttle"]["burstLimit"]
        )
        for plan in gateway.get_usage_plans()["items"]
        for key in gateway.get_usage_plan_keys(usagePlanId=plan["id"])["items"]
        if key["id"] in alive
    }


def used(key: str) -> str:
    """Return the gateway key that the authorizer names for a project's key."""
    access.clear_cache()
    event = {
        "resource": "/api/ingest",
        "httpMethod": "POST",
        "headers": {"x-api-key": key},
        "requestContext": {"identity": {"sourceIp": "203.0.113.9"}},
        "methodArn": "arn:aws:execute-api:us-east-1:000000000000:api/v1/POST/api/ingest",
    }
    response = handler("authorizer")(event, None)
    found: str = response["usageIdentifierKey"]
    metered = response["context"].get("metered")
    assert (found == "unmetered-gateway-key") == (metered != "gateway")
    return "" if found == "unmetered-gateway-key" else found


@pytest.fixture
def shop(deployed: Deployed, clock: Clock) -> Project:
    """A project that was created some time ago with the command. Its only key is an API key."""
    made = done("projects", "create", "shop", "--json").json
    _, dsn = store.list_keys(made["id"])
    done("keys", "revoke", made["id"], dsn.id)
    clock.advance(SETTLED_S)
    return Project(made["id"], made["api_key"])


def test_the_gateway_counts_a_new_key_after_the_settling_time(
    deployed: Deployed, clock: Clock
) -> None:
    made = done("projects", "create", "shop", "--json").json
    name = f"{STACK}-project-{made['id']}-{hash_key(made['api_key'])[:12]}"
    found = gateway_keys()
    assert len(found) == 2
    (dsn,) = (each for each in found.values() if each.name != name)
    assert (dsn.rate, dsn.burst) == (10, 300)
    ((value, metered),) = ((value, each) for value, each in found.items() if each.name == name)
    assert metered == Metered(name, rate=1, burst=60)
    assert len(value) == 40
    assert used(made["api_key"]) == ""
    clock.advance(SETTLED_S)
    assert used(made["api_key"]) == value


def test_the_gateway_counts_each_key_separately(shop: Project, clock: Clock) -> None:
    other = done("keys", "create", shop.id, "--json").json["api_key"]
    clock.advance(SETTLED_S)
    assert used(other)
    assert used(other) != used(shop.key)
    assert set(gateway_keys()) == {used(other), used(shop.key)}


def test_a_key_with_another_rate_is_in_another_usage_plan(shop: Project, clock: Clock) -> None:
    before = used(shop.key)
    done("projects", "set", shop.id, "--rate-limit", "600")
    # The handlers count, and the old key stays for authorizers that still name it.
    assert used(shop.key) == ""
    assert before in gateway_keys()
    clock.advance(SETTLED_S)
    metered = gateway_keys()[used(shop.key)]
    assert (metered.rate, metered.burst) == (10, 600)
    assert used(shop.key) != before


@pytest.mark.parametrize("rate", [1, 60_000])
def test_the_lowest_and_the_highest_rate_have_a_plan(
    shop: Project, clock: Clock, rate: int
) -> None:
    """API Gateway takes fractions of a request per second: aws/aws-cdk #18994 uses 0.033."""
    done("projects", "set", shop.id, "--rate-limit", str(rate))
    clock.advance(SETTLED_S)
    metered = gateway_keys()[used(shop.key)]
    assert (metered.rate, metered.burst) == (rate / 60, rate)


@pytest.mark.parametrize("rate", [1, 60_000])
def test_the_handlers_count_if_the_gateway_refuses_a_plan_of_that_rate(
    shop: Project, clock: Clock, rate: int
) -> None:
    with refusing("CreateUsagePlan", "BadRequestException", "Invalid throttle settings."):
        shown = run("projects", "set", shop.id, "--rate-limit", str(rate))
    assert shown.code == 0
    assert "Invalid throttle settings." in shown.err
    clock.advance(LATER_S)
    assert used(shop.key) == ""
    sent = [call("POST", "/api/ingest", {"message": "x"}, {"x-api-key": shop.key}) for _ in "123"]
    assert [each.status for each in sent] == ([202, 429, 429] if rate == 1 else [202, 202, 202])


def test_a_key_created_later_has_the_project_s_rate(shop: Project, clock: Clock) -> None:
    done("projects", "set", shop.id, "--rate-limit", "30")
    other = done("keys", "create", shop.id, "--json").json["api_key"]
    clock.advance(SETTLED_S)
    assert gateway_keys()[used(other)].rate == 0.5
    names = [plan["name"] for plan in aws("apigateway").get_usage_plans()["items"]]
    assert names.count(f"{STACK}-30") == 1


def test_projects_of_one_rate_share_a_plan(shop: Project) -> None:
    other = done("projects", "create", "blog", "--json").json["id"]
    for project_id in (shop.id, other, shop.id):
        done("projects", "set", project_id, "--rate-limit", "90")
    names = [plan["name"] for plan in aws("apigateway").get_usage_plans()["items"]]
    assert names.count(f"{STACK}-90") == 1


def test_a_usage_plan_of_another_api_is_not_used(shop: Project, clock: Clock) -> None:
    gateway = aws("apigateway")
    stages: Any = [{"apiId": "gone", "stage": "v1"}]
    throttle: Any = {"rateLimit": 99, "burstLimit": 99}
    gateway.create_usage_plan(name=f"{STACK}-90", apiStages=stages, throttle=throttle)
    done("projects", "set", shop.id, "--rate-limit", "90")
    clock.advance(SETTLED_S)
    assert gateway_keys()[used(shop.key)].rate == 1.5


def test_a_key_with_the_default_rate_again_is_in_the_template_s_plan(
    shop: Project, clock: Clock, deployed: Deployed
) -> None:
    for rate in ("600", "60"):
        done("projects", "set", shop.id, "--rate-limit", rate)
        clock.advance(SETTLED_S)
    in_default = aws("apigateway").get_usage_plan_keys(usagePlanId=deployed.default_plan)
    assert used(shop.key) in {key["value"] for key in in_default["items"]}


def test_plans_and_keys_are_found_on_any_page(shop: Project, clock: Clock) -> None:
    done("projects", "set", shop.id, "--rate-limit", "90")
    clock.advance(LATER_S)
    assert len(gateway_keys()) == 2

    def one_a_page(call: calls.Call) -> Any:
        """Respond with one item per page."""
        if call.operation not in ("GetApiKeys", "GetUsagePlans"):
            return call.send()
        start = int(call.parameters.pop("position", 0))
        response = call.send()
        more = {"position": str(start + 1)} if start + 1 < len(response["items"]) else {}
        return {**response, "items": response["items"][start : start + 1], **more}

    with calls.watched(one_a_page):
        done("projects", "set", shop.id, "--rate-limit", "90")
        other = done("keys", "create", shop.id, "--json").json["api_key"]
    names = [plan["name"] for plan in aws("apigateway").get_usage_plans()["items"]]
    assert names.count(f"{STACK}-90") == 1
    clock.advance(SETTLED_S)
    # The first one's key is gone, with the plan that it was in.
    assert set(gateway_keys()) == {used(shop.key), used(other)}


def lose_keys(deployed: Deployed) -> None:
    """Delete all gateway keys, as somebody may in the console."""
    lose_plan(deployed)  # AWS takes a key that is deleted out of its plan, moto does not
    gateway = aws("apigateway")
    for key in gateway.get_api_keys()["items"]:
        gateway.delete_api_key(apiKey=key["id"])


def lose_plan(deployed: Deployed) -> None:
    gateway = aws("apigateway")
    for key in gateway.get_usage_plan_keys(usagePlanId=deployed.default_plan)["items"]:
        gateway.delete_usage_plan_key(usagePlanId=deployed.default_plan, keyId=key["id"])


@pytest.mark.parametrize("lose", [lose_keys, lose_plan])
@pytest.mark.parametrize("named", [True, False])
def test_lost_gateway_keys_are_repaired_for_the_same_project_keys(
    shop: Project,
    clock: Clock,
    deployed: Deployed,
    lose: Callable[[Deployed], None],
    named: bool,
) -> None:
    lost = used(shop.key)
    lose(deployed)
    assert used(shop.key) == lost  # API Gateway refuses it
    repaired = done("keys", "repair", *([shop.id] if named else []), "--json").json
    assert [key["id"] for key in repaired] == [hash_key(shop.key)[:12]]
    assert used(shop.key) == ""  # the handlers count
    clock.advance(SETTLED_S)
    assert used(shop.key) not in ("", lost)
    assert gateway_keys()[used(shop.key)].burst == 60
    assert done("keys", "repair", "--json").json == []


def test_repair_lists_the_repaired_keys(shop: Project, deployed: Deployed) -> None:
    assert done("keys", "repair").out == "No gateway key is missing.\n"
    lose_keys(deployed)
    key_id = hash_key(shop.key)[:12]
    assert done("keys", "repair").out.splitlines() == [
        f"Repaired key {key_id} (first key) of project {shop.id}.",
        "They work within 30 seconds.",
    ]


def test_an_interrupted_repair_can_be_repeated(
    shop: Project, clock: Clock, deployed: Deployed
) -> None:
    gateway = Gateway(STACK, deployed.api_id, "v1")
    struck = True
    number = 0
    while struck:
        lose_keys(deployed)
        number += 1
        with calls.cut_off(number) as outcome, suppress(calls.Killed):
            usage_keys.repair(gateway, shop.id)
        struck = outcome.struck
        clock.advance(LATER_S)
        done("keys", "repair")
        clock.advance(SETTLED_S)
        assert used(shop.key) in ("", *gateway_keys())
    assert number > 5


def test_unused_gateway_keys_are_deleted_with_the_next_change(shop: Project, clock: Clock) -> None:
    for rate in ("600", "60", "600"):
        done("projects", "set", shop.id, "--rate-limit", rate)
    clock.advance(LATER_S)
    assert len(gateway_keys()) == 4
    other = done("keys", "create", shop.id, "--json").json["api_key"]
    clock.advance(SETTLED_S)
    assert set(gateway_keys()) == {used(shop.key), used(other)}


def test_repeated_rate_changes_leave_one_unused_gateway_key(shop: Project, clock: Clock) -> None:
    for rate in ("600", "60", "600", "60"):
        before = used(shop.key)
        done("projects", "set", shop.id, "--rate-limit", rate)
        # Authorizers may still name the previous one. Older ones are deleted.
        assert before in gateway_keys()
        assert len(gateway_keys()) == 2
        clock.advance(LATER_S)


def test_gateway_keys_of_others_are_not_deleted(shop: Project, clock: Clock) -> None:
    gateway = aws("apigateway")
    names = [f"{STACK}-project-{shop.id}", f"{STACK}-project-{shop.id}-project-9-0123456789ab"]
    names += [f"{STACK}-project-{shop.id}0-0123456789ab", "mine"]
    for name in names:
        gateway.create_api_key(name=name)
    clock.advance(LATER_S)
    done("keys", "create", shop.id)
    assert set(names) <= {key["name"] for key in gateway.get_api_keys()["items"]}


def test_a_new_rate_does_not_give_a_revoked_key_a_gateway_key(shop: Project) -> None:
    done("keys", "revoke", shop.id, hash_key(shop.key)[:12])
    done("projects", "set", shop.id, "--rate-limit", "600")
    assert gateway_keys() == {}


def test_other_settings_do_not_change_the_gateway_key(shop: Project) -> None:
    before = used(shop.key)
    done("projects", "set", shop.id, "--retention-days", "5")
    done("projects", "set", shop.id, "--rate-limit", "60")
    assert used(shop.key) == before
    assert set(gateway_keys()) == {before}


def test_the_gateway_key_of_a_revoked_key_is_deleted_at_once(shop: Project) -> None:
    done("keys", "revoke", shop.id, hash_key(shop.key)[:12])
    assert gateway_keys() == {}


def test_the_gateway_counts_public_keys_like_api_keys(deployed: Deployed, clock: Clock) -> None:
    project_id = done("projects", "create", "shop", "--json").json["id"]
    done("keys", "create", project_id, "--dsn")
    clock.advance(SETTLED_S)
    done("projects", "set", project_id, "--rate-limit", "600")
    clock.advance(LATER_S)
    _, *dsns = store.list_keys(project_id)
    assert [bool(each.public) for each in dsns] == [True, True]
    known = gateway_keys()
    assert [known[each.usage_key] for each in dsns] == [
        Metered(f"{STACK}-project-{project_id}-{each.id}", rate=10, burst=600) for each in dsns
    ]
    done("keys", "revoke", project_id, dsns[0].id)
    assert set(known) - set(gateway_keys()) == {dsns[0].usage_key}


def test_setting_a_rate_creates_a_missing_gateway_key(
    deployed: Deployed, project: Project, clock: Clock
) -> None:
    assert used(project.key) == ""
    done("projects", "set", project.id, "--rate-limit", "60")
    clock.advance(SETTLED_S)
    assert used(project.key) in gateway_keys()


# ------------------------------------------------------------------ the gateway refuses

DENIED = ("CreateApiKey", "CreateUsagePlanKey", "CreateUsagePlan", "GetUsagePlans")


@pytest.mark.parametrize("operation", ["CreateApiKey", "CreateUsagePlanKey", "GetApiKeys"])
def test_a_project_is_created_if_the_gateway_refuses_its_keys(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    monkeypatch.setenv("ERRATA_STACK", "another")
    with refusing(operation, "AccessDeniedException", "not yours."):
        ran = run("projects", "create", "shop", "--json", "--stack", STACK)
    assert ran.code == 0
    assert ran.err.startswith("warning: API Gateway does not enforce the rate limit of some keys")
    assert f"run `errata projects set 1 --rate-limit default --stack {STACK}`." in ran.err
    assert f"You are not allowed to call {operation}: not yours." in ran.err
    assert used(ran.json["api_key"]) == ""
    access_found = access.find(ran.json["api_key"], now_ms()).access
    assert access_found
    assert access_found.project_id == "1"


@pytest.mark.parametrize("operation", DENIED)
def test_a_new_rate_applies_if_the_gateway_refuses_the_change(
    shop: Project, clock: Clock, operation: str
) -> None:
    with refusing(operation, "TooManyRequestsException", "slow down"):
        ran = run("projects", "set", shop.id, "--rate-limit", "600", "--json")
    assert (ran.code, ran.json["rate_limit"]) == (0, 600)
    assert "To try again, run `errata projects set 1 --rate-limit 600`." in ran.err
    # Nothing counts with the old rate, now or later.
    clock.advance(LATER_S)
    assert used(shop.key) == ""
    # The command that the warning names repairs it.
    done("projects", "set", shop.id, "--rate-limit", "600")
    clock.advance(SETTLED_S)
    assert gateway_keys()[used(shop.key)].rate == 10


def test_a_key_is_revoked_if_the_gateway_refuses_to_delete_its_gateway_key(
    shop: Project, clock: Clock
) -> None:
    key_id = hash_key(shop.key)[:12]
    with refusing("DeleteApiKey", "AccessDeniedException"):
        ran = run("keys", "revoke", shop.id, key_id)
    assert (ran.code, ran.out) == (0, f"Revoked key {key_id} (first key) of project 1.\n")
    assert ran.err.startswith("warning: The key is revoked, but its API Gateway key could not")
    access.clear_cache()
    assert access.find(shop.key, now_ms()).revoked
    clock.advance(LATER_S)
    other = done("keys", "create", shop.id, "--json").json["api_key"]
    clock.advance(SETTLED_S)
    assert set(gateway_keys()) == {used(other)}


def test_a_key_can_be_revoked_after_its_gateway_key_was_deleted(shop: Project) -> None:
    gateway = aws("apigateway")
    for key in gateway.get_api_keys()["items"]:
        gateway.delete_api_key(apiKey=key["id"])
    done("keys", "revoke", shop.id, hash_key(shop.key)[:12])


# ------------------------------------------------------------------ a run that is cut off

CHANGES: dict[str, Callable[[Gateway, str], object]] = {
    "rate": lambda gateway, project: [
        usage_keys.change_project(gateway, project, rate, None) for rate in (60, "default")
    ],
    "key": lambda gateway, project: usage_keys.create_key(gateway, project, "other"),
    "revoke": lambda gateway, project: usage_keys.revoke_key(
        project, store.list_keys(project)[0].id
    ),
}


@pytest.mark.parametrize("function", [None, "DashboardFunction"])
@pytest.mark.parametrize("change", CHANGES)
def test_after_an_interrupted_run_every_key_is_counted_once(
    deployed: Deployed, clock: Clock, change: str, function: str | None
) -> None:
    operator = Gateway(STACK, deployed.api_id, "v1", may_list=True)
    gateway = replace(operator, may_list=function is None)
    with calls.calling_as(function):
        created, unmetered = usage_keys.create_project(gateway, "shop")
    project = created.project
    assert unmetered is None
    clock.advance(LATER_S)
    new = Snapshot((*DATA, *STACKS))
    unknown = 0
    for number in count(1):
        new.restore()
        access.clear_cache()
        with calls.cut_off(number) as outcome, calls.calling_as(function):
            try:
                CHANGES[change](gateway, project.id)
            except calls.Killed:
                pass
            else:
                assert not outcome.struck
        clock.advance(LATER_S)
        assert_counted_once(project.id)
        # The next change repairs the rest.
        with calls.calling_as(function):
            usage_keys.change_project(gateway, project.id, 60, None)
            usage_keys.change_project(gateway, project.id, 600, None)
            clock.advance(LATER_S)
            usage_keys.change_project(gateway, project.id, 600, None)
        named = assert_counted_once(project.id)
        assert all(named), "a live key has no gateway key"
        left = gateway_keys_of(project.id) - ids(project.id)
        if function is None:
            assert not left
        elif left:
            # Cut off between the creation of one gateway key and of its row.
            unknown += 1
            assert len(left) == 1
            usage_keys.change_project(operator, project.id, 600, None)
        assert gateway_keys_of(project.id) == ids(project.id)
        assert set(gateway_key_rows.list_gateway_keys(project.id)) == ids(project.id)
        if not outcome.struck:
            break
    assert number > 2
    assert unknown <= {"rate": 2, "key": 1, "revoke": 0}[change]


def gateway_keys_of(project_id: str) -> set[str]:
    """The ids of a project's gateway keys, whether or not they are in a plan."""
    prefix = f"{STACK}-project-{project_id}-"
    with calls.calling_as(None):
        keys = aws("apigateway").get_api_keys()["items"]
    return {key["id"] for key in keys if key["name"].startswith(prefix)}


def ids(project_id: str) -> set[str]:
    """The ids of the gateway keys that the live keys of a project name."""
    return {key.usage_key_id for key in store.list_keys(project_id) if not key.revoked_at}


@pytest.fixture
def of_previous_release(deployed: Deployed, clock: Clock) -> Project:
    """A project of a release that stored no rows of gateway keys."""
    gateway = Gateway(STACK, deployed.api_id, "v1")
    created, _ = usage_keys.create_project(gateway, "shop")
    project_id = created.project.id
    for gateway_key_id in gateway_key_rows.list_gateway_keys(project_id):
        gateway_key_rows.remove_gateway_key(project_id, gateway_key_id)
    clock.advance(LATER_S)
    assert len(gateway_keys_of(project_id)) == 2
    return Project(project_id, created.key)


def test_the_dashboard_finds_the_gateway_keys_of_a_previous_release(
    of_previous_release: Project, deployed: Deployed, clock: Clock
) -> None:
    gateway = Gateway(STACK, deployed.api_id, "v1")
    with calls.calling_as("DashboardFunction"):
        usage_keys.change_project(gateway, of_previous_release.id, 600, None)
        assert len(gateway_keys_of(of_previous_release.id)) == 4
        clock.advance(LATER_S)
        usage_keys.change_project(gateway, of_previous_release.id, 600, None)
    assert gateway_keys_of(of_previous_release.id) == ids(of_previous_release.id)


def test_the_dashboard_retries_deleting_a_gateway_key_of_a_previous_release(
    of_previous_release: Project, deployed: Deployed, clock: Clock
) -> None:
    gateway = Gateway(STACK, deployed.api_id, "v1")
    with calls.calling_as("DashboardFunction"):
        with refusing("DeleteApiKey", "TooManyRequestsException"):
            _, undeleted = usage_keys.revoke_key(
                of_previous_release.id, store.list_keys(of_previous_release.id)[0].id
            )
        assert undeleted
        clock.advance(LATER_S)
        usage_keys.create_key(gateway, of_previous_release.id, "other")
    assert gateway_keys_of(of_previous_release.id) == ids(of_previous_release.id)


def test_a_deleted_project_leaves_no_gateway_key(deployed: Deployed, clock: Clock) -> None:
    gateway = Gateway(STACK, deployed.api_id, "v1")
    created, _ = usage_keys.create_project(gateway, "shop")
    project_id = created.project.id
    with calls.calling_as("DashboardFunction"):
        usage_keys.change_project(gateway, project_id, 600, None)
        assert len(gateway_keys_of(project_id)) == 4
        assert delete_project.delete_project(project_id, gateway) is None
    assert gateway_keys_of(project_id) == set()
    assert gateway_key_rows.list_gateway_keys(project_id) == {}


def assert_counted_once(project_id: str) -> list[str]:
    """Assert that the handlers count each live key, or the plan of its rate limit does."""
    project = projects.find(project_id)
    live = [key for key in store.list_keys(project_id) if not key.revoked_at]
    known = gateway_keys()
    for key in live:
        if key.usage_key:
            limit = project.limit_of(key)
            metered = known[key.usage_key]
            assert (metered.rate, metered.burst) == (limit.per_minute / 60, limit.burst)
    return [key.usage_key for key in live]


class TooManyKeys(JsonRESTError):
    """What API Gateway responds if the account has as many keys as it may."""

    code = 429

    def __init__(self) -> None:
        super().__init__("LimitExceededException", "Maximum number of API keys reached.")


@pytest.mark.parametrize("method", ["create_api_key", "create_usage_plan", "create_usage_plan_key"])
def test_a_reached_limit_of_the_gateway_is_reported_with_the_new_key(
    deployed: Deployed, clock: Clock, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    assert deployed
    # Of a rate that has no usage plan yet.
    project = new_project(rate_limit=77)
    tried = []

    def create(*_: Any, **__: Any) -> None:
        tried.append(now_ms())
        raise TooManyKeys

    monkeypatch.setattr(APIGatewayBackend, method, create)
    shown = run("keys", "create", project.id, "--label", "ci")
    assert shown.code == 0
    assert re.search("[0-9a-f]{32}", shown.out)
    assert "Maximum number of API keys reached." in shown.err
    assert len(tried) == 1, "retried, it would take longer than a caller of the dashboard waits"
