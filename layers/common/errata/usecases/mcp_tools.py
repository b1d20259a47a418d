"""The tools of the MCP server, over the use cases of the dashboard's pages. They return Markdown.

A tool that changes issues needs a token that may write, and a role that may settle. Costs are in
docs/access-patterns.md.
"""

from collections.abc import Callable, Iterable, Mapping

from errata.errors import ForbiddenError, HTTPError, InvalidInputError, NotFoundError
from errata.models.event import Stored
from errata.models.invisible import by_codes
from errata.models.issue import Issue
from errata.models.issue_change import IGNORE, RESOLVE, Change
from errata.models.member import has_right
from errata.models.project import Project
from errata.models.settled import EVENTS, RISING, USERS, how
from errata.models.token import Bearer
from errata.models.visible import Visible
from errata.protocol import mcp_tools as protocol
from errata.protocol import settle
from errata.protocol.issue_markdown import count_in_words, row
from errata.protocol.issues import read_query
from errata.protocol.markdown import UNTRUSTED, span
from errata.protocol.mcp import ToolResult
from errata.protocol.mcp_tools import Arguments
from errata.scrubbing.withheld import is_personal, issue_without, text_without
from errata.usecases import (
    across,
    issue_events,
    issues,
    markdown_forms,
    original_frames,
    read_events,
    slugs,
)
from errata.usecases.issue_values import TAG, USER, ValueCounts, shares
from errata.usecases.mcp_reader import Reader
from errata.usecases.newest_events import Newest

_MOST_PROJECTS = 200
_MOST_KEYS = 40


def tools_of(bearer: Bearer) -> list[protocol.Tool]:
    """Return the tools that a token may call."""
    return [tool for tool in protocol.TOOLS if not tool.writes or may_write(bearer)]


def may_write(bearer: Bearer) -> bool:
    """Return whether a token may change issues."""
    return has_right(bearer.role, "settle")


def call(
    bearer: Bearer, name: str, sent: object, now_ms: int, dashboard_url: str
) -> ToolResult | None:
    """Call a tool with the arguments that were sent. None if there is no such tool.

    `dashboard_url`: base URL of the dashboard, for links, without a slash at its end. An error that
    the caller can fix is a result that says how.

    Raises:
        StoreError: a call to AWS failed.
    """
    tool = protocol.BY_NAME.get(name)
    if tool is None:
        return None
    try:
        if tool.writes:
            _check_may_write(bearer)
        text = _TOOLS[name](Reader(bearer, now_ms, dashboard_url), protocol.read(tool, sent))
    except InvalidInputError as error:
        return ToolResult(by_codes(f"Not done. {protocol.complaint_of(error)}"), failed=True)
    except (HTTPError, NotFoundError) as error:
        return ToolResult(by_codes(f"Not done. {error}"), failed=True)
    return ToolResult(protocol.bounded(by_codes(text)))


def _check_may_write(bearer: Bearer) -> None:
    if bearer.token.scope != "write":
        raise ForbiddenError(
            "This token may only read. Somebody who may settle issues can create one that may write"
            f" (errata tokens create --org {bearer.organization} --scope write)."
        )
    if not may_write(bearer):
        raise ForbiddenError("The member of this token is a viewer. Viewers can only read.")


# ------------------------------------------------------------------ reading


def _find_projects(reader: Reader, asked: Arguments) -> str:
    part = asked.text("query").casefold()
    seen = [slugs.shown(each) for each in reader.projects()]
    found = [each for each in seen if part in each.name.casefold() or part in each.slug]
    if not found:
        return f"No project matches. This token may read {count_in_words(len(seen), 'project')}.\n"
    lines = [f"- **{each.slug or each.id}** {span(each.name)}, id {each.id}" for each in found]
    left = len(lines) - _MOST_PROJECTS
    more = [f"- {left} more: narrow the query"] if left > 0 else []
    return "\n".join(["# Projects", "", *lines[:_MOST_PROJECTS], *more]) + "\n"


def _list_issues(reader: Reader, asked: Arguments) -> str:
    cursor, limit = asked.text("cursor") or None, asked.number("limit")
    query = read_query(asked.text("query"), asked.text("sort"), cursor, limit)
    if name := asked.text("project"):
        project = slugs.shown(reader.project(name))
        page = issues.search(reader.visible(project), query)
        found, following = [(project, each) for each in page.issues], page.next_cursor
    else:
        bearer = reader.bearer
        member = bearer.token.member
        across_page = across.search(bearer.organization, bearer.sees, query, reader.now_ms, member)
        found, following = across_page.found, across_page.next_cursor
    rows = [_row(reader, project, each, asked, whole=not name) for project, each in found]
    lines = [f"# {count_in_words(len(rows), 'issue')}", "", UNTRUSTED, "", *rows]
    if following:
        lines += ["", f"There may be more. The cursor of the next page: {following}"]
    elif not rows:
        lines += ["No issue matches. Try another query, or is:open without other terms."]
    return "\n".join(lines) + "\n"


def _row(reader: Reader, project: Project, issue: Issue, asked: Arguments, *, whole: bool) -> str:
    name = markdown_forms.name_of(project, issue)
    issue = issue if asked.flag("personal_data") else issue_without(issue)
    return row(name, project.name if whole else "", issue, reader.now_ms)


def _get_issue(reader: Reader, asked: Arguments) -> str:
    named = reader.issue(asked.text("issue"), asked.text("project"))
    url, personal = reader.url(named.path), asked.flag("personal_data")
    return markdown_forms.of_issue(
        named.project, named.visible, named.issue.id, url, personal=personal
    )


