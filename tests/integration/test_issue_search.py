"""The list of issues: filters, orders, pages, and what a page may cost."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from bench.write_units import item_size
from errata.config import settings
from errata.errors import InvalidQueryError
from errata.models import sketch
from errata.models.buckets import HOUR_MS, Buckets
from errata.models.issue import Issue
from errata.models.seen_values import SeenValues
from errata.protocol.issues import (
    ASKED_STATUSES,
    RISING,
    SORTS,
    IssueQuery,
    read_query,
)
from errata.store import clients
from errata.store.numbers import counter_key
from errata.usecases import issue_search, search_terms
from errata.usecases.issues import IssuePage, matching, search
from tests.support import shelf
from tests.support.calls import Call, recorded, watched
from tests.support.issue_pages import (
    NOW_MS,
    NOW_S,
    numbers,
    page,
    pages,
    query,
    small_pages,
)
from tests.support.shelf import EXPIRES, issue
from tests.support.visible import visible_at


def test_issues_of_a_status_are_listed_last_seen_first(pk: str) -> None:
    statuses = ("open", "resolved", "ignored", "regressed", "open")
    shelf.put(pk, (issue(n, status=each, last_seen=n) for n, each in enumerate(statuses, 1)))
    assert numbers(pk) == [5, 4, 1]
    assert numbers(pk, status="all") == [5, 4, 3, 2, 1]
    for status, number in (("resolved", 2), ("ignored", 3), ("regressed", 4)):
        assert numbers(pk, status=status) == numbers(pk, status=status, sort="count") == [number]


def test_filters_are_combined_with_and(pk: str) -> None:
    shelf.put(
        pk,
        [
            issue(1, environments={"prod": 2}, releases={"1.0": 1}, level="error"),
            issue(2, environments={"prod": 1, "dev": 1}, releases={"2.0": 1}, level="warning"),
            issue(3, environments={}, releases={"1.0": 1, "x" * 200: 1}, level="error"),
        ],
    )
    assert numbers(pk, environment="prod", sort="first_seen") == [2, 1]
    assert numbers(pk, environment="dev") == [2]
    assert numbers(pk, environment="DEV") == []
    assert numbers(pk, release="1.0") == [3, 1]
    assert numbers(pk, release="x" * 200) == [3]
    assert numbers(pk, level="warning") == [2]
    assert numbers(pk, environment="prod", release="1.0", level="error") == [1]
    assert numbers(pk, environment="", release="", level="", text="") == [3, 2, 1]


@pytest.mark.parametrize(
    ("text", "found"),
    [("STRASSE", [1]), ("app/Views", [2]), ("o", [2, 1]), ("nPe", []), ("zzz", [])],
)
def test_a_text_is_found_in_title_and_culprit_in_any_case(
    pk: str, text: str, found: list[int]
) -> None:
    titled = issue(1, title="no such Straße: wrong", culprit="src/an")
    shelf.put(pk, [titled, issue(2, title="boom in", culprit="peter/app/views.py:3")])
    assert numbers(pk, text=text) == found


@pytest.mark.parametrize(("text", "found"), [("get /cart", [1]), ("shop.mail", [2]), ("p", [2])])
def test_a_text_is_found_in_transaction_and_logger(pk: str, text: str, found: list[int]) -> None:
    plain = {"title": "boom", "culprit": "a"}
    logged = issue(2, **plain, logger="Shop.Mail")
    shelf.put(pk, [issue(1, **plain, transaction="GET /cart"), logged, issue(3, **plain)])
    assert numbers(pk, text=text) == found


def sorted_by(n: int, sort: str, value: int) -> Issue:
    """Return an issue that has a value in one of the orders."""
    match sort:
        case "first_seen":
            return replace(issue(n), first_seen=value, number=value)
        case "users":
            return issue(n, users=sketch.add(b"", map(str, range(value))))
    return issue(n, **{sort: value})


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("text", ["", "boom"])
def test_issues_are_in_the_requested_order_across_pages(pk: str, sort: str, text: str) -> None:
    shelf.put(pk, (sorted_by(n, sort, n * 7 % 19 + 1) for n in range(19)))
    found = list(pages(pk, sort=sort, text=text, limit=4))
    ids = [int(each.id, 16) for one in found for each in one.issues]
    assert [n * 7 % 19 for n in ids] == list(range(18, -1, -1))
    assert [len(one.issues) for one in found] == [4] * 4 + [3]
    assert all(one.exhaustive for one in found)


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("text", ["", "boom"])
def test_issues_with_equal_sort_values_are_each_shown_once(pk: str, sort: str, text: str) -> None:
    shelf.put(pk, (issue(n) for n in range(20)))
    assert sorted(numbers(pk, sort=sort, text=text, limit=3)) == list(range(20))


def test_expired_issues_and_those_of_other_partitions_are_not_shown(pk: str) -> None:
    shelf.put(pk, [issue(1), issue(2, expires_at=NOW_S)])
    shelf.put(f"{pk}9", [issue(3)])
    for asked in ({}, {"status": "all"}, {"text": "boom"}, {"sort": "count"}):
        assert numbers(pk, **asked) == [1]


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("status", ASKED_STATUSES)
@pytest.mark.parametrize("cleared", [False, True])
def test_a_project_without_issues_has_an_empty_page(
    pk: str, sort: str, status: str, cleared: bool
) -> None:
    if cleared:
        shelf.put(f"{pk.partition('#')[0]}#1", [issue(1)])
    for text in ("", "boom"):
        found = page(pk, text=text, status=status, sort=sort)
        assert found == IssuePage([], None, none_at_all=not text)


@pytest.mark.parametrize("sort", SORTS)
def test_a_project_with_issues_of_another_status_is_not_reported_as_empty(
    pk: str, sort: str
) -> None:
    shelf.put(pk, [issue(1, status="resolved")])
    for status in ("open", "regressed", "ignored"):
        assert page(pk, status=status, sort=sort) == IssuePage([], None, True, False)


@pytest.mark.parametrize("sort", SORTS)
def test_a_rare_status_is_found_without_empty_pages(pk: str, sort: str) -> None:
    shelf.put(
        pk,
        (
            issue(n, last_seen=n, status="open" if n % 50 else "ignored", expires_at=EXPIRES + n)
            for n in range(1, 501)
        ),
    )
    found = list(pages(pk, status="ignored", sort=sort, limit=3))
    assert [len(one.issues) for one in found] == [3, 3, 3, 1]
    assert [int(each.id, 16) for one in found for each in one.issues] == list(range(500, 0, -50))


def test_an_index_that_lags_shows_no_issue_of_another_status(pk: str) -> None:
    shelf.put(pk, (issue(n, last_seen=n) for n in range(1, 31)))

    def lag(call: Call) -> Any:
        response = call.send()
        if call.operation == "Query":
            shelf.put(pk, (issue(n, last_seen=n, status="resolved") for n in range(5, 29)))
        return response

    with watched(lag):
        found = search(visible_at(pk, NOW_S), IssueQuery(limit=4))
    assert [int(each.id, 16) for each in found.issues] == [30, 29, 4, 3]
    assert numbers(pk, limit=4, cursor=found.next_cursor) == [2, 1]


def test_a_page_of_the_newest_issues_takes_two_calls(pk: str) -> None:
    shelf.put(pk, (issue(n, last_seen=n + 1) for n in range(150)))
    with recorded() as seen:
        found = search(visible_at(pk, NOW_S), IssueQuery())
    assert (len(found.issues), len(seen)) == (50, 2)


def test_an_issue_seen_again_between_pages_hides_no_other(pk: str) -> None:
    shelf.put(pk, (issue(n, last_seen=n) for n in range(1, 11)))
    first = page(pk, limit=3)
    shelf.put(pk, [issue(8, last_seen=99)])
    second = page(pk, limit=20, cursor=first.next_cursor)
    assert [int(each.id, 16) for each in second.issues] == [7, 6, 5, 4, 3, 2, 1]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a search read at most ten issues at once, and go on to the next part after few."""
    monkeypatch.setattr(issue_search, "_FEW", 10)
    monkeypatch.setattr(issue_search, "_FEW_WITH_WORDS", 10)
    monkeypatch.setattr(issue_search, "_DENSE", 7)
    monkeypatch.setattr(issue_search, "_SPARSE", 15)
    monkeypatch.setattr(issue_search, "_SPARSE_NUMBERS", 15)


