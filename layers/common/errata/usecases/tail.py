"""Follow a project's new events. Returns each event exactly once.

An event's id says when it was minted. The event may be stored up to `CLEAR_MARGIN_MS` later, so new
events can appear below newer ones. So each `look` reads all ids of a window of that length again
and keeps the ids that it has returned. The window ends at the newest event. An AWS clock minted
its id, so the clock of this machine does not matter.
"""

from pydantic_core import from_json

from errata.models.event import Stored
from errata.models.ids import floor_id, minted_ms, now_ms
from errata.models.project import Access
from errata.models.times import CLEAR_MARGIN_MS
from errata.protocol.read import Filters
from errata.store import event_queries
from errata.usecases import read_events
from errata.usecases.visible import find_visible


class Tail:
    """The new events of a project since `start`."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._low = floor_id(0)
        self._seen: set[str] = set()

    def start(self, last: int) -> list[Stored]:
        """Return the `last` (0 to 100) existing events, oldest first. Later events are new."""
        visible = find_visible(self._access, now_ms())
        self._low = visible.low
        page = read_events.read(visible, Filters(limit=max(last, 1)))
        known: list[str] = [from_json(event)["id"] for event in page.events]
        if known:
            self._move(known[0])
        # Events stored since the page was read are among the last ones too.
        oldest = known[-1] if known else ""
        shown = {*known, *(event_id for event_id in self._fresh() if event_id >= oldest)}
        return self._visible(sorted(shown))[-last:] if last else []

    def look(self) -> list[Stored]:
        """Return the events that were not returned before, in the order of their ids."""
        return self._visible(self._fresh())

    def _fresh(self) -> list[str]:
        # No upper bound: this machine's clock may be wrong. `~` sorts after every id.
        ids = event_queries.ids_between(self._access.project_id, self._low, "~")
        found = [event_id for event_id, _ in ids]
        fresh = [event_id for event_id in found if event_id not in self._seen]
        self._seen.update(fresh)
        if found:
            self._move(found[-1])
        return fresh

    def _move(self, newest: str) -> None:
        self._low = max(self._low, floor_id(minted_ms(newest) - CLEAR_MARGIN_MS))
        self._seen = {event_id for event_id in self._seen if event_id >= self._low}

    def _visible(self, event_ids: list[str]) -> list[Stored]:
        if not event_ids:
            return []
        return read_events.by_ids(find_visible(self._access, now_ms()), event_ids)
