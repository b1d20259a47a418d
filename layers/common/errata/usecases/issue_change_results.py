"""Results of the commands that change issues. See `errata.usecases.results`."""

import re
import time
from secrets import token_hex
from typing import Any, Literal

from errata.config import settings
from errata.errors import InvalidInputError, NotFoundError
from errata.models.assignee import NOBODY
from errata.models.issue import MAX_MEMBERS, Activity, Issue
from errata.models.issue_change import (
    ASSIGN,
    DELETE,
    IGNORE,
    OUTCOMES,
    REOPEN,
    RESOLVE,
    BulkChange,
    Change,
)
from errata.models.settled import EVENTS, RISING, USERS, how
from errata.protocol import settle
from errata.protocol.change_issues import summary
from errata.protocol.issues import read_query
from errata.usecases import (
    assignees,
    change_issues,
    comments,
    issue_events,
    issues,
    merge,
    original_frames,
    short_ids,
    tickets,
)
from errata.usecases.issue_results import activity_to_json, to_json
from errata.usecases.results import Result, Work

type ChangeKind = Literal["resolve", "ignore", "reopen", "assign", "delete"]
# A request of the web API has 30 seconds.
_MOST_S = 15.0
# Comments have their time in milliseconds as their id.
_LAST_COMMENT = 10**13
_BULK_ID = re.compile(r"[0-9a-f]{32}")
_KINDS: dict[str, str] = {"resolve": RESOLVE, "ignore": IGNORE, "reopen": REOPEN, "delete": DELETE}


def change(
    work: Work,
    *,
    kind: ChangeKind,
    issue_ids: list[str] | None = None,
    query: str | None = None,
    in_next_release: bool = False,
    in_release: str | None = None,
    for_: str | None = None,
    until_events: int | None = None,
    until_users: int | None = None,
    until_rising: bool = False,
    to: str = "",
    seconds: float = 1.0,
) -> Result:
    """Change the issues with these names, or all that a query finds.

    One issue is changed at once, and returned. A bulk change goes on for `seconds`. If `more`
    says that it is not finished, `go_on` continues it.
    """
    names, visible = issue_ids or [], work.visible
    _check_number(names, change_issues.MAX_SELECTED)
    if bool(names) == (query is not None):
        raise InvalidInputError({"issue": ["Name issues, or use --query, but not both."]})
    wanted = _wanted(work, kind, in_next_release, in_release, for_, to)
    wanted = _until(wanted, until_events, until_users, until_rising, for_ is not None)
    if len(names) == 1:
        return _change_one(work, names[0], wanted)
    ids = [short_ids.find(work.project, visible, name).id for name in names]
    if query is not None and (named := _named(work, query)):
        ids, query = [named.id], None
    bulk = change_issues.begin(
        visible, token_hex(16), wanted, work.by, visible.now_ms, issue_ids=ids, query=query
    )
    return _advanced(work, bulk, seconds)


def go_on(work: Work, *, change: str, seconds: float = 1.0) -> Result:
    """Continue a bulk change."""
    return _advanced(work, change_issues.find(work.visible, _bulk_id(change)), seconds)


def undo(work: Work, *, change: str, seconds: float = 1.0) -> Result:
    """Undo a bulk change: restore the issues that it has changed."""
    bulk = change_issues.undo(work.visible, _bulk_id(change), token_hex(16), work.by)
    return _advanced(work, bulk, seconds)


def count(work: Work, *, query: str) -> Result:
    """Return how many issues a query finds. The command asks this before it changes them."""
    if _named(work, query):
        return Result({"count": 1})
    return Result({"count": sum(1 for _ in issues.matching(work.visible, read_query(query)))})


def peek(work: Work, *, issue: str) -> Result:
    """Return an issue, with few calls. The command asks this before it deletes the issue."""
    found = short_ids.find(work.project, work.visible, issue)
    return Result(to_json(found, work.project))


def merge_(work: Work, *, head: str, members: list[str]) -> Result:
    """Merge issues into one. Return that one."""
    _check_number(members, MAX_MEMBERS)
    head_id, *ids = (_find(work, name).id for name in (head, *members))
    merged = merge.merge(work.project, work.visible, head_id, ids, work.by)
    return Result(to_json(merged, work.project))


def unmerge(work: Work, *, members: list[str]) -> Result:
    """Separate merged issues. Return them."""
    _check_number(members, MAX_MEMBERS)
    ids = [_find(work, name).id for name in members]
    separated = [merge.separate(work.project, work.visible, each, work.by) for each in ids]
    return Result([to_json(each, work.project) for each in separated])


