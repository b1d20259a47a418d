"""The clients of the soak: they send events as SDKs do, and note what they were answered."""

import gzip
import http.client
import json
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from errata.models.buckets import HOUR_MS
from errata.models.ids import now_ms
from errata.models.times import PROMPT_MS
from errata.protocol.body import MAX_JSON_BYTES

# Requests a minute, and how often each project has an event. The last one must refuse most.
PROJECTS = {"shop": (60_000, 10), "api": (60_000, 10), "worker": (60_000, 10), "limited": (60, 2)}
TIMEOUT_S = 60
UNKNOWN = ""  # the project of requests with an unknown key
# How often each issue happens. The first one is an error loop in every project.
_ISSUES = {"Loop": 60, "Timeout": 20, "Key": 10, "Type": 6, "Disk": 3, "Rare": 1}
_RELEASES = ("soak@1.0.0", "soak@1.1.0", "soak@2.0.0")
_ENVIRONMENTS = ("production", "staging")


@dataclass(slots=True)
class SoakEvent:
    """An event that is sent in one or more requests. Times are in milliseconds since the epoch.

    `open`: a response was lost, so it may be stored. `accepted_ms`: when it got the first 200, 0
    if it never did.
    """

    id: str
    project: str
    issue: str
    release: str
    environment: str
    happened_ms: int
    sent_ms: int
    body: bytes
    headers: dict[str, str]
    accepted_ms: int = 0
    open: bool = False
    refused: str = ""

    @property
    def hours(self) -> tuple[int, int]:
        """The first and the last hour in which it may be counted."""
        times = (self.happened_ms, self.sent_ms, self.accepted_ms)
        # One that happened long before gets the time when it was received.
        near = [each for each in times if each > self.sent_ms - 2 * PROMPT_MS]
        return min(near) // HOUR_MS, max(near) // HOUR_MS


