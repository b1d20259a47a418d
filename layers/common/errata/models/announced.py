"""Releases that a tool has announced, perhaps before their first event, and their deploys."""

from dataclasses import dataclass, replace

# A release keeps its newest deploys.
MAX_DEPLOYS = 20


@dataclass(frozen=True, slots=True)
class Deploy:
    """A deploy of a release to an environment. Times are in milliseconds, 0 if they are unknown."""

    id: int
    environment: str
    name: str = ""
    url: str = ""
    started_at: int = 0
    finished_at: int = 0


@dataclass(frozen=True, slots=True)
class Announced:
    """A release that was announced. Times are in milliseconds since the epoch.

    Attributes:
        created_at: when it was announced, or began to be built.
        released_at: when it was released, 0 if nobody has said so.
        url: of a page about it, "" if there is none.
        deploys: the newest ones, oldest first.
        revision: counts the changes, to detect conflicts. 0 if the release is not stored yet.
        expires_at: in seconds since the epoch.
    """

    release: str
    created_at: int
    released_at: int = 0
    url: str = ""
    deploys: tuple[Deploy, ...] = ()
    revision: int = 0
    expires_at: int = 0

    @property
    def since(self) -> int:
        """When it was released, or else announced."""
        return self.released_at or self.created_at

    def deployed(self, deploy: Deploy) -> "Announced":
        """Return the release with another deploy, which gets the next id.

        Returns the release unchanged if it has the same deploy, so that a request can be repeated.
        """
        if any(replace(each, id=0) == replace(deploy, id=0) for each in self.deploys):
            return self
        number = self.deploys[-1].id + 1 if self.deploys else 1
        return replace(self, deploys=(*self.deploys, replace(deploy, id=number))[-MAX_DEPLOYS:])


@dataclass(frozen=True, slots=True)
class ReleaseChange:
    """What to change of an announced release. None leaves a value as it is."""

    url: str | None = None
    released_at: int | None = None
    deploy: Deploy | None = None

    def of(self, before: Announced) -> Announced:
        """Return a release after this change."""
        after = before if self.url is None else replace(before, url=self.url)
        if self.released_at is not None:
            after = replace(after, released_at=self.released_at)
        return after.deployed(self.deploy) if self.deploy else after
