"""`errata teardown`: delete what CloudFormation leaves or cannot delete, and nothing else."""

from typing import Any

from errata.store import clients
from tests.support import calls
from tests.support.cli import STACK, Deployed, aws, done, run
from tests.support.receiver import receiver

OTHERS = {
    "/errata/errata-staging/webhooks/1/abc",
    "/errata-staging/webhooks/1/abc",  # saved by 0.1.0
    "/errata/webhooks/webhooks/1/abc",  # of a stack named "webhooks"
}


def fill(deployed: Deployed) -> str:
    """Create what the command creates, also for another stack. Return the project's id."""
    shop = done("projects", "create", "shop", "--json").json["id"]
    for rate in ("600", "90"):
        done("projects", "set", shop, "--rate-limit", rate)
    with receiver() as there:
        done("webhooks", "add", shop, there.url, "--json")
    gateway = aws("apigateway")
    gateway.create_api_key(name=f"{STACK}-staging-project-1-0123456789ab")
    gateway.create_api_key(name="mine")
    stages: Any = [{"apiId": "other", "stage": "v1"}]
    throttle: Any = {"rateLimit": 9, "burstLimit": 9}
    gateway.create_usage_plan(name=f"{STACK}-75", apiStages=stages, throttle=throttle)
    gateway.create_usage_plan(name=f"{STACK}-staging-90", throttle=throttle)
    for name in (*OTHERS, f"/{STACK}/webhooks/1/saved-by-the-release-before"):
        clients.ssm().put_parameter(Name=name, Value="x", Type="SecureString")
    return str(shop)


def names() -> dict[str, set[str]]:
    gateway = aws("apigateway")
    parameters = clients.ssm().describe_parameters()["Parameters"]
    return {
        "keys": {each["name"] for each in gateway.get_api_keys()["items"]},
        "plans": {each["name"] for each in gateway.get_usage_plans()["items"]},
        "secrets": {each["Name"] for each in parameters},
    }


LEFT = {
    "keys": {f"{STACK}-staging-project-1-0123456789ab", "mine"},
    # Those of the default rates are the template's.
    "plans": {f"{STACK}-60", f"{STACK}-600-300", f"{STACK}-75", f"{STACK}-staging-90"},
    "secrets": OTHERS,
}


def test_teardown_shows_and_removes_what_the_command_has_created(deployed: Deployed) -> None:
    shop = fill(deployed)
    before = names()
    shown = run("teardown", stdin=f"{STACK}\n".encode())
    assert shown.code == 0
    for name in (f"{STACK}-600", f"{STACK}-90", f"{STACK}-project-{shop}-"):
        assert name in shown.out
    assert shown.out.endswith("Removed. Now delete the stack.\n")
    assert names() == LEFT
    assert before["secrets"] - LEFT["secrets"]
    assert done("teardown").out == "There is nothing to remove. Now delete the stack.\n"


def test_a_wrong_stack_name_removes_nothing(deployed: Deployed) -> None:
    fill(deployed)
    before = names()
    refused = run("teardown", stdin=b"errata-staging\n")
    assert refused.code == 1
    assert "That is not the stack's name. Nothing was removed." in refused.err
    assert names() == before


def test_an_interrupted_run_is_finished_by_the_next(deployed: Deployed) -> None:
    fill(deployed)
    with calls.fault(6, calls.throttled):
        assert run("teardown", "--yes").code == 1
    removed = done("teardown", "--yes", "--json").json["removed"]
    assert removed
    assert names() == LEFT
