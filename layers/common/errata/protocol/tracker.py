"""Links to issue trackers: the URL that opens a new ticket, and the ticket of an issue.

No tracker is asked for anything, so no credentials are needed. The template of a project has
placeholders, which are replaced percent-encoded, so that no text can leave its parameter.

Sources: docs.github.com, "Creating an issue from a URL query"; docs.gitlab.com, "Using a URL with
prefilled values"; confluence.atlassian.com, "Creating issues via direct HTML links" (ids of the
project and of the issue type are numbers there).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import SplitResult, quote, urlsplit

from errata.errors import InvalidInputError

# GitHub refuses URLs of more than 8,191 bytes, and other servers have about the same limit.
MAX_URL = 8_000
MAX_TEMPLATE = 1_000
MAX_TICKET = 500
NONE = "none"
PLACEHOLDERS = TITLE, MARKDOWN, URL, SHORT_ID = ("title", "markdown", "url", "short_id")
EXAMPLES = "github:acme/shop, gitlab:acme/shop, jira:acme.atlassian.net/10000/10001"
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
# Printable ASCII without what must be percent-encoded in a URL (RFC 3986), but with braces.
_TEXT = re.compile(r"[!#-;=?-\[\]_a-z{|}~]+")
_FENCE = re.compile("`{3,}")
_MAX_FENCE = 20
_MAX_TITLE = 250
_SHOWN = 60

_NAME = r"[A-Za-z0-9_.-]+"
_BASE = r"(?P<base>https?://[^/?#\s]+(?:/[^/?#\s]+)*?/)?"
# The form of a preset, its template, where it is by default, and an example.
_PRESETS = {
    "github": (
        re.compile(rf"{_BASE}(?P<path>{_NAME}/{_NAME})"),
        "{base}{path}/issues/new?title={{title}}&body={{markdown}}",
        "https://github.com/",
        "github:OWNER/REPO, or github:https://git.example.com/OWNER/REPO",
    ),
    "gitlab": (
        re.compile(rf"(?P<base>https?://[^/?#\s]+/)?(?P<path>{_NAME}(?:/{_NAME}){{1,20}})"),
        "{base}{path}/-/issues/new?issue%5Btitle%5D={{title}}&issue%5Bdescription%5D={{markdown}}",
        "https://gitlab.com/",
        "gitlab:GROUP/PROJECT, or gitlab:https://git.example.com/GROUP/PROJECT",
    ),
    "jira": (
        re.compile(
            r"(?P<base>(?:https?://)?[^/?#\s:]+(?::\d+)?(?:/[^/?#\s]+)*?/)"
            r"(?P<pid>\d{1,18})/(?P<type>\d{1,18})"
        ),
        "{base}secure/CreateIssueDetails!init.jspa?pid={pid}&issuetype={type}"
        "&summary={{title}}&description={{markdown}}",
        "",
        "jira:SITE/PROJECT_ID/ISSUE_TYPE_ID, such as jira:acme.atlassian.net/10000/10001."
        " Both ids are numbers",
    ),
}


def template_of(text: str) -> str:
    """Return the template that a person means: by a preset such as `github:owner/repo`, or a URL.

    "" for `none`.

    Raises:
        InvalidInputError: it is no template. Says what is wrong.
    """
    text = text.strip()
    if text in ("", NONE):
        return ""
    kind, _, place = text.partition(":")
    if kind in _PRESETS:
        text = _preset(kind, place)
    if complaint := _wrong_template(text):
        raise InvalidInputError({"tracker_template": [complaint]})
    return text


def _preset(kind: str, place: str) -> str:
    form, template, default, example = _PRESETS[kind]
    found = form.fullmatch(place.strip().removesuffix("/")) if len(place) <= MAX_TEMPLATE else None
    if found is None:
        raise InvalidInputError({"tracker_template": [f"Write {example}."]})
    parts = {name: value or "" for name, value in found.groupdict().items()}
    parts["base"] = parts["base"] or default
    if "://" not in parts["base"]:
        parts["base"] = f"https://{parts['base']}"
    return template.format(**parts)


def _wrong_template(text: str) -> str:
    """Return what is wrong with a template, "" if nothing is."""
    named = _PLACEHOLDER.findall(text)
    known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
    if unknown := next((each for each in named if each not in PLACEHOLDERS), None):
        return f"{{{unknown[:40]}}} is no placeholder. Use {known}."
    rest = _PLACEHOLDER.sub("", text)
    if "{" in rest or "}" in rest:
        return f"A brace stands alone. Placeholders are {known}."
    if complaint := _wrong_url(rest, MAX_TEMPLATE):
        return f"{complaint} Write a URL with placeholders, or a preset such as {EXAMPLES}."
    if _PLACEHOLDER.search(text.partition("?")[0]):
        return "Placeholders may only stand after the first question mark of the URL."
    if repeated := next((each for each in named if named.count(each) > 1), None):
        return f"{{{repeated}}} stands there twice. Use each placeholder once."
    if TITLE not in named and MARKDOWN not in named:
        return "The URL has neither {title} nor {markdown}, so a new ticket would be empty."
    return ""


def ticket_of(text: str) -> str:
    """Return the URL of a ticket as a person has entered it. "" for `none`.

    Raises:
        InvalidInputError: it is no such URL. Says what is wrong.
    """
    text = text.strip()
    if text in ("", NONE):
        return ""
    if complaint := _wrong_url(text, MAX_TICKET):
        raise InvalidInputError({"url": [complaint]})
    return text


def is_url(text: str) -> bool:
    """Return whether a page may link to this ticket. An erasure may have replaced a part of it."""
    return not _wrong_url(text, 2 * MAX_TICKET)


def shown(url: str) -> str:
    """Return a ticket's URL in short: `github.com/acme/shop/issues/7`."""
    text = url.partition("://")[2].removeprefix("www.").rstrip("/")
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _wrong_url(text: str, most: int) -> str:
    """Return what is wrong with the URL of a tracker, "" if nothing is."""
    if len(text) > most:
        return f"The URL has {len(text):,} characters. At most {most:,} are allowed."
    parts = _parts(text)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        return "This is no URL that begins with https:// or http:// and a host."
    if parts.username is not None or "@" in parts.netloc:
        return "The URL contains a user name or password. Leave them out."
    if not _TEXT.fullmatch(text):
        return "The URL has characters that must be percent-encoded, such as a space or a quote."
    return ""


