"""Find issues that may be the same as another one: with the same words and places."""

import re
from collections.abc import Iterable

from errata.models.issue import OPEN, Issue
from errata.models.search_text import without_numbers
from errata.models.visible import Visible
from errata.store import issue_lists
from errata.store.issues import find_issues

# Rows of open issues that are read, newest first: 15 to 100 read units.
_ROWS = 200
_MOST = 5
# Of the words of two similar issues, at least this share is in both.
_ALIKE = 0.4
_WORD = re.compile(r"[^\W\d_]{3,}")


def similar(visible: Visible, issue: Issue) -> list[Issue]:
    """Return up to five open issues with much the same words as an issue, the most alike first.

    At least 40 % of the words of both issues must be in both. The words are those by which people
    find an issue: of title, culprit, exceptions, functions and files. Looks at the newest 200 open
    issues. Makes two calls.
    """
    rows = issue_lists.texts(visible, OPEN, 10**10 - 1, _ROWS).found
    own = next((text for _, issue_id, text in rows if issue_id == issue.id), "")
    words = _words((own, issue.title, issue.culprit, issue.exception_class))
    alike = {
        issue_id: _share(words, _words([text]))
        for _, issue_id, text in rows
        if issue_id != issue.id
    }
    best = sorted((each for each in alike if alike[each] >= _ALIKE), key=lambda e: -alike[e])
    found = find_issues(visible, best[:_MOST]) if best else []
    return [each for each in found if not each.merged_into]


def _words(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in _WORD.findall(without_numbers(text.casefold()))}


def _share(some: set[str], others: set[str]) -> float:
    return len(some & others) / max(1, len(some | others))
