"""The grammar of searches: which queries it accepts, and the errors of all others."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.errors import InvalidQueryError
from errata.protocol.query import (
    KEYS,
    LAST_SEEN,
    MAX_LENGTH,
    MAX_TERMS,
    STATES,
    TEXT,
    VALUES,
    Term,
    interval,
    parse_terms,
    query_text,
)

DAY_MS = 86_400_000


def term(key: str, *pieces: str, negated: bool = False) -> Term:
    return Term(key, pieces, negated)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        (" \t\n", []),
        ("is:open", [term("is", "open")]),
        ("  is:open\tlevel:error ", [term("is", "open"), term("level", "error")]),
        ("!release:1.0", [term("release", "1.0", negated=True)]),
        ('release:"shop 1"', [term("release", "shop 1")]),
        ("release:shop@2*", [term("release", "shop@2", "")]),
        ("release:*-rc**x", [term("release", "", "-rc", "x")]),
        (r"url:\*\"\\a\b", [term("url", r"*" r'"\a\b')]),
        ('url:"a \\"b\\" *"', [term("url", 'a "b" ', "")]),
        ("url:https://x.io/a?b=c", [term("url", "https://x.io/a?b=c")]),
        ("tags[browser]:Firefox", [term("tags[browser]", "Firefox")]),
        # An unknown key that resembles no key is the name of a tag.
        ("browser:Firefox", [term("tags[browser]", "Firefox")]),
        ("!foo.bar:x*", [term("tags[foo.bar]", "x", "", negated=True)]),
        (r'!tags[a\] b]:"c d"', [term("tags[a] b]", "c d", negated=True)]),
        ("assigned:#web", [term("assigned", "#web")]),
        ("!assigned:*", [term("assigned", "", "", negated=True)]),
        ("timeout", [term(TEXT, "timeout")]),
        ('!"connection reset"', [term(TEXT, "connection reset", negated=True)]),
        ("5\" 'a'", [term(TEXT, '5"'), term(TEXT, "'a'")]),
        ('"is:open"', [term(TEXT, "is:open")]),
        ("first-seen:>2026-11-01", [term("first-seen", ">2026-11-01")]),
        ("last-seen:-24h", [term("last-seen", "-24h")]),
        # Words with a colon that are not keys.
        ("ValueError: bad", [term(TEXT, "ValueError:"), term(TEXT, "bad")]),
        ("ValueError:bad", [term(TEXT, "ValueError:bad")]),
        ("app/views.py:42", [term(TEXT, "app/views.py:42")]),
        ("views.py:42", [term(TEXT, "views.py:42")]),
        ("localhost:8080:1", [term(TEXT, "localhost:8080:1")]),
        ("std::vector", [term(TEXT, "std::vector")]),
        ("https://x.io", [term(TEXT, "https://x.io")]),
        ("KeyError and or", [term(TEXT, "KeyError"), term(TEXT, "and"), term(TEXT, "or")]),
    ],
)
def test_a_query_is_parsed_into_terms(text: str, terms: list[Term]) -> None:
    assert parse_terms(text) == tuple(terms)
    assert parse_terms(query_text(terms)) == tuple(terms)


@pytest.mark.parametrize(
    ("text", "wrong", "says"),
    [
        ("is:open usre.email:a", "usre.email", "no key usre.email. Did you mean user.email?"),
        ("usre.id:7", "usre.id", "Did you mean user.id?"),
        ("firstSeen:-1d", "firstSeen", "Did you mean first-seen?"),
        ("user.mail:a", "user.mail", "A tag is written tags[user.mail]:value."),
        (f"{'n' * 65}:b", "n" * 65, "too long"),
        ("is:opne", "opne", "is:opne is unknown. Did you mean open?"),
        ("is:*", "*", "Use one of open,"),
        ("assigned:ada", "ada", "ada is neither a member nor a team. Write assigned:me,"),
        ("assigned:#", "#", "# is neither"),
        ("assignee:me", "assignee", "Did you mean assigned?"),
        ("level:fatal", "fatal", "Use one of error, warning, info, debug."),
        ('a release:"1.0', '"1.0', "The quote is not closed."),
        ('a"b "c', '"c', "The quote is not closed."),
        ('"a"b', "b", "Write a space after the closing quote."),
        ('release:""', '""', "nothing in the quotes"),
        ("release: 1.0", "release:", "A value is missing after release:."),
        ("a !", "!", "A term is missing."),
        ("first-seen:24h", "24h", "24h is not a time. Write -30m, -24h"),
        ("first-seen:-24y", "-24y", "not a time"),
        ("last-seen:>2026-02-30", ">2026-02-30", "not a time"),
        ("last-seen:2026-*", "2026-*", "not a time"),
        ("last-seen:>", ">", "not a time"),
        ("a OR b", "OR", 'Leave it out, or write "OR"'),
        ("a AND b", "AND", "all terms must hold"),
        ("tags[a:b", "tags[a:b", "A tag is written tags[name]:value."),
        ("tags[]:b", "tags[]:b", "A tag is written tags[name]:value."),
        (f"tags[{'n' * 65}]:b", "n" * 65, "too long"),
        ("url:a*b*c*d*e*f*g", "a*b*c*d*e*f*g", "A value may have 5 wildcards"),
        ("x " * MAX_TERMS + "y", "y", "A query may have 20."),
        ("x" * (MAX_LENGTH + 2), "xx", "It may have 1,000 characters."),
    ],
)
def test_an_invalid_term_is_refused_with_its_position(text: str, wrong: str, says: str) -> None:
    with pytest.raises(InvalidQueryError) as refused:
        parse_terms(text)
    error = refused.value
    assert text[error.start : error.end] == wrong
    assert says in error.message
    assert set(error.errors) == {"query"}
    assert len(error.message) < 250


_TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
_PARTS = st.lists(st.text(max_size=8), min_size=1, max_size=5)


@st.composite
def _any_term(draw: st.DrawFn) -> Term:
    key = draw(st.sampled_from([*KEYS, TEXT, "tag"]))
    negated = draw(st.booleans())
    match key:
        case "is":
            return Term(key, (draw(st.sampled_from(STATES)),), negated)
        case "level":
            return Term(key, ("error",), negated)
        case "assigned":
            asked = st.sampled_from([("me",), ("a@b.io",), ("#web team",), ("", ""), ("#a", "b")])
            return Term(key, draw(asked), negated)
        case "first-seen" | "last-seen":
            return Term(key, (draw(st.sampled_from(["-2h", ">-3d", "<2026-11-01"])),), negated)
        case "tag":
            key = f"tags[{draw(_TEXTS.filter(lambda name: len(name.encode()) <= 64))}]"
    # There is a text between two stars.
    first, *rest = draw(_PARTS)
    pieces = (first, *filter(None, rest[:-1]), *rest[-1:])
    return Term(key, pieces if any(pieces) or len(pieces) > 1 else ("x",), negated)


@given(st.lists(_any_term(), max_size=8))
def test_printed_terms_are_parsed_into_the_same_terms(terms: list[Term]) -> None:
    text = query_text(terms)
    if len(text) <= MAX_LENGTH:
        assert parse_terms(text) == tuple(terms)


_TOKENS = [*(f"{key}:" for key in KEYS), *'!"\\*[]:<>-', "tags[", " ", "a", "AND", "-1d"]


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(_TOKENS), max_size=30).map("".join)
    | st.text(string.printable, max_size=1_200)
)
def test_any_text_is_a_query_or_an_error_with_a_position(text: str) -> None:
    terms: list[Term] = []
    refused = None
    try:
        terms = list(parse_terms(text))
    except InvalidQueryError as error:
        refused = error
    assert refused is None or 0 <= refused.start < refused.end <= len(text)
    assert all(text[each.at : each.end].strip() for each in terms)
    if len(printed := query_text(terms)) <= MAX_LENGTH:
        assert list(parse_terms(printed)) == terms


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("-24h", (10 * DAY_MS - DAY_MS, 10**15)),
        (">-2d", (8 * DAY_MS, 10**15)),
        ("<-1w", (0, 3 * DAY_MS)),
        ("1970-01-03", (2 * DAY_MS, 3 * DAY_MS)),
        ("<1970-01-03", (0, 2 * DAY_MS)),
        (">1970-01-03T12:00", (2 * DAY_MS + DAY_MS // 2, 10**15)),
        ("1970-01-01T00:01", (60_000, 120_000)),
        ("<1969-01-01", (0, 0)),
        (">-99999w", (0, 10**15)),
    ],
)
def test_times_are_intervals(value: str, expected: tuple[int, int]) -> None:
    (found,) = parse_terms(f"{LAST_SEEN}:{value}")
    assert interval(found, 10 * DAY_MS) == expected


@pytest.mark.parametrize(
    ("pattern", "taken", "refused"),
    [
        ("a", ["a"], ["", "A", "ab", "ba"]),
        ("a*", ["a", "ab"], ["ba", ""]),
        ("*a", ["a", "ba"], ["ab"]),
        ("*a*", ["a", "bab"], ["b"]),
        ("a*a", ["aa", "aba"], ["a"]),
        ("a*b*c", ["abc", "axbxc", "abbc"], ["ac", "abcd", "cba"]),
        ("*", ["x"], []),
    ],
)
def test_a_star_stands_for_any_text(pattern: str, taken: list[str], refused: list[str]) -> None:
    (found,) = parse_terms(f"{VALUES[0]}:{pattern}")
    assert [found.matches(each) for each in taken] == [True] * len(taken)
    assert [found.matches(each) for each in refused] == [False] * len(refused)


def test_the_parts_of_a_text_with_stars_must_occur_in_order() -> None:
    (found,) = parse_terms("Total*CART")
    assert found.is_in("shop total\nof cart")
    assert not found.is_in("cart total")
