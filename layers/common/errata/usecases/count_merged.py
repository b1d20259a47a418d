"""Find out which issues of a batch are merged. See `errata.models.merged`.

A member counts its events by itself. Its head decides with the sum of all whether an event opens
it, and is written before its members: what these have counted does not open it any more.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace

from errata.models.event import Stored
from errata.models.issue import Closed, Issue, Position
from errata.models.merged import Group, members_of, whole
from errata.store import digest_rows
from errata.store.digest import IssueChange
from errata.store.digest_rows import Rows
from errata.usecases.count_events import EventsByIssue, unknown_releases
from errata.usecases.count_issue import StreamRecord


def groups(
    rows: Rows, fresh: EventsByIssue, closed: Mapping[str, Closed], now_s: int
) -> dict[str, Group]:
    """Return the groups that have new events, by the id of the head. Read what is missing.

    Makes no call if none of these issues is merged, and two at most. `closed` says which expired
    issues were merged before.
    """
    asked: dict[str, set[str]] = defaultdict(set)
    for issue_id in fresh:
        issue = rows.issues.get(issue_id)
        if issue and issue.members:
            asked[issue_id].add(issue_id)
        elif head_id := _head_of(issue, closed.get(issue_id)):
            asked[head_id].add(issue_id)
    if not asked:
        return {}
    digest_rows.read_issues(rows, asked, now_s)
    heads = {each: rows.issues[each] for each in asked if each in rows.issues}
    digest_rows.read_issues(rows, {each for h in heads.values() for each in h.members}, now_s)
    found = {}
    for head_id, head in heads.items():
        of_group = asked[head_id] & {head_id, *head.members}
        records = [record for each in of_group for record in fresh[each]]
        if records:
            events = [record.event for record in sorted(records, key=_place)]
            found[head_id] = Group(members_of(head, rows.issues), events)
    of_heads = {each: [StreamRecord(Position(), e) for e in found[each].events] for each in found}
    if unknown := unknown_releases(rows, of_heads, {}):
        digest_rows.read_known(rows, unknown, now_s)
    return found


def as_one(
    rows: Rows, fresh: EventsByIssue, changes: Collection[IssueChange], merged: Mapping[str, Group]
) -> tuple[dict[str, Issue], dict[str, list[Stored]], list[IssueChange]]:
    """Return issues before, new events and changes of a batch, with members as parts of heads."""
    before, told = dict(rows.issues), []
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
        told.append(change)
    return before, events, told


def _head_of(issue: Issue | None, before: Closed | None) -> str:
    if issue:
        return issue.merged_into
    return str(before.settled.get("merged_into", "")) if before else ""


def _place(record: StreamRecord) -> tuple[str, str]:
    return record.position.stream, record.position.sequence