def _get_event(reader: Reader, asked: Arguments) -> str:
    project, visible, found = _event(reader, asked)
    return event_form(reader, project, visible, found, personal=asked.flag("personal_data"))


def event_form(
    reader: Reader, project: Project, visible: Visible, found: Stored | None, *, personal: bool
) -> str:
    """Return an event as Markdown, with its number and its neighbours.

    Without `personal`, personal data is withheld.

    Raises:
        NotFoundError: there is no event any more.
    """
    view = issue_events.around(visible, found)
    event = original_frames.complete(visible, issue_events.shown(visible, view.event))
    number = view.number
    beside = {
        "id": event.id,
        "number": str(number.value) if number.value else "",
        "next newer event": number.newer or "",
        "next older event": number.older or "",
    }
    return markdown_forms.of_event(
        project,
        view.issue,
        event,
        reader.url(f"projects/{project.id}/events/{event.id}"),
        warning=True,
        personal=personal,
        beside=beside,
    )


def _event(reader: Reader, asked: Arguments) -> tuple[Project, Visible, Stored | None]:
    if name := asked.text("event"):
        return reader.event(name, asked.text("project"))
    if not asked.text("issue"):
        raise InvalidInputError({"event": ["Name an event, or an issue."]})
    named = reader.issue(asked.text("issue"), asked.text("project"))
    visible, issue_id = named.visible, named.issue.id
    if asked.text("which") == "newest":
        return named.project, visible, issue_events.latest(visible, issue_id).event
    event_id = issue_events.first(visible, issue_id)
    found = read_events.by_ids(visible, [event_id] if event_id else [])
    return named.project, visible, found[0] if found else None


def _get_tag_values(reader: Reader, asked: Arguments) -> str:
    named = reader.issue(asked.text("issue"), asked.text("project"))
    issue, visible = named.issue, named.visible
    newest, counted = Newest(visible, issue.id, members=issue.members), ValueCounts()
    counted.add_all(newest.events, reader.now_ms)
    keys = [*([USER] if USER in counted.counts else []), *counted.keys]
    if only := asked.text("key"):
        wanted = [key for key in keys if only in (key, key.removeprefix(TAG))]
        if not wanted:
            names = ", ".join(span(key.removeprefix(TAG)) for key in keys[:_MOST_KEYS]) or "none"
            return f"No event of this issue has {span(only)}. There are: {names}.\n"
        keys = wanted
    name = markdown_forms.name_of(named.project, issue)
    events = count_in_words(counted.events, "event")
    lines = [f"# Values of the newest {events} of {name}", "", UNTRUSTED]
    for key in keys[:_MOST_KEYS]:
        counts = counted.counts[key]
        shown = shares(counts, counted.events, asked.number("limit"))
        lines += ["", f"## {span(key.removeprefix(TAG))}", ""]
        lines += _values(key, shown, personal=asked.flag("personal_data"))
        if (left := len(counts) - len(shown)) > 0:
            lines.append(f"- {left:,} more {'value' if left == 1 else 'values'}")
    return "\n".join(lines) + "\n"


def _values(key: str, shown: Iterable[tuple[str, int, int]], *, personal: bool) -> Iterable[str]:
    for number, (value, count, percent) in enumerate(shown, 1):
        if personal or key == "release":
            text = span(value)
        elif key == USER or is_personal(key.removeprefix(TAG)):
            text = f"no. {number} (withheld)"
        else:
            text = span(text_without(value))
        yield f"- {text}: {count:,} ({percent} %)"


# ------------------------------------------------------------------ changing


def _resolve_issue(reader: Reader, asked: Arguments) -> str:
    release, in_next = asked.text("in_release"), asked.flag("in_next_release")
    if release and in_next:
        raise InvalidInputError({"in_release": ["Choose this or in_next_release."]})
    change = settle.in_release(release) if release else Change(RESOLVE, in_next=in_next)
    return _changed(reader, asked, change)


def _ignore_issue(reader: Reader, asked: Arguments) -> str:
    given = [name for name in ("for", "until_events", "until_users") if asked.text(name)]
    given += ["until_rising"] if asked.flag("until_rising") else []
    if len(given) > 1:
        raise InvalidInputError({given[1]: [f"Choose this or {given[0]}."]})
    match given:
        case ["for"]:
            change = settle.for_time(asked.text("for"), reader.now_ms)
        case ["until_events"]:
            change = settle.until_more(EVENTS, asked.number("until_events"))
        case ["until_users"]:
            change = settle.until_more(USERS, asked.number("until_users"))
        case ["until_rising"]:
            change = Change(IGNORE, until=RISING)
        case _:
            change = Change(IGNORE)
    return _changed(reader, asked, change)


def _changed(reader: Reader, asked: Arguments, change: Change) -> str:
    named = reader.issue(asked.text("issue"), asked.text("project"))
    issue = issues.change(named.visible, named.issue.id, change, reader.bearer.name)
    name = markdown_forms.name_of(named.project, issue)
    settled = f"{issue.status} {how(issue)}".strip()
    return f"{name} is {span(settled)} now.\n"


_TOOLS: Mapping[str, Callable[[Reader, Arguments], str]] = {
    "find_projects": _find_projects,
    "list_issues": _list_issues,
    "get_issue": _get_issue,
    "get_event": _get_event,
    "get_tag_values": _get_tag_values,
    "resolve_issue": _resolve_issue,
    "ignore_issue": _ignore_issue,
}
