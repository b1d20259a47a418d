"""Merges that end when issues expire, and ignored heads: no alert is missing."""

from typing import Any

import pytest

from errata.config import settings
from errata.models.issue_change import IGNORE, RESOLVE, Change
from errata.store import clients
from errata.usecases import issues, webhooks
from tests.integration.test_digest_expiry import expire
from tests.integration.test_merge import ANNA, DAY_S, Desk
from tests.support.account import Clock, Project
from tests.support.calls import Call, watched
from tests.support.webhooks import messages

KEPT_S = 3 * DAY_S


class WebhookDesk(Desk):
    """A desk whose project has a webhook."""

    def expire(self) -> None:
        self.clock.advance(KEPT_S + DAY_S)
        expire(self.clock)
        messages()

    def messages_for(self, name: str, **fields: Any) -> list[str]:
        """Send an event. Return the messages that the webhook gets for it."""
        self.hit(name, **fields)
        return [each.event for each in messages()]


@pytest.fixture
def desk(busy: Project, clock: Clock) -> WebhookDesk:
    webhooks.add(busy.id, "https://example.com/hook", ("issue.created", "issue.regressed"))
    return WebhookDesk(busy.id, clock)


@pytest.mark.parametrize(
    ("change", "status", "events"),
    [
        (None, "open", ["issue.created"]),
        (Change(RESOLVE), "regressed", ["issue.regressed"]),
        (Change(RESOLVE, release="2.0"), "resolved", []),
        (Change(IGNORE), "ignored", []),
        (Change(IGNORE, until="events", number=2), "ignored", []),
    ],
)
@pytest.mark.parametrize("head_first", [False, True])
def test_a_member_that_returns_has_the_status_of_its_head_if_all_have_expired(
    desk: WebhookDesk, change: Change | None, status: str, events: list[str], head_first: bool
) -> None:
    desk.merge("a", "b")
    if change:
        desk.change("a", change)
    changed_at = desk.clock.ms
    desk.expire()
    if head_first:
        # The head is open then, and the member is a new issue.
        assert desk.messages_for("a") == events
        status, events = {"regressed": ("open", ["issue.created"])}.get(status, (status, events))
    assert desk.messages_for("b") == events
    assert (desk.of("b").id, desk.of("b").status) == (desk.ids["b"], status)
    assert ("b", 1) in desk.listed(f"is:{status}")
    assert desk.of("b").count == 1
    if status in ("resolved", "ignored"):
        assert desk.of("b").status_at == changed_at


def test_an_expired_head_and_its_member_return_in_one_batch(desk: WebhookDesk) -> None:
    desk.merge("a", "b")
    desk.change("a", Change(RESOLVE))
    desk.expire()
    for name in "ba":
        desk.store(fingerprint=name, message=f"error of {name}")
    desk.digest()
    assert [each.event for each in messages()] == ["issue.regressed", "issue.regressed"]
    assert desk.listed("is:regressed") == [("a", 1), ("b", 1)]


def test_a_release_without_version_is_looked_up_for_a_member_that_returns(
    desk: WebhookDesk,
) -> None:
    desk.merge("a", "b")
    desk.change("a", Change(RESOLVE, release="red"))
    desk.expire()
    desk.hit("c", release="blue")
    desk.hit("c", release="red")
    messages()
    assert desk.messages_for("b", release="blue") == []
    assert desk.messages_for("b", release="green") == ["issue.regressed"]


def test_an_expired_member_of_a_head_that_was_deleted_is_a_new_issue(desk: WebhookDesk) -> None:
    desk.merge("a", "b")
    desk.clock.advance(2 * DAY_S)
    desk.hit("a")
    desk.clock.advance(2 * DAY_S)
    expire(desk.clock)
    issues.delete(desk.visible, desk.ids["a"], ANNA)
    messages()
    assert desk.messages_for("b") == ["issue.created"]
    assert desk.listed("is:open") == [("b", 1)]


def test_an_expired_member_of_a_head_that_was_merged_is_a_new_issue(desk: WebhookDesk) -> None:
    desk.merge("a", "b")
    desk.clock.advance(2 * DAY_S)
    desk.hit("a")
    desk.hit("c")
    desk.clock.advance(2 * DAY_S)
    expire(desk.clock)
    desk.merge("c", "a")
    desk.change("c", Change(RESOLVE))
    messages()
    assert desk.messages_for("b") == ["issue.created"]
    assert desk.listed() == [("b", 1), ("c", 4)]
    # The head keeps the member that it has.
    assert desk.messages_for("a") == ["issue.regressed"]
    assert desk.listed() == [("b", 1), ("c", 5)]


