"""The web API, deployed: through the gateway and at its own URL, with its permissions."""

import base64
import json
from typing import Any

import requests

from dev.stack import LocalStack
from tests.support.cli import done


def create_token(errata: str, *options: str) -> str:
    """Create a token with the command and return its text."""
    found = done("tokens", "create", *options, "--stack", errata, "--json").json
    assert set(found) >= {"id", "token"}
    return str(found["token"])


def get(url: str, path: str, token: str) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{url}{path}", headers=headers, timeout=30)


def test_a_token_reads_projects_at_the_function_s_own_url(
    stack: LocalStack, project: tuple[str, str], errata: str
) -> None:
    project_id, key = project
    token = create_token(errata, "--scope", "ci", "--name", "builds", "--expires", "7")
    claims = json.loads(base64.b64decode(token.split("_")[1]))
    assert claims["url"] == claims["region_url"] == stack.web_url
    keys = get(stack.web_url, f"/api/0/projects/default/{project_id}/keys/", token).json()
    assert [each["dsn"]["public"].rpartition("@")[2] for each in keys] == [
        f"{stack.sdk_url.removeprefix('http://')}/{project_id}"
    ]
    assert get(stack.web_url, "/api/0/", key).status_code == 401
    assert get(stack.web_url, "/api/0/organizations/default/teams/", token).status_code == 403


def test_a_token_reads_projects_through_the_gateway(
    stack: LocalStack, project: tuple[str, str], errata: str
) -> None:
    project_id, key = project
    token = create_token(errata, "--scope", "read")
    for path in ("/api/0/", "/api/0"):
        root = get(stack.api_url, path, token)
        assert (root.status_code, root.json()["version"]) == (200, "0")
    shown = get(stack.api_url, f"/api/0/projects/default/{project_id}/", token).json()
    assert shown["id"] == project_id
    assert get(stack.api_url, "/api/0/", key).status_code == 401
    # An unknown path.
    assert get(stack.api_url, "/api/0/nothing/", token).json() == {
        "detail": "There is no such route."
    }
