"""The limit of 60 requests a minute, however a key is sent, counted by gateway or handlers."""

import dataclasses
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from dev.stack import LocalStack
from errata.models.gateway_key import Gateway
from errata.store import projects as store
from errata.usecases import usage_keys
from tests.support.cli import done
from tests.support.deployed import eventually
from tests.support.visible import counted

BURST = 75

type Send = Callable[[str, str, str], requests.Response]


def by_header(url: str, project_id: str, key: str) -> requests.Response:
    return requests.post(
        f"{url}/api/ingest", json={"message": "x"}, headers={"X-Api-Key": key}, timeout=60
    )


def by_bearer(url: str, project_id: str, key: str) -> requests.Response:
    header = {"Authorization": f"Bearer {key}"}
    return requests.post(f"{url}/api/ingest", json={"message": "x"}, headers=header, timeout=60)


def by_query(url: str, project_id: str, key: str) -> requests.Response:
    return requests.get(f"{url}/api/projects/{project_id}/events?api_key={key}", timeout=60)


def by_body(url: str, project_id: str, key: str) -> requests.Response:
    return requests.post(f"{url}/api/ingest", json={"message": "x", "api_key": key}, timeout=60)


def without_key(url: str, address: str) -> requests.Response:
    # The local gateway takes this header for the caller's address; AWS's does not.
    source = {"X-Forwarded-For": address}
    return requests.post(f"{url}/api/ingest", json={"message": "x"}, headers=source, timeout=60)


def with_wrong_key(url: str, address: str) -> requests.Response:
    headers = {"X-Forwarded-For": address, "X-Api-Key": "wrong"}
    return requests.post(f"{url}/api/ingest", json={"message": "x"}, headers=headers, timeout=60)


def burst(
    send: Callable[[], requests.Response], otherwise: int = 202
) -> tuple[list[requests.Response], int]:
    """Send more requests than the bucket holds. Assert that only the excess is refused.

    Return the refused responses, and how many seconds it took.
    """
    started = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda _: send(), range(BURST)))
    seconds = math.ceil(time.monotonic() - started)
    refused = [response for response in responses if response.status_code == 429]
    accepted = len(responses) - len(refused)
    assert {response.status_code for response in responses} <= {otherwise, 429}
    # The bucket holds 60, and gets one more each second.
    assert 60 <= accepted <= min(BURST, 60 + seconds + 1)
    for response in refused:
        assert response.headers["Retry-After"] == "1"
        assert response.json()["message"] == "Too many requests."
    return refused, seconds


@pytest.mark.parametrize("send", [by_header, by_bearer, by_query, by_body])
def test_the_handlers_bucket_holds_sixty(
    stack: LocalStack, project: tuple[str, str], send: Send
) -> None:
    # Its key has no gateway key, so the gateway counts none of these.
    burst(lambda: send(stack.api_url, *project), 200 if send is by_query else 202)


def test_the_bucket_of_an_address_holds_sixty(stack: LocalStack) -> None:
    burst(lambda: without_key(stack.api_url, "203.0.113.61"), 401)
    assert without_key(stack.api_url, "203.0.113.62").status_code == 401


def test_api_gateway_itself_refuses_an_address_with_wrong_keys(stack: LocalStack) -> None:
    refused, seconds = burst(lambda: with_wrong_key(stack.api_url, "203.0.113.63"), 401)
    # API Gateway's own body has what every endpoint's clients look for. The function's has not.
    by_function = [each for each in refused if set(each.json()) == {"message"}]
    assert len(by_function) <= 1 + seconds
    assert len(by_function) < len(refused)
    denied = with_wrong_key(stack.api_url, "203.0.113.64")
    assert (denied.status_code, denied.json()) == (401, {"message": "Invalid API key."})
    assert denied.headers["Content-Type"] == "application/json"
    assert denied.headers["Access-Control-Allow-Origin"] == "*"


def test_a_project_s_own_rate_limit_is_enforced_to_the_second(
    stack: LocalStack, project: tuple[str, str], errata: str
) -> None:
    project_id, key = project
    done("projects", "set", project_id, "--rate-limit", "6", "--stack", errata)
    # Its keys have gateway keys from now on, which count once they have settled.
    started = time.monotonic()
    accepted = 0
    while (response := by_body(stack.api_url, project_id, key)).status_code == 202:
        accepted += 1
    seconds = math.ceil(time.monotonic() - started)
    # Six at once, and one more every ten seconds, however slow the machine is.
    assert 6 <= accepted <= 6 + seconds // 10
    assert response.status_code == 429
    wait_s = int(response.headers["Retry-After"])
    assert max(1, 10 * (accepted - 5) - seconds) <= wait_s <= 10
    time.sleep(wait_s)
    assert by_body(stack.api_url, project_id, key).status_code == 202
    accepted += 1
    while by_body(stack.api_url, project_id, key).status_code == 202:
        accepted += 1
    seconds = math.ceil(time.monotonic() - started)
    assert accepted <= 6 + seconds // 10


@pytest.mark.parametrize("send", [by_header, by_bearer, by_query])
def test_the_gateway_s_plan_holds_sixty(stack: LocalStack, send: Send) -> None:
    outputs = stack.outputs
    gateway = Gateway(stack.stack_name, outputs["ApiId"], outputs["StageName"])
    (project, key, _), unmetered = usage_keys.create_project(gateway, "metered")
    assert unmetered is None
    record = store.list_keys(project.id)[0]
    value = stack.client("apigateway").get_api_key(apiKey=record.usage_key_id, includeValue=True)
    # As five minutes later, when the gateway is sure to know the key.
    assert store.save_usage_key(dataclasses.replace(record, usage_key=value["value"]))
    refused, _ = burst(
        lambda: send(stack.api_url, project.id, key), 200 if send is by_query else 202
    )
    # A refused read is not a loss.
    lost = {"rate_limited": len(refused)} if send is not by_query else {}
    eventually(lambda: counted(project.id)[1], lambda found: found == lost)
    table = outputs["IdempotencyTableName"]
    bucket = {"pk": {"S": f"bucket#key#{record.id}"}}
    found = stack.client("dynamodb").get_item(TableName=table, Key=bucket)
    assert "Item" not in found, "one mechanism for each request, never both"
