"""The attachments of events: files in the bucket of source maps, and rows that let them expire.

| | key | kept |
|---|---|---|
| object | `attachments/<project>/<SDK event id>/<number>` | until the row is deleted |
| row of ArtifactsTable | `12`, `attachment#<SDK event id>` | as long as the event (`ttl`) |

A row has the `digest` of its files.

When a row expires or is deleted, `compile_maps` deletes the files of its event. So the row is
written before the files (docs/decisions/0071-feedback-and-attachments.md).
"""

from errata.config import settings
from errata.errors import StoreError
from errata.store import clients, objects
from errata.store.items import TypedItem, read_all, write_all

# S3 returns AccessDenied for a missing object if the caller may not list the bucket.
_MISSING = ("NoSuchKey", "404", "NotFound", "AccessDenied")


def note(project_id: str, sdk_id: str, ttl: int, digest: bytes) -> bool:
    """Record that an event has attachments. Access pattern A22.

    The row expires at `ttl`, in seconds. `digest` is that of the files. Returns False, and changes
    nothing, if the event has other files.
    """
    found = clients.dynamodb().update_item(
        TableName=settings().artifacts_table,
        Key=_key(project_id, sdk_id),
        UpdateExpression="SET #ttl = if_not_exists(#ttl, :ttl),"
        " digest = if_not_exists(digest, :digest)",
        ExpressionAttributeNames={"#ttl": "ttl"},
        ExpressionAttributeValues=write_all({":ttl": ttl, ":digest": digest}),
        ReturnValues="ALL_NEW",
    )
    return bool(read_all(found["Attributes"])["digest"] == digest)


def delete_row(project_id: str, sdk_id: str) -> None:
    """Delete the row of an event with attachments. Access pattern A23.

    `compile_maps` then deletes its files.
    """
    clients.dynamodb().delete_item(
        TableName=settings().artifacts_table, Key=_key(project_id, sdk_id)
    )


def put(project_id: str, sdk_id: str, number: int, content: bytes) -> None:
    """Store the file of an attachment. Can be repeated."""
    key = _file(project_id, sdk_id, number)
    clients.s3().put_object(Bucket=settings().maps_bucket, Key=key, Body=content)


def read(project_id: str, sdk_id: str, number: int) -> bytes | None:
    """Return the file of an attachment, None if it was not stored."""
    key = _file(project_id, sdk_id, number)
    try:
        found = clients.s3().get_object(Bucket=settings().maps_bucket, Key=key)
    except StoreError as error:
        if error.code in _MISSING:
            return None
        raise
    content: bytes = found["Body"].read()
    return content


def delete_files(project_id: str, sdk_id: str, most: int) -> None:
    """Delete the files of an event with the numbers 0 to `most` (exclusive), if they exist."""
    objects.delete([_file(project_id, sdk_id, number) for number in range(most)])


def _key(project_id: str, sdk_id: str) -> TypedItem:
    return {"pk": {"S": project_id}, "sk": {"S": f"attachment#{sdk_id}"}}


def _file(project_id: str, sdk_id: str, number: int) -> str:
    return f"attachments/{project_id}/{sdk_id}/{number}"
