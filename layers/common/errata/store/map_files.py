"""The bucket of source maps: upload chunks and compiled maps.

| object | key | kept |
|---|---|---|
| upload chunk | `chunks/<organization>/<sha1>` | two days |
| fetched source map | `chunks/fetched/<project>/<id>` | two days |
| compiled map | `maps/<project>/<id>` | until its artifact is deleted |
"""

import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import batched
from typing import IO

from errata.config import settings
from errata.errors import StoreError
from errata.store import clients, objects

_AT_ONCE = 8
_MISSING = ("NoSuchKey", "404", "NotFound")


def put_chunk(organization: str, sha1: str, content: bytes) -> None:
    """Store an upload chunk. Can be repeated: its name is the SHA-1 of its content."""
    clients.s3().put_object(
        Bucket=settings().maps_bucket, Key=_chunk(organization, sha1), Body=content
    )


def chunk_sizes(organization: str, chunks: Iterable[str]) -> dict[str, int]:
    """Return the sizes of the upload chunks that exist, by SHA-1. Makes one call for each."""
    wanted = list(dict.fromkeys(chunks))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        sizes = pool.map(partial(_size, organization), wanted)
        return {sha1: size for sha1, size in zip(wanted, sizes, strict=True) if size is not None}


def _size(organization: str, sha1: str) -> int | None:
    try:
        key = _chunk(organization, sha1)
        found = clients.s3().head_object(Bucket=settings().maps_bucket, Key=key)
    except StoreError as error:
        if error.code in _MISSING:
            return None
        raise
    size: int = found["ContentLength"]
    return size


def joined_chunks(organization: str, chunks: Iterable[str]) -> IO[bytes] | None:
    """Return a temporary file with the content of upload chunks. None if one is missing."""
    file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        for sha1 in chunks:
            content = _read(_chunk(organization, sha1))
            if content is None:
                file.close()
                return None
            file.write(content)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def put_fetched(project_id: str, key: str, content: bytes) -> None:
    """Store a source map that was fetched and is to be compiled. `key` is that of the fetch."""
    clients.s3().put_object(
        Bucket=settings().maps_bucket, Key=_fetched(project_id, key), Body=content
    )


def read_fetched(project_id: str, key: str) -> bytes | None:
    """Return a source map that was fetched, None if it has expired."""
    return _read(_fetched(project_id, key))


def put_map(project_id: str, map_id: str, content: bytes) -> None:
    """Store a compiled map."""
    key = _map(project_id, map_id)
    clients.s3().put_object(Bucket=settings().maps_bucket, Key=key, Body=content)


def read_map(project_id: str, map_id: str, start: int, end: int) -> bytes | None:
    """Return bytes of a compiled map, from `start` to `end` (exclusive). None if it is deleted."""
    key = _map(project_id, map_id)
    if small := clients.lean_s3():
        return small.read(key, start, end)
    return _read(key, f"bytes={start}-{end - 1}")


def list_maps(project_id: str) -> Iterator[str]:
    """Yield the ids of the compiled maps of a project."""
    prefix = _map(project_id, "")
    return (key.removeprefix(prefix) for key in _list(prefix))


def _list(prefix: str) -> Iterator[str]:
    """Yield the keys of objects."""
    more: dict[str, str] = {}
    while True:
        page = clients.s3().list_objects_v2(Bucket=settings().maps_bucket, Prefix=prefix, **more)
        yield from (each["Key"] for each in page.get("Contents", ()))
        if "NextContinuationToken" not in page:
            return
        more = {"ContinuationToken": page["NextContinuationToken"]}


def delete_map(project_id: str, map_id: str) -> None:
    """Delete a compiled map. No-op if it does not exist."""
    _delete(_map(project_id, map_id))


def delete_files(project_id: str, organization_chunks: Iterable[tuple[str, str]]) -> None:
    """Delete the compiled and fetched source maps of a project, and these upload chunks.

    Each chunk is given as its organization and its SHA-1.
    """
    chunks = (_chunk(*each) for each in organization_chunks)
    for keys in (_list(_map(project_id, "")), _list(_fetched(project_id, "")), chunks):
        for some in batched(keys, objects.MOST_KEYS, strict=False):
            objects.delete(some)


def _delete(key: str) -> None:
    clients.s3().delete_object(Bucket=settings().maps_bucket, Key=key)


def _read(key: str, part: str | None = None) -> bytes | None:
    more = {"Range": part} if part else {}
    try:
        found = clients.s3().get_object(Bucket=settings().maps_bucket, Key=key, **more)
        content: bytes = found["Body"].read()
    except StoreError as error:
        if error.code in _MISSING:
            return None
        raise
    return content


def _chunk(organization: str, sha1: str) -> str:
    return f"chunks/{organization}/{sha1}"


def _fetched(project_id: str, key: str) -> str:
    return f"chunks/fetched/{project_id}/{key.rpartition('#')[2]}"


def _map(project_id: str, map_id: str) -> str:
    return f"maps/{project_id}/{map_id}"
