"""Issues are resolved, ignored and reopened, and events make resolved ones regress."""

import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from errata.errors import NotFoundError
from errata.models.event import Stored
from errata.models.ids import minted_ms, now_ms
from errata.models.issue import Activity, Issue
from errata.models.issue_change import IGNORE, RESOLVE, Change
from errata.models.settled import TIME
from errata.models.visible import Visible
from errata.protocol.issues import SORTS, IssueQuery, read_query
from errata.store import digest_rows, events
from errata.usecases import issues, redrive, webhooks
from errata.usecases.digest import count_replayed, wanted_by
from tests.integration.test_digest_expiry import expire
from tests.support import scenarios, stream, tally
from tests.support.account import Clock, Project, rows
from tests.support.calls import Call, Killed, atomic, fault, killed, recorded, watched
from tests.support.visible import visible_in
from tests.support.webhooks import messages

ANNA, BEN = "anna@example.com", "ben@example.com"
KEPT_DAYS = 3


class Shop:
    """A project whose events are stored, and reach digest when the test says so."""

    def __init__(self, project_id: str, clock: Clock) -> None:
        self.id, self.clock = project_id, clock
        self.items: list[dict[str, Any]] = []
        self.digested = 0

    def store(self, **fields: Any) -> str:
        """Store an event a second later. Return its id."""
        self.clock.advance(1)
        fields = {"fingerprint": "f", "release": "1.0", **fields}
        self.items.append(stream.event(self.id, self.clock.ms, KEPT_DAYS, **fields))
        event_id: str = self.items[-1]["sk"]["S"]
        return event_id

    def digest(self) -> None:
        """Pass the events stored since the last call to digest."""
        batch = stream.numbered(self.items)[self.digested :]
        stream.pump(batch)
        self.digested = len(self.items)

    def send(self, **fields: Any) -> str:
        event_id = self.store(**fields)
        self.digest()
        return event_id

    def issue(self) -> Issue:
        (issue,) = issues.list_issues(visible_in(self.id))
        return issue

    def activity(self) -> list[Activity]:
        return issues.list_activity(visible_in(self.id), self.issue().id)

    def open_issues(self) -> int:
        return sum(release.open_issues for release in issues.list_releases(visible_in(self.id)))

    def resolve(self, release: str = "") -> Issue:
        self.clock.advance(1)
        visible = visible_in(self.id, self.clock.ms)
        return issues.change(visible, self.issue().id, Change(RESOLVE, release=release), ANNA)


@pytest.fixture
def shop(busy: Project, clock: Clock) -> Shop:
    return Shop(busy.id, clock)


# ------------------------------------------------------------------ what people do

CHANGES: list[tuple[Callable[[Visible, str, str], Issue], str, str]] = [
    (issues.resolve, "resolved", "resolved"),
    (issues.ignore, "ignored", "ignored"),
    (issues.reopen, "open", "reopened"),
]


def test_each_change_is_noted_with_its_time_and_person(shop: Shop) -> None:
    shop.send()
    issue = shop.issue()
    assert (issue.status, issue.status_at, issue.status_by, shop.activity()) == ("open", 0, "", [])
    noted: list[Activity] = []
    for by in (ANNA, BEN):
        for change, status, what in CHANGES:
            shop.clock.advance(1)
            after = change(visible_in(shop.id, shop.clock.ms), issue.id, by)
            assert (after.status, after.status_at, after.status_by) == (status, shop.clock.ms, by)
            assert after == shop.issue()
            noted.insert(0, Activity(shop.clock.ms, what, by))
    assert shop.activity() == noted


@pytest.mark.parametrize(("change", "status", "_what"), CHANGES)
def test_repeating_a_change_changes_nothing(
    shop: Shop, change: Callable[[Visible, str, str], Issue], status: str, _what: str
) -> None:
    shop.send()
    issue_id = shop.issue().id
    issues.resolve(visible_in(shop.id, shop.clock.ms), issue_id, ANNA)
    change(visible_in(shop.id, shop.clock.ms), issue_id, ANNA)
    before = rows()
    shop.clock.advance(1)
    assert change(visible_in(shop.id, shop.clock.ms), issue_id, BEN).status == status
    assert rows() == before


