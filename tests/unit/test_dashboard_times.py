"""How the dashboard writes times."""

import pytest

from functions.dashboard.render import minute, offset
from tests.support.browser import words

AT_MS = 1_795_989_909_250  # 2026-11-29T22:05:09.250Z


@pytest.mark.parametrize(
    ("by_ms", "text"),
    [
        (0, "\N{MINUS SIGN}0.0 s"),
        (-2_430, "\N{MINUS SIGN}2.4 s"),
        (-141_000, "\N{MINUS SIGN}141 s"),
        (400_000, "+6 min"),
        (-3_600_000 * 30, "\N{MINUS SIGN}30 h"),
        (-86_400_000 * 2_000, "\N{MINUS SIGN}2,000 d"),
    ],
)
def test_an_offset_has_a_sign_and_a_unit(by_ms: int, text: str) -> None:
    assert offset(by_ms) == text


def test_a_minute_shows_its_zone_and_a_year_other_than_this_one() -> None:
    assert words(minute(AT_MS, AT_MS)) == "29 Nov, 22:05 UTC"
    assert words(minute(AT_MS, AT_MS, "Europe/Zurich")) == "29 Nov, 23:05 CET"
    assert words(minute(AT_MS - 365 * 86_400_000, AT_MS)) == "29 Nov 2025, 22:05 UTC"
    assert words(minute(10**18, AT_MS)).endswith("UTC")
