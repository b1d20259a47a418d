"""Write the rows of IssuesTable that a batch of events changes.

Every row has the position in the stream up to which it has counted events. Each row is written on
its own, on the condition that it has not changed since it was read. A transaction writes only what
belongs together: a new issue with its number, and a status with its activity.

Each step can be repeated after an interruption at any point:

1. Write the rows by which the issues are found (`errata.store.ranks`, `values`).
2. Write the issues.
3. Delete rows that no longer belong to an issue. Readers skip them until then.
4. Write the releases and the days. They come last, because they count only events that the issues
   have counted.

Releases and days without a position come first: restored ones, and those of release 0.1.0. They
count the events that their issues have not counted yet.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

from errata.config import settings
from errata.errors import PermanentError, StoreError
from errata.models.issue import IGNORED, MERGED, RESOLVED, Activity, Day, Issue, Release
from errata.store import clients, closed_issues, known_releases, numbers, ranks, values
from errata.store.day_counts import day_key
from errata.store.digest_rows import Rows, read_text
from errata.store.issue_items import day_item, issue_item, release_item, to_issue
from errata.store.issue_status import activity_action, renew_activity
from errata.store.items import (
    BATCH_WRITE,
    DynamoRequest,
    TypedItem,
    Values,
    batch_delete,
    batch_put,
    unchanged,
    write_all,
)
from errata.store.values import NewValue

# A transaction takes 100 actions. One of them is the counter of the numbers.
_MAX_ACTIONS = 99
# Actions for a new issue: the issue and its number rows. An issue that was closed before and is
# open again also needs its activity, the deletion of its closed row, and the deletion of up to
# seven obsolete rows.
_ACTIONS_IF_REOPENED = 9
# Each change of a row changes at least one of these attributes, so a condition on them finds every
# change (see `known_releases.MOVES`).
_MOVES = {
    "issue": ("last_sequence", "stream", "status", "status_at", "assigned_at", "notes", "ttl"),
    "release": known_releases.MOVES,
    "day": ("last_sequence", "stream", "count", "ttl"),
}
_MAX_THREADS = 5


@dataclass(slots=True)
class IssueChange:
    """The new state of an issue, and what to write together with it.

    Attributes:
        issue: the new state.
        text: the words by which people find it; None if they have not changed.
        renewed: whether all rows by which it is found are written again.
        values: values that it has for the first time.
        activity: the change of its status, if an event has changed it.
        obsolete: sort keys of rows that will not belong to it any more. `_find_by` finds them.
    """

    issue: Issue
    text: str | None = None
    renewed: bool = False
    values: list[NewValue] = field(default_factory=list)
    activity: Activity | None = None
    obsolete: set[str] = field(default_factory=set)

    @property
    def closes(self) -> bool:
        """Return whether to write the closed row. It is renewed together with the other rows."""
        return self.renewed and self.issue.status in (RESOLVED, IGNORED, MERGED)


@dataclass(slots=True)
class Totals:
    """New rows of releases and days, as in `Rows`."""

    releases: dict[str, Release] = field(default_factory=dict)
    days: dict[int, Day] = field(default_factory=dict)


def write_issues(rows: Rows, changes: list[IssueChange], last: int) -> dict[str, PermanentError]:
    """Store these issues. `last` is the number of the project's newest issue.

    Returns the errors of the issues that DynamoDB will never accept. Access pattern I2.

    Raises:
        ConflictError: a row has changed since it was read. Other issues are stored.
        StoreError: not all were stored.
    """
    _find_by(rows, changes)
    numbered = [each for each in changes if each.issue.number]
    opened = [each for each in changes if not each.issue.number]
    heads = [each for each in numbered if each.issue.members]
    errors = _written(rows, heads)
    # Stop here: if the members were stored now, a retry would see nothing that opens their heads.
    _raise_first(errors.values())
    errors |= _written(rows, [each for each in numbered if not each.issue.members])
    for some in _fitting(opened):
        last = _open(rows, some, last, errors)
    _delete(rows, [each for each in changes if errors[each.issue.id] is None])
    _raise_first(errors.values())
    return {name: each for name, each in errors.items() if isinstance(each, PermanentError)}


def _written(rows: Rows, changes: Sequence[IssueChange]) -> dict[str, StoreError | None]:
    """Store issues that have numbers. Return the error of each, by its id."""
    errors = _all([partial(_write, rows, each) for each in changes])
    return dict(zip((each.issue.id for each in changes), errors, strict=True))


def write_totals(rows: Rows, totals: Totals) -> None:
    """Store these releases and days, and bring those in `rows` up to date. Access pattern I19.

    Raises:
        ConflictError: a row has changed since it was read. Others are stored.
        StoreError: not all were stored.
    """
    items = _items(totals)
    errors = _all([partial(_write_total, rows, totals, sk, items[sk]) for sk in items])
    _raise_first(errors)
    for error in errors:
        if error:
            raise error
    for sk, content in items.items():
        rows.replace(sk, content)


def write_replayed(rows: Rows, change: IssueChange, last: int, totals: Totals) -> None:
    """Store an issue with its releases and days in one transaction. For replayed events.

    `last` is the number of the project's newest issue. Brings the releases and days in `rows` up to
    date. Access pattern I17.

    Raises:
        ConflictError: a row has changed since it was read.
        StoreError: nothing was stored.
    """
    _find_by(rows, [change])
    items = _items(totals)
    actions = [each for sk in items for each in _total_actions(rows, totals, sk, items[sk])]
    if change.issue.number:
        _transact([*actions, *_together(rows, change)])
    else:
        _transact([*actions, *_opening(rows, [change], last)])
    for sk, content in items.items():
        rows.replace(sk, content)
    _delete(rows, [change])


def _items(totals: Totals) -> dict[str, Values]:
    items = {f"release#{name}": release_item(each) for name, each in totals.releases.items()}
    return items | {day_key(day): day_item(each) for day, each in totals.days.items()}


def _write_total(rows: Rows, totals: Totals, sk: str, content: Values) -> None:
    actions = _total_actions(rows, totals, sk, content)
    if len(actions) == 1:
        _put(rows, sk, content)
    else:
        _transact(actions)


def _total_actions(rows: Rows, totals: Totals, sk: str, content: Values) -> list[Any]:
    """Return the actions that store a release or a day, and what is kept of a release."""
    actions = [_put_action(rows.pk, sk, content, _unchanged(rows, sk))]
    stored = rows.stored.get(sk)
    known_until = content.get("known_until")
    if known_until and (stored is None or stored.get("known_until") != known_until):
        name = sk.removeprefix("release#")
        actions.append(known_releases.put_action(rows.pk, name, totals.releases[name]))
    return actions


def _raise_first(errors: Iterable[StoreError | None]) -> None:
    """Raise the first error that a retry of the batch can fix. Ignore permanent errors."""
    for error in errors:
        if error and not isinstance(error, PermanentError):
            raise error


# ------------------------------------------------------------------ rows by which it is found


def _find_by(rows: Rows, changes: list[IssueChange]) -> None:
    """Store the rows by which these issues are found. Number rows of new issues come later."""
    found = values.rows(value for each in changes for value in each.values)
    for each in changes:
        stored = _before(rows, each.issue.id)
        before = set(ranks.rows(stored)) if stored else set()
        if stored and each.text is None and (each.renewed or stored.status != each.issue.status):
            # This only happens to a head, by an event of a member.
            each.text = read_text(rows, stored)
        after = ranks.rows(each.issue, each.text)
        each.obsolete = before - after.keys()
        if each.renewed and each.issue.notes:
            renew_activity(rows.pk, each.issue)
        for sk, content in after.items():
            if "issue" in content and not each.issue.number:
                continue
            if each.renewed or sk not in before or content.get("text"):
                found[sk] = {**content, "ttl": each.issue.rows_until}
    items = [write_all({"pk": rows.pk, "sk": sk, **content}) for sk, content in found.items()]
    table = settings().issues_table
    parts = [items[start : start + BATCH_WRITE] for start in range(0, len(items), BATCH_WRITE)]
    for error in _all([partial(batch_put, table, part) for part in parts]):
        if error:
            raise error


def _before(rows: Rows, issue_id: str) -> Issue | None:
    """Return an issue as it is stored, even if it has expired. None if it has no number rows."""
    stored = rows.stored.get(f"issue#{issue_id}")
    if stored is None or not stored.get("number"):  # a tombstone has none
        return None
    return to_issue(stored)


def _delete(rows: Rows, stored: Iterable[IssueChange]) -> None:
    """Delete obsolete rows of these issues, if the transaction of the issue did not delete them."""
    obsolete = [sk for each in stored if not each.activity for sk in each.obsolete]
    batch_delete(settings().issues_table, [_key(rows, sk) for sk in obsolete])


def _key(rows: Rows, sk: str) -> TypedItem:
    return write_all({"pk": rows.pk, "sk": sk})


# ------------------------------------------------------------------ issues


def _write(rows: Rows, change: IssueChange) -> None:
    sk = f"issue#{change.issue.id}"
    if change.activity or change.closes:
        _transact(_together(rows, change))
    else:
        _put(rows, sk, issue_item(change.issue))


def _fitting(opened: list[IssueChange]) -> Iterator[list[IssueChange]]:
    """Yield new issues in parts that each fit into a transaction."""
    part: list[IssueChange] = []
    left = _MAX_ACTIONS
    for each in opened:
        cost = 1 + len(ranks.number_rows(each.issue)) + each.closes
        if each.activity:
            cost += _ACTIONS_IF_REOPENED
        if cost > left:
            yield part
            part, left = [], _MAX_ACTIONS
        part.append(each)
        left -= cost
    if part:
        yield part


def _open(
    rows: Rows, opened: list[IssueChange], last: int, errors: dict[str, StoreError | None]
) -> int:
    """Store issues with their numbers. Return the last number. Add to `errors` what failed."""
    actions = _opening(rows, opened, last)
    try:
        _transact(actions)
    except PermanentError as error:
        # One of these issues causes the error. Store each one alone, so that the others succeed.
        if len(opened) > 1:
            for each in opened:
                last = _open(rows, [each], last, errors)
            return last
        errors[opened[0].issue.id] = error
        return last
    except StoreError as error:
        errors |= {each.issue.id: error for each in opened}
        return last
    errors |= {each.issue.id: None for each in opened}
    return last + len(opened)


def _opening(rows: Rows, opened: list[IssueChange], last: int) -> list[Any]:
    """Return the actions that store issues with the numbers after `last`."""
    actions = [numbers.take_action(rows.project_id, last, len(opened))]
    for number, each in enumerate(opened, last + 1):
        each.issue.number = number
        actions += _together(rows, each)
        for sk, content in ranks.number_rows(each.issue, each.text).items():
            actions.append(_put_action(rows.pk, sk, {**content, "ttl": each.issue.rows_until}))
    return actions


def _together(rows: Rows, change: IssueChange) -> list[Any]:
    """Return the actions that store an issue, and what changes with its status.

    If it regressed, its rows as a resolved issue are deleted at the same time: a moment later,
    somebody may resolve it again.
    """
    issue = change.issue
    sk = f"issue#{issue.id}"
    actions = [_put_action(rows.pk, sk, issue_item(issue), _unchanged(rows, sk))]
    if change.activity:
        actions.append(activity_action(rows.pk, issue, change.activity))
        actions.append(closed_issues.delete_action(rows.pk, issue.id))
        table = settings().issues_table
        actions += [
            {"Delete": {"TableName": table, "Key": _key(rows, sk)}} for sk in change.obsolete
        ]
    elif change.closes:
        actions.append(closed_issues.put_action(rows.pk, issue))
    return actions


# ------------------------------------------------------------------ single writes


def _put(rows: Rows, sk: str, content: Values) -> None:
    clients.dynamodb().put_item(**_put_request(rows.pk, sk, content, _unchanged(rows, sk)))


def _put_action(pk: str, sk: str, content: Values, condition: DynamoRequest | None = None) -> Any:
    return {"Put": _put_request(pk, sk, content, condition or {})}


def _put_request(pk: str, sk: str, content: Values, condition: DynamoRequest) -> DynamoRequest:
    item: TypedItem = write_all({"pk": pk, "sk": sk, **content})
    return {"TableName": settings().issues_table, "Item": item, **condition}


def _transact(actions: list[Any]) -> None:
    clients.dynamodb().transact_write_items(TransactItems=actions)


def _unchanged(rows: Rows, sk: str) -> DynamoRequest:
    """Return the condition that a row has not changed since it was read."""
    stored = rows.stored.get(sk)
    if stored is None:
        return {"ConditionExpression": "attribute_not_exists(pk)"}
    return unchanged({name: stored.get(name) for name in _MOVES[sk.partition("#")[0]]})


# ------------------------------------------------------------------ at the same time


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_MAX_THREADS)


def _all(work: Sequence[Callable[[], None]]) -> list[StoreError | None]:
    """Do pieces of work at the same time. Return the error of each, None if it succeeded."""

    def attempt(piece: Callable[[], None]) -> StoreError | None:
        try:
            piece()
        except StoreError as error:
            return error
        return None

    if len(work) < 2:
        return [attempt(piece) for piece in work]
    doing = [_threads().submit(attempt, piece) for piece in work]
    wait(doing)  # even if one fails: none may still run when the function has ended
    return [each.result() for each in doing]
