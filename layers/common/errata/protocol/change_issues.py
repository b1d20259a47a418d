"""The result of a bulk change, in words."""

from errata.models.issue_change import (
    ALREADY,
    CHANGED,
    FULL,
    GONE,
    MEANWHILE,
    NO_RELEASE,
    UNDO,
    BulkChange,
)


def summary(bulk: BulkChange) -> str:
    """Return what a bulk change has done so far, such as `37 issues resolved. 1 is gone.`"""
    counts, undone = bulk.counts, bulk.change.kind == UNDO
    changed = counts.get(CHANGED, 0)
    issues = f"{changed:,} issue{'' if changed == 1 else 's'}" if changed else "No issue"
    parts = [f"{issues} {bulk.change.done}."]
    if already := counts.get(ALREADY, 0):
        parts.append(f"{already:,} {_was(already)} so already.")
    if meanwhile := counts.get(MEANWHILE, 0):
        since = "since" if undone else "by somebody else meanwhile"
        stays = "stays as it is" if meanwhile == 1 else "stay as they are"
        parts.append(f"{meanwhile:,} {_was(meanwhile)} changed {since} and {stays}.")
    if gone := counts.get(GONE, 0):
        parts.append(f"{gone:,} {'is' if gone == 1 else 'are'} gone.")
    if unreleased := counts.get(NO_RELEASE, 0):
        stays = "stays as it is" if unreleased == 1 else "stay as they are"
        parts.append(f"{unreleased:,} {_was(unreleased)} seen in no release and {stays}.")
    if full := counts.get(FULL, 0):
        parts.append(
            f"{full:,} {'has' if full == 1 else 'have'} too many comments, assignments and links."
        )
    return " ".join(parts)


def _was(count: int) -> str:
    return "was" if count == 1 else "were"
