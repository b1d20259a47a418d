"""Delete what `clear`, or a project's deletion, has put out of sight."""

import time

from errata.models.ids import minted_ms, now_ms
from errata.store import events, issues
from errata.store.events import Boundary


def clean(project_id: str) -> None:
    """Delete a project's cleared events, and the issues of the generation before.

    May be cut off and run again. Works by the boundary as it stands, so that one run also does the
    work of clears that came before it.
    """
    boundary = events.boundary(project_id)
    _delete(project_id, boundary)
    # A deleted project's boundary lies ahead (usecases.deletion): its keys open it a little longer.
    ahead_ms = minted_ms(boundary.through) - now_ms()
    if ahead_ms > 0:
        time.sleep(ahead_ms / 1000)
        _delete(project_id, boundary)


def _delete(project_id: str, boundary: Boundary) -> None:
    for generation in range(max(0, boundary.generation - 3), boundary.generation):
        issues.delete_generation(issues.partition(project_id, generation))
    events.delete_cleared(project_id, boundary)
