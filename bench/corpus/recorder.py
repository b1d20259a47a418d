"""What an error reporter in the shop would send: the exception, and what led up to it.

Everything that belongs to the machine that runs this (its paths, ports, addresses in memory, the
time) is replaced, so that two runs of the script write the same corpus.
"""

import json
import logging
import platform
import re
import sys
import sysconfig
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any

type Event = dict[str, Any]

# The body of an ingest takes 50 breadcrumbs.
MAX_BREADCRUMBS = 50
MAX_REPR = 160
PACKAGES = {
    name: version(name)
    for name in (
        "boto3",
        "botocore",
        "certifi",
        "cryptography",
        "idna",
        "jmespath",
        "jsonschema",
        "pydantic",
        "pydantic_core",
        "PyYAML",
        "python-dateutil",
        "requests",
        "s3transfer",
        "typing_extensions",
        "urllib3",
        "Werkzeug",
    )
}
BROWSERS = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/19.1 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/142.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
    " Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
)
LANGUAGES = ("de-DE,de;q=0.9,en;q=0.8", "nl,en-US;q=0.7,en;q=0.3", "fr-CH,fr;q=0.9,de;q=0.7")


class Recorder(logging.Handler):
    """Keeps as breadcrumbs what the shop and its libraries log, query, open and connect to."""

    def __init__(self, rng: Random, start: datetime) -> None:
        super().__init__()
        self.rng = rng
        self.now = start
        self.crumbs: list[Event] = []

    def emit(self, record: logging.LogRecord) -> None:
        """A line of a log."""
        self.keep("log", record.name, record.getMessage(), level=record.levelname.lower())

    def query(self, sql: str) -> None:
        """A statement that a database runs."""
        self.keep("query", "sqlite3", sql)

    def audit(self, name: str, arguments: tuple[Any, ...]) -> None:
        """Something that the interpreter does (PEP 578)."""
        match name, arguments:
            case "open", (str() as path, mode, _) if not path.startswith(LIBRARIES):
                self.keep("default", "file", path, data={"mode": mode})
            case "socket.connect", (_, (host, port, *_)):
                self.keep("http", "socket", f"{host}:{port}")
            case "http.client.send", (connection, bytes(head)) if head[:1].isupper():
                line = head.split(b"\r\n")[0].decode()
                self.keep("http", "http.client", line, data={"host": connection.host})
            case "subprocess.Popen", (program, arguments, *_):
                self.keep("default", "subprocess", str(program), data={"arguments": arguments[1:]})

    def keep(
        self, kind: str, category: str, message: str, *, level: str = "info", data: Any = None
    ) -> None:
        """Keep one breadcrumb, a moment after the one before."""
        self.now += timedelta(milliseconds=round(self.rng.expovariate(1 / 180), 3))
        crumb = {
            "type": kind,
            "category": category,
            "message": message,
            "level": level,
            "timestamp": iso(self.now),
        }
        self.crumbs.append(crumb | ({"data": data} if data else {}))


_current: list[Recorder] = []


def _audit(name: str, arguments: tuple[Any, ...]) -> None:
    if _current:
        recorder = _current.pop()  # what the recorder does itself is of no interest
        try:
            recorder.audit(name, arguments)
        finally:
            _current.append(recorder)


sys.addaudithook(_audit)


@contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    """Record what happens in the block."""
    root = logging.getLogger()
    root.addHandler(recorder)
    _current.append(recorder)
    try:
        yield
    finally:
        _current.clear()
        root.removeHandler(recorder)


