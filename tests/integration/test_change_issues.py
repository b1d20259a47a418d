"""Many issues are changed at once, exactly once, and undone."""

import threading
import time
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from errata.errors import ForbiddenError, InvalidInputError, InvalidQueryError, NotFoundError
from errata.models.audit import Actor
from errata.models.issue import Issue
from errata.models.issue_change import DELETE, IGNORE, RESOLVE, BulkChange, Change
from errata.protocol.issues import read_query
from errata.store.change_issues import KEPT_MS
from errata.usecases import audit, change_issues, issues
from tests.support import stream
from tests.support.account import Clock, Project
from tests.support.calls import Call, Killed, atomic, fault, killed, throttled, watched
from tests.support.visible import visible_in

ANNA, BEN = "anna@example.com", "ben@example.com"


class Shop:
    """A project with issues."""

    def __init__(self, project_id: str, clock: Clock) -> None:
        self.id, self.clock = project_id, clock
        self.sent: list[Any] = []

    def send(self, *messages: str, **fields: Any) -> None:
        for message in messages:
            self.clock.advance(1)
            event = {"message": message, "fingerprint": message, **fields}
            self.sent.append(stream.event(self.id, self.clock.ms, **event))
        stream.pump(stream.numbered(self.sent)[len(self.sent) - len(messages) :])

    @property
    def visible(self) -> Any:
        return visible_in(self.id, self.clock.ms)

    def issues(self) -> dict[str, Issue]:
        return {each.title: each for each in issues.list_issues(self.visible)}

    def statuses(self) -> dict[str, str]:
        return {title: each.status for title, each in sorted(self.issues().items())}

    def ids(self, *titles: str) -> list[str]:
        found = self.issues()
        return [found[title].id for title in titles]

    def begin(self, change: str, by: str = ANNA, **which: Any) -> BulkChange:
        self.clock.advance(1)
        return change_issues.begin(
            self.visible,
            which.pop("bulk_id", "a" * 32),
            Change(change),
            by,
            which.pop("seen_at", self.clock.ms),
            **which,
        )

    def finish(self, bulk: BulkChange) -> BulkChange:
        while not bulk.finished:
            bulk = change_issues.advance(self.visible, bulk, 0)
        return bulk

    def change(self, change: str, **which: Any) -> BulkChange:
        return self.finish(self.begin(change, **which))

    def undo(self, bulk: BulkChange, bulk_id: str = "b" * 32) -> BulkChange:
        self.clock.advance(1)
        return self.finish(change_issues.undo(self.visible, bulk.id, bulk_id, BEN))


@pytest.fixture
def shop(busy: Project, clock: Clock) -> Shop:
    return Shop(busy.id, clock)


def test_selected_issues_are_changed_and_the_result_of_each_is_counted(shop: Shop) -> None:
    shop.send("a", "b", "c", "d", "e")
    ids = shop.ids("a", "b", "c", "d")
    issues.resolve(shop.visible, ids[1], BEN)
    seen_at = shop.clock.ms
    shop.clock.advance(1)
    issues.ignore(shop.visible, ids[2], BEN)
    issues.delete(shop.visible, ids[3], BEN)
    bulk = shop.change(RESOLVE, issue_ids=[*ids, ids[0]], seen_at=seen_at)
    assert bulk.counts == {"changed": 1, "already": 1, "meanwhile": 1, "gone": 1}
    assert shop.statuses() == {"a": "resolved", "b": "resolved", "c": "ignored", "e": "open"}
    (note,) = issues.list_activity(shop.visible, ids[0])
    assert (note.what, note.by) == ("resolved", ANNA)
    assert shop.issues()["a"].status_by == ANNA


