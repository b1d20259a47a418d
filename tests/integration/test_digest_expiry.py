"""Rows of IssuesTable expire, and the counts stay right."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from errata.config import settings
from errata.store import clients
from errata.usecases import issues, webhooks
from tests.support import stream
from tests.support.account import Clock, Project, rows
from tests.support.calls import Call, Killed, recorded, watched
from tests.support.visible import visible_in
from tests.support.webhooks import messages

KEPT_DAYS = 3
WRITES = "TransactWriteItems"
EVENT = {"fingerprint": "f", "release": "1.0"}
DAY_NS = 86_400 * 10**9


def expire(clock: Clock) -> int:
    """Delete the rows of IssuesTable that DynamoDB would have deleted by now. Return how many."""
    found = [row for row in rows()["ISSUES_TABLE"] if row["sk"]["S"] != "numbers"]
    gone = [row for row in found if int(row["ttl"]["N"]) <= clock.ms // 1000]
    for row in gone:
        key = {"pk": row["pk"], "sk": row["sk"]}
        clients.dynamodb().delete_item(TableName=settings().issues_table, Key=key)
    return len(gone)


class Shop:
    """A project whose events reach digest one by one."""

    def __init__(self, project_id: str, clock: Clock) -> None:
        self.project_id, self.clock, self.sequence = project_id, clock, 0

    def send(self, **fields: Any) -> None:
        self.sequence += 1
        item = stream.event(self.project_id, self.clock.ms, KEPT_DAYS, **fields)
        stream.pump([stream.record(item, self.sequence)])

    def send_slowly(self, text: str, meanwhile: Callable[[], None]) -> None:
        """Send an event of release 1.0. Its rows are read before `meanwhile`, and written after it.

        `meanwhile` is called before the first transaction that has this text.
        """
        begun: list[Call] = []

        def watch(call: Call) -> Any:
            if call.operation == WRITES and text in f"{WRITES} {call.parameters}" and not begun:
                begun.append(call)
                self.sequence = 5
                meanwhile()
            return call.send()

        self.sequence = 9
        with watched(watch):
            self.send(fingerprint="slow", release="1.0")
        assert begun

    def release(self) -> tuple[int, int, int]:
        (release,) = issues.list_releases(visible_in(self.project_id))
        return release.events, release.issues_opened, release.open_issues


@pytest.fixture
def shop(busy: Project, clock: Clock) -> Shop:
    return Shop(busy.id, clock)


def test_an_issue_with_an_event_every_day_is_one_open_issue_of_its_release(shop: Shop) -> None:
    for day in range(10):
        shop.send(**EVENT)
        assert shop.release() == (day + 1, 1, 1)
        shop.clock.days(1)
        expire(shop.clock)


def test_an_issue_seen_just_before_it_expires_is_one_open_issue_of_its_release(shop: Shop) -> None:
    for times in range(5):
        shop.send(**EVENT)
        assert shop.release() == (times + 1, 1, 1)
        # A second before everything expires.
        shop.clock.days(KEPT_DAYS)
        shop.clock.advance(-1)
        expire(shop.clock)


def test_the_rows_that_find_an_issue_are_written_once_a_week(shop: Shop) -> None:
    def finding() -> dict[str, str]:
        kinds = ("value#level", "number#open", "rank#users")
        found = [row for row in rows()["ISSUES_TABLE"] if row["sk"]["S"].startswith(kinds)]
        return {row["sk"]["S"]: row["ttl"]["N"] for row in found}

    shop.send(**EVENT)
    first = finding()
    assert len(first) == 3
    for _ in range(7):
        shop.clock.days(1)
        shop.send(**EVENT)
        assert finding() == first
    # The event expires after these rows.
    shop.clock.advance(1)
    shop.send(**EVENT)
    assert finding().keys() == first.keys()
    assert all(int(ttl) - int(first[sk]) == 7 * 86_400 + 1 for sk, ttl in finding().items())


def test_all_rows_of_an_issue_expire_after_its_last_event(shop: Shop) -> None:
    shop.send(**EVENT)
    shop.clock.days(KEPT_DAYS + 8)
    ranks = ["events", "users"]
    values = ["level", "release"]
    assert expire(shop.clock) == len(["issue", "release", "day", "number", *ranks, *values])
    known, numbers = sorted(row["sk"]["S"] for row in rows()["ISSUES_TABLE"])
    assert (known.partition("#")[0], numbers) == ("known", "numbers")
    # When a release was first seen is kept for a year, and up to a month.
    shop.clock.days(400)
    assert expire(shop.clock) == 1


def test_an_issue_that_returns_after_its_rows_were_deleted_is_new(shop: Shop) -> None:
    shop.send(**EVENT)
    shop.clock.days(KEPT_DAYS + 2)
    expire(shop.clock)
    shop.send(**EVENT)
    assert shop.release() == (1, 1, 1)
    (issue,) = issues.list_issues(visible_in(shop.project_id))
    assert (issue.count, issue.first_seen) == (1, shop.clock.ms)


# ------------------------------------------------------------------ expired, but not deleted


def test_an_expired_issue_that_returns_before_its_rows_are_deleted_is_new(shop: Shop) -> None:
    shop.send(fingerprint="f", environment="prod", release="1.0", context={"user": {"id": 1}})
    shop.send(fingerprint="f", release="1.0")
    shop.clock.days(KEPT_DAYS)
    assert list(issues.list_issues(visible_in(shop.project_id))) == []
    shop.send(fingerprint="f", environment="dev", release="2.0")
    (issue,) = issues.list_issues(visible_in(shop.project_id))
    assert (issue.count, issue.environments, issue.releases) == (1, {"dev": 1}, {"2.0": 1})
    assert issue.first_seen == issue.last_seen == shop.clock.ms
    assert (issue.users, list(issue.buckets.days.values())) == (b"", [1])


def test_an_expired_release_that_returns_before_its_row_is_deleted_is_new(shop: Shop) -> None:
    shop.send(**EVENT)
    shop.send(**EVENT)
    shop.clock.days(KEPT_DAYS)
    assert issues.list_releases(visible_in(shop.project_id)) == []
    shop.send(**EVENT)
    assert shop.release() == (1, 1, 1)
    (release,) = issues.list_releases(visible_in(shop.project_id))
    assert release.first_seen == shop.clock.ms


def test_a_known_release_is_kept_for_a_year_after_its_last_event(
    shop: Shop,
) -> None:
    for _ in range(3):
        shop.send(**EVENT)
        (known,) = [row for row in rows()["ISSUES_TABLE"] if row["sk"]["S"].startswith("known#")]
        assert int(known["ttl"]["N"]) >= shop.clock.ms // 1000 + 365 * 86_400
        shop.clock.days(40)


def test_a_release_that_expires_and_begins_again_between_read_and_write_is_a_new_one(
    shop: Shop,
) -> None:
    # A second before midnight, so that no day is counted by both of the events below.
    shop.clock.ns += DAY_NS - shop.clock.ns % DAY_NS - 10**9
    shop.send(**EVENT)
    shop.clock.days(KEPT_DAYS)
    shop.clock.advance(-0.5)
    slow = shop.clock.ms

    def expire_and_begin_again() -> None:
        shop.clock.advance(2)
        shop.send(fingerprint="other", release="1.0")

    shop.send_slowly(WRITES, expire_and_begin_again)
    assert shop.release() == (2, 2, 2)
    (release,) = issues.list_releases(visible_in(shop.project_id))
    assert release.first_seen == slow


def test_a_release_that_two_shards_create_at_the_same_time_counts_the_events_of_both(
    shop: Shop,
) -> None:
    shop.send_slowly("release#", lambda: shop.send(fingerprint="other", release="1.0"))
    assert shop.release() == (2, 2, 2)


def test_an_expired_issue_that_returns_counts_as_opened_by_its_release_again(shop: Shop) -> None:
    shop.send(**EVENT)
    shop.clock.days(KEPT_DAYS - 1)
    shop.send(**{**EVENT, "fingerprint": "g"})
    shop.clock.days(1)
    shop.send(**EVENT)
    (release,) = issues.list_releases(visible_in(shop.project_id))
    assert (release.events, release.issues_opened) == (3, 3)


@pytest.mark.parametrize("deleted", [False, True])
def test_an_expired_issue_is_not_an_open_issue_of_its_release(shop: Shop, deleted: bool) -> None:
    def open_issues() -> dict[str, int]:
        if deleted:
            expire(shop.clock)
        found = issues.list_releases(visible_in(shop.project_id))
        return {release.release: release.open_issues for release in found}

    shop.send(fingerprint="f", release="1.0")
    shop.clock.days(0.5)
    shop.send(fingerprint="g", release="1.0")
    assert open_issues() == {"1.0": 2}
    shop.clock.days(KEPT_DAYS - 0.5)
    assert open_issues() == {"1.0": 1}
    # It returns, in another release at first.
    shop.send(fingerprint="f", release="2.0")
    assert open_issues() == {"1.0": 1, "2.0": 1}
    shop.send(fingerprint="f", release="1.0")
    assert open_issues() == {"1.0": 2, "2.0": 1}


def test_an_expired_release_that_returns_counts_only_open_issues_seen_since_then(
    shop: Shop,
) -> None:
    shop.send(fingerprint="f", release="1.0")
    shop.clock.days(0.5)
    shop.send(fingerprint="f", release="2.0")
    shop.clock.days(KEPT_DAYS - 0.5)
    shop.send(fingerprint="g", release="1.0")
    found = issues.list_releases(visible_in(shop.project_id))
    assert {each.release: each.open_issues for each in found} == {"1.0": 1, "2.0": 1}


def test_a_resolved_issue_that_expired_without_a_closed_row_returns_open(shop: Shop) -> None:
    shop.send(**EVENT)
    (row,) = [row for row in rows()["ISSUES_TABLE"] if row["sk"]["S"].startswith("issue#")]
    clients.dynamodb().put_item(
        TableName=settings().issues_table, Item={**row, "status": {"S": "resolved"}}
    )
    shop.clock.days(KEPT_DAYS)
    shop.send(**EVENT)
    (issue,) = issues.list_issues(visible_in(shop.project_id))
    assert issue.status == "open"


def test_a_day_is_shown_until_its_newest_event_expires(shop: Shop) -> None:
    shop.send(**EVENT)
    day = f"{datetime.fromtimestamp(shop.clock.ms / 1000, UTC):%Y-%m-%d}"
    assert issues.list_days(visible_in(shop.project_id), "") == {day: 1}
    shop.clock.days(KEPT_DAYS)
    assert issues.list_days(visible_in(shop.project_id), "") == {}


def test_an_expired_day_that_is_counted_again_starts_from_zero(shop: Shop) -> None:
    shop.clock.ns += DAY_NS - shop.clock.ns % DAY_NS
    shop.send(**EVENT)
    shop.send(**EVENT)
    late = stream.event(shop.project_id, shop.clock.ms + 3_600_000, KEPT_DAYS, **EVENT)
    shop.clock.days(KEPT_DAYS)
    stream.pump([stream.record(late, 3)])
    assert list(issues.list_days(visible_in(shop.project_id), "").values()) == [1]


def test_a_batch_that_is_delivered_again_after_its_issue_expired_counts_nothing(shop: Shop) -> None:
    old = stream.record(stream.event(shop.project_id, shop.clock.ms, KEPT_DAYS, **EVENT), 1)
    stream.pump([old])
    shop.clock.days(KEPT_DAYS)
    new = stream.record(stream.event(shop.project_id, shop.clock.ms, KEPT_DAYS, **EVENT), 2)
    for batch in ([old], [old, new], [old, new], [new]):
        stream.pump(batch)
        for issue in issues.list_issues(visible_in(shop.project_id)):
            assert issue.count == 1
    assert shop.release() == (1, 1, 1)
    # Nor if DynamoDB has deleted the rows with the positions.
    shop.clock.days(KEPT_DAYS + 8)
    expire(shop.clock)
    stream.pump([old, new])
    kinds = [row["sk"]["S"].partition("#")[0] for row in rows()["ISSUES_TABLE"]]
    assert sorted(kinds) == ["known", "numbers"]


def test_a_transaction_takes_as_many_ignored_issues_that_return_as_fit(shop: Shop) -> None:
    def batch(first: int) -> list[dict[str, Any]]:
        items = [
            stream.event(shop.project_id, shop.clock.ms, KEPT_DAYS, fingerprint=f"f{n}")
            for n in range(40)
        ]
        return stream.numbered(items, first)

    stream.pump(batch(1))
    for issue in issues.list_issues(visible_in(shop.project_id)):
        issues.ignore(visible_in(shop.project_id), issue.id, "ada@example.com")
    shop.clock.days(KEPT_DAYS + 2)
    expire(shop.clock)
    with recorded() as seen:
        stream.pump(batch(101))
    sizes = [len(c.parameters["TransactItems"]) for c in seen if c.operation == WRITES]
    # Each with its number, and the row that keeps that it is ignored.
    assert sizes == [1 + 3 * 33, 1 + 3 * 7]
    found = issues.list_issues(visible_in(shop.project_id))
    assert [each.status for each in found] == ["ignored"] * 40


@pytest.mark.parametrize("deleted", ["before", "meanwhile", "never"])
def test_the_message_about_an_expired_issue_that_returns_has_an_id_of_its_own(
    shop: Shop, deleted: str
) -> None:
    def cut_off(call: Call) -> Any:
        if call.operation == "TransactWriteItems":
            raise Killed
        return call.send()

    webhooks.add(shop.project_id, "https://example.com/hook", ())
    shop.send(**EVENT)
    shop.send(**EVENT)
    (first,) = messages()
    shop.clock.days(KEPT_DAYS + 2)
    if deleted == "before":
        expire(shop.clock)
    back = stream.record(stream.event(shop.project_id, shop.clock.ms, KEPT_DAYS, **EVENT), 3)
    with watched(cut_off), pytest.raises(Killed):
        stream.deliver([back])
    if deleted == "meanwhile":
        expire(shop.clock)
    stream.pump([back])
    cut, again = messages()
    assert cut == again
    assert cut.id != first.id
