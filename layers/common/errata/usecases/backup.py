"""Copy a deployment to a folder or a bucket.

A kind of rows is read page by page and written as parts of bounded size. The manifest is written
after each part, with the start key of the next one. So an interrupted backup continues
where it stopped, and writes again a part that is not yet in the manifest. The name of a part has a
hash of its content: so two runs at the same time do not replace each other's parts.

The order of kinds matters, because events arrive during the backup:

- The counters of numbers come after the issues, so that no number is given twice after a restore.
- Issues come before events, so that every event that an issue has counted is in the backup.
  `restore` counts those that it has not.
- The state of projects comes after their events, so that the legacy counter is not behind them.
- Projects come before secrets, so that each webhook has its secrets.

These rows are left out: sessions, because the accounts of a restored user pool are new; token
buckets and the counts of created projects, because they mean nothing after a day; gateway keys,
because API Gateway has others after a restore; and whatever has expired. Of a gateway key, only the
id is kept: `restore` gives a new one to the same project key.
"""

import hashlib
import json
import re
import uuid
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from errata.config import settings
from errata.errors import InvalidInputError, NotFoundError
from errata.models.backup import (
    KINDS,
    BackupManifest,
    BackupPart,
    InvalidManifestError,
    parse_manifest,
)
from errata.models.ids import now_ms
from errata.store import accounts, archives, numbers, tables, webhook_secrets
from errata.store.events import is_event
from errata.store.items import TypedItem
from errata.store.projects import list_deleted
from errata.usecases import projects

MANIFEST = "manifest.json"
# A part ends when its text has this size, before compression. It must fit into memory.
PART_BYTES = 16 * 1024 * 1024
GZIP = 16 + zlib.MAX_WBITS  # zlib's name of gzip's format
# `s3:/x` and `gs://x`: a folder of this name would be a surprise. `C:/x` is a folder.
_SCHEME = re.compile(r"\w{2,}:/")
# Rows of IdempotencyTable that are left out.
_FLEETING = ("session#", "bucket#", "created#")
# Attributes of a project key that are left out: its gateway key, which is a secret.
_GATEWAY_KEY = ("usage_key", "usage_from")

# The start key after the rows of issues.
_COUNTERS = {"counters": "next"}

# Where the next page of a kind starts. None at the beginning, and after the last page.
type StartKey = dict[str, Any] | None
# Lines of text, and the start key of the next page.
type RowPage = tuple[list[str], StartKey]


@dataclass(frozen=True, slots=True)
class Origin:
    """The deployment that is backed up, and the version of the command."""

    errata: str
    stack: str
    region: str
    api_url: str


def find(place: str) -> BackupManifest:
    """Return the manifest of a backup, finished or not.

    Raises:
        NotFoundError: there is no backup.
        InvalidInputError: the place is not valid, or the manifest is damaged or has a newer format.
        StoreError: the place cannot be read.
    """
    if not _is_place(place):
        raise _wrong_place(f"{place!r} is neither a folder nor s3://bucket/prefix.")
    text = archives.read(place, MANIFEST)
    if text is None:
        raise NotFoundError(f"There is no backup in {place}.")
    try:
        return parse_manifest(text)
    except InvalidManifestError as error:
        raise InvalidInputError({"backup": [f"{place} {error}."]}) from error


def _is_place(place: str) -> bool:
    if place.startswith(archives.S3):
        return bool(place.removeprefix(archives.S3).strip("/ "))
    return bool(place.strip()) and not _SCHEME.match(place)


def back_up(place: str, origin: Origin) -> Iterator[BackupPart]:
    """Back up a deployment, or continue an interrupted backup. Yield each part that is written.

    Raises:
        InvalidInputError: the place has a finished backup, or one of another stack or other tables.
        NotFoundError: one of the tables does not exist.
        StoreError: AWS or the place failed. Run it again to continue.
    """
    manifest = _begin(place, origin)
    for kind in KINDS:
        if kind not in manifest.done:
            yield from _back_up_kind(place, manifest, kind)
    manifest.finished_at = now_ms()
    _save(place, manifest)


def _begin(place: str, origin: Origin) -> BackupManifest:
    """Return the manifest of a new backup, or of the one to continue. Raises as `back_up`."""
    config = settings()
    read = {
        "projects": config.projects_table,
        "events": config.events_table,
        "issues": config.issues_table,
    }
    for table in read.values():
        if not tables.exists(table):
            raise NotFoundError(f"There is no table {table}, or it is not ready yet.")
    if tables.find_restore():
        raise InvalidInputError(
            {"stack": ["A restore into this stack is not finished. Finish it first."]}
        )
    try:
        manifest = find(place)
    except NotFoundError:
        manifest = BackupManifest(
            id=str(uuid.uuid4()),
            errata=origin.errata,
            stack=origin.stack,
            region=origin.region,
            api_url=origin.api_url,
            retention_days=config.retention_days,
            tables=read,
            started_at=now_ms(),
        )
        _save(place, manifest)
        return manifest
    _check_begun(place, manifest, origin, read)
    return manifest


def _check_begun(
    place: str, manifest: BackupManifest, origin: Origin, read: dict[str, str]
) -> None:
    """Check that the backup in a place is an unfinished one of this stack and of these tables."""
    if manifest.finished_at:
        raise _wrong_place(f"{place} has a finished backup. Choose another place.")
    begun = (manifest.stack, manifest.region, manifest.api_url)
    if begun != (origin.stack, origin.region, origin.api_url):
        raise _wrong_place(
            f"{place} has an unfinished backup of the stack {manifest.stack} in"
            f" {manifest.region} ({manifest.api_url}). Choose another place."
        )
    others = [(kind, table) for kind, table in manifest.tables.items() if table != read[kind]]
    if others:
        options = " ".join(f"--{kind}-table {table}" for kind, table in others)
        raise _wrong_place(
            f"{place} has an unfinished backup of other tables. Continue with {options},"
            " or choose another place."
        )


