"""Readers see original frames with the code around them, or why a frame is minified."""

import base64
from dataclasses import replace
from typing import Any

import pytest

from errata.store import artifacts
from errata.usecases import members, projects, tickets
from tests.support import sdk, stream
from tests.support.account import Clock, Project
from tests.support.browser import signed_in
from tests.support.bundles import (
    DEBUG_ID,
    MAP,
    SENT_DEBUG_ID,
    bundle,
    error,
    make_bucket,
    sha1,
    upload,
    uploaded,
)
from tests.support.calls import recorded
from tests.support.cli import deployed, done, failed
from tests.support.clients import events, ingest
from tests.support.fresh import clear_cache
from tests.support.pages import HOSTILE, MAX_BYTES, MAX_CALLS, OWNER, only_our_markup

__all__ = ["deployed"]


@pytest.fixture(autouse=True)
def bucket(aws: None) -> None:
    """Create the bucket."""
    make_bucket()


def post(project: Project, sent: Any) -> str:
    """Send an event that must be accepted. Return Errata's id of it."""
    assert sdk.post(project, sdk.of_event(sent)).status == 200
    event_id: str = events(project)[0]["id"]
    return event_id


def newest(project: Project) -> list[dict[str, Any]]:
    """Return the frames of the newest event, innermost first."""
    frames: list[dict[str, Any]] = events(project)[0]["exceptions"][-1]["frames"]
    return frames[::-1]


def test_the_code_around_a_frame_is_read_with_the_event(busy: Project) -> None:
    uploaded(busy.id)
    post(busy, error())
    inner, outer = newest(busy)
    assert inner["pre_context"] == ["export class Cart {", "  add(item) {"]
    assert inner["context_line"] == '    throw new Error("no stock");'
    assert inner["post_context"][0] == "  }"
    assert outer["context_line"] == "    return this.add(1);"
    clear_cache()
    with recorded() as calls:
        events(busy)
    # The header with the text, which is in the first bytes of so small a map, then the part.
    assert [call.operation for call in calls].count("GetObject") == 2


def test_a_map_that_arrives_later_is_applied_when_the_event_is_read(busy: Project) -> None:
    post(busy, error())
    grouped = events(busy)[0]["issue_id"]
    uploaded(busy.id)
    clear_cache()
    inner, _ = newest(busy)
    assert (inner["function"], inner["sent"]["function"]) == ("Cart.add", "b")
    assert inner["context_line"] == '    throw new Error("no stock");'
    assert inner["map"]["note"].startswith("The source map was uploaded after this event")
    assert events(busy)[0]["issue_id"] == grouped


def test_a_frame_that_stays_minified_says_why(busy: Project, clock: Clock) -> None:
    uploaded(busy.id)
    post(busy, error(debug_id="0" * 32))
    assert newest(busy)[0]["minified"] == f"Debug id {'0' * 32} was never uploaded."
    clock.advance(1)
    post(busy, error(columns=(101, 250)))
    inner, outer = newest(busy)
    assert inner["minified"] == "The source map has no mapping for line 1, column 250."
    assert outer["function"] == "Cart.total"
    (artifact,) = artifacts.list_artifacts(busy.id)
    artifacts.delete_artifact(artifact)


def test_reading_events_of_a_project_without_maps_makes_no_call_to_s3(busy: Project) -> None:
    post(busy, error())
    with recorded() as calls:
        frames = newest(busy)
    assert "minified" not in frames[0]
    assert not {"GetObject"}.intersection(call.operation for call in calls)


def test_the_page_of_an_event_shows_original_code_and_what_was_sent(
    busy: Project, clock: Clock
) -> None:
    members.add("default", OWNER, "owner")
    uploaded(busy.id)
    shown_id = post(busy, error())
    browser = signed_in(OWNER)
    with recorded() as calls:
        shown = browser.get(f"projects/{busy.id}/events/{shown_id}")
    assert shown.status == 200
    assert "src/cart.ts:3:11" in shown.text
    assert 'throw new Error("no stock")' in shown.text
    assert "Sent as https://shop.example.com/assets/app.js:1:21 in b" in shown.text
    assert len(calls) <= MAX_CALLS + 4
    assert shown.size <= MAX_BYTES
    clock.advance(1)
    minified = post(busy, error(debug_id="0" * 32))
    shown = browser.get(f"projects/{busy.id}/events/{minified}")
    assert f"Debug id {'0' * 32} was never uploaded." in shown.text


