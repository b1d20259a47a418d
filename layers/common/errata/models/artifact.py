"""Artifacts: the source maps that a project has, and how the frames of an event find them."""

import hashlib
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from errata.models.ids import DAY_MS

# An artifact that no event has used for this long is deleted.
UNUSED_KEPT_MS = 90 * DAY_MS
# The time when an artifact was last used is written at most this often.
USE_NOTED_MS = DAY_MS
# The row of an upload is kept this long. A build asks for its state within minutes.
BUNDLE_KEPT_MS = 7 * DAY_MS

# How often a source map at a URL is fetched if that fails, and how long before it is tried again.
MAX_FETCHES = 5
FETCHED_AGAIN_MS = 3_600_000
MAX_FETCH_URL = 2_000
# The compiled maps of a project, together.
MAX_STORED_BYTES = 5 * 1024**3
# How long the row `deleted` of a project is kept. Longer than the stream retries an upload.
DELETED_KEPT_MS = 2 * DAY_MS

type ArtifactState = Literal["not_found", "created", "assembling", "ok", "error"]

type FetchState = Literal["created", "fetching", "fetched", "compiling", "error"]

_DEBUG_ID = re.compile(r"[0-9a-f]{32}")
_MAX_TEXT = 200


@dataclass(frozen=True, slots=True)
class Artifact:
    """A source map of a project.

    Attributes:
        id: the id of the compiled map. Source maps with the same content and keys have the same id.
        name: the name of the generated file, as in the bundle: `~/assets/app.js`.
        debug_id: "" if the build has none.
        release, dist: "" if the upload named none.
        map_bytes, stored_bytes: the sizes of the source map and of the compiled map.
        uploaded_at, used_at: in milliseconds. `used_at` is at most a day too early.
        sources, with_text: the number of original files, and how many of them have a text.
        keys: the keys of its pointers (`debug_key`, `url_key`, `fetch_key`).
        digest: a hash of the compiled map. Does not depend on the keys. "" if it is unknown.
    """

    project_id: str
    id: str
    name: str
    debug_id: str
    release: str
    dist: str
    map_bytes: int
    stored_bytes: int
    uploaded_at: int
    used_at: int
    sources: int
    with_text: int
    keys: tuple[str, ...]
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a key leads to: the id of a compiled map, and when it was uploaded and last used.

    `shared` is whether another map has had this debug id. Then only the debug id's key with the
    release leads to the right one.
    """

    map_id: str
    uploaded_at: int
    used_at: int
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Bundle:
    """An upload of a build for a project.

    Attributes:
        checksum: SHA-1 of the bundle, in hex.
        chunks: the SHA-1 of each upload chunk, in order.
        state: how far it is. `detail` says what is wrong, "" if nothing is.
        attempts: how often it was begun.
        changed_at: when the state last changed, in milliseconds.
    """

    project_id: str
    organization: str
    checksum: str
    chunks: tuple[str, ...]
    release: str
    dist: str
    state: ArtifactState
    detail: str = ""
    attempts: int = 0
    changed_at: int = 0

    @property
    def name(self) -> str:
        """The name of the upload in its project. Builds of several releases may send one bundle."""
        if not (self.release or self.dist):
            return self.checksum
        return f"{self.checksum}#{_digest('\0'.join((self.release, self.dist)))[:16]}"


@dataclass(frozen=True, slots=True)
class Fetch:
    """A source map at a URL that an event names, until it is an artifact.

    Attributes:
        key: its `fetch_key`. The artifact has the same one.
        release: of the event, "" if it has none.
        state: how far it is. `detail` says what is wrong, "" if nothing is.
        asked: how often events have asked for it.
        attempts: how often the work of its state was begun.
        changed_at: when the state last changed, in milliseconds.
    """

    project_id: str
    key: str
    url: str
    release: str
    state: FetchState
    detail: str = ""
    asked: int = 0
    attempts: int = 0
    changed_at: int = 0

    def may_be_asked(self, now_ms: int) -> bool:
        """Return whether it failed long enough ago, and not too often, to be tried once more."""
        old = self.changed_at + FETCHED_AGAIN_MS <= now_ms
        return self.state == "error" and old and self.asked < MAX_FETCHES


def normal_debug_id(text: object) -> str:
    """Return a debug id as 32 hex digits, "" if it is invalid."""
    if not isinstance(text, str) or len(text) > _MAX_TEXT:
        return ""
    plain = text.strip().lower().replace("-", "")
    return plain if _DEBUG_ID.fullmatch(plain) else ""


def sent_release(text: str | None) -> str:
    """Return the release of an upload, "" if it has none."""
    # Plugins for bundlers send this if a build has no release.
    return "" if text in (None, "undefined") else text


def debug_key(debug_id: str, release: str = "") -> str:
    """Return the key of the newest artifact with a normal debug id, or of the one in a release."""
    return f"debug#{debug_id}" + (f"#{_digest(release)[:32]}" if release else "")


def url_key(release: str, dist: str, url: str) -> str:
    """Return the key of the artifact of a file in a release. `url` is a `file_url`."""
    return f"url#{_digest('\0'.join((release, dist, url)))}"


def fetch_key(url: str, release: str, received_ms: int) -> str:
    """Return the key of the source map at a URL that an event names.

    Another build may have another file at the same URL. So it is fetched once for each release, or
    for each day (UTC) on which events without a release name it.
    """
    build = f"release {release}" if release else f"day {received_ms // DAY_MS}"
    text = f"{build}\0{url}"
    return f"fetch#{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def file_url(path: str) -> str:
    """Return the path of a generated file without its host and query: `~/assets/app.js`.

    A host differs between deployments of a build, so uploads leave it out.
    """
    path = path.partition("?")[0].partition("#")[0]
    if path.startswith("~"):
        return path
    try:
        found = urlsplit(path).path if "://" in path else path
    except ValueError:
        return ""
    return f"~/{found.lstrip('/')}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
