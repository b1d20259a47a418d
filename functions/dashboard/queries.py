"""What lists and searches of issues have in common: examples, views, orders, and mistakes."""

from collections import Counter
from collections.abc import Iterable, Sequence

from errata.errors import InvalidQueryError
from errata.models.issue import Issue
from errata.models.views import BUILT_IN
from errata.protocol.issues import RISING, SORTS
from errata.protocol.query import Term, parse_terms, query_text
from errata.protocol.views import has_states, scope_of, with_scope, with_states
from functions.dashboard.pages.search import link_to_query

# Characters of a query that links of a page may repeat.
LONG = 300
# Environments to choose from. The list of a project loads others when their menu opens.
_ENVIRONMENTS, _NAME = 6, 40
# How many characters of a refused query are shown before and after the problem.
_AROUND = 60
SORT_NAMES = tuple(zip(SORTS, ("Last seen", "First seen", "Events", "Users"), strict=True))
# Only the list of one project has this order.
RISING_FIRST = (RISING, "Rising first")
EXAMPLES = (
    ("is:open", "resolved, regressed, ignored, new, rising, quiet"),
    ("assigned:me", "an e-mail address, #team, * for anybody; !assigned:* for nobody"),
    ("level:error", "warning, info, debug"),
    ('release:"shop 2.*"', "environment, server, transaction, url, logger; * is any text"),
    ("first-release:shop@2.1", "new in it; regressed-in, resolved-in, resolved-after"),
    ("user.email:ada@example.com", "user.id"),
    ("tags[browser]:Firefox", "a tag, by its name"),
    ("first-seen:-24h", "last-seen; -30m, -7d, >2026-11-01, <-2w"),
    ("!user.id:7", "not: no event has it"),
    ('"connection reset"', "in title, culprit, exceptions, functions, files"),
)


def built_in_views(terms: Sequence[Term], sort: str) -> list[tuple[str, str, bool]]:
    """Return name and link of each built-in view, and whether it is shown.

    A view replaces the states in the query and keeps the rest. Of a long query, it keeps only the
    scope.
    """
    kept = terms if len(query_text(terms)) <= LONG else parse_terms(with_scope((), scope_of(terms)))
    return [
        (
            each.name,
            link_to_query(with_states(kept, each.query), sort),
            has_states(terms, each.query),
        )
        for each in BUILT_IN
    ]


def environments_of(found: Iterable[Issue], current: str) -> list[str]:
    """Return the environments to offer without loading more: those of the issues on the page."""
    counts: Counter[str] = Counter()
    for issue in found:
        counts.update(issue.environments)
    short = [name for name, _ in counts.most_common() if len(name) <= _NAME and name != current]
    return [*([current] if current else []), *short[:_ENVIRONMENTS]]


def in_place(error: InvalidQueryError) -> dict[str, str]:
    """Return what is wrong with a query, and the text around it in three pieces."""
    text, start, end = error.text, error.start, error.end
    return {
        "text": error.message,
        "before": text[max(0, start - _AROUND) : start],
        "wrong": text[start : min(end, start + _AROUND)],
        "after": text[end : end + _AROUND],
    }
