"""Source maps at URLs that events of the ingest API name: fetched, compiled, and applied."""

import gzip
from contextlib import suppress
from itertools import count
from typing import Any

import pytest

from errata.config import settings
from errata.models.artifact import FetchState, fetch_key
from errata.models.ids import now_ms
from errata.outbound import get
from errata.store import artifacts, clients, map_fetches
from errata.usecases import (
    apply_maps,
    compile_maps,
    fetch_maps,
    issues,
    linked_maps,
    members,
    sourcemaps,
)
from functions.fetch_maps.handler import handler as fetch
from tests.support import stream
from tests.support.account import Clock, Project
from tests.support.browser import signed_in
from tests.support.bundles import MAP, make_bucket, run
from tests.support.calls import (
    Call,
    Killed,
    calling_as,
    fault,
    killed,
    recorded,
    throttled,
    watched,
)
from tests.support.cli import deployed, done
from tests.support.clients import events, ingest
from tests.support.fresh import clear_cache
from tests.support.pages import OWNER
from tests.support.permissions import check
from tests.support.receiver import Behaviour, drip, file, hang, huge, receiver, reset, response
from tests.support.source_maps import source_map
from tests.support.steps import peak_bytes
from tests.support.visible import visible_in

__all__ = ["deployed"]

STACK = """Error: no stock
    at b (https://shop.example.com/app.js:1:21)
    at a (https://shop.example.com/app.js:1:101)"""


@pytest.fixture(autouse=True)
def bucket(aws: None) -> None:
    """Create the bucket."""
    make_bucket()


def send(project: Project, url: str, **fields: Any) -> dict[str, Any]:
    """Send an event that names a source map, and count it. Return it as the API does."""
    body = {"message": "no stock", "minified_stack": STACK, "source_map_url": url, **fields}
    assert ingest(project, body).status == 202
    assert stream.deliver(stream.records()) == []
    return newest(project)


def newest(project: Project) -> dict[str, Any]:
    """Return the newest event, as a new process reads it."""
    clear_cache()
    found: dict[str, Any] = events(project)[0]
    return found


def permitted(call: Call) -> Any:
    check(call)
    return call.send()


def pump() -> None:
    """Pass the changes of ArtifactsTable to the functions, as its stream does, until the end."""
    for _ in range(10):
        rows = clients.dynamodb().scan(TableName=settings().artifacts_table)["Items"]
        states = {
            (row["pk"]["S"], row["sk"]["S"]): row["state"]["S"] for row in rows if "state" in row
        }
        changed = {key: state for key, state in states.items() if state in STARTED}
        for (project_id, sort_key), state in changed.items():
            if state in ("fetched", "compiling"):
                run(project_id, sort_key)
                continue
            keys = {"pk": {"S": project_id}, "sk": {"S": sort_key}}
            with calling_as("FetchMapsFunction"):
                fetch({"Records": [{"dynamodb": {"Keys": keys}}]}, None)
        if not changed:
            return
    raise AssertionError("a fetch does not end")


STARTED = ("created", "fetching", "fetched", "compiling")


def minified(event: dict[str, Any]) -> set[str]:
    """Return why the frames of an event are minified."""
    return {str(each.get("minified")) for each in event["frames"]}


def test_a_map_is_fetched_once_for_a_release_and_applied_to_all_its_events(busy: Project) -> None:
    with receiver(file(MAP)) as there, watched(permitted):
        plain = send(busy, f"{there.url}/app.js.map?v=1", release="shop@1")
        assert there.received == []  # nobody waits for the server
        assert minified(plain) == {linked_maps.FETCHING}
        pump()
        caller, inner = newest(busy)["frames"]
        assert (inner["filename"], inner["lineno"], inner["function"]) == (
            "src/cart.ts",
            3,
            "Cart.add",
        )
        assert inner["context_line"] == '    throw new Error("no stock");'
        assert (inner["sent"]["function"], caller["function"]) == ("b", "Cart.total")
        assert "note" not in inner["map"]
        later = send(busy, f"{there.url}/app.js.map?v=1", release="shop@1")
        assert later["frames"][1]["function"] == "Cart.add"
        pump()
        (request,) = there.received
    assert request.path == "/hook/app.js.map?v=1"
    assert {"cookie", "authorization", "x-api-key"}.isdisjoint(request.headers)
    # The contract's grouping does not look at frames.
    assert (later["grouping"], later["fingerprint"]) == ("v1", plain["fingerprint"])
    (artifact,) = artifacts.list_artifacts(busy.id)
    assert (artifact.name, artifact.release) == (f"{there.url}/app.js.map?v=1", "shop@1")