def _wrong_place(problem: str) -> InvalidInputError:
    return InvalidInputError({"place": [problem]})


def _save(place: str, manifest: BackupManifest) -> None:
    archives.write(place, MANIFEST, manifest.to_json().encode())


@dataclass(slots=True)
class _Lines:
    """The lines of a part, compressed as they come."""

    rows: int = 0
    size: int = 0
    _compressed: list[bytes] = field(default_factory=list)
    _compressor: Any = field(default_factory=partial(zlib.compressobj, wbits=GZIP))

    def add(self, line: str) -> None:
        self._compressed.append(self._compressor.compress(f"{line}\n".encode()))
        self.rows += 1
        self.size += len(line)

    def content(self) -> bytes:
        return b"".join([*self._compressed, self._compressor.flush()])


def _back_up_kind(place: str, manifest: BackupManifest, kind: str) -> Iterator[BackupPart]:
    lines, newest = _Lines(), manifest.newest
    for page, following in _SOURCES[kind](manifest.start_key):
        for line in page:
            lines.add(line)
            if kind == "events":
                newest = max(newest, _event_id(line))
        if following and lines.size < PART_BYTES:
            continue
        manifest.start_key, manifest.newest = following, newest
        if not following:
            manifest.done.append(kind)
        if not lines.rows:
            _save(place, manifest)
            continue
        content = lines.content()
        number = len(manifest.of_kind(kind)) + 1
        digest = hashlib.sha256(content).hexdigest()
        name = f"{kind}-{number:06d}-{digest[:16]}.jsonl.gz"
        part = BackupPart(name, kind, lines.rows, digest)
        archives.write(place, name, content)
        manifest.parts.append(part)
        _save(place, manifest)
        yield part
        lines = _Lines()


def _event_id(line: str) -> str:
    row = json.loads(line)
    return str(row["sk"]["S"]) if is_event(row) else ""


# ------------------------------------------------------------------ where rows come from


def expired(row: TypedItem, now_s: int) -> bool:
    """Return whether a row has expired, though DynamoDB may not have deleted it yet."""
    return "ttl" in row and int(row["ttl"]["N"]) <= now_s


def _scan(
    table: str,
    start: StartKey,
    keep: Callable[[TypedItem], bool],
    without: tuple[str, ...] = (),
) -> Iterator[RowPage]:
    now_s = now_ms() // 1000
    for rows, after in tables.pages(table, start):
        kept = [row for row in rows if keep(row) and not expired(row, now_s)]
        for row in kept:
            for name in without:
                row.pop(name, None)
        yield [tables.to_json(row) for row in kept], after


def _issues(start: StartKey) -> Iterator[RowPage]:
    """Yield the rows of issues, then the counters. So no counter is below an issue's number."""
    if start != _COUNTERS:
        table = settings().issues_table
        for page, after in _scan(table, start, lambda row: row["sk"]["S"] != numbers.COUNTER):
            yield page, after or _COUNTERS
    yield [tables.to_json(row) for row in numbers.counters(map(str, _project_ids()))], None


def _project_ids() -> list[int]:
    """Return the ids of all projects, deleted ones too."""
    return sorted(
        {int(each.id) for each in projects.list_projects()} | set(map(int, list_deleted()))
    )


def _events(start: StartKey) -> Iterator[RowPage]:
    table = settings().events_table
    return _scan(table, start, lambda row: not row["pk"]["S"].endswith("#state"))


def _state(start: StartKey) -> Iterator[RowPage]:
    """Yield the state of each project. The start key has the last project's id."""
    last = int(start["id"]) if start else 0
    now_s = now_ms() // 1000
    for project_id in (each for each in _project_ids() if each > last):
        rows = [row for row in tables.state_rows(str(project_id)) if not expired(row, now_s)]
        yield [tables.to_json(row) for row in rows], {"id": project_id}
    yield [], None


def _deliveries(start: StartKey) -> Iterator[RowPage]:
    return _scan(settings().deliveries_table, start, lambda _: True)


def _idempotency(start: StartKey) -> Iterator[RowPage]:
    table = settings().idempotency_table
    return _scan(table, start, lambda row: not row["pk"]["S"].startswith(_FLEETING))


def _projects(start: StartKey) -> Iterator[RowPage]:
    def keep(row: TypedItem) -> bool:
        return not row["sk"]["S"].startswith("gateway#")

    return _scan(settings().projects_table, start, keep, _GATEWAY_KEY)


def _secrets(_start: StartKey) -> Iterator[RowPage]:
    found = sorted(webhook_secrets.find_stored_secrets().items())
    yield [json.dumps({"of": of, "value": value}) for of, value in found], None


def _accounts(_start: StartKey) -> Iterator[RowPage]:
    found = sorted(accounts.list_accounts())
    yield [json.dumps({"email": email, "enabled": enabled}) for email, enabled in found], None


_SOURCES: dict[str, Callable[[StartKey], Iterator[RowPage]]] = {
    "issues": _issues,
    "events": _events,
    "state": _state,
    "deliveries": _deliveries,
    "idempotency": _idempotency,
    "projects": _projects,
    "secrets": _secrets,
    "accounts": _accounts,
}
