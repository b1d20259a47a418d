"""A month of a shop's errors, for the README's screenshots: real errors, with past timestamps.

The API only takes events of now. So events of the past are stored as ingest would have stored them
then, oldest first. The deployed functions process them like any other events.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from bench.corpus import SIZES, envelopes, load
from errata.config import settings
from errata.models.event import Fields
from errata.models.ids import DAY_MS, new_event_id
from errata.models.project import Access, Project
from errata.protocol.ingest import parse_event
from errata.protocol.read import Filters
from errata.protocol.sentry import envelope
from errata.store.items import TypedItem, batch_put
from errata.usecases import issues, projects, read_events, sentry
from errata.usecases.prepare import prepare
from errata.usecases.visible import find_visible

DAYS = 30
PATIENCE_S = 120
BY = "grace@example.com"
# The SDK event with the most details: the error of the second screenshot.
DETAILED = b"CHECK constraint failed: count"

# Errors from a browser, of another language and of other levels, beside the shop's own.
MORE: tuple[Fields, ...] = (
    {
        "message": "Cannot read properties of undefined (reading 'price')",
        "exception_class": "TypeError",
        "url": "https://shop.example.org/c/2203",
        "stack_trace": "TypeError: Cannot read properties of undefined (reading 'price')\n"
        "    at total (https://shop.example.org/static/cart.js:88:31)\n"
        "    at render (https://shop.example.org/static/cart.js:41:9)\n"
        "    at HTMLButtonElement.<anonymous> (https://shop.example.org/static/cart.js:17:5)",
        "file": "https://shop.example.org/static/cart.js",
        "line": 88,
    },
    {
        "message": "SQLSTATE[40001]: Serialization failure: 1213 Deadlock found",
        "exception_class": "PDOException",
        "stack_trace": "PDOException: SQLSTATE[40001]: Serialization failure: 1213 Deadlock found"
        " in /var/www/old/stock.php:57\nStack trace:\n#0 /var/www/old/stock.php(57):"
        " PDOStatement->execute()\n#1 {main}",
        "file": "/var/www/old/stock.php",
        "line": 57,
        "environment": "staging",
    },
    {
        "message": "Payment provider took 4.8 s to answer",
        "level": "warning",
        "file": "/app/payments.py",
        "line": 112,
    },
    {
        "message": "Template checkout/old.html is deprecated",
        "level": "info",
        "file": "/app/templates.py",
        "line": 30,
    },
)
# Events per day, from the first to the last day of the month. Errors take these in turn.
COURSES: tuple[tuple[float, ...], ...] = (
    tuple(2 + age / 4 for age in range(DAYS)),
    (0,) * 26 + (9, 31, 12, 3),
    (1.5, 0.6, 1, 2, 1.2) * 6,
    (0,) * 12 + (4, 2, 1) * 6,
    (0,) * 29 + (7,),
    (0.3,) * DAYS,
    (12, 9, 7, 6, 5, 4, *(3 / (age + 1) + 0.4 for age in range(24))),
    (0,) * 17 + (0, 1, 0, 0, 2, 1, 3, 5, 4, 6, 8, 7, 11),
)
# Resolved during the month, and seen again today.
REGRESSES = "Illegal trailing comma before end of object: line 1 column 50 (char 49)"
RESOLVED_AGE_DAYS = 4
AGAIN_AGE_MS = 20 * 60_000


@dataclass(frozen=True, slots=True)
class StoryEvent:
    """An error that the shop reports, and its timestamp."""

    at_ms: int
    fields: Fields


def errors() -> list[Fields]:
    """Return each of the shop's errors once."""
    found = {each["message"]: each for size in reversed(SIZES) for each in load(size)}
    return [*MORE, *found.values()]


def a_month(now_ms: int) -> list[StoryEvent]:
    """Return the events of the month, oldest first."""
    rng = Random(29)
    events = []
    for n, error in enumerate(errors()):
        course = COURSES[0 if error["message"] == REGRESSES else n % len(COURSES)]
        for day, usual in enumerate(course):
            for _ in range(round(usual * rng.uniform(0.4, 1.6) + rng.uniform(-0.4, 0.4))):
                at_ms = now_ms - round((DAYS - 1 - day + rng.random()) * DAY_MS)
                events.append(StoryEvent(at_ms, _reported(error, at_ms, rng)))
    resolved_ms, again_ms = now_ms - RESOLVED_AGE_DAYS * DAY_MS, now_ms - AGAIN_AGE_MS
    after_fix = [e for e in events if e.fields["message"] == REGRESSES and e.at_ms >= resolved_ms]
    again = StoryEvent(again_ms, _reported(after_fix[0].fields, again_ms, rng))
    happened = [*(event for event in events if event not in after_fix), again]
    return sorted(happened, key=lambda event: event.at_ms)


def _reported(error: Fields, at_ms: int, rng: Random) -> Fields:
    """Return a copy of an error with another customer, and the release and server at `at_ms`."""
    released = at_ms - at_ms % (3 * DAY_MS)
    customer = 80_000 + round(rng.paretovariate(0.6)) % 900
    user = {
        **error.get("user", {}),
        "id": f"{customer}",
        "email": f"customer{customer}@example.org",
    }
    event = {
        "environment": "production",
        **error,
        "release": time.strftime("shop@%Y.%m.%d", time.gmtime(released / 1000)),
        "server_name": rng.choice(("web-1", "web-2", "web-3")),
        "user": user,
    }
    event.pop("timestamp", None)
    return event


def live_through(project: Project, now_ms: int) -> str:
    """Store a month of events, and an SDK's event at its end. Return the id of that one."""
    month = a_month(now_ms)
    resolved_ms = now_ms - RESOLVED_AGE_DAYS * DAY_MS
    _receive(project, [event for event in month if event.at_ms < resolved_ms], 0)
    access = projects.operator_access(project)
    for issue in issues.list_issues(projects.visible_to_operator(project.id)):
        if REGRESSES in issue.title:
            issues.resolve(find_visible(access, resolved_ms).for_operator(), issue.id, BY)
    before = sum(event.at_ms < resolved_ms for event in month)
    _receive(project, [e for e in month if e.at_ms >= resolved_ms], before)
    detailed = envelope.parse_envelope(next(body for body in envelopes() if DETAILED in body))
    sentry.accept(detailed, access, "203.0.113.9", now_ms)
    _wait_for(project.id, len(month) + 1)
    (newest,) = read_events.read(find_visible(access, now_ms + DAY_MS), Filters(limit=1)).events
    event_id: str = json.loads(newest)["id"]
    return event_id


def _receive(project: Project, events: Sequence[StoryEvent], before: int) -> None:
    """Store events, and wait until they and the earlier ones are counted."""
    access = projects.operator_access(project)
    items = [_item(event, access) for event in events]
    batch_put(settings().events_table, items)
    _wait_for(project.id, before + len(items))


def _item(event: StoryEvent, access: Access) -> TypedItem:
    return prepare(parse_event(event.fields), access, new_event_id(event.at_ms), event.at_ms).item


def _wait_for(project_id: str, total: int) -> None:
    until = time.monotonic() + PATIENCE_S
    visible = projects.visible_to_operator(project_id)
    while (counted := sum(issue.count for issue in issues.list_issues(visible))) < total:
        if time.monotonic() > until:
            raise TimeoutError(f"{counted} of {total} events were counted in {PATIENCE_S} s")
        time.sleep(0.5)
