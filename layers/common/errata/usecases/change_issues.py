"""Change many issues at once: those that were selected, or all of a search.

A bulk change is done in slices, because a request has little time. Each slice is first planned: the
plan has the attributes of every issue before and after, and is stored. Then its issues are written
one by one, each by the same conditional write as a single change. So a slice that was cut off is
done again without changing an issue twice, and undo restores exactly what was changed. See
docs/decisions/0048-bulk-changes.md.
"""

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace

from errata.errors import InvalidInputError, NotFoundError, UnavailableError
from errata.models.issue import MAX_MEMBERS, MAX_NOTES, Issue
from errata.models.issue_change import (
    ALREADY,
    CHANGED,
    DELETE,
    FULL,
    GONE,
    MEANWHILE,
    NO_RELEASE,
    UNDO,
    BulkChange,
    Change,
    ChangeStep,
    Slice,
    last_changed,
    restored_as,
    restores,
)
from errata.models.settled import LEARNED, IssueFields
from errata.models.visible import Visible
from errata.protocol.issues import read_query
from errata.store import change_issues as store
from errata.store.issues import find_issues
from errata.store.retry import attempts
from errata.usecases import issues, rights
from errata.usecases.merged import with_members

# More would make the stored state too large. A search has no limit.
MAX_SELECTED = 1_000
# Issues of a slice, and how long a slice takes at least if another one follows. A change writes
# about 24 units, and the partition of a project's issues takes 1,000 in a second, also for digest.
SLICE, SLICE_S = 50, 2.0
_THREADS = 4
# A search goes by number, which never changes. So an issue that has a new event is not left out.
_SORT = "first_seen"


def begin(
    visible: Visible,
    bulk_id: str,
    change: Change,
    by: str,
    seen_at: int,
    *,
    issue_ids: Sequence[str] = (),
    query: str | None = None,
) -> BulkChange:
    """Begin to change the selected issues, or all that match a query. No-op if it has begun.

    `seen_at` is when the person saw the issues, in milliseconds since the epoch. Call `advance`
    until the change is finished.

    Raises:
        ForbiddenError: the role may not change issues, or not delete them.
        InvalidInputError: no issue is selected, or more than `MAX_SELECTED`, or it is no query.
    """
    _check(visible, change)
    selected = list(dict.fromkeys(issue_ids))
    if query is not None:
        read_query(query)
    elif not selected:
        raise InvalidInputError({"issue": ["Select at least one issue."]})
    elif len(selected) > MAX_SELECTED:
        message = f"Select at most {MAX_SELECTED:,} issues, or use a search."
        raise InvalidInputError({"issue": [message]})
    return _begun(
        visible,
        BulkChange(
            id=bulk_id,
            project_id=visible.project_id,
            change=change,
            by=by[: issues.MAX_BY],
            seen_at=seen_at,
            expires_at=visible.now_ms + store.KEPT_MS,
            query=query,
            issue_ids=() if query is not None else selected,
        ),
    )


def undo(visible: Visible, bulk_id: str, undone_by_id: str, by: str) -> BulkChange:
    """Begin to restore what a bulk change has changed. No-op if it has begun.

    Stops it first if it is not finished. Issues that a person or an event has changed since stay as
    they are. `undone_by_id` is the id of the new bulk change. Call `advance` until it is finished.

    Raises:
        ForbiddenError: the role may not change issues.
        NotFoundError: see `find`.
        InvalidInputError: the bulk change cannot be undone.
    """
    _check(visible, Change(UNDO))
    undone = find(visible, bulk_id)
    if undone.change.can_be_undone:
        undone = _stopped(visible, undone)
    if not undone.can_be_undone:
        raise InvalidInputError({"change": ["This change cannot be undone."]})
    return _begun(
        visible,
        BulkChange(
            id=undone_by_id,
            project_id=visible.project_id,
            change=Change(UNDO),
            by=by[: issues.MAX_BY],
            seen_at=visible.now_ms,
            expires_at=visible.now_ms + store.KEPT_MS,
            undoes=(undone.id, undone.slices),
        ),
    )