def iso(moment: datetime) -> str:
    """A time as reporters write it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def frames(trace: TracebackType | None) -> list[Event]:
    """Each frame with its source line and its local variables, the innermost last."""
    found = []
    for frame, line in traceback.walk_tb(trace):
        code = frame.f_code
        summary = traceback.FrameSummary(code.co_filename, line, code.co_name)
        found.append(
            {
                "file": code.co_filename,
                "line": line,
                "function": code.co_qualname,
                "source": summary.line,
                "vars": {
                    name: brief(value)
                    for name, value in frame.f_locals.items()
                    if not name.startswith("__")
                },
            }
        )
    return found


def brief(value: object) -> str:
    """A value as a reporter shows it."""
    try:
        text = repr(value)
    except Exception as error:
        text = f"<{type(error).__name__} in repr>"
    return text if len(text) <= MAX_REPR else text[: MAX_REPR - 3] + "..."


def base_event(error: BaseException, recorder: Recorder, customer: int, page: str) -> Event:
    """The event without breadcrumbs, frames and versions of packages."""
    rng = recorder.rng
    innermost = [*traceback.walk_tb(error.__traceback__)][-1]
    url = f"https://shop.example.org{page}"
    address = f"198.51.{rng.randrange(256)}.{rng.randrange(1, 255)}"
    headers = {
        "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "Accept-Encoding": "gzip, deflate, br, zstd",
        "Accept-Language": rng.choice(LANGUAGES),
        "Cookie": "[Filtered]",
        "Host": "shop.example.org",
        "Referer": f"https://shop.example.org/c/{rng.randrange(9_000)}",
        "User-Agent": rng.choice(BROWSERS),
        "X-Amzn-Trace-Id": f"Root=1-{rng.getrandbits(32):08x}-{rng.getrandbits(96):024x}",
        "X-Forwarded-For": address,
        "X-Forwarded-Proto": "https",
    }
    kind = type(error)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return {
        "message": str(error),
        "exception_class": f"{module}{kind.__qualname__}",
        "level": "error",
        "file": innermost[0].f_code.co_filename,
        "line": innermost[1],
        "stack_trace": "".join(traceback.format_exception(error)),
        "url": url,
        "environment": "production",
        "release": f"shop@2026.11.{rng.randrange(1, 22)}+{rng.getrandbits(28):07x}",
        "server_name": f"ip-10-0-{rng.randrange(4)}-{rng.randrange(1, 255)}.eu-central-1",
        "timestamp": iso(recorder.now.astimezone(UTC)),
        "user": {
            "id": str(customer),
            "email": f"customer{customer}@example.org",
            "ip_address": address,
        },
        "context": {
            "request": {"method": "POST", "url": url, "headers": headers},
            "runtime": {"name": "CPython", "version": platform.python_version()},
            "trace": {
                "trace_id": f"{rng.getrandbits(128):032x}",
                "span_id": f"{rng.getrandbits(64):016x}",
            },
        },
    }


def cut(event: Event, crumbs: int, deep: int, packages: int) -> Event:
    """The event with its last breadcrumbs, its innermost frames and the first packages alone."""
    context = {
        **event["context"],
        "frames": event["context"]["frames"][-deep:] if deep else [],
        "packages": dict(list(PACKAGES.items())[:packages]),
    }
    kept = {name: value for name, value in context.items() if value}
    last_crumbs = event["breadcrumbs"][-crumbs:] if crumbs else []
    return {**event, "context": kept, "breadcrumbs": last_crumbs}


LIBRARIES = (sys.base_prefix, sys.prefix, sysconfig.get_path("stdlib"), "/usr/share", "/dev")
_HERE = str(Path(__file__).parent)
_ADDRESS = re.compile(r"\b0x[0-9a-f]{9,16}\b")
_TEMPORARY = re.compile(re.escape(tempfile.gettempdir()) + r"/tmp\w{8}\b")


def anonymous(event: Event, rng: Random, port: int) -> Event:
    """The event as it would look from the shop's own server."""
    text = json.dumps(event)
    for before, after in (
        (sysconfig.get_path("purelib"), "/app/.venv/lib/python3.13/site-packages"),
        (sysconfig.get_path("stdlib"), "/usr/local/lib/python3.13"),
        (sys.executable, "/app/.venv/bin/python"),
        (_HERE, "/app"),
        ("bench.corpus.shop", "shop"),
    ):
        text = text.replace(before, after)
    text = re.sub(rf"\b{port}\b", "8443", text)
    text = _replaced(_ADDRESS, text, lambda: f"0x7f{rng.getrandbits(40):010x}")
    text = _replaced(_TEMPORARY, text, lambda: f"/tmp/tmp{rng.getrandbits(32):08x}")
    clean: Event = json.loads(text)
    return clean


def _replaced(pattern: re.Pattern[str], text: str, new: Callable[[], str]) -> str:
    known: dict[str, str] = {}
    return pattern.sub(lambda match: known.setdefault(match[0], new()), text)
