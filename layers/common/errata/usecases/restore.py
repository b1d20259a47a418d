"""Copy a backup into a deployment that has nothing yet.

The work is a list of steps that can be repeated. A row in the deployment has the id of the backup
and the number of steps done. So an interrupted restore continues where it stopped.

Projects and their keys are restored late: only the accounts come after them. Until then no client
can send events, so nothing changes the restored rows. The counters of projects come first. So a
project that somebody creates during the restore gets a free number. If somebody has created one
before, the restore is refused.

Nothing is counted twice, and no webhook gets a message about a restored issue:

- Restored events have the attribute `restored`, and digest skips them.
- Restored issues have counted nothing of the new table's stream: `last_sequence` is empty.
- The backup may have events that digest had not counted yet. A step counts them like a redrive
  (docs/decisions/0013-redrive.md). Webhooks are restored later, so they get no messages.
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import batched
from typing import Any

from errata.config import settings
from errata.errors import InvalidInputError, NotFoundError, StoreError
from errata.models.backup import BackupManifest, BackupPart
from errata.models.gateway_key import Gateway
from errata.models.ids import floor_id, minted_ms, now_ms
from errata.store import accounts, archives, event_queries, tables, webhook_secrets
from errata.store.events import is_event
from errata.store.items import TypedItem, write_value
from errata.usecases import projects, redrive, usage_keys
from errata.usecases.backup import expired

# Events that were older than this when the backup began were already counted or dead-lettered.
COUNTED_AFTER_MS = 60 * 60 * 1000
_AT_ONCE = 5_000
# Codes of errors: Cognito has sent its mails of today, or could not send this one.
_NOT_MAILED = ("LimitExceededException", "CodeDeliveryFailureException")


@dataclass(slots=True)
class Restored:
    """What a run has done. `problems` are errors that leave the deployment usable."""

    rows: int = 0
    expired: int = 0
    counted: int = 0
    invited: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RestoreStep:
    """One step of a restore. `take` does it, and adds to the result of the run."""

    name: str
    take: Callable[[Restored], None]


def verify(place: str, manifest: BackupManifest) -> Iterator[BackupPart]:
    """Check that a backup is complete and undamaged. Yield each part that is.

    Raises:
        InvalidInputError: it is not.
        StoreError: the place cannot be read.
    """
    if not manifest.finished_at:
        raise InvalidInputError(
            {"backup": [f"The backup in {place} is not finished. Run `errata backup` again."]}
        )
    for part in manifest.parts:
        content = archives.read(place, part.name)
        if content is None or hashlib.sha256(content).hexdigest() != part.sha256:
            raise InvalidInputError({"backup": [f"{part.name} is missing or damaged."]})
        yield part


def begin(manifest: BackupManifest) -> int:
    """Reserve the deployment for this restore. Return how many steps were done before.

    Raises:
        InvalidInputError: it has rows, or another backup is being restored into it.
    """
    under_way = tables.find_restore()
    if under_way is None:
        _check_empty()
        tables.begin_restore(manifest.id)
        under_way = tables.find_restore()
    if under_way is None or under_way[0] != manifest.id:
        raise InvalidInputError({"stack": ["Another backup is being restored into this stack."]})
    return under_way[1]


def _check_empty() -> None:
    full = [name for name, table in _tables().items() if not tables.is_empty(table)]
    if full:
        raise InvalidInputError(
            {
                "stack": [
                    f"The stack has {', '.join(full)} already. Restore into one that was just"
                    " deployed, with LegacyAutoCreate=off: then nobody else creates projects in it."
                ]
            }
        )


def _tables() -> dict[str, str]:
    """Return the tables that must be empty, by what they contain."""
    return {
        "projects": settings().projects_table,
        "events": settings().events_table,
        "issues": settings().issues_table,
        "webhook attempts": settings().deliveries_table,
    }


def restore(
    place: str,
    manifest: BackupManifest,
    gateway: Gateway,
    outcome: Restored,
    *,
    done: int,
    mailed: bool,
) -> Iterator[RestoreStep]:
    """Take the steps after the first `done`. Yield each one afterwards, and add to `outcome`.

    If not `mailed`, accounts are created without a mail to their owners.

    Raises:
        InvalidInputError: a part is damaged, the stack is not empty, or another run has done the
            next step.
        StoreError: AWS or the place failed. Run it again to continue.
    """
    steps = list(_steps(place, manifest, gateway, mailed=mailed))
    for number, step in enumerate(steps[done:], done + 1):
        step.take(outcome)
        if not tables.continue_restore(manifest.id, number):
            raise InvalidInputError(
                {"stack": ["Another run of this restore is ahead. This one stops."]}
            )
        yield step
    tables.end_restore()


def _steps(
    place: str, manifest: BackupManifest, gateway: Gateway, *, mailed: bool
) -> Iterator[RestoreStep]:
    config = settings()
    yield RestoreStep("counters", partial(_counters, place, manifest))
    for kind, table, change in (
        ("issues", config.issues_table, _issue),
        ("events", config.events_table, _event),
        ("state", config.events_table, _same),
        ("deliveries", config.deliveries_table, _same),
        ("idempotency", config.idempotency_table, _same),
    ):
        for part in manifest.of_kind(kind):
            yield RestoreStep(part.name, partial(_put, place, part, table, change))
    yield RestoreStep("uncounted events", partial(_count, place, manifest))
    for part in manifest.of_kind("secrets"):
        yield RestoreStep(part.name, partial(_save_secrets, place, part))
    for part in manifest.of_kind("projects"):
        yield RestoreStep(part.name, partial(_put, place, part, config.projects_table, _project))
    yield RestoreStep("gateway keys", partial(_meter, place, manifest, gateway))
    for part in manifest.of_kind("accounts"):
        yield RestoreStep(part.name, partial(_invite, place, part, gateway, mailed))


# ------------------------------------------------------------------ rows


def _lines(place: str, part: BackupPart) -> Iterator[bytes]:
    content = archives.read(place, part.name)
    try:
        if content is None or hashlib.sha256(content).hexdigest() != part.sha256:
            raise InvalidInputError({"backup": [f"{part.name} is missing or damaged."]})
        yield from gzip.decompress(content).splitlines()
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidInputError({"backup": [f"{part.name} is damaged."]}) from error


def _rows(place: str, part: BackupPart) -> Iterator[TypedItem]:
    return map(tables.from_json, _lines(place, part))


def _put(
    place: str,
    part: BackupPart,
    table: str,
    change: Callable[[TypedItem], TypedItem | None],
    outcome: Restored,
) -> None:
    now_s = now_ms() // 1000

    def rows() -> Iterator[TypedItem]:
        for row in _rows(place, part):
            if expired(row, now_s):
                outcome.expired += 1
            elif changed := change(row):
                outcome.rows += 1
                yield changed

    tables.put_rows(table, rows())


def _same(row: TypedItem) -> TypedItem:
    return row


def _issue(row: TypedItem) -> TypedItem:
    if "last_sequence" in row:
        row["last_sequence"] = write_value("")
        row.pop("stream", None)
    return row


def _event(row: TypedItem) -> TypedItem:
    if is_event(row):
        row["restored"] = write_value(1)
    return row


def _project(row: TypedItem) -> TypedItem | None:
    if row["pk"]["S"] == "counter":
        return None  # restored by the first step, and may have increased since
    row.pop("usage_key_id", None)
    return row


def _counters(place: str, manifest: BackupManifest, _outcome: Restored) -> None:
    for part in manifest.of_kind("projects"):
        counters = (row for row in _rows(place, part) if row["pk"]["S"] == "counter")
        tables.put_rows(settings().projects_table, counters)
    # If somebody has created a project before, it may have the number of a restored one. Then its
    # key would also open the restored project.
    _check_empty()


# ------------------------------------------------------------------ events that were not counted


def _count(place: str, manifest: BackupManifest, outcome: Restored) -> None:
    if not manifest.newest:
        return
    since = min(manifest.started_at, minted_ms(manifest.newest)) - COUNTED_AFTER_MS
    for part in manifest.of_kind("projects"):
        for row in _rows(place, part):
            if row["pk"]["S"].startswith("project#") and row["sk"]["S"] == "project":
                _count_project(row["pk"]["S"].removeprefix("project#"), since, outcome)


def _count_project(project_id: str, since_ms: int, outcome: Restored) -> None:
    recent = [*event_queries.stored_between(project_id, floor_id(since_ms), floor_id(now_ms()))]
    # Start with the newest events, because the events that an issue has not counted are its last
    # ones.
    for some in batched(reversed(recent), _AT_ONCE, strict=False):
        ids = {event_id for event_id, _, _ in some}
        counted, wrong = redrive.count_events(project_id, ids)
        outcome.counted += counted
        outcome.problems += wrong


# ------------------------------------------------------------------ secrets, accounts, gateway keys


def _save_secrets(place: str, part: BackupPart, outcome: Restored) -> None:
    for line in _lines(place, part):
        found = json.loads(line)
        webhook_secrets.save_stored_secrets(found["of"], found["value"])
        outcome.rows += 1


def _invite(
    place: str, part: BackupPart, gateway: Gateway, mailed: bool, outcome: Restored
) -> None:
    for line in _lines(place, part):
        found: dict[str, Any] = json.loads(line)
        if not found["enabled"]:
            outcome.problems.append(f"{found['email']} was disabled, so it gets no account.")
        elif _create_account(found["email"], gateway, mailed, outcome):
            outcome.invited += 1


def _create_account(email: str, gateway: Gateway, mailed: bool, outcome: Restored) -> bool:
    try:
        return accounts.create(email, mailed=mailed)
    except StoreError as error:
        if not mailed or error.code not in _NOT_MAILED:
            raise
        outcome.problems.append(
            f"{email} got no mail: {error} Try again with: errata members invite ORG {email}"
            f" --stack {gateway.stack}"
        )
    return accounts.create(email, mailed=False)


def _meter(place: str, manifest: BackupManifest, gateway: Gateway, outcome: Restored) -> None:
    """Give a gateway key to the keys of each project that had some."""
    metered: set[str] = set()
    for part in manifest.of_kind("projects"):
        metered.update(
            row["project_id"]["S"] for row in _rows(place, part) if "usage_key_id" in row
        )
    for project_id in sorted(metered, key=int):
        try:
            project = projects.find(project_id)
        except NotFoundError:  # deleted
            continue
        error = usage_keys.meter(gateway, project_id)
        if error:
            rate = project.rate_limit or "default"
            again = f"errata projects set {project_id} --rate-limit {rate} --stack {gateway.stack}"
            outcome.problems.append(
                f"API Gateway does not count the requests of project {project_id}: {error}"
                f" Try again with: {again}"
            )
