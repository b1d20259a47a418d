"""Issues are merged into one, which has the events of all, and separated again."""

from itertools import count
from typing import Any

import pytest

from errata.config import settings
from errata.errors import ForbiddenError, InvalidInputError, NotFoundError
from errata.models.issue import Issue
from errata.models.issue_change import IGNORE, REOPEN, RESOLVE, Change
from errata.models.project import Project as Registered
from errata.models.sketch import estimate
from errata.models.visible import Visible
from errata.protocol.issues import SORTS, IssueQuery, read_query
from errata.store import clients, ranks
from errata.usecases import (
    across,
    clear_project,
    comments,
    issue_events,
    issue_search,
    issues,
    merge,
    projects,
    redrive,
    short_ids,
    slugs,
    webhooks,
)
from tests.integration import test_lifecycle
from tests.integration.test_digest_crashes import invalid, refusing
from tests.integration.test_digest_expiry import expire
from tests.integration.test_lifecycle import Shop, between
from tests.support import account, stream
from tests.support.account import Clock, Project
from tests.support.calls import Call, Killed, fault, killed, recorded, throttled, watched
from tests.support.fresh import clear_cache
from tests.support.visible import visible_in
from tests.support.webhooks import messages

ANNA = "anna@example.com"
DAY_S = 86_400


class Desk(Shop):
    """A project with the issues a, b and c, of which the test merges some."""

    def __init__(self, project_id: str, clock: Clock) -> None:
        super().__init__(project_id, clock)
        self.ids: dict[str, str] = {}
        for name in "abc":
            self.hit(name)

    def hit(self, name: str, **fields: Any) -> str:
        event = self.send(**{"fingerprint": name, "message": f"error of {name}", **fields})
        stream.put(self.items[-1:])
        self.ids[name] = self.items[-1]["issue"]["S"].rpartition("#")[2]
        return event

    def count_replayed(self, name: str, **fields: Any) -> None:
        """Count an event as a redrive does."""
        event_id = self.store(fingerprint=name, **fields)
        stream.put(self.items[-1:])
        assert redrive.count_events(self.id, {event_id}) == (1, [])

    @property
    def visible(self) -> Visible:
        return visible_in(self.id, self.clock.ms)

    @property
    def project(self) -> Registered:
        return slugs.shown(projects.find(self.id))

    def merge(self, head: str, *members: str) -> Issue:
        self.clock.advance(1)
        ids = [self.ids[each] for each in members]
        return merge.merge(self.project, self.visible, self.ids[head], ids, ANNA)

    def separate(self, name: str) -> Issue:
        self.clock.advance(1)
        return merge.separate(self.project, self.visible, self.ids[name], ANNA)

    def change(self, name: str, change: Change) -> Issue:
        self.clock.advance(1)
        return issues.change(self.visible, self.ids[name], change, ANNA)

    def of(self, name: str) -> Issue:
        return issue_events.find(self.visible, self.ids[name])

    def listed(self, query: str = "") -> list[tuple[str, int]]:
        names = {issue_id: name for name, issue_id in self.ids.items()}
        found = issues.matching(self.visible, read_query(query, "first_seen"))
        return sorted((names[each.id], each.count) for each in found)

    def noted(self, name: str) -> list[tuple[str, str]]:
        activity = issues.list_activity(self.visible, self.ids[name])
        return [(each.what, each.detail) for each in activity]


@pytest.fixture
def desk(busy: Project, clock: Clock) -> Desk:
    return Desk(busy.id, clock)


def test_the_head_shows_the_sum_and_the_members_are_not_listed(desk: Desk) -> None:
    desk.hit("b", release="2.0", environment="dev", context={"user": {"id": 1}})
    desk.hit("a", context={"user": {"id": 1}})
    last = desk.hit("c", release="3.0", context={"user": {"id": 2}})
    first = desk.of("a").first_event
    head = desk.merge("a", "b", "c")
    assert head == desk.of("a") == desk.of("b") == desk.of("c")
    assert (head.count, estimate(head.users), sum(head.buckets.days.values())) == (6, 2, 6)
    assert (head.first_event, head.last_event) == (first, last)
    assert (head.first_release, head.last_release) == ("1.0", "3.0")
    assert head.releases == {"1.0": 4, "2.0": 1, "3.0": 1}
    assert desk.listed() == [("a", 6)]
    for sort in SORTS:
        for status in ("open", "all"):
            page = issues.search(desk.visible, IssueQuery(status=status, sort=sort))
            assert [each.count for each in page.issues] == [6], (sort, status)
            found = across.search(
                "default", lambda _: True, IssueQuery(status=status, sort=sort), desk.clock.ms
            ).found
            assert [each.count for _, each in found] == [6], (sort, status)
    assert desk.open_issues() == 1
    assert desk.merge("a", "b") == head
    assert desk.noted("b") == [("merged", "into SHOP-1")]
    assert sorted(desk.noted("a")) == [("merged", "SHOP-2"), ("merged", "SHOP-3")]
    assert short_ids.find(desk.project, desk.visible, "2").id == desk.ids["b"]


