"""Put what a project has received out of sight, by moving its watermark.

That takes the same time however much there is; the cleanup worker then deletes behind it. See
docs/decisions/0005-clear.md.
"""

from collections.abc import Callable, Iterator

from errata.errors import UnavailableError
from errata.models.ids import floor_id, now_ms
from errata.store import event_queries, legacy, watermarks
from errata.store.events import CLEAR_MARGIN_MS
from errata.store.legacy import LegacyCounter
from errata.store.retry import attempts
from errata.store.watermarks import Watermark

# Each try that fails means that somebody else made progress.
_TRIES = 60
# As many ids as one item holds: 800 events a second, and more than one partition takes.
_MAX_ALSO = 24_000

type Count = Callable[[Watermark, LegacyCounter], int]


def clear(project_id: str, count: Count = lambda _before, _counter: 0) -> int:
    """Put every event and issue out of sight; what is accepted after it stays.

    Returns what `count` finds behind the watermark of before, which is looked at while it is there.

    Raises:
        UnavailableError: events came too fast to move the watermark; do it again.
    """
    for before, counter in standing(project_id):
        # Before the move, which sets the worker going that deletes.
        found = count(before, counter)
        after = _next_watermark(project_id, before, counter.last_id)
        if watermarks.move_watermark(project_id, after, counter.last_id):
            return found
    raise UnavailableError


def standing(project_id: str) -> Iterator[tuple[Watermark, LegacyCounter]]:
    """The watermark and the legacy counter, once for each try to move the former."""
    for _ in attempts(_TRIES, most_s=0.1):
        yield watermarks.find_watermark(project_id), legacy.legacy_counter(project_id)


def _next_watermark(project_id: str, before: Watermark, last: int) -> Watermark:
    through = max(before.through, floor_id(now_ms() - CLEAR_MARGIN_MS))
    # Those of the watermark before, too: they may not be deleted yet.
    recent = [
        event_id
        for event_id, number in event_queries.ids_since(project_id, through)
        if number is None
    ]
    if len(recent) > _MAX_ALSO:
        # A watermark nearer than the margin would hide what is stored after this.
        raise UnavailableError
    return Watermark(
        generation=before.generation + 1,
        through=through,
        legacy_through=last,
        also=frozenset(recent),
    )
