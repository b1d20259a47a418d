"""Read and write the files of a backup, in a folder or at `s3://bucket/prefix`.

A file is written whole or not at all. Only its owner can read it: it contains secrets. In S3, the
encryption and the policy of the bucket protect it.
"""

import os
from pathlib import Path

from errata.errors import StoreError, UnavailableError
from errata.store import clients

S3 = "s3://"


def read(place: str, name: str) -> bytes | None:
    """Return the content of a file, None if it does not exist.

    Raises:
        StoreError: the file cannot be read.
    """
    if place.startswith(S3):
        bucket, key = _key(place, name)
        try:
            content: bytes = clients.s3().get_object(Bucket=bucket, Key=key)["Body"].read()
        except StoreError as error:
            if error.code == "NoSuchKey":
                return None
            raise
        return content
    try:
        return (Path(place) / name).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnavailableError(f"{error.filename}: {error.strerror}.") from None


def write(place: str, name: str, content: bytes) -> None:
    """Store a file. Replaces an existing one. Creates the folder if it does not exist.

    Raises:
        StoreError: the file cannot be written.
    """
    if place.startswith(S3):
        bucket, key = _key(place, name)
        clients.s3().put_object(Bucket=bucket, Key=key, Body=content)
        return
    folder = Path(place)
    unfinished = folder / f"{name}.unfinished"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished.unlink(missing_ok=True)
        file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(folder / name)
    except OSError as error:
        raise UnavailableError(f"{error.filename or folder}: {error.strerror}.") from None


def _key(place: str, name: str) -> tuple[str, str]:
    bucket, _, prefix = place.removeprefix(S3).strip("/").partition("/")
    return bucket, f"{prefix}/{name}" if prefix else name
