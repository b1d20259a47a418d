"""Events of SDKs are symbolicated before they are grouped, if their project has source maps."""

import time
from typing import Any

import pytest

from errata.models.ids import now_ms
from errata.store import artifacts
from errata.usecases import apply_maps
from tests.support import account, sdk
from tests.support.account import Project, new_project
from tests.support.bundles import (
    CART,
    DEBUG_ID,
    MAP,
    MAPPINGS,
    URL,
    bundle,
    error,
    make_bucket,
    uploaded,
)
from tests.support.calls import Call, recorded, throttled, watched
from tests.support.clients import events
from tests.support.fresh import clear_cache
from tests.support.source_maps import source_map


@pytest.fixture(autouse=True)
def bucket(aws: None) -> None:
    """Create the bucket."""
    make_bucket()


def post(project: Project, sent: Any) -> list[str]:
    """Send an event. Return the operations that this takes, without those of rate limits."""
    with recorded() as calls:
        assert sdk.post(project, sdk.of_event(sent)).status == 200
    return [call.operation for call in calls]


def stored(project: Project) -> list[dict[str, Any]]:
    """Return the frames of the newest event."""
    frames: list[dict[str, Any]] = events(project)[0]["exceptions"][-1]["frames"]
    return frames


def test_frames_show_the_original_and_what_was_sent(busy: Project) -> None:
    uploaded(busy.id)
    post(busy, error())
    outer, inner = stored(busy)
    assert (inner["filename"], inner["lineno"], inner["colno"]) == ("src/cart.ts", 3, 11)
    assert (inner["function"], outer["function"]) == ("Cart.add", "Cart.total")
    assert (inner["sent"]["filename"], inner["sent"]["function"]) == (URL, "b")
    event = events(busy)[0]
    assert (event["file"], event["line"]) == ("src/cart.ts", 3)


def test_two_builds_of_one_error_are_one_issue(busy: Project) -> None:
    uploaded(busy.id)
    other = source_map(
        [(0, 0, 0, 0, 0), (0, 70, 0, 2, 10), (0, 90, 0, 5, 0)],
        {"webpack://shop/./src/cart.ts": "class Cart {\nadd() {\nthrow 1;\n}\ntotal() {\nadd() }}"},
    )
    uploaded(busy.id, bundle({"~/assets/app-2.js": other}, debug_id="f" * 32))
    post(busy, error())
    post(busy, error("https://shop.example.com/assets/app-2.js", "f" * 32, (91, 71)))
    first, second = events(busy)
    assert first["grouped_by"] == second["grouped_by"]
    assert "src/cart.ts" in first["grouped_by"]
    assert first["issue_id"] == second["issue_id"]


def test_older_builds_are_found_by_release_url_and_dist(busy: Project) -> None:
    uploaded(busy.id, bundle({"~/assets/app.js": MAP}, debug_id="", release="shop@1"), dist="7")
    post(busy, {**error(release="shop@1", dist="7"), "debug_meta": {}})
    assert stored(busy)[1]["function"] == "Cart.add"
    post(busy, {**error(release="shop@1"), "debug_meta": {}})
    assert stored(busy)[1]["function"] == "b"


def test_a_known_map_costs_no_further_call(busy: Project) -> None:
    uploaded(busy.id)
    clear_cache()
    first = post(busy, error())
    assert first[-4:] == ["BatchGetItem", "GetObject", "TransactWriteItems", "PutItem"]
    assert post(busy, error())[-1:] == ["PutItem"]
    assert not {"BatchGetItem", "GetObject"}.intersection(post(busy, error()))


def test_a_known_debug_id_costs_no_call_whatever_the_release_is(
    busy: Project, clock: account.Clock
) -> None:
    uploaded(busy.id)
    clear_cache()
    assert post(busy, error(release="shop@1")).count("BatchGetItem") == 1
    assert post(busy, error(release="shop@2")).count("BatchGetItem") == 0
    clock.advance(15)  # what is known to be absent has expired
    assert post(busy, error(release="shop@1")).count("BatchGetItem") == 0


def moved(by: int) -> bytes:
    """Return the shop's map for a file in which all columns are shifted to the right."""
    return source_map(
        [(line, column + by, *rest) for line, column, *rest in MAPPINGS],
        {"webpack://shop/./src/cart.ts": CART},
    )


