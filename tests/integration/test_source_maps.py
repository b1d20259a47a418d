"""Builds upload source maps. They are compiled, listed, used, and deleted when nobody uses them."""

import io
import json
import zipfile
from contextlib import suppress
from itertools import count
from typing import Any

import pytest

from errata.config import settings
from errata.errors import InvalidInputError
from errata.models.artifact import BUNDLE_KEPT_MS, debug_key, url_key
from errata.models.ids import now_ms
from errata.protocol import bundles as protocol
from errata.sourcemaps import compiled as format_of
from errata.store import artifacts, clients, map_fetches, map_files, projects
from errata.usecases import compile_maps, delete_project, redrive, sourcemaps
from tests.support import account
from tests.support.account import Project, new_project
from tests.support.bundles import (
    DEBUG_ID,
    MAP,
    assemble,
    bundle,
    compiled,
    make_bucket,
    run,
    sha1,
    upload,
    uploaded,
)
from tests.support.calls import Call, Killed, fault, killed, recorded, watched


@pytest.fixture(autouse=True)
def bucket(aws: None) -> None:
    """Create the bucket."""
    make_bucket()


def test_a_build_asks_what_is_missing_uploads_it_and_gets_the_result(busy: Project) -> None:
    content = bundle(release="shop@1")
    asked = assemble(busy.id, content)
    assert (asked.state, len(asked.missing)) == ("not_found", len(content) // 1_000 + 1)
    assert upload(busy.id, content).state == "created"
    assert assemble(busy.id, content).state == "created"
    compiled(busy.id, content)
    assert assemble(busy.id, content) == sourcemaps.Assembly("ok")
    (artifact,) = artifacts.list_artifacts(busy.id)
    assert (artifact.name, artifact.debug_id, artifact.release) == ("~/app.js", DEBUG_ID, "shop@1")
    assert artifact.keys == (
        debug_key(DEBUG_ID),
        debug_key(DEBUG_ID, "shop@1"),
        url_key("shop@1", "", "~/app.js"),
    )
    assert (artifact.map_bytes, artifact.sources, artifact.with_text) == (len(MAP), 1, 1)
    found = artifacts.find_pointers(busy.id, [*artifact.keys, debug_key("0" * 32)])
    assert {each.map_id for each in found.values()} == {artifact.id}
    assert len(found) == 3
    start = map_files.read_map(busy.id, artifact.id, 0, 10_000)
    assert start is not None
    assert format_of.read_head(start).paths == ["webpack://shop/./src/cart.ts"]
    project = projects.find_project(busy.id)
    assert project is not None
    assert project.maps


def test_the_release_of_the_request_overrides_that_of_the_bundle(busy: Project) -> None:
    uploaded(busy.id, bundle(release="of the bundle"), release="shop@2", dist="7")
    (artifact,) = artifacts.list_artifacts(busy.id)
    assert (artifact.release, artifact.dist) == ("shop@2", "7")


def test_an_interrupted_compilation_is_finished_by_the_next_run(busy: Project) -> None:
    for number in count(1):
        content = bundle(release=f"shop@{number}")
        upload(busy.id, content)
        with fault(number, killed, after=True) as outcome, suppress(Killed):
            compiled(busy.id, content)
        compiled(busy.id, content)
        assert assemble(busy.id, content).state == "ok"
        assert len(artifacts.list_artifacts(busy.id)) == number
        if not outcome.struck:
            assert number > 5
            return


def test_an_upload_that_was_attempted_too_often_ends_with_an_error(busy: Project) -> None:
    content = bundle()
    upload(busy.id, content)
    for _ in range(artifacts.MAX_ATTEMPTS):
        artifacts.begin_bundle(busy.id, sha1(content), now_ms())
    compiled(busy.id, content)
    ended = assemble(busy.id, content)
    assert ended.state == "error"
    assert "too much memory or time" in ended.detail


def test_a_bad_map_is_reported_and_the_others_are_used(busy: Project) -> None:
    content = bundle({"~/a.js": MAP, "~/b.js": b"<!doctype html>"}, debug_id="", release="r")
    uploaded(busy.id, content)
    ended = assemble(busy.id, content)
    assert ended.state == "error"
    assert ended.detail == "_/_/b.js.map: The file is not JSON, so it is no source map."
    assert [each.name for each in artifacts.list_artifacts(busy.id)] == ["~/a.js"]


def zip_of(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, each in files.items():
            archive.writestr(name, each)
    return content.getvalue()


def manifest(path: str) -> bytes:
    headers = {"debug-id": DEBUG_ID}
    files = {path: {"url": "~/a.js.map", "type": "source_map", "headers": headers}}
    return json.dumps({"files": files}).encode()


def damaged(archive: bytes) -> bytes:
    """Return an archive whose last file does not unpack."""
    at = archive.index(b"PK\x01\x02") - 40
    return archive[:at] + b"?" * 30 + archive[at + 30 :]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"no archive", "The bundle is no ZIP archive."),
        (zip_of({}), "The bundle has no file manifest.json."),
        (zip_of({"manifest.json": b"{"}), "The manifest of the bundle is not JSON."),
        (zip_of({"manifest.json": b"[]"}), "The manifest of the bundle has no files."),
        (zip_of({"manifest.json": b'{"files":{}}'}), "The bundle has no source maps."),
        (
            zip_of({"manifest.json": manifest("../../etc/passwd"), "a": b""}),
            "../../etc/passwd: The bundle has no file ../../etc/passwd.",
        ),
        (
            damaged(zip_of({"manifest.json": manifest("a"), "a": MAP})),
            "a: a cannot be unpacked.",
        ),
        (
            bundle({"~/a.js": MAP}, debug_id=""),
            "_/_/a.js.map: It has no debug id, and no file of a release refers to it.",
        ),
    ],
    ids=lambda each: each[:30] if isinstance(each, str) else "",
)
def test_a_bundle_that_cannot_be_used_ends_with_the_reason(
    busy: Project, content: bytes, why: str
) -> None:
    uploaded(busy.id, content)
    ended = assemble(busy.id, content)
    assert (ended.state, ended.detail) == ("error", why)


