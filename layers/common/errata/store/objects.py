"""Delete objects in the bucket of source maps and attachments."""

from collections.abc import Sequence

from errata.config import settings
from errata.errors import UnavailableError
from errata.store import clients

# Keys in one request. Source: S3 API, "DeleteObjects".
MOST_KEYS = 1_000


def delete(keys: Sequence[str]) -> None:
    """Delete up to `MOST_KEYS` objects in one request. Those that do not exist count as deleted.

    Raises:
        UnavailableError: not all of them are deleted. The call can be repeated.
    """
    found = clients.s3().delete_objects(
        Bucket=settings().maps_bucket,
        Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True},
    )
    if failed := found.get("Errors"):
        code = failed[0].get("Code", "")
        message = f"S3 has not deleted {len(failed)} of {len(keys)} objects: {code}."
        raise UnavailableError(message, code, "DeleteObjects")
