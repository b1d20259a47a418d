"""Events that are refused in an error loop: above the issue cap, and above the ceiling."""

import uuid
from typing import Any

import pytest

from errata.config import settings
from errata.models.ids import DAY_MS
from errata.models.issue import SEQUENCE_DIGITS, Day, Position
from errata.models.tally import KEPT_AN_HOUR
from errata.store import clients
from errata.store.day_counts import day_key
from errata.store.issue_items import day_item
from errata.store.items import write_all
from errata.usecases import ceilings, error_loops, loss_ledger, owner_notices, sentry
from tests.integration.test_losses import batch
from tests.integration.test_owner_notices import mails, owned
from tests.support import sdk, stream
from tests.support.account import Clock, Project
from tests.support.calls import (
    Call,
    Killed,
    calling_as,
    fault,
    killed,
    recorded,
    throttled,
    watched,
)
from tests.support.ceiling import UNITS_A_SECOND, Ceiling
from tests.support.fresh import clear_cache
from tests.support.gateway import Response, authorize, decide, handler, request
from tests.support.template import of_type
from tests.support.visible import all_issues, visible_in

__all__ = ["owned"]


@pytest.fixture(autouse=True)
def clock(clock: Clock) -> Clock:
    """Stop the time in the middle of an hour: the cap of an issue is counted by hour."""
    clock.to_midday()
    return clock


def send(project: Project, clock: Clock, **fields: Any) -> Response:
    clock.advance(0.001)
    return sdk.post(project, sdk.of_event(sdk.event(**fields)))


def losses(project: Project, caplog: pytest.LogCaptureFixture) -> dict[str, int]:
    """Return what the ledger counts of the lines that the functions have logged, by reason."""
    lines = [each.getMessage() for each in caplog.records]
    sent = batch(lines, visible_in(project.id).now_ms)
    loss_ledger.count(sent["awslogs"]["data"])
    ((_, lost),) = loss_ledger.by_day(visible_in(project.id), 1).values()
    return lost


# ------------------------------------------------------------------ the cap of an issue


@pytest.fixture
def capped(monkeypatch: pytest.MonkeyPatch) -> int:
    """Let an issue have few events an hour."""
    monkeypatch.setenv("ISSUE_CAP", "100")
    settings.cache_clear()
    return 100


def test_events_above_the_issue_cap_are_429_for_ten_seconds_and_counted_as_losses(
    busy: Project, clock: Clock, capped: int, caplog: pytest.LogCaptureFixture
) -> None:
    refused = 0
    for _ in range(3):  # execution environments
        for _ in range(60):
            response = send(busy, clock)
            if response.status == 429:
                refused += 1
                assert response.headers["Retry-After"] == "10"
                assert response.headers["X-Sentry-Rate-Limits"] == "10:error:key:issue_cap"
        sentry.clear_cache()
    accepted = 3 * 60 - refused
    # Events that are always kept in full need no lease.
    assert capped <= accepted <= capped + 3 * KEPT_AN_HOUR
    assert losses(busy, caplog) == {"issue_cap": refused}
    # Another issue, and the next hour, have caps of their own.
    assert send(busy, clock, transaction="t", fingerprint=["other"]).status == 200
    clock.advance(3_600)
    assert send(busy, clock).status == 200


def test_a_refusal_by_the_issue_cap_makes_no_call_once_it_is_known(
    busy: Project, clock: Clock, capped: int
) -> None:
    while send(busy, clock).status == 200:
        pass
    with recorded() as calls:
        assert send(busy, clock).status == 429
    assert calls == []


def test_retry_after_of_the_issue_cap_ends_with_the_hour(
    busy: Project, clock: Clock, capped: int
) -> None:
    clock.ns -= clock.ns % (3_600 * 10**9)
    clock.advance(3_597)
    while (response := send(busy, clock)).status == 200:
        pass
    assert 1 <= int(response.headers["Retry-After"]) <= 4


