"""`make run`, as a new developer uses it, in a checkout of its own."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests

from dev.errors import LocalStackError
from dev.ministack import choose_ports
from dev.stack import FUNCTION_URLS
from tests.support.template import ROOT

# Made once for this checkout; the copy uses them instead of making its own.
SHARED = (".venv", ".venv-sam", ".venv-ministack", ".aws-sam")
LEFT_OUT = (*SHARED, ".git", ".errata", "__pycache__", ".*_cache", ".hypothesis")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, without anything that an earlier run left."""
    copy = tmp_path_factory.mktemp("run") / "errata"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
    for name in SHARED:
        (copy / name).symlink_to(ROOT / name)
    return copy


class Running:
    """A `python -m dev.run` that has printed its address."""

    def __init__(self, checkout: Path, port: int, *options: str) -> None:
        self.checkout = checkout
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dev.run", "--port", str(port), *options],
            cwd=checkout,
            env={**os.environ, "PYTHONPATH": str(checkout)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = ""
        assert self.process.stdout
        for line in self.process.stdout:
            self.output += line
            if "Ctrl-C" in line:
                break

    @property
    def local(self) -> dict[str, Any]:
        """The content of .errata/local.json."""
        found: dict[str, Any] = json.loads((self.checkout / ".errata/local.json").read_text())
        return found

    def errata(self, *arguments: str) -> Any:
        """The operator's command, in the checkout, with --json."""
        command = [str(ROOT / ".venv/bin/errata"), "--local", "--json", *arguments]
        response = subprocess.run(
            command, cwd=self.checkout, check=True, capture_output=True, text=True, timeout=60
        )
        return json.loads(response.stdout)

    def stop(self) -> int:
        """Press Ctrl-C. Return the exit status."""
        self.process.send_signal(signal.SIGINT)
        rest, _ = self.process.communicate(timeout=60)
        self.output += rest
        return self.process.returncode


def signs_in(running: Running) -> bool:
    """Return whether Cognito accepts the demo login, who owns the default organization."""
    local = running.local
    key = local["aws_credentials"]
    aws = {
        "region_name": local["region"],
        "endpoint_url": local["aws_endpoint_url"],
        "aws_access_key_id": key["access_key_id"],
        "aws_secret_access_key": key["secret_access_key"],
    }
    (stack,) = boto3.client("cloudformation", **aws).describe_stacks(StackName=local["stack"])[
        "Stacks"
    ]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    assert outputs["DashboardUrl"] == local["dashboard_url"]
    cognito = boto3.client("cognito-idp", **aws)
    (client,) = cognito.list_user_pool_clients(UserPoolId=outputs["UserPoolId"])["UserPoolClients"]
    response = cognito.admin_initiate_auth(
        UserPoolId=outputs["UserPoolId"],
        ClientId=client["ClientId"],
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={
            "USERNAME": local["login"]["email"],
            "PASSWORD": local["login"]["password"],
        },
    )
    (owner,) = running.errata("members", "list", "default")
    assert (owner["email"], owner["role"]) == (local["login"]["email"], "owner")
    return "IdToken" in response["AuthenticationResult"]


@pytest.fixture(scope="module")
def port() -> int:
    """The first of three free ports, the same for each run."""
    while True:
        (first,) = choose_ports(0)
        with contextlib.suppress(LocalStackError):
            return choose_ports(first, 1 + len(FUNCTION_URLS))[0]


def test_the_pasted_command_leads_to_an_issue(checkout: Path, port: int) -> None:
    running = Running(checkout, port, "--fresh")
    try:
        command = running.output[
            running.output.index("  curl") : running.output.index("Press Ctrl-C")
        ]
        assert running.local["project"]["api_key"] in command
        assert running.local["project"]["dsn"] in running.output
        subprocess.run(["bash", "-c", command], check=True, capture_output=True, timeout=60)
        until = time.monotonic() + 60
        while not (found := running.errata("issues", "list", running.local["project"]["id"])):
            assert time.monotonic() < until
        assert [(issue["count"], issue["level"]) for issue in found] == [(1, "error")]
        assert set(running.local) == {
            "api_url", "sdk_url", "web_url", "dashboard_url", "region", "aws_endpoint_url",
            "aws_credentials", "stack", "project", "login",
        }  # fmt: skip
        assert running.local["dashboard_url"] == running.local["api_url"] + "/dashboard"
        assert running.local["dashboard_url"] in running.output
        assert running.local["login"]["password"] in running.output
        assert signs_in(running)
        assert (checkout / ".errata/local.json").stat().st_mode & 0o077 == 0
    finally:
        code = running.stop()
    assert code == 0
    assert "Traceback" not in running.output


def test_a_second_start_keeps_the_data_and_the_key(checkout: Path, port: int) -> None:
    local = json.loads((checkout / ".errata/local.json").read_text())
    before = local["project"]
    running = Running(checkout, port)
    try:
        assert running.local["aws_credentials"] != local["aws_credentials"]
        assert running.local | {"aws_credentials": local["aws_credentials"]} == local
        assert signs_in(running)
        project_id = before["id"]
        assert [i["count"] for i in running.errata("issues", "list", project_id)] == [1]
        sent = requests.post(
            running.local["api_url"] + "/api/ingest",
            json={"message": "again"},
            headers={"X-Api-Key": before["api_key"]},
            timeout=30,
        )
        assert sent.status_code == 202
        until = time.monotonic() + 60
        while len(running.errata("issues", "list", project_id)) < 2:
            assert time.monotonic() < until
        assert not re.search(r"^Deploying", running.output, re.MULTILINE)
    finally:
        code = running.stop()
    assert code == 0


def test_a_port_in_use_is_reported_in_one_line(checkout: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        response = subprocess.run(
            [sys.executable, "-m", "dev.run", "--port", str(number)],
            cwd=checkout,
            env={**os.environ, "PYTHONPATH": str(checkout)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert response.returncode == 1
    assert len(response.stderr.strip().splitlines()) == 1
    assert str(number) in response.stderr
