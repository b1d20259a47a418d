"""Announce releases, and list them together with the releases of events.

A tool announces a release when it is built, says when it is released, and where it is deployed.
Events of the release may come before or after. The order of releases takes both into account.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from errata.errors import InvalidInputError, NotFoundError, UnavailableError
from errata.models.announced import Announced, Deploy, ReleaseChange
from errata.models.issue import Release
from errata.models.visible import Visible
from errata.protocol.settle import in_release
from errata.store import announced as store
from errata.store import releases
from errata.store.announced import ReleaseRows
from errata.store.events import release_hash
from errata.store.retry import attempts
from errata.usecases import rights

# Each conflict means that another writer, such as digest, made progress.
_TRIES = 8
# Characters of an environment or a name of a deploy, and of a URL.
_MAX_NAME, _MAX_URL = 64, 500
_NOTHING = ReleaseChange()


@dataclass(frozen=True, slots=True)
class KnownRelease:
    """A release of a project: what its events say, and what a tool has announced. One may be None.

    Times are in milliseconds since the epoch.
    """

    project_id: str
    release: Release | None
    announced: Announced | None

    @property
    def name(self) -> str:
        """The name of the release."""
        known = self.release or self.announced
        return known.release if known else ""

    @property
    def created_at(self) -> int:
        """When it was announced or first seen, whichever came first."""
        found = [self.announced.created_at] if self.announced else []
        return min([*found, self.release.first_seen] if self.release else found)

    @property
    def released_at(self) -> int:
        """When it was released, 0 if nobody has said so."""
        of_events = self.release.released_at if self.release else 0
        return (self.announced.released_at if self.announced else 0) or of_events


@dataclass(frozen=True, slots=True)
class ReleaseList:
    """Releases of a project, unordered. The next part begins behind the hash `end`; "": no more."""

    found: list[KnownRelease]
    end: str


def find(visibles: Sequence[Visible], name: str) -> list[KnownRelease]:
    """Return a release as each project that has it knows it. Makes a call for each 33 projects."""
    rows = store.read(visibles, name) if visibles else {}
    return [
        KnownRelease(project_id, each.release, each.announced)
        for project_id, each in rows.items()
        if each.release or each.announced
    ]


def list_known(visible: Visible, start: str = "") -> ReleaseList:
    """Return the releases of a project that events have or that were announced.

    Reads at most 1 MB of either kind. The part begins behind the hash `start`. Makes two calls.
    """
    seen = releases.list_releases(visible, start, pages=1, counted=False)
    by_name = {each.release: each for each in store.list_announced(visible)}
    found = [
        KnownRelease(visible.project_id, each, by_name.get(each.release))
        for each in seen.by_hash.values()
    ]
    names = {each.name for each in found}
    found += [
        KnownRelease(visible.project_id, None, each)
        for name, each in by_name.items()
        if name not in names and _is_between(release_hash(name), start, seen.end)
    ]
    return ReleaseList(found, seen.end)


def _is_between(hashed: str, start: str, end: str) -> bool:
    """Return whether a hash is in the part of a list that was read."""
    return start < hashed and (not end or hashed <= end)


def announce(
    visible: Visible, name: str, created_at: int = 0, wanted: ReleaseChange = _NOTHING
) -> tuple[KnownRelease, bool]:
    """Announce a release; change it if the project knows it. Return it, and whether it is new.

    `created_at` is in milliseconds, 0 for now.

    Raises:
        ForbiddenError: the role in `visible` may not do this.
        InvalidInputError: it is no name of a release.
        UnavailableError: there was a conflict on every try.
    """
    return _change(visible, name, wanted, created_at)


def change(visible: Visible, name: str, wanted: ReleaseChange) -> KnownRelease:
    """Change a release that the project knows: when it was released, its URL, or a deploy.

    Raises:
        ForbiddenError, InvalidInputError, UnavailableError: as `announce`.
        NotFoundError: the project has no such release.
    """
    return _change(visible, name, wanted, None)[0]


def deploy(
    environment: str, name: str = "", url: str = "", started_at: int = 0, finished_at: int = 0
) -> Deploy:
    """Return a deploy to add to a release.

    Raises:
        InvalidInputError: a text is too long, or there is no environment.
    """
    errors = {}
    if not 0 < len(environment) <= _MAX_NAME:
        errors["environment"] = [f"Give an environment of at most {_MAX_NAME} characters."]
    if len(name) > _MAX_NAME:
        errors["name"] = [f"The name may have at most {_MAX_NAME} characters."]
    if len(url) > _MAX_URL:
        errors["url"] = [f"The URL may have at most {_MAX_URL} characters."]
    if errors:
        raise InvalidInputError(errors)
    return Deploy(0, environment, name, url, started_at, finished_at)


def _change(
    visible: Visible, name: str, wanted: ReleaseChange, created_at: int | None
) -> tuple[KnownRelease, bool]:
    """Change a release, or announce it if the project does not know it.

    `created_at` is when it was created, 0 for now. None: do not announce it.
    """
    rights.check(visible, "settle")
    name = in_release(name).release
    if wanted.url and len(wanted.url) > _MAX_URL:
        raise InvalidInputError({"url": [f"The URL may have at most {_MAX_URL} characters."]})
    for _ in attempts(_TRIES):
        rows = store.read([visible], name)[visible.project_id]
        new = not (rows.release or rows.announced)
        if new and created_at is None:
            raise NotFoundError(f"Project {visible.project_id} has no release {name}.")
        before = rows.announced or _unannounced(visible, rows, name, created_at or 0)
        after = wanted.of(before)
        if after == before and not new:
            return KnownRelease(visible.project_id, rows.release, rows.announced), False
        if store.save(visible, rows, after):
            return KnownRelease(visible.project_id, rows.release, after), new
    raise UnavailableError


def _unannounced(visible: Visible, rows: ReleaseRows, name: str, created_at: int) -> Announced:
    """Return the first announcement of a release, before the wanted change."""
    at = created_at or visible.now_ms
    if rows.release:
        return Announced(name, rows.release.first_seen, rows.release.released_at)
    return Announced(name, at)
