"""Read issues that are merged, together with their heads or members."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from errata.errors import InvalidInputError
from errata.models.issue import Issue
from errata.models.merged import free, is_member, members_of, whole
from errata.models.visible import Visible
from errata.store.issues import find_across, find_issue, find_issues
from errata.store.items import BATCH_GET


def head_of(visible: Visible, issue: Issue) -> Issue | None:
    """Return the head of an issue that is merged. None if it is not, or the head is gone."""
    head = find_issue(visible, issue.merged_into) if issue.merged_into else None
    return head if is_member(issue, head) else None


def with_members(visible: Visible, found: Sequence[Issue], most: int = BATCH_GET) -> list[Issue]:
    """Return issues. Heads have the sum of their members. Makes no call if there is no head.

    Reads at most `most` members. Heads whose members are too many keep their own numbers.
    """
    return across_with_members([(visible, each) for each in found], most)


def across_with_members(
    found: Sequence[tuple[Visible, Issue]], most: int = BATCH_GET
) -> list[Issue]:
    """Do what `with_members` does, for issues of several projects, each with its `Visible`."""
    wanted: list[tuple[Visible, str]] = []
    for visible, issue in found:
        if len(wanted) + len(issue.members) <= most:
            wanted += [(visible, each) for each in issue.members]
    if not wanted:
        return [issue for _, issue in found]
    by_id: dict[str, dict[str, Issue]] = defaultdict(dict)
    for (project_id, issue_id), member in find_across(wanted).items():
        by_id[project_id][issue_id] = member
    return [whole(each, members_of(each, by_id[visible.project_id])) for visible, each in found]


def shown(visible: Visible, issue: Issue) -> Issue:
    """Return what readers see of an issue: its head if it is merged, with the sum of all members.

    Makes a call if it is merged, and one if there are members.
    """
    head = head_of(visible, issue)
    if head is None and issue.merged_into:
        issue = replace(issue)
        free(issue)
    return with_members(visible, [head or issue])[0]


def heads(visible: Visible, found: Sequence[Issue]) -> list[Issue]:
    """Return issues, each head once in place of its members, with the sum of its members.

    Makes a call if heads are missing, and one if there are members.
    """
    by_id = {each.id: each for each in found}
    missing = {each.merged_into for each in found if each.merged_into} - by_id.keys()
    if missing:
        by_id |= {each.id: each for each in find_issues(visible, sorted(missing))}
    kept: dict[str, Issue] = {}
    for each in found:
        head = by_id.get(each.merged_into or "")
        seen = head if head is not None and is_member(each, head) else each
        kept[seen.id] = seen
    return with_members(visible, list(kept.values()))


def members(visible: Visible, head: Issue) -> list[Issue]:
    """Return the members of a head. Makes a call if it has some."""
    found = find_issues(visible, head.members) if head.members else []
    return members_of(head, {each.id: each for each in found})


def check_not_merged(visible: Visible, issue: Issue) -> None:
    """Check that an issue can be changed.

    Raises:
        InvalidInputError: it is merged into another one, which has the status of both.
    """
    if head_of(visible, issue):
        text = "This issue is merged into another one. Change that one, or separate it first."
        raise InvalidInputError({"issue": [text]})