def test_changes_within_a_millisecond_keep_their_order(shop: Shop) -> None:
    shop.send()
    for change, _, _ in CHANGES:
        change(visible_in(shop.id, shop.clock.ms), shop.issue().id, ANNA)
    assert [each.what for each in shop.activity()] == ["reopened", "ignored", "resolved"]


def test_a_change_takes_two_reads_and_one_transaction(shop: Shop) -> None:
    shop.send()
    issue_id = shop.issue().id
    visible = visible_in(shop.id, shop.clock.ms)
    with recorded() as seen:
        issues.resolve(visible, issue_id, ANNA)
    # The words by which people find the issue move with it to another row.
    assert [call.operation for call in seen] == ["BatchGetItem", "GetItem", "TransactWriteItems"]


@pytest.mark.parametrize("change", [*(change for change, _, _ in CHANGES), issues.delete])
def test_changing_a_missing_or_expired_issue_raises_not_found(
    shop: Shop, change: Callable[..., Any]
) -> None:
    with pytest.raises(NotFoundError):
        change(visible_in(shop.id, shop.clock.ms), "a" * 32, ANNA)
    shop.send()
    issue_id = shop.issue().id
    shop.clock.days(KEPT_DAYS)
    before = rows()
    with pytest.raises(NotFoundError, match=issue_id):
        change(visible_in(shop.id, shop.clock.ms), issue_id, ANNA)
    assert rows() == before


def test_a_closed_issue_is_not_an_open_issue_of_its_releases(shop: Shop) -> None:
    shop.send(release="1.0")
    shop.send(release="2.0")
    issue_id = shop.issue().id
    assert shop.open_issues() == 2
    for change, status, _ in CHANGES:
        change(visible_in(shop.id, shop.clock.ms), issue_id, ANNA)
        assert shop.open_issues() == (2 if status == "open" else 0)


def test_an_activity_expires_when_its_issue_would_have_without_later_events(shop: Shop) -> None:
    shop.send()
    shop.resolve()
    shop.clock.days(KEPT_DAYS - 1)
    shop.send()
    assert [each.what for each in shop.activity()] == ["regressed", "resolved"]
    shop.clock.days(1)
    assert [each.what for each in shop.activity()] == ["regressed"]


def test_an_interrupted_change_stores_the_status_and_the_activity_or_neither(shop: Shop) -> None:
    shop.send()
    issue_id = shop.issue().id
    visible = visible_in(shop.id, shop.clock.ms)
    for after in (False, True):
        # The issue, the words by which people find it, and the change.
        for number in (1, 2, 3):
            with fault(number, killed, after=after), pytest.raises(Killed):
                issues.resolve(visible, issue_id, ANNA)
            status, noted = shop.issue().status, len(shop.activity())
            assert (status, noted) in (("open", 0), ("resolved", 1))
    assert noted == 1


# ------------------------------------------------------------------ what events do


def test_a_resolved_issue_that_is_seen_again_regresses(shop: Shop) -> None:
    shop.send()
    resolved_at = shop.resolve().status_at
    event_id = shop.send(release="2.0")
    shop.send(release="3.0")
    issue = shop.issue()
    assert (issue.status, issue.status_by, issue.count) == ("regressed", "", 3)
    at = minted_ms(event_id)
    assert issue.status_at == at
    assert shop.activity() == [
        Activity(at, "regressed", event=event_id, release="2.0"),
        Activity(resolved_at, "resolved", ANNA),
    ]
    assert shop.open_issues() == 3


def test_a_regressed_issue_is_open(shop: Shop) -> None:
    shop.send()
    shop.resolve()
    shop.send()
    before = rows()
    issue_id = shop.issue().id
    assert issues.reopen(visible_in(shop.id, shop.clock.ms), issue_id, BEN).status == "regressed"
    assert rows() == before
    found = issues.search(visible_in(shop.id, shop.clock.ms), IssueQuery())
    assert [each.id for each in found.issues] == [issue_id]
    shop.resolve()
    shop.send()
    whats = [each.what for each in shop.activity()]
    assert whats == ["regressed", "resolved"] * 2


