"""Note events that were sent and not stored, or not in full: with a line in the log for each.

That line is all that a request pays; `errata.usecases.loss_ledger` adds the lines up later. See
docs/decisions/0014-loss-ledger.md.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from errata.errors import HTTPError
from errata.models.loss import LINE, MANY

logger = logging.getLogger("errata")


def note(project_id: str, reason: str, number: int = 1) -> None:
    """Note an event of a project, or several at once."""
    if number == 1:
        logger.warning(LINE, project_id, reason)
    else:
        logger.warning(MANY, project_id, reason, number)


@contextmanager
def counted(project_id: str, has_event: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """Count a refusal of a request as a loss of the project, where one was lost.

    `project_id` is empty where the request belongs to no project yet.
    """
    try:
        yield
    except HTTPError as refused:
        if refused.loss and project_id and has_event():
            note(project_id, refused.loss)
        raise