@pytest.mark.parametrize("query", ["is:open", "", "level:error", "!environment:x", "boom"])
def test_all_issues_of_a_search_are_changed_in_slices(
    shop: Shop, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_issues, "SLICE", 3)
    shop.send(*(f"boom {n}" for n in range(7)))
    shop.send("careful", level="warning", environment="x")
    bulk = shop.begin(IGNORE, query=query)
    # New issues, and events of old ones, come while it runs. An issue moves to the top of the list.
    bulk = change_issues.advance(shop.visible, bulk, 0)
    assert (bulk.finished, sum(bulk.counts.values())) == (False, 3)
    shop.send("boom 0", "boom 7")
    bulk = shop.finish(bulk)
    expected = {f"boom {n}" for n in range(7)} | (
        {"careful"} if query in ("is:open", "") else set()
    )
    assert {title for title, each in shop.statuses().items() if each == "ignored"} == expected
    assert bulk.counts == {"changed": len(expected)}


def test_undo_restores_changed_issues_except_those_changed_again_since(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_issues, "SLICE", 2)
    shop.send("open", "back", "ignored", "resolved", "event", "person", "gone")
    for title, change in (("ignored", issues.ignore), ("resolved", issues.resolve)):
        change(shop.visible, shop.issues()[title].id, BEN)
    issues.resolve(shop.visible, shop.issues()["back"].id, BEN)
    shop.send("back")
    before = shop.statuses()
    assert before["back"] == "regressed"
    bulk = shop.change(RESOLVE, query="")
    assert bulk.counts == {"changed": 6, "already": 1}
    shop.send("event")
    shop.clock.advance(1)
    issues.reopen(shop.visible, shop.issues()["person"].id, BEN)
    issues.delete(shop.visible, shop.issues()["gone"].id, BEN)
    undone = shop.undo(bulk)
    assert undone.counts == {"changed": 3, "meanwhile": 2, "gone": 1}
    stays = {"event": "regressed", "person": "open"}
    assert shop.statuses() == {
        title: stays.get(title, status) for title, status in before.items() if title != "gone"
    }
    (latest, *_) = issues.list_activity(shop.visible, shop.issues()["ignored"].id)
    assert (latest.what, latest.by) == ("ignored", BEN)
    # A list finds an issue that is regressed again, and digest counts further events of all.
    regressed = issues.matching(shop.visible, read_query("is:regressed"))
    assert {each.title for each in regressed} == {"event", "back"}
    shop.send("back", "open", "ignored", "resolved")
    assert shop.issues()["back"].count == 3
    assert (shop.statuses()["open"], shop.statuses()["ignored"]) == ("open", "ignored")
    assert shop.statuses()["resolved"] == "regressed"
    with pytest.raises(InvalidInputError):
        shop.undo(undone)


def test_undo_restores_issues_whose_release_was_first_seen_after_the_change(
    shop: Shop,
) -> None:
    shop.send("a", release="c0ffee1")
    ids = shop.ids("a")
    shop.clock.advance(1)
    bulk = shop.finish(
        change_issues.begin(
            shop.visible, "a" * 32, Change(RESOLVE, release="c0ffee2"), ANNA, 0, issue_ids=ids
        )
    )
    shop.send("b", release="c0ffee2")
    shop.send("a", release="c0ffee1")
    assert shop.statuses() == {"a": "resolved", "b": "open"}
    assert shop.undo(bulk).counts == {"changed": 1}
    assert shop.statuses() == {"a": "open", "b": "open"}


def test_an_interrupted_change_is_continued_and_changes_nothing_twice(shop: Shop) -> None:
    for number in count(1):
        titles = [f"{number} {n}" for n in range(2)]
        shop.send(*titles, "gone")
        ids = shop.ids(*titles)
        which: Any = {"bulk_id": f"{number:032x}", "issue_ids": [*ids, shop.ids("gone")[0]]}
        issues.delete(shop.visible, which["issue_ids"][2], BEN)

        def work() -> BulkChange:
            return shop.change(RESOLVE, **which)  # noqa: B023

        with fault(number, killed, after=True) as outcome, suppress(Killed):
            work()
        if not outcome.struck:
            assert number > 8
            return
        shop.clock.advance(5)
        bulk = work()
        assert bulk.counts == {"changed": 2, "gone": 1}
        assert work() == bulk  # the form is sent again
        assert [len(issues.list_activity(shop.visible, each)) for each in ids] == [1, 1]
        assert shop.undo(bulk, f"{-number % 2**64:032x}").counts == {"changed": 2}
        assert {shop.statuses()[title] for title in titles} == {"open"}


