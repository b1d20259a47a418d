"""Merge issues into one, and separate them again. See `errata.models.merged`."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from errata.errors import InvalidInputError, UnavailableError
from errata.models import settled
from errata.models.ids import minted_ms
from errata.models.issue import (
    IGNORED,
    MAX_MEMBERS,
    MERGED,
    OPEN,
    RESOLVED,
    ROWS_LINGER_S,
    SEPARATED,
    TTL_LAG_S,
    Activity,
    Issue,
)
from errata.models.issue_change import of_status
from errata.models.merged import is_member, whole
from errata.models.project import Project
from errata.models.slug import short_id
from errata.models.visible import Visible
from errata.store import issue_status
from errata.store.issues import find_issue
from errata.store.retry import attempts
from errata.usecases import issues, rights
from errata.usecases.merged import head_of, members, with_members


def merge(
    project: Project, visible: Visible, head_id: str, member_ids: Sequence[str], by: str
) -> Issue:
    """Merge issues into a head, with the members that they have. No-op for its members.

    Each is merged by itself, so a merge that is cut off can be repeated. Returns the head with the
    sum of all. `by` is an e-mail address or `errata CLI`.

    Raises:
        ForbiddenError: only owners and admins may do this.
        InvalidInputError: one of them is merged into another issue, or there are too many, or the
            head takes no more notes.
        NotFoundError: the project has no such issue.
        UnavailableError: there was a conflict on every try.
    """
    rights.check(visible, "merge")
    others = [each for each in dict.fromkeys(member_ids) if each != head_id]
    if not others:
        raise InvalidInputError({"issue": ["Name at least one other issue to merge into it."]})
    if len(others) > MAX_MEMBERS:
        raise _too_many()
    head = issues.find(visible, head_id)
    found = [issues.find(visible, each) for each in others]
    # Check all that can be known before anything is changed.
    new = {each.id for each in found if not is_member(each, head)}
    new |= {each for issue in found if issue.id in new for each in issue.members}
    _check(project, visible, head, [each for each in found if each.id in new])
    if len(new) + len(members(visible, head)) > MAX_MEMBERS:
        raise _too_many()
    for issue in found:
        _merge(project, visible, head_id, issue.id, "", by)
    return with_members(visible, [issues.find(visible, head_id)])[0]


def separate(project: Project, visible: Visible, member_id: str, by: str) -> Issue:
    """Take an issue out of its head. No-op if it is not merged. Returns the issue.

    It gets the status of its head and keeps its own counts. The other arguments and errors are as
    in `merge`.
    """
    rights.check(visible, "merge")
    for tried, _ in enumerate(attempts(issues.TRIES)):
        member = issues.find(visible, member_id)
        if not member.merged_into:
            return member
        head = find_issue(visible, member.merged_into)
        at = visible.now_ms + tried
        changes = []
        if head and is_member(member, head):
            issues.check_note_limit(head)
            left = [each for each in members(visible, head) if each.id != member.id]
            seen = max([minted_ms(head.last_event), *(each.last_seen for each in left)])
            note = Activity(at, SEPARATED, by[: issues.MAX_BY], detail=_name(project, member))
            after = replace(
                head,
                members=tuple(each for each in head.members if each != member.id),
                last_seen=seen,
                ranked_at=min(head.ranked_at, seen),
                notes=head.notes + 1,
            )
            settled.wait_as_before(after, whole(head, [*left, member]), whole(head, left))
            changes.append((head, after, note))
        called = _name(project, head) if head else "an issue that was deleted"
        note = Activity(at, SEPARATED, by[: issues.MAX_BY], detail=f"from {called}")
        after = replace(member, **_status_of(head, member, by, visible.now_ms))
        after.notes += 1
        changes.append((member, after, note))
        if issue_status.change_together(visible, changes):
            return after
    raise UnavailableError


# ------------------------------------------------------------------ one of them


def _merge(
    project: Project, visible: Visible, head_id: str, member_id: str, former_id: str, by: str
) -> None:
    """Merge one issue into a head, its own members first. No-op if it is a member already.

    `former_id`: the head that it leaves, "" if it has none.
    """
    for tried, _ in enumerate(attempts(issues.TRIES)):
        head, member = issues.find(visible, head_id), find_issue(visible, member_id)
        former = find_issue(visible, former_id) if former_id else None
        if former_id and not (member and former and is_member(member, former)):
            return
        if member is None or is_member(member, head):
            return
        _check(project, visible, head, [] if former else [member])
        # Somebody may have merged others into it meanwhile.
        if own := members(visible, member):
            for each in own:
                _merge(project, visible, head_id, each.id, member_id, by)
            continue
        parts = members(visible, head)
        alive = tuple(each.id for each in parts)
        # No two notes of an issue have the same time.
        at, by = visible.now_ms + len(alive) + tried, by[: issues.MAX_BY]
        if len(alive) >= MAX_MEMBERS:
            raise _too_many()
        expires_at = max(head.expires_at, member.expires_at)
        moved = replace(
            head,
            members=(*alive, member.id),
            last_seen=max(head.last_seen, member.last_seen),
            ranked_at=max(head.ranked_at, member.ranked_at),
            expires_at=expires_at,
            ttl=max(head.ttl, expires_at + TTL_LAG_S),
            rows_until=max(head.rows_until, expires_at + ROWS_LINGER_S),
            notes=head.notes + 1,
        )
        if moved.rows_until > head.rows_until:
            # The value rows of the head expire before, so later events must write them again.
            moved.values, moved.value_counts = b"", {}
        settled.wait_as_before(moved, whole(head, parts), whole(head, [*parts, member]))
        into = Activity(at, MERGED, by, detail=f"into {_name(project, head)}")
        merged = replace(
            member,
            **settled.UNSETTLED,
            **of_status(member, MERGED, by, at),
            # All that it still names have expired: the others have moved.
            members=(),
            notes=member.notes + 1,
        )
        merged.merged_into = head.id
        changes = [
            (head, moved, Activity(at, MERGED, by, detail=_name(project, member))),
            (member, merged, into),
        ]
        if former:
            left = tuple(each for each in former.members if each != member.id)
            away = Activity(at, SEPARATED, by, detail=_name(project, member))
            changes.append((former, replace(former, members=left, notes=former.notes + 1), away))
        if issue_status.change_together(visible, changes):
            return
    raise UnavailableError


def _check(project: Project, visible: Visible, head: Issue, others: Iterable[Issue]) -> None:
    issues.check_note_limit(head)
    for each in (head, *others):
        if not each.number:
            text = "An issue of release 0.1.0 can be merged after its next event."
            raise InvalidInputError({"issue": [text]})
        if other := head_of(visible, each):
            text = (
                f"{_name(project, each)} is merged into {_name(project, other)}."
                " Name that one, or separate it first."
            )
            raise InvalidInputError({"issue": [text]})


def _too_many() -> InvalidInputError:
    return InvalidInputError({"issue": [f"At most {MAX_MEMBERS} issues can be merged into one."]})


def _status_of(head: Issue | None, member: Issue, by: str, at_ms: int) -> settled.IssueFields:
    """Return the attributes of a member that is separated. It gets the status of its head."""
    status, fields = head.status if head else OPEN, settled.UNSETTLED
    if head and status == RESOLVED:
        fields = {**fields, **settled.fields_of(head)}
    elif head and status == IGNORED:
        fields = settled.ignored(member, head.ignored_until, head.ignored_number, at_ms)
    return {**fields, **of_status(member, status, by, at_ms)}


def _name(project: Project, issue: Issue) -> str:
    return short_id(project.slug, issue.number) or (
        f"issue {issue.number}" if issue.number else issue.id
    )
