"""Uploads of builds: their source maps, in bundles that come in chunks (docs/source-maps.md)."""

from collections.abc import Iterable

from errata.models.artifact import sent_release
from errata.usecases import sourcemaps
from errata.usecases.sourcemaps import Assembly
from functions.web_api.chunks import read_chunk
from functions.web_api.context import Context
from functions.web_api.request import ApiResponse
from functions.web_api.upload_schemas import AssembleForm, AssemblySchema, UploadOptions

# A bundle for several projects has the first of these states that one of the projects has.
_ORDER = ("error", "not_found", "created", "assembling", "ok")


def options(context: Context, organization: str) -> ApiResponse:
    """Return how and where to upload chunks."""
    context.check_organization(organization)
    path = f"/api/0/organizations/{organization}/chunk-upload/"
    return ApiResponse(UploadOptions(url=context.request.web_url + path))


def put_chunk(context: Context, organization: str) -> ApiResponse:
    """Store a chunk of a bundle. No-op if it is stored."""
    context.check_organization(organization)
    context.must_release()
    chunk = read_chunk(context.request.headers.get("content-type", ""), context.request.body)
    sourcemaps.put_chunk(organization, chunk.name, chunk.content)
    return ApiResponse({})


def assemble(context: Context, organization: str) -> ApiResponse:
    """Start to compile a bundle whose chunks are uploaded, and return how far it is.

    A build asks again until the state is `ok` or `error`.
    """
    context.check_organization(organization)
    context.must_release()
    form = context.read(AssembleForm)
    found = [
        sourcemaps.assemble(
            organization,
            project.id,
            form.checksum,
            form.chunks,
            context.now_ms,
            sent_release(form.version),
            form.dist or "",
        )
        for project in context.projects(organization, form.projects)
    ]
    return ApiResponse(_of_all(found))


def _of_all(found: Iterable[Assembly]) -> AssemblySchema:
    slowest = min(found, key=lambda each: _ORDER.index(each.state))
    return AssemblySchema(
        state=slowest.state,
        missing_chunks=list(slowest.missing),
        detail=slowest.detail or None,
    )
