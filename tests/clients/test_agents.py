"""The official client of the Model Context Protocol, unmodified, on the deployed stack.

In its current version, and in the last one before the protocol lost its handshake.
"""

import json
import subprocess
from typing import Any

import pytest
import requests

from dev.stack import LocalStack
from errata.models.ids import issue_id
from errata.models.token import TokenScope
from errata.usecases import issue_events, projects, tokens
from tests.support.deployed import eventually
from tests.support.template import ROOT

PROGRAMS = ROOT / "tests" / "clients" / "agents"


def connections(environment: str, program: str, url: str, *each: Any) -> list[dict[str, Any]]:
    """Return what a program prints about its connections."""
    ended = subprocess.run(
        [ROOT / f".venv-{environment}" / "bin" / "python", PROGRAMS / program, url],
        input=json.dumps(each),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found: list[dict[str, Any]] = json.loads(ended.stdout)
    return found


@pytest.mark.parametrize(
    ("environment", "program", "version", "at_own_url"),
    [("mcp", "current.py", "2026-07-28", True), ("mcp-before", "before.py", "2025-11-25", False)],
)
def test_the_official_client_reads_issues_and_resolves_them(
    stack: LocalStack,
    project: tuple[str, str],
    environment: str,
    program: str,
    version: str,
    at_own_url: bool,
) -> None:
    project_id, key = project
    event = {"message": "no order for ada@example.com", "exception_class": "E", "fingerprint": "f"}
    url, headers = f"{stack.api_url}/api/ingest", {"X-Api-Key": key}
    assert requests.post(url, json=event, headers=headers, timeout=60).status_code == 202
    issue = issue_id(project_id, "f")
    visible = projects.visible_to_operator(project_id)
    eventually(lambda: issue_events.find_or_none(visible, issue), bool)

    def token(scope: TokenScope) -> str:
        urls = tokens.Urls(stack.api_url, stack.api_url)
        return tokens.create("default", scope, "agent", urls, "ada@example.com")[1]

    resolve = ("resolve_issue", {"issue": issue})
    reads = [("list_issues", {"project": project_id}), ("get_issue", {"issue": issue})]
    reads += [("get_tag_values", {"issue": issue}), ("find_projects", {}), resolve]
    mcp_url = f"{stack.web_url if at_own_url else stack.api_url}/mcp"
    # Start the function: a client that has to wait ten seconds speaks the old version.
    assert requests.post(mcp_url, timeout=60).status_code == 401
    reading, writing = connections(
        environment,
        program,
        mcp_url,
        [token("read"), reads],
        [token("write"), [resolve]],
    )
    assert (reading["version"], reading["server"]) == (version, "errata")
    assert all(reading["read_only"].values())
    assert not writing["read_only"]["resolve_issue"]
    *results, refused = reading["results"]
    assert [failed for failed, _ in results] == [False] * 4
    assert "E: no order for [withheld]" in results[1][1]
    assert refused[0]
    assert "may only read" in refused[1]
    ((failed, text),) = writing["results"]
    assert not failed
    assert "is `resolved` now." in text