def test_a_map_that_is_too_large_unpacked_is_refused(
    busy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "MAX_MAP_BYTES", 1024 * 1024)
    content = bundle({"~/a.js": b" " * (2 * 1024 * 1024)})
    assert len(content) < 10_000
    uploaded(busy.id, content)
    assert assemble(busy.id, content).detail == (
        "_/_/a.js.map: _/_/a.js.map is larger than 1 MB unpacked."
    )


def test_wrong_checksums_and_too_large_or_too_many_chunks_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="must be its SHA-1"):
        sourcemaps.put_chunk("default", "0" * 40, b"x")
    large = b" " * (sourcemaps.MAX_CHUNK_BYTES + 1)
    with pytest.raises(InvalidInputError, match="at most"):
        sourcemaps.put_chunk("default", sha1(large), large)
    with pytest.raises(InvalidInputError, match="SHA-1 in hex"):
        sourcemaps.assemble("default", "1", "../x", [], now_ms())
    with pytest.raises(InvalidInputError, match="at most 400 chunks"):
        sourcemaps.assemble("default", "1", "0" * 40, ["0" * 40] * 401, now_ms())


def test_chunks_of_another_organization_are_missing(busy: Project) -> None:
    content = bundle()
    upload(busy.id, content)
    chunks = [sha1(content[at : at + 1_000]) for at in range(0, len(content), 1_000)]
    other = sourcemaps.assemble("other", busy.id + "0", sha1(content), chunks, now_ms())
    assert other.state == "not_found"


def test_a_bundle_whose_chunks_have_another_checksum_ends_with_an_error(busy: Project) -> None:
    sourcemaps.put_chunk("default", sha1(b"x"), b"x")
    sourcemaps.assemble("default", busy.id, "0" * 40, [sha1(b"x")], now_ms())
    run(busy.id, f"bundle#{'0' * 40}")
    ended = sourcemaps.assemble("default", busy.id, "0" * 40, [sha1(b"x")], now_ms())
    assert ended.detail == "The checksum of the bundle is not that of its chunks."


def test_an_upload_is_compiled_again_when_its_result_is_old(busy: Project) -> None:
    content = bundle()
    uploaded(busy.id, content)
    (artifact,) = artifacts.list_artifacts(busy.id)
    artifacts.delete_artifact(artifact)
    assert assemble(busy.id, content).state == "ok"
    assert assemble(busy.id, content, now_ms() + 700_000).state == "created"
    compiled(busy.id, content)
    assert [each.id for each in artifacts.list_artifacts(busy.id)] == [artifact.id]


