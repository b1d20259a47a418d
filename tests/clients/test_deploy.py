"""`make deploy` with SAM CLI: settings survive the next deployment, also one from elsewhere.

On the local AWS, because that is all there is here. MiniStack accepts what CloudFormation would
refuse, and runs no rules.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from dev.build import artifacts
from dev.deploy import stack_parameters
from dev.ministack import choose_ports, emulator
from dev.process import ROOT, local_aws
from dev.stack import architecture

PROCESSOR = f"Architecture={architecture(os.uname().machine)}"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment variables of an empty local AWS."""
    folder = tmp_path_factory.mktemp("aws")
    with (
        artifacts(print),
        emulator(choose_ports(0)[0], state_dir=None, log=folder / "log") as running,
    ):
        running.wait_until_ready()
        yield local_aws(running.endpoint_url, running.credentials)


def deploy(aws: dict[str, str], records: Path, *options: str) -> str:
    command = [sys.executable, "-m", "dev.deploy", "--yes", "--records", str(records), *options]
    command += ["--read-only"]  # the stack's URL is one of AWS
    ran = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **aws, "SAM_CLI_POLL_DELAY": "0.5", "SAM_CLI_TELEMETRY": "0"},
        capture_output=True,
        text=True,
        timeout=250,
    )
    # MiniStack leaves out a part of the template (LocalStack adds it). `errata doctor` finds that.
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "→ aws dynamodb update-time-to-live" in ran.stdout
    assert "The stack is deployed and its settings are recorded, but" in ran.stderr
    return ran.stdout


def session(aws: dict[str, str]) -> Any:
    return boto3.session.Session(
        aws_access_key_id=aws["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=aws["AWS_SECRET_ACCESS_KEY"],
        region_name=aws["AWS_REGION"],
    )


def test_settings_survive_deployments_with_and_without_their_record(
    aws: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws["AWS_ENDPOINT_URL"])
    here, elsewhere = tmp_path / "here.json", tmp_path / "elsewhere.json"

    output = deploy(aws, here, "--set", f"RetentionDays=90 {PROCESSOR}")
    assert "A new stack, with these settings:\n  RetentionDays = 90" in output
    output = deploy(aws, elsewhere, "--set", "LogRetentionDays=30")
    assert "Set in the stack, and kept:" in output
    assert "RetentionDays = 90" in output
    output = deploy(aws, here, "--set", "RetentionDays=")
    assert "LogRetentionDays = 30" in output
    assert "RetentionDays: 90 → 30" in output

    found = stack_parameters(session(aws), "errata")
    assert found
    assert (found["RetentionDays"], found["LogRetentionDays"]) == ("30", "30")