@pytest.mark.parametrize(
    "query",
    ["release:2.0", '"error of b"', "b", "is:open release:2.0 b", "events:>0 release:2.0"],
)
def test_a_search_for_a_member_s_values_finds_the_head(desk: Desk, query: str) -> None:
    desk.hit("b", release="2.0")
    desk.merge("a", "b")
    query = query.removeprefix("events:>0 ")
    assert desk.listed(query) == [("a", 3)]
    desk.change("a", Change(RESOLVE))
    assert desk.listed(f"is:resolved {query.removeprefix('is:open ')}") == [("a", 3)]
    desk.separate("b")
    assert desk.listed(query.removeprefix("is:open ")) == [("b", 2)]


def test_the_heads_of_all_matching_members_are_found_if_one_part_is_too_large(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("d", "e", "f"):
        desk.hit(name, message="a rare thing")
    desk.hit("g", message="also rare")
    for head, member in zip("abc", "def", strict=True):
        desk.merge(head, member)
    monkeypatch.setattr(issue_search, "BATCH_GET", 1)
    monkeypatch.setattr(issue_search, "_MOST_OF_ISSUES", 1)
    assert desk.listed("rare") == [("a", 2), ("b", 2), ("c", 2), ("g", 1)]


def test_the_events_of_head_and_members_are_listed_newest_first(desk: Desk) -> None:
    sent = [desk.hit(each) for each in "abcab"]
    desk.merge("b", "a")
    page = issue_events.page(desk.visible, desk.ids["b"])
    assert [each.id for each in page.events][:4] == [sent[n] for n in (4, 3, 1, 0)]
    assert len(page.events) == 6
    view = issue_events.latest(desk.visible, desk.ids["a"])
    assert view.event
    assert view.event.id == sent[4]
    assert (view.number.value, view.number.older) == (6, sent[3])


# ------------------------------------------------------------------ events of members


def test_an_event_of_a_member_makes_the_head_regress(desk: Desk) -> None:
    desk.merge("a", "b")
    desk.change("a", Change(RESOLVE, release="2.0"))
    desk.hit("b", release="1.9")
    assert (desk.of("a").status, desk.of("a").count) == ("resolved", 3)
    event = desk.hit("b", release="2.0")
    assert desk.of("b").status == "regressed"
    assert issues.list_activity(desk.visible, desk.ids["a"])[0].event == event
    assert desk.listed("is:regressed") == [("a", 4)]
    # The words of the head have moved with its status.
    assert desk.listed('"error of a"') == [("a", 4)]


def test_a_member_makes_the_head_regress_whichever_call_is_throttled(desk: Desk) -> None:
    desk.merge("a", "b")
    desk.digested = len(desk.items)
    for number in count(1):
        desk.change("a", Change(RESOLVE))
        desk.store(fingerprint="b")
        with fault(number, throttled) as outcome:
            desk.digest()
        assert desk.of("a").status == "regressed", number
        if not outcome.struck:
            break
    assert number > 4


@pytest.mark.parametrize(
    "change",
    [
        Change(IGNORE, until="events", number=2),
        Change(IGNORE, until="users", number=2),
    ],
)
def test_an_ignored_head_wakes_by_the_events_or_users_of_all_its_members(
    desk: Desk, change: Change
) -> None:
    desk.merge("a", "b", "c")
    desk.change("a", change)
    desk.hit("b", context={"user": {"id": 1}})
    assert desk.of("a").status == "ignored"
    desk.hit("c", context={"user": {"id": 2}})
    assert desk.of("a").status == "open"


def test_the_head_counts_members_that_have_no_event_in_the_batch(desk: Desk) -> None:
    desk.hit("d")
    desk.merge("a", "b", "c", "d")
    desk.change("a", Change(IGNORE, until="events", number=2))
    desk.hit("b")
    assert desk.of("a").status == "ignored"
    desk.hit("b")
    assert desk.of("a").status == "open"


@pytest.mark.parametrize("without", ["row", "text"])
def test_a_head_without_a_number_row_or_its_text_regresses_too(desk: Desk, without: str) -> None:
    desk.merge("a", "b")
    desk.change("a", Change(RESOLVE))
    row: Any = {
        "TableName": settings().issues_table,
        "Key": {"pk": {"S": desk.visible.partition}, "sk": {"S": ranks.number_key("resolved", 1)}},
    }
    if without == "row":
        clients.dynamodb().delete_item(**row)
    else:
        names = {"#text": "text"}
        remove: Any = {"UpdateExpression": "REMOVE #text", "ExpressionAttributeNames": names}
        clients.dynamodb().update_item(**row, **remove)
    desk.hit("b")
    assert desk.of("a").status == "regressed"


def test_the_release_of_a_resolved_head_is_looked_up_for_an_event_of_a_member(
    desk: Desk,
) -> None:
    # Names without a version: the times when they were first seen say which one is newer.
    desk.hit("a")
    desk.hit("b", release="blue")
    desk.merge("a", "b")
    desk.change("a", Change(RESOLVE, release="red"))
    desk.hit("c", release="red")
    desk.hit("b", release="blue")
    assert desk.of("a").status == "resolved"
    desk.hit("b", release="green")
    assert desk.of("a").status == "regressed"


def test_a_member_that_has_expired_still_belongs_to_the_head(desk: Desk) -> None:
    desk.merge("a", "b")
    desk.clock.advance(2 * DAY_S)
    desk.hit("a")
    desk.clock.advance(2 * DAY_S)
    assert expire(desk.clock)
    assert desk.listed() == [("a", 2)]
    desk.hit("b")
    assert desk.listed() == [("a", 3)]
    assert desk.listed('"error of b"') == [("a", 3)]


def test_a_member_that_expires_years_later_still_belongs_to_the_head(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(test_lifecycle, "KEPT_DAYS", 90)
    desk.merge("a", "b")
    for days in (2, 80, 80, 80, 80, 80):
        desk.clock.days(days)
        desk.hit("b")
        desk.hit("a")
    desk.clock.days(80)
    desk.hit("a")
    desk.clock.days(20)
    expire(desk.clock)
    desk.hit("b")
    assert desk.listed() == [("a", 9)]


def test_events_of_members_keep_their_head_from_expiring(desk: Desk) -> None:
    desk.merge("a", "b")
    for _ in range(5):
        desk.clock.advance(2 * DAY_S)
        desk.hit("b")
        expire(desk.clock)
    assert desk.listed() == [("a", 7)]
    assert desk.listed('"error of a"') == [("a", 7)]
    page = issues.search(desk.visible, IssueQuery())
    assert [each.count for each in page.issues] == [7]


def test_a_permanent_error_of_the_head_does_not_stop_a_member_from_counting(desk: Desk) -> None:
    desk.merge("a", "b")
    desk.clock.advance(600)
    desk.store(fingerprint="b")
    with watched(refusing(invalid, f"issue#{desk.ids['a']}")):
        desk.digest()
    assert account.dead_letters() == [], "it has no event of its own"
    assert desk.listed() == [("a", 3), ("c", 1)]


def test_a_member_whose_head_was_deleted_is_an_issue_of_its_own(desk: Desk) -> None:
    desk.merge("a", "b")
    key = {"pk": {"S": desk.visible.partition}, "sk": {"S": f"issue#{desk.ids['a']}"}}
    clients.dynamodb().delete_item(TableName=settings().issues_table, Key=key)
    assert desk.of("b").status == "open"
    desk.hit("b")
    assert desk.listed() == [("b", 2), ("c", 1)]


def test_digest_makes_no_extra_call_for_unmerged_issues(desk: Desk) -> None:
    desk.merge("a", "b")
    found = []
    for name in ("c", "b"):
        for _ in range(40):
            desk.store(fingerprint=name)
        desk.digest()
        desk.store(fingerprint=name)
        with recorded() as calls:
            desk.digest()
        found.append([each.operation for each in calls])
    assert found[0] == ["BatchGetItem", "PutItem", "PutItem", "PutItem"]
    # The head of the other one is read. It is written at most every two minutes.
    assert found[1] == ["BatchGetItem", "BatchGetItem", "PutItem", "PutItem", "PutItem"]


def test_a_head_and_its_member_are_each_written_once(desk: Desk) -> None:
    desk.merge("a", "b")
    desk.clock.advance(600)
    desk.store(fingerprint="b")
    with recorded() as calls:
        desk.digest()
    puts = [call.parameters["Item"] for call in calls if call.operation == "PutItem"]
    written = [each["sk"]["S"] for each in puts if "fingerprint" in each]
    assert written == [f"issue#{desk.ids['a']}", f"issue#{desk.ids['b']}"]


@pytest.mark.parametrize("change", [None, Change(RESOLVE), Change(RESOLVE, release="2.0")])
def test_a_replayed_event_of_a_member_makes_the_head_regress(
    desk: Desk, change: Change | None
) -> None:
    desk.merge("a", "b")
    webhooks.add(desk.id, "https://example.com/hook", ["issue.regressed"])
    clear_cache()
    if change:
        desk.change("a", change)
    with recorded() as calls:
        desk.count_replayed("b", release="2.0")
    assert desk.of("a").status == ("regressed" if change else "open")
    assert len(messages()) == bool(change)
    puts = [call for call in calls if call.operation == "PutItem"]
    assert puts == [], "the head is written only if it changes"


def test_a_replayed_event_of_a_head_counts_together_with_those_of_its_members(desk: Desk) -> None:
    desk.merge("a", "b")
    desk.change("a", Change(IGNORE, until="events", number=2))
    desk.hit("b")
    desk.count_replayed("a")
    assert (desk.of("a").status, desk.listed()) == ("open", [("a", 4), ("c", 1)])


def test_a_replayed_event_of_a_member_whose_head_has_expired_opens_an_issue(desk: Desk) -> None:
    desk.merge("a", "b")
    desk.clock.days(test_lifecycle.KEPT_DAYS + 1)
    desk.count_replayed("b")
    assert desk.listed() == [("b", 1)]


def test_a_list_sorts_the_head_by_the_newest_event_of_its_members(desk: Desk) -> None:
    desk.merge("a", "b")
    desk.clock.advance(600)
    desk.hit("c")
    desk.clock.advance(600)
    desk.hit("b")
    page = issues.search(desk.visible, IssueQuery())
    assert [each.id for each in page.issues] == [desk.ids["a"], desk.ids["c"]]


# ------------------------------------------------------------------ separate, delete, clear


def test_a_separated_issue_has_its_own_events_and_the_status_of_its_head(desk: Desk) -> None:
    desk.hit("b")
    desk.merge("a", "b")
    desk.hit("b")
    desk.change("a", Change(RESOLVE))
    assert desk.separate("b").status == "resolved"
    assert desk.listed() == [("a", 1), ("b", 3), ("c", 1)]
    assert desk.separate("b").count == 3
    assert desk.noted("b")[0] == ("separated", "from SHOP-1")
    assert desk.noted("a")[0] == ("separated", "SHOP-2")
    desk.hit("b")
    assert (desk.of("a").status, desk.of("b").status) == ("resolved", "regressed")


def test_merging_a_head_into_an_issue_moves_its_members_too(desk: Desk) -> None:
    desk.merge("a", "b")
    assert desk.merge("c", "a").count == 3
    assert desk.listed() == [("c", 3)]
    assert desk.of("b").id == desk.ids["c"]
    with pytest.raises(InvalidInputError, match="SHOP-1 is merged into SHOP-3"):
        desk.merge("a", "b")


def test_deleting_the_head_deletes_its_members(desk: Desk) -> None:
    desk.merge("a", "b")
    with pytest.raises(InvalidInputError, match="merged into another one"):
        issues.delete(desk.visible, desk.ids["b"], ANNA)
    issues.delete(desk.visible, desk.ids["a"], ANNA)
    assert desk.listed() == [("c", 1)]
    desk.clock.advance(1)
    desk.hit("b")
    assert desk.listed() == [("b", 1), ("c", 1)]


def test_a_clear_ends_the_merge(desk: Desk) -> None:
    desk.merge("a", "b")
    desk.clock.advance(1)
    clear_project.clear(desk.id)
    desk.clock.advance(1)
    with pytest.raises(NotFoundError):
        desk.separate("b")
    desk.hit("b")
    assert desk.listed() == [("b", 1)]


def test_a_member_cannot_be_changed(desk: Desk) -> None:
    desk.merge("a", "b")
    for change in (Change(RESOLVE), Change(REOPEN)):
        with pytest.raises(InvalidInputError, match="merged into another one"):
            desk.change("b", change)
    with pytest.raises(InvalidInputError, match="merged into another one"):
        comments.add(desk.project, desk.visible, desk.ids["b"], "Hi.", ANNA, "t")


@pytest.mark.parametrize("role", ["member", "viewer"])
def test_only_owners_and_admins_merge(desk: Desk, role: Any) -> None:
    visible = desk.visible.for_member("eve@example.com", role)
    refused = "Only owners and admins can delete or merge"
    with pytest.raises(ForbiddenError, match=refused):
        merge.merge(desk.project, visible, desk.ids["a"], [desk.ids["b"]], ANNA)
    with pytest.raises(ForbiddenError, match=refused):
        merge.separate(desk.project, visible, desk.ids["b"], ANNA)


def test_at_most_fifty_issues_are_merged(desk: Desk) -> None:
    names = [f"m{n}" for n in range(51)]
    for name in names:
        desk.store(fingerprint=name, message=name)
    desk.digest()
    by_title = {each.title: each.id for each in issues.list_issues(desk.visible)}
    desk.ids |= {name: by_title[name] for name in names}
    with pytest.raises(InvalidInputError, match="At most 50"):
        desk.merge("a", *names)
    assert desk.merge("a", *names[:50]).count == 51
    with pytest.raises(InvalidInputError, match="At most 50"):
        desk.merge("a", "b")


def test_only_the_first_of_two_opposite_merges_succeeds(desk: Desk) -> None:
    begun: list[int] = []

    def second(call: Call) -> Any:
        if call.operation == "TransactWriteItems" and not begun:
            begun.append(1)
            desk.merge("b", "a")
        return call.send()

    with watched(second), pytest.raises(InvalidInputError, match="SHOP-1 is merged into SHOP-2"):
        desk.merge("a", "b")
    assert desk.listed() == [("b", 2), ("c", 1)]


# The head is the newer one, so that a merge changes no time of it.
@pytest.mark.parametrize("name", ["b", "c"])
@pytest.mark.parametrize("undone", [False, True])
@pytest.mark.parametrize("first", ["digest", "person"])
def test_an_event_and_a_merge_at_once_lose_nothing(
    desk: Desk, name: str, undone: bool, first: str
) -> None:
    def act() -> None:
        if undone:
            desk.separate("b")
        else:
            desk.merge("c", "b")

    if undone:
        desk.merge("c", "b")
    desk.digested = len(desk.items)
    desk.store(fingerprint=name)
    # The other one acts between the read and the write of the first.
    if first == "person":
        with watched(between("TransactWriteItems", desk.digest)):
            act()
    else:
        with watched(between("PutItem", act)):
            desk.digest()
    counted = [("a", 1), ("b", 1 + (name == "b")), ("c", 1 + (name == "c"))]
    assert desk.listed() == (counted if undone else [("a", 1), ("c", 3)])
    if not undone:
        desk.separate("b")
    assert desk.listed() == counted


def test_an_interrupted_merge_can_be_repeated(desk: Desk) -> None:
    desk.merge("b", "c")
    for number in range(1, 40):
        with fault(number, killed, after=number % 2 == 0):
            try:
                desk.merge("a", "b")
                break
            except Killed:
                pass
        assert sum(count for _, count in desk.listed()) == 3
    assert desk.listed() == [("a", 3)]


def test_tallies_of_members_count_in_the_head(desk: Desk) -> None:
    """Before the merge, while it stands, and after it ends."""

    def loop(name: str, number: int) -> None:
        fields: dict[str, Any] = {"fingerprint": name, "message": f"error of {name}"}
        desk.clock.advance(1)
        items = [stream.tally(desk.id, desk.clock.ms + n, **fields) for n in range(number)]
        stream.put(items)
        desk.items += items
        desk.digest()

    loop("b", 3)
    desk.merge("a", "b")
    loop("b", 2)
    loop("a", 4)
    head = desk.of("a")
    # One event of each is kept in full.
    assert (head.count, head.kept, sum(head.buckets.days.values())) == (11, 2, 11)
    assert desk.listed() == [("a", 11), ("c", 1)]
    assert len(issue_events.find(desk.visible, desk.ids["b"]).members) == 1
    desk.separate("b")
    assert [(desk.of(name).count, desk.of(name).kept) for name in "ab"] == [(5, 1), (6, 1)]