def test_the_page_of_source_maps_lists_and_deletes_them(busy: Project) -> None:
    members.add("default", OWNER, "owner")
    browser = signed_in(OWNER)
    path = f"projects/{busy.id}/sourcemaps"
    projects.change_slug(busy.id, "lamps")
    shown = browser.get(path)
    assert "No source maps yet" in shown.text
    assert "export SENTRY_ORG=default SENTRY_PROJECT=lamps" in shown.text
    uploaded(busy.id, bundle(release="shop@1"))
    shown = browser.get(path)
    assert "Uploads that are not compiled" not in shown.text
    assert "~/app.js" in shown.text
    assert f"debug id {DEBUG_ID}; release shop@1" in shown.text
    assert "not yet" in shown.text
    (artifact,) = artifacts.list_artifacts(busy.id)
    deleted = browser.post(path, delete=artifact.id)
    assert "Deleted." in deleted.text
    assert artifacts.list_artifacts(busy.id) == []
    members.add("default", "eve@example.com", "member")
    assert signed_in("eve@example.com").get(path).status in (200, 404)


def test_the_page_of_source_maps_says_what_is_wrong_with_uploads(busy: Project) -> None:
    members.add("default", OWNER, "owner")
    browser, path = signed_in(OWNER), f"projects/{busy.id}/sourcemaps"
    upload(busy.id, bundle(release="shop@2"), release="shop@2")
    assert "Release shop@2: It is being compiled." in browser.get(path).text
    for number in range(6):
        uploaded(busy.id, bundle({f"~/{number}<b>.js": b"<!doctype html>"}))
    shown = browser.get(path)
    assert "5<b>.js.map: The file is not JSON, so it is no source map." in shown.text
    assert "And 2 more: run errata sourcemaps uploads" in shown.text
    assert "<b>" not in shown.html
    assert shown.size <= MAX_BYTES
    # A failed upload is no longer shown once a later upload of the same release is compiled.
    uploaded(busy.id, bundle())
    shown = browser.get(path)
    assert "5<b>.js.map" not in shown.text
    assert "Release shop@2: It is being compiled." in shown.text


def test_the_page_of_source_maps_is_small_and_shows_names_as_text(busy: Project) -> None:
    members.add("default", OWNER, "owner")
    uploaded(busy.id)
    (one,) = artifacts.list_artifacts(busy.id)
    for number in range(250):
        text = f"{number} {HOSTILE}{'&' * 3_000}"
        names: Any = {"name": text, "release": text, "dist": text, "debug_id": text}
        artifacts.save_artifact(
            replace(one, id=f"{number:032}", keys=(f"debug#{number}",), **names)
        )
    shown = signed_in(OWNER).get(f"projects/{busy.id}/sourcemaps")
    assert shown.status == 200
    assert shown.size <= MAX_BYTES
    only_our_markup(shown.html)
    assert "251 source maps" in shown.text
    assert f"errata sourcemaps list {busy.id}" in shown.text


@pytest.mark.usefixtures("deployed")
def test_the_command_lists_uploads(busy: Project) -> None:
    assert "No uploads" in done("sourcemaps", "uploads", busy.id).out
    content = bundle({"~/a.js": b"<!doctype html>"}, release="shop@1")
    uploaded(busy.id, content)
    (found,) = done("sourcemaps", "uploads", busy.id, "--json").json
    wrong = "_/_/a.js.map: The file is not JSON, so it is no source map."
    assert (found["state"], found["detail"], found["attempts"]) == ("error", wrong, 1)
    assert found["checksum"] == sha1(content)
    assert wrong in done("sourcemaps", "uploads", busy.id).out


