"""Changing the states and the scope of a query, and terms that somebody types."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.models.views import BUILT_IN, RANGES, Scope
from errata.protocol.issues import read_query
from errata.protocol.query import KEYS, TEXT, Begun, Term, begun, parse_terms, query_text
from errata.protocol.views import has_states, scope_of, with_scope, with_states
from errata.usecases.suggest import HINTS


@pytest.mark.parametrize(
    ("text", "scope", "changed"),
    [
        ("", Scope(), ""),
        ("is:open", Scope("production", "24h"), "is:open environment:production last-seen:-24h"),
        ("environment:staging boom", Scope("qa env"), 'boom environment:"qa env"'),
        ("last-seen:>-7d boom", Scope(range="1h"), "boom last-seen:-1h"),
        ("environment:a last-seen:-1h boom", Scope(), "boom"),
        # Terms that no switcher sets are kept.
        (
            "!environment:a environment:b* last-seen:<-1h last-seen:-3d",
            Scope("c"),
            "!environment:a environment:b* last-seen:<-1h last-seen:-3d environment:c",
        ),
    ],
)
def test_a_scope_replaces_the_one_of_the_query(text: str, scope: Scope, changed: str) -> None:
    assert with_scope(parse_terms(text), scope) == changed
    assert scope_of(parse_terms(changed)) == scope


@given(st.text(min_size=1, max_size=40), st.sampled_from(("", *RANGES)))
def test_any_environment_can_be_chosen(environment: str, range_: str) -> None:
    scope = Scope(environment, range_)
    assert scope_of(parse_terms(with_scope(parse_terms("is:open boom"), scope))) == scope


def test_a_view_changes_the_states_and_nothing_else() -> None:
    terms = parse_terms("!is:resolved is:quiet assigned:me user.id:7")
    for view in BUILT_IN:
        changed = parse_terms(with_states(terms, view.query))
        assert [each for each in BUILT_IN if has_states(changed, each.query)] == [view]
        mine = [term for term in changed if str(term) == "assigned:me"]
        assert bool(mine) == (view.name == "Mine")
        assert [each for each in changed if each.key != "is" and each not in mine] == [terms[3]]
        assert read_query(view.query).terms == () or view.name in ("Mine", "New", "Rising")
    assert has_states(parse_terms("is:unresolved boom"), "is:open")


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("", Begun(False, TEXT, "")),
        ("!env", Begun(True, TEXT, "env")),
        ("environment:", Begun(False, "environment", "")),
        ('!release:"shop 2', Begun(True, "release", "shop 2")),
        (r'release:"a \"b\" \\"', Begun(False, "release", r'a "b" \ '.rstrip())),
        ("tags[bro", Begun(False, TEXT, "tags[bro", "bro")),
        ("tags[browser]", Begun(False, TEXT, "tags[browser]", "browser")),
        (r"tags[a\]b]:x", Begun(False, "tags[a]b]", "x")),
        ("browser:Fire", Begun(False, TEXT, "browser:Fire")),
        ("release:2*", None),
        (r"release:2\*", Begun(False, "release", "2*")),
    ],
)
def test_a_term_is_understood_while_it_is_typed(text: str, typed: Begun | None) -> None:
    assert begun(text) == typed


@given(st.sampled_from(["release", "url", "tags[a]b\\c]"]), st.text(min_size=1), st.booleans())
def test_a_complete_term_is_parsed_like_a_typed_one(key: str, value: str, negated: bool) -> None:
    text = query_text([Term(key, (value,), negated)])
    assert begun(text) == Begun(negated, key, value)
    for end in range(len(text)):
        begun(text[:end])


def test_each_key_is_suggested() -> None:
    assert set(HINTS) == {*KEYS, "tags["}
