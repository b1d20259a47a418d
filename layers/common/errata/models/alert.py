"""Alerts: the rules that say who is told of which issues, and the content of a message."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from errata.models import sketch
from errata.models.event import Stored
from errata.models.issue import Issue

NEW, REGRESSED, RISING, WOKEN = "new", "regressed", "rising", "woken"
# An issue has reached a number of events within some minutes, or a number of users.
EVENTS, USERS = "events", "users"
# A person has assigned the issue, or mentions members in a comment.
ASSIGNED, MENTIONED = "assigned", "mentioned"
# No rule can be about these: a person has resolved the issue, or wants a test.
RESOLVED, TESTED = "resolved", "test"
# What a rule can be about, and how a message begins.
KINDS = {
    NEW: "New",
    REGRESSED: "Regressed",
    RISING: "Rising",
    EVENTS: "Frequent",
    USERS: "Many users",
    WOKEN: "Woken",
    ASSIGNED: "Assigned",
    MENTIONED: "Mentioned",
}
# What members can get mails about, in words.
MAILED = {
    NEW: "New issues",
    REGRESSED: "Regressed issues",
    RISING: "Rising issues",
    EVENTS: "Many events in some minutes",
    USERS: "Many users",
    WOKEN: "Ignored issues that wake up",
    ASSIGNED: "Issues that are assigned to me",
    MENTIONED: "Comments that mention me",
}
MAX_MINUTES = 60
MAX_RULES = 20
# The beginning of the `event` of a message to a channel, such as `alert.new`.
PREFIX = "alert."
# The channel that reaches the members of a project by e-mail. It needs no address.
MEMBERS = "members"
# The rule of a project that has set none.
DEFAULT_RULE_ID = "default"
LEVELS = ("debug", "info", "warning", "error", "fatal")
# A channel is failing after this many failed deliveries in a row.
FAILING_AFTER = 3
# A message about several issues names at most this many.
MAX_LISTED = 10
_TEXT = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


@dataclass(frozen=True, slots=True)
class AlertRule:
    """Which alerts go to which channels. An empty filter lets every event pass.

    Attributes:
        kinds: which of `KINDS` people are notified of.
        channels: ids of channels.
        level: this level or worse.
        release: a release; `*` stands for any text.
        tag: `key=value`.
        cooldown_s: at most one message per issue in this time, in seconds. 0: no limit.
        muted_until: no message is sent before this time, in milliseconds since the epoch.
        events, minutes: for `EVENTS`: so many events within so many minutes.
        users: for `USERS`: so many affected users.
        quiet: the quiet hours. Messages about it are sent later (`errata.models.quiet`).
    """

    id: str
    kinds: tuple[str, ...]
    channels: tuple[str, ...]
    environment: str = ""
    level: str = ""
    release: str = ""
    tag: str = ""
    cooldown_s: int = 0
    muted_until: int = 0
    events: int = 0
    minutes: int = 0
    users: int = 0
    quiet: str = ""

    def threshold(self, kind: str) -> str:
        """Return the threshold that an occasion of this kind must reach: `100/10`, `50`, or ""."""
        if kind == EVENTS:
            return f"{self.events}/{self.minutes}"
        return str(self.users) if kind == USERS else ""

    def cooldown_of(self, kind: str) -> int:
        """Return the cooldown in seconds. At least the window, so that a peak gives one message."""
        return max(self.cooldown_s, self.minutes * 60 if kind == EVENTS else 0)

    @property
    def has_filters(self) -> bool:
        """Whether the rule has a filter, which not every event passes."""
        return bool(self.environment or self.level or self.release or self.tag)

    @property
    def _pattern(self) -> str:
        """The release as a pattern in which only `*` has a meaning."""
        return self.release.replace("[", "[[]").replace("?", "[?]")

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Return whether the filters let an event pass. `event` has its fields, or a summary."""
        key, _, value = self.tag.partition("=")
        return (
            self.environment in ("", event.get("environment"))
            and (not self.level or _rank(event.get("level")) >= _rank(self.level))
            and (not self.release or fnmatchcase(str(event.get("release") or ""), self._pattern))
            and (not self.tag or _as_text((event.get("tags") or {}).get(key)) == value)
        )


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something that happened to an issue: one of `KINDS`.

    Attributes:
        event: the event that made it happen.
        issue: the new state of the issue, before it is stored.
        threshold: the threshold that the issue has reached (`AlertRule.threshold`).
    """

    kind: str
    event: Stored
    issue: Issue
    threshold: str = ""


DEFAULT_RULE = AlertRule(DEFAULT_RULE_ID, (NEW, REGRESSED), (MEMBERS,))


def thresholds_of(rules: Iterable[AlertRule]) -> str:
    """Return the thresholds of rules as one text, such as `events 100/10,users 50`."""
    found = {
        f"{kind} {each.threshold(kind)}"
        for each in rules
        for kind in each.kinds
        if kind in (EVENTS, USERS)
    }
    return ",".join(sorted(found))


def reached(thresholds: str, before: Issue | None, after: Issue) -> Iterator[tuple[str, str]]:
    """Yield the thresholds that an issue has just reached, as (kind, threshold)."""
    for each in thresholds.split(",") if thresholds else ():
        kind, _, threshold = each.partition(" ")
        most, _, minutes = threshold.partition("/")
        if kind == EVENTS:
            now = after.last_seen
            then = before.buckets.last_minutes(now, int(minutes)) if before else 0
            found = after.buckets.last_minutes(now, int(minutes))
        else:
            then = sketch.estimate(before.users) if before else 0
            found = sketch.estimate(after.users)
        if then < int(most) <= found:
            yield kind, threshold


def _rank(level: Any) -> int:
    return LEVELS.index(level) if level in LEVELS else LEVELS.index("error")


def _as_text(value: Any) -> str:
    return "" if value is None else str(value)


def is_text(text: str) -> bool:
    """Return whether a filter may be this text: one line, at most 200 characters."""
    return _TEXT.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class News:
    """What a message says about one issue. Texts are as they were sent, and may be hostile.

    Attributes:
        kind: one of `KINDS`, or `TESTED`.
        issue_id: "" for a test.
        short_id: such as `SHOP-42`; "" if the issue has none.
        first_seen: milliseconds since the epoch.
        since: the release in which it was first seen, "" if unknown.
        count, users: events, and affected users, until now.
        frames: the innermost places in the application, innermost first.
        url: the page of the issue.
        threshold: the threshold that the issue has reached, if that is the news: `100/10`, `50`.
        by: who has assigned the issue, or mentions somebody.
        to: the assignee, or who is mentioned. "" if that is the reader.
    """

    kind: str
    issue_id: str
    short_id: str
    title: str
    culprit: str = ""
    level: str = "error"
    environment: str = ""
    release: str = ""
    since: str = ""
    first_seen: int = 0
    count: int = 0
    users: int = 0
    frames: tuple[str, ...] = ()
    url: str = ""
    threshold: str = ""
    by: str = ""
    to: str = ""

    @property
    def label(self) -> str:
        """How a message begins: `New: SHOP-42`."""
        word = KINDS.get(self.kind, self.kind.capitalize())
        if self.threshold:
            most, _, minutes = self.threshold.partition("/")
            word = f"{most} events in {minutes} min" if minutes else f"{most} users"
        if self.by:
            did = "mentions" if self.kind == MENTIONED else "has assigned this to"
            word = f"{plain(self.by, 100)} {did} {plain(self.to, 100) or 'you'}"
        return f"{word}: {self.short_id}" if self.short_id else word


@dataclass(frozen=True, slots=True)
class Alert:
    """The content of a message, which each kind of channel formats in its own way.

    Attributes:
        id: the same for every attempt.
        at: when it is sent, in milliseconds since the epoch.
        news: at least one. Several if the channel got too many messages (a roundup).
        total: how many issues the message is about. `news` has at most `MAX_LISTED` of them.
        url: the page that shows them all.
        settings_url: where the rules are changed.
        begun: when the first of its messages was queued, in milliseconds since the epoch.
    """

    id: str
    project: str
    at: int
    news: tuple[News, ...]
    total: int = 1
    url: str = ""
    settings_url: str = ""
    kinds: Mapping[str, int] = field(default_factory=dict)
    begun: int = 0

    @property
    def first(self) -> News:
        """The only news, or the first of several."""
        return self.news[0]

    @property
    def is_roundup(self) -> bool:
        """Whether the message is about several issues."""
        return self.total > 1

    @property
    def more(self) -> int:
        """How many issues the message only counts and does not name."""
        return self.total - len(self.news)

    @property
    def headline(self) -> str:
        """What the message is about, in our own words: `New: SHOP-42` or `23 new issues`."""
        if not self.is_roundup:
            return self.first.label
        parts = [f"{n} {_OF_MANY.get(kind, kind)}" for kind, n in self.kinds.items() if n]
        return f"{', '.join(parts)} issues" if parts else f"{self.total} issues"


@dataclass(frozen=True, slots=True)
class Post:
    """A POST of JSON to a URL."""

    url: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as plain text and as HTML. `thread` names the mails that belong together."""

    subject: str
    text: str
    html: str
    thread: str
    unsubscribe: str


@dataclass(frozen=True, slots=True)
class BusEvent:
    """An event for EventBridge. `detail` is JSON."""

    detail_type: str
    detail: str


_OF_MANY = {EVENTS: "frequent", USERS: "widespread", MENTIONED: "discussed"}


def plain(text: str, most: int) -> str:
    """Return a text as one line of at most `most` characters, without invisible ones.

    Control characters become spaces. Characters that change the direction of text, or that show
    nothing, are removed: they could make a title look like another one.
    """
    shown = text if text.isascii() else _HIDDEN.sub("", text)
    line = " ".join(_CONTROLS.sub(" ", shown[: most * 4]).split())
    return line if len(line) <= most else line[: most - 1] + "…"


_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_HIDDEN = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