def test_an_event_received_before_the_resolve_does_not_make_the_issue_regress(shop: Shop) -> None:
    shop.send()
    shop.store()
    shop.resolve()
    shop.digest()
    assert (shop.issue().status, shop.issue().count, len(shop.activity())) == ("resolved", 2, 1)
    shop.store()
    shop.digest()
    assert shop.issue().status == "regressed"


def test_an_event_in_the_millisecond_of_the_resolve_does_not_make_the_issue_regress(
    shop: Shop,
) -> None:
    shop.send()
    shop.store()
    issues.resolve(visible_in(shop.id, shop.clock.ms), shop.issue().id, ANNA)
    shop.digest()
    assert (shop.issue().status, shop.issue().count) == ("resolved", 2)
    shop.clock.advance(-0.999)
    shop.send()
    assert (shop.issue().status, shop.issue().status_at) == ("regressed", shop.clock.ms)


@pytest.mark.parametrize("resolved", [False, True])
def test_an_issue_is_found_by_the_words_of_its_newest_event(shop: Shop, resolved: bool) -> None:
    shop.send(message="bad price")
    if resolved:
        shop.resolve()
    shop.send(message="no cart")
    for word, found in (("cart", 1), ("price", 0)):
        query = read_query(word, "first_seen")
        assert len(list(issues.matching(visible_in(shop.id, shop.clock.ms), query))) == found


def test_the_activity_names_the_first_event_after_the_resolve(shop: Shop) -> None:
    shop.send()
    shop.store(release="1.0")
    shop.resolve()
    event_id = shop.store(release="2.0")
    shop.store(release="3.0")
    shop.digest()
    assert (shop.activity()[0].event, shop.activity()[0].release) == (event_id, "2.0")
    assert len(shop.activity()) == 2


@pytest.mark.parametrize("change", [issues.ignore, issues.reopen])
def test_ignored_and_open_issues_keep_their_status(
    shop: Shop, change: Callable[..., Issue]
) -> None:
    shop.send()
    status = change(visible_in(shop.id, shop.clock.ms), shop.issue().id, ANNA).status
    shop.send()
    assert (shop.issue().status, shop.issue().count) == (status, 2)


@pytest.mark.parametrize("deleted", [True, False])
def test_a_resolved_issue_that_expired_regresses_when_it_returns(shop: Shop, deleted: bool) -> None:
    webhooks.add(shop.id, "https://example.com/hook", ())
    shop.send()
    first = shop.issue()
    shop.resolve()
    shop.clock.days(KEPT_DAYS + 300)
    if deleted:
        expire(shop.clock)
    shop.send()
    issue = shop.issue()
    assert (issue.status, issue.status_at, issue.count) == ("regressed", shop.clock.ms, 1)
    assert issue.number == first.number + 1, "it has a new number"
    assert [each.what for each in shop.activity()] == ["regressed"]
    assert len(messages()) == 1, "it is no news"
    # Once: it is no longer closed.
    shop.clock.days(KEPT_DAYS)
    shop.send()
    assert (shop.issue().status, shop.issue().count) == ("open", 1)
    assert len(messages()) == 1


def test_many_resolved_issues_that_expired_return_in_one_batch(shop: Shop) -> None:
    names = [f"f{n}" for n in range(24)]
    for name in names:
        shop.store(fingerprint=name)
    shop.digest()
    shop.clock.advance(1)
    for issue in issues.list_issues(visible_in(shop.id)):
        issues.resolve(visible_in(shop.id, shop.clock.ms), issue.id, ANNA)
    shop.clock.days(KEPT_DAYS + 1)
    for name in names:
        shop.store(fingerprint=name)
    with recorded() as calls:
        shop.digest()
    made = [call.parameters for call in calls if call.operation == "TransactWriteItems"]
    assert max(len(each["TransactItems"]) for each in made) <= 100
    found = list(issues.list_issues(visible_in(shop.id, shop.clock.ms)))
    assert [issue.status for issue in found] == ["regressed"] * len(names)
    assert {issue.number for issue in found} == set(range(25, 49))
    assert len(tally.counted(shop.id)["issues"]) == len(names), "each has its rows"


