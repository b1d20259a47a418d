"""The list of issues: invalid cursors, and other input that is refused."""

import base64
import json
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from errata.errors import InvalidInputError
from errata.models.issue import Issue
from errata.protocol.issues import (
    INDEX,
    KINDS,
    REST,
    ROWS,
    SORTS,
    IssueQuery,
)
from errata.usecases.issues import search
from tests.support import shelf
from tests.support.issue_pages import (
    NOW_S,
    page,
    query,
)
from tests.support.shelf import issue
from tests.support.visible import visible_at


def encoded(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


ID = "a" * 32


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "===",
        "bm90IEpTT04=",
        "é",
        encoded(1),
        encoded({}),
        encoded([]),
        encoded(["count", 1, ID, "", ""]),
        encoded(["last_seen", True, ID, "", ""]),
        encoded(["last_seen", 1.5, ID, "", ""]),
        encoded(["last_seen", -1, ID, "", ""]),
        encoded(["last_seen", 10**30, ID, "", ""]),
        encoded(["last_seen", 1, "a", "", ""]),
        encoded(["last_seen", 1, ID, f"{ID}~", ""]),
        encoded(["last_seen", 1, ID, "", None]),
        encoded(["last_seen", 1, "", ID, ID]),
        encoded(["last_seen", 1, "", "f" * 32, ID]),
        encoded(["last_seen", 1, ID, ""]),
        encoded(["last_seen", 1, ID, "", "", ""]),
        encoded(["last_seen", 1, ID, "", "", "index"]),
        encoded(["last_seen", 1, ID, "", "", ["rows"]]),
        encoded(["last_seen", 1, ID, "", "", "rows", "rest"]),
        encoded(["last_seen", "rows", None, None]),
        encoded(["count", "list", None, None]),
        encoded(["last_seen", "list", [1, ID], None]),
        encoded(["last_seen", "list", [1, ID, "?"], None]),
        encoded(["last_seen", "list", None, [-1, ID]]),
        encoded(["last_seen", "list", None, [1, "a"]]),
        encoded(["last_seen", "list", None, 1]),
        base64.urlsafe_b64encode(b"[" * 100_000).decode(),
    ],
)
def test_an_invalid_cursor_is_refused(pk: str, cursor: str) -> None:
    for text in ("", "boom"):
        with pytest.raises(InvalidInputError) as refused:
            search(visible_at(pk, NOW_S), query(cursor=cursor, text=text))
        assert set(refused.value.errors) == {"cursor"}


@pytest.mark.parametrize("sort", SORTS)
def test_a_forged_cursor_of_a_list_shows_no_other_issues(pk: str, sort: str) -> None:
    shelf.put(pk, [issue(1)])
    for place, part, value, status in product(
        (["", "", ""], [ID, "", ""], ["", ID, ""], ["", "", ID]),
        ([], ["rows"], ["rest"]),
        (0, 5, 10**15 - 1),
        ("open", "all", "resolved"),
    ):
        sent = [sort, value, *place, *part]
        found = page(pk, cursor=encoded(sent), sort=sort, status=status)
        assert found.issues in ([], [issue(1)]), (sent, status)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", [INDEX, ROWS, REST])
@pytest.mark.parametrize("last", [None, [0, ""], [10**15 - 1, ID]])
def test_a_forged_cursor_of_a_search_shows_no_other_issues(
    pk: str, kind: str, part: str, last: list[Any] | None
) -> None:
    shelf.put(pk, [issue(1)])
    starts = [None, *([value, name, part] for value in (0, 5, 10**15 - 1) for name in ("", ID))]
    for start in starts:
        cursor = encoded(["count", kind, start, last])
        for filters in ({"text": "boom"}, {"level": "error"}, {"release": "1", "status": "all"}):
            found = page(pk, cursor=cursor, sort="count", **filters)
            assert found.issues in ([], [issue(1)])


def test_the_error_names_every_wrong_field(pk: str) -> None:
    asked = IssueQuery(status="closed", sort="title", cursor="?", limit=0)
    with pytest.raises(InvalidInputError) as refused:
        search(visible_at(pk, NOW_S), asked)
    assert set(refused.value.errors) == {"status", "sort", "limit", "cursor"}


def test_a_cursor_stays_valid_after_its_issue_has_expired(pk: str) -> None:
    found: list[Issue] = [issue(n, last_seen=n) for n in range(1, 6)]
    shelf.put(pk, found)
    for asked in ({}, {"text": "boom"}):
        first = page(pk, limit=2, **asked)
        shelf.put(pk, [replace(first.issues[-1], expires_at=1)])
        rest = page(pk, limit=9, cursor=first.next_cursor, **asked)
        assert [int(each.id, 16) for each in rest.issues][-2:] == [2, 1]
        shelf.put(pk, found)
