"""Issues resolved in a release or ignored until something: which event opens them again."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from errata.errors import InvalidInputError, NotFoundError
from errata.models.buckets import DAY_MS, HOUR_MS
from errata.models.issue import Activity, Issue
from errata.models.issue_change import IGNORE, REOPEN, RESOLVE, Change
from errata.models.settled import EVENTS, RISING, TIME, USERS, how
from errata.models.verdict import verdict
from errata.protocol.issues import SORTS, IssueQuery, read_query
from errata.usecases import issues, releases
from tests.integration.test_digest_expiry import expire
from tests.support import stream, tally
from tests.support.account import Clock, Project, rows
from tests.support.calls import Call, Killed, fault, killed, recorded, watched
from tests.support.fresh import clear_cache
from tests.support.visible import visible_in

ANNA = "anna@example.com"
KEPT_DAYS = 30
SHA, OTHER_SHA = (
    "3f786850e387550fdab836ed7e6dc881de23001b",
    "89e6c98d92887913cadf06b2adb97f26cde4849b",
)


class Shop:
    """A project with one issue, whose events are counted as they come."""

    def __init__(self, project_id: str, clock: Clock) -> None:
        self.id, self.clock, self.sequence = project_id, clock, 0

    def record(self, release: str = "", **fields: Any) -> dict[str, Any]:
        """Return the record of an event that happens a second later."""
        self.clock.advance(1)
        self.sequence += 1
        sent = {"fingerprint": "f", **({"release": release} if release else {}), **fields}
        item = stream.event(self.id, self.clock.ms, KEPT_DAYS, **sent)
        return stream.record(item, 1000 + self.sequence)

    def send(self, *releases: str, **fields: Any) -> Issue:
        stream.pump([self.record(each, **fields) for each in releases or ("",)])
        return self.issue

    def other(self, *names: str) -> None:
        """Send events of another issue in these releases."""
        stream.pump([self.record(each, fingerprint="other") for each in names])

    def settle(self, change: Change) -> Issue:
        self.clock.advance(1)
        return issues.change(visible_in(self.id, self.clock.ms), self.issue.id, change, ANNA)

    @property
    def issue(self) -> Issue:
        found = issues.list_issues(visible_in(self.id, self.clock.ms))
        return next(each for each in found if each.fingerprint == "f")

    @property
    def activity(self) -> list[Activity]:
        return issues.list_activity(visible_in(self.id, self.clock.ms), self.issue.id)

    @property
    def verdict(self) -> str:
        return verdict(self.issue, self.activity, self.clock.ms).sentence


@pytest.fixture
def shop(busy: Project, clock: Clock) -> Shop:
    return Shop(busy.id, clock)


# ------------------------------------------------------------------ resolved in a release

# (what, releases that other issues had before, releases of the issue, what it is resolved in,
# releases that do not reopen it, one that does)
Case = tuple[str, list[str], list[str], Change, list[str], str]
NEXT = Change(RESOLVE, in_next=True)
CASES: list[Case] = [
    ("a hotfix", [], ["10.23.0"], Change(RESOLVE, "10.24.0"), ["10.18.7", "10.23.9"], "10.24.0"),
    ("next, a hotfix", [], ["10.18.6", "10.24.0"], NEXT, ["10.18.7", "10.24.0"], "10.24.1"),
    ("bare and with a package", [], ["shop@1.9"], Change(RESOLVE, "1.10"), ["shop@1.9.9"], "1.10"),
    ("four numbers", [], ["a@6.0.0.9"], NEXT, ["a@6.0.0.8"], "a@6.0.0.10"),
    ("a forged release of another issue", ["999.9.9"], ["1.0"], NEXT, ["1.0"], "1.1"),
    ("CalVer", [], ["2026.11.26"], NEXT, ["2026.9.30"], "2026.11.26-2"),
    ("dates of digits", [], ["20261126"], NEXT, ["20260930"], "20261127"),
    ("no release", [], ["1.0"], NEXT, ["", "1.0"], "1.1"),
    ("commits", [SHA], [OTHER_SHA], NEXT, [SHA, OTHER_SHA], "f" * 40),
    ("a scheme that flips", [SHA], ["1.0"], NEXT, [SHA, "0.9"], "a" * 40),
    ("another package, older", ["web@9"], ["api@1"], NEXT, ["web@9", "api@1"], "web@10"),
    (
        "a release that nobody has seen",
        [],
        [SHA],
        Change(RESOLVE, "b" * 40),
        [SHA, "c" * 40],
        "b" * 40,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[each[0] for each in CASES])
def test_only_an_event_of_the_release_or_a_newer_one_reopens_the_issue(
    shop: Shop, case: Case
) -> None:
    _, others, seen, change, older, newer = case
    if others:
        shop.other(*others)
    shop.send(*seen)
    assert shop.settle(change).status == "resolved"
    for release in older:
        before = shop.issue.count
        found = shop.send(release)
        assert (found.status, found.count) == ("resolved", before + 1), release
    assert shop.send(newer).status == "regressed"
    assert how(shop.issue) == ""
    regressed, resolved = shop.activity
    assert (regressed.what, regressed.release) == ("regressed", newer)
    assert resolved.detail.startswith("in ")


def test_resolving_in_the_next_release_stores_and_shows_the_newest_release(shop: Shop) -> None:
    shop.send("shop@10.18.7", "shop@10.2.0", "shop@10.18.7")
    found = shop.settle(NEXT)
    assert (found.resolved_in, how(found)) == (
        "shop@10.18.7",
        "in the next release after shop@10.18.7",
    )
    assert shop.verdict == "Resolved in the next release after shop@10.18.7"
    assert found == shop.issue, "the change returns the issue as it is stored"


def test_an_event_received_before_the_resolve_does_not_reopen_the_issue(shop: Shop) -> None:
    shop.send("1.0")
    late = shop.record("2.0")
    shop.settle(Change(RESOLVE, "2.0"))
    stream.pump([late])
    assert (shop.issue.status, shop.issue.count) == ("resolved", 2)


def test_a_release_unseen_at_the_resolve_is_ordered_by_its_first_event(shop: Shop) -> None:
    shop.send(SHA)
    shop.settle(Change(RESOLVE, OTHER_SHA))
    assert shop.send("c" * 40).status == "resolved"
    shop.other(OTHER_SHA)
    assert shop.send("c" * 40).status == "resolved", "an older build goes on"
    assert shop.send("d" * 40).status == "regressed"


def test_an_issue_without_a_release_cannot_be_resolved_in_the_next_one(shop: Shop) -> None:
    shop.send()
    with pytest.raises(InvalidInputError, match="seen in no release"):
        shop.settle(NEXT)
    assert shop.issue.status == "open"


def test_an_old_build_does_not_reopen_an_issue_after_its_release_expired(shop: Shop) -> None:
    shop.other(SHA)
    shop.clock.days(KEPT_DAYS + 1)
    expire(shop.clock)
    shop.send(OTHER_SHA)
    shop.settle(NEXT)
    assert shop.send(SHA).status == "resolved"
    found = issues.list_releases(visible_in(shop.id, shop.clock.ms))
    (old,) = (each for each in found if each.release == SHA)
    assert old.since < shop.clock.ms - KEPT_DAYS * DAY_MS < old.first_seen
    # It is still an old release, now that its row exists again.
    assert shop.send(SHA, OTHER_SHA).status == "resolved"
    assert shop.send("e" * 40).status == "regressed"


def test_an_issue_that_expired_is_still_resolved_in_its_release(shop: Shop) -> None:
    shop.send("1.9")
    shop.settle(NEXT)
    shop.clock.days(KEPT_DAYS + 8)
    expire(shop.clock)
    found = shop.send("1.8")
    assert (found.status, found.count, how(found)) == (
        "resolved",
        1,
        "in the next release after 1.9",
    )
    assert shop.send("1.10").status == "regressed"


def test_a_release_is_ordered_by_the_time_that_a_person_has_set(shop: Shop) -> None:
    shop.send(OTHER_SHA)
    shop.settle(NEXT)
    visible = visible_in(shop.id, shop.clock.ms)
    stream.pump(batch := [shop.record(SHA, fingerprint="other")])

    def while_digest_counts(call: Call) -> Any:
        """Digest counts another event between the read and the write."""
        if call.operation == "TransactWriteItems" and call.function != "DigestFunction":
            stream.pump([batch.pop()] if batch else [])
        return call.send()

    batch[:] = [shop.record(SHA, fingerprint="other")]
    with watched(while_digest_counts):
        releases.set_released(visible, SHA, shop.clock.ms - DAY_MS)
    assert batch == []
    assert shop.send(SHA).status == "resolved"
    (old,) = (each for each in issues.list_releases(visible) if each.release == SHA)
    assert (old.events, old.since) == (3, old.released_at)
    # Its time is known when its row has expired, too.
    shop.clock.days(KEPT_DAYS)
    shop.send("g")
    shop.clock.days(2)
    expire(shop.clock)
    shop.settle(Change(REOPEN))
    shop.settle(Change(RESOLVE, OTHER_SHA))
    assert shop.send(SHA).status == "resolved"
    visible = visible_in(shop.id, shop.clock.ms)
    releases.set_released(visible, SHA, 0)
    with pytest.raises(NotFoundError, match="no release nothing"):
        releases.set_released(visible, "nothing", 0)


def test_comparing_versions_makes_no_call(shop: Shop) -> None:
    def calls(*names: str) -> list[str]:
        batch = [shop.record(each) for each in names]
        with recorded() as seen:
            stream.pump(batch)
        return [each.operation for each in seen]

    shop.send("1.0", "1.1")
    plain = calls("1.0", "1.1")
    shop.settle(Change(RESOLVE, "7.0"))
    assert calls("1.0", "1.1") == plain
    shop.settle(Change(RESOLVE, SHA))
    # No event had this release yet, so digest looks it up.
    assert calls("1.0", "1.1") == [plain[0], "BatchGetItem", *plain[1:]]


# ------------------------------------------------------------------ ignored until something


def test_an_ignored_issue_wakes_with_the_last_of_n_more_events(shop: Shop) -> None:
    shop.send("1", "1")
    shop.settle(Change(IGNORE, until=EVENTS, number=3))
    assert how(shop.issue) == "until 3 more events"
    assert shop.send("1", "1").status == "ignored"
    batch = [shop.record(), shop.record(), shop.record()]
    stream.pump(batch)
    assert (shop.issue.status, shop.issue.count, shop.issue.ignored_until) == ("open", 7, "")
    woken, ignored = shop.activity
    assert (woken.what, woken.detail) == ("woken", "3 more events since it was ignored")
    assert woken.event == batch[0]["dynamodb"]["Keys"]["sk"]["S"]
    assert (ignored.what, ignored.detail, ignored.by) == ("ignored", "until 3 more events", ANNA)
    assert shop.verdict == "Open again: 3 more events since it was ignored"
    # Batches that come again change nothing.
    stream.pump(batch)
    assert (shop.issue.count, len(shop.activity)) == (7, 2)


def test_an_ignored_issue_wakes_with_n_more_users(shop: Shop) -> None:
    users = iter(range(100))
    for _ in range(2):
        shop.send(context={"user": {"id": next(users)}})
    shop.settle(Change(IGNORE, until=USERS, number=2))
    assert shop.send(context={"user": {"id": 1}}).status == "ignored", "known already"
    assert shop.send(context={"user": {"id": next(users)}}).status == "ignored"
    assert shop.send(context={"user": {"id": next(users)}}).status == "open"
    assert shop.activity[0].detail == "≈ 2 more users since it was ignored"


def test_an_ignored_issue_wakes_when_it_is_rising(shop: Shop) -> None:
    shop.send()
    shop.settle(Change(IGNORE, until=RISING))
    assert shop.send(*[""] * 8).status == "ignored"
    assert shop.send().status == "open"
    assert shop.verdict.startswith("Rising: 10 in the last hour")
    # Ignored while it is rising: it must rise further within a day.
    shop.settle(Change(IGNORE, until=RISING))
    assert how(shop.issue) == "until it is rising further: 20 events in an hour, within a day"
    assert shop.send(*[""] * 9).status == "ignored"
    assert shop.send().status == "open"
    shop.settle(Change(IGNORE, until=RISING))
    shop.clock.days(2)
    assert shop.send(*[""] * 10).status == "open"


def listed(shop: Shop, status: str) -> set[tuple[int, ...]]:
    """Return how often each list of a status, and searches, show the issue."""
    visible = visible_in(shop.id, shop.clock.ms)
    lists = [issues.search(visible, IssueQuery(status=status, sort=sort)).issues for sort in SORTS]
    texts = (
        f"is:{status}",
        f"is:{status} boom",
        f"is:{status} release:1.0",
        f"is:{status} level:error",
    )
    lists += [issues.search(visible, read_query(text)).issues for text in texts]
    (release,) = issues.list_releases(visible)
    shown = {sum(each.fingerprint == "f" for each in found) for found in lists}
    return {(number, release.open_issues) for number in shown}


def test_an_ignored_issue_is_open_when_its_time_is_over_even_without_an_event(shop: Shop) -> None:
    shop.send("1.0")
    shop.settle(Change(IGNORE, until=TIME, number=shop.clock.ms + HOUR_MS))
    shop.send("1.0", "1.0")
    assert (listed(shop, "open"), listed(shop, "ignored")) == ({(0, 0)}, {(1, 0)})
    shop.clock.advance(HOUR_MS // 1000)
    assert (listed(shop, "open"), listed(shop, "ignored")) == ({(1, 1)}, {(0, 1)})
    assert shop.issue.status == "open"
    assert shop.verdict.startswith("Open again: it was ignored until ")
    # The next event writes it down.
    assert shop.send("1.0").ignored_until == ""
    assert [each.what for each in shop.activity] == ["woken", "ignored"]
    assert (listed(shop, "open"), listed(shop, "ignored")) == ({(1, 1)}, {(0, 1)})
    assert tally.counted(shop.id)["issues"][shop.issue.id]["count"] == 4


@pytest.mark.parametrize("then", [Change(RESOLVE), Change(IGNORE), Change(IGNORE, until=RISING)])
def test_an_issue_can_be_settled_again_after_its_time_is_over(shop: Shop, then: Change) -> None:
    shop.send("1.0")
    shop.settle(Change(IGNORE, until=TIME, number=shop.clock.ms + HOUR_MS))
    shop.clock.advance(HOUR_MS // 1000 + 1)
    status = shop.settle(then).status
    assert shop.issue.status == status != "open"
    assert (listed(shop, "open"), listed(shop, status)) == ({(0, 0)}, {(1, 0)})
    for change in (issues.reopen, issues.resolve):
        change(visible_in(shop.id, shop.clock.ms), shop.issue.id, ANNA)
    tally.counted(shop.id)


def test_an_ignored_issue_that_expired_keeps_its_condition(shop: Shop) -> None:
    shop.send()
    shop.settle(Change(IGNORE, until=EVENTS, number=3))
    shop.clock.days(KEPT_DAYS + 8)
    expire(shop.clock)
    assert shop.send("", "").status == "ignored", "it counts from zero again"
    assert shop.send("").status == "open"
    shop.settle(Change(IGNORE, until=TIME, number=shop.clock.ms + DAY_MS))
    shop.clock.days(KEPT_DAYS + 1)  # expired, but not deleted
    assert shop.send("").status == "open"
    assert shop.activity[0].what == "woken"


def test_a_deleted_issue_that_was_ignored_for_a_time_is_not_listed(shop: Shop) -> None:
    shop.send("1.0")
    shop.settle(Change(IGNORE, until=TIME, number=shop.clock.ms + HOUR_MS))
    issues.delete(visible_in(shop.id, shop.clock.ms), shop.issue.id, ANNA)
    assert list(issues.list_issues(visible_in(shop.id, shop.clock.ms))) == []


def rows_of(issue_id: str) -> list[str]:
    """Return the sort keys of the rows of an issue in all tables.

    Leaves out those that stay when it is deleted: its tombstone, the cleanup task, its values,
    which readers skip, and the day that names it.
    """
    return [
        row["sk"]["S"]
        for table in rows().values()
        for row in table
        if issue_id in str(row)
        and row["sk"]["S"].partition("#")[0] not in ("issue", "delete", "value", "day")
    ]


@pytest.mark.parametrize("until", [TIME, EVENTS, USERS, RISING])
def test_a_deleted_issue_leaves_no_rows_of_what_it_was_ignored_until(
    shop: Shop, until: str
) -> None:
    shop.send("1.0")
    issue_id = shop.issue.id
    number = {TIME: shop.clock.ms + HOUR_MS, EVENTS: 3, USERS: 3}.get(until, 0)
    shop.settle(Change(IGNORE, until=until, number=number))
    assert any("#ignored#" in sk for sk in rows_of(issue_id))
    assert any("#open#" in sk for sk in rows_of(issue_id)) == (until == TIME)
    issues.delete(visible_in(shop.id, shop.clock.ms), issue_id, ANNA)
    assert rows_of(issue_id) == []
    (tombstone,) = [
        each for each in rows()["ISSUES_TABLE"] if each["sk"]["S"] == f"issue#{issue_id}"
    ]
    assert not any(name.startswith("ignored") for name in tombstone)
    # A new issue starts without a condition.
    shop.clock.advance(HOUR_MS // 1000)
    found = shop.send("1.0")
    assert (found.status, found.ignored_until, found.count) == ("open", "", 1)
    assert "woken" not in [each.what for each in shop.activity]


# ------------------------------------------------------------------ interruptions and races


def test_an_event_counted_during_a_resolve_determines_the_next_release(
    shop: Shop,
) -> None:
    shop.send("1.9")
    batch = [shop.record("1.10")]

    def meanwhile(call: Call) -> Any:
        if call.operation == "TransactWriteItems" and call.function != "DigestFunction":
            stream.pump([batch.pop()] if batch else [])
        return call.send()

    with watched(meanwhile):
        found = shop.settle(NEXT)
    assert how(found) == "in the next release after 1.10"
    assert shop.issue == found
    assert (found.status, found.count) == ("resolved", 2)


@pytest.mark.parametrize(
    ("change", "status"),
    [(NEXT, "regressed"), (Change(IGNORE, until=EVENTS, number=1), "open"), (NEXT, "resolved")],
)
def test_settling_an_issue_while_digest_counts_loses_nothing(
    shop: Shop, change: Change, status: str
) -> None:
    shop.send("1.9")
    at_ms = shop.clock.ms
    batch = [shop.record("1.10" if status != "resolved" else "1.8")]
    done: list[Issue] = []

    def meanwhile(call: Call) -> Any:
        if call.function == "DigestFunction" and call.operation == "BatchGetItem" and not done:
            response = call.send()
            visible = visible_in(shop.id, at_ms)
            done.append(issues.change(visible, shop.issue.id, change, ANNA))
            return response
        return call.send()

    with watched(meanwhile):
        stream.pump(batch)
    assert len(done) == 1
    assert (shop.issue.status, shop.issue.count) == (status, 2)
    tally.counted(shop.id)


def settled(shop: Shop) -> Iterator[tuple[str, int]]:
    for each in issues.list_issues(visible_in(shop.id, shop.clock.ms)):
        yield each.status, each.count


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (Change(RESOLVE, SHA), "regressed"),
        (Change(IGNORE, until=EVENTS, number=2), "open"),
        (Change(IGNORE, until=TIME, number=1), "open"),
    ],
)
def test_an_issue_is_opened_once_wherever_digest_is_interrupted(
    busy: Project, clock: Clock, change: Change, status: str
) -> None:
    for number in count(1):
        shop = Shop(str(int(busy.id) * 1000 + number), clock)
        shop.send("1.0")
        shop.settle(change)
        batch = [shop.record("1.0"), shop.record(SHA), shop.record("f" * 40)]
        with fault(number, killed, after=bool(number % 2)) as outcome:
            try:
                stream.deliver(batch)
            except Killed:
                clear_cache()
        stream.pump(batch)
        assert list(settled(shop)) == [(status, 4)]
        assert len(shop.activity) == 2
        if not outcome.struck:
            break
    assert number > 4
