"""Keep the attachments of events, read them, and delete them with their events."""

import hashlib

from errata.errors import NotFoundError, RateLimitedError
from errata.models.event import Fields, Stored
from errata.models.ids import DAY_MS, sdk_event_id
from errata.models.project import Access, Project
from errata.protocol.sentry.attachments import MAX_FILES
from errata.store import attachments as store
from errata.usecases import audit, projects, rate_limit

# Bytes of files that take one token of the bucket. Files of an event below this are free.
BYTES_A_TOKEN = 250_000
# The smallest size of the bucket: enough for the files of one envelope, 20 MiB.
LEAST_BURST = 84


@audit.recorded("attachments changed", attachments=projects.on_off)
def change(project_id: str, attachments: bool) -> Project:
    """Set whether a project keeps attachments. Takes effect within 30 seconds.

    Raises:
        NotFoundError: there is no such project.
    """
    return projects.save_changes(project_id, attachments=attachments)


def paid(contents: list[bytes], access: Access, at_ms: int) -> bool:
    """Take tokens for the files of an event from a bucket of its key.

    Returns False if too few are left. Compressed zeros are tiny: without this limit, each of many
    small requests would store 20 MB. Files have a bucket of their own, so that they never use up
    the requests that events need.
    """
    left = sum(map(len, contents)) // BYTES_A_TOKEN
    bucket, limit = f"key#{access.key_id}#files", access.rate_limit
    burst = max(access.burst or limit, LEAST_BURST)
    try:
        while left > 0:
            left -= rate_limit.take_some(bucket, limit, at_ms, left, burst=burst)
    except RateLimitedError:
        return False
    return True


def keep(contents: list[bytes], sdk_id: str, access: Access, at_ms: int) -> None:
    """Store the files of an event that is stored. A second call changes nothing.

    Stores a row first. Its expiry deletes the files, so no file stays for ever. It has a hash of
    the files, so a later request with the same event id and other files replaces none.

    Raises:
        StoreError: the store failed. The client may send the envelope again.
    """
    kept_until = at_ms // 1000 + access.retention_days * DAY_MS // 1000
    digest = hashlib.blake2b(digest_size=16)
    for content in contents:
        digest.update(b"%d\n%b" % (len(content), content))
    if not store.note(access.project_id, sdk_id, kept_until, digest.digest()):
        return
    for number, content in enumerate(contents):
        store.put(access.project_id, sdk_id, number, content)


def described(event: Stored) -> list[Fields]:
    """Return what an event says about its attachments: names, types and sizes."""
    return event.fields.get("attachments", [])


def read(event: Stored, number: int) -> tuple[str, bytes]:
    """Return the name and the content of an attachment of an event, by its number from 0 on.

    Raises:
        NotFoundError: the event has no such attachment, or its file was not stored.
    """
    found = described(event)
    sdk_id = sdk_event_id(event.fields.get("event_id"))
    if not 0 <= number < len(found) or sdk_id is None:
        raise NotFoundError("The event has no such attachment.")
    content = store.read(event.project_id, sdk_id, number)
    if content is None:
        raise NotFoundError("The file of this attachment was not stored, or is deleted.")
    return str(found[number].get("filename", "attachment")), content


def delete_files(project_id: str, sdk_id: str) -> None:
    """Delete the files of an event whose row was deleted or has expired. Can be repeated."""
    store.delete_files(project_id, sdk_id, MAX_FILES)


def erase(project_id: str, event_fields: Fields) -> None:
    """Delete the attachments of an event that is about to be erased. No-op if it has none."""
    sdk_id = sdk_event_id(event_fields.get("event_id"))
    if event_fields.get("attachments") and sdk_id:
        store.delete_row(project_id, sdk_id)
