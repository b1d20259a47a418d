"""How builds upload source maps, as the web API takes and returns it.

Source: "Chunk Upload" and "Artifact Bundles" (Sentry development documentation).
"""

from typing import Annotated, Literal

from pydantic import Field

from errata.models.artifact import ArtifactState
from errata.protocol.bundles import MAX_BUNDLE_BYTES
from errata.usecases.sourcemaps import MAX_CHUNK_BYTES, MAX_CHUNKS
from functions.web_api.fields import IF_ANY, Form
from functions.web_api.schemas import Schema

_MAX_PROJECTS = 5
_MAX_VERSION, _MAX_DIST = 250, 64
Sha1 = Annotated[str, Field(pattern="^[0-9a-f]{40}$")]


class UploadOptions(Schema):
    """How to upload. A request has one chunk, since a Lambda event has at most 6 MB.

    Attributes:
        chunk_size: a power of two: tools before 2.40 insist on that.
        max_wait: seconds that a tool waits for the end of an upload, at most.
        accept: what may be uploaded. With `release_files`, tools of version 2 need no release.
    """

    url: str
    chunk_size: int = MAX_CHUNK_BYTES
    chunks_per_request: int = 1
    max_request_size: int = MAX_CHUNK_BYTES
    max_file_size: int = MAX_BUNDLE_BYTES
    max_wait: int = 300
    concurrency: int = 4
    hash_algorithm: Literal["sha1"] = "sha1"
    compression: list[str] = ["gzip"]
    accept: list[str] = ["release_files", "artifact_bundles"]


class AssembleForm(Form):
    """A bundle whose chunks are uploaded, for these projects: slugs or ids."""

    checksum: Sha1
    chunks: Annotated[list[Sha1], Field(max_length=MAX_CHUNKS)]
    projects: Annotated[list[str | int], Field(min_length=1, max_length=_MAX_PROJECTS)]
    version: Annotated[str | None, Field(max_length=_MAX_VERSION)] = None
    dist: Annotated[str | None, Field(max_length=_MAX_DIST)] = None


class AssemblySchema(Schema):
    """How far an upload is. `detail` says what is wrong, if something is."""

    state: ArtifactState
    missing_chunks: list[Sha1]
    detail: Annotated[str | None, IF_ANY] = None
