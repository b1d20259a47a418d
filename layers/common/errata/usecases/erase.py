"""Erase a person from a project: the person's events, and all mentions of the person.

Counts stay: they say what happened. See docs/decisions/0043-erasing-a-person.md.

Everything of the project is looked at, also what a clear, a deletion or the retention hides. Each
change is counted in the receipt in the same transaction. So an erasure that is interrupted at any
point is completed by the next run, and its receipt is right.
"""

import json
import time
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import batched
from typing import Any, cast

from errata.config import settings
from errata.errors import ConflictError, InvalidInputError, UnavailableError
from errata.models.erasure import Erasure, Receipt, name_of
from errata.models.event import Fields, pack, packed_json, received_ms, unpack
from errata.models.ids import now_ms
from errata.models.project import Project
from errata.models.times import DIGESTED_MS
from errata.models.visible import issues_partition
from errata.models.webhook import Message
from errata.scrubbing.fields import MAX_NOTED
from errata.scrubbing.person import Person, user_values
from errata.store import erasures, event_queries, events, queues, watermarks, webhooks
from errata.store.erasures import EVENTS_AT_ONCE, ROWS_AT_ONCE
from errata.store.items import TypedItem
from errata.store.queues import QueueMessage
from errata.store.retry import attempts
from errata.store.values import to_value
from errata.usecases import attachments, audit
from errata.usecases.erased_rows import change_of, count

MAX_VALUE = 500
# How long the receipt of an interrupted erasure is kept, in seconds.
_KEPT_S = 30 * 86_400
_TRIES = 8
# A row may get another key during a pass, for example because somebody resolves an issue. The next
# pass finds it.
_PASSES = 3
_PAUSE_S = 10
_MAX_OTHERS = 10
_MESSAGES_AT_ONCE = 1_000


@dataclass(slots=True)
class Progress:
    """How far an erasure is.

    Attributes:
        receipt: what was done, also by earlier, interrupted runs.
        doing: what is done now, in words; "" at the end.
        events_read: how many events this run has read.
        unreadable: how many events cannot be read, and stay.
        others: other values by which the deleted events named their user, such as `id 42`.
    """

    receipt: Receipt = field(default_factory=Receipt)
    doing: str = ""
    events_read: int = 0
    unreadable: int = 0
    others: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Run:
    """One run. `newest`: when the newest changed event was received."""

    of: Erasure
    person: Person
    dry: bool
    progress: Progress
    newest: int = 0

    def count(self, counts: Receipt) -> None:
        for name, number in asdict(counts).items():
            setattr(self.progress.receipt, name, getattr(self.progress.receipt, name) + number)


def erase(project: Project, value: str, *, dry_run: bool = False) -> Iterator[Progress]:
    """Erase the person with this id, e-mail address or user name. Yields the progress.

    Can be interrupted and run again. Call `finish` when the receipt was shown. With `dry_run`, only
    counts what would be done.

    Raises:
        InvalidInputError: the value is empty, too long or not printable.
        UnavailableError: DynamoDB is overloaded, or there were conflicts on every try. Run it
            again.
    """
    if not value.strip() or len(value) > MAX_VALUE or not value.isprintable():
        raise InvalidInputError(
            {"user": [f"--user must have 1 to {MAX_VALUE} printable characters."]}
        )
    of = _erasure(project.id, value)
    receipt, newest = (Receipt(), 0) if dry_run else erasures.find_receipt(of)
    run = _Run(of, Person(value), dry_run, Progress(receipt), newest)
    owner = None if project.unclaimed or dry_run else project.organization
    with audit.recording("person erased", "", owner, project.id, project.name) as notes:
        yield from _erase(run)
        notes.append(in_words(run.progress.receipt))


def finish(project: Project, value: str) -> None:
    """Delete the receipt of an erasure, after it was shown."""
    erasures.remove_receipt(_erasure(project.id, value))


def searches_texts(value: str) -> bool:
    """Return whether texts are searched for a value. They are not if it is short."""
    return Person(value).in_texts


