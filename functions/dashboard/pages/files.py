"""Static files: style and scripts."""

from errata.errors import NotFoundError
from functions.dashboard.render import STATIC, STATIC_TAGS
from functions.dashboard.routing import open_get
from functions.dashboard.web import PageRequest, PageResponse

_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@open_get("static/<tag>/<name>")
def file(request: PageRequest, _now_ms: int) -> PageResponse:
    """Return a file. Its URL changes with its content, so browsers may cache it forever."""
    name = request.ids["name"]
    if STATIC_TAGS.get(name) != request.ids["tag"]:
        raise NotFoundError("This file does not exist.")
    return PageResponse(
        STATIC[name],
        content_type=_TYPES[name.rpartition(".")[2]],
        headers={"Cache-Control": "public, max-age=31536000, immutable"},
    )