def comment(
    work: Work,
    *,
    issue: str,
    text: str | None = None,
    edit: int | None = None,
    delete: int | None = None,
) -> Result:
    """Add a comment to an issue, change the comment `edit`, or delete the comment `delete`."""
    if any(each is not None and not 0 <= each <= _LAST_COMMENT for each in (edit, delete)):
        raise NotFoundError("There is no such comment.")
    visible, issue_id = work.visible, _find(work, issue).id
    if delete is not None:
        comments.remove(visible, issue_id, delete, work.by)
        return Result({"deleted": str(delete)})
    if edit is None:
        return _commented(
            comments.add(work.project, visible, issue_id, text or "", work.by, token_hex(8))
        )
    before = comments.find(visible, issue_id, edit)
    return _commented(
        comments.edit(
            work.project, visible, issue_id, before.at, text or "", work.by, before.edited_at
        )
    )


def link(work: Work, *, issue: str, url: str) -> Result:
    """Link an issue to its ticket. `none` removes the link."""
    linked = tickets.link(work.visible, _find(work, issue).id, url, work.by)
    return Result(to_json(linked, work.project))


def ticket(work: Work, *, issue: str) -> Result:
    """Return the URL that opens a new ticket, filled in."""
    found = _find(work, issue)
    event = issue_events.latest(work.visible, found.id).event
    if event is None:
        raise NotFoundError("The events of this issue have expired or were erased.")
    event = original_frames.complete(work.visible, event)
    root = settings().dashboard_url
    return Result({"url": tickets.new_ticket(work.project, work.visible, found, event, root)})


def _check_number(names: list[str], most: int) -> None:
    """Check how many issues are named, before they are looked up one by one.

    Raises:
        InvalidInputError: more than `most`.
    """
    if len(names) > most:
        raise InvalidInputError({"issue": [f"Name at most {most:,} issues, or use a search."]})


def _bulk_id(text: str) -> str:
    return text if _BULK_ID.fullmatch(text) else "none"


def _find(work: Work, name: str) -> Issue:
    return short_ids.find(work.project, work.visible, name)


def _named(work: Work, query: str) -> Issue | None:
    return short_ids.named(work.project, work.visible, read_query(query).terms)


def _wanted(
    work: Work,
    kind: ChangeKind,
    in_next: bool,
    release: str | None,
    for_: str | None,
    to: str,
) -> Change:
    if in_next and release is not None:
        text = "Use --in-next-release or --in-release, but not both."
        raise InvalidInputError({"release": [text]})
    if kind == "assign":
        assigned = assignees.parse(work.project, work.visible, to)
        return Change(ASSIGN, to=assigned.assignee if assigned else NOBODY)
    if kind == "resolve" and release is not None:
        return settle.in_release(release)
    if kind == "ignore" and for_ is not None:
        return settle.for_time(for_, work.visible.now_ms)
    return Change(_KINDS[kind], in_next=in_next and kind == "resolve")


def _until(
    wanted: Change, events: int | None, users: int | None, rising: bool, for_time_: bool
) -> Change:
    """Return the change that ignores until one of these conditions, `wanted` without one."""
    asked = [
        events is not None and settle.until_more(EVENTS, events),
        users is not None and settle.until_more(USERS, users),
        rising and Change(IGNORE, until=RISING),
    ]
    changes = [each for each in asked if each]
    if len(changes) + for_time_ > 1:
        raise InvalidInputError({"until": ["Ignore issues until one thing only."]})
    return changes[0] if changes and wanted.kind == IGNORE else wanted


def _change_one(work: Work, name: str, wanted: Change) -> Result:
    found = _find(work, name)
    if wanted.kind == DELETE:
        issues.delete(work.visible, found.id, work.by)
        return Result({"id": found.id, "deleted": True})
    issue = issues.change(work.visible, found.id, wanted, work.by)
    done = f"{issue.status} {how(issue)}".rstrip()
    if wanted.kind == ASSIGN:
        done = f"assigned to {assignees.called(work.visible, issue.assignee) or 'nobody'}"
    return Result(to_json(issue, work.project), {"told": done})


def _advanced(work: Work, bulk: BulkChange, seconds: float) -> Result:
    if not bulk.finished:
        until_s = time.monotonic() + max(0.0, min(seconds, _MOST_S))
        bulk = change_issues.advance(work.visible, bulk, until_s)
    counts = {outcome: bulk.counts.get(outcome, 0) for outcome in OUTCOMES}
    return Result(
        {
            "change": bulk.id,
            "done": bulk.change.done,
            **counts,
            "can_be_undone": bulk.can_be_undone,
        },
        {"finished": bulk.finished, "told": summary(bulk), "issues": sum(bulk.counts.values())},
    )


def _commented(note: Activity) -> Result:
    more: dict[str, Any] = {"scrubbed": comments.is_scrubbed(note)}
    return Result(activity_to_json(note), more)