def test_digest_and_a_bulk_change_do_not_overwrite_each_other(shop: Shop) -> None:
    shop.send("a", "b", "c")
    sent: list[Call] = []

    def watch(call: Call) -> Any:
        writes = call.operation == "TransactWriteItems" and call.function is None
        if writes and len(sent) < 3 and threading.current_thread() is not threading.main_thread():
            sent.append(call)
            with lock:
                shop.send("a", "b", "c")
        return call.send()

    lock = threading.Lock()
    with atomic(), watched(watch):
        bulk = shop.change(RESOLVE, query="is:open")
    assert bulk.counts == {"changed": 3}
    assert {title: each.count for title, each in shop.issues().items()} == dict.fromkeys("abc", 4)
    # Issues with an event that was received after the change have regressed.
    assert set(shop.statuses().values()) <= {"resolved", "regressed"}
    for each in shop.issues().values():
        done = [note.what for note in issues.list_activity(shop.visible, each.id)]
        assert done.count("resolved") == 1
    found = [*issues.matching(shop.visible, read_query("is:resolved"))]
    found += issues.matching(shop.visible, read_query("is:regressed"))
    assert sorted(each.title for each in found) == ["a", "b", "c"]


def test_a_bulk_deletion_is_in_the_audit_log_and_cannot_be_undone(shop: Shop) -> None:
    shop.send("a", "b", "c")
    ids = shop.ids("a", "b")
    for role, kind in (("member", DELETE), ("viewer", RESOLVE)):
        visible = replace(shop.visible, role=role)
        with pytest.raises(ForbiddenError):
            change_issues.begin(visible, "c" * 32, Change(kind), ANNA, 0, issue_ids=ids)
    with audit.acting(lambda: Actor(ANNA, "203.0.113.9")):
        bulk = shop.change(DELETE, issue_ids=ids)
    assert (bulk.counts, set(shop.statuses())) == ({"changed": 2}, {"c"})
    entries, _ = audit.list_entries("default", "", 10)
    assert {each.details for each in entries if each.action == "issue deleted"} == {
        f"issue id {each}" for each in ids
    }
    with pytest.raises(InvalidInputError):
        shop.undo(bulk)


def test_invalid_bulk_changes_and_undos_raise_errors(shop: Shop) -> None:
    shop.send("a")
    selected: list[list[str]] = [[], [f"{n:032x}" for n in range(1_001)]]
    for ids in selected:
        with pytest.raises(InvalidInputError):
            shop.begin(RESOLVE, issue_ids=ids)
    with pytest.raises(InvalidQueryError):
        shop.begin(RESOLVE, query="usre.id:7")
    bulk = shop.change(RESOLVE, query="")
    other = visible_in("2", shop.clock.ms)
    with pytest.raises(NotFoundError):
        change_issues.find(other, bulk.id)
    shop.clock.advance(KEPT_MS // 1000)
    with pytest.raises(NotFoundError):
        shop.undo(bulk)


def test_a_throttled_change_stops_and_is_continued(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_issues, "SLICE", 1)
    monkeypatch.setattr(change_issues, "SLICE_S", 0)
    shop.send("a", "b")

    def watch(call: Call) -> Any:
        # The first slice is done, and the second one is throttled for a while.
        if call.operation == "TransactWriteItems":
            done.append(call)
            if len(done) > 1:
                raise throttled(call)
        return call.send()

    done: list[Call] = []
    bulk = shop.begin(IGNORE, query="is:open")
    with watched(watch):
        bulk = change_issues.advance(shop.visible, bulk, time.monotonic() + 60)
    assert (bulk.finished, bulk.counts) == (False, {"changed": 1})
    assert shop.finish(bulk).counts == {"changed": 2}
