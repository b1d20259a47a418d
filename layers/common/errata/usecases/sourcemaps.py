"""Accept uploads of builds: upload chunks, and the bundles that they are parts of.

The function `compile_maps` compiles a bundle as soon as it is stored
(`errata.usecases.compile_maps`).
"""

import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from errata.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    SourceMapError,
    UnavailableError,
)
from errata.models.artifact import Artifact, ArtifactState, Bundle
from errata.protocol.bundles import MAX_BUNDLE_BYTES
from errata.store import artifacts, map_fetches, map_files
from errata.store.retry import attempts
from errata.usecases import audit

MAX_CHUNK_BYTES = 4 * 1024 * 1024
MAX_CHUNKS = 400
# How long a build gets the stored state of an upload, by state. After that, the same bundle is
# compiled again if a build sends it again: it may have failed, its maps may have been deleted, or
# its run may have been cut off.
_VALID_MS = {"error": 60_000, "ok": 600_000, "created": 3_600_000, "assembling": 3_600_000}
_MAX_TEXT = 200
_SHA1 = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Assembly:
    """How far an upload is: its state, the upload chunks that are missing, what is wrong."""

    state: ArtifactState
    missing: tuple[str, ...] = ()
    detail: str = ""


def put_chunk(organization: str, sha1: str, content: bytes) -> None:
    """Store an upload chunk of an organization.

    Raises:
        InvalidInputError: it is too large, or `sha1` is not its SHA-1.
        StoreError: it was not stored.
    """
    if len(content) > MAX_CHUNK_BYTES:
        raise InvalidInputError({"file": [f"A chunk has at most {MAX_CHUNK_BYTES} bytes."]})
    # The protocol names chunks by SHA-1. Nobody trusts that name: organizations share no chunks.
    if hashlib.sha1(content, usedforsecurity=False).hexdigest() != sha1:
        raise InvalidInputError({"file": ["The name of a chunk must be its SHA-1."]})
    map_files.put_chunk(organization, sha1, content)


def assemble(
    organization: str,
    project_id: str,
    checksum: str,
    chunks: Sequence[str],
    now_ms: int,
    release: str = "",
    dist: str = "",
) -> Assembly:
    """Return how far an upload is for a project. Have it compiled if all of it is there.

    `checksum` is the SHA-1 of the whole bundle. For another release or dist, the same bundle is
    another upload. A build asks again until the state is `ok` or `error`.

    Raises:
        InvalidInputError: a checksum is invalid, or there are too many chunks.
        StoreError: nothing was changed.
    """
    if not _SHA1.fullmatch(checksum) or not all(_SHA1.fullmatch(each) for each in chunks):
        raise InvalidInputError({"checksum": ["Checksums must be SHA-1 in hex."]})
    if len(chunks) > MAX_CHUNKS:
        raise InvalidInputError({"chunks": [f"A bundle has at most {MAX_CHUNKS} chunks."]})
    bundle = Bundle(
        project_id,
        organization,
        checksum,
        tuple(chunks),
        release[:_MAX_TEXT],
        dist[:_MAX_TEXT],
        "created",
        changed_at=now_ms,
    )
    known = artifacts.find_bundle(project_id, bundle.name)
    if known and not _is_due_again(known, now_ms):
        return Assembly(known.state, detail=known.detail)
    sizes = map_files.chunk_sizes(organization, chunks)
    if not chunks or len(sizes) < len(set(chunks)):
        return Assembly("not_found", tuple(each for each in chunks if each not in sizes))
    if sum(sizes[each] for each in chunks) > MAX_BUNDLE_BYTES:
        too_large = SourceMapError(f"The bundle is larger than {MAX_BUNDLE_BYTES >> 20} MB.")
        return Assembly("error", detail=str(too_large))
    artifacts.save_bundle(bundle, known)
    # If another request was first, it has stored the same.
    return Assembly("created")


def _is_due_again(known: Bundle, now_ms: int) -> bool:
    return known.changed_at + _VALID_MS[known.state] <= now_ms


def of_project(project_id: str) -> list[Artifact]:
    """Return the source maps of a project, newest first."""
    return artifacts.list_artifacts(project_id)


def uploads(project_id: str) -> list[Bundle]:
    """Return the uploads of a project in the last seven days, newest first."""
    return sorted(artifacts.list_bundles(project_id), key=lambda each: -each.changed_at)


def open_uploads(project_id: str) -> list[Bundle]:
    """Return the uploads that are not compiled, newest first.

    A failed one is left out if a later one of the same release and dist is compiled.
    """
    compiled: set[tuple[str, str]] = set()
    found = []
    for each in uploads(project_id):
        if each.state == "ok":
            compiled.add((each.release, each.dist))
        elif each.state != "error" or (each.release, each.dist) not in compiled:
            found.append(each)
    return found


@audit.recorded("source map deleted", "map_id")
def delete(project_id: str, map_id: str) -> None:
    """Delete a source map. Events that were symbolicated stay so, without the code around frames.

    Raises:
        NotFoundError: the project has no such source map.
        UnavailableError: there was a conflict on every try.
    """
    for _ in attempts():
        with suppress(ConflictError):  # another upload has just replaced it
            _delete(project_id, map_id)
            return
    raise UnavailableError


def _delete(project_id: str, map_id: str) -> None:
    found = artifacts.find_artifact(project_id, map_id)
    if found is None:
        raise NotFoundError(f"Project {project_id} has no source map {map_id}.")
    # A later upload may have replaced what its keys lead to.
    there = artifacts.find_pointers(project_id, found.keys)
    own = tuple(key for key in found.keys if key in there and there[key].map_id == map_id)
    artifacts.delete_artifact(replace(found, keys=own))


def begin_again(project_id: str, now_ms: int) -> int:
    """Begin again with the unfinished uploads and fetches of a project. Return their number."""
    unfinished = [
        each
        for each in artifacts.list_bundles(project_id)
        if each.state in ("created", "assembling")
    ]
    begun = sum(
        artifacts.save_bundle(replace(each, state="created", attempts=0, changed_at=now_ms), each)
        for each in unfinished
    )
    fetches = map_fetches.list_unfinished(project_id)
    for each in fetches:
        map_fetches.move(each, "created", now_ms)
    return begun + len(fetches)


def delete_unused(project_id: str) -> int:
    """Delete compiled maps without an artifact. Return how many these were."""
    # The files first: an artifact that is stored later has its file already.
    stored = list(map_files.list_maps(project_id))
    used = {each.id for each in artifacts.list_artifacts(project_id)}
    unused = [each for each in stored if each not in used]
    for map_id in unused:
        map_files.delete_map(project_id, map_id)
    return len(unused)
