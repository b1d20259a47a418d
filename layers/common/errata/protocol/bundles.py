"""Read the bundle of a build: a ZIP of generated files and their source maps.

Sources: "Artifact Bundles" (Sentry development documentation); PKWARE, "APPNOTE". Whatever is wrong
raises a `SourceMapError`. Nothing is written to a path that a bundle names.
"""

import io
import posixpath
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any
from zlib import error as ZlibError

from pydantic_core import from_json

from errata.errors import SourceMapError
from errata.models.artifact import file_url, normal_debug_id, sent_release
from errata.sourcemaps.parse import MAX_MAP_BYTES

MAX_BUNDLE_BYTES = 200 * 1024 * 1024
MAX_FILES = 10_000
# All source maps in a bundle, unpacked.
MAX_UNPACKED_BYTES = 1024 * 1024 * 1024
# The list of files at the end of the archive. Python makes an object for each file before anything
# can count them.
_MAX_LIST_BYTES = 16 * 1024 * 1024
_MAX_MANIFEST_BYTES = 10 * 1024 * 1024
_MAX_NAME = 1_000
# Raised for damaged, encrypted and unknown kinds of archives.
_BROKEN = (
    *(zipfile.BadZipFile, ZlibError, NotImplementedError, RuntimeError),
    *(ValueError, OSError, EOFError),
)
# Python unpacks the other kinds without a limit: a kilobyte of bzip2 may become gigabytes.
_READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MANIFEST = "manifest.json"
_MAP, _MINIFIED = "source_map", "minified_source"


@dataclass(frozen=True, slots=True)
class BundledMap:
    """A source map in a bundle.

    Attributes:
        path: in the archive.
        debug_id: "" if it has none.
        url: of its generated file, such as `~/assets/app.js`. "" if it is not known.
    """

    path: str
    debug_id: str
    url: str


@dataclass(frozen=True, slots=True)
class BundleManifest:
    """What a bundle says of itself: its release and dist ("" if none), and its source maps."""

    release: str
    dist: str
    maps: tuple[BundledMap, ...]


class BundleReader:
    """A bundle in a file."""

    def __init__(self, file: IO[bytes]) -> None:
        """Open the bundle.

        Raises:
            SourceMapError: it is no ZIP archive, or is too large.
        """
        try:
            self._archive = zipfile.ZipFile(_Opening(file))
        except _BROKEN:
            raise SourceMapError("The bundle is no ZIP archive.") from None
        self._archive.fp = file
        self._left = MAX_UNPACKED_BYTES
        if len(self._archive.infolist()) > MAX_FILES:
            raise SourceMapError(f"The bundle has more than {MAX_FILES} files.")

    def manifest(self) -> BundleManifest:
        """Return the manifest of the bundle."""
        content = self._read(_MANIFEST, _MAX_MANIFEST_BYTES)
        try:
            found = from_json(content)
        except ValueError:
            raise SourceMapError("The manifest of the bundle is not JSON.") from None
        if not isinstance(found, dict) or not isinstance(found.get("files"), dict):
            raise SourceMapError("The manifest of the bundle has no files.")
        release = sent_release(_text(found.get("release")))
        return BundleManifest(release, _text(found.get("dist")), _maps(found))

    def read_map(self, found: BundledMap) -> bytes:
        """Return the content of a source map, at most `MAX_MAP_BYTES`."""
        if self._left <= 0:
            most = MAX_UNPACKED_BYTES >> 20
            raise SourceMapError(f"The source maps before it already have {most} MB, the limit.")
        return self._read(found.path, min(MAX_MAP_BYTES, self._left))

    def _read(self, path: str, most: int) -> bytes:
        """Return a file of the archive. Does not trust the size that the archive names."""
        try:
            about = self._archive.getinfo(path)
        except KeyError:
            raise SourceMapError(f"The bundle has no file {path[:200]}.") from None
        if about.compress_type not in _READABLE:
            raise SourceMapError(f"{path[:200]} is packed in another way than deflate.")
        try:
            with self._archive.open(about) as file:
                content = file.read(most + 1)
        except _BROKEN:
            self._left -= most  # so much of it may have been unpacked
            raise SourceMapError(f"{path[:200]} cannot be unpacked.") from None
        self._left -= len(content)
        if len(content) > most:
            raise SourceMapError(f"{path[:200]} is larger than {most >> 20} MB unpacked.")
        return content


class _Opening(io.BufferedIOBase):
    """A file while `ZipFile` opens it. No part that it reads may be larger than a list of files."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes.

        Raises:
            SourceMapError: these are too many.
        """
        most = _MAX_LIST_BYTES + 1
        content = self._file.read(most if size is None or size < 0 else min(size, most))
        if len(content) == most:
            raise SourceMapError(f"The bundle has more than {MAX_FILES} files.")
        return content

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move to a position, and return it."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def seekable(self) -> bool:
        """Return True."""
        return True


def _maps(manifest: dict[str, Any]) -> tuple[BundledMap, ...]:
    """Return the source maps, each with the URL of the generated file that refers to it."""
    files = list(_files(manifest["files"]))
    by_url: dict[str, str] = {}
    by_debug_id: dict[str, str] = {}
    for _, kind, url, headers in files:
        if kind != _MINIFIED:
            continue
        if debug_id := normal_debug_id(headers.get("debug-id")):
            by_debug_id.setdefault(debug_id, url)
        if reference := headers.get("sourcemap"):
            by_url[_resolved(url, reference)] = url
    found = []
    for path, kind, url, headers in files:
        if kind == _MAP:
            debug_id = normal_debug_id(headers.get("debug-id"))
            found.append(
                BundledMap(path, debug_id, by_url.get(url) or by_debug_id.get(debug_id, ""))
            )
    return tuple(found)


def _files(files: dict[str, Any]) -> Iterator[tuple[str, str, str, dict[str, str]]]:
    """Yield the files of a manifest: path, type, URL, headers with names in lower case."""
    for path, about in files.items():
        if not isinstance(about, dict) or len(path) > _MAX_NAME:
            continue
        sent = about.get("headers")
        headers = {
            name.lower(): each
            for name, each in (sent.items() if isinstance(sent, dict) else ())
            if isinstance(each, str) and len(each) <= _MAX_NAME
        }
        yield path, _text(about.get("type")), file_url(_text(about.get("url"))), headers


def _resolved(url: str, reference: str) -> str:
    """Return the URL of a source map that a generated file refers to."""
    if "://" in reference or reference.startswith("~"):
        return file_url(reference)
    folder = url.removeprefix("~").rpartition("/")[0]
    path = reference.partition("?")[0].partition("#")[0]
    joined = path if path.startswith("/") else f"{folder}/{path}"
    return file_url(posixpath.normpath(joined))


def _text(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= _MAX_NAME else ""
