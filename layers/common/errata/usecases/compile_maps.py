"""Compile the source maps of a bundle, once it is uploaded.

Each step may happen twice: the files and rows that it writes have the same names and contents.
"""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import closing
from typing import IO

from errata.errors import ConditionFailedError, SourceMapError
from errata.models.artifact import (
    MAX_STORED_BYTES,
    Artifact,
    Bundle,
    debug_key,
    normal_debug_id,
    url_key,
)
from errata.protocol.bundles import BundledMap, BundleReader
from errata.sourcemaps.compile import Compiled, FindFunctions, compile_map
from errata.sourcemaps.parse import SourceMap, parse_map
from errata.store import artifacts, map_fetches, map_files

logger = logging.getLogger("errata")

_PART = 1024 * 1024
# Errors that the response names. Others are counted.
_MOST_NAMED = 3
_FULL = (
    f"The source maps of the project take {MAX_STORED_BYTES >> 30} GB, the most. Delete some"
    " (`errata sourcemaps delete`), or wait until unused ones expire."
)
_MAX_KEYS = 90  # of an artifact: a transaction writes a hundred rows


def compile_bundle(project_id: str, name: str, now_ms: int, find_functions: FindFunctions) -> None:
    """Compile the source maps of an uploaded bundle, and record how that ended.

    A map that cannot be used does not hold up the others; the state is then `error`, with the
    reasons. No-op if the bundle is compiled.

    Raises:
        StoreError: the store failed. Another run does the rest.
    """
    bundle = artifacts.begin_bundle(project_id, name, now_ms)
    if bundle is None:
        # A run that was cut off may have left a file.
        delete_artifacts_if_deleted(project_id)
        return
    if bundle.attempts > artifacts.MAX_ATTEMPTS:
        detail = (
            f"{artifacts.MAX_ATTEMPTS} attempts to compile the bundle have failed. Its source maps"
            " may take too much memory or time; the log of compile_maps says more."
        )
        artifacts.finish_bundle(bundle, "error", detail, now_ms)
        return
    wrong: list[str] = []
    compiled = 0
    try:
        for outcome in _compile_all(bundle, now_ms, find_functions):
            if outcome:
                wrong.append(outcome)
            else:
                compiled += 1
        if compiled:
            artifacts.note_maps(project_id, now_ms)
    except SourceMapError as error:
        wrong.append(str(error))
    except ConditionFailedError:  # the project is deleted
        delete_project_artifacts(project_id)
        return
    if not compiled and not wrong:
        wrong.append("The bundle has no source maps.")
    artifacts.finish_bundle(bundle, "error" if wrong else "ok", _joined(wrong), now_ms)


def _compile_all(bundle: Bundle, now_ms: int, find_functions: FindFunctions) -> Iterator[str]:
    """Compile each map of a bundle. Yield what is wrong with it, "" if nothing is."""
    file = map_files.joined_chunks(bundle.organization, bundle.chunks)
    if file is None:
        raise SourceMapError("Chunks of the bundle have expired. Upload it again.")
    with closing(file):
        if _sha1(file) != bundle.checksum:
            raise SourceMapError("The checksum of the bundle is not that of its chunks.")
        reader = BundleReader(file)
        manifest = reader.manifest()
        release, dist = bundle.release or manifest.release, bundle.dist or manifest.dist
        space = _Space(bundle.project_id)
        for found in manifest.maps:
            try:
                content = reader.read_map(found)
                source_map = parse_map(content)
                compiled = compile_map(source_map, find_functions)
            except SourceMapError as error:
                yield f"{found.path}: {error}"
                continue
            keys = _keys(found, source_map, release, dist)
            if not keys:
                yield f"{found.path}: It has no debug id, and no file of a release refers to it."
                continue
            of = (release, dist, now_ms)
            artifact = _artifact(
                bundle.project_id, found.url or found.path, content, compiled, keys, of
            )
            if not space.take_space(artifact):
                yield f"{found.path}: {_FULL}"
                continue
            _store(artifact, compiled)
            yield ""


def compile_fetched(project_id: str, key: str, now_ms: int, find_functions: FindFunctions) -> None:
    """Compile a source map that was fetched. No-op if it is compiled.

    Raises:
        StoreError: the store failed. Another run does the rest.
    """
    fetch = map_fetches.begin(project_id, key, "fetched", "compiling", now_ms)
    if fetch is None:
        delete_artifacts_if_deleted(project_id)
        return
    try:
        if fetch.attempts > artifacts.MAX_ATTEMPTS:
            raise SourceMapError(f"{artifacts.MAX_ATTEMPTS} attempts to compile it have failed.")
        content = map_files.read_fetched(project_id, key)
        if content is None:
            raise SourceMapError("It was not compiled in time.")
        compiled = compile_map(parse_map(content), find_functions)
        of = (fetch.release, "", now_ms)
        artifact = _artifact(project_id, fetch.url, content, compiled, (key,), of)
        if not _Space(project_id).take_space(artifact):
            raise SourceMapError(_FULL)
    except SourceMapError as error:
        map_fetches.move(fetch, "error", now_ms, str(error))
        return
    try:
        # This replaces the fetch by what leads to the compiled map.
        _store(artifact, compiled)
    except ConditionFailedError:
        delete_project_artifacts(project_id)


