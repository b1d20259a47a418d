"""The deployed API: an unmodified client through the gateway, authorizer and functions."""

import base64
import gzip
import json
import random
import re
import zlib
from typing import Any

import pytest
import requests

from dev.stack import LocalStack
from errata.models.issue import Issue
from errata.usecases import issues, projects
from tests.support import sdk, template
from tests.support.deployed import eventually
from tests.support.visible import visible_in

type Created = tuple[str, str]


def post(stack: LocalStack, path: str, **request: Any) -> requests.Response:
    return requests.post(stack.api_url + path, timeout=30, **request)


def get(stack: LocalStack, path: str, **request: Any) -> requests.Response:
    return requests.get(stack.api_url + path, timeout=30, **request)


@pytest.mark.parametrize("version", ["", "/v1"])
def test_an_error_is_accepted_grouped_and_read(
    stack: LocalStack, project: Created, version: str
) -> None:
    project_id, key = project
    sent = {"message": "boom", "release": "1.0", "user": {"id": 7}, "environment": "staging"}
    header = {"X-Api-Key": key}
    accepted = post(stack, f"/api{version}/ingest", json=sent, headers=header)
    assert accepted.status_code == 202
    assert accepted.headers["Access-Control-Allow-Origin"] == "*"

    page = get(stack, f"/api{version}/projects/{project_id}/events", headers=header).json()
    assert [event["id"] for event in page["data"]] == [accepted.json()["id"]]
    assert page["data"][0]["context"] == {"user": {"id": 7}}

    (issue,) = eventually(lambda: list(issues.list_issues(visible_in(project_id))), bool)
    assert (issue.title, issue.count, issue.environments) == ("boom", 1, {"staging": 1})
    (release,) = issues.list_releases(visible_in(project_id))
    assert (release.release, release.open_issues) == ("1.0", 1)


def test_a_key_in_a_header_the_body_or_the_query_opens_the_project(
    stack: LocalStack, project: Created
) -> None:
    project_id, key = project
    event = {"message": "boom"}
    responses = [
        post(stack, "/api/ingest", json=event, headers={"X-Api-Key": key}),
        post(stack, "/api/ingest", json=event, headers={"Authorization": f"Bearer {key}"}),
        post(stack, "/api/ingest", json={**event, "api_key": key}),
        get(stack, f"/api/projects/{project_id}/events?api_key={key}"),
    ]
    assert [response.status_code for response in responses] == [202, 202, 202, 200]


@pytest.mark.parametrize(
    ("coding", "squeeze"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "x/y"])
def test_a_compressed_body_is_decompressed_and_stored(
    stack: LocalStack, project: Created, coding: str, squeeze: Any, content_type: str
) -> None:
    project_id, key = project
    headers = {"X-Api-Key": key, "Content-Encoding": coding, "Content-Type": content_type}
    body = squeeze(json.dumps({"message": "grüß dich"}, ensure_ascii=False).encode())
    accepted = post(stack, "/api/ingest", data=body, headers=headers)
    assert accepted.status_code == 202
    found = get(stack, f"/api/projects/{project_id}/events", headers={"X-Api-Key": key}).json()
    assert [(each["id"], each["message"]) for each in found["data"]] == [
        (accepted.json()["id"], "grüß dich")
    ]


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/x-x"])
def test_an_sdk_sends_to_the_function_s_own_url(stack: LocalStack, content_type: str) -> None:
    created = projects.create("shop")
    assert created
    sent = sdk.event(message="grüß dich")
    response = requests.post(
        f"{stack.sdk_url}/api/{created.project.id}/envelope/?sentry_key={created.public}",
        # A generator is sent in chunks, as Node's SDK does.
        data=iter([gzip.compress(sdk.of_event(sent))]),
        headers={
            "Content-Encoding": "gzip",
            "Content-Type": content_type,
            "Origin": "https://shop.example",
        },
        timeout=30,
    )
    assert (response.status_code, response.json()) == (200, {"id": sent["event_id"]})
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    (issue,) = eventually(lambda: list(issues.list_issues(visible_in(created.project.id))), bool)
    assert issue.count == 1


def test_an_error_loop_is_counted_in_full_and_kept_in_part(stack: LocalStack) -> None:
    created = projects.create("shop")
    assert created
    with requests.Session() as session:
        for _ in range(40):
            response = session.post(
                f"{stack.sdk_url}/api/{created.project.id}/envelope/?sentry_key={created.public}",
                data=sdk.of_event(sdk.event(user={"id": 7})),
                timeout=30,
            )
            assert response.status_code == 200

    def counted() -> list[Issue]:
        return list(issues.list_issues(visible_in(created.project.id)))

    (issue,) = eventually(counted, lambda found: bool(found) and found[0].count == 40)
    assert 21 <= issue.kept < 40


def test_a_function_s_url_responds_to_a_preflight_and_refuses_a_foreign_host(
    stack: LocalStack,
) -> None:
    url = f"{stack.sdk_url}/api/1/envelope/"
    asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    allowed = requests.options(url, headers=asked, timeout=30)
    assert allowed.status_code == 200
    assert allowed.headers["Access-Control-Allow-Methods"] == "POST"
    # DNS rebinding: a page's own name leads to this machine.
    assert requests.post(url, headers={"Host": "evil.example"}, timeout=30).status_code == 403


