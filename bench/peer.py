"""Measure Bugsink beside Errata, on the same events: `make bench PEER=bugsink`.

Bugsink runs from its own environment as its manual describes a single server: gunicorn with one
worker, its background worker, and SQLite. Its CPU time is that of both with all they have started,
which only Linux tells while they run. Errata's is that of the SDK endpoint and of digest, which run
from the build. Both get events of 4 KB as an SDK sends them, over ten issues.
"""

import http.client
import os
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median

from bench.artifact import ROOT
from bench.digest import BATCH, ISSUES, USERS, Digest, grow
from bench.digest import prepared as prepared_digest
from bench.process import Worker
from bench.report import Yardstick, at_most
from bench.sdk import of_new_issue, sdk_post
from bench.small_sdk import small_events
from bench.stage import Stage
from bench.traffic import url_event
from bench.write_units import Item
from errata.models.ids import now_ms

BIN = ROOT / ".venv-bugsink" / "bin"
WARM, BURST, TRICKLE = 20, 200, 40
ROUNDS = 3
# Errata's CPU time per event is at most one of so many parts of Bugsink's.
LEAST = {"bursts": 40, "a trickle": 10}
_WAIT_S = 120
_HERTZ = os.sysconf("SC_CLK_TCK")
# There is no proxy in front of it, and it gets more events than its limits allow.
_SETTINGS = """
ALLOWED_HOSTS = ["*"]
USE_X_REAL_IP = False
for _name in ("MAX_EVENTS_PER", "MAX_EVENTS_PER_PROJECT_PER"):
    for _time in ("5_MINUTES", "HOUR", "MONTH"):
        BUGSINK[f"{_name}_{_time}"] = 1_000_000
"""
_SET_UP = """
from projects.models import Project
from teams.models import Team
project = Project.objects.create(name="bench", team=Team.objects.create(name="bench"))
print(project.id, project.sentry_key.hex)
"""


@dataclass(frozen=True)
class Bugsink:
    """A running installation, with the id and the key of a project."""

    home: Path
    port: int
    processes: list[int]
    project_id: str
    key: str

    def spent(self, events: int, *, at_once: bool) -> float:
        """Return the CPU seconds per event, for so many events."""
        before = _cpu_s(self.processes)
        self.send(events, at_once=at_once)
        return (_cpu_s(self.processes) - before) / events

    def send(self, events: int, *, at_once: bool) -> None:
        """Send events and wait until they are digested: all together, or each."""
        headers = {
            "X-Sentry-Auth": f"Sentry sentry_key={self.key}, sentry_version=7",
            "Content-Encoding": "gzip",
            "Content-Type": "application/x-sentry-envelope",
        }
        stored = self._stored()
        for number in range(events):
            event = {**small_events()[number % ISSUES], "user": {"id": f"{number % USERS}"}}
            with closing(http.client.HTTPConnection("127.0.0.1", self.port)) as client:
                path = f"/api/{self.project_id}/envelope/"
                client.request("POST", path, sdk_post(event), headers)
                response = client.getresponse()
                assert response.status == 200, (response.status, response.read())
                response.read()
            if not at_once:
                self._wait(stored + number + 1)
        self._wait(stored + events)

    def _wait(self, events: int) -> None:
        _until(lambda: self._stored() >= events, "Bugsink does not digest the events")

    def _stored(self) -> int:
        database = sqlite3.connect(f"file:{self.home / 'db.sqlite3'}?mode=ro", uri=True)
        with closing(database):
            found: int = database.execute("SELECT COUNT(*) FROM events_event").fetchone()[0]
        return found


def compare(stage: Stage) -> Iterator[Yardstick]:
    """Yield which part of Bugsink's CPU time Errata needs for an event.

    Of each, the round with the least CPU time counts: other programs on the machine only add.
    """
    ours: dict[str, list[float]] = {name: [] for name in LEAST}
    theirs: dict[str, list[float]] = {name: [] for name in LEAST}
    with tempfile.TemporaryDirectory() as folder, _running(Path(folder)) as bugsink:
        bugsink.send(WARM, at_once=True)
        for _ in range(ROUNDS):
            theirs["bursts"].append(bugsink.spent(BURST, at_once=True))
            theirs["a trickle"].append(bugsink.spent(TRICKLE, at_once=False))
            for name, spent in _errata(stage).items():
                ours[name].append(spent)
    for name, least in LEAST.items():
        least_ms, of_bugsink_ms = min(ours[name]) * 1000, min(theirs[name]) * 1000
        part = least_ms / of_bugsink_ms
        note = f"1/{1 / part:.1f}, limit 1/{least}; {least_ms:.2f} and {of_bugsink_ms:.1f} ms, "
        note += f"the least of {ROUNDS} rounds each"
        yield at_most(f"CPU per event ÷ that of Bugsink, {name}", part, 1 / least, note)


