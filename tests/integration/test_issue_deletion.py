"""An issue is deleted at once, its events soon after. A later event opens a new issue."""

import itertools
from typing import Any

import pytest

from errata.config import settings
from errata.errors import NotFoundError
from errata.models.ids import now_ms
from errata.models.issue import Issue
from errata.store import clients, issue_deletions
from errata.usecases import issues, redrive, webhooks
from tests.support import clients as http
from tests.support import scenarios, stream
from tests.support.account import Clock, Project, new_project, rows
from tests.support.calls import Call, Killed, atomic, fault, killed, watched
from tests.support.fresh import clear_cache
from tests.support.gateway import handler
from tests.support.visible import visible_in
from tests.support.webhooks import messages

type Item = dict[str, Any]

BY = "anna@example.com"
EVENT: Item = {"message": "boom", "fingerprint": "f", "release": "1.0"}
OTHER: Item = {"message": "bang", "fingerprint": "g", "release": "1.0"}


class Shop:
    """A project, its stream, and the cleanup function."""

    def __init__(self, project: Project, clock: Clock) -> None:
        self.project, self.id, self.clock = project, project.id, clock
        self.log: list[Item] = []  # everything that was ever stored, in its order

    def send(self, event: Item = EVENT, digest: bool = True) -> str:
        self.clock.advance(1)
        response = http.ingest(self.project, event)
        assert response.status == 202
        return self.noted(response.json["id"], digest)

    def capture(self, message: str = "careful") -> int:
        """Submit an error by the legacy API. Return its number."""
        self.clock.advance(1)
        number: int = http.capture(self.project, message=message).json["id"]
        self.noted(stream.stored_events()[-1]["sk"]["S"], digest=True)
        return number

    def noted(self, event_id: str, digest: bool) -> str:
        (item,) = (each for each in stream.stored_events() if each["sk"]["S"] == event_id)
        self.log.append(item)
        if digest:
            self.digest()
        return event_id

    def digest(self) -> None:
        """Deliver all of the stream again."""
        stream.pump(stream.numbered(self.log))

    def issues(self) -> dict[str, Issue]:
        return {issue.title: issue for issue in issues.list_issues(visible_in(self.id))}

    def delete(self, title: str = "boom") -> str:
        self.clock.advance(1)
        issue_id = self.issues()[title].id
        issues.delete(visible_in(self.id, self.clock.ms), issue_id, BY)
        return issue_id

    def clean_up(self) -> None:
        """Pass the stream records of deletions to cleanup."""
        for row in rows()["EVENTS_TABLE"]:
            if row["sk"]["S"].startswith("delete#"):
                keys = {"pk": row["pk"], "sk": row["sk"]}
                handler("cleanup")({"Records": [{"dynamodb": {"Keys": keys}}]}, None)

    def stored(self) -> list[str]:
        return [event["id"] for event in http.events(self.project)][::-1]

    def remains(self) -> set[str]:
        """Return the keys of the cleanup tasks that are left."""
        return {row["sk"]["S"] for row in rows()["EVENTS_TABLE"] if "delete#" in row["sk"]["S"]}


@pytest.fixture
def shop(busy: Project, clock: Clock) -> Shop:
    return Shop(busy, clock)


# ------------------------------------------------------------------ what is deleted


def test_a_deleted_issue_and_its_activity_disappear_at_once(shop: Shop) -> None:
    shop.send()
    shop.send(OTHER)
    issue_id = shop.issues()["boom"].id
    for change in (issues.resolve, issues.reopen):
        change(visible_in(shop.id, shop.clock.ms), issue_id, BY)
    shop.delete()
    assert list(shop.issues()) == ["bang"]
    assert issues.list_activity(visible_in(shop.id), issue_id) == []
    with pytest.raises(NotFoundError):
        issues.find(visible_in(shop.id), issue_id)
    with pytest.raises(NotFoundError):
        issues.delete(visible_in(shop.id, shop.clock.ms), issue_id, BY)
    (release,) = issues.list_releases(visible_in(shop.id))
    assert (release.open_issues, release.events) == (1, 2)


def test_the_last_event_of_a_deleted_issue_is_not_counted_when_it_is_stored_again(
    shop: Shop,
) -> None:
    shop.send()
    (issue,) = shop.issues().values()
    # In the millisecond of the event: its id is the last one that is deleted.
    issues.delete(visible_in(shop.id, shop.clock.ms), issue.id, BY)
    shop.clean_up()
    assert shop.stored() == []
    # A retry of the call that stored it.
    stream.put(shop.log)
    shop.log *= 2
    shop.digest()
    assert (shop.issues(), shop.stored()) == ({}, [])


