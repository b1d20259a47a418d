"""Issues, releases, daily counters and activity. The digest function writes them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from errata.models.buckets import DAY_MS, Buckets
from errata.models.texts import cut

OPEN = "open"
RESOLVED = "resolved"
IGNORED = "ignored"
REGRESSED = "regressed"  # was resolved, then seen again; counts as open
WOKEN = "woken"  # activity: was ignored until a condition was met
STATUSES = (OPEN, RESOLVED, IGNORED, REGRESSED)
OPEN_STATUSES = (OPEN, REGRESSED)
# The status in the row of an issue that is merged into another one. No list shows such an issue:
# the status of its head counts.
MERGED = "merged"
# At most this many issues are merged into one.
MAX_MEMBERS = 50
# What people do besides changing the status.
SEPARATED = "separated"
ASSIGNED, COMMENTED, LINKED, *_ = NOTES = ("assigned", "commented", "linked", MERGED, SEPARATED)
# An issue takes at most this many notes.
MAX_NOTES = 500
SEQUENCE_DIGITS = 40
# Lists by last seen sort by `ranked_at`. Each change of it costs two write units, so it is only
# updated when it is this much behind `last_seen`.
RANK_LAG_MS = 120_000
# The `ttl` of an issue's row is only updated together with `ranked_at`. So it is set this many
# seconds after the issue's expiry, and is never too early.
TTL_LAG_S = 2 * RANK_LAG_MS // 1000
# The other rows of an issue expire this many seconds after the issue. If new events would let the
# issue live longer than its other rows, these are written again.
ROWS_LINGER_S = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Position:
    """A position in a stream: a row has counted all of its events up to there.

    Attributes:
        stream: the label of the stream, which is the time of its creation. "" if the row was
            restored, or counted before labels were stored.
        sequence: a sequence number, zero-padded so that it sorts as text. "" before all.
    """

    stream: str = ""
    sequence: str = ""

    def is_after(self, other: "Position") -> bool:
        """Return whether this position comes after another one.

        A table that was replaced or recovered has a new stream, whose sequence numbers may be
        lower. What an older release has counted has no label, and is of the same stream.
        """
        if other.stream and self.stream and other.stream != self.stream:
            return self.stream > other.stream
        return self.sequence > other.sequence

    def next(self) -> "Position":
        """Return a position between this one and the next event of the stream."""
        return Position(self.stream, (self.sequence or "0" * SEQUENCE_DIGITS) + "~")


@dataclass(slots=True)
class Issue:
    """All events with one fingerprint. Times are in milliseconds since the epoch.

    Attributes:
        number: counts the issues of a project. 0 if the issue was last changed by release 0.1.0.
        status: one of `STATUSES`, or `MERGED`.
        status_at: when a person last set the status. 0 if nobody did, or if an event set it.
        status_by: who last set the status. "" if nobody did, or if an event set it.
        assignee: who works on it (`errata.models.assignee`). "" if nobody.
        assigned_at, assigned_by: when and by whom the assignee was last changed. 0 and "" if never.
        tracker_url: the URL of its ticket in an issue tracker. "" if there is none.
        linked_at, linked_by: when and by whom the ticket was last changed. 0 and "" if never.
        notes: how often people have assigned, linked, commented or merged it. Each adds one.
        resolved_in, resolved_in_seen, resolved_after, ignored_until, ignored_number, ignored_base:
            how it is settled (see `errata.models.settled`).
        merged_into: the id of its head, if it is `MERGED` (see `errata.models.merged`).
        members: the ids of the issues that are merged into it.
        opened_by: the event that opened the issue. "" if release 0.1.0 counted it, or if the issue
            was resolved or ignored before, and has expired since.
        deleted_through: set if an issue with the same fingerprint was deleted. Its events up to
            this event id are never counted again.
        grouping: what made the fingerprint: `client`, or a grouping version such as `v1`.
        grouped_by: what the events have in common, in words. "" if the grouping does not say.
        transaction, logger: those of the newest event from an SDK, for searches. "" if it has none.
        expires_at: when the issue expires, in seconds since the epoch.
        ranked_at: the time by which lists sort the issue, at most `RANK_LAG_MS` before
            `last_seen`.
        ttl: when DynamoDB may delete the row, in seconds since the epoch. Soon after `expires_at`.
        rows_until: when the issue's other rows expire, in seconds since the epoch.
        environments, releases, servers: number of events by name (see `count_names`).
        first_release, last_release: the releases of the first and the newest event that have one.
            "" if none has.
        buckets: number of events by minute, hour and day.
        users: a HyperLogLog sketch of the affected users (see `errata.models.sketch`).
        values, value_counts: the values for which there are rows (`errata.models.seen_values`).
        position: up to where in the stream the issue has counted its events.
        tallies: how many of the events are tallies, which are counted and not kept in full.
        last_kept: the newest event that is kept in full, if tallies are newer. Else "".
        notified_at: when alert rules with a cooldown last sent a message, by the rule's id.
    """

    id: str
    fingerprint: str
    grouping: str
    title: str
    culprit: str
    level: str
    exception_class: str
    first_seen: int
    first_event: str
    opened_by: str = ""
    last_seen: int = 0
    last_event: str = ""
    position: Position = Position()
    number: int = 0
    count: int = 0
    status: str = OPEN
    status_at: int = 0
    status_by: str = ""
    resolved_in: str = ""
    resolved_in_seen: int = 0
    resolved_after: int = 0
    ignored_until: str = ""
    ignored_number: int = 0
    ignored_base: int = 0
    merged_into: str = ""
    members: tuple[str, ...] = ()
    expires_at: int = 0
    ranked_at: int = 0
    ttl: int = 0
    rows_until: int = 0
    environments: dict[str, int] = field(default_factory=dict)
    releases: dict[str, int] = field(default_factory=dict)
    servers: dict[str, int] = field(default_factory=dict)
    first_release: str = ""
    last_release: str = ""
    buckets: Buckets = field(default_factory=Buckets)
    users: bytes = b""
    values: bytes = b""
    value_counts: dict[str, int] = field(default_factory=dict)
    deleted_through: str = ""
    grouped_by: str = ""
    transaction: str = ""
    logger: str = ""
    assignee: str = ""
    assigned_at: int = 0
    assigned_by: str = ""
    tracker_url: str = ""
    linked_at: int = 0
    linked_by: str = ""
    notes: int = 0
    notified_at: dict[str, int] = field(default_factory=dict)
    tallies: int = 0
    last_kept: str = ""

    @property
    def kept(self) -> int:
        """How many of its events were kept in full."""
        return self.count - self.tallies

    @property
    def newest_kept(self) -> str:
        """The id of its newest event that is kept in full, "" if all are tallies."""
        return self.last_kept or (self.last_event if self.kept else "")


@dataclass(slots=True)
class Release:
    """One distinct `release` value of a project. Times are in milliseconds since the epoch.

    `open_issues` is counted when the releases are listed. It is not stored.

    The row expires with its events. Another row, the known release, is kept for a year more: until
    `known_until`, in seconds. If the release came back after its row expired, `known_since` is when
    it was really first seen, else 0. `released_at` is when a person says that it was released, 0 if
    nobody does.
    """

    release: str
    first_seen: int
    last_seen: int
    events: int = 0
    issues_opened: int = 0
    open_issues: int = 0
    expires_at: int = 0
    position: Position = Position()
    known_since: int = 0
    known_until: int = 0
    released_at: int = 0

    @property
    def since(self) -> int:
        """When it was released, or else when it was really first seen."""
        return self.released_at or min(self.known_since or self.first_seen, self.first_seen)


@dataclass(slots=True)
class Day:
    """The number of events of a project on one day (UTC), and in each hour of it.

    `last_issue` is the issue of the event that was counted last, "" if release 0.1.0 counted it.
    """

    count: int = 0
    hours: dict[int, int] = field(default_factory=dict)
    expires_at: int = 0
    position: Position = Position()
    last_issue: str = ""


@dataclass(frozen=True, slots=True)
class Closed:
    """What is kept for a year of an issue that was resolved or ignored.

    `at` is in milliseconds since the epoch. `settled` has the attributes that are set and that
    `errata.models.settled.FIELDS` lists.
    """

    status: str
    at: int
    number: int
    release: str
    assignee: str = ""
    tracker_url: str = ""
    settled: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Activity:
    """What a person or an event has done with an issue.

    Attributes:
        at: milliseconds since the epoch. Unique among the changes of the status, and among the
            notes of the issue.
        what: `resolved`, `ignored`, `reopened`, `regressed` or `woken`; or one of `NOTES`.
        by: an e-mail address or `errata CLI`. "" if an event changed the status.
        event, release: the event that changed the status, and its release.
        detail: how it is settled, or why it is open again: `in the next release after 10.18.7`. For
            `assigned`, the assignee: `to ada@example.com`, `to #web`, `to nobody`. For `linked`,
            the ticket: `to https://github.com/acme/shop/issues/7`, `to no ticket`. For `merged` and
            `separated`, the other issue: `into SHOP-12`.
        text: the text of a comment, in Markdown.
        mentions: the e-mail addresses of members that the text mentions.
        edited_at: when the comment was last changed, in milliseconds. 0 if never.
        deleted_by: who has deleted the text of the comment. "" if nobody.
    """

    at: int
    what: str
    by: str = ""
    event: str = ""
    release: str = ""
    detail: str = ""
    text: str = ""
    mentions: tuple[str, ...] = ()
    edited_at: int = 0
    deleted_by: str = ""

    @property
    def is_note(self) -> bool:
        """Whether it is a note, and not a change of the status."""
        return self.what in NOTES


@dataclass(frozen=True, slots=True)
class CleanupTask:
    """A deleted issue, and the id up to which its events must be deleted (`through`).

    `tallied_since` is the id of its first event if some events are tallies, "" if none is. No index
    has tallies, so cleanup reads all events from there on.
    """

    project_id: str
    issue_id: str
    through: str
    tallied_since: str = ""


def trend(issue: Issue, now_ms: int) -> tuple[str, ...]:
    """Return which of `rising`, `new` and `quiet` an issue is at a time in milliseconds.

    rising: the last hour has at least ten events, and at least four times the mean of the 24 hours
    before. new: first seen less than 24 hours ago. quiet: no event for 24 hours.
    """
    found = {
        "rising": issue.buckets.is_rising(now_ms),
        "new": now_ms - issue.first_seen < DAY_MS,
        "quiet": now_ms - issue.last_seen >= DAY_MS,
    }
    return tuple(name for name, holds in found.items() if holds)


def count_names(issue: Issue, seen: Iterable[Mapping[str, Any]]) -> None:
    """Count the environments, releases and servers of events. `seen` holds their fields.

    If there are too many names, the least frequent ones are dropped. The names of these events are
    dropped last, because recent names matter most.
    """
    parts = {
        "environment": issue.environments,
        "release": issue.releases,
        "server_name": issue.servers,
    }
    recent = set()
    events = list(seen)
    for part, counts in parts.items():
        for sent, number in Counter(fields.get(part) or "" for fields in events).items():
            if name := short_name(sent):
                recent.add(name)
                counts[name] = counts.get(name, 0) + number
                if len(counts) > MAX_NAMES:
                    _drop_rarest(counts, {name})
    sizes = [sum(len(name.encode()) for name in counts) for counts in parts.values()]
    while sum(sizes) > MAX_NAMES_BYTES:
        largest = sizes.index(max(sizes))
        dropped = _drop_rarest(list(parts.values())[largest], recent)
        sizes[largest] -= len(dropped.encode())


def _drop_rarest(counts: dict[str, int], recent: set[str]) -> str:
    rarest = min(counts, key=lambda each: (each in recent, counts[each]))
    del counts[rarest]
    return rarest


def short_name(name: str) -> str:
    """Return the name under which an issue counts an environment, release or server: its start."""
    return cut(name, MAX_NAME)


def kept_note(count: int, kept: int) -> str:
    """Return how many of an issue's events are kept in full, "" if all are: `57 kept in full`."""
    return f"{kept:,} kept in full" if kept < count else ""


def why_all_grouped(issue: Issue) -> str:
    """Return what the events of an issue have in common, in words, and how many are merged."""
    found = why_grouped(issue.grouping, issue.grouped_by)
    if number := len(issue.members):
        found += f"; {number} other issue{'' if number == 1 else 's'} merged by hand"
    return found


def why_grouped(grouping: str, grouped_by: str) -> str:
    """Return what the events of an issue have in common, in words.

    If the client sent the fingerprint, `grouped_by` may contain its text, such as
    "fingerprint: payment-timeout".
    """
    if grouping == "client":
        fingerprint = grouped_by if grouped_by.startswith("fingerprint: ") else "fingerprint"
        return f"the sender's {fingerprint}"
    if grouping == "v1":
        return "the same message, exception class, file and line"
    return grouped_by or f"grouping {grouping}"


# An issue keeps at most this many names of each: environments, releases and servers.
MAX_NAMES = 30
# UTF-8 bytes of all names of an issue. Every event writes the whole row, so they cost write units.
MAX_NAMES_BYTES = 3_000
# UTF-8 bytes of an environment, release or server. A longer name is counted under its start.
MAX_NAME = 200
