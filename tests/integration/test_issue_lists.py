"""Lists by status, in every order, against a model: page by page, whatever else is in the table."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest

from errata.models import sketch
from errata.models.issue import OPEN_STATUSES, RANK_LAG_MS, ROWS_LINGER_S, STATUSES, Issue
from errata.models.visible import Visible, Watermark, issues_partition
from errata.protocol.issues import ASKED_STATUSES, SORTS, IssueQuery
from errata.store import issue_status, numbers
from errata.usecases import issues
from errata.usecases.issue_lists import sort_key
from errata.usecases.issues import IssuePage, search
from tests.support import shelf
from tests.support.calls import Call, recorded, watched
from tests.support.shelf import issue
from tests.support.snapshot import step

DAY_S = 86_400
NOW_S = 2_000_000_000
RETENTION_S = 30 * DAY_S
# A page's calls beside those of the dashboard; for issues of release 0.1.0 there may be two more.
MOST_CALLS = 4
_SKETCHES = {n: sketch.add(b"", map(str, range(n))) for n in (0, 1, 2, 3, 9, 50, 200, 1_000)}


@dataclass
class Model:
    """A project's partition, and the issues that its lists should show."""

    pk: str
    shown: dict[str, Issue] = field(default_factory=dict)

    @property
    def visible(self) -> Visible:
        project_id = self.pk.partition("#")[0]
        oldest_ms = (NOW_S - RETENTION_S) * 1000
        return Visible(project_id, Watermark(), oldest_ms, NOW_S * 1000).for_operator()

    def asked(self, status: str) -> list[Issue]:
        """Return the issues that a list of a status shows."""
        wanted = {"all": STATUSES, "open": OPEN_STATUSES}.get(status, (status,))
        return [each for each in self.shown.values() if each.status in wanted]


@pytest.fixture
def model() -> Model:
    return Model(issues_partition("100", 0))


def random_issue(chosen: random.Random, number: int, age_s: int) -> Issue:
    """Return an issue that was last seen so long ago, in seconds."""
    last_seen = (NOW_S - age_s) * 1000 - chosen.randrange(1000)
    expires_at = last_seen // 1000 + RETENTION_S
    made = issue(
        chosen.getrandbits(128),
        status=chosen.choice(STATUSES),
        count=round(chosen.paretovariate(0.4)) % 10**9,
        first_seen=number * 1_000 + chosen.randrange(1_000),
        last_seen=last_seen,
        ranked_at=last_seen - chosen.choice((0, 0, 1, RANK_LAG_MS - 1)),
        users=_SKETCHES[chosen.choice(list(_SKETCHES))],
        expires_at=expires_at,
    )
    return replace(made, number=number, rows_until=expires_at + ROWS_LINGER_S)


def fill(model: Model, seed: int, visible: int) -> random.Random:
    """Store visible issues, expired ones, and rows that are left over."""
    found, state = step((model.pk, seed, visible), lambda: _stored(model.pk, seed, visible))
    model.shown |= {each.id: each for each in found}
    chosen = random.Random()
    chosen.setstate(state)
    return chosen