FREQUENT = [
    {"text": "boom"},
    {"environment": "prod"},
    {"environment": "prod", "text": "boom"},
    {"level": "error", "status": "all"},
    {"environment": "prod", "status": "all"},
]


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("filters", FREQUENT, ids=str)
def test_frequent_values_are_found_in_the_order_of_the_list(
    pk: str, sort: str, filters: dict[str, str]
) -> None:
    # Ranks are a third apart, so that each issue has a rank of its own.
    shelf.put(
        pk,
        (
            replace(
                sorted_by(n, sort, int(1.3 ** (n * 7 % 31)) + n * 7 % 31 + 1),
                environments={"prod": 1} if n % 3 else {},
                title="boom" if n % 3 else "other",
                level="error" if n % 3 else "info",
                status="resolved" if n == 5 else "open",
            )
            for n in range(31)
        ),
    )
    found = list(pages(pk, sort=sort, limit=4, **filters))
    ids = [int(each.id, 16) for one in found for each in one.issues]
    expected = {n for n in range(31) if n % 3 and (n != 5 or "status" in filters)}
    assert ids == sorted(expected, key=lambda n: n * 7 % 31, reverse=True)
    assert all(one.exhaustive for one in found)


@pytest.mark.parametrize("sort", SORTS)
def test_words_are_searched_in_parts_from_the_newest_issues_on(pk: str, sort: str) -> None:
    titles = ("needle" if n in (3, 4, 25, 57) else "hay" for n in range(59))
    shelf.put(pk, (issue(n, title=title, count=100 - n) for n, title in enumerate(titles)))
    with small_pages(5):
        found = list(pages(pk, sort=sort, text="needle", limit=2))
    ids = [[int(each.id, 16) for each in one.issues] for one in found]
    assert ids[0] == [57, 25]
    assert sorted(n for each in ids[1:] for n in each) == [3, 4]
    assert found[0].exhaustive == (sort == "first_seen")
    assert found[0].looked_at == 35


