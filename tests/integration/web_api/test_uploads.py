"""Builds upload source maps through the web API, in chunks."""

import gzip
from contextlib import suppress
from itertools import count
from typing import Any

import pytest

from errata.store import artifacts, map_files
from errata.usecases import members, organizations, sourcemaps
from functions.web_api import chunks
from functions.web_api.upload_schemas import AssemblySchema, UploadOptions
from tests.support import web_api
from tests.support.account import new_project
from tests.support.bundles import DEBUG_ID, MAP, bundle, compiled, make_bucket, sha1
from tests.support.calls import Killed, fault, killed, recorded
from tests.support.shop import Shop
from tests.support.web_api import Response, Way

BELOW = "/api/0/organizations/default"
UPLOAD, ASSEMBLE = f"{BELOW}/chunk-upload/", f"{BELOW}/artifactbundle/assemble/"
BOUNDARY = "----a boundary"


@pytest.fixture(autouse=True)
def bucket(aws: None) -> None:
    """Create the bucket."""
    make_bucket()


@pytest.fixture
def ci() -> str:
    """Return a token for a build."""
    return web_api.token("ci")


def form(name: str, content: bytes, field: str = "file_gzip") -> bytes:
    """Return the body of a form with one file."""
    head = f'Content-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
    head += "Content-Type: application/octet-stream\r\n"
    start, end = f"--{BOUNDARY}\r\n{head}\r\n".encode(), f"\r\n--{BOUNDARY}--\r\n".encode()
    return start + content + end


def post(token: str, body: bytes, way: Way = "url", kind: str = "multipart/form-data") -> Response:
    """Send a form."""
    headers = {"content-type": f'{kind}; boundary="{BOUNDARY}"'}
    return web_api.call("POST", UPLOAD, token, body, headers=headers, way=way)


def upload(token: str, content: bytes, way: Way = "url") -> None:
    """Upload a bundle as one chunk."""
    response = post(token, form(sha1(content), gzip.compress(content)), way)
    assert (response.status, response.json) == (200, {}), response.text


def assemble(token: str, content: bytes, *projects: str, **more: Any) -> Response:
    """Ask for the state of a bundle that is one chunk."""
    body = {"checksum": sha1(content), "chunks": [sha1(content)], "projects": projects, **more}
    response = web_api.call("POST", ASSEMBLE, token, body)
    if response.status == 200:
        AssemblySchema.model_validate_json(response.text)
    return response


@pytest.mark.parametrize("way", ["url", "gateway"])
def test_a_build_reads_the_options_uploads_a_bundle_and_polls_its_state(
    shop: Shop, ci: str, way: Way
) -> None:
    options = UploadOptions.model_validate_json(web_api.call("GET", UPLOAD, ci, way=way).text)
    base = web_api.URL if way == "url" else web_api.GATEWAY
    assert options.url == base + UPLOAD
    # Of 6 MB that Lambda takes, Base64 leaves 4.5 MB. Old tools insist on a power of two.
    assert options.chunk_size & (options.chunk_size - 1) == 0
    assert options.chunk_size < chunks.MAX_BODY_BYTES < 4.5 * 1024 * 1024
    assert options.max_file_size <= options.chunk_size * sourcemaps.MAX_CHUNKS
    content = bundle()
    asked = assemble(ci, content, shop.slug)
    assert asked.json == {"state": "not_found", "missingChunks": [sha1(content)]}
    upload(ci, content, way)
    for _ in range(2):
        begun = assemble(ci, content, shop.slug, version="shop@1", dist="7")
        assert begun.json == {"state": "created", "missingChunks": []}
    compiled(shop.id, content, "shop@1", "7")
    ended = assemble(ci, content, shop.slug, version="shop@1", dist="7")
    assert ended.json == {"state": "ok", "missingChunks": []}
    (artifact,) = artifacts.list_artifacts(shop.id)
    assert (artifact.release, artifact.dist, artifact.debug_id) == ("shop@1", "7", DEBUG_ID)