def _stored(pk: str, seed: int, visible: int) -> tuple[list[Issue], Any]:
    chosen = random.Random(seed)
    gone = visible // 4
    expired = [
        random_issue(chosen, n, RETENTION_S + 120 + chosen.randrange(5 * DAY_S))
        for n in range(1, gone)
    ]
    found = [
        random_issue(chosen, n, chosen.randrange(RETENTION_S - 60))
        for n in range(gone, gone + visible)
    ]
    left_over = [
        replace(
            each,
            status=chosen.choice(STATUSES),
            count=chosen.randrange(1, 100),
            users=_SKETCHES[chosen.choice(list(_SKETCHES))],
            ranked_at=each.ranked_at - chosen.randrange(DAY_S * 1000),
        )
        for each in chosen.sample(found, visible // 50)
    ]
    shelf.put_rows(pk, left_over)
    shelf.put(pk, found + expired)
    return found, chosen.getstate()


def pages(model: Model, calls: int = MOST_CALLS, **asked: Any) -> Iterator[IssuePage]:
    cursor = None
    while True:
        with recorded() as seen:
            found = search(model.visible, IssueQuery(cursor=cursor, **asked))
        assert len(seen) <= calls
        yield found
        cursor = found.next_cursor
        if cursor is None:
            return


def assert_full(found: list[IssuePage], limit: int) -> None:
    """Fail if a page is short before the end, where rows may be left over."""
    sizes = [len(one.issues) for one in found]
    if len(sizes) > 1 and not sizes[-1]:
        sizes.pop()
    assert sizes[:-1] == [limit] * (len(sizes) - 1)


def assert_in_order(found: list[IssuePage], sort: str) -> None:
    """Fail unless each page is sorted, and so are the pages, except for nearly equal values."""
    for each in found:
        keys = [sort_key(each, sort) for each in each.issues]
        assert keys == sorted(keys, reverse=True)
    for one, other in pairwise(each.issues for each in found if each.issues):
        low, high = sort_key(one[-1], sort)[0], sort_key(other[0], sort)[0]
        match sort:
            case "last_seen":
                assert high < low + RANK_LAG_MS
            case "first_seen":
                assert high <= low
            case _:
                assert high <= low * 1.05


@pytest.mark.parametrize("sort", SORTS)
def test_every_list_shows_each_of_its_issues_once_and_in_order(sort: str) -> None:
    filled = [(Model(f"10{seed}#0"), seed, limit) for seed, limit in ((1, 20), (2, 50))]
    for model, seed, _ in filled:
        fill(model, seed, 150)
    for model, _, limit in filled:
        for status in ASKED_STATUSES:
            expected = sorted(each.id for each in model.asked(status))
            found = list(pages(model, sort=sort, status=status, limit=limit))
            shown = [each for one in found for each in one.issues]
            assert sorted(each.id for each in shown) == expected
            assert all(model.shown[each.id] == each for each in shown)
            assert_full(found, limit)
            assert_in_order(found, sort)
            query = IssueQuery(sort=sort, status=status)
            every = [each.id for each in issues.matching(model.visible, query)]
            assert sorted(every) == expected


def test_all_issues_are_listed_last_seen_first(model: Model) -> None:
    fill(model, 5, 150)
    found = list(issues.list_issues(model.visible))
    assert {each.id for each in found} == set(model.shown)
    assert all(b.last_seen < a.last_seen + RANK_LAG_MS for a, b in pairwise(found))


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("status", ASKED_STATUSES)
def test_a_status_that_changes_between_pages_hides_no_other_issue(
    model: Model, sort: str, status: str
) -> None:
    chosen = fill(model, 7, 60)
    expected = {each.id for each in model.asked(status)}
    changed: set[str] = set()
    seen: list[str] = []
    for one in pages(model, sort=sort, status=status, limit=6):
        seen += [each.id for each in one.issues]
        for each in chosen.sample(sorted(model.shown), 3):
            change = chosen.choice((issues.resolve, issues.ignore, issues.reopen))
            model.shown[each] = change(model.visible, each, "ada@example.com")
            changed.add(each)
        gone = chosen.choice(sorted(model.shown))
        issues.delete(model.visible, gone, "ada@example.com")
        del model.shown[gone]
        changed.add(gone)
    assert expected - changed <= set(seen)
    others = [each for each in seen if each not in changed]
    assert len(others) == len(set(others))
    assert set(others) <= expected


def test_many_rows_that_are_left_over_make_no_page_short(model: Model) -> None:
    chosen = random.Random(3)
    alive = [
        replace(random_issue(chosen, n, 1), status="resolved", count=20, users=b"")
        for n in range(1, 400)
        if n % 4 == 0
    ]
    expired = [
        replace(random_issue(chosen, n, RETENTION_S + 120), status="resolved", count=20, users=b"")
        for n in range(1, 400)
        if n % 4
    ]
    shelf.put(model.pk, alive + expired)
    for sort in SORTS:
        found = list(pages(model, sort=sort, status="resolved", limit=20))
        assert sum(len(one.issues) for one in found) == len(alive)
        assert_full(found, 20)


def test_an_issue_that_is_resolved_while_the_list_is_read_is_shown_once(model: Model) -> None:
    shelf.put(model.pk, [replace(random_issue(random.Random(6), 1, 60), status="open")])
    (stored,) = issues.list_issues(model.visible)
    resolved: list[Issue] = []

    def resolve(call: Call) -> Any:
        response = call.send()
        if "IndexName" in call.parameters and not resolved:
            resolved.append(stored)
            issues.resolve(model.visible, stored.id, "ada@example.com")
        return response

    with watched(resolve):
        page = search(model.visible, IssueQuery(status="all"))
    assert [(each.id, each.status) for each in page.issues] == [(stored.id, "resolved")]


def test_hidden_issues_in_the_index_do_not_change_the_order_of_others(model: Model) -> None:
    chosen = random.Random(8)
    # Seen a minute ago, but their events expire soon: the retention was shorter then.
    hidden = [
        replace(random_issue(chosen, n, 60), status="open", expires_at=NOW_S, ttl=NOW_S)
        for n in range(1, 111)
    ]
    shown = [
        replace(random_issue(chosen, n, n * 1_000), status="open" if n < 116 else "resolved")
        for n in range(111, 121)
    ]
    shelf.put(model.pk, hidden + shown)
    found = [each.id for one in pages(model, status="all", limit=3) for each in one.issues]
    assert found == [each.id for each in shown]


# ------------------------------------------------------------------ issues of release 0.1.0


def old(chosen: random.Random, number: int) -> Issue:
    """Return an issue that release 0.1.0 was the last to change."""
    age_s = DAY_S + chosen.randrange(5 * DAY_S)
    made = random_issue(chosen, number, age_s)
    return replace(made, number=0, ranked_at=made.last_seen, ttl=made.expires_at, rows_until=0)


@pytest.mark.parametrize("new", [0, 30])
def test_issues_without_rows_follow_at_the_end(model: Model, new: int) -> None:
    chosen = fill(model, 11, new) if new else random.Random(11)
    rest = [old(chosen, n) for n in range(60)]
    shelf.put_old(model.pk, rest)
    if new:  # as digest does before the first issue gets a number
        numbers.remove_counter(model.visible.project_id)
        numbers.begin(model.pk, (NOW_S - DAY_S) * 1000)
    model.shown |= {each.id: each for each in rest}
    for sort in SORTS:
        for status in ASKED_STATUSES:
            found = list(pages(model, 6, sort=sort, status=status, limit=20))
            shown = [each for one in found for each in one.issues]
            expected = model.asked(status)
            assert sorted(each.id for each in shown) == sorted(each.id for each in expected)
            assert_full(found, 20)
            assert found[0].issues or not expected
            if sort == "last_seen" and status in ("open", "all"):
                assert_in_order(found, sort)
            else:
                numbered = [bool(each.number) for each in shown]
                assert numbered == sorted(numbered, reverse=True)
                times = [each.last_seen for each in shown if not each.number]
                assert times == sorted(times, reverse=True)


def test_a_partition_of_this_release_needs_no_extra_call(model: Model) -> None:
    numbers.begin(model.pk, NOW_S * 1000)
    fill(model, 13, 20)
    for sort in SORTS:
        (one,) = pages(model, 2, sort=sort, limit=50)
        assert len(one.issues) == len(model.asked("open"))


def test_issues_without_rows_are_not_searched_after_they_have_expired(model: Model) -> None:
    shelf.put_old(model.pk, [old(random.Random(1), 1)])
    numbers.begin(model.pk, (NOW_S - RETENTION_S - DAY_S) * 1000)
    (one,) = pages(model, 3, sort="count", status="resolved")  # no call looks for them
    assert one.issues == []


def test_an_issue_without_rows_gets_them_with_its_next_status(model: Model) -> None:
    chosen = random.Random(2)
    rest = [replace(old(chosen, n), status="open", status_at=0) for n in range(3)]
    shelf.put_old(model.pk, rest)
    resolved = issues.resolve(model.visible, rest[1].id, "ada@example.com")
    for sort in SORTS:
        (one,) = pages(model, 6, sort=sort, status="resolved")
        assert [each.id for each in one.issues] == [resolved.id]
        (one,) = pages(model, 6, sort=sort, status="all")
        assert one.issues[0].id == resolved.id or sort == "last_seen"
        assert {each.id for each in one.issues} == {each.id for each in rest}


def test_beginning_a_counter_again_does_not_reset_it(model: Model) -> None:
    project_id = model.visible.project_id
    numbers.begin(model.pk, 1)
    assert numbers.last_number(project_id) == 0
    made = replace(old(random.Random(4), 1), status="open", status_at=0)
    shelf.put_old(model.pk, [made])
    resolved = replace(made, status="resolved", status_at=5)
    assert issue_status.set_status(model.pk, made, resolved, "resolved", 0)
    numbers.begin(model.pk, 2)
    assert numbers.last_number(project_id) == 1
