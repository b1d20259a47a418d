"""API Gateway's keys and usage plans. They limit the requests of a project's keys.

Each key of a project has a gateway key named `errata-project-12-<key id>`. The name of its usage
plan says how many requests it may make in a minute, and how many at once if that differs. The
template has `errata-60` for API keys and `errata-600-300` for DSNs. A project with a rate of its
own has a plan such as `errata-90`. The operators' command and the dashboard create these keys, and
the plans that are not in the template.

The value of a gateway key is stored only in the row of the project's key. API Gateway accepts
values only from the authorizer. So a gateway key without a row has no effect.
"""

import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from errata.errors import StoreError
from errata.models.gateway_key import Gateway, GatewayKey
from errata.models.project import DEFAULT_LIMIT, DSN_LIMIT, RateLimit
from errata.store import clients
from errata.store.retry import attempts

# How many usage plans the dashboard creates for one stack. An account may have 300, and its other
# applications need some.
MAX_PLANS = 100
_TRIES = 5
_PAGE = 500  # the most that API Gateway returns in one page


def plan_name(gateway: Gateway, limit: RateLimit) -> str:
    """Return the name of the usage plan with this rate limit. The template has the default ones."""
    name = f"{gateway.stack}-{limit.per_minute}"
    return name if limit.burst == limit.per_minute else f"{name}-{limit.burst}"


def plan_of(gateway: Gateway, limit: RateLimit) -> str:
    """Return the id of the usage plan with this rate limit; create it if needed.

    Raises:
        StoreError: it failed, or the dashboard has created `MAX_PLANS` plans.
    """
    name = plan_name(gateway, limit)
    plans = list(_plans())
    if found := _named(plans, gateway, name):
        return found
    ours = sum(_is_ours(gateway, plan) for plan in plans)
    if ours >= MAX_PLANS and not gateway.may_list:
        raise StoreError(f"There are {ours} usage plans.", "LimitExceededException")
    made = _create(
        clients.apigateway_once().create_usage_plan,
        name=name,
        description=f"{limit.per_minute} requests a minute for each project key.",
        apiStages=[{"apiId": gateway.api_id, "stage": gateway.stage}],
        throttle={"rateLimit": limit.per_minute / 60, "burstLimit": limit.burst},
    )
    plan_id: str = made["id"]
    return plan_id


def _is_ours(gateway: Gateway, plan: Any) -> bool:
    return bool(re.fullmatch(re.escape(gateway.stack) + r"-\d+(-\d+)?", plan.get("name", "")))


def find_plan(gateway: Gateway, limit: RateLimit) -> str:
    """Return the id of the usage plan with this rate limit, "" if there is none."""
    return _named(_plans(), gateway, plan_name(gateway, limit))


def _named(plans: Iterable[Any], gateway: Gateway, name: str) -> str:
    stage = (gateway.api_id, gateway.stage)
    for plan in plans:
        stages = [(each["apiId"], each["stage"]) for each in plan.get("apiStages", [])]
        if plan.get("name") == name and stage in stages:
            plan_id: str = plan["id"]
            return plan_id
    return ""


def _plans() -> Iterator[Any]:
    return _all(clients.apigateway().get_usage_plans)


def _all(call: Callable[..., Any], **request: Any) -> Iterator[Any]:
    """Yield the items of all pages of a list."""
    position: dict[str, str] = {}
    while True:
        page = call(limit=_PAGE, **request, **position)
        yield from page["items"]
        if not page.get("position"):
            return
        position = {"position": page["position"]}


def create(name: str) -> tuple[str, str]:
    """Create a gateway key with a random value. Return its value and its id.

    Raises:
        StoreError: it failed. `LimitExceededException`: the account has as many keys as it may.
    """
    value = secrets.token_hex(20)
    made = _create(clients.apigateway_once().create_api_key, name=name, value=value, enabled=True)
    return value, made["id"]


def add_to_plan(key_id: str, plan_id: str) -> None:
    """Put a gateway key into a usage plan."""
    _create(
        clients.apigateway_once().create_usage_plan_key,
        usagePlanId=plan_id,
        keyId=key_id,
        keyType="API_KEY",
    )


def _create(call: Callable[..., Any], **parameters: Any) -> Any:
    """Make a call that creates something. Repeat it only while API Gateway throttles calls.

    botocore would also repeat it if a limit is reached, for longer than a caller of the dashboard
    waits. Then the project's key, which is shown only once, would be lost.
    """
    for attempt in attempts(_TRIES, base_s=0.5, most_s=4):
        try:
            return call(**parameters)
        except StoreError as error:
            if error.code != "TooManyRequestsException" or attempt == _TRIES - 1:
                raise
    raise AssertionError("the loop ends with a return or an error")


def named(prefix: str) -> Iterator[GatewayKey]:
    """Yield the gateway keys whose names start with a prefix. Only operators may list keys."""
    for key in _all(clients.apigateway().get_api_keys, nameQuery=prefix):
        if key["name"].startswith(prefix):
            created_at = round(key["createdDate"].timestamp() * 1000)
            yield GatewayKey(key["id"], key["name"], created_at)


def in_plan(plan_id: str) -> set[str]:
    """Return the ids of the gateway keys in a usage plan."""
    return {
        key["id"] for key in _all(clients.apigateway().get_usage_plan_keys, usagePlanId=plan_id)
    }


def made_plans(gateway: Gateway) -> dict[str, str]:
    """Return the names of the usage plans that command and dashboard made for an API, by id.

    Leaves out the plans of the default limits, which the template has.
    """
    own = {plan_name(gateway, limit) for limit in (DEFAULT_LIMIT, DSN_LIMIT)}
    return {
        plan["id"]: plan["name"]
        for plan in _plans()
        if _is_ours(gateway, plan)
        and plan["name"] not in own
        and {each["apiId"] for each in plan.get("apiStages", [])} <= {gateway.api_id}
    }


def delete_plan(gateway: Gateway, plan_id: str) -> None:
    """Delete a usage plan. No-op if it does not exist.

    Removes the stage from the plan first: AWS deletes neither while they are connected.
    """
    stage = f"{gateway.api_id}:{gateway.stage}"
    removal: Any = {"op": "remove", "path": "/apiStages", "value": stage}
    try:
        if clients.apigateway().get_usage_plan(usagePlanId=plan_id).get("apiStages"):
            clients.apigateway().update_usage_plan(usagePlanId=plan_id, patchOperations=[removal])
        clients.apigateway().delete_usage_plan(usagePlanId=plan_id)
    except StoreError as error:
        if error.code != "NotFoundException":
            raise


def delete(key_id: str) -> None:
    """Delete a gateway key, which also removes it from its plan. No-op if it does not exist."""
    try:
        clients.apigateway().delete_api_key(apiKey=key_id)
    except StoreError as error:
        if error.code != "NotFoundException":
            raise
