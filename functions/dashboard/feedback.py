"""How pages show user feedback, within their byte budgets."""

from collections.abc import Iterable
from dataclasses import dataclass

from errata.models.feedback import Feedback
from errata.models.ids import minted_ms
from functions.dashboard.byte_budget import ByteBudget

# Bytes of the feedback beside an event, and on a page of all feedback.
BESIDE_AN_EVENT, OF_A_PAGE = 6_000, 40_000
_MARKUP_OF_ONE = 300


@dataclass(frozen=True, slots=True)
class ShownFeedback:
    """A feedback on a page. `who` is the person's name and e-mail address, "" if unknown."""

    id: str
    at_ms: int
    message: str
    who: str
    event_id: str
    url: str


def shown_feedback(
    found: Iterable[Feedback], budget_bytes: int = BESIDE_AN_EVENT
) -> list[ShownFeedback]:
    """Return as much feedback as the budget pays for."""
    budget = ByteBudget(budget_bytes)
    shown = []
    for each in found:
        if not budget.pays(_MARKUP_OF_ONE):
            break
        who = f"{each.name} <{each.email}>" if each.name and each.email else each.name or each.email
        shown.append(
            ShownFeedback(
                each.id,
                minted_ms(each.id),
                budget.take(each.message, 2_000),
                budget.take(who, 300),
                each.event_id,
                budget.take(each.url, 300),
            )
        )
    return shown
