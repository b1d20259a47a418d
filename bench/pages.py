"""Measure the busiest dashboard page: the issue list, of fifty issues and of fifty thousand."""

import base64
import gzip
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from bench import team
from bench.bill import invocation
from bench.lists import MANY, OPEN_LIST, PROJECTS, SEARCHES, SEARCHES_ACROSS, PageReads
from bench.prices import API_REQUEST, READ_UNIT, SECONDS_A_MONTH
from bench.report import Yardstick, at_most
from bench.stage import ACROSS, FILES, LISTS, PAGE, Stage, page_text

# 60 KB before the first image load within a second, even over a slow line.
MAX_BYTES = 60_000
MAX_CALLS = 5
MAX_UNITS = 100
MAX_SEARCH_CALLS = 20
MAX_SEARCH_UNITS = 1_000
# Two queries of each project, and what a search in one project needs.
MAX_CALLS_ACROSS = 2 * PROJECTS + 30
MAX_UNITS_ACROSS = 2_000
# The open issues of all projects: one query of each, and the issues that are shown.
MAX_CALLS_OPEN, MAX_UNITS_OPEN = PROJECTS + 15, 450
MAX_DOLLARS = 3.0
# The names of what is paid for a month begin so.
MONTHLY = "$ a month of a "
DEFAULT = "open by last_seen"


def all_pages(stage: Stage, cpu: dict[str, float]) -> Iterator[Yardstick]:
    """Yield the bytes and AWS calls of the page. `cpu` is the recorded CPU time."""
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
    yield from _lists(stage, cpu["list"])
    yield from _searches(stage, cpu)


def _lists(stage: Stage, cpu: float) -> Iterator[Yardstick]:
    """Yield the highest cost of a first page, over all lists of a project with very many issues."""
    read: dict[str, PageReads] = {}
    sizes: dict[str, int] = {}
    dollars: dict[str, float] = {}
    stage.many_issues.spent()
    for name in LISTS:
        page = page_text(stage.many.run(name)[1][0])
        read[name] = stage.many_issues.spent()
        sizes[name] = len(page.encode())
        dollars[name] = _a_month(page, read[name], cpu)
        assert page.count('class="issue-title"') == team.ISSUES, name
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
    yield _price("list", dollars)


def _searches(stage: Stage, cpu: dict[str, float]) -> Iterator[Yardstick]:
    """Yield what the first page of searches of very many issues costs: the worst of each.

    In their project, and across the projects of its organization.
    """
    across = f"a search across {PROJECTS} projects"
    for where, names, prefix, most_calls, most_units in (
        (f"a search with {MANY:,} issues", SEARCHES, "", MAX_SEARCH_CALLS, MAX_SEARCH_UNITS),
        (across, SEARCHES_ACROSS, ACROSS, MAX_CALLS_ACROSS, MAX_UNITS_ACROSS),
    ):
        read: dict[str, PageReads] = {}
        dollars: dict[str, float] = {}
        stage.many_issues.spent()
        for name in names:
            page = page_text(stage.many.run(f"{prefix}{name}")[1][0])
            read[name] = stage.many_issues.spent()
            assert 'name="query"' in page, name
            spent = cpu["search across projects" if prefix else "search"]
            dollars[name] = _a_month(page, read[name], spent)
        calls = {name: each.calls for name, each in read.items()}
        units = {name: each.units for name, each in read.items()}
        for what, found, bound in (
            ("AWS calls", calls, most_calls),
            ("read units", units, most_units),
        ):
            note = ", ".join(f"{number:g} for {name}" for name, number in found.items())
            yield at_most(f"{what} of {where}", max(found.values()), bound, note)
        for what, of_list, bound in (
            ("AWS calls", calls.get(OPEN_LIST), MAX_CALLS_OPEN),
            ("read units", units.get(OPEN_LIST), MAX_UNITS_OPEN),
        ):
            if of_list is not None:
                yield at_most(f"{what} of the open issues of {PROJECTS} projects", of_list, bound)
        yield _price(where.removeprefix("a "), dollars)


def _a_month(page: str, read: PageReads, cpu: float) -> float:
    """Return what a page costs that is open day and night, at the pace of its own refreshes."""
    pace = re.search(r'hx-trigger="every (\d+)s"', page)
    assert pace
    request = API_REQUEST + invocation("DashboardFunction", cpu, read.calls)
    return SECONDS_A_MONTH / int(pace[1]) * (read.units * READ_UNIT + request)


def _price(what: str, dollars: dict[str, float]) -> Yardstick:
    worst = max(dollars, key=lambda name: dollars[name])
    note = f"{worst}, the worst of {len(dollars)}; requests, read units, and Lambda's time"
    return at_most(f"{MONTHLY}{what} that stays open", dollars[worst], MAX_DOLLARS, note)


def _sent(response: dict[str, Any]) -> bytes:
    assert response["statusCode"] == 200, response
    return base64.b64decode(response["body"])