def find(visible: Visible, bulk_id: str) -> BulkChange:
    """Return a bulk change.

    Raises:
        NotFoundError: the project has none with this id, or the last part of it was done more than
            an hour ago.
    """
    found = store.find(visible.project_id, bulk_id, visible.now_ms)
    if found is None:
        raise NotFoundError("This change is not kept any more. Changes can be undone for an hour.")
    return found


def advance(visible: Visible, bulk: BulkChange, until_s: float) -> BulkChange:
    """Continue a bulk change until it is finished, or until `time.monotonic()` is `until_s`.

    Does at least one slice. If DynamoDB fails after that, returns what was done until then.

    Raises:
        ForbiddenError: as `begin`.
        UnavailableError: DynamoDB was not available before anything was done.
    """
    _check(visible, bulk.change)
    begun = bulk
    while not bulk.finished:
        began_s = time.monotonic()
        try:
            bulk, changes = _advanced(visible, bulk)
        except UnavailableError:
            if bulk is begun:
                raise
            break
        pause_s = SLICE_S - (time.monotonic() - began_s) if changes else 0
        if bulk.finished or time.monotonic() + max(0, pause_s) >= until_s:
            break
        time.sleep(max(0, pause_s))
    return bulk


def _stopped(visible: Visible, bulk: BulkChange) -> BulkChange:
    """Stop a bulk change. A slice that has begun is done first, so that undo covers all of it.

    Raises:
        UnavailableError: another request continued it each time.
    """
    for _ in attempts(issues.TRIES):
        if bulk.finished:
            return bulk
        # An empty plan: another request that continues the change does nothing.
        if not store.save_slice(bulk, bulk.slices, Slice([])):
            bulk, _changes = _advanced(visible, bulk)
            continue
        ended = replace(
            bulk,
            finished=True,
            slices=bulk.slices + 1,
            expires_at=visible.now_ms + store.KEPT_MS,
        )
        bulk = ended if store.advance(ended) else find(visible, bulk.id)
    raise UnavailableError


def _check(visible: Visible, change: Change) -> None:
    rights.check(visible, "delete" if change.kind == DELETE else "settle")


def _begun(visible: Visible, bulk: BulkChange) -> BulkChange:
    return bulk if store.save(bulk) else find(visible, bulk.id)


# ------------------------------------------------------------------ slices


def _advanced(visible: Visible, bulk: BulkChange) -> tuple[BulkChange, bool]:
    """Do the next slice. Return the bulk change after it, and whether it may have written."""
    number = bulk.slices
    planned = store.find_slice(bulk.project_id, bulk.id, number, visible.now_ms)
    if planned is None:
        planned = _plan(visible, bulk)
        if not store.save_slice(bulk, number, planned):
            # The same request runs a second time. Both do what was stored first.
            planned = store.find_slice(bulk.project_id, bulk.id, number, visible.now_ms)
            if planned is None:
                raise UnavailableError
    outcomes = _done(visible, bulk, planned.steps)
    left = bulk.issue_ids[SLICE:]
    undone = bulk.undoes is None or number + 1 >= bulk.undoes[1]
    after = replace(
        bulk,
        issue_ids=left,
        cursor=planned.cursor,
        slices=number + 1,
        finished=not left and planned.cursor is None and undone,
        counts=dict(Counter(bulk.counts) + Counter(planned.counts) + Counter(outcomes)),
        looked_at=bulk.looked_at + planned.looked_at,
        expires_at=visible.now_ms + store.KEPT_MS,
    )
    if not store.advance(after):
        after = find(visible, bulk.id)
    return after, bool(planned.steps)


