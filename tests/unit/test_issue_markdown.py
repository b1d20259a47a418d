"""An issue as Markdown: nothing that somebody else wrote leaves its code span or block."""

from typing import Any

import pytest

from errata.models.event import Stored
from errata.models.issue import Activity, Issue
from errata.models.verdict import Verdict
from errata.protocol.issue_markdown import Around, row, to_markdown
from tests.support.pages import HOSTILE

NOW = 1_795_000_000_000


def issue_with(value: str) -> Issue:
    texts = ("title", "culprit", "level", "exception_class", "first_release", "last_release")
    fields: dict[str, Any] = dict.fromkeys((*texts, "tracker_url", "grouped_by"), value)
    named = ("releases", "environments", "servers")
    counts: dict[str, Any] = {name: {f"{value}{n}": 9 - n for n in range(7)} for name in named}
    return Issue("a" * 32, "f", "v2", first_seen=NOW, first_event="e", **fields, **counts)


def lines_outside(text: str) -> list[str]:
    """Return the lines that are not in a code block."""
    found, fence = [], ""
    for line in text.split("\n"):
        if fence:
            fence = "" if line == fence else fence
        elif line and set(line) == {"`"}:
            fence = line
        else:
            found.append(line)
    assert fence == ""
    return found


@pytest.mark.parametrize("value", [HOSTILE, "`", "```\n# Title\n@everyone", "````` x", "\n\n# a"])
def test_sent_texts_stay_within_their_code_spans_and_blocks(value: str) -> None:
    fields: Any = {"message": value, "stack_trace": value, "tags": {value: value}}
    event = Stored("1", "e" * 32, "a" * 32, 0, fields)
    activity = [Activity(NOW, "commented", value, text=value), Activity(NOW, value, detail=value)]
    verdict = Verdict(value, value, value)
    around = Around("SHOP-1", value, value, verdict, activity, event, 7, "https://e.example.com/1")
    text = to_markdown(issue_with(value), around, NOW)
    begins = ("# SHOP-1: `", "in `", "- ", "> Texts in", "## Newest event, 7 of 0", "### ")
    for line in lines_outside(text):
        assert line == "" or line.startswith((*begins, "## Activity, latest first")), line
        assert line.startswith("- page: <") or line.count("`") != 1
    first, second = row("SHOP-1", value, issue_with(value), NOW).split("\n")
    assert first.startswith("- **SHOP-1** of `")
    assert second.startswith("  `")


def test_only_the_most_frequent_names_are_shown() -> None:
    around = Around("SHOP-1", "shop", "", Verdict("new", "New"), [], None, None)
    text = to_markdown(issue_with("r"), around, NOW)
    assert "- releases: `r0 (9), r1 (8), r2 (7), r3 (6), r4 (5), 2 more`\n" in text
    assert "assigned" not in text
    assert "Newest event" not in text
