"""spec/ingest-api, 402: the organization's monthly event quota is reached.

Never exceeded, exact near the end, a calendar month in UTC; and a refused request uses nothing.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from threading import Lock
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from errata.errors import PaymentRequiredError, UnavailableError
from errata.models.ids import now_ms
from errata.models.organization import DEFAULT_ORGANIZATION, parse_allowlist
from errata.models.project import Access
from errata.store import clients, quota_leases
from errata.usecases import organizations, projects, quota
from tests.support.account import Clock, Project, new_project, rows
from tests.support.calls import Call, failing, fault, recorded, throttled, watched
from tests.support.clients import BOOM, capture, events, ingest, php, read
from tests.support.fresh import clear_cache
from tests.support.gateway import Response, call
from tests.support.moto_calls import over_http

type Post = Callable[[Project], Response]


@pytest.fixture(autouse=True)
def clock(clock: Clock) -> Clock:
    """Stop the time in the middle of a month: no test may begin a new quota by accident."""
    clock.to_mid_month()
    return clock


def limited(monthly_quota: int) -> Project:
    """A project of an organization with a quota, metered by the gateway."""
    organizations.change(DEFAULT_ORGANIZATION, monthly_quota=monthly_quota)
    return new_project(metered=True)


def used() -> int:
    return quota.used(DEFAULT_ORGANIZATION, now_ms())


def by_body(project: Project) -> Response:
    return call("POST", "/api/ingest", {**BOOM, "api_key": project.key})


def assert_reached(response: Response, limit: int) -> None:
    assert response.status == 402
    assert set(response.json) == {"message"}
    assert f"quota of {limit} events" in response.json["message"]
    assert "Upgrade" in response.json["message"]


@pytest.mark.parametrize("post", [ingest, by_body])
def test_exactly_the_quota_is_accepted(post: Post) -> None:
    project = limited(5)
    assert [post(project).status for _ in range(5)] == [202] * 5
    for _ in range(3):
        assert_reached(post(project), 5)
    assert len(events(project)) == 5
    assert used() == 5


def test_all_processes_together_keep_to_the_quota() -> None:
    project = limited(4)
    statuses = []
    for _ in range(6):
        statuses.append(ingest(project).status)
        clear_cache()
    assert statuses == [202] * 4 + [402] * 2


def test_the_legacy_api_keeps_to_the_quota_and_has_its_own_error_format() -> None:
    project = limited(2)
    assert capture(project).json == {"ok": True, "id": 1}
    assert ingest(project).status == 202
    response = capture(project)
    assert response.status == 402
    assert set(response.json) == {"ok", "error"}
    assert "quota of 2 events" in response.json["error"]
    # Reading and clearing are no events.
    assert len(php(action="errors", hash=project.key).json["errors"]) == 1
    assert read(project).status == 200
    assert php(action="clear", hash=project.key).json == {"ok": True, "deleted": 1}
    assert capture(project).status == 402


def test_a_quota_of_zero_accepts_nothing() -> None:
    project = limited(0)
    assert_reached(ingest(project), 0)
    assert capture(project).status == 402
    assert capture(Project("", "brought by a script")).status == 402
    assert len(projects.list_projects()) == 1
    assert events(project) == []


def test_refused_requests_use_no_unit() -> None:
    project = limited(2)
    for _ in range(3):
        assert ingest(project, b"[").status == 422
        assert ingest(project, {"line": 1}).status == 422
        assert ingest(project, idempotency_key="x" * 256).status == 422
        assert ingest(project, {"line": 1}, idempotency_key="k").status == 422
        assert capture(project, level=None).status == 400
        assert ingest(Project(project.id, "wrong")).status == 401
        clear_cache()
    assert used() == 0
    assert [ingest(project).status for _ in range(3)] == [202, 202, 402]


# Headers, and which call then stores the event: after the lease, and after the look for a replay.
PLAIN_AND_ONCE: list[tuple[dict[str, str], int]] = [({}, 2), ({"idempotency_key": "k"}, 3)]


def test_an_event_that_the_store_refuses_uses_no_unit() -> None:
    project = limited(1)
    ingest(project, {"line": 1})
    for headers, call_of_event in PLAIN_AND_ONCE:
        with fault(call_of_event, throttled) as outcome:
            assert ingest(project, **headers).status == 503
        assert outcome.struck
    assert [ingest(project).status for _ in range(2)] == [202, 402]


def response_lost(_call: Call) -> BaseException:
    return ReadTimeoutError(endpoint_url="https://dynamodb")


@pytest.mark.parametrize("error", [response_lost, failing])
def test_a_unit_whose_return_is_uncertain_is_not_spent_twice(
    error: Callable[[Call], BaseException],
) -> None:
    project = limited(2)
    ingest(project, {"line": 1})  # the authorizer has cached the key now
    # The lease, the event, the return, which takes effect.
    with fault(2, throttled), fault(3, error, after=True) as outcome:
        assert ingest(project).status == 503
    assert outcome.struck
    assert [ingest(project).status for _ in range(3)] == [202, 202, 402]
    assert len(events(project)) == 2


def test_a_return_of_units_is_not_retried() -> None:
    sent: list[str] = []

    def lose(request: Any, **_: Any) -> None:
        sent.append(request.url)
        raise ReadTimeoutError(endpoint_url=request.url)

    events_of = clients.dynamodb_once().meta.events
    events_of.register_first("before-send.dynamodb.UpdateItem", lose)
    try:
        with over_http(clients.dynamodb_once()), pytest.raises(UnavailableError):
            quota_leases.return_units(DEFAULT_ORGANIZATION, "2026-11", 1)
    finally:
        events_of.unregister("before-send.dynamodb.UpdateItem", lose)
    assert len(sent) == 1


@pytest.mark.parametrize(("headers", "call_of_event"), PLAIN_AND_ONCE, ids=["plain", "once"])
def test_an_event_that_may_have_been_stored_uses_its_unit(
    headers: dict[str, str], call_of_event: int
) -> None:
    project = limited(2)
    ingest(project, {"line": 1})
    with fault(call_of_event, failing, after=True) as outcome:
        assert ingest(project, **headers).status == 503
    assert outcome.struck
    assert [ingest(project).status for _ in range(2)] == [202, 402]
    assert len(events(project)) == 2


def test_402_comes_before_422_and_after_everything_else(clock: Clock) -> None:
    project = limited(1)
    assert ingest(project, idempotency_key="first").status == 202
    for body in (b"[", {"line": 1}, BOOM):
        assert_reached(ingest(project, body), 1)
        assert_reached(ingest(project, body, idempotency_key="k"), 1)
    assert_reached(ingest(project, idempotency_key="x" * 256), 1)
    assert capture(project, level=None).status == 402
    assert ingest(Project(project.id, "wrong")).status == 401
    assert capture(Project(project.id, "")).status == 400
    slow = new_project(rate_limit=1)
    assert [ingest(slow).status for _ in range(2)] == [402, 429]
    organizations.change(DEFAULT_ORGANIZATION, allowlist=parse_allowlist("192.0.2.1"))
    clock.advance(30)
    assert ingest(project).status == 403


def test_a_replay_uses_no_unit_and_works_when_the_quota_is_reached() -> None:
    project = limited(2)
    first = ingest(project, idempotency_key="k")
    for _ in range(3):
        again = ingest(project, idempotency_key="k")
        assert (again.status, again.json) == (202, first.json)
        assert again.headers["Idempotency-Replayed"] == "true"
    assert [ingest(project).status for _ in range(2)] == [202, 402]
    for body in (BOOM, {"line": 1}, b"["):
        again = ingest(project, body, idempotency_key="k")
        assert (again.status, again.json) == (202, first.json)


def test_a_new_month_begins_at_midnight_utc(clock: Clock) -> None:
    end = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
    clock.ns = int(end.timestamp()) * 10**9
    project = limited(2)
    assert [ingest(project).status for _ in range(3)] == [202, 202, 402]
    clock.advance(0.999)
    assert ingest(project).status == 402
    clock.advance(0.001)
    assert [ingest(project).status for _ in range(3)] == [202, 202, 402]
    assert quota.month_of(clock.ms) == "2027-01"
    assert used() == 2


def test_a_lease_of_the_previous_month_is_not_spent(clock: Clock) -> None:
    clock.ns = int(datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC).timestamp()) * 10**9
    project = limited(100_000)
    for _ in range(5):
        assert ingest(project).status == 202
    clock.advance(1)
    assert ingest(project).status == 202
    assert used() == 1


def test_a_change_acts_within_30_seconds(clock: Clock) -> None:
    project = limited(1)
    assert [ingest(project).status for _ in range(2)] == [202, 402]
    organizations.change(DEFAULT_ORGANIZATION, monthly_quota=3)
    clock.advance(30)
    assert [ingest(project).status for _ in range(3)] == [202, 202, 402]
    organizations.change(DEFAULT_ORGANIZATION, monthly_quota="none")
    clock.advance(30)
    assert ingest(project).status == 202


def test_a_lower_quota_takes_back_leased_units(clock: Clock) -> None:
    project = limited(1_000_000)
    for _ in range(4):
        ingest(project)
    assert used() == 7  # 1 + 2 + 4
    organizations.change(DEFAULT_ORGANIZATION, monthly_quota=5)
    clock.advance(30)
    assert [ingest(project).status for _ in range(2)] == [202, 402]
    assert used() == 5


def test_a_lower_quota_is_kept_by_every_environment_that_holds_units(clock: Clock) -> None:
    project = limited(1_000_000)
    environments: list[dict[str, quota.QuotaLease]] = [{}, {}, {}]

    def post_from(leases: dict[str, quota.QuotaLease]) -> int:
        quota._leases.clear()
        quota._leases.update(leases)
        status = ingest(project).status
        leases.clear()
        leases.update(quota._leases)
        return status

    for leases in environments:
        assert [post_from(leases) for _ in range(20)] == [202] * 20
    assert used() == 3 * 31  # 1 + 2 + 4 + 8 + 16
    organizations.change(DEFAULT_ORGANIZATION, monthly_quota=65)
    clock.advance(30)
    # Each returns its units when it next has an event. Until then, none exceeds the quota.
    statuses = [post_from(leases) for leases in environments * 4]
    clock.advance(quota.REACHED_MS / 1_000)
    statuses += [post_from(leases) for leases in environments * 4]
    assert statuses.count(202) == 5
    assert used() == 65
    assert len(events(project)) == 65


@contextmanager
def another_sender(project: Project) -> Iterator[list[int]]:
    """Send an event from another environment after the first quota call. Yield its status."""
    statuses: list[int] = []
    calls = count()

    def watch(call: Call) -> Any:
        response = call.send()
        if "quota#" in str(call.parameters) and next(calls) == 0:
            ours = dict(quota._leases)
            quota._leases.clear()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(quota, "_lock", Lock())  # that process has a lock of its own
                statuses.append(ingest(project).status)
            quota._leases.clear()
            quota._leases.update(ours)
        return response

    with watched(watch):
        yield statuses


@pytest.mark.parametrize(
    "send",
    [
        lambda project: ingest(project, {"line": 1}),
        lambda project: ingest(project, b"["),
        lambda project: ingest(project, {"line": 1}, idempotency_key="k"),
        lambda project: capture(project, level=None),
    ],
    ids=["invalid", "no JSON", "invalid, with a key", "invalid, api.php"],
)
def test_an_invalid_event_does_not_take_the_last_unit_from_another_process(send: Post) -> None:
    project = limited(2)
    assert ingest(project).status == 202
    with another_sender(project) as met:
        assert send(project).status in (400, 422)
    assert met == [202]
    assert ingest(project).status == 402
    assert used() == 2


def test_a_replay_does_not_lease_a_unit() -> None:
    project = limited(2)
    first = ingest(project, idempotency_key="k")
    with recorded() as seen:
        again = ingest(project, idempotency_key="k")
    assert (again.status, again.json) == (202, first.json)
    assert [each.operation for each in seen] == ["GetItem"]
    assert [ingest(project).status for _ in range(2)] == [202, 402]


def test_many_requests_refused_with_402_take_almost_no_calls(clock: Clock) -> None:
    project = limited(1_000_000)
    for _ in range(300):
        assert ingest(project).status == 202
    lease = quota._leases[DEFAULT_ORGANIZATION]
    assert lease.next_size > 1
    # Other processes use up the rest.
    rest = 1_000_000 - used()
    assert quota_leases.lease_units(DEFAULT_ORGANIZATION, lease.month, rest, 1_000_000 - rest)[0]
    while ingest(project).status == 202:
        pass
    with recorded() as seen:
        responses = [ingest(project) for _ in range(20)]
        responses += [ingest(project, {"line": 1}) for _ in range(20)]
        responses += [capture(project, level=None) for _ in range(20)]
    assert {response.status for response in responses} == {402}
    assert [each.operation for each in seen if "quota#" in str(each.parameters)] == []
    with recorded() as seen:
        assert {ingest(project, idempotency_key="q").status for _ in range(20)} == {402}
    assert [each.operation for each in seen] == ["GetItem"] * 20, "whether it is a replay"
    for body in (BOOM, {"line": 1}):
        clock.advance(quota.REACHED_MS / 1_000)
        with recorded() as seen:
            assert ingest(project, body).status == 402
        assert len(seen) == 1


def test_a_unit_that_another_process_returns_can_be_spent(clock: Clock) -> None:
    project = limited(1)
    assert [ingest(project).status for _ in range(2)] == [202, 402]
    quota_leases.return_units(DEFAULT_ORGANIZATION, quota.month_of(clock.ms), 1)
    clock.advance(quota.REACHED_MS / 1_000)
    assert [ingest(project).status for _ in range(2)] == [202, 402]


def test_organizations_do_not_share_a_quota() -> None:
    limited(1)
    other = organizations.create("acme")
    organizations.change(other.id, monthly_quota=2)
    keys = []
    for organization in (DEFAULT_ORGANIZATION, other.id, other.id):
        created = projects.create("shop", organization=organization)
        assert created
        keys.append(Project(created.project.id, created.key))
    mine, first, second = keys
    assert [ingest(mine).status for _ in range(2)] == [202, 402]
    # The projects of one organization do.
    assert [ingest(first).status, ingest(second).status, ingest(first).status] == [202, 202, 402]


def test_without_a_quota_nothing_is_counted(busy: Project) -> None:
    ingest(busy)
    with recorded() as calls:
        assert ingest(busy).status == 202
    assert [each.operation for each in calls] == ["PutItem"]


def test_a_thousand_events_of_a_million_cost_twenty_calls_at_most() -> None:
    access = Access("1", "k", 30, 60, DEFAULT_ORGANIZATION, 1_000_000)
    with recorded() as calls:
        for _ in range(1_000):
            quota.spend(access, now_ms())
    assert len(calls) <= 20


def test_leases_shrink_to_one_unit_and_the_quota_is_used_up_exactly() -> None:
    limit = 2_300
    access = Access("1", "k", 30, 60, DEFAULT_ORGANIZATION, limit)

    def sizes(events: int) -> list[int]:
        return [lease.size for _ in range(events) if (lease := quota.spend(access, now_ms()))]

    def leased_elsewhere(units: int) -> None:
        month = quota.month_of(now_ms())
        assert quota_leases.lease_units(DEFAULT_ORGANIZATION, month, units, limit)[0]

    assert sizes(5) == [1, 2, 2, 2, 2]
    leased_elsewhere(285)
    assert sizes(12) == [2] * 12  # as long as 2,000 are left
    assert sizes(10) == [1] * 10
    leased_elsewhere(1_968)
    assert sizes(20) == [1] * 20
    with pytest.raises(PaymentRequiredError):
        quota.spend(access, now_ms())
    assert used() == limit


def test_an_environment_with_few_events_leases_few_units(clock: Clock) -> None:
    access = Access("1", "k", 30, 60, DEFAULT_ORGANIZATION, 1_000_000)
    for _ in range(60):
        lease = quota.spend(access, clock.ms)
        assert lease
        assert lease.size <= 4
        clock.advance(120)


# ------------------------------------------------------------------ how much is leased, and when


def used_after(project: Project, events: int) -> int:
    """Send `events` events. Return how many units are then leased."""
    assert {ingest(project).status for _ in range(events)} == {202}
    return used()


def test_leases_double_up_to_a_hundred_units() -> None:
    project = limited(1_000_000)
    leased = [used_after(project, 1)]
    for size in (1, 2, 4, 8, 16, 32, 64):
        leased.append(used_after(project, size))
    assert leased == [1, 3, 7, 15, 31, 63, 127, 227]
    assert used_after(project, 100) == 327


@pytest.mark.parametrize(("left", "size"), [(100_000, 100), (50_000, 50), (49_999, 49), (999, 1)])
def test_a_lease_is_at_most_a_thousandth_of_the_rest_of_the_quota(left: int, size: int) -> None:
    project = limited(1_000_000)
    assert used_after(project, 127) == 127
    # Other environments lease the rest but for this much.
    others = 1_000_000 - 127 - left
    month = quota.month_of(now_ms())
    assert quota_leases.lease_units(DEFAULT_ORGANIZATION, month, others, 1_000_000 - others)[0]
    with recorded() as seen:
        assert used_after(project, 1) == 1_000_000 - left + size
    leases = [each for each in seen if each.operation == "UpdateItem"]
    assert len(leases) == (1 if size == 100 else 2), "once for too many"


def test_an_invalid_event_takes_no_call_while_a_leased_unit_is_left() -> None:
    project = limited(1_000_000)
    assert used_after(project, 2) == 3  # one of them is left
    with recorded() as seen:
        assert ingest(project, {"line": 1}).status == 422
    assert seen == []


@pytest.mark.parametrize(("seconds", "next_size"), [(300, 8), (300.001, 2)])
def test_a_lease_that_lasts_over_five_minutes_is_followed_by_one_of_half_the_size(
    clock: Clock, seconds: float, next_size: int
) -> None:
    project = limited(1_000_000)
    assert used_after(project, 7) == 1 + 2 + 4
    clock.advance(seconds)
    assert used_after(project, 1) == 7 + next_size


def test_a_reached_quota_is_read_again_after_a_second(clock: Clock) -> None:
    project = limited(1)

    def quota_calls() -> int:
        with recorded() as seen:
            assert ingest(project).status == 402
        return len([each for each in seen if "quota#" in str(each.parameters)])

    ingest(project)
    assert quota_calls() == 1
    clock.advance(0.999)
    assert quota_calls() == 0
    clock.advance(0.001)
    assert quota_calls() == 1


def test_a_unit_of_a_lease_is_spent_again_if_its_event_is_not_stored() -> None:
    project = limited(1_000_000)
    assert used_after(project, 2) == 3  # one of them is left
    with fault(1, throttled):
        assert ingest(project).status == 503
    assert used_after(project, 1) == 3
    assert used_after(project, 1) == 7  # three of four are left
    with fault(1, throttled):
        assert ingest(project).status == 503
    assert used_after(project, 3) == 7
    assert used_after(project, 1) == 15


def test_a_unit_whose_return_is_refused_stays_with_the_environment() -> None:
    project = limited(1)
    ingest(project, {"line": 1})  # the authorizer has cached the key now
    # The lease, the event, the return.
    with fault(2, throttled), fault(3, throttled) as outcome:
        assert ingest(project).status == 503
    assert outcome.struck
    assert used() == 1
    assert [ingest(project).status for _ in range(2)] == [202, 402]


def test_a_unit_that_this_environment_returns_can_be_spent_at_once(clock: Clock) -> None:
    project = limited(1)
    ingest(project, {"line": 1})
    met: list[int] = []

    def refuse(call: Call) -> Any:
        """Refuse the first event, after a second one has found no unit."""
        if call.operation == "PutItem" and not met:
            met.append(0)
            met[0] = ingest(project).status
            raise throttled(call)
        return call.send()

    with watched(refuse):
        assert ingest(project).status == 503
    assert met == [402]
    assert ingest(project).status == 202


def test_of_two_concurrent_requests_with_one_idempotency_key_one_uses_a_unit() -> None:
    project = limited(1_000_000)
    assert used_after(project, 1) == 1
    met: list[Response] = []

    def other_first(call: Call) -> Any:
        """Store another request with the same key just before."""
        if call.operation == "TransactWriteItems" and len(met) == 0:
            met.append(Response(0, {}, ""))  # do not intercept the other request
            met.append(ingest(project, idempotency_key="k"))
        return call.send()

    with watched(other_first):
        again = ingest(project, idempotency_key="k")
    assert (again.status, again.json) == (202, met[1].json)
    assert again.headers["Idempotency-Replayed"] == "true"
    # A lease of two: one for the other request, and one that is spent again.
    assert used() == 3
    assert used_after(project, 1) == 3
    assert used_after(project, 1) == 7


def test_without_a_quota_an_event_that_was_not_stored_can_be_sent_again(busy: Project) -> None:
    ingest(busy)
    with fault(1, throttled):
        assert ingest(busy).status == 503
    assert ingest(busy).status == 202


def test_a_new_month_with_a_new_quota_begins_with_nothing_leased(clock: Clock) -> None:
    clock.ns = int(datetime(2026, 11, 30, 23, 59, 40, tzinfo=UTC).timestamp()) * 10**9
    project = limited(1_000_000)
    assert used_after(project, 2) == 3
    organizations.change(DEFAULT_ORGANIZATION, monthly_quota=2_000_000)
    clock.advance(30)
    assert used_after(project, 1) == 1


def test_the_usage_of_a_month_is_kept_for_400_days_after_its_start() -> None:
    quota_leases.lease_units(DEFAULT_ORGANIZATION, "2026-11", 1, 10)
    (row,) = [
        row for row in rows()["IDEMPOTENCY_TABLE"] if row["pk"]["S"] == "quota#default#2026-11"
    ]
    first_s = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp())
    assert row["ttl"] == {"N": str(first_s + 400 * 86_400)}


def test_the_month_is_that_of_utc_in_any_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    last_of_january = int(datetime(2026, 1, 31, 23, 59, tzinfo=UTC).timestamp() * 1000)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert quota.month_of(last_of_january) == "2026-01"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_quota_is_low_once_when_80_percent_are_used(caplog: pytest.LogCaptureFixture) -> None:
    access = Access("1", "k", 30, 60, DEFAULT_ORGANIZATION, 9)
    warned = []
    for _ in range(9):
        quota.spend(access, now_ms())
        warned.append(sum(each.name == "errata" for each in caplog.records))
    assert warned == [0] * 6 + [1] * 3


def test_two_units_whose_return_is_refused_stay_with_the_environment() -> None:
    access = Access("1", "k", 30, 60, DEFAULT_ORGANIZATION, 2)
    leases = [quota.spend(access, now_ms()) for _ in range(2)]
    with fault(1, throttled) as first, fault(2, throttled) as second:
        for lease in leases:
            quota.give_back(lease)
    assert (first.struck, second.struck) == (True, True)
    assert [quota.spend(access, now_ms()) for _ in range(2)] == leases
    with pytest.raises(PaymentRequiredError):
        quota.spend(access, now_ms())