def _plan(visible: Visible, bulk: BulkChange) -> Slice:
    """Return what the next slice does."""
    if bulk.undoes:
        return _plan_undo(visible, bulk, bulk.undoes[0])
    cursor, looked_at, gone = None, 0, 0
    if bulk.query is None:
        asked = bulk.issue_ids[:SLICE]
        found = find_issues(visible, asked)
        gone = len(asked) - len(found)
    else:
        page = issues.search(visible, read_query(bulk.query, _SORT, bulk.cursor, SLICE))
        found, cursor, looked_at = page.issues, page.next_cursor, page.looked_at
        if bulk.change.needs_sum:
            # A page adds up few members: some heads may have only their own numbers and releases.
            found = find_issues(visible, [each.id for each in found])
    if bulk.change.needs_sum:
        found = with_members(visible, found, SLICE * MAX_MEMBERS)
    steps, counts = [], Counter({GONE: gone})
    seen = issues.first_seen(visible, bulk.change, found)
    for issue in found:
        if issue.merged_into or last_changed(issue, bulk.change) > bulk.seen_at:
            counts[MEANWHILE] += 1
        elif bulk.change.kind == DELETE:
            steps.append(ChangeStep(issue.id, {"number": issue.number}, {}))
        elif bulk.change.adds_note and issue.notes >= MAX_NOTES:
            counts[FULL] += 1
        elif bulk.change.in_next and not bulk.change.releases(issue):
            counts[NO_RELEASE] += 1
        elif after := bulk.change.sets(issue, bulk.by, visible.now_ms, seen):
            steps.append(ChangeStep(issue.id, _of(issue, after), after))
        else:
            counts[ALREADY] += 1
    return Slice(steps, dict(+counts), cursor, looked_at)


def _plan_undo(visible: Visible, bulk: BulkChange, undone_id: str) -> Slice:
    undone = store.find_slice(bulk.project_id, undone_id, bulk.slices, visible.now_ms)
    by_id = {each.issue_id: each for each in undone.steps} if undone else {}
    found = find_issues(visible, by_id)
    steps = []
    for issue in found:
        step = by_id[issue.id]
        if _is(issue, step.after):
            after = restores(issue, step.before, bulk.by, visible.now_ms)
            steps.append(ChangeStep(issue.id, step.after, after))
    counts = Counter({GONE: len(by_id) - len(found), MEANWHILE: len(found) - len(steps)})
    return Slice(steps, dict(+counts))


def _of(issue: Issue, fields: IssueFields) -> IssueFields:
    """Return the attributes of an issue that have these names."""
    return {name: getattr(issue, name) for name in fields}


def _is(issue: Issue, fields: IssueFields) -> bool:
    """Return whether an issue has these attributes, apart from what digest learns about them."""
    return all(getattr(issue, name) == fields[name] for name in fields.keys() - LEARNED)


# ------------------------------------------------------------------ issues


def _done(visible: Visible, bulk: BulkChange, steps: Sequence[ChangeStep]) -> list[str]:
    """Do steps, some at the same time. Return the outcome of each."""
    write = _delete if bulk.change.kind == DELETE else _write
    with ThreadPoolExecutor(_THREADS) as threads:
        # A thread records changes in the audit log as those of the same actor.
        doing = [threads.submit(copy_context().run, write, visible, bulk, each) for each in steps]
    return [each.result() for each in doing]


def _write(visible: Visible, bulk: BulkChange, step: ChangeStep) -> str:
    for _ in attempts(issues.TRIES):
        found = find_issues(visible, [step.issue_id])
        if not found:
            return GONE
        if _is(found[0], step.after):
            return CHANGED  # by this slice, before it was cut off
        if not _is(found[0], step.before):
            return MEANWHILE
        after = replace(found[0], **step.after)
        what = restored_as(after) if bulk.change.kind == UNDO else bulk.change.done
        if issues.write(visible, found[0], after, what):
            return CHANGED
    raise UnavailableError


def _delete(visible: Visible, bulk: BulkChange, step: ChangeStep) -> str:
    found = find_issues(visible, [step.issue_id])
    # If this slice was cut off before, a new issue may have this id by now.
    if found and _of(found[0], step.before) == step.before:
        try:
            issues.delete(visible, step.issue_id, bulk.by)
        except NotFoundError:
            return CHANGED
        except InvalidInputError:
            return MEANWHILE  # merged into another one
    return CHANGED
