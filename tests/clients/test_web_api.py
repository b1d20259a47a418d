"""Foreign tools that know Sentry's API, unmodified, on the deployed stack.

`@sentry/cli` 2 and 3 are programs in Rust, which refuse a URL that has a path. npm `sentry` is
another client, in JavaScript.
"""

import os
import re
import secrets
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from dev.stack import LocalStack
from errata.usecases import members, projects, tokens
from tests.support.deployed import eventually
from tests.support.programs import PATIENCE_S, SDKS

RUST = {
    "2.58.6": "sentry-cli-2/bin/sentry-cli",
    "3.8.0": "sentry-cli-3/bin/sentry-cli",
}
JAVASCRIPT = "sentry/dist/bin.cjs"


@dataclass(frozen=True)
class Tool:
    """A program with a token, for one project."""

    program: str
    url: str
    token: str
    slug: str
    project_id: str
    home: Path

    def run(self, *arguments: str) -> str:
        """Run the program. Return what it prints, if it ends well."""
        ended = subprocess.run(
            ["node", str(SDKS / "node_modules" / self.program), *arguments],
            env={
                **{k: v for k, v in os.environ.items() if not k.startswith("SENTRY_")},
                "HOME": str(self.home),
                "SENTRY_URL": self.url,
                "SENTRY_HOST": self.url,
                "SENTRY_AUTH_TOKEN": self.token,
                "SENTRY_ORG": "default",
                "SENTRY_PROJECT": self.slug,
                "SENTRY_CLI_NO_TELEMETRY": "1",
                "NO_COLOR": "1",
            },
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        output = ended.stdout + ended.stderr
        assert ended.returncode == 0, (arguments, output)
        return output

    def issue(self, number: int) -> str:
        """Return the id of an issue in the API."""
        return str((int(self.project_id) << 32) + number)


@pytest.fixture
def tool(stack: LocalStack, tmp_path: Path) -> Callable[[str], Tool]:
    """Return a function that makes a tool for a new project with two issues."""

    def make(program: str) -> Tool:
        created = projects.create("shop")
        assert created
        project_id, key = created[0].id, created[1]
        email = f"{secrets.token_hex(4)}@example.com"
        members.add("default", email, "owner")
        urls = tokens.Urls(stack.web_url, stack.api_url)
        _, text = tokens.create("default", "write", "laptop", urls, email, email)
        for name in ("no answer from the bank", "disk full"):
            response = requests.post(
                f"{stack.api_url}/api/ingest",
                json={"message": name, "fingerprint": name, "context": {"user": {"id": "7"}}},
                headers={"X-Api-Key": key},
                timeout=60,
            )
            assert response.status_code == 202
        slug = projects.find(project_id).slug
        headers = {"Authorization": f"Bearer {text}"}
        listed = f"{stack.web_url}/api/0/projects/default/{slug}/issues/"

        def counted() -> int:
            return len(requests.get(listed, headers=headers, timeout=60).json())

        eventually(counted, lambda number: number == 2)
        return Tool(program, stack.web_url, text, slug, project_id, tmp_path)

    return make


@pytest.mark.parametrize("version", RUST)
def test_sentry_cli_works_with_issues_events_releases_and_deploys(
    tool: Callable[[str], Tool], version: str
) -> None:
    shop = tool(RUST[version])
    run = shop.run
    assert "Auth Token" in run("info")
    assert "default" in run("organizations", "list")
    assert shop.slug in run("projects", "list")
    listed = run("issues", "list")
    assert "no answer from the bank" in listed
    assert shop.issue(1) in listed
    assert "disk full" not in run("issues", "list", "--query", "is:unresolved bank")
    run("issues", "resolve", "--id", shop.issue(1))
    assert re.search(r"bank.*resolved", run("issues", "list", "--query", "is:resolved"))
    run("issues", "mute", "--id", shop.issue(2))
    assert "No issues found" in run("issues", "list", "--query", "is:unresolved")
    run("issues", "unresolve", "--status", "muted")
    assert "disk full" in run("issues", "list", "--query", "is:unresolved")
    assert "ID: 7" in run("events", "list", "--show-user")
    release = f"shop@{version}"
    run("releases", "new", release)
    run("releases", "finalize", release)
    assert release in run("releases", "list")
    assert release in run("releases", "info", release)
    run("deploys", "new", "--release", release, "--env", "production", "--name", "blue")
    assert "production" in run("deploys", "list", "--release", release)


def test_another_client_works_with_issues_events_and_releases(
    tool: Callable[[str], Tool],
) -> None:
    shop = tool(JAVASCRIPT)
    run, of = shop.run, f"default/{shop.slug}"
    first = f"{shop.slug.upper()}-1"
    assert "default" in run("org", "list")
    assert first in run("issue", "list", of)
    assert "no answer from the bank" in run("issue", "view", f"default/{first}")
    assert "no answer" in run("issue", "events", f"default/{first}")
    assert "Resolved" in run("issue", "resolve", f"default/{first}")
    assert "Unresolved" in run("issue", "unresolve", f"default/{first}")
    assert "Ignored" in run("issue", "archive", f"default/{first}")
    merged = run("issue", "merge", f"default/{first}", f"default/{shop.slug.upper()}-2")
    assert "Merged 1 issue" in merged
    run("release", "create", "default/shop@9", "--project", shop.slug)
    assert "shop@9" in run("release", "view", "default/shop@9")
