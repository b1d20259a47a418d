"""Show comments in Markdown as safe HTML.

No raw HTML, no pictures, and links only to http, https and mailto. Reference links are off, because
each use repeats the whole URL: a short text could become megabytes.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from markupsafe import Markup, escape

from errata.models.issue import Activity
from errata.usecases.comments import MENTION, mention_of
from functions.dashboard.byte_budget import ByteBudget
from functions.dashboard.text import visible

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_OFF = ("html_block", "html_inline", "image", "reference")
# Levels of nested quotes and lists.
_MAX_NESTING = 12
_URL = re.compile(r"https?://[^\s<>\"'`]{1,2000}")
_AFTER_URL = ".,;:!?)]}*_~"
# Headings of a comment become bold text: the page has its own headings.
_PLAIN_TAGS = {"heading_open": "<p><strong>", "heading_close": "</strong></p>\n"}


def shown_activity(
    entries: Iterable[Activity], budget: ByteBudget
) -> list[tuple[Activity, Markup | None]]:
    """Return each entry with its comment as HTML, None if it has none or it does not fit."""
    return [(each, shown_comment(each, budget) if each.text else None) for each in entries]


def shown_comment(comment: Activity, budget: ByteBudget) -> Markup | None:
    """Return the text of a comment as HTML, None if it needs more than the budget has."""
    if len(comment.text) > budget.left:
        return None  # parsing is slow, too: up to 0.2 s for 10,000 characters
    html = _rendered(comment.text, comment.mentions)
    if budget.pays(len(html.encode())):
        return html
    budget.pays(len(comment.text))  # for the time: a page must not parse many such comments
    return None


def _rendered(text: str, mentions: Sequence[str]) -> Markup:
    # Invisible characters are shown by their codes, as on every page.
    # S704: the parser lets no HTML through, and escapes all texts.
    return Markup(_markdown().render(visible(text), {"mentions": mentions}))  # noqa: S704


@cache
def _markdown() -> "MarkdownIt":
    """Return the parser. Most pages have no comment, so it is imported on first use."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": _MAX_NESTING}).disable(_OFF)
    # The library's documented way to decide which links are allowed.
    parser.validateLink = _is_link  # type: ignore[method-assign]
    parser.core.ruler.push("mentions", _find_mentions)
    rules: Any = parser.renderer
    rules.rules |= {name: _plain(tag) for name, tag in _PLAIN_TAGS.items()}
    rules.rules |= {"link_open": _open_link, "mention": _mention}
    return parser


def _is_link(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https", "mailto") and bool(parts.netloc or parts.path)


def _plain(tag: str) -> Any:
    return lambda *_: tag


def _open_link(tokens: "Sequence[Token]", index: int, *_: Any) -> str:
    return f'<a href="{escape(tokens[index].attrGet("href"))}" rel="nofollow noopener">'


def _mention(tokens: "Sequence[Token]", index: int, *_: Any) -> str:
    return f'<b class="mention">{escape(tokens[index].content)}</b>'


def _find_mentions(state: Any) -> None:
    """Turn URLs into links, and the names that the comment has recorded into mentions."""
    for block in state.tokens:
        if block.type != "inline":
            continue
        found: list[Token] = []
        inside = 0
        for token in block.children:
            inside += {"link_open": 1, "link_close": -1}.get(token.type, 0)
            if token.type == "text" and not inside:
                found += _parts(token.content, state.env.get("mentions", ()))
            else:
                found.append(token)
        block.children = found


def _parts(text: str, mentions: Sequence[str]) -> "Iterable[Token]":
    from markdown_it.token import Token

    at = 0
    for url in _URL.finditer(text):
        yield from _with_mentions(text[at : url.start()], mentions)
        link = url[0].rstrip(_AFTER_URL)
        at = url.start() + len(link)
        yield Token("link_open", "a", 1, attrs={"href": link})
        yield Token("text", "", 0, content=link)
        yield Token("link_close", "a", -1)
    yield from _with_mentions(text[at:], mentions)


def _with_mentions(text: str, mentions: Sequence[str]) -> "Iterable[Token]":
    from markdown_it.token import Token

    at = 0
    for found in MENTION.finditer(text) if mentions else ():
        name = found[1].rstrip(".-")
        if mention_of(name.lower(), mentions):
            end = found.start(1) + len(name)
            yield Token("text", "", 0, content=text[at : found.start()])
            yield Token("mention", "", 0, content=text[found.start() : end])
            at = end
    if at < len(text):
        yield Token("text", "", 0, content=text[at:])
