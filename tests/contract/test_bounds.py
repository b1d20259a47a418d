"""Whatever a holder of a public key sends costs little memory and few steps.

The steps are function calls: they are the same on every machine.
"""

import gzip
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from errata.models import sketch
from errata.models.event import Fields
from errata.protocol.sentry.envelope import MAX_EVENTS
from errata.scrubbing.built_in import scrub
from errata.usecases import members
from errata.usecases.issues import list_issues
from tests.support import planted, stream
from tests.support.account import Clock, Project, account, new_project
from tests.support.browser import signed_in
from tests.support.clients import events
from tests.support.gateway import call
from tests.support.pages import OWNER
from tests.support.sdk import capture, envelope, event, item, post
from tests.support.steps import MOST_BYTES, MOST_STEPS, peak_bytes, steps
from tests.support.visible import visible_in

MIB = 1024 * 1024


def of_frames(frames: Any) -> Fields:
    return {"exception": [{"type": "E", "value": "v", "stacktrace": {"frames": frames}}]}


def message(text: str) -> Fields:
    return {"exception": None, "message": text}


# Made when a test needs it: each is large.
HOSTILE: dict[str, Callable[[], Fields]] = {
    "frames that are none": lambda: of_frames([1] * 300_000),
    "small frames": lambda: of_frames([{"lineno": 1}] * 69_000),
    "frames of wrong fields": lambda: of_frames(
        [{"lineno": "x", "colno": "x", "vars": 1}] * 20_000
    ),
    "lines of a frame": lambda: of_frames([{"lineno": 1, "pre_context": [{}] * 250_000}]),
    "exceptions that are none": lambda: {"exception": {"values": [1] * 300_000}},
    "small exceptions": lambda: {"exception": {"values": [{"type": "a"}] * 60_000}},
    "threads": lambda: {"threads": [{"id": 1}] * 80_000},
    "frames of threads": lambda: {
        "threads": [{"id": 1, "stacktrace": {"frames": [{"lineno": "x"}] * 250}}] * 240
    },
    "breadcrumbs": lambda: {"breadcrumbs": [{"type": []}] * 70_000},
    "tags": lambda: {"tags": {f"{n}": n for n in range(60_000)}},
    "pairs of tags": lambda: {"tags": [[f"{n}", n] for n in range(50_000)]},
    "a parameter named often": lambda: {
        "exception": None,
        "logentry": {"message": "%(a)s" * 100_000, "params": {"a": "x" * 400_000}},
    },
    "parameters": lambda: {
        "exception": None,
        "logentry": {"message": "%s" * 100_000, "params": ["x"] * 100_000},
    },
    "parts of a fingerprint": lambda: {"fingerprint": [{"a": 1}] * 100_000},
    "half characters": lambda: message("HALF" * 160_000),
    "escapes": lambda: message("\n" * 490_000 + "HALF"),
    "deep values": lambda: {
        "extra": {"a": json.loads("[" * 180 + "1," * 150_000 + "1" + "]" * 180)}
    },
}


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """Import and compile what a process does once, when an event or a page first needs it."""
    scrub({"message": "\n".join(text for text, _ in planted.ALL.values())})
    with account("moto"):
        show(new_project(), envelope(item("event", event())))


@pytest.fixture(scope="module", params=HOSTILE)
def body(request: pytest.FixtureRequest) -> bytes:
    # JSON can contain half a character, UTF-8 cannot.
    sent = json.dumps(event(**HOSTILE[request.param]())).encode().replace(b"HALF", b"\\ud800")
    assert len(sent) <= MIB
    return gzip.compress(envelope(item("event", sent)))


def test_an_event_is_stored_with_little_memory_and_few_steps(busy: Project, body: bytes) -> None:
    capture(busy)
    statuses = []
    assert steps(lambda: statuses.append(post(busy, body).status)) < MOST_STEPS
    assert statuses == [200]


def test_an_envelope_full_of_hostile_events_takes_little_memory_and_few_steps(
    busy: Project,
) -> None:
    # What takes the most steps for its size. Each event takes a token of the rate limit.
    thread = {"id": 1, "stacktrace": {"frames": [{"lineno": "x"}] * 250}}
    events_of_it = [item("event", event(threads=[thread] * 24)) for _ in range(MAX_EVENTS)]
    body = gzip.compress(envelope(*events_of_it))
    capture(busy)
    statuses = []
    assert steps(lambda: statuses.append(post(busy, body).status)) < 3 * MOST_STEPS
    assert peak_bytes(lambda: statuses.append(post(busy, body).status)) < MOST_BYTES
    assert statuses == [200, 200]


# Each takes 2 MB as Python objects, and a few kilobytes compressed. Together they take too much.
EVENTS = 4
LISTS: list[list[Any]] = [[]] * 20_000
FEW_BYTES = 8 * MIB


def test_events_are_digested_and_listed_with_the_memory_of_one(busy: Project) -> None:
    for _ in range(EVENTS):
        capture(busy, extra={"lists": LISTS}, user={"id": 7, "data": LISTS})
    records = stream.records()
    left: list[Any] = []
    assert peak_bytes(lambda: left.extend(stream.deliver(records))) < FEW_BYTES
    assert left == []
    (issue,) = list_issues(visible_in(busy.id))
    assert (issue.count, sketch.estimate(issue.users)) == (EVENTS, 1)
    members.add("default", OWNER, "owner")
    browser, shown = signed_in(OWNER), []

    def open_page(path: str) -> None:
        shown.append(browser.get(path))

    page = f"projects/{busy.id}/issues/{issue.id}"
    searched = (f"{page}/events?key=user&value=7", f"projects/{busy.id}/events?query=user.id:7+!x")
    for path in (page, f"{page}/tags", f"{page}/events", *searched):
        assert peak_bytes(partial(open_page, path)) < FEW_BYTES, path
    assert [each.status for each in shown] == [200] * 5
    assert [each.html.count(f"projects/{busy.id}/events/") for each in shown[2:]] == [EVENTS] * 3


@pytest.mark.usefixtures("aws")
def test_events_are_read_with_the_memory_of_one(clock: Clock) -> None:
    error = {"hash": "k", "level": "E", "message": "m", "request": {"get": LISTS, "post": LISTS}}
    for _ in range(EVENTS):
        assert call("POST", "/api.php", error).status == 200
        clock.advance(60)
    newest = events(Project("1", "k"))[0]
    urls = (
        "/api.php?action=errors&hash=k",
        f"/api/projects/1/events?limit=100&fingerprint={newest['fingerprint']}",
    )
    sizes: list[int] = []

    def read(url: str) -> None:
        sizes.append(len(call("GET", url, headers={"X-Api-Key": "k"}).text))

    assert all(peak_bytes(partial(read, url)) < FEW_BYTES for url in urls)
    assert min(sizes) > EVENTS * 80_000


def test_an_event_is_shown_with_little_memory(busy: Project, body: bytes) -> None:
    assert peak_bytes(partial(show, busy, body)) < MOST_BYTES


def show(project: Project, body: bytes) -> None:
    assert post(project, body).status == 200
    assert stream.deliver(stream.records()) == []
    (found,) = events(project)
    members.add("default", OWNER, "owner")
    browser = signed_in(OWNER)
    for page in ("", "/json"):
        assert browser.get(f"projects/{project.id}/events/{found['id']}{page}").status == 200
