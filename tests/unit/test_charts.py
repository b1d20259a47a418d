"""The chart of an issue: its texts do not overlap."""

import re

from functions.dashboard.charts import Bars, issue_chart


def drawn(*positions: float) -> str:
    marks = [(f"shop@2026.11.{n:02}-with-a-name", position) for n, position in enumerate(positions)]
    bars = [(f"{n}:00", 5) for n in range(24)]
    return str(issue_chart(Bars("by-hour", "label", bars, "an hour", usual=4, marks=marks)))


def test_names_of_adjacent_releases_are_on_separate_lines_above_the_bars() -> None:
    chart = drawn(0.97, 0.99)
    lines = [int(y) for y in re.findall(r'class="flag"[^>]* y="(\d+)"', chart)]
    assert sorted(lines) == [11, 25]
    tops = [int(y) for y in re.findall(r'<rect class="b"[^>]* y="(\d+)"', chart)]
    assert min(tops) > max(lines)
    assert min(int(y) for y in re.findall(r'<rect class="b"[^>]* y="(\d+)"', drawn(0.97))) == 16


def test_the_usual_number_is_left_out_if_a_release_name_overlaps_it() -> None:
    assert "usual 4, peak 5 an hour" in drawn()
    assert "usual 4, peak 5 an hour" in drawn(0.97)
    assert "usual 4" not in drawn(0.2)
    # The name ends at its line, and begins far to the left of it.
    assert "usual 4" not in drawn(0.52)