def test_bad_requests_get_the_errors_of_the_contract(stack: LocalStack, project: Created) -> None:
    project_id, key = project
    header = {"X-Api-Key": key, "Content-Type": "application/json"}
    no_key = post(stack, "/api/ingest", json={"message": "boom"})
    assert (no_key.status_code, no_key.json()) == (401, {"message": "Missing or invalid API key."})
    wrong = post(stack, "/api/ingest", json={"message": "boom"}, headers={"X-Api-Key": "nope"})
    assert (wrong.status_code, wrong.json()) == (401, {"message": "Invalid API key."})
    for body in (b"", b"[]", b"\xff\xfe", b'{"message": NaN}', b'{"level": "bad", "line": "x"}'):
        refused = post(stack, "/api/ingest", data=body, headers=header)
        assert refused.status_code == 422, body
        assert refused.json()["errors"]
    large = post(stack, "/api/ingest", json={"message": "x" * 1_100_000}, headers=header)
    assert large.status_code == 413
    assert get(stack, f"/api/projects/{project_id}/events", headers=header).json()["data"] == []


def test_an_event_of_one_mebibyte_is_trimmed_and_kept(stack: LocalStack, project: Created) -> None:
    project_id, key = project
    # Noise does not compress; only trimming makes it fit.
    noise = base64.b64encode(random.Random(7).randbytes(700_000)).decode()
    sent = {"message": "large", "breadcrumbs": [{"message": "x"}], "context": {"noise": noise}}
    body = json.dumps(sent).encode()
    body += b" " * (1024 * 1024 - len(body))
    header = {"X-Api-Key": key}
    assert post(stack, "/api/ingest", data=body, headers=header).status_code == 202
    (event,) = get(stack, f"/api/projects/{project_id}/events", headers=header).json()["data"]
    assert (event["message"], event["trimmed"]) == ("large", ["breadcrumbs", "context"])


def test_the_gateway_s_own_responses_are_json_with_cors(stack: LocalStack) -> None:
    unknown = get(stack, "/api/nothing")
    assert unknown.status_code == 404
    assert unknown.json()["message"] == unknown.json()["error"]
    assert unknown.headers["Access-Control-Allow-Origin"] == "*"
    assert get(stack, "/api/ingest").status_code == 404


@pytest.mark.parametrize("path", sorted({path for _, path in template.routes()}))
def test_every_path_responds_to_a_preflight_as_the_template_says(
    stack: LocalStack, path: str
) -> None:
    asked = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-api-key,content-type,idempotency-key",
    }
    url = stack.api_url + re.sub(r"\{[^}]+\}", "1", path)
    preflight = requests.options(url, headers=asked, timeout=30)
    assert preflight.status_code == 200
    for name, value in _preflight_headers(path).items():
        assert preflight.headers[name] == value


def _preflight_headers(path: str) -> dict[str, str]:
    """Return the headers of the template's response to OPTIONS."""
    operation = template.transformed()["Api"]["Properties"]["Body"]["paths"][path]["options"]
    (response,) = operation["x-amazon-apigateway-integration"]["responses"].values()
    return {
        name.removeprefix("method.response.header."): value.strip("'")
        for name, value in response["responseParameters"].items()
    }


def test_a_script_submits_reads_and_clears(stack: LocalStack) -> None:
    key = get(stack, "/api.php?action=generate&name=old+shop").json()["hash"]
    error = {"hash": key, "level": "Warning", "message": "careful", "line": 0, "file": ""}
    numbers = [post(stack, "/api.php", json=error).json() for _ in range(3)]
    assert numbers == [{"ok": True, "id": n} for n in (1, 2, 3)]
    (last,) = get(stack, f"/api.php?action=errors&hash={key}&since=2").json()["errors"]
    assert (last["id"], last["line"], last["file"], last["url"]) == (3, 0, "", None)
    # The same key opens the other API.
    assert post(stack, "/api/ingest", json={"message": "x", "api_key": key}).status_code == 202

    assert get(stack, f"/api.php?action=clear&hash={key}").json() == {"ok": True, "deleted": 3}
    assert get(stack, f"/api.php?action=errors&hash={key}").json() == {"errors": []}
    assert post(stack, "/api.php", json=error).json() == {"ok": True, "id": 4}
    assert requests.head(f"{stack.api_url}/api.php?action=errors&hash={key}", timeout=30).ok
    wrong = requests.put(f"{stack.api_url}/api.php", timeout=30)
    assert (wrong.status_code, wrong.json()["ok"]) == (405, False)


def test_a_key_does_not_open_another_project(stack: LocalStack, project: Created) -> None:
    other = projects.create("other")
    assert other
    refused = get(
        stack, f"/api/projects/{other.project.id}/events", headers={"X-Api-Key": project[1]}
    )
    assert (refused.status_code, refused.json()) == (401, {"message": "Invalid API key."})