def test_the_same_bundle_for_another_release_is_another_upload(busy: Project) -> None:
    content = bundle()
    for release, dist in (("shop@1", ""), ("shop@2", ""), ("shop@2", "web")):
        assert upload(busy.id, content, release=release, dist=dist).state == "created"
        compiled(busy.id, content, release=release, dist=dist)
        assert assemble(busy.id, content, release=release, dist=dist).state == "ok"
    stored = {(each.release, each.dist) for each in artifacts.list_artifacts(busy.id)}
    assert stored == {("shop@1", ""), ("shop@2", ""), ("shop@2", "web")}
    assert {each.checksum for each in sourcemaps.uploads(busy.id)} == {sha1(content)}


def test_the_stored_bytes_of_a_project_s_maps_are_limited(
    busy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = bundle(), bundle({"~/other.js": MAP}, debug_id="7" * 32)
    uploaded(busy.id, first)
    (artifact,) = artifacts.list_artifacts(busy.id)
    monkeypatch.setattr(compile_maps, "MAX_STORED_BYTES", 2 * artifact.stored_bytes - 1)
    uploaded(busy.id, second)
    ended = assemble(busy.id, second)
    assert (ended.state, "the most. Delete some" in ended.detail) == ("error", True)
    assert list(map_files.list_maps(busy.id)) == [artifact.id]
    # A map that is stored already takes no more bytes.
    later = now_ms() + 700_000
    assert assemble(busy.id, first, later).state == "created"
    compiled(busy.id, first)
    assert assemble(busy.id, first).state == "ok"
    sourcemaps.delete(busy.id, artifact.id)
    assert assemble(busy.id, second, later).state == "created"
    compiled(busy.id, second)
    assert assemble(busy.id, second).state == "ok"


def test_the_file_of_a_deleted_artifact_is_deleted(busy: Project) -> None:
    uploaded(busy.id)
    (artifact,) = artifacts.list_artifacts(busy.id)
    run(busy.id, f"map#{artifact.id}")
    assert map_files.read_map(busy.id, artifact.id, 0, 8) is not None
    artifacts.delete_artifact(artifact)
    assert artifacts.find_pointers(busy.id, artifact.keys) == {}
    run(busy.id, f"map#{artifact.id}")
    assert map_files.read_map(busy.id, artifact.id, 0, 8) is None


def test_deleting_an_old_artifact_keeps_the_pointers_of_a_later_upload(
    busy: Project,
) -> None:
    for release in ("shop@1", "shop@2"):
        uploaded(busy.id, bundle(release=release))
    old = next(each for each in artifacts.list_artifacts(busy.id) if each.release == "shop@1")
    sourcemaps.delete(busy.id, old.id)
    (new,) = artifacts.list_artifacts(busy.id)
    assert list(artifacts.find_pointers(busy.id, old.keys)) == [debug_key(DEBUG_ID)]
    assert artifacts.find_pointers(busy.id, new.keys).keys() == set(new.keys)


def test_an_upload_during_the_deletion_of_an_old_artifact_is_found(busy: Project) -> None:
    uploaded(busy.id, bundle(release="shop@1"))
    (old,) = artifacts.list_artifacts(busy.id)
    done: list[str] = []

    def upload_first(call: Call) -> Any:
        if call.operation == "TransactWriteItems" and not done:
            done.append(call.operation)
            uploaded(busy.id, bundle(release="shop@2"))
        return call.send()

    with watched(upload_first):
        sourcemaps.delete(busy.id, old.id)
    (new,) = artifacts.list_artifacts(busy.id)
    assert new.release == "shop@2"
    assert artifacts.find_pointers(busy.id, new.keys).keys() == set(new.keys)


def test_an_artifact_that_is_used_does_not_expire(busy: Project) -> None:
    uploaded(busy.id)
    (artifact,) = artifacts.list_artifacts(busy.id)
    later = artifact.used_at + 50 * 86_400_000
    artifacts.note_use(busy.id, artifact.keys[0], artifact.id, later)
    rows = account.rows()["ARTIFACTS_TABLE"]
    kept = {row["sk"]["S"]: int(row["ttl"]["N"]) for row in rows}
    assert kept[f"map#{artifact.id}"] == kept[artifact.keys[0]] == later // 1000 + 90 * 86_400
    (bundle_ttl,) = (ttl for key, ttl in kept.items() if key.startswith("bundle#"))
    assert bundle_ttl <= (now_ms() + BUNDLE_KEPT_MS) // 1000


def test_a_redrive_restarts_uploads_and_deletes_unused_maps(busy: Project) -> None:
    content = bundle()
    upload(busy.id, content)
    for _ in range(2):
        artifacts.begin_bundle(busy.id, sha1(content), now_ms())
    map_files.put_map(busy.id, "left-over", b"x")
    deleted = new_project(metered=True)
    with_everything(deleted.id)
    delete_project.delete_project(deleted.id)
    clients.sqs().send_message(
        QueueUrl=settings().compile_maps_dead_letter_url, MessageBody='{"DDBStreamBatchInfo":{}}'
    )
    (done,) = redrive.redrive_queue("maps")
    assert done.what == "began 1 uploads and fetches again, and deleted 1 unused source maps"
    assert assemble(busy.id, content).state == "created"
    assert map_files.read_map(busy.id, "left-over", 0, 1) is None
    assert left_of(deleted.id)[0] == ["deleted"]
    assert [each for each in left_of("")[1] if f"/{deleted.id}/" in each] == []


def left_of(project_id: str) -> tuple[list[str], list[str]]:
    """Return the sort keys of a project's rows, and the keys of all files."""
    rows = account.rows()["ARTIFACTS_TABLE"]
    found = clients.s3().list_objects_v2(Bucket=settings().maps_bucket)
    return (
        sorted(row["sk"]["S"] for row in rows if row["pk"]["S"] == project_id),
        [each["Key"] for each in found.get("Contents", [])],
    )


def with_everything(project_id: str) -> bytes:
    """Give a project a compiled upload, one that is not compiled, and a fetched map."""
    uploaded(project_id)
    map_files.put_fetched(project_id, "fetch#1", MAP)
    map_fetches.ask(project_id, "fetch#1", "https://a.example/m", "", 1)
    content = bundle(debug_id="1" * 32)
    upload(project_id, content)
    return content


def test_deleting_a_project_deletes_its_maps_files_and_chunks(busy: Project) -> None:
    other = new_project(metered=True)
    uploaded(other.id, bundle(debug_id="2" * 32))
    of_other = left_of(other.id)[0], [each for each in left_of("")[1] if f"/{other.id}/" in each]
    with_everything(busy.id)
    delete_project.delete_project(busy.id)
    run(busy.id, "deleted")
    rows, files = left_of(busy.id)
    assert rows == ["deleted"]
    assert [each for each in files if f"/{busy.id}/" in each] == []
    assert (left_of(other.id)[0], [e for e in files if f"/{other.id}/" in e]) == of_other
    # Two days later DynamoDB deletes the last row.
    (row,) = (e for e in account.rows()["ARTIFACTS_TABLE"] if e["pk"]["S"] == busy.id)
    assert 0 < int(row["ttl"]["N"]) - now_ms() // 1000 <= 2 * 86_400


def test_an_interrupted_deletion_is_finished_by_the_next_run(busy: Project) -> None:
    for number in count(1):
        with_everything("12")
        artifacts.mark_deleted("12", now_ms())
        with fault(number, killed, after=True) as outcome, suppress(Killed):
            run("12", "deleted")
        run("12", "deleted")
        assert left_of("12") == (["deleted"], [])
        if not outcome.struck:
            assert number > 5
            return
        artifacts.delete_rows("12")
        clients.dynamodb().delete_item(
            TableName=settings().artifacts_table, Key={"pk": {"S": "12"}, "sk": {"S": "deleted"}}
        )


def test_an_upload_that_is_compiled_during_the_deletion_leaves_nothing(busy: Project) -> None:
    content = with_everything(busy.id)

    def deleted_before(call: Call) -> Any:
        if call.operation == "TransactWriteItems" and call.function == "CompileMapsFunction":
            # The project's row is deleted last, and may still be there.
            artifacts.mark_deleted(busy.id, now_ms())
            run(busy.id, "deleted")
        return call.send()

    with watched(deleted_before):
        compiled(busy.id, content)
    assert left_of(busy.id) == (["deleted"], [])
    # A run was interrupted between the file and its row, and the upload was deleted since.
    map_files.put_map(busy.id, "left-over", b"x")
    compiled(busy.id, content)
    assert left_of(busy.id) == (["deleted"], [])


def test_an_upload_for_a_project_that_does_not_exist_leaves_nothing(busy: Project) -> None:
    content = bundle()
    upload("4711", content)
    compiled("4711", content)
    assert left_of("4711") == ([], [])


def test_an_upload_costs_a_few_calls(busy: Project) -> None:
    content = bundle()
    upload(busy.id, content)
    with recorded() as calls:
        compiled(busy.id, content)
    chunks = len(content) // 1_000 + 1
    assert [call.operation for call in calls] == [
        "UpdateItem",
        *["GetObject"] * chunks,
        "Query",
        "PutObject",
        "GetItem",
        "TransactWriteItems",
        "UpdateItem",
        "UpdateItem",
    ]
