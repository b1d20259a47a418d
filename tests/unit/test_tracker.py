"""URLs of issue trackers: templates, tickets, and new tickets filled in."""

from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.errors import InvalidInputError
from errata.protocol.tracker import (
    MAX_URL,
    cut_lines,
    is_url,
    new_ticket,
    shown,
    template_of,
    ticket_of,
)
from tests.support.pages import HOSTILE

GITHUB = "https://github.com/acme/shop/issues/new?title={title}&body={markdown}"


@pytest.mark.parametrize(
    ("given", "template"),
    [
        ("none", ""),
        (" github:acme/shop ", GITHUB),
        (
            "github:https://git.example.com/acme/shop/",
            "https://git.example.com/acme/shop/issues/new?title={title}&body={markdown}",
        ),
        (
            "gitlab:acme/web/shop",
            "https://gitlab.com/acme/web/shop/-/issues/new?issue%5Btitle%5D={title}"
            "&issue%5Bdescription%5D={markdown}",
        ),
        (
            "gitlab:http://git.example.com:8080/acme/shop",
            "http://git.example.com:8080/acme/shop/-/issues/new?issue%5Btitle%5D={title}"
            "&issue%5Bdescription%5D={markdown}",
        ),
        (
            "jira:acme.atlassian.net/10000/10001",
            "https://acme.atlassian.net/secure/CreateIssueDetails!init.jspa?pid=10000"
            "&issuetype=10001&summary={title}&description={markdown}",
        ),
        (
            "jira:https://example.com/jira/1/3",
            "https://example.com/jira/secure/CreateIssueDetails!init.jspa?pid=1&issuetype=3"
            "&summary={title}&description={markdown}",
        ),
        (GITHUB, GITHUB),
        (
            "https://t.example.com/new?t={title}#{short_id}",
            "https://t.example.com/new?t={title}#{short_id}",
        ),
    ],
)
def test_a_template_is_a_preset_or_a_url(given: str, template: str) -> None:
    assert template_of(given) == template
    assert template_of(template) == template


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("github:acme", "Write github:OWNER/REPO"),
        ("github:acme/shop?x={title}", "Write github:OWNER/REPO"),
        ("gitlab:shop", "Write gitlab:GROUP/PROJECT"),
        ("jira:SHOP", "Both ids are numbers"),
        ("jira:" + "a/" * 5_000, "Both ids are numbers"),
        ("acme/shop", "no URL that begins with https:// or http://"),
        ("javascript:alert({title})", "no URL that begins with"),
        ("https://?t={title}", "no URL that begins with"),
        ("https://t.example.com:x/?t={title}", "no URL that begins with"),
        ("https://ada:secret@t.example.com/?t={title}", "user name or password"),
        ("https://t.example.com/?t={summary}", "{summary} is no placeholder. Use {title}, {mark"),
        ("https://t.example.com/?t={title}}", "A brace stands alone"),
        ("https://{title}.example.com/?t={markdown}", "after the first question mark"),
        ("https://t.example.com/{title}", "after the first question mark"),
        ("https://t.example.com/?t={title}&u={title}", "{title} stands there twice"),
        ("https://t.example.com/?u={url}", "a new ticket would be empty"),
        ("https://t.example.com/?a=b c&t={title}", "percent-encoded"),
        ('https://t.example.com/?"&t={title}', "percent-encoded"),
        ("https://t.example.com/?t={title}&a=" + "a" * 1_000, "At most 1,000 are allowed"),
    ],
)
def test_an_invalid_template_is_refused_with_a_reason(given: str, says: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        template_of(given)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("ftp://t.example.com/1", "no URL that begins with"),
        ("SHOP-7", "no URL that begins with"),
        ("https://ada@t.example.com/1", "user name or password"),
        ("https://t.example.com/<b>", "percent-encoded"),
        ("https://t.example.com/\u202e1", "percent-encoded"),
        ("https://t.example.com/" + "a" * 500, "At most 500 are allowed"),
    ],
)
def test_a_ticket_is_a_url_without_a_password(given: str, says: str) -> None:
    assert not is_url(given) or "500" in says
    with pytest.raises(InvalidInputError) as refused:
        ticket_of(given)
    assert says in str(refused.value)


def test_a_ticket_is_shown_without_its_scheme() -> None:
    assert ticket_of(" none ") == ""
    url = ticket_of(" https://github.com/acme/shop/issues/7 ")
    assert shown(url) == "github.com/acme/shop/issues/7"
    assert len(shown(f"{url}/{'a' * 100}")) == 60


@given(st.text(), st.text(max_size=3_000))
def test_any_text_stays_within_its_parameter(title: str, text: str) -> None:
    values = {"title": f"{title}{HOSTILE}&body=x#", "url": "https://e.example.com/#?&"}
    template = f"{GITHUB}&u={{url}}&labels=bug"
    url = new_ticket(template, values, [text, text[:9]])
    assert len(url) <= MAX_URL
    assert url.isascii()
    parts = urlsplit(url)
    assert (parts.netloc, parts.path, parts.fragment) == ("github.com", "/acme/shop/issues/new", "")
    asked = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
    assert list(asked) == ["title", "body", "u", "labels"]
    assert asked["u"] == values["url"]
    assert (
        asked["title"] == " ".join(values["title"].split())[:250].encode(errors="replace").decode()
    )


def test_the_longest_form_that_fits_is_used() -> None:
    forms = ["é" * 5_000, "## short\n", ""]
    assert new_ticket(GITHUB, {"title": "t"}, forms).endswith("&body=%23%23%20short%0A")


@given(st.lists(st.text("`aé\U0001f4a5\u20ac ", max_size=40)), st.integers(60, 3_000))
def test_markdown_is_cut_between_lines_and_its_block_is_closed(
    lines: list[str], max_length: int
) -> None:
    code = "\n".join(each.replace("```", "") for each in lines)
    text = f"## title\n\n```\n{code}\n```\n"
    cut = cut_lines(text, max_length)
    encoded = new_ticket("https://t.example.com/?t={markdown}", {"title": ""}, [cut])
    written = encoded.partition("t=")[2]
    assert unquote(written, errors="strict") == cut
    assert len(written) <= max_length or cut == text
    if cut != text:
        assert len(written) <= max_length
        assert cut.split("\n").count("```") in (0, 2)
        assert "…\n" in cut
        assert text.startswith(cut.partition("…\n")[0])


def test_a_fence_that_is_too_long_ends_the_text() -> None:
    fence = "`" * 3_000
    assert cut_lines(f"## a\n{fence}\nx\n{fence}\n{'y' * 9_000}", 8_000) == "## a\n…\n"
