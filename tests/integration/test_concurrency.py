"""Many clients at once, on moto with DynamoDB's atomicity and conflicts added."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from errata.errors import ErrataError
from errata.models.ids import now_ms
from errata.models.organization import DEFAULT_ORGANIZATION
from errata.store import projects as projects_store
from errata.store import unclaimed as unclaimed_store
from errata.usecases import organizations, projects, quota, unclaimed
from errata.usecases import sentry as usecase
from tests.support import account, scenarios, sdk, stream, tally
from tests.support.account import Clock, Project, new_project
from tests.support.calls import atomic
from tests.support.clients import BOOM, capture, errors, events, ingest, php
from tests.support.gateway import call
from tests.support.scenarios import Replied
from tests.support.unclaimed import counted, generated, stored


@pytest.fixture(autouse=True)
def _atomic(aws: None) -> Iterator[None]:
    with atomic():
        yield


def post(project: Project, body: object, key: str) -> Replied:
    response = ingest(project, body, idempotency_key=key)
    return Replied(response.status, response.text, "Idempotency-Replayed" in response.headers)


def write(project: Project, message: str) -> int | None:
    response = capture(project, message=message)
    assert response.status in (200, 503), response.text
    return response.json["id"] if response.status == 200 else None


def test_two_hundred_posts_with_one_key_store_one_event(busy: Project) -> None:
    ingest(busy, b"[]")
    text = scenarios.one_key_at_once(lambda _: post(busy, BOOM, "k"))
    (event,) = events(busy)
    assert text == f'{{"id": "{event["id"]}"}}'
    assert len(account.rows()["IDEMPOTENCY_TABLE"]) == 1


def test_posts_with_one_key_and_different_bodies_store_one_event(busy: Project) -> None:
    scenarios.one_key_at_once(lambda n: post(busy, {"message": str(n)}, "k"), times=40)
    assert len(events(busy)) == 1


def test_posts_with_different_keys_store_an_event_each(busy: Project) -> None:
    texts = scenarios.at_once(lambda n: post(busy, BOOM, str(n)).text, range(40))
    assert len(set(texts)) == len(events(busy)) == 40


@pytest.mark.parametrize("late_s", [0, 3_600], ids=["prompt", "late"])
def test_an_event_that_an_sdk_sends_many_times_at_once_is_stored_once(
    busy: Project, late_s: int
) -> None:
    sent = sdk.event(timestamp=now_ms() / 1000 - late_s)
    body = sdk.of_event(sent)

    def post(_: int) -> int:
        usecase.clear_cache()  # another environment
        return sdk.post(busy, body).status

    statuses = scenarios.at_once(post, range(40))
    assert set(statuses) <= {200, 503}
    assert 200 in statuses
    assert [event["event_id"] for event in events(busy)] == [sent["event_id"]]


def test_a_poller_sees_each_error_once_and_misses_none(busy: Project) -> None:
    scenarios.follow_while_writing(
        lambda message: write(busy, message),
        lambda since: [(error["id"], error["message"]) for error in errors(busy, since)],
    )


def test_clearing_while_others_write_loses_nothing(busy: Project) -> None:
    def clear() -> int | None:
        response = php(action="clear", hash=busy.key)
        assert response.status in (200, 503), response.text
        return response.json["deleted"] if response.status == 200 else None

    outcome = scenarios.clear_while_writing(
        lambda message: write(busy, message),
        clear,
        lambda: [error["id"] for error in errors(busy)],
    )
    assert capture(busy).json["id"] == len(outcome.accepted) + 1
    assert len(events(busy)) == len(outcome.remaining) + 1


def test_scripts_that_use_a_new_key_at_once_get_one_project() -> None:
    new = Project("", "brought by many")
    responses = scenarios.at_once(lambda _: capture(new), range(12))
    assert {response.status for response in responses} <= {200, 503}
    numbers = sorted(response.json["id"] for response in responses if response.status == 200)
    assert numbers == list(range(1, len(numbers) + 1))
    kinds = [row["sk"]["S"] for row in account.rows()["PROJECTS_TABLE"]]
    # Its keys are the one that was brought, and its DSN's.
    assert (kinds.count("project"), kinds.count("key")) == (1, 2)


def test_digests_of_overlapping_batches_at_once_count_each_event_once() -> None:
    project, start = new_project(), now_ms()
    items = [
        stream.event(project.id, start + n, fingerprint=f"f{n % 3}", release=f"r{n % 2}")
        for n in range(24)
    ]
    batch = stream.numbered(items)
    # Lambda runs one at a time for a shard; a run that it has given up may go on beside the next.
    scenarios.at_once(lambda n: stream.pump(batch[: 24 - 4 * (n % 3)]), range(6))
    stream.pump(batch)
    tally.assert_exact(items)


def test_a_rate_limit_holds_for_many_requests_at_once() -> None:
    project = new_project(rate_limit=20)
    responses = scenarios.at_once(lambda _: ingest(project).status, range(40))
    accepted = responses.count(202)
    # Three seconds give a token back; this takes less than a minute in any case.
    assert 20 <= accepted < 40
    assert responses.count(429) == 40 - accepted
    assert len(account.rows()["EVENTS_TABLE"]) == accepted


@pytest.mark.usefixtures("clock")
def test_fifty_requests_at_once_reach_a_quota_exactly() -> None:
    organizations.change(DEFAULT_ORGANIZATION, monthly_quota=30)
    project = new_project(metered=True)

    def write_as_one_of_many(number: int) -> int:
        if number % 3 == 0:
            quota.clear_cache()  # another environment, which has leased nothing yet
        return ingest(project).status

    responses = scenarios.at_once(write_as_one_of_many, range(50))
    assert responses.count(202) == 30
    assert responses.count(402) == 20
    assert len(events(project)) == 30


def test_requests_of_an_address_block_at_once_do_not_exceed_its_limit_of_projects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("errata.usecases.legacy.MAX_CREATIONS", 5)

    def generate(_: int) -> int:
        return php(action="generate").status

    statuses = scenarios.at_once(generate, range(20))
    while statuses.count(200) < 5:  # a conflict that outlasts the attempts is a 503
        statuses += [generate(0)]
    assert set(statuses) <= {200, 429, 503}
    assert len(projects.list_projects()) == statuses.count(200) == 5


def test_requests_at_once_do_not_exceed_the_limit_of_unclaimed_projects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("errata.usecases.unclaimed.MAX_UNCLAIMED", 5)

    def generate(number: int) -> int:
        return call("GET", "/api.php?action=generate", ip=f"192.0.2.{number}").status

    statuses = scenarios.at_once(generate, range(20))
    while statuses.count(200) < 5:  # a conflict that outlasts the attempts is a 503
        statuses += [generate(20)]
    assert set(statuses) <= {200, 429, 503}
    assert stored() == counted() == statuses.count(200) == 5


def test_adopting_deleting_and_expiring_a_project_at_once_decrements_the_counter_once(
    clock: Clock,
) -> None:
    for project in [generated() for _ in range(4)]:

        def leave(number: int, project: Project = project) -> None:
            with suppress(ErrataError):
                match number % 3:
                    case 0:
                        unclaimed.adopt(project.id, DEFAULT_ORGANIZATION)
                    case 1:
                        projects_store.remove_project(projects.find(project.id), clock.ms)
                    case 2:
                        unclaimed_store.remove_expired(project.id, clock.ms + 7 * 86_400_000)

        scenarios.at_once(leave, range(9))
        assert stored() == counted()
    assert counted() == 0
