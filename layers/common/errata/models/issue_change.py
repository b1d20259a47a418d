"""What people do with issues, and bulk changes.

To add a kind of change:

1. Name it, and add the past participle to `_DONE`. Its parameters are fields of `Change` with
   defaults, of JSON's types, because they are stored with a bulk change.
2. Let `Change.sets` return the attributes of `Issue` that it sets. Undo restores exactly these.
3. If `issue_status.set_status` does not write them, extend `usecases.issues.write`.
4. Add a button to `issues.html` and a command to `errata.cli`.

Then single changes (`issues.change`), bulk changes (`change_issues`) and undo can do it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from errata.models import settled
from errata.models.issue import (
    ASSIGNED,
    IGNORED,
    LINKED,
    OPEN,
    OPEN_STATUSES,
    REGRESSED,
    RESOLVED,
    Issue,
)
from errata.models.release_order import SeenRelease, newest
from errata.models.settled import IssueFields

RESOLVE, IGNORE, REOPEN, DELETE, UNDO = "resolve", "ignore", "reopen", "delete", "undo"
ASSIGN, LINK = _NOTED = "assign", "link"
_STATUS = {RESOLVE: RESOLVED, IGNORE: IGNORED, REOPEN: OPEN}
_DONE = {
    RESOLVE: "resolved",
    IGNORE: "ignored",
    REOPEN: "reopened",
    ASSIGN: ASSIGNED,
    LINK: LINKED,
    DELETE: "deleted",
    UNDO: "restored",
}
KINDS = tuple(_DONE)


@dataclass(frozen=True, slots=True)
class Change:
    """What to do with an issue. `kind` is one of `KINDS`.

    Attributes:
        release: resolve in this release.
        in_next: resolve in the next release after the newest one in which the issue was seen.
        until, number: the condition until which to ignore (`errata.models.settled`).
        to: the assignee of `ASSIGN` (`errata.models.assignee`).
        url: the ticket of `LINK`, "" for none (`errata.protocol.tracker`).
    """

    kind: str
    release: str = ""
    in_next: bool = False
    until: str = ""
    number: int = 0
    to: str = ""
    url: str = ""

    @property
    def done(self) -> str:
        """Return what a person has done with an issue: `resolved`."""
        return _DONE[self.kind]

    @property
    def can_be_undone(self) -> bool:
        """Return whether the issues can be restored. Undo itself is not undone."""
        return self.kind not in (DELETE, UNDO)

    @property
    def adds_note(self) -> bool:
        """Return whether it adds a note to each issue, which takes at most `MAX_NOTES`."""
        return self.kind in _NOTED

    @property
    def needs_sum(self) -> bool:
        """Return whether `sets` and `releases` need an issue with the numbers of its members."""
        return self.in_next or bool(self.until)

    def releases(self, issue: Issue) -> set[str]:
        """Return the releases that `sets` needs in `seen`."""
        if self.in_next:
            return {*issue.releases, issue.first_release, issue.last_release} - {""}
        return {self.release} - {""}

    def sets(
        self, issue: Issue, by: str, at_ms: int, seen: Mapping[str, int] | None = None
    ) -> IssueFields:
        """Return the attributes of an issue that this change sets, {} if it would change nothing.

        `by` is who makes the change. `seen` says when `releases` were first seen, in milliseconds,
        0 if they were not. `DELETE` and `UNDO` set none.
        """
        if self.kind == ASSIGN:
            return of_assignee(issue, self.to, by, at_ms) if issue.assignee != self.to else {}
        if self.kind == LINK:
            return of_ticket(issue, self.url, by, at_ms) if issue.tracker_url != self.url else {}
        status = _STATUS[self.kind]
        if status == OPEN:
            how = settled.UNSETTLED
        elif status == IGNORED:
            how = settled.ignored(issue, self.until, self.number, at_ms)
        else:
            how = settled.resolved(self._release(issue, at_ms, seen or {}), after=self.in_next)
        same = all(getattr(issue, name) == value for name, value in how.items())
        if issue.status == status and (same or status == OPEN):
            return {}
        if status == OPEN and issue.status == REGRESSED:
            return {}
        return {**how, **of_status(issue, status, by, at_ms)}

    def _release(self, issue: Issue, at_ms: int, seen: Mapping[str, int]) -> SeenRelease | None:
        """Return the release in which, or after which, an issue is resolved."""
        if self.release:
            return SeenRelease(self.release, seen.get(self.release, 0))
        # A release that is not known any more was seen before now.
        found = (SeenRelease(each, seen.get(each, 0) or at_ms) for each in self.releases(issue))
        return newest(found) if self.in_next else None


def of_status(issue: Issue, status: str, by: str, at_ms: int) -> IssueFields:
    """Return the attributes that set the status of an issue, as a change by a person."""
    # Give each change its own timestamp. The next change detects a conflict by it.
    return {"status": status, "status_at": max(at_ms, issue.status_at + 1), "status_by": by}


def of_assignee(issue: Issue, assignee: str, by: str, at_ms: int) -> IssueFields:
    """Return the attributes that assign an issue, as a change by a person."""
    return {
        "assignee": assignee,
        "assigned_at": max(at_ms, issue.assigned_at + 1),
        "assigned_by": by,
    }


def of_ticket(issue: Issue, url: str, by: str, at_ms: int) -> IssueFields:
    """Return the attributes that link an issue to a ticket, as a change by a person."""
    return {"tracker_url": url, "linked_at": max(at_ms, issue.linked_at + 1), "linked_by": by}


def last_changed(issue: Issue, change: Change) -> int:
    """Return when a person last made a change of this kind, in milliseconds; 0 if nobody did."""
    if change.kind == ASSIGN:
        return issue.assigned_at
    if change.kind == LINK:
        return issue.linked_at
    return issue.status_at if issue.status_by else 0


def restores(issue: Issue, before: IssueFields, by: str, at_ms: int) -> IssueFields:
    """Return the attributes that restore those in `before`, as a change by a person."""
    if "status" in before:
        return {**before, **of_status(issue, before["status"], by, at_ms)}
    if "assignee" in before:
        return of_assignee(issue, before["assignee"], by, at_ms)
    if "tracker_url" in before:
        return of_ticket(issue, before["tracker_url"], by, at_ms)
    return before


def restored_as(after: Issue) -> str:
    """Return the name of the activity by which an issue got its former status again."""
    return "reopened" if after.status in OPEN_STATUSES else after.status


# ------------------------------------------------------------------ many at once

# What happened to an issue of a bulk change:
# changed: it was changed. already: it needed no change.
# meanwhile: another person has changed it, so it was left alone.
# gone: it does not exist any more. no_release: it was seen in no release, so it has no next one.
# full: it takes no more notes.
CHANGED, ALREADY, MEANWHILE, GONE, NO_RELEASE, FULL = OUTCOMES = (
    *("changed", "already", "meanwhile", "gone", "no_release", "full"),
)


@dataclass(frozen=True, slots=True)
class ChangeStep:
    """The change of one issue: its attributes before and after."""

    issue_id: str
    before: IssueFields
    after: IssueFields


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a bulk change. It is stored before its steps are done.

    Attributes:
        steps: the issues to change.
        counts: number of the issues that need no step, by outcome.
        cursor: where a search continues; None at its end.
        looked_at: how many issues a search has looked at.
    """

    steps: Sequence[ChangeStep]
    counts: dict[str, int] = field(default_factory=dict)
    cursor: str | None = None
    looked_at: int = 0


@dataclass(frozen=True, slots=True)
class BulkChange:
    """A bulk change, and how far it is. Times are in milliseconds since the epoch.

    Attributes:
        by: who makes it.
        seen_at: when the person saw the issues. What others have changed since is left alone.
        query: the text of the search that finds the issues, None if they were selected one by one.
        issue_ids: the selected issues that are still to be changed.
        undoes: the id of the bulk change that this one undoes, and how many slices that one has.
        cursor: where the search continues.
        slices: how many slices are done.
        counts: number of issues by outcome (`OUTCOMES`).
        looked_at: how many issues the search has looked at.
        expires_at: until when it can be continued or undone.
    """

    id: str
    project_id: str
    change: Change
    by: str
    seen_at: int
    expires_at: int
    query: str | None = None
    issue_ids: Sequence[str] = ()
    undoes: tuple[str, int] | None = None
    cursor: str | None = None
    slices: int = 0
    finished: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    looked_at: int = 0

    @property
    def can_be_undone(self) -> bool:
        """Return whether it has changed something that can be restored."""
        return self.change.can_be_undone and bool(self.counts.get(CHANGED))
