"""Check what a member may do with the issues of a project."""

from errata.errors import ForbiddenError
from errata.models.member import IssueRight, has_right
from errata.models.visible import Visible


def check(visible: Visible, right: IssueRight) -> None:
    """Check that the role in `visible` has this right.

    Raises:
        ForbiddenError: it does not have it.
    """
    if has_right(visible.role, right):
        return
    if right in ("delete", "merge"):
        raise ForbiddenError("Only owners and admins can delete or merge issues.")
    raise ForbiddenError(
        "You are a viewer here. You can only read. An owner or admin of the"
        " organization can make you a member."
    )