def test_cleanup_deletes_the_events_of_the_deleted_issue_and_no_others(
    shop: Shop, clock: Clock
) -> None:
    elsewhere = new_project()
    http.ingest(elsewhere, EVENT)
    shop.send()
    clock.advance(3_600)
    kept = [shop.send(OTHER)]
    shop.send()
    shop.delete()
    kept.append(shop.send())
    shop.clean_up()
    assert shop.stored() == kept
    assert shop.remains() == set()
    assert len(http.events(elsewhere)) == 1


def test_many_events_are_deleted(shop: Shop, clock: Clock) -> None:
    items = [stream.event(shop.id, clock.ms - 60_000 * n, **EVENT) for n in range(230, 0, -1)]
    stream.put(items)
    shop.log += items
    shop.digest()
    kept = shop.send(OTHER)
    shop.delete()
    shop.clean_up()
    assert shop.stored() == [kept]


def test_legacy_errors_are_deleted_with_their_numbers_and_a_clear_counts_the_rest(
    shop: Shop,
) -> None:
    assert [shop.capture() for _ in range(3)] == [1, 2, 3]
    assert shop.capture("other") == 4
    shop.delete("careful")
    shop.clean_up()
    assert [error["id"] for error in http.errors(shop.project)] == [4]
    assert [shop.capture() for _ in range(2)] == [5, 6]
    shop.delete("careful")
    shop.clean_up()
    assert shop.capture() == 7
    assert http.php(action="clear", hash=shop.project.key).json == {"ok": True, "deleted": 2}
    assert http.php(action="clear", hash=shop.project.key).json == {"ok": True, "deleted": 0}
    assert shop.capture() == 8
    assert http.php(action="clear", hash=shop.project.key).json == {"ok": True, "deleted": 1}


# ------------------------------------------------------------------ late and later events


def test_a_later_event_opens_a_new_issue_and_sends_a_message(shop: Shop) -> None:
    webhooks.add(shop.id, "https://example.com/hook", ())
    shop.send()
    shop.send()
    issue_id = shop.issues()["boom"].id
    issues.resolve(visible_in(shop.id, shop.clock.ms), issue_id, BY)
    shop.delete()
    event_id = shop.send()
    shop.clean_up()
    issue = shop.issues()["boom"]
    assert (issue.id, issue.count, issue.first_event) == (issue_id, 1, event_id)
    assert (issue.status, issues.list_activity(visible_in(shop.id), issue_id)) == ("open", [])
    assert len({message.id for message in messages()}) == 2
    assert shop.stored() == [event_id]


def test_an_issue_opened_after_a_deletion_is_only_in_releases_seen_since(shop: Shop) -> None:
    shop.send(EVENT | {"release": "1.0"})
    shop.send(EVENT | {"release": "2.0"})
    shop.delete()
    shop.send(EVENT | {"release": "2.0"})
    open_issues = {
        each.release: each.open_issues for each in issues.list_releases(visible_in(shop.id))
    }
    assert open_issues == {"1.0": 0, "2.0": 1}


def test_an_event_received_before_the_deletion_is_deleted_and_not_counted(shop: Shop) -> None:
    shop.send()
    shop.send(digest=False)
    shop.delete()
    shop.digest()
    assert shop.issues() == {}
    shop.clean_up()
    assert shop.stored() == []


def test_an_event_received_before_the_deletion_is_not_counted_by_the_new_issue(
    shop: Shop,
) -> None:
    shop.send()
    shop.delete()
    late = stream.event(shop.id, shop.clock.ms - 10, **EVENT)
    first = shop.send()
    stream.put([late])
    shop.noted(late["sk"]["S"], digest=True)
    shop.send()
    issue = shop.issues()["boom"]
    assert (issue.count, issue.first_event) == (2, first)
    shop.clean_up()
    assert len(shop.stored()) == 2
    shop.send(digest=False)
    shop.delete()
    shop.digest()
    assert shop.issues() == {}


def test_an_event_that_is_stored_during_the_cleanup_is_deleted(shop: Shop) -> None:
    shop.send()
    shop.delete()
    late = stream.event(shop.id, shop.clock.ms - 10, **EVENT)
    done = False

    def store_late(call: Call) -> Any:
        nonlocal done
        response = call.send()
        if (
            not done
            and call.parameters.get("ProjectionExpression")
            == "sk, issue, erased, of_issue, legacy_id"
        ):
            done = True
            stream.put([late])
        return response

    with watched(store_late):
        shop.clean_up()
    assert done
    assert stream.deliver(stream.numbered([late])) == []
    assert stream.stored_events() == []


