"""Run child processes: their environments, and how each ends with all processes it started."""

import contextlib
import fcntl
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dev.errors import InUseError, ToolError

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
REGION = "us-east-1"
STILL_S = 10
NO_AWS_FILES = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


def tool_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the caller's environment for a command, without variables of AWS or Python."""
    kept = {
        name: value
        for name, value in inherited.items()
        if not name.startswith(("AWS_", "SAM_CLI_", "PYTHON"))
    }
    # `sam build` calls python3.13 and uv by name.
    path = os.pathsep.join([str(BIN), inherited.get("PATH", os.defpath)])
    return {**kept, **NO_AWS_FILES, "PATH": path, "SAM_CLI_TELEMETRY": "0"}


@dataclass(frozen=True, slots=True)
class AwsCredentials:
    """Credentials of the local AWS's root user. Each emulator has its own."""

    access_key_id: str
    secret_access_key: str = field(repr=False)

    def variables(self) -> dict[str, str]:
        """Return the environment variables that AWS's tools read."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
        }


def new_credentials() -> AwsCredentials:
    """Return random credentials of the form that AWS's have."""
    return AwsCredentials(f"AKIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30))


@contextlib.contextmanager
def held(lock: Path) -> Iterator[int]:
    """Hold a lock file during the block, and yield its descriptor. Raise InUseError if it is held.

    The lock ends with this process and the processes that got its descriptor, however they end.
    """
    with lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise InUseError(file.read().strip()) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield file.fileno()


def local_aws(endpoint_url: str, credentials: AwsCredentials) -> dict[str, str]:
    """Return the variables that send a command's AWS calls to the local stack."""
    return {
        **credentials.variables(),
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }


def run_tool(
    name: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    folder: Path = ROOT,
    say: Callable[[str], object] = lambda line: None,
) -> str:
    """Run a command in a folder and return its standard output. Raise ToolError if it fails.

    Calls `say` every `STILL_S` seconds while the command is running.
    """
    started = time.monotonic()
    # In its own session: Ctrl-C reaches only us, and ending the group also ends its children.
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            while True:
                try:
                    output, errors = process.communicate(timeout=STILL_S)
                    break
                except subprocess.TimeoutExpired:
                    say(f"  {name} is still running ({round(time.monotonic() - started)} s)")
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