def test_only_the_innermost_frames_are_original_if_a_large_map_is_read_in_part(
    busy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apply_maps, "_FIRST_BYTES", 100)
    monkeypatch.setattr(apply_maps, "_MAX_SPAN", 4_000)
    of = [(0, 10 * at, 0, at, 0) for at in range(1_300)]
    far = STACK.replace(":101)", ":12001)")
    with receiver(file(source_map(of, {"src/shop.ts": "line\n" * 1_300}))) as there:
        send(busy, there.url, minified_stack=far)
        pump()
    caller, inner = newest(busy)["frames"]
    assert (inner["filename"], inner["lineno"]) == ("src/shop.ts", 3)
    assert "minified" in caller


def test_a_map_is_fetched_again_for_another_release_or_day(busy: Project, clock: Clock) -> None:
    with receiver(file(MAP)) as there:
        for release in ("shop@1", "shop@2", None, None):
            send(busy, there.url, release=release)
            pump()
        assert len(there.received) == 3
        clock.days(1)
        send(busy, there.url)
        pump()
        assert len(there.received) == 4


def test_a_reader_requests_the_map_if_digest_could_not(busy: Project) -> None:
    def failing(call: Call) -> Any:
        asked = "asked" in call.parameters.get("UpdateExpression", "")
        if asked and call.function == "DigestFunction":
            raise throttled(call)
        return call.send()

    with receiver(file(MAP)) as there:
        body = {"message": "no stock", "minified_stack": STACK, "source_map_url": there.url}
        assert ingest(busy, body).status == 202
        with watched(failing):
            assert stream.deliver(stream.records()) == []
        pump()
        assert there.received == []
        with watched(permitted):
            assert minified(newest(busy)) == {linked_maps.FETCHING}
        pump()
        assert newest(busy)["frames"][1]["function"] == "Cart.add"


def test_gzip_is_unpacked_and_redirects_are_followed(busy: Project) -> None:
    moved = response(302, Location="/elsewhere/app.js.map")
    with receiver(moved, file(gzip.compress(MAP), Content_Encoding="gzip")) as there:
        send(busy, there.url)
        pump()
        assert [each.path for each in there.received] == ["/hook", "/elsewhere/app.js.map"]
    assert newest(busy)["frames"][1]["function"] == "Cart.add"


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (response(404), "The server responded with 404."),
        (response(302), "The server responded with 302 and no location."),
        (response(302, Location="/hook"), "The server redirects more than 3 times."),
        (
            response(302, Location="http://169.254.169.254/latest/"),
            "The host 169.254.169.254 is not a public address.",
        ),
        (file(b"<!doctype html>"), "The file is not JSON, so it is no source map."),
        (file(b"x" * 1025), "It is larger than 0 MB."),
        (file(gzip.compress(b"x" * 9_000), Content_Encoding="gzip"), "It is larger than 0 MB."),
        (
            file(gzip.compress(b"{}")[:-5], Content_Encoding="gzip"),
            "The response was cut short.",
        ),
        (file(b"{}", Content_Encoding="gzip"), "The server sent gzip that cannot be unpacked."),
        (file(b"{}", Content_Encoding="br"), "The server sent the encoding 'br'."),
        (hang(2), "The server took longer than 0 seconds."),
        (drip(2), "The server took longer than 0 seconds."),
        (huge, "It is larger than 0 MB."),
        (reset, "The server did not respond: RemoteDisconnected: Remote end closed connection"),
    ],
    ids=lambda each: each[:40] if isinstance(each, str) else "",
)
def test_a_frame_says_why_its_map_cannot_be_used(
    busy: Project, behaviour: Behaviour, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_maps, "MAX_MAP_BYTES", 1_024)
    monkeypatch.setattr(fetch_maps, "TIMEOUT_S", 0.3)
    monkeypatch.setattr(
        get.get, "__kwdefaults__", {**(get.get.__kwdefaults__ or {}), "timeout_s": 0.3}
    )
    with receiver(behaviour) as there:
        send(busy, there.url)
        pump()
    (text,) = minified(newest(busy))
    assert text.startswith(f"Its source map, {there.url}, cannot be used. {why}")
    assert artifacts.list_artifacts(busy.id) == []


