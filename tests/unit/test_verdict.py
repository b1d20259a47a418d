"""What an issue is doing, in words, with the numbers behind it."""

from typing import Any

import pytest

from errata.models.buckets import Buckets
from errata.models.issue import Activity, Issue
from errata.models.verdict import age, verdict

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NOW = 20_000 * DAY + 15 * HOUR + 30 * MINUTE


def issue(events: dict[int, int], **fields: Any) -> Issue:
    """Return an issue with so many events at each age in milliseconds."""
    buckets = Buckets()
    for ago in sorted(events, reverse=True):
        buckets.add(NOW - ago, events[ago])
    seen = {"first_seen": NOW - max(events), "last_seen": NOW - min(events)}
    names = ("id", "fingerprint", "grouping", "title", "culprit", "level", "exception_class")
    values: dict[str, Any] = {**dict.fromkeys(names, ""), "first_event": "", **seen, **fields}
    return Issue(buckets=buckets, count=sum(events.values()), **values)


HOURLY = {hour * HOUR: 27 for hour in range(2, 24)}


@pytest.mark.parametrize(
    ("found", "kind", "sentence", "detail"),
    [
        (
            issue({**HOURLY, 9 * DAY: 1, 5 * MINUTE: 214}, first_release="shop@1"),
            "rising",
            "Rising: 214 in the last hour, 8.6 × usual",  # noqa: RUF001 - the sign of multiplication
            "Usual: 25 an hour. First seen 9 d ago in shop@1",
        ),
        (
            issue({20 * MINUTE: 30}),
            "rising",
            "Rising: 30 in the last hour, none in the 24 hours before",
            "First seen 20 min ago",
        ),
        (
            issue({21 * MINUTE: 2}, first_release="shop@2"),
            "new",
            "New: first seen 21 min ago in shop@2",
            "",
        ),
        (
            issue({**HOURLY, 9 * DAY: 1, 5 * MINUTE: 30}),
            "steady",
            "Steady: 30 in the last hour, usual 25 an hour",
            "First seen 9 d ago",
        ),
        (
            issue({40 * DAY: 1, 3 * HOUR: 3}),
            "steady",
            "Steady: 3 in 24 hours",
            "First seen 40 d ago",
        ),
        (
            issue({40 * DAY: 5, 9 * DAY: 1}),
            "quiet",
            "Gone quiet: none for 9 d",
            "First seen 40 d ago",
        ),
        (
            issue(
                {40 * DAY: 5, 3 * DAY: 1},
                status="resolved",
                status_at=NOW - HOUR,
                status_by="a@b.c",
            ),
            "resolved",
            "Resolved: no events since",
            "Resolved by a@b.c, 1 h ago",
        ),
    ],
    ids=["rising", "rising and new", "new", "steady", "rare", "quiet", "resolved"],
)
def test_a_verdict_has_the_numbers_behind_it(
    found: Issue, kind: str, sentence: str, detail: str
) -> None:
    result = verdict(found, [], NOW)
    assert (result.kind, result.sentence, result.detail) == (kind, sentence, detail)


def test_a_regressed_issue_shows_when_it_was_resolved_and_how_long_it_is_back() -> None:
    found = issue({40 * DAY: 5, HOUR: 1}, status="regressed")
    activity = [
        Activity(NOW - HOUR, "regressed", event="e", release="shop@3"),
        Activity(NOW - 3 * DAY, "resolved", "ada@example.com"),
    ]
    result = verdict(found, activity, NOW)
    assert (result.kind, result.sentence) == (
        "regressed",
        "Regressed: resolved 3 d ago, back for 1 h in shop@3",
    )
    assert verdict(found, [], NOW).sentence == "Regressed: it was resolved, and is back"


def test_an_age_is_in_its_largest_unit() -> None:
    ages = [age(NOW - ms, NOW) for ms in (-5, 59_999, MINUTE, 59 * MINUTE, HOUR, 25 * HOUR)]
    assert ages == ["less than a minute"] * 2 + ["1 min", "59 min", "1 h", "1 d"]