def test_a_page_ends_at_its_budget_of_read_units(pk: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issue_search, "_ENOUGH_UNITS", 20)
    monkeypatch.setattr(issue_search, "_DENSE", 10)
    shelf.put(pk, (issue(n, level="info" if n == 5 else "error") for n in range(60)))
    found = list(pages(pk, level="info"))
    assert [len(one.issues) for one in found] == [0, 0, 1]
    assert [one.looked_at for one in found] == [20, 20, 20]


@pytest.mark.usefixtures("few")
def test_an_issue_that_moves_while_a_page_is_read_is_on_it_once(pk: str) -> None:
    shelf.put(pk, (issue(n, last_seen=n, status="resolved") for n in range(1, 40)))
    reads = count()

    def move(call: Call) -> Any:
        response = call.send()
        # The first read is that of the counter, the second that of the first part.
        if call.operation == "BatchGetItem" and next(reads) == 1:
            shelf.put(pk, [issue(39, last_seen=20, status="resolved")])
        return response

    with watched(move):
        found = page_of(pk, status="resolved", level="error")
    assert sorted(int(each.id, 16) for each in found.issues) == list(range(1, 40))


def page_of(pk: str, **asked: Any) -> IssuePage:
    """Return a page, whatever it costs."""
    return search(visible_at(pk, NOW_S), query(**asked))