@pytest.mark.usefixtures("aws")
def test_a_compression_bomb_takes_little_memory() -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    with receiver(file(bomb, Content_Encoding="gzip")) as there:

        def fetched() -> None:
            with pytest.raises(get.FetchError, match="larger"):
                get.get(there.url, 10_000, allow_loopback=True)

        assert peak_bytes(fetched) < 2_000_000


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://169.254.169.254/app.js.map", "is not a public address"),
        ("https://ada@cdn.example/app.js.map", "must not contain a user name"),
        ("https://ada:secret@cdn.example/app.js.map", "The URL is not valid"),  # scrubbed
        ("http://8.8.8.8/app.js.map", "must begin with https://"),
        (f"https://cdn.example/{'a' * 2_000}", "has more than 2000 characters"),
    ],
)
def test_a_forbidden_url_is_never_fetched(busy: Project, url: str, why: str) -> None:
    send(busy, url)
    pump()
    (text,) = minified(newest(busy))
    assert why in text


def test_a_failed_fetch_is_retried_each_hour_up_to_five_attempts(
    busy: Project, clock: Clock
) -> None:
    with receiver(response(500)) as there:
        send(busy, there.url, release="r")
        for tried in range(1, 8):
            pump()
            assert "responded with 500" in str(minified(newest(busy)))
            assert len(there.received) == min(tried, 5)
            clock.advance(3_700)
            clear_cache()
            events(busy)
    assert artifacts.list_artifacts(busy.id) == []


def test_an_interrupted_fetch_is_finished_by_the_next_run(busy: Project) -> None:
    with receiver(file(MAP)) as there:
        for number in count(1):
            key = fetch_key(there.url, f"shop@{number}", 0)
            assert map_fetches.ask(busy.id, key, there.url, f"shop@{number}", 1)
            with fault(number, killed, after=True) as outcome, suppress(Killed):
                pump()
            pump()
            assert len(artifacts.list_artifacts(busy.id)) == number
            assert list(artifacts.find_pointers(busy.id, [key])) == [key]
            if not outcome.struck:
                assert number > 8
                return


def test_an_interrupted_digest_requests_a_map_once_and_counts_events_once(busy: Project) -> None:
    body = {"message": "no stock", "minified_stack": STACK, "source_map_url": "https://a.example/m"}
    assert ingest(busy, body).status == 202
    assert ingest(busy, {"message": "without a source map"}).status == 202
    for number in range(1, 9):
        with fault(number, killed, after=True), suppress(Killed):
            stream.deliver(stream.records())
    assert stream.deliver(stream.records()) == []
    (one,) = map_fetches.list_unfinished(busy.id)
    counts = [each.count for each in issues.list_issues(visible_in(busy.id))]
    assert (one.asked, counts) == (1, [1, 1])
    assert now_ms() - 60_000 < one.changed_at <= now_ms()


def test_a_fetch_or_compilation_that_was_attempted_too_often_ends_with_an_error(
    busy: Project,
) -> None:
    steps: list[tuple[str, FetchState, FetchState]] = [
        ("1", "created", "fetching"),
        ("2", "fetched", "compiling"),
    ]
    with receiver(file(MAP)) as there:
        for release, before, state in steps:
            send(busy, there.url, release=release)
            (one,) = map_fetches.list_unfinished(busy.id)
            if before == "fetched":
                keys = {"pk": {"S": busy.id}, "sk": {"S": one.key}}
                fetch({"Records": [{"dynamodb": {"Keys": keys}}]}, None)
            for _ in range(artifacts.MAX_ATTEMPTS):
                assert map_fetches.begin(busy.id, one.key, before, state, 1)
            pump()
            assert "5 attempts to" in str(minified(newest(busy)))


def test_the_fetches_of_a_project_are_limited_per_day(
    busy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_fetches, "MAX_OF_DAY", 2)
    with receiver(file(MAP)) as there:
        for number in range(3):
            send(busy, there.url, release=f"shop@{number}")
            pump()
        assert len(there.received) == 2
    assert "at most 2 source maps" in str(minified(newest(busy)))


