"""Issues, releases and daily counters, as digest keeps them and readers see them."""

from dataclasses import dataclass, field

OPEN = "open"
RESOLVED = "resolved"
IGNORED = "ignored"
REGRESSED = "regressed"  # resolved, and seen again: open once more
STATUSES = (OPEN, RESOLVED, IGNORED, REGRESSED)


@dataclass(slots=True)
class Issue:
    """All events of one fingerprint. Times are in milliseconds since the epoch.

    `status_at` and `status_by` say when and by whom `status`, one of `STATUSES`, was set last; 0
    and "" where nobody has, and where an event did. `deleted_through`: an issue with the same
    fingerprint was deleted before, with its events up to this id; they are never counted again.

    `grouping` says what made the fingerprint (`client` or a version such as `v1`), and `grouped_by`
    what the events have in common, where the grouping tells that of each issue. `environments`,
    `releases` and `servers` map a name to its number of events; beyond `MAX_NAMES` the rarest are
    dropped.
    `days` maps a day since the epoch to its number of events, for the last `MAX_DAYS`. `users` is
    the registers of a HyperLogLog sketch (see `errata.models.sketch`).
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
    last_seen: int = 0
    last_event: str = ""
    last_sequence: str = ""
    count: int = 0
    status: str = OPEN
    status_at: int = 0
    status_by: str = ""
    expires_at: int = 0
    environments: dict[str, int] = field(default_factory=dict)
    releases: dict[str, int] = field(default_factory=dict)
    servers: dict[str, int] = field(default_factory=dict)
    days: dict[str, int] = field(default_factory=dict)
    users: bytes = b""
    deleted_through: str = ""
    grouped_by: str = ""


@dataclass(slots=True)
class Release:
    """One distinct `release` value of a project. Times are in milliseconds since the epoch.

    `open_issues` are counted when the releases are listed, and not kept.
    """

    release: str
    first_seen: int
    last_seen: int
    events: int = 0
    issues_opened: int = 0
    open_issues: int = 0
    expires_at: int = 0


@dataclass(slots=True)
class Day:
    """How many events a project has of one day, UTC."""

    count: int = 0
    expires_at: int = 0


@dataclass(frozen=True, slots=True)
class Activity:
    """That an issue's status changed, when, and who did it: a person, or an event.

    `at` is in milliseconds since the epoch, and no other change of the issue has it. `what` is
    `resolved`, `ignored`, `reopened` or `regressed`. `by` is an e-mail address or `errata CLI`;
    where an event did it, `by` is empty, and `event` and `release` name that.
    """

    at: int
    what: str
    by: str = ""
    event: str = ""
    release: str = ""


def why_grouped(grouping: str, grouped_by: str) -> str:
    """What the events of an issue have in common, in words.

    Of a client's fingerprint `grouped_by` tells what it says: "fingerprint: payment-timeout".
    """
    if grouping == "client":
        told = grouped_by if grouped_by.startswith("fingerprint: ") else "fingerprint"
        return f"the sender's {told}"
    if grouping == "v1":
        return "the same message, exception class, file and line"
    return grouped_by or f"grouping {grouping}"


MAX_NAMES = 30
MAX_DAYS = 30
# Of an environment or a release; what is longer counts under its beginning.
MAX_NAME = 200
MAX_GROUPED_BY = 500