@pytest.mark.parametrize("sent", ["undefined", None, ""])
def test_an_artifact_of_a_build_without_a_release_has_none(
    shop: Shop, ci: str, sent: str | None
) -> None:
    content = bundle(release="undefined")
    upload(ci, content)
    assemble(ci, content, shop.slug, version=sent, dist=None)
    compiled(shop.id, content)
    (artifact,) = artifacts.list_artifacts(shop.id)
    assert (artifact.release, len(artifact.keys)) == ("", 1)


def test_the_error_of_a_bundle_is_in_the_response(shop: Shop, ci: str) -> None:
    content = bundle({"~/app.js": b"<!doctype html>"})
    upload(ci, content)
    assemble(ci, content, shop.slug)
    compiled(shop.id, content)
    assert assemble(ci, content, shop.slug).json == {
        "state": "error",
        "missingChunks": [],
        "detail": "_/_/app.js.map: The file is not JSON, so it is no source map.",
    }


def test_a_bundle_for_several_projects_is_compiled_for_each(shop: Shop, ci: str) -> None:
    other = Shop(new_project(metered=True), shop.token)
    content = bundle()
    upload(ci, content)
    both = (shop.slug, other.id, shop.slug)
    assert assemble(ci, content, *both).json["state"] == "created"
    compiled(shop.id, content)
    assert assemble(ci, content, *both).json["state"] == "created"
    compiled(other.id, content)
    assert assemble(ci, content, *both).json["state"] == "ok"
    assert assemble(ci, content, shop.slug).json["state"] == "ok"


def test_a_chunk_in_the_field_file_is_stored_as_sent(ci: str) -> None:
    content = gzip.compress(MAP)
    assert post(ci, form(sha1(content), content, "file")).status == 200
    assert map_files.chunk_sizes("default", [sha1(content)]) == {sha1(content): len(content)}


def many(*bodies: bytes) -> bytes:
    """Return the body of a form with several files."""
    end = f"\r\n--{BOUNDARY}--\r\n".encode()
    return b"\r\n".join(each.removesuffix(end) for each in bodies) + end


OK = form(sha1(MAP), gzip.compress(MAP))
NO_NAME = form("", b"").replace(b'; filename=""', b"")


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"", 400, "multipart/form-data"),
        (MAP, 400, "multipart/form-data"),
        (OK[:-30], 400, "multipart/form-data"),
        (b"\r\n" + OK, 400, "multipart/form-data"),
        (
            OK.replace(b"\r\n\r\n", b"\r\n" + b"x" * 5_000 + b"\r\n\r\n", 1),
            400,
            "multipart/form-data",
        ),
        (many(OK, OK), 400, "A request has one chunk."),
        (form(sha1(MAP), MAP, "other"), 400, "file or file_gzip"),
        (NO_NAME, 400, "file or file_gzip"),
        (OK.replace(b"Content-Disposition", b"X"), 400, "file or file_gzip"),
        (form("0" * 40, gzip.compress(MAP)), 400, "must be its SHA-1"),
        (form("../../maps/1/x", gzip.compress(MAP)), 400, "must be its SHA-1"),
        (form(sha1(MAP), gzip.compress(MAP)[:-9]), 400, "broken or cut short"),
        (form(sha1(MAP), MAP), 200, ""),
        (form("0" * 40, gzip.compress(bytes(5 * 1024 * 1024))), 413, "larger than 4194304"),
        (form("0" * 40, bytes(4 * 1024 * 1024 + 1), "file"), 400, "at most 4194304"),
        (form("0" * 40, bytes(5 * 1024 * 1024), "file"), 413, "has more than"),
    ],
)
def test_an_invalid_chunk_is_refused_and_an_uncompressed_one_is_accepted(
    ci: str, body: bytes, status: int, detail: str
) -> None:
    response = post(ci, body)
    assert (response.status, detail in response.text) == (status, True), response.text
    if status != 200:
        assert response.json["detail"]


