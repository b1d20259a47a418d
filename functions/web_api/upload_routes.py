"""List the routes for uploads of builds. `functions.web_api.routes` includes them."""

from functions.web_api import upload_schemas, uploads
from functions.web_api.routing import CI, Route

_ORGANIZATION = "/api/0/organizations/<organization>"

ROUTES: list[Route] = [
    Route(
        "GET",
        f"{_ORGANIZATION}/chunk-upload",
        CI,
        uploads.options,
        gives=upload_schemas.UploadOptions,
    ),
    Route(
        "POST",
        f"{_ORGANIZATION}/chunk-upload",
        CI,
        uploads.put_chunk,
        takes_file="file_gzip",
        gives=dict[str, str],
    ),
    Route(
        "POST",
        f"{_ORGANIZATION}/artifactbundle/assemble",
        CI,
        uploads.assemble,
        takes=upload_schemas.AssembleForm,
        gives=upload_schemas.AssemblySchema,
    ),
]
