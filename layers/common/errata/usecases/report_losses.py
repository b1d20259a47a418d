"""Log a line for each loss: an event that was sent and not stored, or not stored in full.

The line is the only cost for a request. `errata.usecases.loss_ledger` counts the lines later. See
docs/decisions/0014-loss-ledger.md.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from errata.errors import HTTPError, ProjectBusyError, StoreError
from errata.models.loss import LINE

logger = logging.getLogger("errata")


def note(project_id: str, reason: str, number: int = 1) -> None:
    """Log one loss of a project, or several with the same reason."""
    note_all(project_id, {reason: number})


def note_all(project_id: str, lost: Mapping[str, int]) -> None:
    """Log the losses of a project by reason, in one line."""
    if lost:
        each = (reason if n == 1 else f"{reason}, {n}" for reason, n in lost.items())
        logger.warning(LINE, project_id, "; ".join(each))


@contextmanager
def counted(
    project_id: str, has_event: Callable[[], bool] = lambda: True, *, comes_again: bool = False
) -> Iterator[None]:
    """Log a loss if the block raises an HTTPError or StoreError for a request that has an event.

    `project_id` is "" if the request belongs to no project yet: then nothing is logged.
    `comes_again`: AWS delivers the event again if it was throttled or the store failed, so it is
    not lost.
    """
    try:
        yield
    except HTTPError as refused:
        waits = comes_again and isinstance(refused, ProjectBusyError)
        if refused.loss and project_id and not waits and has_event():
            note(project_id, refused.loss)
        raise
    except StoreError:
        if project_id and not comes_again and has_event():
            note(project_id, "unavailable")
        raise
