"""Note events that were sent and not stored, or not in full: with a line in the log for each.

That line is all that a request pays; `errata.usecases.ledger` adds the lines up later. See
docs/decisions/0014-loss-ledger.md.
"""

import logging
from typing import Any

from errata.errors import Refused
from errata.models.ids import now_ms
from errata.models.loss import LINE, MANY
from errata.models.project import Caller
from errata.usecases import access
from errata.usecases.access import LookUp

logger = logging.getLogger("errata")


def note(project_id: str, reason: str, number: int = 1) -> None:
    """Note an event of a project, or several at once."""
    if number == 1:
        logger.warning(LINE, project_id, reason)
    else:
        logger.warning(MANY, project_id, reason, number)


def refused(caller: Caller, in_body: Any, refusal: Refused, look_up: LookUp = access.find) -> None:
    """Note a refused request, if it is a loss of a project that is known.

    `in_body` is what the request's body gives as its key, and `look_up` finds what that opens.
    """
    if caller.meter["key"] == "absent":
        refused_key(in_body, refusal, look_up)
    elif refusal.loss and caller.meter["key"] == "known":
        note(access.of_context(caller.meter).project_id, refusal.loss)


def refused_key(key: Any, refusal: Refused, look_up: LookUp = access.find) -> None:
    """Note a refused request with this key, if it is a loss of a project that is known."""
    if refusal.loss and isinstance(key, str) and key:
        # What the key opens was found moments ago, and is remembered.
        found = look_up(key, now_ms()).access
        if found:
            note(found.project_id, refusal.loss)
