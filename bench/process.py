"""Run child processes: a worker that stays, and interpreters that start, import and end."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, NamedTuple, Self

from bench.artifact import LAYER, ROOT, STOCK, search_path
from bench.server import AwsCall, RecordingServer
from bench.template import environment

# Only the interpreter: it ignores environment variables, site-packages and .pth files.
PYTHON = [sys.executable, "-I", "-S"]
AWS = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


# The name of the inputs of `Worker.spend`.
EVENTS = "events"


class Spent(NamedTuple):
    """What some events cost: CPU seconds per event, and all calls to AWS."""

    cpu_s: float
    calls: list[AwsCall]


class Worker:
    """A process that runs one subject repeatedly (see bench/worker.py)."""

    def __init__(self, arguments: dict[str, Any], variables: dict[str, str]) -> None:
        ours, theirs = os.pipe()
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the worker is
        self._process = subprocess.Popen(
            [
                *PYTHON,
                str(ROOT / "bench/worker.py"),
                json.dumps({**arguments, "responses": theirs}),
            ],
            env=variables,
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=self._output,
            pass_fds=[theirs],
            text=True,
        )
        os.close(theirs)
        self._responses = os.fdopen(ours)

    @classmethod
    def of_function(cls, function: str, folder: str, endpoint: str) -> Self:
        """Start a worker for a built function: its name in the template, and its folder."""
        arguments = {"handler": f"functions.{folder}.handler", "path": search_path(function)}
        return cls(arguments, {**AWS, **environment(function), "AWS_ENDPOINT_URL": endpoint})

    @classmethod
    def of_grouping(cls) -> Self:
        """Start a worker for the grouping of SDK events alone."""
        path = search_path("SentryIngestFunction")
        return cls({"function": "errata.grouping.v2:group", "path": path}, AWS)

    @classmethod
    def of_scrubbing(cls) -> Self:
        """Start a worker for the scrubbing of SDK events alone."""
        return cls({"scrubbing": True, "path": search_path("SentryIngestFunction")}, AWS)

    @classmethod
    def of_put_item(cls, endpoint: str) -> Self:
        """Start a worker for stock boto3's `put_item`."""
        arguments = {"put_item": "EventsTable", "client": "boto3", "path": [str(STOCK)]}
        return cls(arguments, {**AWS, "AWS_ENDPOINT_URL": endpoint})

    @classmethod
    def of_lean_put_item(cls, endpoint: str) -> Self:
        """Start a worker for `put_item` of Errata's own client."""
        arguments = {"put_item": "EventsTable", "client": "lean", "path": [str(LAYER)]}
        return cls(arguments, {**AWS, "AWS_ENDPOINT_URL": endpoint})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)
        self._responses.close()
        self._output.close()

    def load(self, name: str, inputs: list[Any]) -> None:
        """Send inputs to the worker, to be used by name."""
        self._send(do="load", name=name, inputs=inputs)

    def run(self, name: str, repeat: int = 1) -> tuple[float, list[Any]]:
        """Return the CPU seconds per call, over all inputs `repeat` times, and the last results."""
        response = self._send(do="run", name=name, repeat=repeat)
        return response["cpu"], response["responses"]

    def spend(
        self, events: list[Any], server: RecordingServer, response: Mapping[str, Any] | None = None
    ) -> Spent:
        """Run the subject once for each event. Each response must have these fields."""
        self.load(EVENTS, events)
        server.taken()
        cpu_s, found = self.run(EVENTS)
        for name, value in (response or {}).items():
            assert all(each[name] == value for each in found), found
        return Spent(cpu_s, server.taken())

    def called(self, name: str) -> list[str]:
        """Return the Python functions that a call with the first input runs."""
        called: list[str] = self._send(do="profile", name=name)["called"]
        return called

    def counted(self, name: str) -> int:
        """Return how many functions, Python's and built-in ones, a call with that input runs."""
        profile = self._send(do="profile", name=name)
        return len(profile["called"]) + int(profile["built_in"])

    def instructions(self, name: str) -> list[int]:
        """Return how many bytecode instructions a call with each of these inputs runs."""
        counted: list[int] = self._send(do="instructions", name=name)["counted"]
        return counted

    def printed(self) -> int:
        """Return how many bytes it has written to standard output and standard error so far."""
        return os.fstat(self._output.fileno()).st_size

    def _send(self, **command: Any) -> dict[str, Any]:
        assert self._process.stdin
        with suppress(BrokenPipeError):  # it has ended, and printed why
            print(json.dumps(command), file=self._process.stdin, flush=True)
        line = self._responses.readline()
        if not line:
            self._process.wait(10)
            self._output.seek(0)
            raise RuntimeError(f"a worker ended:\n{self._output.read().decode()}")
        response: dict[str, Any] = json.loads(line)
        return response


def start_and_end(
    code: str, path: list[str], variables: dict[str, str] | None = None
) -> tuple[float, str]:
    """Run `code` in a fresh interpreter. Return its CPU seconds (user, system) and its output."""
    # Skip the interpreter's cleanup at exit, which never runs in Lambda.
    program = (
        f"import sys; sys.path[:0] = {path!r}\n{code}\nsys.stdout.flush(); import os; os._exit(0)"
    )
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [*PYTHON, "-c", program], env={**AWS, **(variables or {})}, stdout=output, stderr=output
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode()
    if process.returncode:
        raise RuntimeError(f"{code!r} failed:\n{text}")
    return usage.ru_utime + usage.ru_stime, text


# The functions of an event's way, and their folders. Senders or issues wait for them to start.
HOT = {
    "AuthorizerFunction": "authorizer",
    "IngestFunction": "ingest",
    "SentryIngestFunction": "sentry_ingest",
    "DigestFunction": "digest",
}


def initialise(function: str, folder: str, then: str = "") -> tuple[float, str]:
    """Run what Lambda does before a function's first event."""
    code = f"import functions.{folder}.handler; {then}"
    return start_and_end(code, search_path(function), environment(function))


def initialise_boto3() -> float:
    """Run the reference: import stock boto3 and create a DynamoDB client."""
    return start_and_end("import boto3; boto3.client('dynamodb')", [str(STOCK)])[0]


def initialise_nothing() -> float:
    """Run the interpreter alone."""
    return start_and_end("", [])[0]
