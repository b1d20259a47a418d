"""The chart of an issue: its texts do not lie on each other."""

import re

from functions.dashboard.charts import Bars, issue_chart


def drawn(*places: float) -> str:
    marks = [(f"shop@2026.11.{n:02}-with-a-name", place) for n, place in enumerate(places)]
    bars = [(f"{n}:00", 5) for n in range(24)]
    return str(issue_chart(Bars("by-hour", "label", bars, "an hour", usual=4, marks=marks)))


def test_names_of_fresh_releases_stand_in_lines_above_the_bars() -> None:
    chart = drawn(0.97, 0.99)
    lines = [int(y) for y in re.findall(r'class="flag"[^>]* y="(\d+)"', chart)]
    assert sorted(lines) == [11, 25]
    tops = [int(y) for y in re.findall(r'<rect class="b"[^>]* y="(\d+)"', chart)]
    assert min(tops) > max(lines)
    assert min(int(y) for y in re.findall(r'<rect class="b"[^>]* y="(\d+)"', drawn(0.97))) == 16


def test_the_usual_number_is_left_out_where_a_name_needs_its_place() -> None:
    assert "usual 4, peak 5 an hour" in drawn()
    assert "usual 4, peak 5 an hour" in drawn(0.97)
    assert "usual 4" not in drawn(0.2)
    # The name ends at its line, and begins far to the left of it.
    assert "usual 4" not in drawn(0.52)