def test_replayed_events_of_many_releases_reopen_a_resolved_issue_that_expired(
    shop: Shop,
) -> None:
    shop.send()
    shop.resolve(release="r0")
    shop.clock.days(KEPT_DAYS + 1)
    for n in range(100):
        shop.store(release=f"r{n}")
    late = [events.stored(item) for item in shop.items[1:]]

    def count(some: list[Stored]) -> int:
        wanted = {shop.id: wanted_by(some)}
        return count_replayed(digest_rows.read(wanted, shop.clock.ms // 1000, {})[shop.id], some)

    parts = []
    while late:
        parts.append(count(late))
        late = late[parts[-1] :]
    assert parts == [40, 40, 20]
    assert (shop.issue().status, shop.issue().count) == ("regressed", 100)


def test_an_ignored_issue_that_expired_stays_ignored_for_a_year(shop: Shop) -> None:
    shop.send()
    issues.ignore(visible_in(shop.id, shop.clock.ms), shop.issue().id, ANNA)
    shop.clock.days(360)
    expire(shop.clock)
    shop.send()
    assert (shop.issue().status, shop.issue().count) == ("ignored", 1)
    # A year after its last event, its status is no longer kept.
    for days, status in ((360, "ignored"), (366, "open")):
        shop.clock.days(days)
        expire(shop.clock)
        shop.send()
        assert shop.issue().status == status


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(("early_s", "status"), [(1, "ignored"), (0, "open")])
def test_the_row_of_a_closed_issue_expires_after_a_year_although_it_is_still_stored(
    shop: Shop, early_s: int, status: str, late: bool
) -> None:
    shop.send()
    issues.ignore(visible_in(shop.id, shop.clock.ms), shop.issue().id, ANNA)
    (row,) = [row for row in rows()["ISSUES_TABLE"] if row["sk"]["S"].startswith("closed#")]
    # The next event comes a second later.
    shop.clock.advance(int(row["ttl"]["N"]) - shop.clock.ms // 1000 - 1 - early_s)
    if late:
        event_id = shop.store()
        stream.put(shop.items[-1:])
        assert redrive.count_events(shop.id, {event_id}) == (1, [])
    else:
        shop.send()
    assert (shop.issue().status, shop.issue().count) == (status, 1)


def test_an_issue_resolved_in_a_release_for_years_is_not_reopened_by_older_releases(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "KEPT_DAYS", 90)
    shop.send()
    shop.clock.advance(1)
    resolved = Change(RESOLVE, release="2.0")
    issues.change(visible_in(shop.id, shop.clock.ms), shop.issue().id, resolved, ANNA)
    for days in (80, 80, 80, 80, 80, 100):
        shop.clock.days(days)
        expire(shop.clock)
        shop.send()
    assert (shop.issue().status, shop.issue().count) == ("resolved", 1)
    shop.send(release="2.0")
    assert shop.issue().status == "regressed"


def test_expired_issues_that_return_share_transactions_as_far_as_they_fit(shop: Shop) -> None:
    def batch(*names: str) -> None:
        for name in names:
            for user in range(2):
                shop.store(fingerprint=name, context={"user": {"id": user}})
        shop.digest()

    sleeping, ignored = [f"s{n}" for n in range(9)], [f"i{n}" for n in range(34)]
    batch(*sleeping, *ignored)
    for issue in list(issues.list_issues(visible_in(shop.id, shop.clock.ms))):
        until = Change(IGNORE, until=TIME, number=shop.clock.ms + 3_600_000)
        change = until if issue.fingerprint in sleeping else Change(IGNORE)
        issues.change(visible_in(shop.id, shop.clock.ms), issue.id, change, ANNA)
    shop.clock.days(KEPT_DAYS + 1)
    new = [f"n{n}" for n in range(50)]
    for name in (*sleeping, *ignored, *new):
        shop.store(fingerprint=name)
    with recorded() as calls:
        shop.digest()
    made = [
        call.parameters["TransactItems"] for call in calls if "TransactItems" in call.parameters
    ]
    sizes = [len(each) for each in made if "numbers" in str(each[0])]
    # The counter, and each issue with its number. One that is open again: its activity, no longer
    # closed, and without seven rows as an ignored one. One that stays ignored: that it is closed.
    assert sizes == [1 + 11 * 9, 1 + 3 * 33, 1 + 3 + 2 * 48, 1 + 2 * 2]
    found = issues.list_issues(visible_in(shop.id, shop.clock.ms))
    statuses = Counter(issue.status for issue in found)
    assert statuses == {"open": 59, "ignored": 34}
    assert len(tally.counted(shop.id)["issues"]) == 93, "each has its rows"


def test_a_reopened_issue_that_expired_returns_as_a_new_open_issue(shop: Shop) -> None:
    shop.send()
    issue = shop.resolve()
    shop.clock.advance(1)
    issues.reopen(visible_in(shop.id, shop.clock.ms), issue.id, ANNA)
    shop.clock.days(KEPT_DAYS)
    shop.send()
    assert (shop.issue().status, shop.issue().count) == ("open", 1)


def test_a_release_names_the_issues_that_it_opened_and_made_regress(shop: Shop) -> None:
    def changes() -> set[tuple[str, str]]:
        found = [row for row in rows()["ISSUES_TABLE"] if row["sk"]["S"].startswith("value#rel")]
        return {
            (row["sk"]["S"].split("#")[1], row["change"]["S"]) for row in found if "change" in row
        }

    shop.send(release="1.0")
    shop.send(release="2.0")
    assert changes() == {("release=1.0", "opened")}
    shop.resolve()
    shop.send(release="1.0")
    assert changes() == {("release=1.0", "opened"), ("release=1.0", "regressed")}
    shop.resolve()
    shop.send(release="3.0")
    assert changes() >= {("release=3.0", "regressed")}


def test_only_a_regression_is_a_transaction(shop: Shop) -> None:
    shop.send()

    def transactions() -> list[int]:
        with recorded() as seen:
            shop.send()
        made = [call for call in seen if call.operation == "TransactWriteItems"]
        return [len(call.parameters["TransactItems"]) for call in made]

    assert transactions() == []
    shop.resolve()
    # The issue, its activity, that it is no longer closed, and the four rows of a resolved one.
    assert transactions() == [7]
    assert transactions() == []
    issues.ignore(visible_in(shop.id, shop.clock.ms), shop.issue().id, ANNA)
    assert transactions() == []


def test_a_batch_that_is_delivered_again_makes_an_issue_regress_once(shop: Shop) -> None:
    shop.send()
    shop.resolve()
    shop.send()
    issue = shop.resolve()
    stream.pump(stream.numbered(shop.items))
    assert shop.issue() == issue


# ------------------------------------------------------------------ people and digest at once


def between(operation: str, do: Callable[[], object]) -> Callable[[Call], Any]:
    """Do something just before the first call of this kind that is about issues."""
    done = False

    def watch(call: Call) -> Any:
        nonlocal done
        if not done and call.operation == operation and "issue#" in str(call.parameters):
            done = True
            do()
        return call.send()

    return watch


@pytest.mark.parametrize("stored_first", [True, False])
def test_digest_sees_a_resolve_between_its_read_and_its_write(
    shop: Shop, stored_first: bool
) -> None:
    shop.send()
    issue_id = shop.issue().id
    resolved_at = shop.clock.ms + (5_000 if stored_first else 500)
    shop.store()
    before = rows()

    def resolve() -> None:
        issues.resolve(visible_in(shop.id, resolved_at), issue_id, ANNA)

    with watched(between("PutItem", resolve)):
        shop.digest()
    assert rows() != before
    issue = shop.issue()
    assert (issue.status, issue.count) == ("resolved" if stored_first else "regressed", 2)
    assert shop.activity()[-1] == Activity(resolved_at, "resolved", ANNA)


def test_a_digest_between_the_read_and_the_write_of_a_resolve_loses_nothing(shop: Shop) -> None:
    shop.send()
    issue_id = shop.issue().id
    shop.store()
    with watched(between("TransactWriteItems", shop.digest)):
        issues.resolve(visible_in(shop.id, shop.clock.ms), issue_id, ANNA)
    assert (shop.issue().status, shop.issue().count) == ("resolved", 2)


def test_an_ignore_that_conflicts_with_a_regression_wins(shop: Shop) -> None:
    shop.send()
    issue_id = shop.issue().id
    shop.resolve()
    shop.store()

    def ignore() -> None:
        shop.digest()

    with watched(between("TransactWriteItems", ignore)):
        issues.ignore(visible_in(shop.id, shop.clock.ms), issue_id, BEN)
    assert (shop.issue().status, shop.issue().count) == ("ignored", 2)
    assert [each.what for each in shop.activity()] == ["ignored", "regressed", "resolved"]


@pytest.mark.parametrize("release", ["", "2.0"])
def test_a_resolve_that_conflicts_with_a_regression_wins(shop: Shop, release: str) -> None:
    """The issue is resolved, or resolved in another release, while an event reopens it."""
    shop.send()
    issue_id = shop.issue().id
    shop.resolve("1.0")
    shop.store()
    shop.clock.advance(1)
    visible = visible_in(shop.id, shop.clock.ms)
    with watched(between("TransactWriteItems", shop.digest)):
        issues.change(visible, issue_id, Change(RESOLVE, release=release), BEN)
    issue = shop.issue()
    assert (issue.status, issue.resolved_in, issue.count) == ("resolved", release, 2)
    activity = shop.activity()
    assert [each.what for each in activity] == ["resolved", "regressed", "resolved"]
    assert activity[0].by == BEN
    for sort in SORTS:
        for status, found in (("resolved", [issue_id]), ("open", []), ("regressed", [])):
            listed = issues.search(visible, IssueQuery(status=status, sort=sort)).issues
            assert [each.id for each in listed] == found, (status, sort)
    # The next event is a regression again.
    shop.send(release=release or "1.0")
    assert (shop.issue().status, shop.issue().count) == ("regressed", 3)


@pytest.mark.parametrize("expired", [True, False])
def test_a_resolve_just_after_a_regression_leaves_the_issue_in_the_lists(
    shop: Shop, expired: bool
) -> None:
    shop.send()
    shop.resolve()
    if expired:
        shop.clock.days(KEPT_DAYS + 1)
    shop.store()
    resolved = False

    def resolve(call: Call) -> Any:
        nonlocal resolved
        response = call.send()
        of_issue = "issue#" in str(call.parameters)
        if call.function == "DigestFunction" and of_issue and call.operation.startswith("Transact"):
            assert not resolved
            resolved = True
            issues.resolve(visible_in(shop.id, shop.clock.ms + 1), shop.issue().id, BEN)
        return response

    with watched(resolve):
        shop.digest()
    assert resolved
    issue = shop.issue()
    assert (issue.status, issue.count) == ("resolved", 1 if expired else 2)
    for sort in SORTS:
        query = IssueQuery(status="resolved", sort=sort)
        found = issues.search(visible_in(shop.id, shop.clock.ms), query).issues
        assert [each.id for each in found] == [issue.id], sort


def test_concurrent_changes_and_digests_lose_nothing(busy: Project) -> None:
    start_ms = now_ms() - 1_000
    items = [stream.event(busy.id, start_ms + 10 * n, 3_650, fingerprint="f") for n in range(30)]
    batch = stream.numbered(items)
    stream.pump(batch[:1])
    (issue,) = issues.list_issues(visible_in(busy.id))

    def work(number: int) -> None:
        if number < 3:
            stream.pump(batch[: 10 * (number + 1)])
            return
        change = (issues.resolve, issues.reopen)[number % 2]
        at_ms = start_ms + 10 * number + 5
        change(visible_in(busy.id, at_ms), issue.id, f"{number}")

    with atomic():
        scenarios.at_once(work, range(9))
    stream.pump(batch)
    tally.assert_exact(items)
    activity = issues.list_activity(visible_in(busy.id), issue.id)
    after = issues.find(visible_in(busy.id), issue.id)
    # Each change is noted once, and they lead from one status to the next.
    whats = [each.what for each in reversed(activity)]
    allowed = {"": {"resolved"}, "resolved": {"reopened", "regressed"}}
    allowed |= {"reopened": {"resolved"}, "regressed": {"resolved"}}
    for before, what in zip(["", *whats], whats, strict=False):
        assert what in allowed[before]
    last = {"reopened": "open"}.get(whats[-1], whats[-1]) if whats else "open"
    assert after.status == last
