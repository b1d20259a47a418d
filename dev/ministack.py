"""The emulator's process: starts on loopback, and stops with all processes that it started."""

import contextlib
import json
import os
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dev.errors import EmulatorError, PortError, PortTakenError
from dev.function_urls import PORTS
from dev.process import (
    NO_AWS_FILES,
    REGION,
    ROOT,
    AwsCredentials,
    end_group,
    new_credentials,
)

HOST = "127.0.0.1"
PYTHON = ROOT / ".venv-ministack" / "bin" / "python"
START_SECONDS = 60
# On SIGTERM it saves its data.
STOP_SECONDS = 60


def choose_ports(port: int, number: int = 1) -> list[int]:
    """Return as many ports in a row, from `port` on. For 0, return any free ones.

    Raises:
        PortTakenError: a port is in use.
        PortError: this user may not listen on one of them.
    """
    wanted = [port + further for further in range(number)] if port else [0] * number
    with contextlib.ExitStack() as probes:
        chosen: list[int] = []
        for each in wanted:
            # All are held until the last one is chosen, so that no port is chosen twice.
            probe = probes.enter_context(socket.socket())
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, each))
            except PermissionError as error:
                raise PortError(
                    f"You may not listen on port {each}. Choose one from 1024 on:"
                    " make run PORT=4566."
                ) from error
            except OSError as error:
                raise PortTakenError(each, wanted) from error
            chosen.append(probe.getsockname()[1])
        return chosen


@contextlib.contextmanager
def emulator(
    port: int,
    *,
    state_dir: Path | None = None,
    log: Path | None = None,
    keeps: Sequence[int] = (),
    functions: Mapping[int, tuple[str, str]] | None = None,
) -> Iterator["Emulator"]:
    """Run MiniStack during the block. It may not be ready yet when the block starts.

    `keeps` are file descriptors that it keeps open until it ends: locks. `functions` are the ports
    of functions' URLs: each with a stack and the output that has the URL.
    """
    with tempfile.TemporaryDirectory(prefix="errata-local-", ignore_cleanup_errors=True) as scratch:
        running = Emulator(port, Path(scratch), state_dir, log, keeps, functions or {})
        try:
            yield running
        finally:
            running.stop()


class Emulator:
    """A MiniStack process that listens only on loopback."""

    def __init__(
        self,
        port: int,
        scratch: Path,
        state_dir: Path | None,
        log: Path | None,
        keeps: Sequence[int],
        functions: Mapping[int, tuple[str, str]],
    ) -> None:
        self.endpoint_url = f"http://{HOST}:{port}"
        self.credentials = new_credentials()
        self._patience = STOP_SECONDS if state_dir else 0
        self.log = log or scratch / "ministack.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("w") as log_file:
            self._process = subprocess.Popen(
                # -P: do not import from the folder dev/.
                [PYTHON, "-P", ROOT / "dev" / "emulator.py"],
                cwd=scratch,
                env=server_environment(port, scratch, state_dir, self.credentials)
                | {PORTS: json.dumps(functions)},
                pass_fds=keeps,
                # Kept open and never written to. It closes when this process ends.
                stdin=subprocess.PIPE,
                stdout=log_file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                text=True,
            )

    def wait_until_ready(self) -> None:
        """Return when MiniStack responds. Raise EmulatorError if it does not within a minute."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            self.check()
            try:
                urllib.request.urlopen(self.endpoint_url, timeout=5).close()
            except urllib.error.HTTPError as refusal:
                refusal.close()
                return  # it refuses the request, because that is not signed
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                pass
            time.sleep(0.1)
        raise EmulatorError(f"MiniStack does not respond:\n{self.last_words()}")

    def check(self) -> None:
        """Raise EmulatorError if MiniStack has ended on its own."""
        if (code := self._process.poll()) is not None:
            raise EmulatorError(f"MiniStack ended with code {code}:\n{self.last_words()}")

    def last_words(self) -> str:
        """Return the end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def stop(self) -> None:
        """Let it save its data, then end its remaining processes, including the functions."""
        end_group(self._process, patience=self._patience)
        if self._process.stdin:
            self._process.stdin.close()


def server_environment(
    port: int, scratch: Path, state_dir: Path | None, credentials: AwsCredentials
) -> dict[str, str]:
    """Return MiniStack's settings, without the caller's: it passes all of them to the functions."""
    environment = {
        **NO_AWS_FILES,
        **credentials.variables(),
        "PATH": os.defpath,
        "HOME": str(scratch),
        # It unpacks every function and its layer there, and does not delete them.
        "TMPDIR": str(scratch),
        "LANG": "C.UTF-8",
        "PYTHONNOUSERSITE": "1",
        "LOG_LEVEL": "WARNING",
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "AUTH": "true",
        # These two listen on their own ports, the first one on every interface.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        # It would remove containers when it starts and ends.
        "DOCKER_HOST": f"unix://{scratch}/no-docker",
        # It writes some data there even if nothing is to be kept.
        "STATE_DIR": str(state_dir or scratch),
        "S3_DATA_DIR": str((state_dir or scratch) / "s3"),
    }
    if state_dir:
        environment |= {"PERSIST_STATE": "1", "S3_PERSIST": "1"}
    return environment
