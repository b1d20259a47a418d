"""Measure the busiest dashboard page: the issue list, of fifty issues and of fifty thousand."""

import base64
import gzip
from collections import Counter
from collections.abc import Iterator
from typing import Any

from bench.lists import MANY, Read
from bench.report import Yardstick, at_most
from bench.stage import FILES, LISTS, PAGE, Stage, page_text
from bench.team import ISSUES as LISTED

# 60 KB before the first image load within a second, even over a slow line.
MAX_BYTES = 60_000
MAX_CALLS = 5
MAX_UNITS = 100
DEFAULT = "open by last_seen"


def all_pages(stage: Stage) -> Iterator[Yardstick]:
    """Yield the bytes and AWS calls of the page."""
    kinds = Counter(call.operation for call in stage.calls(stage.dashboard, PAGE))
    note = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    yield at_most("AWS calls of the issue list with 50 issues", kinds.total(), MAX_CALLS, note)

    (page,) = stage.dashboard.run(PAGE)[1]
    files = stage.dashboard.run(FILES)[1]
    sent = [len(_sent(response)) for response in (page, *files)]
    note = (
        f"gzipped over the wire: page {sent[0]}, style and scripts, which browsers keep,"
        f" {sum(sent[1:])}, together {sum(sent)}"
    )
    size = len(gzip.decompress(_sent(page)))
    yield at_most("bytes of that page before images", size, MAX_BYTES, note)
    yield from _lists(stage)


def _lists(stage: Stage) -> Iterator[Yardstick]:
    """Yield the highest cost of a first page, over all lists of a project with very many issues."""
    read: dict[str, Read] = {}
    sizes: dict[str, int] = {}
    stage.many_issues.spent()
    for name in LISTS:
        page = page_text(stage.many.run(name)[1][0])
        read[name] = stage.many_issues.spent()
        sizes[name] = len(page.encode())
        assert page.count('class="issue-title"') == LISTED, name
    calls = {name: each.calls for name, each in read.items()}
    units = {name: each.units for name, each in read.items()}
    for what, found, bound in (
        ("AWS calls", calls, MAX_CALLS),
        ("read units", units, MAX_UNITS),
        ("bytes", sizes, MAX_BYTES),
    ):
        worst = max(found, key=lambda name: found[name])
        note = f"{worst}, the worst of {len(found)} lists; {found[DEFAULT]} for {DEFAULT}"
        yield at_most(f"{what} of a list page with {MANY:,} issues", found[worst], bound, note)


def _sent(response: dict[str, Any]) -> bytes:
    assert response["statusCode"] == 200, response
    return base64.b64decode(response["body"])
