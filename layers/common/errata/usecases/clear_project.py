"""Hide all events and issues of a project by moving its watermark.

This takes the same time for any number of events. Cleanup then deletes the hidden events and
issues. See docs/decisions/0005-clear.md.
"""

from collections.abc import Callable, Iterator

from errata.errors import UnavailableError
from errata.models.ids import floor_id, now_ms
from errata.models.project import LegacyCounter
from errata.models.times import CLEAR_MARGIN_MS
from errata.models.visible import Watermark
from errata.store import event_queries, legacy, watermarks
from errata.store.retry import attempts
from errata.usecases import audit

# Each conflict means that another writer made progress.
_TRIES = 60

type Count = Callable[[Watermark, LegacyCounter], int]


@audit.recorded("project cleared")
def clear(project_id: str, count: Count = lambda _before, _counter: 0) -> int:
    """Hide every event and issue of a project. Events accepted later stay visible.

    Calls `count` with the former watermark, before cleanup deletes anything, and returns its
    result.

    Raises:
        UnavailableError: events arrived too fast to move the watermark; try again.
    """
    for before, counter in current_state(project_id):
        # Count first: moving the watermark starts cleanup, which deletes.
        found = count(before, counter)
        after = _next_watermark(project_id, before, counter.last_id)
        if watermarks.move_watermark(project_id, after, counter.last_id):
            return found
    raise UnavailableError


def current_state(project_id: str) -> Iterator[tuple[Watermark, LegacyCounter]]:
    """Yield the current watermark and legacy counter, read again for each try, with pauses."""
    for _ in attempts(_TRIES, most_s=0.1):
        yield watermarks.find_watermark(project_id), legacy.legacy_counter(project_id)


def _next_watermark(project_id: str, before: Watermark, last: int) -> Watermark:
    at_ms = now_ms()
    through = max(before.through, floor_id(at_ms - CLEAR_MARGIN_MS))
    # No event has a later id. Dedup markers may have one, and there may be very many.
    newest = floor_id(at_ms + CLEAR_MARGIN_MS)
    # The events of the former watermark may be deleted by now, or not yet. Digest may get them from
    # the stream after this clear.
    recent = {event_id for event_id in before.also if event_id >= through}
    recent |= {
        event_id
        for event_id, number in event_queries.ids_between(project_id, through, newest, tallies=True)
        if number is None
    }
    # 1,066 events or tallies a second. A partition accepts 1,000.
    if len(recent) > watermarks.MOST_IDS:
        # A watermark within the margin would hide events that are stored after this clear.
        raise UnavailableError
    return Watermark(
        generation=before.generation + 1,
        through=through,
        legacy_through=last,
        also=frozenset(recent),
        thresholds=before.thresholds,
    )