def _keys(found: BundledMap, source_map: SourceMap, release: str, dist: str) -> tuple[str, ...]:
    """Return the keys by which frames find a map."""
    debug_id = found.debug_id or normal_debug_id(source_map.debug_id)
    keys = [debug_key(debug_id)] if debug_id else []
    if debug_id and release:
        keys.append(debug_key(debug_id, release))
    if release and found.url:
        keys.append(url_key(release, dist, found.url))
    return tuple(keys[:_MAX_KEYS])


def _artifact(
    project_id: str,
    name: str,
    content: bytes,
    compiled: Compiled,
    keys: tuple[str, ...],
    of: tuple[str, str, int],
) -> Artifact:
    """Return the artifact of a source map. `of`: release, dist, and when it was uploaded."""
    release, dist, now_ms = of
    # The id depends on the keys, too: another build may have the same map. Each can be deleted.
    map_id = hashlib.sha256(b"\0".join([content, *map(str.encode, keys)])).hexdigest()[:32]
    # The key without a release is the first one.
    debug_id = next((key.partition("#")[2] for key in keys if key.startswith("debug#")), "")
    return Artifact(
        project_id,
        map_id,
        name,
        debug_id,
        release,
        dist,
        len(content),
        len(compiled.content),
        now_ms,
        now_ms,
        compiled.sources,
        compiled.with_text,
        keys,
        hashlib.sha256(compiled.content).hexdigest()[:32],
    )


def _store(artifact: Artifact, compiled: Compiled) -> None:
    """Store a compiled map and its artifact.

    Raises:
        ConditionFailedError: the project is deleted.
    """
    map_files.put_map(artifact.project_id, artifact.id, compiled.content)
    if not artifacts.save_artifact(artifact):
        raise ConditionFailedError


class _Space:
    """The space that the compiled maps of a project may take.

    The stream passes the uploads of a project one after the other, so nothing is stored meanwhile.
    """

    def __init__(self, project_id: str) -> None:
        self._sizes = {each.id: each.stored_bytes for each in artifacts.list_artifacts(project_id)}
        self._left = MAX_STORED_BYTES - sum(self._sizes.values())

    def take_space(self, artifact: Artifact) -> bool:
        """Return whether there is space for a map. If so, count it, in place of itself if known."""
        left = self._left + self._sizes.get(artifact.id, 0) - artifact.stored_bytes
        if left < 0:
            return False
        self._left, self._sizes[artifact.id] = left, artifact.stored_bytes
        return True


def delete_unused_map(project_id: str, map_id: str) -> None:
    """Delete a compiled map whose artifact is deleted or has expired.

    No-op if the artifact exists: it was uploaded again meanwhile.
    """
    if artifacts.find_artifact(project_id, map_id) is None:
        map_files.delete_map(project_id, map_id)


def delete_artifacts_if_deleted(project_id: str) -> None:
    """Delete what a project has if it was deleted."""
    if artifacts.is_deleted(project_id):
        delete_project_artifacts(project_id)


def delete_project_artifacts(project_id: str) -> None:
    """Delete everything that a deleted project has: files, upload chunks, rows.

    Another project of the organization may have uploaded the same chunk. If that upload is not
    compiled yet, it fails, and the build has to be uploaded again.

    Deletes the rows last, because they name the chunks. So an interrupted call can be repeated. An
    upload that is compiled meanwhile finds the project deleted, and calls this again.
    """
    bundles = artifacts.list_bundles(project_id)
    chunks = {(each.organization, chunk) for each in bundles for chunk in each.chunks}
    map_files.delete_files(project_id, chunks)
    artifacts.delete_rows(project_id)


def _sha1(file: IO[bytes]) -> str:
    digest = hashlib.sha1(usedforsecurity=False)
    while part := file.read(_PART):
        digest.update(part)
    file.seek(0)
    return digest.hexdigest()


def _joined(wrong: list[str]) -> str:
    more = len(wrong) - _MOST_NAMED
    return " ".join(wrong[:_MOST_NAMED]) + (f" And {more} more." if more > 0 else "")