def _errata(stage: Stage) -> dict[str, float]:
    """Return the CPU seconds per event of the endpoint and of digest together."""
    with Worker.of_function("SentryIngestFunction", "sentry_ingest", stage.server.url) as worker:

        def spend() -> float:
            # New issues, so that each is kept in full.
            sent = [sdk_post(of_new_issue(each)) for each in small_events()]
            key = stage.busy_project, stage.busy_key
            worker.load("url", [url_event(each, *key) for each in sent])
            return worker.run("url")[0]

        spend()
        endpoint = min(spend() for _ in range(40))
    times = count(now_ms() - 20 * 3_600_000, 10_000)
    with prepared_digest() as digest:
        for _ in range(3):
            digest.spend(_batch(digest, next(times), BATCH))
        grow(digest)
        burst = min(digest.spend(_batch(digest, next(times), BATCH)) for _ in range(15))
        alone = median(digest.spend(_batch(digest, next(times), 1)) for _ in range(100))
    return {"bursts": endpoint + burst, "a trickle": endpoint + alone}


def _batch(digest: Digest, at_ms: int, size: int) -> list[Item]:
    return [digest.sdk_event(n % ISSUES, n % USERS, at_ms + n) for n in range(size)]


# ------------------------------------------------------------------ Bugsink


def _set_up(home: Path) -> tuple[str, str]:
    """Make settings, databases and a project. Return its id and key."""
    conf = [f"{BIN}/bugsink-create-conf", "--template=singleserver", f"--base-dir={home}"]
    subprocess.run(conf, cwd=home, check=True, capture_output=True)
    with (home / "bugsink_conf.py").open("a") as settings:
        settings.write(_SETTINGS)
    for database in ("default", "snappea"):
        _manage(home, "migrate", f"--database={database}")
    project_id, key = _manage(home, "shell", "--no-imports", "-c", _SET_UP).split()[-2:]
    return project_id, key


def _manage(home: Path, *command: str) -> str:
    run = subprocess.run(
        [f"{BIN}/bugsink-manage", *command], cwd=home, check=True, capture_output=True, text=True
    )
    return run.stdout


@contextmanager
def _running(home: Path) -> Iterator[Bugsink]:
    """Set Bugsink up in an empty folder, and run its web server and its background worker."""
    project_id, key = _set_up(home)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = {**os.environ, "DJANGO_SETTINGS_MODULE": "bugsink_conf", "PYTHONPATH": str(home)}
    web = ["gunicorn", f"--bind=127.0.0.1:{port}", "--workers=1", "bugsink.wsgi"]
    with (home / "log").open("w") as log:
        processes = [
            subprocess.Popen(
                [f"{BIN}/{name}", *options], cwd=home, env=variables, stdout=log, stderr=log
            )
            for name, *options in (web, ["bugsink-runsnappea"])
        ]
        try:
            _until(lambda: _listens(port), "Bugsink does not start")
            yield Bugsink(home, port, [each.pid for each in processes], project_id, key)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(30)


def _cpu_s(processes: list[int]) -> float:
    """Return the CPU seconds of processes and of all that they have started."""
    ticks = 0
    for process in processes:
        own = Path(f"/proc/{process}")
        # "proc(5)", stat: utime, stime, and those of children that have ended.
        ticks += sum(map(int, (own / "stat").read_text().rpartition(")")[2].split()[11:15]))
        for children in own.glob("task/*/children"):
            ticks += int(_cpu_s([int(each) for each in children.read_text().split()]) * _HERTZ)
    return ticks / _HERTZ


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _until(done: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _WAIT_S
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.02)
