"""Lists and searches of issues across the projects of an organization."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import pytest

from errata.errors import InvalidInputError
from errata.models import sketch
from errata.models.issue import Issue
from errata.models.project import Project
from errata.models.visible import issues_partition
from errata.protocol.across import MAX_PROJECTS, AcrossStart, start_of, to_cursor
from errata.protocol.issues import SORTS, read_query
from errata.store import numbers
from errata.usecases import (
    across,
    across_lanes,
    clear_project,
    delete_project,
    organizations,
    projects,
)
from errata.usecases.across import AcrossPage
from errata.usecases.issue_lists import sort_key
from tests.support import shelf
from tests.support.calls import Call, recorded, watched
from tests.support.shelf import EXPIRES, issue
from tests.support.snapshot import step

NOW_MS = (EXPIRES - 86_400) * 1000
_names = count()


@dataclass
class Shop:
    """An organization with projects, and their issues."""

    organization: str
    projects: list[Project]
    issues: dict[tuple[str, str], Issue]

    def put(self, project: Project, found: Sequence[Issue], **more: Any) -> None:
        shelf.put(issues_partition(project.id, 0), found, **more)
        self.issues |= {(project.id, each.id): each for each in found}

    def page(
        self, text: str = "", sees: Callable[[Project], bool] = lambda _: True, **more: Any
    ) -> AcrossPage:
        return across.search(self.organization, sees, read_query(text, **more), NOW_MS)

    def pages(self, text: str = "", **more: Any) -> Iterator[AcrossPage]:
        cursor = None
        for _ in range(200):
            page = self.page(text, cursor=cursor, **more)
            yield page
            cursor = page.next_cursor
            if cursor is None:
                return
            assert len(cursor) <= 2_048
        raise AssertionError("the pages do not end")

    def found(self, text: str = "", **more: Any) -> list[tuple[str, str]]:
        """Return the issues of all pages. Fail if one comes twice."""
        found = [
            (project.id, each.id)
            for page in self.pages(text, **more)
            for project, each in page.found
        ]
        assert len(set(found)) == len(found)
        return found


def new_shop(number: int) -> Shop:
    organization = organizations.create(f"org {next(_names)}").id
    made = (projects.create(f"p{n}", organization=organization) for n in range(number))
    return Shop(organization, [each.project for each in made if each], {})


def seen(n: int, **changed: Any) -> Issue:
    """Return an issue that was seen n minutes ago, rounded so that some were seen together."""
    at = NOW_MS - (n // 3) * 60_000
    return replace(issue(n, last_seen=at, **changed), first_seen=at - 1, number=1_000 - n)


@pytest.fixture
def shop() -> Shop:
    """Return five projects, one of them empty, with issues that differ in every field."""
    made = step("a shop", _five_projects)
    return Shop(made.organization, made.projects, {**made.issues})


def _five_projects() -> Shop:
    shop = new_shop(5)
    for at, (project, size) in enumerate(zip(shop.projects, (24, 9, 7, 0, 1), strict=True)):
        shop.put(
            project,
            [
                seen(
                    n * 3 + at,
                    title="needle found" if n % 5 == at else "hay",
                    status=("open", "open", "regressed", "resolved", "ignored")[n % 5],
                    environments={"prod": 1} if n % 2 else {},
                    level="info" if n % 4 == 1 else "error",
                    count=int(1.3 ** (n % 20)) + n + at,
                    users=sketch.add(b"", map(str, range(n % 9))),
                )
                for n in range(size)
            ],
        )
    return shop


QUERIES: dict[str, Callable[[Issue], bool]] = {
    "": lambda _: True,
    "is:open": lambda each: each.status in ("open", "regressed"),
    "is:regressed": lambda each: each.status == "regressed",
    "is:resolved": lambda each: each.status == "resolved",
    "is:open level:info": lambda each: (
        each.status in ("open", "regressed") and each.level == "info"
    ),
    "environment:prod": lambda each: bool(each.environments),
    "is:open !environment:prod": lambda each: (
        each.status in ("open", "regressed") and not each.environments
    ),
    "needle": lambda each: "needle" in each.title,
    "is:open needle environment:prod": lambda each: (
        "needle" in each.title and bool(each.environments) and each.status in ("open", "regressed")
    ),
    "!needle level:info": lambda each: "needle" not in each.title and each.level == "info",
    "first-seen:-1h": lambda each: each.first_seen >= NOW_MS - 3_600_000,
    "last-seen:<-20m is:open": lambda each: (
        each.last_seen < NOW_MS - 1_200_000 and each.status in ("open", "regressed")
    ),
    "level:debug": lambda _: False,
}


def is_sorted(shop: Shop, found: list[tuple[str, str]], sort: str) -> bool:
    """Return whether issues descend, except for numbers that differ by less than 5 %."""
    values = [sort_key(shop.issues[each], sort)[0] for each in found]
    limits = [value * 1.05 if sort in ("count", "users") else value for value in values]
    return all(after <= before for before, after in zip(limits, values[1:], strict=False))


@pytest.mark.parametrize("few", [True, False], ids=["at once", "by rows"])
@pytest.mark.parametrize("sort", SORTS)
def test_every_query_finds_the_issues_of_all_projects_in_one_order(
    shop: Shop, sort: str, few: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not few:
        monkeypatch.setattr(across, "_FEW", 3)
        monkeypatch.setattr(across, "_FEW_WITH_WORDS", 3)
        for name in ("_FIRST", "_FIRST_SPARSE", "_FIRST_READ", "_LEAST"):
            monkeypatch.setattr(across_lanes, name, 2)
    for text, holds in QUERIES.items():
        expected = {name for name, each in shop.issues.items() if holds(each)}
        found = shop.found(text, sort=sort, limit=7)
        assert set(found) == expected, text
        assert is_sorted(shop, found, sort), text


def test_a_page_that_ends_at_its_budget_is_continued_by_the_next_one(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(across, "_ENOUGH_UNITS", 0)
    for name in ("_FIRST", "_FIRST_READ", "_LEAST"):
        monkeypatch.setattr(across_lanes, name, 2)
    for sort in ("first_seen", "last_seen"):
        pages = list(shop.pages("level:debug", sort=sort))
        assert [each.found for each in pages] == [[]] * len(pages)
        assert len(pages) > 3
        assert all(each.looked_at > 0 for each in pages[:-1])
        assert set(shop.found("level:info", sort=sort)) == {
            name for name, each in shop.issues.items() if each.level == "info"
        }
    # Values leave out all rows that a page reads.
    monkeypatch.setattr(across, "_FEW", 0)
    for name in ("_FIRST_SPARSE", "_MOST_SPARSE", "_MOST_READ"):
        monkeypatch.setattr(across_lanes, name, 2)
    rare = replace(seen(119), environments={"rare": 1})
    shop.put(shop.projects[0], [rare])
    for sort in ("first_seen", "last_seen"):
        assert shop.found("environment:rare", sort=sort) == [(shop.projects[0].id, rare.id)]


def test_many_projects_are_one_list_and_too_many_are_listed_in_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    most = 30
    monkeypatch.setattr(across, "MAX_PROJECTS", most)
    monkeypatch.setattr(across, "_MOST_CALLS", 2 * most)
    shop = new_shop(most + 3)
    for n, project in enumerate(shop.projects):
        shop.put(project, [seen(n), seen(n + 500)])
    for sort in SORTS:
        with recorded() as calls:
            first = shop.page("is:open", sort=sort)
        assert len(first.found) == 50
        assert len(first.projects) == most
        assert first.in_parts
        assert len(calls) <= 2 * most + 10
        pages = list(shop.pages("is:open", sort=sort))
        assert len({id_ for each in pages for _, id_ in names(each)}) == 2 * len(shop.projects)
        assert [len(each.projects) for each in pages][-1] == 3
    asked = "is:open environment:prod user.id:7"
    assert len(shop.page(asked).projects) == 20
    # A query that is expensive to prepare makes the parts smaller, and loses nothing.
    monkeypatch.setattr(across, "_ENOUGH_TO_PREPARE", 0)
    assert len(shop.page("boom").projects) == 4
    assert len(shop.found("boom")) == 2 * len(shop.projects)


def test_a_cursor_of_the_most_projects_stays_short() -> None:
    numbers = {10**9 + n * 70_000: 10**10 for n in range(MAX_PROJECTS)}
    start = AcrossStart("9" * 18, "9" * 18, True, 10**15 - 1, True, "9" * 18, "f" * 32, numbers)
    cursor = to_cursor("first_seen", start)
    assert len(cursor) <= 2_800
    assert start_of(read_query("", "first_seen", cursor)) == start
    few = {n * 100: 10**5 for n in range(MAX_PROJECTS)}
    assert len(to_cursor("first_seen", replace(start, numbers=few))) <= 2_048


def names(page: AcrossPage) -> list[tuple[str, str]]:
    return [(project.id, each.id) for project, each in page.found]


def test_only_issues_of_visible_projects_are_found(shop: Shop) -> None:
    _, small, *_ = shop.projects
    mine = {name for name in shop.issues if name[0] == small.id}
    page = shop.page("", lambda each: each.id == small.id)
    assert set(names(page)) == mine
    assert page.projects == [small]
    assert shop.page("", lambda _: False) == AcrossPage()
    # The cursor of a member who sees more projects shows no more issues.
    cursor = shop.page("", limit=1).next_cursor
    rest = shop.page("", lambda each: each.id == small.id, cursor=cursor)
    assert set(names(rest)) <= mine
    assert set(names(shop.page("", cursor=cursor))) > mine


def test_deleted_and_cleared_projects_show_nothing(shop: Shop) -> None:
    busy, small, *_ = shop.projects
    cursor = shop.page("", limit=1).next_cursor
    delete_project.delete_project(busy.id)
    clear_project.clear(small.id)
    for asked in ("", "environment:prod", "needle"):
        for sort in SORTS:
            found = shop.found(asked, sort=sort)
            assert not {project_id for project_id, _ in found} & {busy.id, small.id}
    assert not {each for each, _ in names(shop.page("", cursor=cursor))} & {busy.id, small.id}


def test_issues_of_release_0_1_0_are_all_found() -> None:
    shop = new_shop(2)
    for n, project in enumerate(shop.projects):
        pk = issues_partition(project.id, 0)
        old = [seen(n), seen(n + 9)]
        shelf.put_old(pk, old)
        shop.issues |= {(project.id, each.id): each for each in old}
    for sort in SORTS:
        for asked in ("is:open", "", "boom", "level:error"):
            assert sorted(shop.found(asked, sort=sort, limit=1)) == sorted(shop.issues)


def often(number: int) -> dict[str, Any]:
    """Return the fields of an issue with this number of events, each of another user."""
    return {"count": number, "users": sketch.add(b"", map(str, range(number)))}


def order(shop: Shop, sort: str) -> Callable[[tuple[str, str]], Any]:
    """Return the function that gives the list key of an issue."""
    return lambda name: sort_key(shop.issues[name], sort)


def test_issues_of_release_0_1_0_follow_on_later_pages_most_recently_seen_first() -> None:
    shop = new_shop(2)
    for n, project in enumerate(shop.projects):
        old = [seen(3 * (2 * m + n), **often(2 * m + n + 1)) for m in range(3)]
        shelf.put_old(issues_partition(project.id, 0), old)
        shop.issues |= {(project.id, each.id): each for each in old}
    last = sorted(shop.issues, key=lambda name: shop.issues[name].last_seen, reverse=True)
    first, second = shop.projects
    assert [project_id for project_id, _ in last] == [first.id, second.id] * 3
    # Seen earlier than all of them.
    shop.put(first, [seen(100, **often(90)), seen(120, **often(30))])
    shop.put(second, [seen(110, **often(60))])
    for project in shop.projects:  # as digest does before the first issue gets a number
        numbers.remove_counter(project.id)
        numbers.begin(issues_partition(project.id, 0), NOW_MS)
    new = shop.issues.keys() - set(last)
    for sort in SORTS:
        for asked in ("is:open", "", "boom", "level:error"):
            found = shop.found(asked, sort=sort, limit=1)
            # The index by_last_seen has all issues, so there they are not apart.
            apart = [] if sort == "last_seen" else last
            ordered = sorted(new if apart else shop.issues, key=order(shop, sort), reverse=True)
            assert found == [*ordered, *apart], (sort, asked)
            # A page is sorted as a whole, even if it has issues of both kinds.
            (page,) = shop.pages(asked, sort=sort, limit=50)
            assert names(page) == sorted(shop.issues, key=order(shop, sort), reverse=True)


def test_an_issue_that_moves_while_a_page_is_read_is_on_it_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(across_lanes, "_FIRST", 2)
    monkeypatch.setattr(across_lanes, "_LEAST", 2)
    busy = shop.projects[0]
    moving = seen(117, status="resolved", title="moving")
    shop.put(busy, [moving])
    reads = count()

    def move(call: Call) -> Any:
        response = call.send()
        if call.operation == "BatchGetItem" and next(reads) == 3:
            shop.put(busy, [replace(moving, last_seen=NOW_MS - 60_000, ranked_at=NOW_MS - 60_000)])
        return response

    with watched(move):
        page = shop.page("is:resolved level:error", limit=100)
    found = names(page)
    assert len(found) == len(set(found)) > 5


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize(
    "cursor",
    [
        *("x", "=.", "bm90IEpTT04=", "é", "e30=", "W10=.", "." * 50),
        to_cursor("count", AcrossStart(value=1, project="1", issue_id="x")),
        to_cursor("users", AcrossStart(value=10**15)),
        to_cursor("first_seen", AcrossStart(after="01")),
        to_cursor("last_seen", AcrossStart()) + ".gICAgICAgICAgICA",
        to_cursor("last_seen", AcrossStart()) + ".AQ==",
        to_cursor("last_seen", AcrossStart(numbers=dict.fromkeys(range(201), 1))),
    ],
)
def test_an_invalid_cursor_is_refused(sort: str, cursor: str) -> None:
    with pytest.raises(InvalidInputError):
        across.search("default", lambda _: True, read_query("", sort, cursor), NOW_MS)