def test_issues_of_release_0_1_0_are_found_by_their_counted_values(pk: str) -> None:
    shelf.put_old(
        pk,
        [
            issue(1, environments={"prod": 1}, title="boom one", last_seen=1),
            issue(2, releases={"1.0": 1}, title="two", last_seen=2, status="resolved"),
        ],
    )
    shelf.put(pk, [issue(3, environments={"prod": 1}, last_seen=3)])
    # The project was there before its counter.
    clients.dynamodb().delete_item(
        TableName=settings().issues_table, Key=counter_key(pk.partition("#")[0])
    )
    for sort in SORTS:
        assert numbers(pk, environment="prod", sort=sort) == [3, 1]
        assert numbers(pk, release="1.0", status="all", sort=sort) == [2]
        assert numbers(pk, text="boom", status="all", sort=sort) == [3, 1]
        assert numbers(pk, text="two", status="resolved", sort=sort) == [2]


def test_a_value_row_older_than_its_issue_is_ignored(pk: str) -> None:
    old, new = issue(1, first_seen=1, last_seen=5), issue(1, first_seen=6, last_seen=9)
    shelf.put(pk, [old], values={old.id: [("user.id", "7")]})
    assert [each.id for each in found_by(pk, "user.id:7")] == [old.id]
    shelf.put(pk, [new])
    assert found_by(pk, "user.id:7") == []
    assert [each.id for each in found_by(pk, "!user.id:7")] == [new.id]


def found_by(pk: str, text: str) -> list[Issue]:
    return search(visible_at(pk, NOW_S), read_query(text)).issues


def test_a_too_frequent_value_is_checked_against_the_values_that_issues_keep(
    pk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_terms, "_VALUE_BYTES", 1)
    seen = SeenValues()
    had = [("user.id", "7"), ("tag:a", "b")]
    seen.add_new(dict.fromkeys(had, True), set())
    kept = {"values": seen.pack()}
    some = [issue(n, **(kept if n % 2 else {}), environments={"prod": 1}) for n in range(9)]
    shelf.put(pk, some, values={each.id: had for each in some if each.values})
    with small_pages(2):
        for text in ("user.id:7", "user.id:7 environment:prod", "tags[a]:b environment:pr*"):
            assert sorted(int(each.id, 16) for each in found_by(pk, text)) == [1, 3, 5, 7]
        assert len(found_by(pk, "!user.id:7")) == 5
        assert found_by(pk, "!environment:*") == []
        with pytest.raises(InvalidQueryError, match=r"Too many values match user.id:\*"):
            found_by(pk, "environment:prod user.id:*")


@contextmanager
def counting() -> Iterator[list[float]]:
    """Count the read units of issues in a list of one number."""
    spent = [0.0]

    def count_(call: Call) -> Any:
        response = call.send()
        if call.operation == "BatchGetItem":
            for items in response["Responses"].values():
                spent[0] += sum(math.ceil(item_size(each) / 4096) for each in items)
        return response

    with watched(count_):
        yield spent


def all_pages(pk: str, text: str) -> Iterator[IssuePage]:
    cursor = None
    while True:
        yield (found := search(visible_at(pk, NOW_S), read_query(text, "count", cursor, 100)))
        if not (cursor := found.next_cursor):
            return


def test_a_page_of_large_issues_costs_at_most_a_thousand_read_units(pk: str) -> None:
    names = {f"{n}{'x' * 1_990}": 10**6 for n in range(3)}  # five read units for each issue
    large = [
        issue(n, count=n + 1, releases=names, servers=names, environments=names) for n in range(220)
    ]
    rows = {each.id: [("user.id", "7")] for each in large}
    shelf.put(pk, large, values=rows, texts={each.id: " needle" for each in large})
    in_order = [each.id for each in large[::-1]]
    for text in ("user.id:7", "needle", "user.id:7 needle", "!environment:x"):
        found: list[str] = []
        pages = all_pages(pk, text)
        while True:
            with counting() as spent:
                some = next(pages, None)
            if some is None:
                break
            assert spent[0] <= 1_000, text
            found += [each.id for each in some.issues]
            # A page that is not sorted as a whole says so.
            assert not some.exhaustive or found == in_order[: len(found)]
        assert sorted(found) == sorted(in_order), text