def test_no_event_is_refused_without_an_issue_cap_or_if_leases_are_throttled(
    busy: Project, clock: Clock, capped: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy_leases(call: Call) -> Any:
        if call.operation == "UpdateItem":
            raise throttled(call)
        return call.send()

    with watched(busy_leases):
        assert {send(busy, clock).status for _ in range(130)} == {200}
    monkeypatch.setenv("ISSUE_CAP", "0")
    settings.cache_clear()
    sentry.clear_cache()
    with recorded() as calls:
        assert {send(busy, clock).status for _ in range(130)} == {200}
    assert {call.operation for call in calls} == {"PutItem"}


@pytest.mark.parametrize("after", [False, True])
def test_a_process_that_ends_while_it_takes_a_lease_loses_no_event(
    busy: Project, clock: Clock, capped: int, after: bool
) -> None:
    for _ in range(KEPT_AN_HOUR):
        send(busy, clock)
    sent = sdk.of_event(sdk.event())
    with fault(1, killed, after=after), pytest.raises(Killed):
        sdk.post(busy, sent)
    clear_cache()
    assert sdk.post(busy, sent).status == 200
    assert len(stream.stored_events()) == KEPT_AN_HOUR + 1


# ------------------------------------------------------------------ a partition's ceiling


def test_a_throttled_event_is_refused_at_once_and_the_next_ones_without_a_call(
    busy: Project, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    send(busy, clock)  # looks the key up
    clock.ns -= clock.ns % 10**9
    with fault(1, throttled) as outcome, recorded() as calls:
        for _ in range(3):
            response = send(busy, clock)
            assert response.status == 429
            assert response.headers["Retry-After"] == "1"
            assert response.headers["X-Sentry-Rate-Limits"] == "1:error:key:throttled"
    assert outcome.struck
    assert len(calls) == 1
    assert losses(busy, caplog) == {"throttled": 3}
    clock.advance(1)
    assert send(busy, clock).status == 200


def test_a_throttled_late_event_is_refused_like_others(busy: Project, clock: Clock) -> None:
    send(busy, clock)
    with fault(1, throttled):
        assert send(busy, clock, timestamp=clock.ms / 1000 - 3_600).status == 429


class Environments:
    """Execution environments that take turns, each with its own memory."""

    def __init__(self, number: int, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        self._modules = ((ceilings, "_busy_until"), (error_loops, "_hours"), (sentry, "_stored"))
        empty = [getattr(module, name) for module, name in self._modules]
        self._memories = [[type(each)(10_000) for each in empty] for _ in range(number)]

    def take_turn(self, number: int) -> None:
        memories = self._memories[number % len(self._memories)]
        for (module, name), memory in zip(self._modules, memories, strict=True):
            self._patch.setattr(module, name, memory)


def test_a_flood_of_one_project_stays_at_the_ceiling_and_every_refusal_is_counted(
    busy: Project, clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered, seconds, environments = 2_000, 2, 10
    clock.ns -= clock.ns % 10**9
    begin = clock.ns
    path = f"/api/{busy.id}/envelope/"
    auth = {"X-Sentry-Auth": f"Sentry sentry_key={busy.public}, sentry_version=7"}
    verdict = authorize(request("POST", path, b"{}", auth))
    table, turns = Ceiling(clock), Environments(environments, monkeypatch)
    statuses, slowest = [], 0.0
    with watched(table.watch):
        for n in range(offered * seconds):
            clock.ns = arrived = begin + n * 10**9 // offered
            body = sdk.of_event(sdk.event(event_id=uuid.UUID(int=n).hex))
            turns.take_turn(n)
            response = decide(request("POST", path, body, auth), verdict)
            statuses.append(response.status)
            slowest = max(slowest, (clock.ns - arrived) / 10**9)
    accepted, refused = statuses.count(200), statuses.count(429)
    assert accepted + refused == offered * seconds
    # Events that are kept in full cost more than one unit.
    kept = environments * (KEPT_AN_HOUR + 4)
    assert UNITS_A_SECOND * seconds * 0.95 - 6 * kept <= accepted <= UNITS_A_SECOND * seconds
    assert len(table.items) == accepted
    # At rest, an event takes one call of four milliseconds, and no longer now.
    assert slowest < 0.3
    # Each environment makes one call a second, and caches the refusal.
    assert max(table.refused.values()) <= environments
    assert losses(busy, caplog) == {"throttled": refused}

    # Digest catches up: a batch of a hundred costs what it costs at rest.
    items = sorted(table.items.values(), key=lambda item: str(item["sk"]["S"]))
    records = stream.numbered(items)
    with recorded() as calls:
        for start in range(0, len(records), 100):
            assert stream.deliver(records[start : start + 100]) == []
    batches = -(-len(records) // 100)
    assert len(calls) <= 5 * batches + 10
    (issue,) = all_issues(visible_in(busy.id))
    assert issue.count == accepted


# ------------------------------------------------------------------ a project far above its usual


def days_of(project_id: str, clock: Clock, counts: dict[int, tuple[int, int]]) -> None:
    """Store days with these counts: so many days ago, (all events, those of this hour)."""
    for ago, (number, in_hour) in counts.items():
        hours = {0: 1, clock.ms % DAY_MS // 3_600_000: in_hour}
        counted = Position("", "1".zfill(SEQUENCE_DIGITS))
        day = Day(number, hours, clock.ms // 1000 + 86_400 * 30, counted)
        row = {"pk": f"{project_id}#0", "sk": day_key(clock.ms // DAY_MS - ago), **day_item(day)}
        clients.dynamodb().put_item(TableName=settings().issues_table, Item=write_all(row))


@pytest.mark.parametrize(
    ("before", "number", "logged"),
    [(9_998, 1, []), (9_998, 2, [10_000]), (10_000, 1, []), (99_999, 2, [100_000])],
)
def test_a_project_is_logged_as_busy_when_its_events_of_an_hour_reach_a_threshold(
    clock: Clock, caplog: pytest.LogCaptureFixture, before: int, number: int, logged: list[int]
) -> None:
    # Of yesterday and of the first hour of today, too: these are not busy.
    clock.ns += (DAY_MS - clock.ms % DAY_MS + 4 * 3_600_000) * 10**6
    days_of("1", clock, {0: (before, before)})
    times = [clock.ms - DAY_MS, clock.ms - 4 * 3_600_000, *[clock.ms + n for n in range(number)]]
    stream.pump(stream.numbered(stream.event("1", at_ms) for at_ms in times))
    found = [each.getMessage() for each in caplog.records if "no event lost" in each.getMessage()]
    assert found == [f"no event lost yet: project 1 has had {n} events in an hour" for n in logged]


@pytest.mark.usefixtures("owned")
@pytest.mark.parametrize(("usual", "mailed"), [(0, True), (23_000, True), (25_000, False)])
def test_owners_get_one_mail_a_day_about_a_project_far_above_its_usual(
    clock: Clock, caplog: pytest.LogCaptureFixture, usual: int, mailed: bool
) -> None:
    days_of("1", clock, {0: (9_999, 9_999), **dict.fromkeys(range(1, 8), (usual, 0))})
    items = [stream.event("1", clock.ms + n) for n in range(3)]
    stream.pump(stream.numbered(items))
    logged = [each.getMessage() for each in caplog.records if "no event lost" in each.getMessage()]
    assert logged == ["no event lost yet: project 1 has had 10000 events in an hour"]
    for _ in range(2):
        with calling_as("LedgerFunction"):
            handler("ledger")(batch(logged, clock.ms), None)
        owner_notices.clear_cache()
    assert [each.subject for each in mails()] == (
        ["Errata: project 1 has far more events than usual"] * 2 if mailed else []
    )
    if mailed:
        assert "10,000 events within an hour" in mails()[0].body
    (filtered,) = {
        each["Properties"]["FilterPattern"]
        for name, each in of_type("AWS::Serverless::Function")["LedgerFunction"]["Events"].items()
        if name == "OfDigest"
    }
    assert filtered.strip('"') in logged[0]
