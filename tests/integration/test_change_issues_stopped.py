"""Bulk changes that stop half-way or take long, and their undo; and heads with many members."""

import itertools
from contextlib import suppress
from typing import Any

import pytest

from errata.errors import InvalidInputError
from errata.models.issue_change import DELETE, IGNORE, RESOLVE, BulkChange, Change
from errata.store.change_issues import KEPT_MS
from errata.usecases import change_issues, issues, merge, projects, slugs
from tests.integration.test_change_issues import ANNA, BEN, Shop
from tests.support.account import Clock, Project
from tests.support.calls import Call, Killed, fault, killed, watched


@pytest.fixture
def shop(busy: Project, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr(change_issues, "SLICE", 2)
    return Shop(busy.id, clock)


def advance(shop: Shop, bulk: BulkChange) -> BulkChange:
    return change_issues.advance(shop.visible, bulk, 0)


@pytest.mark.parametrize("selected", [True, False])
def test_undo_ends_a_change_that_is_not_finished(shop: Shop, selected: bool) -> None:
    titles = [f"boom {n}" for n in range(7)]
    shop.send(*titles)
    which: dict[str, Any] = {"issue_ids": shop.ids(*titles)} if selected else {"query": ""}
    bulk = advance(shop, shop.begin(RESOLVE, **which))
    assert (bulk.finished, bulk.counts) == (False, {"changed": 2})
    assert shop.undo(bulk).counts == {"changed": 2}
    assert set(shop.statuses().values()) == {"open"}
    # A second browser window continues the change, with the state from before the undo.
    assert advance(shop, bulk).finished
    assert shop.finish(change_issues.find(shop.visible, bulk.id)).counts == {"changed": 2}
    assert set(shop.statuses().values()) == {"open"}


def test_undo_covers_an_interrupted_slice(shop: Shop) -> None:
    for number in itertools.count(1):
        titles = [f"{number} {n}" for n in range(5)]
        shop.send(*titles)
        ids = shop.ids(*titles)
        bulk = advance(shop, shop.begin(IGNORE, bulk_id=f"{number:032x}", issue_ids=ids))
        with fault(number, killed, after=True) as outcome, suppress(Killed):
            advance(shop, bulk)
        found = change_issues.find(shop.visible, bulk.id)
        assert shop.undo(found, f"{-number % 2**64:032x}").counts.keys() == {"changed"}
        assert {shop.statuses()[title] for title in titles} == {"open"}, number
        if not outcome.struck:
            break
    assert number > 5


def test_undo_while_another_window_writes_a_slice_restores_all_issues(shop: Shop) -> None:
    shop.send("a", "b", "c", "d", "e")
    bulk = advance(shop, shop.begin(RESOLVE, issue_ids=shop.ids("a", "b", "c", "d", "e")))
    undone: list[BulkChange] = []

    def watch(call: Call) -> Any:
        if call.operation == "TransactWriteItems" and not undone:
            undone.append(bulk)
            undone.append(shop.undo(bulk))
        return call.send()

    with watched(watch):
        shop.finish(advance(shop, bulk))
    assert undone[1].counts == {"changed": 4}
    assert set(shop.statuses().values()) == {"open"}


def test_a_change_that_has_changed_nothing_yet_is_stopped_but_cannot_be_undone(shop: Shop) -> None:
    shop.send("a", "b", "c")
    bulk = shop.begin(RESOLVE, query="")
    with pytest.raises(InvalidInputError, match="cannot be undone"):
        shop.undo(bulk)
    assert shop.finish(change_issues.find(shop.visible, bulk.id)).counts == {}
    assert set(shop.statuses().values()) == {"open"}


def test_a_deletion_continues_although_somebody_tries_to_undo_it(shop: Shop) -> None:
    shop.send("a", "b", "c")
    bulk = advance(shop, shop.begin(DELETE, query=""))
    with pytest.raises(InvalidInputError, match="cannot be undone"):
        shop.undo(bulk)
    assert shop.finish(bulk).counts == {"changed": 3}


def test_a_change_and_its_undo_may_take_longer_than_an_hour(shop: Shop) -> None:
    shop.send("a", "b", "c", "d", "e", "f")
    bulk = shop.begin(RESOLVE, query="")
    pause_s = KEPT_MS // 1000 - 60
    while not bulk.finished:
        bulk = advance(shop, bulk)
        shop.clock.advance(pause_s)
    undone = change_issues.undo(shop.visible, bulk.id, "b" * 32, BEN)
    while not undone.finished:
        undone = advance(shop, undone)
        shop.clock.advance(pause_s)
    assert undone.counts == {"changed": 6}
    assert set(shop.statuses().values()) == {"open"}


# ------------------------------------------------------------------ merged issues


def test_a_deletion_continues_and_skips_an_issue_that_was_merged_meanwhile(shop: Shop) -> None:
    shop.send("a", "b", "c")
    a, b, c = shop.ids("a", "b", "c")
    bulk = shop.begin(DELETE, issue_ids=[a, b])

    def planned(call: Call) -> Any:
        response = call.send()
        if call.operation == "PutItem":
            raise Killed
        return response

    with watched(planned), suppress(Killed):
        advance(shop, bulk)
    assert shop.statuses() == dict.fromkeys("abc", "open")
    merge.merge(slugs.shown(projects.find(shop.id)), shop.visible, c, [b], ANNA)
    bulk = shop.finish(bulk)
    assert bulk.counts == {"changed": 1, "meanwhile": 1}
    assert shop.statuses() == {"c": "open"}


@pytest.mark.parametrize("selected", [True, False])
def test_a_bulk_ignore_counts_all_events_of_a_head_with_many_members(
    shop: Shop, selected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Their members are more than a page of a list adds up.
    monkeypatch.setattr("errata.usecases.merged.BATCH_GET", 1)
    monkeypatch.setattr("errata.usecases.issue_search._MOST_MEMBERS", 1)
    monkeypatch.setattr("errata.usecases.merged.with_members.__defaults__", (1,))
    shop.send("a", "b", "c")
    ids = shop.ids("a", "b", "c")
    shop.send("b", "b", "c", release="2.0")
    project = slugs.shown(projects.find(shop.id))
    merge.merge(project, shop.visible, ids[0], ids[1:], ANNA)
    which: Any = {"issue_ids": ids[:1]} if selected else {"query": "is:open"}
    change = Change(IGNORE, until="events", number=2)
    shop.clock.advance(1)
    bulk = change_issues.begin(shop.visible, "a" * 32, change, ANNA, shop.clock.ms, **which)
    assert shop.finish(bulk).counts == {"changed": 1}
    assert issues.find(shop.visible, ids[0]).ignored_base == 6