def _parts(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - raises if it is no number
    except ValueError:
        return None
    return parts


# ------------------------------------------------------------------ a new ticket


def new_ticket(template: str, values: Mapping[str, str], forms: Iterable[str]) -> str:
    """Return the URL that opens a new ticket. It has at most `MAX_URL` characters.

    Args:
        template: from `template_of`.
        values: by placeholder, without the Markdown.
        forms: the Markdown, the longest form first. The first that fits is used. If none does, the
            last one is cut.
    """
    short = {name: " ".join(text.split()) for name, text in values.items()}
    short[TITLE] = short[TITLE][:_MAX_TITLE]
    encoded = {name: _encoded(text) for name, text in short.items()}
    known = _PLACEHOLDER.sub(lambda found: encoded.get(found[1], found[0]), template)
    before, placeholder, after = known.partition(f"{{{MARKDOWN}}}")
    if not placeholder:
        return known
    max_size = MAX_URL - len(before) - len(after)
    text = ""
    for text in forms:
        if len(markdown := _encoded(text)) <= max_size:
            return f"{before}{markdown}{after}"
    return f"{before}{_encoded(cut_lines(text, max_size))}{after}"


def cut_lines(text: str, max_size: int, size: Callable[[str], int] | None = None) -> str:
    """Return as many lines of Markdown as fit into `max_size` characters when they are encoded.

    A code block that is cut ends with `…` and its fence. `size` returns how large a text is, by
    default when it is percent-encoded.
    """
    size = size or _encoded_size
    kept: list[str] = []
    fence = ""
    left = max_size - size("…\n")
    for line in text.split("\n"):
        open_fence = _fence_after(line, fence)
        left -= size(line + "\n")
        if left < size(open_fence + "\n") or len(open_fence) > _MAX_FENCE:
            return "\n".join([*kept, "…", *([fence] if fence else [])]) + "\n"
        kept.append(line)
        fence = open_fence
    return text


def _fence_after(line: str, fence: str) -> str:
    """Return the fence of the code block that is open after a line, "" if none is."""
    if fence:
        return "" if line == fence else fence
    return line if _FENCE.fullmatch(line) else ""


def _encoded(text: str) -> str:
    return quote(text, safe="", errors="replace")


def _encoded_size(text: str) -> int:
    return len(_encoded(text))
