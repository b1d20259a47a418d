"""A signed-in team, with a project of fifty issues that were seen every day."""

from dataclasses import dataclass

from bench.corpus import SIZES, load
from errata.models.ids import DAY_MS, new_event_id
from errata.models.issue import Position
from errata.models.member import Membership, User
from errata.models.organization import DEFAULT_ORGANIZATION
from errata.models.project import DEFAULT_LIMIT, Access
from errata.protocol.ingest import parse_event
from errata.store import events, members
from errata.store.sign_in import Tokens
from errata.usecases import projects, sessions
from errata.usecases.count_issue import StreamRecord
from errata.usecases.digest import digest, pad
from errata.usecases.prepare import prepare
from functions.dashboard.issue_rows import CHART_DAYS
from functions.dashboard.routing import SESSION_COOKIE

EMAIL = "ada@example.com"
ISSUES = 50
_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class BenchTeam:
    """What the team's browser requests, and the cookie that it sends."""

    project_id: str
    cookie: str


def a_team(now_ms: int) -> BenchTeam:
    """Write the rows of a team into the current account."""
    created = projects.create("shop")
    assert created
    project_id = created.project.id
    members.save_membership(User(EMAIL), DEFAULT_ORGANIZATION, Membership("owner"))
    vouched = sessions.Claims(EMAIL, now_ms + _HOUR_MS)
    _, cookie = sessions.start(Tokens("identity", "refresh"), lambda _: vouched, now_ms)
    _meet_errors(project_id, now_ms)
    return BenchTeam(project_id, f"{SESSION_COOKIE}={cookie}")


def _meet_errors(project_id: str, now_ms: int) -> None:
    """Store and digest events that make issues with real titles, seen on every day."""
    access = Access(project_id, "bench", retention_days=30, rate_limit=DEFAULT_LIMIT.per_minute)
    errors = [error for size in SIZES for error in load(size)]
    records: list[StreamRecord] = []
    for day in reversed(range(CHART_DAYS)):
        for n in range(ISSUES):
            at_ms = now_ms - day * DAY_MS - ISSUES + n
            error = {**errors[n % len(errors)], "fingerprint": f"{n}", "user": {"id": f"{day}"}}
            item = prepare(parse_event(error), access, new_event_id(at_ms), at_ms).item
            records.append(StreamRecord(Position("", pad(f"{len(records)}")), events.stored(item)))
    outcome = digest(records)
    assert not outcome.retry
    assert not outcome.permanent
