"""The erasure of a person, and its receipt."""

import hashlib
from dataclasses import dataclass


@dataclass(slots=True)
class Receipt:
    """What was done to erase a person from a project, up to now if a run was interrupted.

    Attributes:
        events_deleted: events of the person.
        events_rewritten: other events that mentioned the person.
        issues_changed: issues whose texts or values mentioned the person.
        values_removed: value rows.
        rows_rewritten: other rows: words by which issues are found, releases, activity.
        messages_rewritten: webhook messages that were kept.
        feedback_deleted: feedback that the person wrote, or that mentioned the person.
    """

    events_deleted: int = 0
    events_rewritten: int = 0
    issues_changed: int = 0
    values_removed: int = 0
    rows_rewritten: int = 0
    messages_rewritten: int = 0
    feedback_deleted: int = 0


@dataclass(frozen=True, slots=True)
class Erasure:
    """The name of a receipt's row, and when the row expires, in seconds since the epoch.

    The name does not reveal the person. A person always gets the same name.
    """

    project_id: str
    name: str
    expires_at: int


def name_of(project_id: str, value: str) -> str:
    """Return the name of an erasure. Ignores the case of `value`."""
    text = f"{project_id}\0{value.casefold()}".encode("utf-8", "replace")
    return hashlib.blake2s(text, digest_size=8).hexdigest()
