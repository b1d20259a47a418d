"""Child processes: their environments, and an end for each with all that it started."""

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


def tool_environment(endpoint_url: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment, with the local AWS in place of every trace of a real account."""
    kept = {
        name: value
        for name, value in inherited.items()
        if not name.startswith(("AWS_", "SAM_CLI_", "PYTHON"))
    }
    # `sam build` calls python3.13 by name.
    path = os.pathsep.join([str(BIN), inherited.get("PATH", os.defpath)])
    return {
        **kept,
        **CREDENTIALS,
        **NO_AWS_FILES,
        "PATH": path,
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "SAM_CLI_TELEMETRY": "0",
        # Five seconds by default, which a deploy to this machine would mostly wait for.
        "SAM_CLI_POLL_DELAY": "0.5",
    }


def run_tool(name: str, command: Sequence[str | Path], environment: Mapping[str, str]) -> str:
    """Run a command to its end and return its standard output; ToolError where it fails."""
    # A session of its own: Ctrl-C reaches us alone, and ending the group ends its children too.
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
    """End a process that leads its own group: asked first, and its whole group killed after that."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