def test_a_body_with_another_content_type_is_400(ci: str) -> None:
    for kind in ("application/json", "multipart/mixed", ""):
        assert post(ci, OK, kind=kind).status == 400
    for header in ("", "multipart/form-data", "multipart/form-data; boundary="):
        headers = {"content-type": header}
        assert web_api.call("POST", UPLOAD, ci, OK, headers=headers).status == 400


@pytest.mark.parametrize(
    "bad",
    [
        {"checksum": "../x"},
        {"checksum": None},
        {"chunks": ["x"]},
        {"chunks": ["0" * 40] * 401},
        {"projects": []},
        {"projects": ["nobody's"]},
        {"projects": ["a", "b", "c", "d", "e", "f"]},
        {"version": "x" * 251},
        {"dist": ["x"]},
    ],
    ids=str,
)
def test_an_invalid_request_to_assemble_names_its_field(
    shop: Shop, ci: str, bad: dict[str, Any]
) -> None:
    response = assemble(ci, MAP, shop.slug, **bad)
    assert response.status == 400
    assert next(iter(response.json["errors"])).startswith(next(iter(bad)))


def test_only_a_token_that_may_release_for_a_project_assembles_its_bundle(
    shop: Shop, ci: str
) -> None:
    content = bundle()
    upload(ci, content)
    other = new_project(metered=True)
    team = members.create_team("default", "web")
    members.set_project_teams(other.id, [team.id])
    eve = web_api.token("ci", member=web_api.member("eve@example.com", teams=(team.id,)))
    members.set_project_teams(shop.id, [members.create_team("default", "shop").id])
    refused = assemble(eve, content, shop.slug)
    assert refused.status == 400
    assert "does not exist, or the token does not see it" in refused.json["errors"]["projects"][0]
    assert assemble(eve, content, other.id).json["state"] == "created"
    viewer = web_api.token("ci", member=web_api.member("vic@example.com", "viewer"))
    read = web_api.token("read")
    for held in (viewer, read):
        assert assemble(held, content, shop.slug).status == 403
        assert post(held, OK).status == 403
    foreign = web_api.token("ci", organization=organizations.create("acme").id)
    assert web_api.call("GET", UPLOAD, foreign).status == 404
    assert (post(foreign, OK).status, assemble(foreign, content, shop.slug).status) == (404, 404)
    assert artifacts.list_bundles(shop.id) == []


def test_chunks_that_are_too_large_together_are_an_error(
    shop: Shop, ci: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sourcemaps, "MAX_BUNDLE_BYTES", 2 * len(MAP))
    upload(ci, MAP)
    found = assemble(ci, MAP, shop.slug, chunks=[sha1(MAP)] * 3).json
    assert (found["state"], found["missingChunks"]) == ("error", [])
    assert found["detail"].startswith("The bundle is larger than")
    assert artifacts.list_bundles(shop.id) == []


def test_an_upload_killed_at_any_call_is_completed_by_a_retry(shop: Shop, ci: str) -> None:
    for number in count(1):
        content = bundle(release=f"shop@{number}")
        with fault(number, killed, after=True) as outcome, suppress(Killed):
            upload(ci, content)
            assemble(ci, content, shop.slug)
        upload(ci, content)
        assert assemble(ci, content, shop.slug).json["state"] == "created"
        compiled(shop.id, content)
        assert assemble(ci, content, shop.slug).json["state"] == "ok"
        if not outcome.struck:
            assert number > 6
            return


def test_the_requests_of_an_upload_make_only_these_calls(shop: Shop, ci: str) -> None:
    content = bundle()
    web_api.call("GET", UPLOAD, ci)
    made = []
    for send in (
        lambda: web_api.call("GET", UPLOAD, ci),
        lambda: upload(ci, content),
        lambda: assemble(ci, content, shop.id),
        lambda: assemble(ci, content, shop.id),
    ):
        with recorded() as calls:
            send()
        made.append([each.operation for each in calls])
    assert made == [
        ["UpdateItem"],
        ["UpdateItem", "PutObject"],
        ["UpdateItem", "GetItem", "GetItem", "HeadObject", "PutItem"],
        ["UpdateItem", "GetItem", "GetItem"],
    ]
