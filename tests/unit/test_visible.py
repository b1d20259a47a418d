"""The rule of what a reader may see."""

import pytest

from errata.errors import ForbiddenError
from errata.models.event import Stored
from errata.models.ids import floor_id
from errata.models.project import Access
from errata.models.visible import Visible, Watermark
from errata.usecases import rights
from errata.usecases.visible import make_visible

DAY_MS = 86_400_000
NOW_MS = 100 * DAY_MS
NOW_S = NOW_MS // 1000
ALSO = floor_id(NOW_MS - DAY_MS + 5)
WATERMARK = Watermark(3, floor_id(NOW_MS - DAY_MS), 7, frozenset({ALSO}))
VISIBLE = make_visible(Access("1", "", 5, 60), WATERMARK, NOW_MS)


def event(event_id: str, expires_at: int = NOW_S + 1, legacy_id: int | None = None) -> Stored:
    return Stored("1", event_id, "i", expires_at, {}, legacy_id)


def test_visible_has_the_generation_the_retention_and_the_time() -> None:
    assert Visible("1", WATERMARK, 95 * DAY_MS, NOW_MS, organization="default") == VISIBLE
    assert (VISIBLE.partition, VISIBLE.now_s) == ("1#3", NOW_S)
    assert (VISIBLE.oldest, VISIBLE.low) == (floor_id(95 * DAY_MS), floor_id(99 * DAY_MS))
    assert make_visible(Access("1", "", 5, 60), Watermark(), NOW_MS).low == floor_id(95 * DAY_MS)


def test_somebody_without_a_role_may_change_nothing() -> None:
    with pytest.raises(ForbiddenError):
        rights.check(VISIBLE, "settle")
    rights.check(VISIBLE.for_operator(), "delete")


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        (event(floor_id(NOW_MS)), True),
        (event(floor_id(NOW_MS), expires_at=NOW_S), False),
        (event(floor_id(99 * DAY_MS)), True),
        (event(floor_id(99 * DAY_MS - 1)), False),
        (event(ALSO), False),
        (event(floor_id(NOW_MS), legacy_id=7), False),
        (event(ALSO, legacy_id=8), True),
        (event(floor_id(95 * DAY_MS), legacy_id=8), True),
        (event(floor_id(95 * DAY_MS - 1), legacy_id=8), False),
    ],
)
def test_an_event_is_shown_unless_it_is_cleared_expired_or_too_old(
    found: Stored, shown: bool
) -> None:
    assert VISIBLE.shows(found) is shown


@pytest.mark.parametrize(
    ("expires_at", "last_seen", "shown"),
    [(NOW_S + 1, 95 * DAY_MS, True), (NOW_S, NOW_MS, False), (NOW_S + 1, 95 * DAY_MS - 1, False)],
)
def test_an_issue_is_shown_unless_it_is_expired_or_last_seen_too_long_ago(
    expires_at: int, last_seen: int, shown: bool
) -> None:
    assert VISIBLE.covers(expires_at, last_seen) is shown


def test_the_ids_of_a_watermark_are_needed_while_the_stream_has_their_events() -> None:
    assert Watermark(3, floor_id(NOW_MS), 7).also_until_ms == 0
    older = floor_id(NOW_MS - DAY_MS)
    both = Watermark(3, older, 7, frozenset({ALSO, older}))
    # The newest one was stored within half a minute.
    assert both.also_until_ms == NOW_MS + 5 + 30_000