@dataclass(slots=True)
class Seen:
    """What the clients have seen. `lost` and `refusals` are by project, and by loss reason."""

    events: dict[str, SoakEvent] = field(default_factory=dict)
    requests: int = 0
    duplicates: int = 0
    hang_ups: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    refusals: Counter[tuple[str, str]] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Sender:
    """One client of the SDK endpoint, with a connection that it keeps."""

    def __init__(self, url: str, keys: Mapping[str, str], seen: Seen, seed: str) -> None:
        self._at = urlsplit(url)
        self._keys = keys
        self._seen = seen
        self._random = random.Random(seed)
        self._connection: http.client.HTTPConnection | None = None
        self._twin: Sender | None = None
        self._threads = ThreadPoolExecutor(1)
        # Events to send again, each with the time from which on: whose response was lost, or that
        # were refused because of the rate limit.
        self._later = deque[tuple[float, SoakEvent]]()
        self._old = deque[SoakEvent](maxlen=200)

    def run(self, until: float) -> None:
        """Send events until this time of the monotonic clock."""
        self._twin = Sender(self._at.geturl(), self._keys, self._seen, self._random.random().hex())
        while time.monotonic() < until:
            if self._later and self._later[0][0] <= time.monotonic():
                self._deliver(self._later.popleft()[1])
            self._next()

    def settle(self, until: float) -> None:
        """Send what is left: an event whose response was lost until it gets one."""
        while self._later and time.monotonic() < until:
            at, event = self._later.popleft()
            if event.open:
                time.sleep(max(0.0, min(at, until) - time.monotonic()))
                self._deliver(event)

    def _next(self) -> None:
        chance = self._random.random()
        if chance < 0.01:
            self._deliver(self._event(UNKNOWN))
        elif chance < 0.015:
            self._deliver(self._event(next(iter(self._keys)), padding=MAX_JSON_BYTES))
        elif chance < 0.07 and self._old:
            self._repeat(self._random.choice(self._old))
        elif chance < 0.13:
            self._twice(self._event())
        elif chance < 0.18:
            self._hang_up(self._event())
        else:
            self._deliver(self._event())

    def _deliver(self, event: SoakEvent) -> None:
        """Send an event as SDKs do: again at once after a failure, later if it is refused."""
        for _ in range(3):
            status, wait_s = self.post(event)
            if status and status < 500:
                break
            time.sleep(0.05)
        if event.accepted_ms:
            self._old.append(event)
        elif event.open or (status == 429 and self._random.random() < 0.3):
            self._later.append((time.monotonic() + max(wait_s, 1), event))

    def _repeat(self, event: SoakEvent) -> None:
        self._count_duplicate()
        self.post(event)

    def _twice(self, event: SoakEvent) -> None:
        """Send the same envelope in two requests at the same time."""
        assert self._twin
        self._count_duplicate()
        copy = self._threads.submit(self._twin.post, event)
        self._deliver(event)
        copy.result()
        if event.open and not event.accepted_ms:
            self._deliver(event)

    def _hang_up(self, event: SoakEvent) -> None:
        """Close the connection in the middle of the request or of the response; send it again."""
        with self._seen.lock:
            self._seen.hang_ups += 1
        self._close()
        part = self._random.choice((0.5, 1, 1, 1))
        self._note_lost(event)
        with suppress(OSError):
            connection = self._connect()
            connection.putrequest("POST", self._path(event))
            for name, value in self._headers(event).items():
                connection.putheader(name, value)
            connection.endheaders(event.body[: int(len(event.body) * part)])
            time.sleep(self._random.choice((0, 0.005, 0.02, 0.05, 0.1)))
        self._close()
        self._deliver(event)

    def post(self, event: SoakEvent) -> tuple[int, int]:
        """Send an event once. Return the status, 0 if there was no response, and `Retry-After`."""
        try:
            connection = self._connection or self._connect()
            connection.request("POST", self._path(event), event.body, self._headers(event))
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            self._close()
            self._note_lost(event)
            return 0, 0
        self._note(event, response)
        return response.status, int(response.headers.get("Retry-After") or 0)

    def _note(self, event: SoakEvent, response: http.client.HTTPResponse) -> None:
        status = response.status
        limits = response.headers.get("X-Sentry-Rate-Limits") or ""
        reason = limits.rpartition(":")[2] or {400: "invalid", 413: "too_large"}.get(status, "")
        with self._seen.lock:
            self._seen.requests += 1
            self._seen.statuses[status] += 1
            if status == 200:
                event.accepted_ms = event.accepted_ms or now_ms()
            elif status >= 500 and not limits:
                event.open = True  # its function has ended in the middle
                self._seen.lost[event.project] += 1
            else:
                # The others say that it can never be stored, whatever happened before.
                event.open = status >= 500 or (status == 429 and event.open)
                event.refused = reason or str(status)
                self._seen.refusals[event.project, event.refused] += 1

    def _note_lost(self, event: SoakEvent) -> None:
        with self._seen.lock:
            event.open = True
            self._seen.requests += 1
            self._seen.lost[event.project] += 1
            self._seen.statuses[0] += 1

    def _count_duplicate(self) -> None:
        with self._seen.lock:
            self._seen.duplicates += 1

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._at.hostname or "", self._at.port
        self._connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
        self._connection.connect()
        return self._connection

    def _close(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None

    def _path(self, event: SoakEvent) -> str:
        return f"/api/{event.project or 1}/envelope/"

    def _headers(self, event: SoakEvent) -> dict[str, str]:
        key = self._keys.get(event.project, "0" * 32)
        auth = {"X-Sentry-Auth": f"Sentry sentry_version=7, sentry_key={key}"}
        return auth | event.headers | {"Content-Length": str(len(event.body))}

    def _event(self, project: str | None = None, padding: int = 0) -> SoakEvent:
        """Return a new event of one of the projects."""
        choose = self._random
        if project is None:
            weights = [weight for _, weight in PROJECTS.values()]
            (project,) = choose.choices(list(self._keys), weights)
        (issue,) = choose.choices(list(_ISSUES), list(_ISSUES.values()))
        at_ms = now_ms()
        # Some SDKs keep events while they are offline.
        age_ms = choose.choice((0, 0, 0, 0, 0, 0, 0, 0, 0, 9_900, 60_000, 7_200_000))
        event = SoakEvent(
            f"{choose.getrandbits(128):032x}",
            project,
            f"Soak{issue}Error",
            choose.choice(_RELEASES),
            choose.choice(_ENVIRONMENTS),
            at_ms - age_ms,
            at_ms,
            b"",
            {"Content-Type": "application/x-sentry-envelope"},
        )
        event.body = _envelope(event, choose.randrange(50), padding)
        if padding or choose.random() < 0.5:
            event.body = gzip.compress(event.body)
            event.headers["Content-Encoding"] = "gzip"
        with self._seen.lock:
            self._seen.events[event.id] = event
        return event


def _envelope(event: SoakEvent, user: int, padding: int) -> bytes:
    """Return the envelope that an SDK would send."""
    name = event.issue.removesuffix("Error").lower()
    frames = [
        {"filename": f"shop/{each}.py", "function": f"{name}_{each}", "lineno": n, "in_app": True}
        for n, each in enumerate(("app", "cart", "store"), 10)
    ]
    happened = datetime.fromtimestamp(event.happened_ms / 1000, UTC)
    content = {
        "event_id": event.id,
        "timestamp": happened.isoformat().replace("+00:00", "Z"),
        "platform": "python",
        "release": event.release,
        "environment": event.environment,
        "user": {"id": str(user)},
        "exception": {
            "values": [
                {"type": event.issue, "value": f"order {user}", "stacktrace": {"frames": frames}}
            ]
        },
        "extra": {"padding": "x" * padding},
    }
    payload = json.dumps(content).encode()
    item = json.dumps({"type": "event", "length": len(payload)})
    sent_at = datetime.fromtimestamp(event.sent_ms / 1000, UTC).isoformat().replace("+00:00", "Z")
    header = json.dumps({"event_id": event.id, "sent_at": sent_at})
    return b"\n".join((header.encode(), item.encode(), payload)) + b"\n"
