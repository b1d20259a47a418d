"""Comments in Markdown are shown as safe HTML, in little time, whatever they contain."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.models.issue import COMMENTED, Activity
from errata.usecases.comments import named
from functions.dashboard.byte_budget import ByteBudget
from functions.dashboard.comments import shown_activity, shown_comment
from tests.support.cpu import cpu_s
from tests.support.pages import HOSTILE, only_our_markup

ADA, BEN = "ada@example.com", "ben@example.com"
# Every element and attribute that a comment may have.
TAGS = {
    *("p", "strong", "em", "code", "pre", "blockquote", "ul", "ol", "li", "br", "hr", "a", "b"),
}
_TAG = re.compile(r"<(/?)([a-z0-9]+)((?:\s+[a-z-]+(?:=\"[^\"<>]*\")?)*)\s*/?>")
_ATTRIBUTE = re.compile(r'([a-z-]+)="([^"]*)"')


def html(text: str, mentions: tuple[str, ...] = ()) -> str:
    note = Activity(1, COMMENTED, ADA, text=text, mentions=mentions)
    found = shown_comment(note, ByteBudget(1_000_000))
    assert found is not None
    return str(found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**a** `b` *c*", "<p><strong>a</strong> <code>b</code> <em>c</em></p>\n"),
        ("# Big", "<p><strong>Big</strong></p>\n"),
        ("<b>a</b>", "<p>&lt;b&gt;a&lt;/b&gt;</p>\n"),
        ("a\n<script>x</script>", "<p>a\n&lt;script&gt;x&lt;/script&gt;</p>\n"),
        ("[a](javascript:x)", "<p>[a](javascript:x)</p>\n"),
        ("[a](/projects/1)", "<p>[a](/projects/1)</p>\n"),
        ("[a](data:text/html,x)", "<p>[a](data:text/html,x)</p>\n"),
        (
            "[a](https://x.io/?a=1&b=2)",
            '<p><a href="https://x.io/?a=1&amp;b=2" rel="nofollow noopener">a</a></p>\n',
        ),
        (
            "see https://x.io/a, or <mailto:a@x.io>",
            '<p>see <a href="https://x.io/a" rel="nofollow noopener">https://x.io/a</a>, or'
            ' <a href="mailto:a@x.io" rel="nofollow noopener">mailto:a@x.io</a></p>\n',
        ),
        ("[a]: https://x.io\n\n[a]", "<p>[a]: "),
        ("a\u202eb", "<p>a\N{WHITE SQUARE}202Eb</p>\n"),
    ],
)
def test_markdown_is_shown_and_html_is_text(text: str, expected: str) -> None:
    assert html(text).startswith(expected)


def test_an_image_becomes_no_img_element() -> None:
    assert "<img" not in html("![a](https://x.io/a.png)")


def test_only_members_that_were_found_are_mentions() -> None:
    shown = html("@ada, @ben@example.com. @Eve `@ada` me@ada", (ADA, BEN))
    assert re.findall(r'<b class="mention">([^<]*)</b>', shown) == ["@ada", "@ben@example.com"]
    assert "mention" not in html("@ada")


@given(st.text(alphabet="<>&\"'[]()!*_`#->~\\\n :/@ajx1.=\t", max_size=120) | st.text(max_size=80))
def test_any_comment_has_only_allowed_elements_and_attributes(text: str) -> None:
    shown = html(text, (ADA,))
    only_our_markup(shown)
    assert {tag for _, tag, _ in _TAG.findall(shown)} <= TAGS
    left = _TAG.sub("", shown)
    assert "<" not in left
    for _, tag, attributes in _TAG.findall(shown):
        for name, value in _ATTRIBUTE.findall(attributes):
            allowed = {"a": ("href", "rel"), "b": ("class",), "code": ("class",), "ol": ("start",)}
            assert name in allowed.get(tag, ())
            assert name != "href" or value.startswith(("https:", "http:", "mailto:"))


def test_thousands_of_names_are_matched_with_thousands_of_members_quickly() -> None:
    emails = [f"m{n}@example.com" for n in range(5_000)] + ["m1@other.example"]
    names = {f"m{n}" for n in range(2_500)} | {"nobody", "m1@other.example"}
    assert cpu_s(lambda: named(names, emails), 0.5) < 0.5
    assert named(names, emails) == {f"m{n}@example.com" for n in range(2_500) if n != 1} | {
        "m1@other.example"
    }


def test_a_page_parses_few_comments_that_do_not_fit() -> None:
    budget = ByteBudget(40_000)
    large = Activity(1, COMMENTED, ADA, text="# \n" * 3_333)  # 83 KB as HTML, in 0.13 s
    assert [html for _, html in shown_activity([large] * 20, budget)] == [None] * 20
    assert budget.left < len(large.text), "three were parsed"


def test_hostile_markup_is_shown_as_text() -> None:
    only_our_markup(html(HOSTILE))


@pytest.mark.parametrize(
    "text",
    [
        *("[" * 10_000, "![[" * 3_300, "[a](" * 2_500, "[*a" * 3_300, "*_" * 5_000),
        *("> " * 5_000 + "a", "- " * 5_000 + "a", "a\n" * 5_000, "a\n\n" * 3_300, "`" * 10_000),
        *("".join(f"{'`' * n}a" for n in range(1, 140)), "<a@" * 3_300, "https://" + "a" * 9_992),
        *("@a" * 5_000, '"' * 10_000, "[a]: https://x.io/" + "a" * 5_000 + "\n" + "[a] " * 1_200),
    ],
    ids=lambda text: text[:6],
)
def test_a_hostile_comment_takes_little_time_and_has_a_bounded_size(text: str) -> None:
    made: list[str] = []
    assert cpu_s(lambda: made.append(html(text[:10_000], (ADA, BEN))), 2) < 2  # about 0.2 s
    assert len(made[0]) <= 130_000


def test_a_comment_that_does_not_fit_is_not_parsed() -> None:
    note = Activity(1, COMMENTED, ADA, text="[" * 10_000)
    assert shown_comment(note, ByteBudget(9_999)) is None
    assert shown_comment(Activity(1, COMMENTED, ADA, text='"' * 90), ByteBudget(100)) is None