def test_a_legacy_error_that_is_stored_after_the_cleanup_is_deleted_with_its_number(
    shop: Shop,
) -> None:
    shop.capture()
    shop.capture()
    error = shop.log[-1]
    number = next(reversed(numbers_of(shop)))
    shop.delete("careful")
    shop.clean_up()
    assert (stream.stored_events(), numbers_of(shop)) == ([], [])
    stream.put([error, number])
    assert stream.deliver(stream.numbered([error])) == []
    assert (stream.stored_events(), numbers_of(shop)) == ([], [])


def numbers_of(shop: Shop) -> list[Item]:
    """Return the rows of the legacy numbers, ascending."""
    found = [row for row in rows()["EVENTS_TABLE"] if row["pk"]["S"] == f"{shop.id}#legacy"]
    return sorted(found, key=lambda row: row["sk"]["S"])


def test_cleanup_deletes_events_that_the_index_does_not_have_yet(shop: Shop) -> None:
    shop.send()
    shop.send()
    shop.delete()

    def lag(call: Call) -> Any:
        if call.parameters.get("IndexName") == "by_issue":
            return {"Items": [], "Count": 0}
        return call.send()

    with watched(lag):
        shop.clean_up()
    assert stream.stored_events() == []


def test_a_counted_event_with_a_timestamp_in_the_future_is_deleted(shop: Shop) -> None:
    ahead = stream.event(shop.id, shop.clock.ms + 60_000, **EVENT)
    stream.put([ahead])
    shop.noted(ahead["sk"]["S"], digest=True)
    shop.delete()
    shop.digest()
    assert shop.issues() == {}
    shop.clean_up()
    assert stream.stored_events() == []


def test_an_issue_can_be_deleted_several_times(shop: Shop) -> None:
    for _ in range(3):
        shop.send()
        shop.send(OTHER)
        shop.delete()
        shop.digest()
        assert list(shop.issues()) == ["bang"]
    shop.clean_up()
    assert len(shop.stored()) == shop.issues()["bang"].count == 3


def test_a_deletion_during_the_cleanup_of_an_earlier_one_is_not_lost(shop: Shop) -> None:
    shop.send()
    shop.delete()
    done = False

    def again(call: Call) -> Any:
        nonlocal done
        if not done and call.operation == "DeleteItem":
            done = True
            shop.send()
            shop.delete()
        return call.send()

    with watched(again):
        shop.clean_up()
    assert shop.remains()
    shop.clean_up()
    assert (shop.stored(), shop.remains()) == ([], set())


def test_the_tombstone_of_a_deleted_issue_expires(shop: Shop) -> None:
    shop.send()
    shop.delete()
    (row,) = (row for row in rows()["ISSUES_TABLE"] if row["sk"]["S"].startswith("issue#"))
    assert set(row) == {
        "pk",
        "sk",
        "last_sequence",
        "stream",
        "deleted_through",
        "deleted_by",
        "deleted_at",
        "ttl",
    }
    assert (row["deleted_by"]["S"], row["deleted_at"]["N"]) == (BY, str(shop.clock.ms))
    assert int(row["ttl"]["N"]) >= shop.clock.ms // 1000 + 15 * 86_400


def test_an_issue_with_more_rows_than_a_transaction_takes_is_deleted(shop: Shop) -> None:
    for n in range(60):
        shop.log.append(stream.event(shop.id, shop.clock.ms + n, **EVENT | {"release": f"r{n}"}))
    shop.digest()
    issue_id = shop.issues()["boom"].id
    for n in range(50):
        change = (issues.resolve, issues.reopen)[n % 2]
        change(visible_in(shop.id, shop.clock.ms + n), issue_id, BY)
    shop.delete()
    kinds = {row["sk"]["S"].partition("#")[0] for row in rows()["ISSUES_TABLE"]}
    # The rows of its values expire. They are no longer the issue's: it is a tombstone.
    assert kinds == {"issue", "release", "known", "day", "value", "numbers"}
    assert shop.issues() == {}


# ------------------------------------------------------------------ interruptions, races, redrives


def test_an_interrupted_deletion_is_complete_or_has_changed_nothing(shop: Shop) -> None:
    for number in itertools.count(1):
        shop.send()
        issues.resolve(visible_in(shop.id, shop.clock.ms), shop.issues()["boom"].id, BY)
        with fault(number, killed, after=True) as outcome:
            try:
                issues.delete(
                    visible_in(shop.id, shop.clock.ms), shop.log[-1]["issue"]["S"].split("#")[1], BY
                )
            except Killed:
                clear_cache()
        assert bool(shop.issues()) != bool(shop.remains())
        if shop.issues():
            shop.delete()
        shop.clean_up()
        assert shop.stored() == []
        if not outcome.struck:
            break


