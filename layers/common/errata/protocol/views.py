"""Change a part of a query: the states that it asks for, or its scope."""

from collections.abc import Iterable

from errata.models.views import RANGES, Scope
from errata.protocol.query import ASSIGNED, IS, LAST_SEEN, ME, Term, parse_terms, query_text

ENVIRONMENT = "environment"


def scope_of(terms: Iterable[Term]) -> Scope:
    """Return the scope of a query: its first environment, and its first time range."""
    environment = range_ = ""
    for term in terms:
        if _is_environment(term):
            environment = environment or term.value
        elif _is_range(term):
            range_ = range_ or term.value.lstrip(">-")
    return Scope(environment, range_)


def with_scope(terms: Iterable[Term], scope: Scope) -> str:
    """Return the text of a query with this scope in place of its own."""
    others = [each for each in terms if not (_is_environment(each) or _is_range(each))]
    if scope.environment:
        others.append(Term(ENVIRONMENT, (scope.environment,)))
    if scope.range:
        others.append(Term(LAST_SEEN, (f"-{scope.range}",)))
    return query_text(others)


def with_states(terms: Iterable[Term], states: str) -> str:
    """Return the text of a query with other states. `states` is the query of a built-in view."""
    others = [each for each in terms if not _is_state(each)]
    return query_text([*parse_terms(states), *others])


def has_states(terms: Iterable[Term], states: str) -> bool:
    """Return whether a query asks for these states and no others."""
    return _states(terms) == _states(parse_terms(states))


def _states(terms: Iterable[Term]) -> set[tuple[str, bool]]:
    return {
        ("open" if each.value == "unresolved" else each.value, each.negated)
        for each in terms
        if _is_state(each)
    }


def _is_state(term: Term) -> bool:
    """Return whether a term is part of a view: a state, or that the issue is one's own."""
    mine = term.key == ASSIGNED and term.exact and term.value == ME and not term.negated
    return mine or term.key == IS


def _is_environment(term: Term) -> bool:
    return term.key == ENVIRONMENT and term.exact and not term.negated


def _is_range(term: Term) -> bool:
    return (
        term.key == LAST_SEEN
        and not term.negated
        and term.value.removeprefix(">").removeprefix("-") in RANGES
        and term.value.lstrip(">").startswith("-")
    )
