"""A function is interrupted between its calls to AWS. A second run completes the work."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from errata.errors import InvalidInputError
from errata.models.ids import now_ms
from errata.usecases import delete_project, projects, unclaimed
from tests.support import account, sdk, stream
from tests.support.account import Clock, Project, new_project
from tests.support.calls import Call, Killed, fault, killed, throttled, watched
from tests.support.clients import BOOM, capture, errors, events, ingest, php
from tests.support.fresh import clear_cache
from tests.support.gateway import Response
from tests.support.unclaimed import counted, generated, stored


def cut_everywhere(do: Callable[[], object]) -> Iterator[int]:
    """Cut `do` off at its first call, its second, and so on. Yield after each cut."""
    for number in count(1):
        clear_cache()
        with fault(number, killed, after=True) as outcome:
            try:
                do()
            except Killed:
                clear_cache()
        if not outcome.struck:
            assert number > 1
            return
        yield number


@pytest.mark.parametrize("late_s", [0, 3_600], ids=["prompt", "late"])
def test_an_sdk_event_that_is_sent_again_after_an_interruption_is_stored_once(
    busy: Project, late_s: int
) -> None:
    sent: list[dict[str, Any]] = []

    def post() -> Response:
        return sdk.post(busy, sdk.of_event(sent[-1]))

    sent.append(sdk.event(timestamp=now_ms() / 1000 - late_s))
    for _ in cut_everywhere(post):
        assert post().status == 200
        assert post().status == 200
        found = [event["event_id"] for event in events(busy)]
        assert sorted(found) == sorted(each["event_id"] for each in sent)
        sent.append(sdk.event(timestamp=now_ms() / 1000 - late_s))


def test_an_envelope_that_is_sent_again_after_an_interruption_stores_each_event_once(
    busy: Project,
) -> None:
    for number in count(1):
        # The third event has no id of its own.
        sent = [sdk.event(), sdk.event(), {"message": "m", "timestamp": now_ms() / 1000}]
        body = sdk.envelope(
            *(sdk.item("event", each) for each in sent), event_id=sent[0]["event_id"]
        )
        clear_cache()
        with fault(number, killed, after=True) as outcome, suppress(Killed):
            sdk.post(busy, body)
        clear_cache()
        assert sdk.post(busy, body).status == 200
        assert sdk.post(busy, body).status == 200
        found = [event["event_id"] for event in events(busy)]
        assert len(found) == len(set(found)) == number * 3
        if not outcome.struck:
            assert number > 3
            return


def clean_up(project: Project) -> None:
    stream.cleaned(project.id)


def test_an_interrupted_ingest_stores_the_event_with_its_idempotency_record_or_nothing(
    project: Project,
) -> None:
    keys: list[str] = []

    def post() -> Response:
        return ingest(project, BOOM, idempotency_key=keys[-1])

    keys.append("key 0")
    for number in cut_everywhere(post):
        stored = account.rows()
        assert len(stored["EVENTS_TABLE"]) == len(stored["IDEMPOTENCY_TABLE"])
        before = {event["id"] for event in events(project)}
        again = post()
        assert again.status == 202
        replayed = "Idempotency-Replayed" in again.headers
        assert replayed == (again.json["id"] in before)
        assert post().text == again.text
        assert len(events(project)) == len(keys)
        keys.append(f"key {number}")


def test_an_interrupted_ingest_without_an_idempotency_key_stores_a_whole_event_or_none(
    project: Project,
) -> None:
    for _ in cut_everywhere(lambda: ingest(project)):
        assert [event["message"] for event in events(project)] in ([], ["boom"])
        for event in account.rows()["EVENTS_TABLE"]:
            assert event["payload"]["B"]
        if events(project):
            break


def test_an_interrupted_legacy_error_takes_a_number_only_if_it_is_stored(busy: Project) -> None:
    for _ in cut_everywhere(lambda: capture(busy)):
        numbers = [error["id"] for error in errors(busy)]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(events(busy)) == len(numbers)
        assert capture(busy).json["id"] == len(numbers) + 1


def test_a_new_legacy_key_creates_exactly_one_project_even_after_interruptions() -> None:
    new: list[Project] = [Project("", "key 0")]
    for number in cut_everywhere(lambda: capture(new[-1])):
        response = capture(new[-1])
        assert response.status == 200
        assert [error["id"] for error in errors(new[-1])] == list(range(1, response.json["id"] + 1))
        new.append(Project("", f"key {number}"))
    projects = [row for row in account.rows()["PROJECTS_TABLE"] if row["sk"]["S"] == "project"]
    assert len(projects) == len(new)


def test_an_interrupted_clear_hides_everything_or_nothing(busy: Project) -> None:
    def clear() -> Response:
        return php(action="clear", hash=busy.key)

    def fill() -> None:
        for _ in range(2):
            capture(busy)
            ingest(busy)

    fill()
    for _ in cut_everywhere(clear):
        seen = (len(errors(busy)), len(events(busy)))
        assert seen in ((0, 0), (2, 4))
        response = clear()
        assert response.json == {"ok": True, "deleted": seen[0]}
        assert (errors(busy), events(busy)) == ([], [])
        fill()


def test_an_interrupted_cleanup_is_finished_by_the_next_run(busy: Project, clock: Clock) -> None:
    other = new_project()
    capture(other)
    for number in count(1):
        for _ in range(3):
            capture(busy)
            ingest(busy)
        stream.pump([r for r in stream.records() if r["dynamodb"]["Keys"]["pk"]["S"] == busy.id])
        php(action="clear", hash=busy.key)
        clock.advance(1)
        kept = {ingest(busy).json["id"]}
        with fault(number, killed, after=True) as outcome:
            try:
                clean_up(busy)
            except Killed:
                clear_cache()
        clean_up(busy)
        assert {event["id"] for event in events(busy)} == kept
        assert {row["sk"]["S"] for row in stream.stored_events()} >= kept
        assert len(stream.stored_events()) == len(kept) + 1
        assert not [
            row for row in account.rows()["ISSUES_TABLE"] if row["pk"]["S"] == f"{busy.id}#0"
        ]
        assert len(errors(other)) == 1
        if not outcome.struck:
            break


# ------------------------------------------------------------------ concurrent writers, throttling


def test_a_cleanup_during_a_clear_does_not_change_the_number_of_deleted_errors(
    busy: Project,
) -> None:
    for _ in range(3):
        capture(busy)

    def worker(call: Call) -> Any:
        response = call.send()
        if call.operation == "TransactWriteItems" and "legacy_through" in str(call.parameters):
            clean_up(busy)
        return response

    with watched(worker):
        assert php(action="clear", hash=busy.key).json == {"ok": True, "deleted": 3}


@pytest.mark.parametrize(
    "request_",
    [
        lambda project: ingest(project),
        lambda project: ingest(project, BOOM, idempotency_key="k"),
        lambda project: ingest(project, {"level": 5}, idempotency_key="k"),
    ],
    ids=["ingest", "ingest once", "ingest once, bad"],
)
def test_a_throttled_ingest_is_503_whichever_call_is_throttled(
    project: Project, request_: Callable[[Project], Response]
) -> None:
    for number in count(1):
        clear_cache()
        with fault(number, throttled) as outcome:
            response = request_(project)
        if not outcome.struck:
            break
        assert (response.status, set(response.json)) == (503, {"message"})
        assert response.headers["Retry-After"] == "1"
        assert account.rows()["EVENTS_TABLE"] == []
    assert number > 2


@pytest.mark.parametrize("action", ["submit", "generate", "errors", "clear"])
def test_a_throttled_legacy_request_is_503_whichever_call_is_throttled(
    busy: Project, action: str
) -> None:
    for number in count(1):
        clear_cache()
        before = account.rows()
        with fault(number, throttled) as outcome:
            query = {"action": action, "hash": busy.key}
            response = capture(busy) if action == "submit" else php(**query)
        if not outcome.struck:
            break
        assert (response.status, response.json["ok"]) == (503, False)
        assert response.headers["Retry-After"] == "1"
        assert account.rows()["EVENTS_TABLE"] == before["EVENTS_TABLE"]
    assert number > 1


def test_a_legacy_error_that_is_stored_although_dynamodb_times_out_is_503(
    busy: Project,
) -> None:
    def silent(call: Call) -> BaseException:
        return ReadTimeoutError(endpoint_url="https://dynamodb.us-east-1.amazonaws.com/")

    for number in count(1):
        with fault(number, silent, after=True) as outcome:
            response = capture(busy)
        if stored := errors(busy):
            break
    assert outcome.struck
    assert (response.status, response.headers["Retry-After"]) == (503, "1")
    assert [error["id"] for error in stored] == [1]
    assert response.json == {"ok": False, "error": "The service is busy; try again."}


# ------------------------------------------------------------------ unclaimed projects


def assert_counted() -> None:
    """Fail unless the counter of unclaimed projects is exact, with those that have expired."""
    assert counted() == stored()


def test_an_interrupted_generate_counts_a_project_only_if_it_is_stored() -> None:
    before = 0
    for _ in cut_everywhere(lambda: php(action="generate")):
        assert stored() - before in (0, 1)
        assert_counted()
        assert php(action="generate").status == 200
        assert_counted()
        before = stored()


@pytest.mark.parametrize("send", [ingest, capture])
def test_a_first_event_that_is_sent_again_after_an_interruption_keeps_its_project(
    clock: Clock, send: Callable[[Project], Response]
) -> None:
    made = [generated()]
    for _ in cut_everywhere(lambda: send(made[-1])):
        assert send(made[-1]).status in (200, 202)
        made.append(generated())
    clock.days(7)
    clear_cache()
    # No event is ever in a project that expires, and each project that got one is still there.
    assert all(events(project) for project in made)
    assert_counted()


def test_an_expired_key_creates_one_project_even_if_its_creation_is_interrupted(
    clock: Clock,
) -> None:
    expired = [generated()]
    clock.days(7)
    for _ in cut_everywhere(lambda: capture(expired[-1])):
        assert_counted()
        assert capture(expired[-1]).status == 200
        assert_counted()
        expired.append(generated())
        clock.days(7)
    assert stored() == len(expired)


def test_an_interrupted_adoption_is_complete_or_has_changed_nothing() -> None:
    made = [generated()]
    for _ in cut_everywhere(lambda: unclaimed.adopt(made[-1].id, "default")):
        found = projects.find(made[-1].id)
        assert [each.id for each in projects.list_owned()].count(found.id) == (
            0 if found.unclaimed else 1
        )
        assert_counted()
        if not found.unclaimed:
            with pytest.raises(InvalidInputError, match="already belongs to organization default"):
                unclaimed.adopt(found.id, "default")
            made.append(generated())


def test_an_interrupted_deletion_of_unclaimed_projects_can_be_repeated() -> None:
    def delete() -> list[str]:
        return delete_project.delete_unclaimed(projects.list_unclaimed())

    kept = new_project()
    for number in cut_everywhere(delete):
        assert_counted()
        for _ in range(number % 2):
            assert ingest(generated()).status == 202
    assert (stored(), counted()) == (0, 0)
    assert [each.id for each in projects.list_projects()] == [kept.id]