def test_the_time_that_a_project_s_fetches_take_is_limited_per_day(
    busy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the fetches of other projects in the same lane of the stream wait, too."""
    monkeypatch.setattr(fetch_maps, "FAST_MS", 0)
    monkeypatch.setattr(map_fetches, "MAX_WAIT_MS", 1)
    with receiver(hang(0.02)) as there:
        for number in range(3):
            send(busy, there.url, release=f"shop@{number}")
            pump()
        assert len(there.received) == 1
    assert "waits for their servers for at most" in str(minified(newest(busy)))


def test_a_fetched_map_above_the_storage_limit_is_reported(
    busy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compile_maps, "MAX_STORED_BYTES", 1)
    with receiver(file(MAP)) as there:
        send(busy, there.url)
        pump()
    assert "The source maps of the project take" in str(minified(newest(busy)))


def test_frames_of_other_files_stay_as_they_are(busy: Project) -> None:
    stack = STACK.replace("b (https://shop.example.com/app.js", "b (https://cdn.example/vendor.js")
    with receiver(file(MAP)) as there:
        send(busy, there.url.replace("/hook", "/app.js.map"), minified_stack=stack)
        pump()
    caller, inner = newest(busy)["frames"]
    assert (caller["filename"], caller["function"]) == ("src/cart.ts", "Cart.total")
    assert inner["minified"] == "The event's source map is of another file, app.js."


def test_a_map_fetched_long_after_its_event_is_noted_as_late(busy: Project, clock: Clock) -> None:
    with receiver(file(MAP)) as there:
        send(busy, there.url, release="r")
        clock.advance(4_000)
        pump()
    assert newest(busy)["frames"][1]["map"]["note"] == linked_maps.LATE


@pytest.mark.usefixtures("deployed")
def test_the_page_and_the_command_say_why_a_map_cannot_be_used(busy: Project) -> None:
    members.add("default", OWNER, "owner")
    with receiver(response(404)) as there:
        event = send(busy, there.url)
        pump()
    clear_cache()
    why = f"Its source map, {there.url}, cannot be used. The server responded with 404."
    shown = signed_in(OWNER).get(f"projects/{busy.id}/events/{event['id']}")
    assert why in shown.text
    text = done("sourcemaps", "explain", busy.id, event["id"]).out
    assert why in text
    assert "https://shop.example.com/app.js:1:21 in b" in text


def test_a_redrive_restarts_fetches(busy: Project) -> None:
    with receiver(file(MAP)) as there:
        send(busy, there.url)
        (one,) = map_fetches.list_unfinished(busy.id)
        assert map_fetches.begin(busy.id, one.key, "created", "fetching", 1)
        assert sourcemaps.begin_again(busy.id, 2) == 1
        (one,) = map_fetches.list_unfinished(busy.id)
        assert (one.state, one.attempts) == ("created", 0)


def test_events_without_a_map_url_make_no_call_to_the_artifacts_table(busy: Project) -> None:
    assert ingest(busy, {"message": "no stock", "minified_stack": STACK}).status == 202
    with recorded() as calls:
        stream.deliver(stream.records())
        assert "frames" not in newest(busy)
    tables = {str(call.parameters.get("TableName")) for call in calls}
    assert not [each for each in tables if "Artifacts" in each]


def test_digest_requests_a_map_once_for_many_events_of_one_build(busy: Project) -> None:
    assert ingest(busy, {"message": "without a map", "release": "r"}).status == 202
    for _ in range(5):
        body = {"message": "x", "source_map_url": "https://cdn.example/a.map", "release": "r"}
        assert ingest(busy, body).status == 202
    with recorded() as calls:
        stream.deliver(stream.records())
    asked = [each for each in calls if "asked" in each.parameters.get("UpdateExpression", "")]
    assert len(asked) == 1


def test_a_batch_of_only_events_with_a_map_url_requests_the_map(busy: Project) -> None:
    assert ingest(busy, {"message": "x", "source_map_url": "https://a.example/m"}).status == 202
    stream.deliver(stream.records())
    assert len(map_fetches.list_unfinished(busy.id)) == 1
