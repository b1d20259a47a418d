"""Read the newest events of a project, for previews of rules."""

from collections.abc import Iterator
from itertools import chain, islice

from errata.models.event import Stored
from errata.models.ids import DAY_MS, floor_id
from errata.models.visible import Visible
from errata.store import event_queries

_PAGE = 100
_MAX_READ = 1_000


def newest_events(visible: Visible) -> Iterator[Stored]:
    """Yield the newest events that are visible, as long as the reader wants some, up to 1,000."""
    high = floor_id(visible.now_ms + DAY_MS)  # some clocks are ahead
    pages = event_queries.newest_first(visible.project_id, visible.low, high, _PAGE)
    for event in islice(chain.from_iterable(page.events for page in pages), _MAX_READ):
        if visible.shows(event):
            yield event
