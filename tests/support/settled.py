"""What opens a settled issue again, in the simplest way: one event after the other."""

from errata.models.buckets import DAY_MS, Buckets
from errata.models.event import Stored, user_identity
from errata.models.ids import minted_ms
from errata.models.issue_change import IGNORE, REOPEN, RESOLVE, Change
from errata.models.release_order import SeenRelease, newest, order


class Settled:
    """An issue, all of its events, and what a person did with it last.

    `releases` says when each release was first seen. It grows.
    """

    def __init__(self, releases: dict[str, int]) -> None:
        self.releases = releases
        self.events: list[Stored] = []
        self.opened: list[str] = []  # the ids of the events that have opened it again
        self.status, self.at_ms = "open", 0
        self.resolved_in, self.after = "", False
        self.until, self.number, self.base = "", 0, 0

    def change(self, change: Change, at_ms: int) -> None:
        """Do what a person does."""
        if change.kind == REOPEN and self.status == "regressed":
            return
        self.status = {RESOLVE: "resolved", IGNORE: "ignored", REOPEN: "open"}[change.kind]
        self.at_ms = max(at_ms, self.at_ms + 1)
        names = {each.fields.get("release") or "" for each in self.events} - {""}
        latest = newest(SeenRelease(name, self.releases[name]) for name in names)
        self.resolved_in, self.after = change.release, change.in_next
        if change.in_next and latest:
            self.resolved_in = latest.name
        self.until, self.number = change.until, change.number
        rising = self.in_an_hour(at_ms) if self.is_rising(at_ms) else 0
        self.base = {"events": len(self.events), "users": self.users, "rising": rising}.get(
            self.until, 0
        )

    def count(self, event: Stored) -> None:
        """Count an event."""
        self.events.append(event)
        at_ms = minted_ms(event.id)
        if self.status == "resolved" and at_ms > self.at_ms and self.is_newer(event):
            self.status, self.at_ms = "regressed", at_ms
            self.opened.append(event.id)
        if self.status == "ignored" and self.is_over(at_ms):
            self.status, self.at_ms = "open", max(at_ms, self.at_ms + 1)
            self.opened.append(event.id)

    def have(self, events: list[Stored]) -> None:
        """Have these events: others were merged into the issue, or taken out of it.

        It waits for as many more events or users as before.
        """
        before = self._waits_on
        self.events = events
        self.base += self._waits_on - before

    @property
    def _waits_on(self) -> int:
        return {"events": len(self.events), "users": self.users}.get(self.until, 0)

    def is_newer(self, event: Stored) -> bool:
        """Return whether an event is of a release that reopens the issue."""
        release = event.fields.get("release") or ""
        if not self.resolved_in:
            return True
        if not release:
            return False
        resolved_in = SeenRelease(self.resolved_in, self.releases.get(self.resolved_in, 0))
        compared = order(SeenRelease(release, self.releases[release]), resolved_in)
        return compared > 0 or (compared == 0 and not self.after)

    def is_over(self, at_ms: int) -> bool:
        """Return whether what the issue is ignored until has happened."""
        match self.until:
            case "time":
                return at_ms >= self.number
            case "events":
                return len(self.events) >= self.base + self.number
            case "users":
                return self.users >= self.base + self.number
            case "rising":
                needed = 2 * self.base if at_ms < self.at_ms + DAY_MS else 0
                return self.is_rising(at_ms) and self.in_an_hour(at_ms) >= needed
        return False

    @property
    def users(self) -> int:
        """How many users the issue has."""
        return len({user_identity(each.fields) for each in self.events} - {None})

    def is_rising(self, at_ms: int) -> bool:
        """Return whether the issue is rising."""
        return self._buckets().is_rising(at_ms)

    def in_an_hour(self, at_ms: int) -> int:
        """Return the number of events in the last hour."""
        return self._buckets().last_hour(at_ms)

    def _buckets(self) -> Buckets:
        buckets = Buckets()
        for each in self.events:
            buckets.add(minted_ms(each.id))
        return buckets
