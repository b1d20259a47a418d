"""Issues that are merged into one, which is their head.

A member keeps its row and still counts its own events. It has the status `MERGED` and the id of its
head. The head has the ids of its members. If only one of the two rows names the other, the issues
are separate.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from errata.models import sketch
from errata.models.buckets import Buckets
from errata.models.event import Stored
from errata.models.ids import minted_ms
from errata.models.issue import MAX_NAMES, OPEN, RANK_LAG_MS, TTL_LAG_S, Issue
from errata.models.settled import UNSETTLED, set_fields


@dataclass(frozen=True, slots=True)
class Group:
    """The members of a head, and the new events of all of them in the order of the stream.

    None of them has counted these events yet.
    """

    members: list[Issue]
    events: list[Stored]

    def follow(self, head: Issue) -> None:
        """Update `last_seen` and `expires_at` of a head if they are too old."""
        seen = max(minted_ms(each.id) for each in self.events)
        expires_at = max(each.expires_at for each in self.events)
        if seen - head.last_seen >= RANK_LAG_MS or expires_at - head.expires_at >= TTL_LAG_S:
            head.last_seen = max(head.last_seen, seen)
            head.expires_at = max(head.expires_at, expires_at)


def is_member(issue: Issue, head: Issue | None) -> bool:
    """Return whether an issue is a member of a head. An issue that is merged itself is no head."""
    return (
        head is not None
        and not head.merged_into
        and issue.merged_into == head.id
        and issue.id in head.members
    )


def free(issue: Issue) -> None:
    """Make a member an open issue of its own, because its head does not exist any more."""
    issue.status = OPEN
    set_fields(issue, UNSETTLED)


def members_of(head: Issue, found: Mapping[str, Issue]) -> list[Issue]:
    """Return the members of a head that are among these issues."""
    some = (found.get(each) for each in head.members)
    return [each for each in some if each and is_member(each, head)]


def whole(head: Issue, members: Iterable[Issue]) -> Issue:
    """Return a head with the numbers of its members added. Never store it.

    Title, status and assignee are the head's own. Users are the union of the sketches. `members`
    are those that exist.
    """
    found = list(members)
    if not found:
        return replace(head, members=()) if head.members else head
    parts = [head, *found]
    first = min(parts, key=lambda each: each.first_event)
    last = max(parts, key=lambda each: each.last_event)
    early = min((each for each in parts if each.first_release), key=_first, default=head)
    late = max((each for each in parts if each.last_release), key=_last, default=head)
    return replace(
        head,
        members=tuple(each.id for each in found),
        count=sum(each.count for each in parts),
        tallies=sum(each.tallies for each in parts),
        last_kept=_last_kept(parts, last.last_event),
        users=sketch.union(each.users for each in parts),
        buckets=Buckets.union(each.buckets for each in parts),
        first_event=first.first_event,
        first_seen=first.first_seen,
        last_event=last.last_event,
        last_seen=max(each.last_seen for each in parts),
        expires_at=max(each.expires_at for each in parts),
        first_release=early.first_release,
        last_release=late.last_release,
        environments=_names(each.environments for each in parts),
        releases=_names(each.releases for each in parts),
        servers=_names(each.servers for each in parts),
    )


def _last_kept(parts: Iterable[Issue], newest: str) -> str:
    found = max(each.newest_kept for each in parts)
    return "" if found == newest else found


def _first(issue: Issue) -> str:
    return issue.first_event


def _last(issue: Issue) -> str:
    return issue.last_event


def _names(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total = Counter[str]()
    for each in counts:
        total.update(each)
    return dict(total.most_common(MAX_NAMES))