@pytest.mark.usefixtures("deployed")
def test_the_command_lists_explains_and_deletes(busy: Project, clock: Clock) -> None:
    assert "No source maps." in done("sourcemaps", "list", busy.id).out
    uploaded(busy.id, bundle(release="shop@1"))
    (listed,) = done("sourcemaps", "list", busy.id, "--json").json
    assert (listed["file"], listed["debug_id"], listed["release"]) == (
        "~/app.js",
        DEBUG_ID,
        "shop@1",
    )
    assert "~/app.js" in done("sourcemaps", "list", busy.id).out
    shown_id = post(busy, error())
    output = done("sourcemaps", "explain", busy.id, shown_id).out
    assert "https://shop.example.com/assets/app.js:1:21 in b" in output
    assert "src/cart.ts:3:11 in Cart.add" in output
    assert listed["id"] in output
    clock.advance(1)
    unknown = post(busy, error(debug_id="0" * 32))
    (inner, _) = done("sourcemaps", "explain", busy.id, unknown, "--json").json
    assert inner["note"] == f"Debug id {'0' * 32} was never uploaded."
    assert "in Cart.add" in done("events", "show", busy.id, shown_id).out
    assert done("sourcemaps", "delete", busy.id, listed["id"]).out == "Deleted 1 source map.\n"
    assert "has no source map" in failed("sourcemaps", "delete", busy.id, listed["id"])
    assert "It may have expired" in failed("sourcemaps", "explain", busy.id, "abc")
    assert SENT_DEBUG_ID.replace("-", "") == DEBUG_ID


STACK = """Error: no stock
    at b (https://shop.example.com/app.js:1:21)
    at a (https://shop.example.com/app.js:1:101)
    at https://shop.example.com/app.js:1:250"""


def ingested(project: Project, **fields: Any) -> dict[str, Any]:
    """Send an event to the ingest endpoint. Return it as the API does."""
    assert ingest(project, {"message": "no stock", **fields}).status == 202
    found: dict[str, Any] = events(project)[0]
    return found


def test_an_event_of_the_ingest_api_may_bring_its_own_source_map(
    busy: Project, clock: Clock
) -> None:
    plain = ingested(busy)
    text = base64.b64encode(MAP).decode()
    for sent in (text, f"data:application/json;base64,{text}"):
        clock.advance(1)
        found = ingested(busy, source_map=sent, minified_stack=STACK)
        outer, caller, inner = found["frames"]
        assert (inner["filename"], inner["lineno"]) == ("src/cart.ts", 3)
        assert inner["context_line"] == '    throw new Error("no stock");'
        assert inner["sent"]["function"] == "b"
        assert caller["lineno"] == 6
        assert outer["minified"] == "The source map has no mapping for line 1, column 250."
        # The contract's grouping does not look at frames.
        assert (found["grouping"], found["fingerprint"]) == ("v1", plain["fingerprint"])
        assert found["source_map"] == sent
        assert found["minified_stack"] == STACK


@pytest.mark.parametrize(
    ("source_map", "why"),
    [("%%%", "It is not Base64."), ("e30=", "Its version is None; Errata reads 3.")],
)
def test_an_own_source_map_that_cannot_be_used_says_why(
    busy: Project, source_map: str, why: str, clock: Clock
) -> None:
    found = ingested(busy, source_map=source_map, minified_stack=STACK)
    expected = f"The event's own source map cannot be used. {why}"
    assert {each["minified"] for each in found["frames"]} == {expected}
    assert found["frames"][-1]["filename"] == "https://shop.example.com/app.js"
    for stack in ({"minified_stack": "no trace"}, {}):
        clock.advance(1)
        assert "frames" not in ingested(busy, source_map=source_map, **stack)


@pytest.mark.usefixtures("deployed")
def test_an_issue_and_its_ticket_have_the_original_frames_of_a_later_map(busy: Project) -> None:
    members.add("default", OWNER, "owner")
    post(busy, error())
    assert stream.deliver(stream.records()) == []
    issue_id = events(busy)[0]["issue_id"]
    uploaded(busy.id)
    clear_cache()
    assert "src/cart.ts" in done("issues", "show", busy.id, issue_id).out
    clear_cache()
    page = signed_in(OWNER).get(f"projects/{busy.id}/issues/{issue_id}.md")
    assert "src/cart.ts" in page.text
    clear_cache()
    tickets.change_tracker(busy.id, "github:acme/shop")
    assert "src%2Fcart.ts" in done("issues", "ticket", busy.id, issue_id).out
