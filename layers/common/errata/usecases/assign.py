"""Assign an issue to a member or a team."""

from errata.errors import MeanwhileError
from errata.models.assignee import NOBODY, Assigned
from errata.models.issue import Issue
from errata.models.issue_change import ASSIGN, Change
from errata.models.visible import Visible
from errata.usecases import assignees, issues


def assign(
    visible: Visible, issue_id: str, to: Assigned | None, by: str, was: str | None = None
) -> Issue:
    """Assign an issue to somebody, or to nobody (None). No-op if it is so already.

    `was` is the assignee that the person has seen; None: assign in any case. The other arguments,
    the result and the errors are as in `issues.resolve`.

    Raises:
        InvalidInputError: the issue has too many notes.
        MeanwhileError: somebody else has assigned the issue meanwhile. Says who.
    """
    wanted = Change(ASSIGN, to=to.assignee if to else NOBODY)

    def check(issue: Issue) -> None:
        if was is not None and issue.assignee != was:
            now = assignees.called(visible, issue.assignee) or "nobody"
            raise MeanwhileError(
                f"{issue.assigned_by or 'Somebody'} has assigned this issue to {now} meanwhile."
                " Nothing was changed. Look, then try again."
            )

    return issues.change(visible, issue_id, wanted, by, check)
