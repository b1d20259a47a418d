"""`make run`: run the stack in the foreground until Ctrl-C.

Data is kept in `.errata/state` between runs; `--fresh` deletes it first. The functions' log lines
are printed as they are written. MiniStack's own go to `.errata/ministack.log`.
"""

import argparse
import contextlib
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from dev.errors import MAX_PORT, LocalStackError, PortError, ToolError
from dev.logs import StackLogs
from dev.process import held
from dev.seed import HOME, LOCAL, STARTING, ensure_login, ensure_project, publish, withdraw
from dev.stack import FUNCTION_URLS, LocalStack

DEFAULT_PORT = 4566
STATE = HOME / "state"
LOCK = HOME / "lock"
LOG = HOME / "ministack.log"
POLL_SECONDS = 1.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal. Return exit code 0 then, or 1 if the stack does not start."""
    for number in SIGNALS:
        signal.signal(number, interrupt)
    try:
        options = parse(arguments)
        port = port_number(options.port)
        # What applications report may be private: only its owner may read it.
        HOME.mkdir(mode=0o700, exist_ok=True)
        with held(LOCK) as lock:
            if options.fresh:
                empty(STATE, STARTING, LOCAL)
            run(port, lock)
    except KeyboardInterrupt:
        say_goodbye("Stopped. Your data is kept for the next run.")
        return 0
    except LocalStackError as error:
        print(explain(error), file=sys.stderr, flush=True)
        return 1


def run(port: int, lock: int) -> NoReturn:
    """Start the stack, print how to use it, and follow its logs until an exception is raised.

    `lock` is the descriptor of a lock on the data. The emulator keeps it until it has saved them.
    """
    started_ms = int(time.time() * 1000)
    withdraw()
    with LocalStack(
        port=port,
        state_dir=STATE,
        parameters={"LogLevel": "INFO"},
        say=say,
        log=LOG,
        keeps=(lock,),
    ) as stack:
        say("Looking up the demo project ...")
        project, known = ensure_project(stack)
        say("Using the demo project of the last run." if known else "Created the demo project.")
        login = ensure_login(stack)
        publish()
        say(welcome((stack.api_url, stack.sdk_url, stack.web_url), project, login))
        try:
            follow(stack, started_ms)
        except KeyboardInterrupt:
            say_goodbye("\nStopping ...")
            raise


def follow(stack: LocalStack, since_ms: int) -> NoReturn:
    """Print the functions' log lines while MiniStack runs. Raise EmulatorError when it ends."""
    logs = StackLogs(stack, since_ms)
    while True:
        stack.emulator.check()
        for line in logs.read():
            say(line)
        time.sleep(POLL_SECONDS)


def welcome(urls: tuple[str, str, str], project: dict[str, str], login: dict[str, str]) -> str:
    """Return the text that says where the stack is, with a command to paste.

    `urls` are those of the API, of the SDK endpoint and of the web API.
    """
    api_url, sdk_url, web_url = urls
    return f"""
Errata is ready.
  API        {api_url}
  SDKs       {sdk_url}
  web API    {web_url}
  project    {project["id"]}
  key        {project["api_key"]}
  DSN        {project["dsn"]}
  dashboard  {api_url}/dashboard
  sign in    {login["email"]}  {login["password"]}

Send it an event:
  curl -X POST '{api_url}/api/ingest' \\
    -H 'X-Api-Key: {project["api_key"]}' -H 'Content-Type: application/json' \\
    -d '{{"message": "Hello, Errata", "exception_class": "Greeting"}}'

Press Ctrl-C to stop. The functions' log lines follow."""


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line. The environment's PORT is the default of --port."""
    parser = argparse.ArgumentParser(prog="python -m dev.run", description=__doc__)
    parser.add_argument("--fresh", action="store_true", help="delete all data first")
    port = os.environ.get("PORT") or DEFAULT_PORT
    parser.add_argument(
        "--port", default=port, help=f"the first of three; default {DEFAULT_PORT}, or PORT; 0: any"
    )
    return parser.parse_args(arguments)


def port_number(text: object) -> int:
    """Return a port as a number. Raise PortError if it is not one, or too high for those after."""
    digits, most = str(text).strip(), MAX_PORT - len(FUNCTION_URLS)
    if not re.fullmatch("[0-9]{1,5}", digits) or int(digits) > most:
        raise PortError(
            f"The port must be a whole number from 0 to {most}, not {digits!r}. "
            f"For example: make run PORT={DEFAULT_PORT}."
        )
    return int(digits)


def empty(*kept: Path) -> None:
    """Delete kept data, files or folders."""
    for path in kept:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """End the run once. A second Ctrl-C must not interrupt the saving of the data."""
    for ignored in SIGNALS:
        signal.signal(ignored, signal.SIG_IGN)
    raise KeyboardInterrupt


def explain(error: LocalStackError) -> str:
    """Return what went wrong, with the output of the failed command."""
    if not isinstance(error, ToolError):
        return str(error)
    hint = "If the kept data is the cause: make run FRESH=1 deletes it and starts again."
    return f"{error.output.rstrip()}\n\n{error}\n{hint}"


def say(line: str) -> None:
    """Print a line, and flush it."""
    print(line, flush=True)


def say_goodbye(line: str) -> None:
    """Print a line to a terminal that may have been closed."""
    with contextlib.suppress(OSError):
        say(line)


if __name__ == "__main__":
    sys.exit(main())