def in_words(receipt: Receipt) -> str:
    """Return a receipt as text, for the audit log: `events deleted 3, …`."""
    return ", ".join(f"{name.replace('_', ' ')} {n}" for name, n in asdict(receipt).items())


def _erasure(project_id: str, value: str) -> Erasure:
    return Erasure(project_id, name_of(project_id, value), now_ms() // 1000 + _KEPT_S)


def _erase(run: _Run) -> Iterator[Progress]:
    run.progress.doing = "looking at events"
    yield run.progress
    for page in erasures.event_pages(run.of.project_id):
        _erase_events(run, page)
        run.progress.events_read += len(page)
        yield run.progress
    if not run.dry:
        yield from _wait(run)
    run.progress.doing = "looking at issues"
    yield run.progress
    watermark = watermarks.find_watermark(run.of.project_id)
    # The rows of a former generation may not be deleted yet.
    for generation in range(watermark.generation + 1):
        for _ in range(1 if run.dry else _PASSES):
            if not _erase_rows(run, issues_partition(run.of.project_id, generation)):
                break
    if run.person.in_texts:
        run.progress.doing = "looking at webhook messages"
        yield run.progress
        _erase_attempts(run)
        _erase_dead_letters(run)
    run.progress.doing = ""
    yield run.progress


def _wait(run: _Run) -> Iterator[Progress]:
    """Wait until digest has counted the changed events. Until then it may write their old texts."""
    until_ms = run.newest + DIGESTED_MS
    while now_ms() < until_ms:
        run.progress.doing = f"waiting {(until_ms - now_ms()) // 1000} s for digest"
        yield run.progress
        time.sleep(_PAUSE_S)


# ------------------------------------------------------------------ events


def _erase_events(run: _Run, page: list[TypedItem]) -> None:
    theirs: list[TypedItem] = []
    newest = 0
    for item in page:
        try:
            packed = item["feedback"]["B"] if "feedback" in item else events.packed(item)
            if not run.person.is_near(packed_json(packed).decode()):
                continue
            fields = unpack(packed)
        except (ValueError, zlib.error):
            run.progress.unreadable += 1
            continue
        if "feedback" in item:
            if run.person.is_user(fields) or run.person.erase(fields):
                _delete_feedback(run, item)
            continue
        received = received_ms(item["sk"]["S"], fields)
        if run.person.is_user(fields):
            if not run.dry:
                # Before the event is deleted: afterwards, nothing says that it had attachments.
                attachments.erase(run.of.project_id, cast(Fields, fields))
            theirs.append(item)
            newest = max(newest, received)
            _note_others(run, fields)
        elif noted := run.person.erase(fields):
            scrubbed = [*fields.get("scrubbed", []), *noted]
            fields["scrubbed"] = scrubbed[-MAX_NOTED:]
            _rewrite(run, item, pack(fields), received)
    for some in batched(theirs, EVENTS_AT_ONCE, strict=False):
        _delete(run, list(some), newest)


def _delete_feedback(run: _Run, item: TypedItem) -> None:
    if not run.dry:
        try:
            erasures.delete_feedback(run.of, item)
        except ConflictError:
            return  # deleted, by a clear or another run
    run.count(Receipt(feedback_deleted=1))


def _note_others(run: _Run, fields: Any) -> None:
    for name, value in user_values(fields):
        if not run.person.is_same(value) and len(run.progress.others) < _MAX_OTHERS:
            run.progress.others.add(f"{name} {value}"[:MAX_VALUE])


def _delete(run: _Run, items: list[TypedItem], newest: int) -> None:
    for _ in attempts(_TRIES):
        if run.dry or not items:
            break
        try:
            erasures.delete_events(run.of, items, newest)
        except ConflictError:
            ids = [item["sk"]["S"] for item in items]
            items = event_queries.items_by_ids(run.of.project_id, ids, tallies=True)
        else:
            break
    else:
        raise UnavailableError
    run.count(Receipt(events_deleted=len(items)))
    run.newest = max(run.newest, newest)


def _rewrite(run: _Run, item: TypedItem, clean: bytes, received: int) -> None:
    for _ in attempts(_TRIES):
        if run.dry:
            break
        try:
            erasures.rewrite_event(run.of, item, clean, received)
            break
        except ConflictError:
            ids = [item["sk"]["S"]]
            found = event_queries.items_by_ids(run.of.project_id, ids, tallies=True)
            if not found:
                return  # deleted
            if events.packed(found[0]) != events.packed(item):
                _erase_events(run, found)  # by another run
                return
    else:
        raise UnavailableError
    run.count(Receipt(events_rewritten=1))
    run.newest = max(run.newest, received)


# ------------------------------------------------------------------ rows of IssuesTable


def _erase_rows(run: _Run, pk: str) -> bool:
    """Erase the person from the rows of a generation. Return whether there was anything."""
    rows_of: dict[str, list[str]] = defaultdict(list)
    shared: list[str] = []
    resets: set[str] = set()
    for row in erasures.issue_rows(pk):
        change = change_of(run.person, row, frozenset())
        if change is None:
            continue
        kind, _, name = row["sk"].partition("#")
        issue_ids: list[str] = []
        if kind == "value" and change.values is None:
            issue_ids = to_value(row)[2]
        elif kind == "number":
            issue_ids = [row["issue"]]
        elif kind == "issue":
            rows_of[name].append(row["sk"])
            continue
        resets.update(issue_ids)
        for each in issue_ids:
            rows_of[each].append(f"issue#{each}")
        (rows_of[issue_ids[0]] if len(issue_ids) == 1 else shared).append(row["sk"])
    # Change an issue in the same transaction as its first rows. Without these rows, a later run
    # could not find out that the issue belongs to the person. Rows of several issues come last.
    for sort_keys in [*rows_of.values(), shared]:
        _change_rows(run, pk, list(dict.fromkeys(sort_keys)), resets)
    return bool(rows_of or shared)


def _change_rows(run: _Run, pk: str, sort_keys: list[str], resets: set[str]) -> None:
    for some in batched(sort_keys, ROWS_AT_ONCE, strict=False):
        for _ in attempts(_TRIES):
            rows = erasures.find_rows(pk, some)
            found = [each for row in rows if (each := change_of(run.person, row, resets))]
            if not found:
                break
            counts = count(found)
            try:
                if not run.dry:
                    erasures.change_rows(run.of, found, counts)
            except ConflictError:
                continue
            run.count(counts)
            break
        else:
            raise UnavailableError


# ------------------------------------------------------------------ webhook messages


def _erase_attempts(run: _Run) -> None:
    for attempt in webhooks.list_attempts(run.of.project_id, "0", 0):
        if clean := _clean_message(run.person, attempt.message):
            if not run.dry:
                try:
                    erasures.rewrite_attempt(run.of, attempt, clean)
                except ConflictError:
                    continue  # expired
            run.count(Receipt(messages_rewritten=1))


def _erase_dead_letters(run: _Run) -> None:
    """Rewrite messages in the dead-letter queue. Misses those that another command holds."""
    url = settings().webhook_dead_letter_url
    held: dict[str, QueueMessage] = {}
    try:
        while messages := queues.hold(url, _MESSAGES_AT_ONCE):
            new = [each for each in messages if each.id not in held]
            held |= {each.id: each for each in new}
            for each in new:
                if clean := _clean_dead_letter(run, each):
                    if not run.dry:
                        queues.send(url, json.loads(webhooks.to_text(clean)))
                        queues.delete(url, held.pop(each.id))
                        erasures.count_message(run.of)
                    run.count(Receipt(messages_rewritten=1))
            if not new:
                break
    finally:
        for each in held.values():
            queues.let_go(url, each)


def _clean_dead_letter(run: _Run, letter: QueueMessage) -> Message | None:
    try:
        message = webhooks.parse_message(letter.body)
    except (ValueError, TypeError):
        return None
    return _clean_message(run.person, message) if message.project_id == run.of.project_id else None


def _clean_message(person: Person, message: Message) -> Message | None:
    """Return a message without mentions of the person; None if it has none."""
    if not person.is_near(message.body):
        return None
    body = json.loads(message.body)
    clean = person.cleaned(body, [])
    return replace(message, body=json.dumps(clean, ensure_ascii=False)) if clean != body else None