def test_an_interrupted_cleanup_is_finished_by_the_next_run(shop: Shop) -> None:
    for number in itertools.count(1):
        shop.send(OTHER)
        shop.capture()
        shop.capture()
        shop.delete("careful")
        with fault(number, killed, after=True) as outcome:
            try:
                shop.clean_up()
            except Killed:
                clear_cache()
        shop.clean_up()
        assert http.errors(shop.project) == []
        assert len(shop.stored()) == number
        assert shop.remains() == set()
        if not outcome.struck:
            break
    assert number > 8
    assert http.php(action="clear", hash=shop.project.key).json["deleted"] == 0


@pytest.mark.parametrize("at", ["BatchGetItem", "TransactWriteItems"])
def test_a_digest_during_a_deletion_counts_no_deleted_event(shop: Shop, at: str) -> None:
    shop.send()
    issue_id = shop.issues()["boom"].id
    shop.send(digest=False)
    done = False

    def digest(call: Call) -> Any:
        nonlocal done
        if not done and call.operation == at and "issue#" in str(call.parameters):
            done = True
            shop.digest()
        return call.send()

    with watched(digest):
        issues.delete(visible_in(shop.id, shop.clock.ms), issue_id, BY)
    assert done
    shop.digest()
    assert shop.issues() == {}
    shop.clean_up()
    assert shop.stored() == []


def test_a_digest_sees_a_deletion_that_happens_before_its_write(shop: Shop) -> None:
    shop.send()
    shop.send(digest=False)
    later = shop.send(digest=False)
    issue_id = shop.issues()["boom"].id
    done = False

    def delete(call: Call) -> Any:
        nonlocal done
        if not done and call.operation == "PutItem" and "issue#" in str(call.parameters):
            done = True
            issues.delete(visible_in(shop.id, shop.clock.ms - 500), issue_id, BY)
        return call.send()

    with watched(delete):
        shop.digest()
    issue = shop.issues()["boom"]
    assert (issue.count, issue.first_event) == (1, later)
    shop.clean_up()
    assert shop.stored() == [later]


def test_concurrent_deletions_and_digests_count_exactly_the_events_that_are_left(
    busy: Project,
) -> None:
    start_ms = now_ms() - 1_000
    items = [stream.event(busy.id, start_ms + 10 * n, 3_650, **EVENT) for n in range(30)]
    stream.put(items)
    batch = stream.numbered(items)
    stream.pump(batch[:3])
    (issue,) = issues.list_issues(visible_in(busy.id))

    def work(number: int) -> None:
        if number % 2:
            stream.pump(batch[: 5 * number])
        else:
            try:
                issues.delete(visible_in(busy.id, start_ms + 30 * number + 5), issue.id, BY)
            except NotFoundError:
                return

    with atomic():
        scenarios.at_once(work, range(6))
    stream.pump(batch)
    (task,) = issue_deletions.list_cleanup_tasks(busy.id)
    left = [item["sk"]["S"] for item in items if item["sk"]["S"] > task.through]
    counts = [(each.count, each.first_event) for each in issues.list_issues(visible_in(busy.id))]
    assert counts == [(len(left), left[0])]


def test_a_redrive_finishes_a_dead_lettered_cleanup(shop: Shop) -> None:
    shop.send()
    shop.delete()
    url = settings().cleanup_dead_letter_url
    clients.sqs().send_message(QueueUrl=url, MessageBody='{"DDBStreamBatchInfo": {}}')
    (letter,) = redrive.redrive_queue("cleanup")
    assert letter.done
    assert (shop.stored(), shop.remains()) == ([], set())


def test_a_redrive_counts_no_event_of_a_deleted_issue(shop: Shop) -> None:
    shop.send()
    early = shop.send(digest=False)
    shop.delete()
    later = shop.send(digest=False)
    url = settings().digest_dead_letter_url
    for event_id in (early, later):
        body = f'{{"project_id":"{shop.id}","event_id":"{event_id}","reason":"x"}}'
        clients.sqs().send_message(QueueUrl=url, MessageBody=body)
    assert [each.done for each in redrive.redrive_queue("digest")] == [True, True]
    issue = shop.issues()["boom"]
    assert (issue.count, issue.first_event) == (1, later)


def test_a_clear_after_a_deletion_deletes_all_earlier_events(shop: Shop) -> None:
    shop.send()
    shop.delete()
    http.php(action="clear", hash=shop.project.key)
    shop.clock.advance(60)
    kept = shop.send()
    shop.clean_up()
    assert shop.stored() == [kept]
    assert shop.issues()["boom"].count == 1
