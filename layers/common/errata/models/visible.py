"""What a reader may see of a project: what is neither cleared nor expired."""

from dataclasses import dataclass, replace

from errata.models.event import Stored
from errata.models.ids import floor_id, minted_ms
from errata.models.member import Role
from errata.models.times import CLEAR_MARGIN_MS, STREAM_KEPT_MS


@dataclass(frozen=True, slots=True)
class Watermark:
    """What `clear` has hidden. The default hides nothing.

    It hides every legacy error up to `legacy_through`, every other event with an id below
    `through`, and the events in `also`. The events in `also` were stored in the seconds before the
    clear, when the order of ids can differ from the order of storing. `generation` counts the
    clears. Each issue belongs to one generation.

    `thresholds` hides nothing: it has the numbers that alert rules look for
    (`errata.models.alert.thresholds_of`). They are in this row because digest reads it anyway.
    """

    generation: int = 0
    through: str = ""
    legacy_through: int = 0
    also: frozenset[str] = frozenset()
    thresholds: str = ""

    @property
    def also_until_ms(self) -> int:
        """Until when `also` is needed, in milliseconds since the epoch. 0 if it is empty.

        Cleanup deletes its events at once. But the stream may pass one of them to digest until
        then, and digest must not count it.
        """
        if not self.also:
            return 0
        return minted_ms(max(self.also)) + CLEAR_MARGIN_MS + STREAM_KEPT_MS

    def hides(self, event_id: str, legacy_id: int | None) -> bool:
        """Return whether an event was cleared."""
        if legacy_id is not None:
            return legacy_id <= self.legacy_through
        return event_id < self.through or event_id in self.also

    def shows(self, event: Stored, now_s: int) -> bool:
        """Return whether an event is visible: neither cleared nor expired."""
        return event.expires_at > now_s and not self.hides(event.id, event.legacy_id)


@dataclass(frozen=True, slots=True)
class Visible:
    """What a reader may see of a project at one time, and in which role.

    Created by `errata.usecases.visible`.

    A project's retention may be shorter now than when the `ttl` of an item was written. So a reader
    sees an item only if its `ttl` and the current retention both allow it.

    Attributes:
        watermark: what `clear` has hidden.
        oldest_ms: the oldest visible time, in milliseconds since the epoch.
        now_ms: the time of the read, in milliseconds since the epoch.
        organization: the project's organization.
        maps: whether the project has source maps.
        role, member: the role and the e-mail address of the member who reads. "viewer" and "" for
            a reader without a role, such as an API key. None and "" for an operator.
    """

    project_id: str
    watermark: Watermark
    oldest_ms: int
    now_ms: int
    organization: str = ""
    role: Role | None = "viewer"
    member: str = ""
    maps: bool = False

    def for_member(self, email: str, role: Role) -> "Visible":
        """Return what a member with this role sees."""
        return replace(self, member=email, role=role)

    def for_operator(self) -> "Visible":
        """Return what an operator sees, who may change everything."""
        return replace(self, role=None)

    @property
    def now_s(self) -> int:
        """The time of the read in seconds, as in a `ttl`."""
        return self.now_ms // 1000

    @property
    def partition(self) -> str:
        """The partition of the project's issues, releases and day counters."""
        return issues_partition(self.project_id, self.watermark.generation)

    @property
    def oldest(self) -> str:
        """The lowest event id within the retention."""
        return floor_id(self.oldest_ms)

    @property
    def low(self) -> str:
        """A lower bound for the ids of visible events."""
        return max(self.oldest, self.watermark.through)

    def shows(self, event: Stored) -> bool:
        """Return whether readers see an event."""
        return event.id >= self.oldest and self.watermark.shows(event, self.now_s)

    def covers(self, expires_at: int, last_seen: int) -> bool:
        """Return whether readers see an issue or a release of this partition.

        `expires_at` is its `ttl` in seconds. `last_seen` is when its newest event was received, in
        milliseconds.
        """
        return expires_at > self.now_s and last_seen >= self.oldest_ms


def issues_partition(project_id: str, generation: int) -> str:
    """Return the partition of one generation of a project's issues."""
    return f"{project_id}#{generation}"
