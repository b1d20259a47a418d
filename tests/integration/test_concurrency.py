"""Many clients at once, over moto with DynamoDB's atomicity and its collisions put back in."""

from collections.abc import Iterator

import pytest

from errata.models.ids import now_ms
from errata.models.organization import DEFAULT_ORGANIZATION
from errata.usecases import organizations, quota
from tests.support import account, scenarios, stream, tally
from tests.support.account import Project, new_project
from tests.support.calls import atomic
from tests.support.clients import BOOM, capture, errors, events, ingest, php
from tests.support.scenarios import Replied


@pytest.fixture(autouse=True)
def _atomic(aws: None) -> Iterator[None]:
    with atomic():
        yield


def post(project: Project, body: object, key: str) -> Replied:
    answer = ingest(project, body, idempotency_key=key)
    return Replied(answer.status, answer.text, "Idempotency-Replayed" in answer.headers)


def write(project: Project, message: str) -> int | None:
    answer = capture(project, message=message)
    assert answer.status in (200, 503), answer.text
    return answer.json["id"] if answer.status == 200 else None


def test_two_hundred_posts_with_one_key_store_one_event(busy: Project) -> None:
    ingest(busy, b"[]")
    text = scenarios.one_key_at_once(lambda _: post(busy, BOOM, "k"))
    (event,) = events(busy)
    assert text == f'{{"id": "{event["id"]}"}}'
    assert len(account.rows()["IDEMPOTENCY_TABLE"]) == 1


def test_posts_with_one_key_and_different_bodies_store_one_event(busy: Project) -> None:
    scenarios.one_key_at_once(lambda n: post(busy, {"message": str(n)}, "k"), times=40)
    assert len(events(busy)) == 1


def test_posts_with_different_keys_do_not_meet(busy: Project) -> None:
    texts = scenarios.at_once(lambda n: post(busy, BOOM, str(n)).text, range(40))
    assert len(set(texts)) == len(events(busy)) == 40


def test_a_poller_sees_each_error_once_and_misses_none(busy: Project) -> None:
    scenarios.follow_while_writing(
        lambda message: write(busy, message),
        lambda since: [(error["id"], error["message"]) for error in errors(busy, since)],
    )


def test_clearing_while_others_write_loses_nothing(busy: Project) -> None:
    def clear() -> int | None:
        answer = php(action="clear", hash=busy.key)
        assert answer.status in (200, 503), answer.text
        return answer.json["deleted"] if answer.status == 200 else None

    outcome = scenarios.clear_while_writing(
        lambda message: write(busy, message),
        clear,
        lambda: [error["id"] for error in errors(busy)],
    )
    assert capture(busy).json["id"] == len(outcome.accepted) + 1
    assert len(events(busy)) == len(outcome.remaining) + 1


def test_scripts_that_bring_a_new_key_at_once_get_one_project() -> None:
    new = Project("", "brought by many")
    answers = scenarios.at_once(lambda _: capture(new), range(12))
    assert {answer.status for answer in answers} <= {200, 503}
    numbers = sorted(answer.json["id"] for answer in answers if answer.status == 200)
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


def test_a_limit_holds_among_many_at_once() -> None:
    project = new_project(rate_limit=20)
    answers = scenarios.at_once(lambda _: ingest(project).status, range(40))
    accepted = answers.count(202)
    # Three seconds give a token back; this takes less than a minute in any case.
    assert 20 <= accepted < 40
    assert answers.count(429) == 40 - accepted
    assert len(account.rows()["EVENTS_TABLE"]) == accepted


def test_fifty_at_once_never_exceed_a_quota_and_reach_it_exactly() -> None:
    organizations.change(DEFAULT_ORGANIZATION, monthly_quota=30)
    project = new_project(metered=True)

    def write_as_one_of_many(number: int) -> int:
        if number % 3 == 0:
            quota.forget()  # another environment, which has leased nothing yet
        return ingest(project).status

    answers = scenarios.at_once(write_as_one_of_many, range(50))
    assert answers.count(202) == 30
    assert answers.count(402) == 20
    assert len(events(project)) == 30
