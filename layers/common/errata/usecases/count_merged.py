"""Find out which issues of a batch are merged. See `errata.models.merged`.

A member counts its own events. Its head decides, with the sum of all members, whether an event
reopens it. The head is written before its members: an event that a member has counted cannot reopen
the head any more.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace

from errata.models.event import Stored
from errata.models.issue import IGNORED, RESOLVED, Closed, Issue, Position
from errata.models.merged import Group, members_of, whole
from errata.models.settled import fields_of, stored_status
from errata.store import digest_rows
from errata.store.digest import IssueChange
from errata.store.digest_rows import Rows
from errata.usecases.count_events import EventsByIssue, unknown_releases
from errata.usecases.count_issue import StreamRecord


def groups(
    rows: Rows, fresh: EventsByIssue, closed: Mapping[str, Closed], now_s: int
) -> tuple[dict[str, Group], Mapping[str, Closed]]:
    """Return the groups that have new events, by the id of the head, and how issues were closed.

    Makes no call if none of these issues is merged, and two if all of their heads are there.
    `closed` also has expired issues that were merged. If the merge of one has ended, the returned
    mapping gives it the status of its head, or leaves it out if the head is open: then it is new.
    """
    asked: dict[str, set[str]] = defaultdict(set)
    for issue_id in fresh:
        issue = rows.issues.get(issue_id)
        if head_id := _head_of(issue, closed.get(issue_id)):
            asked[head_id].add(issue_id)
        elif issue and issue.members:
            asked[issue_id].add(issue_id)
    if not asked:
        return {}, closed
    digest_rows.read_issues(rows, asked, now_s)
    closed = _without_ended(rows, asked, fresh, closed, now_s)
    read = {each: rows.issues[each] for each in asked if each in rows.issues}
    heads = {each: head for each, head in read.items() if not head.merged_into}
    digest_rows.read_issues(rows, {each for h in heads.values() for each in h.members}, now_s)
    found = {}
    for head_id, head in heads.items():
        of_group = asked[head_id] & {head_id, *head.members}
        records = [record for each in of_group for record in fresh[each]]
        if records:
            events = [record.event for record in sorted(records, key=_position)]
            found[head_id] = Group(members_of(head, rows.issues), events)
    of_heads = {each: [StreamRecord(Position(), e) for e in found[each].events] for each in found}
    if unknown := unknown_releases(rows, of_heads, {}):
        digest_rows.read_known(rows, unknown, now_s)
    return found, closed


def _without_ended(
    rows: Rows,
    asked: Mapping[str, set[str]],
    fresh: EventsByIssue,
    closed: Mapping[str, Closed],
    now_s: int,
) -> dict[str, Closed]:
    """Return `closed`, in which expired members have the status of their heads if merges ended.

    A merge has ended if its head was deleted or has expired: a head that comes back has no members.
    """
    settled = dict(closed)
    ended = {
        issue_id: head_id
        for head_id, some in asked.items()
        for issue_id in some & closed.keys()
        if (head := rows.issues.get(head_id)) is None
        or head.merged_into
        or issue_id not in head.members
    }
    gone = set(ended.values()) - rows.issues.keys() - closed.keys()
    found = dict(closed) | (digest_rows.before_opening(rows, gone, now_s)[1] if gone else {})
    for issue_id, head_id in ended.items():
        head = rows.issues.get(head_id)
        of_head = _closed(head) if head else found.get(head_id)
        if of_head and of_head.status in (RESOLVED, IGNORED):
            settled[issue_id] = replace(
                closed[issue_id], status=of_head.status, at=of_head.at, settled=of_head.settled
            )
        else:
            del settled[issue_id]
    of_ended = {each: fresh[each] for each in ended}
    if unknown := unknown_releases(rows, of_ended, settled):
        digest_rows.read_known(rows, unknown, now_s)
    return settled


def _closed(issue: Issue) -> Closed:
    release = issue.last_release
    return Closed(
        stored_status(issue), issue.status_at, issue.number, release, settled=fields_of(issue)
    )


def as_one(
    rows: Rows, fresh: EventsByIssue, changes: Collection[IssueChange], merged: Mapping[str, Group]
) -> tuple[dict[str, Issue], dict[str, list[Stored]], list[IssueChange]]:
    """Return the issues before a batch, their new events and changes, with members in their heads.

    A head has the sum and the events of its members. Members themselves have no change.
    """
    before, reported = dict(rows.issues), []
    events = {issue_id: [each.event for each in found] for issue_id, found in fresh.items()}
    after = rows.issues | {each.issue.id: each.issue for each in changes}
    for change in changes:
        issue = change.issue
        if issue.merged_into:
            continue
        if group := merged.get(issue.id):
            before[issue.id] = whole(rows.issues[issue.id], group.members)
            events[issue.id] = group.events
            change = replace(change, issue=whole(issue, members_of(issue, after)))
        reported.append(change)
    return before, events, reported


def _head_of(issue: Issue | None, before: Closed | None) -> str:
    if issue:
        return issue.merged_into
    return str(before.settled.get("merged_into", "")) if before else ""


def _position(record: StreamRecord) -> tuple[str, str]:
    return record.position.stream, record.position.sequence