def test_an_issue_merged_into_a_head_while_that_is_merged_follows_it(desk: WebhookDesk) -> None:
    desk.hit("d")
    begun: list[int] = []

    def second(call: Call) -> Any:
        if call.operation == "TransactWriteItems" and not begun:
            begun.append(1)
            desk.merge("a", "d")
        return call.send()

    with watched(second):
        desk.merge("c", "a")
    assert desk.of("d").id == desk.ids["c"]
    desk.change("c", Change(RESOLVE))
    desk.hit("d")
    assert desk.listed() == [("b", 1), ("c", 4)]
    assert desk.of("c").status == "regressed"
    assert desk.separate("a").members == ()
    assert desk.listed() == [("a", 1), ("b", 1), ("c", 3)]


# ------------------------------------------------------------------ ignored until so many more


def waits(desk: Desk, name: str, until: str, most: int = 9) -> int:
    """Return after how many events of new users an ignored issue is open."""
    for number in range(1, most):
        desk.hit(name, context={"user": {"id": f"new {name} {number}"}})
        if desk.of("a").status == "open":
            return number
    return most


def hits(desk: Desk, name: str, number: int) -> None:
    for each in range(number):
        desk.hit(name, context={"user": {"id": f"{name} {each}"}})


@pytest.mark.parametrize("until", ["events", "users"])
def test_a_merge_does_not_wake_an_ignored_head(desk: WebhookDesk, until: str) -> None:
    hits(desk, "b", 6)
    hits(desk, "a", 2)
    desk.change("a", Change(IGNORE, until=until, number=3))
    desk.hit("a", context={"user": {"id": "x"}})
    desk.merge("a", "b")
    assert waits(desk, "a", until) == 2


@pytest.mark.parametrize("until", ["events", "users"])
def test_separating_a_member_does_not_prolong_the_wait_of_an_ignored_head(
    desk: WebhookDesk, until: str
) -> None:
    hits(desk, "b", 6)
    desk.merge("a", "b")
    desk.change("a", Change(IGNORE, until=until, number=4))
    desk.hit("b", context={"user": {"id": "x"}})
    desk.separate("b")
    assert waits(desk, "a", until) == 3


@pytest.mark.parametrize("until", ["events", "users"])
def test_an_expired_member_does_not_prolong_the_wait_of_an_ignored_head(
    desk: WebhookDesk, until: str
) -> None:
    hits(desk, "b", 6)
    desk.merge("a", "b")
    desk.clock.advance(2 * DAY_S)
    hits(desk, "a", 1)
    desk.change("a", Change(IGNORE, until=until, number=3))
    desk.clock.advance(2 * DAY_S)
    expire(desk.clock)
    assert waits(desk, "a", until) == 3


def test_an_event_of_a_member_that_has_members_makes_its_head_regress(
    desk: WebhookDesk,
) -> None:
    """Earlier, two merges at once could leave such issues."""
    desk.merge("c", "a")
    key = {"pk": {"S": desk.visible.partition}, "sk": {"S": f"issue#{desk.ids['a']}"}}
    clients.dynamodb().update_item(
        TableName=settings().issues_table,
        Key=key,
        UpdateExpression="SET members = :members",
        ExpressionAttributeValues={":members": {"B": bytes.fromhex(desk.ids["b"])}},
    )
    desk.change("c", Change(RESOLVE))
    desk.hit("a")
    assert desk.listed("is:regressed") == [("c", 3)]


# ------------------------------------------------------------------ found by values


def test_a_head_that_expires_later_because_of_a_merge_is_still_found_by_its_values(
    desk: WebhookDesk,
) -> None:
    """Its value rows do not live longer, so they must be written again."""

    def day(at: float) -> None:
        desk.clock.advance(int(at * DAY_S) - (desk.clock.ms - start_ms) // 1000)
        expire(desk.clock)

    start_ms = desk.clock.ms
    desk.hit("a", logger="cart")
    day(2.9)
    desk.hit("b")
    desk.merge("a", "b")
    for at in (4.9, 6.9, 8.9, 9.7):
        day(at)
        desk.hit("a", logger="cart")
    day(10.5)
    assert desk.listed("logger:cart") == [("a", 6)]