def test_maps_of_several_releases_with_one_debug_id_are_distinguished(busy: Project) -> None:
    """A plugin writes the release into a file, but not into its debug id."""
    uploaded(busy.id, bundle({"~/app.js": moved(9)}, release="shop@1.9"))
    uploaded(busy.id, bundle({"~/app.js": moved(10)}, release="shop@1.10"))
    clear_cache()
    for _ in range(2):
        for release, by in (("shop@1.9", 9), ("shop@1.10", 10)):
            post(busy, error(release=release, columns=(101 + by, 21 + by)))
            outer, inner = stored(busy)
            assert (inner["lineno"], inner["colno"], outer["lineno"]) == (3, 11, 6)
    # A known map costs no call. A release that was never uploaded gets the last map.
    assert "BatchGetItem" not in post(busy, error(release="shop@1.9", columns=(110, 30)))
    post(busy, error(release="shop@2", columns=(111, 31)))
    assert stored(busy)[1]["colno"] == 11
    post(busy, error(release="shop@2", columns=(110, 29)))
    assert stored(busy)[1].get("function") != "Cart.add"


def test_one_map_in_several_releases_costs_no_second_look_up(busy: Project) -> None:
    for release in ("shop@1", "shop@2"):
        uploaded(busy.id, bundle(release=release))
    clear_cache()
    assert post(busy, error(release="shop@1")).count("BatchGetItem") == 1
    assert post(busy, error(release="shop@2")).count("BatchGetItem") == 0


def test_a_map_that_was_not_uploaded_is_looked_up_once_in_ten_seconds(
    busy: Project, clock: account.Clock
) -> None:
    uploaded(busy.id)
    clear_cache()
    unknown = error(debug_id="0" * 32)
    assert post(busy, unknown).count("BatchGetItem") == 1
    clock.advance(9)
    assert post(busy, {**unknown, "event_id": sdk.event()["event_id"]}).count("BatchGetItem") == 0
    clock.advance(2)
    assert post(busy, {**unknown, "event_id": sdk.event()["event_id"]}).count("BatchGetItem") == 1
    assert stored(busy)[1]["function"] == "b"


def test_a_project_without_maps_makes_no_extra_call(busy: Project) -> None:
    plain = post(busy, error())
    assert not {"BatchGetItem", "GetObject", "TransactWriteItems"}.intersection(plain)
    assert post(busy, error()) == ["PutItem"]


def test_a_map_is_not_applied_to_events_of_another_project(busy: Project) -> None:
    other = new_project(metered=True)
    uploaded(busy.id)
    uploaded(other.id, bundle(debug_id="1" * 32))
    post(other, error())
    assert stored(other)[1]["function"] == "b"


def assert_read_later(project: Project) -> None:
    """Check that the newest event was stored as it was sent, and symbolicated when it is read."""
    clear_cache()
    (event,) = events(project)
    assert "src/cart.ts" not in event["grouped_by"]
    assert stored(project)[1]["function"] == "Cart.add"


@pytest.mark.parametrize("operation", ["BatchGetItem", "GetObject"])
def test_an_event_is_stored_as_it_was_sent_if_the_map_cannot_be_read(
    busy: Project, operation: str
) -> None:
    uploaded(busy.id)
    clear_cache()

    def failing(call: Call) -> Any:
        if call.operation == operation:
            raise throttled(call)
        return call.send()

    with watched(failing):
        assert sdk.post(busy, sdk.of_event(error())).status == 200
    assert_read_later(busy)


def test_an_event_is_stored_as_it_was_sent_if_reading_the_map_takes_too_long(
    busy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apply_maps, "MAX_S", 0.3)
    uploaded(busy.id)
    clear_cache()

    def slow(call: Call) -> Any:
        if call.operation == "GetObject":
            time.sleep(3 * apply_maps.MAX_S)
        return call.send()

    with watched(slow):
        assert sdk.post(busy, sdk.of_event(error())).status == 200
    assert_read_later(busy)
    # The thread that still reads must not write into the next test's tables.
    apply_maps._pool().shutdown()
    apply_maps._pool.cache_clear()


def test_the_first_use_of_a_map_is_recorded_at_once(busy: Project, clock: account.Clock) -> None:
    uploaded(busy.id)
    (artifact,) = artifacts.list_artifacts(busy.id)
    assert artifact.used_at == artifact.uploaded_at
    clear_cache()
    clock.advance(60)
    post(busy, error())
    (artifact,) = artifacts.list_artifacts(busy.id)
    assert artifact.used_at == artifact.uploaded_at + 60_000


def test_the_use_of_a_map_is_recorded_once_a_day(busy: Project) -> None:
    uploaded(busy.id)
    clear_cache()
    (artifact,) = artifacts.list_artifacts(busy.id)
    keys, day = artifact.keys[0], 86_400_000
    artifacts.note_use(busy.id, keys, artifact.id, now_ms() - 2 * day)
    assert post(busy, error()).count("TransactWriteItems") == 1
    assert post(busy, error()).count("TransactWriteItems") == 0
    clear_cache()  # another process
    assert post(busy, error()).count("TransactWriteItems") == 0
    (artifact,) = artifacts.list_artifacts(busy.id)
    assert now_ms() - artifact.used_at < day
    assert artifact.debug_id == DEBUG_ID
