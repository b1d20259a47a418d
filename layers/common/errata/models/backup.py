"""A backup: parts with rows, and the manifest that lists them."""

import json
import re
from dataclasses import asdict, dataclass, field
from typing import Any

# The format of the parts and the manifest. A backup with a higher format cannot be restored.
FORMAT = 1

# In the order in which they are backed up. `state`: the rows of EventsTable that belong to a
# project and not to an event. `secrets`: those of webhooks. `accounts`: those of the user pool.
KINDS = (
    "issues",
    "events",
    "state",
    "deliveries",
    "idempotency",
    "projects",
    "secrets",
    "accounts",
)


class InvalidManifestError(Exception):
    """The text is no manifest, or one in a newer format. The message says which of them."""


@dataclass(frozen=True, slots=True)
class BackupPart:
    """A file of a backup: compressed JSON, one row on each line."""

    name: str
    kind: str
    rows: int
    sha256: str


@dataclass(slots=True)
class BackupManifest:
    """What a backup contains, and how far it has come. Times are in milliseconds since the epoch.

    Attributes:
        id: a random UUID.
        errata: the version of the command that began it.
        region, api_url, retention_days: those of the stack.
        tables: the names of the tables of projects, events and issues that are read.
        finished_at: 0 until the backup is complete.
        newest: the highest id of an event in it, "" if it has none.
        done: the kinds that are complete.
        start_key: where to continue the kind that is not complete, None at its beginning. The file
            calls it `position`.
    """

    id: str
    errata: str
    stack: str
    region: str
    api_url: str
    retention_days: int
    tables: dict[str, str]
    started_at: int
    finished_at: int = 0
    newest: str = ""
    parts: list[BackupPart] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    start_key: dict[str, Any] | None = None

    @property
    def rows(self) -> dict[str, int]:
        """How many rows of each kind the backup has."""
        found = dict.fromkeys(KINDS, 0)
        for part in self.parts:
            found[part.kind] += part.rows
        return found

    def of_kind(self, kind: str) -> list[BackupPart]:
        """Return the parts of a kind, in their order."""
        return [part for part in self.parts if part.kind == kind]

    def to_json(self) -> str:
        """Return the text of the manifest."""
        fields = asdict(self)
        fields["position"] = fields.pop("start_key")
        return json.dumps({"format": FORMAT, **fields}, indent=1)


def parse_manifest(text: bytes) -> BackupManifest:
    """Return the manifest in a text.

    Raises:
        InvalidManifestError: it is damaged, or was written by a newer version of Errata.
    """
    try:
        found: dict[str, Any] = json.loads(text)
        if found.pop("format") > FORMAT:
            raise InvalidManifestError("was made by a newer version of Errata: update this one")
        parts = [BackupPart(**part) for part in found.pop("parts")]
        start_key = found.pop("position", None)
        manifest = BackupManifest(parts=parts, start_key=start_key, **found)
        known = all(
            part.kind in KINDS and re.fullmatch(r"[a-z]+-\d+-[0-9a-f]+\.jsonl\.gz", part.name)
            for part in parts
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidManifestError("has a damaged manifest") from error
    if not known:
        raise InvalidManifestError("has a damaged manifest")
    return manifest
