"""The emulator's process, without a stack: it survives `kill -9` with its data."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import boto3

from dev.ministack import Emulator, choose_ports, emulator

PATIENCE_S = 30


def ssm(running: Emulator) -> Any:
    """Return a client of the emulator."""
    return boto3.client(
        "ssm",
        endpoint_url=running.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=running.credentials.access_key_id,
        aws_secret_access_key=running.credentials.secret_access_key,
    )


def test_data_survives_kill_9_and_a_truncated_file(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.json"
    for truncated in (False, True):
        with emulator(choose_ports(0)[0], state_dir=tmp_path) as running:
            running.wait_until_ready()
            if truncated:
                assert parameter(running) == "kept"
            ssm(running).put_parameter(Name="/x", Value="kept", Type="String", Overwrite=True)
            before = checkpoint.stat().st_ino if truncated else 0
            until = time.monotonic() + PATIENCE_S
            while not checkpoint.exists() or checkpoint.stat().st_ino == before:
                assert time.monotonic() < until
                time.sleep(0.05)
            os.kill(running._process.pid, signal.SIGKILL)
    checkpoint.write_bytes(checkpoint.read_bytes()[:50])
    with emulator(choose_ports(0)[0], state_dir=tmp_path) as running:
        running.wait_until_ready()
        assert parameter(running) == "kept"


def parameter(running: Emulator) -> str:
    """Return the value that was stored."""
    value: str = ssm(running).get_parameter(Name="/x")["Parameter"]["Value"]
    return value
