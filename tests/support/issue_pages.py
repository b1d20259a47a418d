"""Pages of the list of issues, as a search returns them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from errata.protocol.issues import (
    IssueQuery,
    read_query,
    translated,
)
from errata.usecases.issues import IssuePage, search
from tests.support.calls import Call, recorded, watched
from tests.support.shelf import EXPIRES
from tests.support.visible import visible_at

NOW_S = EXPIRES - 1


NOW_MS = NOW_S * 1_000


MOST_CALLS = 4


def query(**asked: Any) -> IssueQuery:
    """Return the query for filters as the options of the command have them."""
    more = {name: asked.pop(name) for name in ("sort", "cursor", "limit") if name in asked}
    return read_query(translated(**asked), **more)


def page(pk: str, **asked: Any) -> IssuePage:
    with recorded() as seen:
        found = search(visible_at(pk, NOW_S), query(**asked))
    assert len(seen) <= MOST_CALLS or query(**asked).terms
    assert {call.operation for call in seen} <= {"Query", "BatchGetItem"}
    return found


def pages(pk: str, **asked: Any) -> Iterator[IssuePage]:
    cursor = asked.pop("cursor", None)
    while True:
        found = page(pk, cursor=cursor, **asked)
        yield found
        cursor = found.next_cursor
        if cursor is None:
            return


def numbers(pk: str, **asked: Any) -> list[int]:
    """The issues of all pages, by the numbers they were made of."""
    return [int(each.id, 16) for one in pages(pk, **asked) for each in one.issues]


@contextmanager
def small_pages(items: int) -> Iterator[None]:
    """Let DynamoDB's page of 1 MB hold so many items."""

    def watch(call: Call) -> Any:
        if call.operation == "Query" and "IndexName" not in call.parameters:
            call.parameters["Limit"] = items
        return call.send()

    with watched(watch):
        yield
