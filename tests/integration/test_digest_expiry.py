"""Rows of IssuesTable come and go by their time to live, and the counts stay right."""

from typing import Any

import pytest

from errata.config import settings
from errata.store import clients
from errata.usecases import issues
from tests.support import stream
from tests.support.account import Clock, Project, rows

KEPT_DAYS = 3
EVENT = {"fingerprint": "f", "release": "1.0"}


def expire(clock: Clock) -> int:
    """Delete what DynamoDB would by now have deleted of IssuesTable; how many rows that were."""
    gone = [row for row in rows()["ISSUES_TABLE"] if int(row["ttl"]["N"]) <= clock.ms // 1000]
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

    def release(self) -> tuple[int, int, int]:
        (release,) = issues.list_releases(self.project_id)
        return release.events, release.issues_opened, release.open_issues


@pytest.fixture
def shop(busy: Project, clock: Clock) -> Shop:
    return Shop(busy.id, clock)


def test_an_issue_that_goes_on_and_on_is_one_open_issue_of_its_release(shop: Shop) -> None:
    for day in range(10):
        shop.send(**EVENT)
        assert shop.release() == (day + 1, 1, 1)
        shop.clock.days(1)
        expire(shop.clock)


def test_an_issue_seen_seldom_is_one_open_issue_of_its_release(shop: Shop) -> None:
    for times in range(5):
        shop.send(**EVENT)
        assert shop.release() == (times + 1, 1, 1)
        # A moment before everything expires.
        shop.clock.days(KEPT_DAYS)
        shop.clock.advance(-1)
        expire(shop.clock)


def test_remembering_where_an_issue_was_seen_costs_one_write_a_day(shop: Shop) -> None:
    def sightings() -> list[dict[str, Any]]:
        return [row for row in rows()["ISSUES_TABLE"] if row["sk"]["S"].startswith("seen#")]

    shop.send(**EVENT)
    (first,) = sightings()
    shop.clock.days(0.9)
    shop.send(**EVENT)
    assert sightings() == [first]
    shop.clock.days(0.2)
    shop.send(**EVENT)
    assert sightings() != [first]


def test_what_nobody_sees_any_more_is_gone(shop: Shop) -> None:
    shop.send(**EVENT)
    shop.clock.days(KEPT_DAYS + 2)
    assert expire(shop.clock) == len(["issue", "release", "sighting", "day"])
    assert rows()["ISSUES_TABLE"] == []


def test_an_issue_that_comes_back_after_its_rows_are_gone_is_new(shop: Shop) -> None:
    shop.send(**EVENT)
    shop.clock.days(KEPT_DAYS + 2)
    expire(shop.clock)
    shop.send(**EVENT)
    assert shop.release() == (1, 1, 1)
    (issue,) = issues.list_issues(shop.project_id)
    assert (issue.count, issue.first_seen) == (1, shop.clock.ms)


def test_an_issue_that_comes_back_before_its_rows_are_gone_is_shown_again(shop: Shop) -> None:
    shop.send(**EVENT)
    shop.clock.days(KEPT_DAYS)
    assert list(issues.list_issues(shop.project_id)) == []
    shop.send(**EVENT)
    (issue,) = issues.list_issues(shop.project_id)
    assert issue.last_seen == shop.clock.ms
    assert shop.release()[2] == 1
