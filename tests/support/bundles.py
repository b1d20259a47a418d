"""Make bundles of builds, and upload them as a build tool does."""

import hashlib
import io
import json
import zipfile
from typing import Any

from errata.config import settings
from errata.models.artifact import Bundle
from errata.models.ids import now_ms
from errata.store import clients
from errata.usecases import sourcemaps
from errata.usecases.sourcemaps import Assembly
from functions.compile_maps.handler import handler
from tests.support import sdk
from tests.support.calls import calling_as
from tests.support.source_maps import Mapping, source_map

DEBUG_ID = "8f1c0d6e2a3b4c5d8e9f0a1b2c3d4e5f"
SENT_DEBUG_ID = "8f1c0d6e-2a3b-4c5d-8e9f-0a1b2c3d4e5f"
CHUNK = 1_000
URL = "https://shop.example.com/assets/app.js"
# A small shop. The generated file has `add` and `total` in its first line, from columns 0 and 100.
CART = """export class Cart {
  add(item) {
    throw new Error("no stock");
  }
  total() {
    return this.add(1);
  }
}
"""
MAPPINGS: list[Mapping] = [(0, 0, 0, 0, 0), (0, 20, 0, 2, 10), (0, 100, 0, 5, 16), (0, 200)]
MAP = source_map(MAPPINGS, {"webpack://shop/./src/cart.ts": CART})


def bundle(
    maps: dict[str, bytes] | None = None,
    debug_id: str = SENT_DEBUG_ID,
    header: bytes = b"SYSB\x02\0\0\0",
    **manifest: Any,
) -> bytes:
    """Return a bundle with source maps, by the URL of their generated files."""
    files: dict[str, Any] = {}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for url, each in ({"~/app.js": MAP} if maps is None else maps).items():
            name = url.removeprefix("~/")
            about: dict[str, Any] = {"debug-id": debug_id} if debug_id else {}
            files[f"_/_/{name}"] = {
                "url": url,
                "type": "minified_source",
                "headers": {**about, "Sourcemap": f"{name.rpartition('/')[2]}.map"},
            }
            files[f"_/_/{name}.map"] = {
                "url": f"{url}.map",
                "type": "source_map",
                "headers": about,
            }
            archive.writestr(f"_/_/{name}", "minified")
            archive.writestr(f"_/_/{name}.map", each)
        archive.writestr("manifest.json", json.dumps({"files": files, **manifest}))
    return header + content.getvalue()


def sha1(content: bytes) -> str:
    """Return the SHA-1 of bytes, in hex."""
    return hashlib.sha1(content).hexdigest()


def make_bucket() -> None:
    """Create the bucket of source maps in this account."""
    clients.s3().create_bucket(Bucket=settings().maps_bucket)


def upload(project_id: str, content: bytes, **of: str) -> Assembly:
    """Upload a bundle in chunks. Return what the request to assemble it says."""
    chunks = [content[at : at + CHUNK] for at in range(0, len(content), CHUNK)]
    for each in chunks:
        sourcemaps.put_chunk("default", sha1(each), each)
    return assemble(project_id, content, now_ms(), **of)


def assemble(project_id: str, content: bytes, at_ms: int = 0, **of: str) -> Assembly:
    """Ask for the state of an upload."""
    chunks = [sha1(content[at : at + CHUNK]) for at in range(0, len(content), CHUNK)]
    at_ms = at_ms or now_ms()
    return sourcemaps.assemble("default", project_id, sha1(content), chunks, at_ms, **of)


def compiled(project_id: str, content: bytes, release: str = "", dist: str = "") -> None:
    """Run the function on an upload, as the stream does."""
    named = Bundle(project_id, "default", sha1(content), (), release, dist, "created").name
    run(project_id, f"bundle#{named}")


def run(project_id: str, sort_key: str) -> None:
    """Run the function on a row of ArtifactsTable that has changed."""
    keys = {"pk": {"S": project_id}, "sk": {"S": sort_key}}
    with calling_as("CompileMapsFunction"):
        handler({"Records": [{"dynamodb": {"Keys": keys}}]}, None)


def uploaded(project_id: str, content: bytes | None = None, **of: str) -> None:
    """Upload a bundle and have it compiled."""
    content = bundle() if content is None else content
    upload(project_id, content, **of)
    compiled(project_id, content, **of)


def error(
    url: str = URL, debug_id: str = SENT_DEBUG_ID, columns: Any = (101, 21), **more: Any
) -> Any:
    """An event of the shop: `total` calls `add`, which throws."""
    images = [{"type": "sourcemap", "code_file": url, "debug_id": debug_id}]
    frames = [
        {"filename": url, "function": name, "lineno": 1, "colno": column, "in_app": True}
        for name, column in zip("ab", columns, strict=True)
    ]
    thrown = {"type": "Error", "value": "no stock", "stacktrace": {"frames": frames}}
    sent = sdk.event(platform="javascript", exception={"values": [thrown]}, **more)
    sent.pop("message", None)
    return {**sent, "debug_meta": {"images": images}}