def test_a_search_continues_if_more_issues_match_between_its_pages(
    pk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issue_search, "_FEW", 110)
    some = [issue(n, count=1_000 - n) for n in range(130)]
    rows = {each.id: [("user.id", "7")] for each in some}
    shelf.put(pk, some[:110], values=rows)
    pages = all_pages(pk, "user.id:7")
    found = next(pages).issues
    shelf.put(pk, some[110:], values=rows)
    assert [*found, *(each for page_ in pages for each in page_.issues)] == some


def test_an_issue_matches_the_level_of_any_of_its_events(pk: str) -> None:
    seen = SeenValues()
    seen.add_new({("level", "error"): False, ("level", "warning"): False}, set())
    shelf.put(pk, [issue(1, values=seen.pack()), issue(2), issue(3, level="debug")])
    for text, expected in (
        ("level:warning", {1}),
        ("level:error", {1, 2}),
        ("!level:error", {3}),
        ("!level:warning", {2, 3}),
    ):
        assert {
            each.number - 1 for each in search(visible_at(pk, NOW_S), read_query(text)).issues
        } == (expected), text


def rising(n: int, times: int, **fields: Any) -> Issue:
    """Return an issue that had one event an hour, and in the last hour so many."""
    buckets = Buckets()
    for hour in range(2, 26):
        buckets.add(NOW_MS - hour * HOUR_MS)
    buckets.add(NOW_MS - n * 1_000, times)
    return issue(n, buckets=buckets, last_seen=NOW_MS - n * 1_000, **fields)


@pytest.mark.parametrize("text", ["", "is:open", "boom", "is:resolved", "user.id:7"])
def test_rising_issues_come_first_and_then_the_last_seen(pk: str, text: str) -> None:
    status = "resolved" if text == "is:resolved" else "open"
    fields: dict[str, Any] = {"status": status, "title": "boom"}
    found = [rising(n, {7: 20, 30: 90, 55: 40}.get(n, 3), **fields) for n in range(60)]
    older = [issue(100 + n, last_seen=NOW_MS - HOUR_MS * (n + 2), **fields) for n in range(30)]
    shelf.put(pk, (*found, *older), values={each.id: [("user.id", "7")] for each in found + older})
    expected = [30, 55, 7, *(n for n in range(60) if n not in (7, 30, 55)), *range(100, 130)]
    found_pages = list(pages_of(pk, read_query(text, RISING, limit=20)))
    assert [int(each.id, 16) for page in found_pages for each in page.issues] == expected
    assert all(page.exhaustive for page in found_pages) or text == "boom"
    listed = matching(visible_at(pk, NOW_S), read_query(text, RISING))
    assert [int(each.id, 16) for each in listed] == expected


def test_rising_issues_are_searched_within_the_budget_of_a_page(
    pk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issue_search, "_ENOUGH_UNITS", 20)
    monkeypatch.setattr(issue_search, "_DENSE", 10)
    shelf.put(pk, (rising(n, 90 if n in (15, 35) else 1) for n in range(40)))
    first, second, *_ = pages_of(pk, read_query("is:open", RISING, limit=50))
    # It says how many issues it has read, and the next page starts there.
    assert (first.issues[0].id, first.exhaustive, first.looked_at) == (issue(15).id, False, 20)
    assert (second.issues[0].id, second.exhaustive) == (issue(35).id, True)


def pages_of(pk: str, query: IssueQuery) -> Iterator[IssuePage]:
    """Yield all pages of a query."""
    while True:
        found = search(visible_at(pk, NOW_S), query)
        yield found
        if found.next_cursor is None:
            return
        query = replace(query, cursor=found.next_cursor)
