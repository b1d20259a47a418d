"""A project with issues, and tokens for it, for tests of the web API."""

from dataclasses import dataclass, field
from typing import Any

from errata.models.ids import now_ms
from errata.usecases import projects
from tests.support import stream, web_api
from tests.support.account import Project
from tests.support.snapshot import step
from tests.support.web_api import Response

OWNER = "ada@example.com"
TIMEOUT: dict[str, Any] = {
    "message": "no answer from the bank",
    "exception_class": "TimeoutError",
    "level": "error",
    "platform": "python",
    "environment": "production",
    "release": "shop@1.0",
    "tags": {"bank": "ubs"},
    "context": {"user": {"id": "7", "email": "eve@example.com"}},
}


@dataclass
class Shop:
    """A project, and the token of an owner who may change everything."""

    project: Project
    token: str
    sequence: int = field(default=0)

    @property
    def id(self) -> str:
        """The id of the project."""
        return self.project.id

    @property
    def slug(self) -> str:
        """The slug of the project."""
        return projects.find(self.id).slug

    @property
    def path(self) -> str:
        """The path of the project in the API."""
        return f"/api/0/projects/default/{self.slug}"

    def send(self, *events: dict[str, Any], ago_ms: int = 0) -> list[str]:
        """Store events, and digest them. Return their ids."""
        at = now_ms() - ago_ms
        items = [stream.event(self.id, at + n, **each) for n, each in enumerate(events)]
        ids = stream.put(items)
        first, self.sequence = 1001 + self.sequence, self.sequence + len(items)
        assert stream.deliver(stream.numbered(items, first)) == []
        return ids

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Response:
        """Send a request. A path without `/api` is below the project."""
        target = path if path.startswith("/api") else f"{self.path}/{path}"
        return web_api.call(method, target, more.pop("token", self.token), body, **more)

    def get(self, path: str, **more: Any) -> Any:
        """Return the content of a response that is no error."""
        response = self.call("GET", path, **more)
        assert response.status == 200, response.text
        return response.json

    def put(self, path: str, body: Any, status: int = 200, **more: Any) -> Any:
        """Change something. Return the content of the response, None if it has none."""
        response = self.call("PUT", path, body, **more)
        assert response.status == status, response.text
        return response.json if response.text else None


def new_shop(project: Project) -> Shop:
    """Return the project with the token of an owner."""

    def token() -> str:
        web_api.member(OWNER, "owner")
        return web_api.token("write", member=OWNER)

    return Shop(project, step(("token", OWNER), token))
