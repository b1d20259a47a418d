"""A simple model predicts which events open a settled issue, however batches divide them."""

import random
from dataclasses import replace
from typing import Any

import pytest

from errata.models.buckets import HOUR_MS
from errata.models.event import Stored
from errata.models.ids import new_event_id
from errata.models.issue import Issue, Position
from errata.models.issue_change import IGNORE, REOPEN, RESOLVE, Change
from errata.models.settled import EVENTS, RISING, TIME, USERS
from errata.models.visible import Watermark
from errata.store.digest_rows import Rows
from errata.usecases.count_events import change_issue, first_seen, totals
from errata.usecases.count_issue import StreamRecord
from tests.support.settled import Settled

START_MS = 1_795_341_600_000
ISSUES = ("a" * 32, "b" * 32)
# Some have no version, some are of another package, in no order.
RELEASES = ["1.9", "1.10", "1.8", "v1.9", "blue", "green", "red", "api@7", "1.9+ab", "1.9+cd", ""]
CHANGES = [
    Change(RESOLVE),
    *[Change(RESOLVE, in_next=True)] * 3,
    *(Change(RESOLVE, release=each) for each in ("1.9", "blue", "white", "shop@1.9", "api@7")),
    Change(IGNORE),
    *(Change(IGNORE, until=EVENTS, number=n) for n in (1, 3)),
    *(Change(IGNORE, until=USERS, number=n) for n in (1, 2)),
    *[Change(IGNORE, until=RISING)] * 2,
    *(Change(IGNORE, until=TIME, number=START_MS + n * HOUR_MS) for n in (1, 3)),
    Change(REOPEN),
]


class Digest:
    """What digest does, without tables."""

    def __init__(self) -> None:
        self.rows, self.sequence = Rows("1", Watermark()), 0
        self.pending: list[StreamRecord] = []
        # Which events have opened each issue.
        self.opened: dict[str, list[str]] = {}

    def send(self, event: Stored) -> None:
        self.sequence += 1
        self.pending.append(StreamRecord(Position("", f"{self.sequence:040d}"), event))

    def count(self) -> None:
        """Count a batch."""
        batch, self.pending = self.pending, []
        seen, rows = first_seen(self.rows, batch), self.rows
        fresh: dict[str, list[StreamRecord]] = {}
        for record in batch:
            fresh.setdefault(record.event.issue_id, []).append(record)
        for issue_id, found in fresh.items():
            change = change_issue(issue_id, found, rows, None, set(), seen)
            rows.issues[issue_id] = change.issue
            opened = self.opened.setdefault(issue_id, [])
            opened += [change.activity.event] if change.activity else []
        rows.releases |= totals(batch, fresh, set(), rows, replayed=True).releases

    def change(self, change: Change, issue_id: str, at_ms: int) -> bool:
        self.count()
        issue = self.rows.issues.get(issue_id)
        if issue is None or (change.in_next and not change.releases(issue)):
            return False
        seen = {each.release: each.since for each in self.rows.releases.values()}
        fields: dict[str, Any] = change.sets(issue, "ada", at_ms, seen)
        changed: Issue = replace(issue, **fields)
        self.rows.issues[issue_id] = changed
        return bool(fields)


@pytest.mark.parametrize("seed", range(6))
def test_digest_opens_settled_issues_by_the_events_that_the_model_predicts(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(12):
        digest, at_ms = Digest(), START_MS
        releases: dict[str, int] = {}
        model: dict[str, Settled] = {}
        known = chance.sample(RELEASES, 4)
        for _ in range(40):
            issue_id, change = chance.choice(ISSUES), chance.choice(CHANGES)
            if chance.random() < 0.25 and digest.change(change, issue_id, at_ms):
                model[issue_id].change(change, at_ms)
            for _ in range(chance.choice([1, 1, 1, 12])):
                at_ms += chance.choice([1, 1_000, 60_000, HOUR_MS // 2])
                release = chance.choice(known)
                fields: Any = {"message": "boom", "context": {"user": {"id": chance.randrange(9)}}}
                fields |= {"release": release} if release else {}
                event = Stored("1", new_event_id(at_ms), issue_id, at_ms // 1000 + 9**6, fields)
                digest.send(event)
                releases.setdefault(release, at_ms)
                model.setdefault(issue_id, Settled(releases)).count(event)
            if chance.random() < 0.5:
                digest.count()
        digest.count()
        assert digest.opened == {issue_id: each.opened for issue_id, each in model.items()}
