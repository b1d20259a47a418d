"""Run child processes: their environments, and how each ends with all processes it started."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from dev.errors import ToolError

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
REGION = "us-east-1"
# MiniStack's root user.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
NO_AWS_FILES = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


def tool_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the caller's environment for a command, without variables of AWS or Python."""
    kept = {
        name: value
        for name, value in inherited.items()
        if not name.startswith(("AWS_", "SAM_CLI_", "PYTHON"))
    }
    # `sam build` calls python3.13 by name.
    path = os.pathsep.join([str(BIN), inherited.get("PATH", os.defpath)])
    return {**kept, **NO_AWS_FILES, "PATH": path, "SAM_CLI_TELEMETRY": "0"}


def local_aws(endpoint_url: str) -> dict[str, str]:
    """Return the variables that send a command's AWS calls to the local stack."""
    return {
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }


def run_tool(name: str, command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run a command and return its standard output. Raise ToolError if it fails."""
    # In its own session: Ctrl-C reaches only us, and ending the group also ends its children.
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            output, errors = process.communicate()
        except BaseException:
            end_group(process, patience=5)
            raise
    if process.returncode:
        raise ToolError(name, output + errors)
    return output


def end_group(process: subprocess.Popen[str], *, patience: float) -> None:
    """End a process that leads its own group: ask it first, then kill the rest of the group."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
