"""Digest against a simple model: whatever fails, repeats or changes meanwhile, counts are exact.

A stream of events and tallies reaches digest in batches that begin anywhere before the end of the
last one. Calls to AWS fail, or the process ends at one of them. People resolve, ignore, reopen and
delete issues, also in releases and until something, and clear the project. Which event opens an
issue again depends on the events and what people did, never on the batches.
"""

import random
from contextlib import suppress
from itertools import count
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from errata.errors import InvalidInputError, NotFoundError, StoreError
from errata.models.ids import floor_id, minted_ms, now_ms
from errata.models.issue_change import DELETE, IGNORE, REOPEN, RESOLVE, Change
from errata.models.settled import EVENTS, RISING, TIME, USERS
from errata.models.visible import Visible, Watermark, issues_partition
from errata.store import events, issues, watermarks
from errata.usecases import issues as usecases
from tests.support import account, fuzz, stream, tally
from tests.support.account import Clock
from tests.support.calls import Killed, conflicting, failing, fault, killed, throttled
from tests.support.fresh import clear_cache
from tests.support.settled import Settled
from tests.support.visible import all_issues, visible_in

START_MS = now_ms()
_projects = count(300)
_FAULTS = [killed, killed, throttled, conflicting, failing]
_CHANGES = [
    Change(RESOLVE),
    Change(RESOLVE, in_next=True),
    Change(RESOLVE, release="1.9"),
    Change(RESOLVE, release="blue"),
    Change(IGNORE),
    Change(IGNORE, until=EVENTS, number=2),
    Change(IGNORE, until=USERS, number=1),
    Change(IGNORE, until=RISING),
    Change(IGNORE, until=TIME, number=START_MS - 1_800_000),
    Change(REOPEN),
    Change(DELETE),
]
# Releases in no order, some without a version.
RELEASES = ["1.9", "1.10", "1.8", "blue", "green", "1.11-rc.1", ""]

deliveries = st.tuples(
    st.integers(0, 6),  # how far back the batch begins
    st.integers(1, 6),  # how far it goes ahead
    st.integers(0, 14),  # the call that fails, 0 for none
    st.sampled_from(_FAULTS),
    st.booleans(),  # whether the call takes effect
)
actions = st.tuples(st.sampled_from(_CHANGES), st.integers(0, 3))
steps = st.lists(deliveries | deliveries | actions | st.just("clear"), min_size=3, max_size=9)


def traffic(project_id: str, seed: int) -> list[dict[str, Any]]:
    """Return events of a few issues, releases and users within two hours, in stream order."""
    chance = random.Random(seed)
    times = sorted(chance.sample(range(START_MS - 7_200_000, START_MS), 20))
    return [
        chance.choice([stream.event, stream.event, stream.tally])(
            project_id,
            at_ms,
            fingerprint=f"f{chance.randrange(4)}",
            message=chance.choice(["bad price 1", "bad price 2", "no cart"]),
            release=chance.choice(RELEASES) or None,
            environment=chance.choice(["prod", "dev"]),
            context={"user": {"id": chance.randrange(5)}},
        )
        for at_ms in times
    ]


class Model:
    """The expected result of a stream of events, computed in the simplest way."""

    def __init__(self, project_id: str, seed: int) -> None:
        self.items = traffic(project_id, seed)
        self.done = 0  # how many events digest got
        self.hidden = 0  # how many of them were cleared
        self.deleted: dict[str, int] = {}  # issue → how many of them its deletion covers
        self.settled: dict[str, Settled] = {}
        self.releases: dict[str, int] = {}  # when each was first seen

    def counts(self) -> tally.Counts:
        counts = tally.expected(self.items[self.hidden : self.done])
        kept = [
            item
            for n, item in enumerate(self.items[: self.done])
            if n >= max(self.hidden, self.deleted.get(issue_of(item), 0))
        ]
        return {**counts, "issues": tally.expected(kept)["issues"]}

    def count(self, end: int) -> None:
        """Count the events up to `end`, one by one."""
        for item in self.items[self.done : end]:
            event = events.stored(item)
            release = event.fields.get("release") or ""
            self.releases.setdefault(release, minted_ms(event.id))
            issue = self.settled.setdefault(issue_of(item), Settled(self.releases))
            issue.count(event)
        self.done = max(self.done, end)

    def act(self, change: Change, number: int, project_id: str) -> None:
        """Let a person do something at the time of the last event."""
        issue_id = issue_of(self.items[number])
        at_ms = minted_ms(self.items[self.done - 1]["sk"]["S"]) if self.done else START_MS
        visible = visible_in(project_id, at_ms)
        with suppress(NotFoundError, InvalidInputError):
            if change.kind == DELETE:
                usecases.delete(visible, issue_id, "ada@example.com")
                self.deleted[issue_id] = self.done
                del self.settled[issue_id]
            else:
                usecases.change(visible, issue_id, change, "ada@example.com")
                self.settled[issue_id].change(change, at_ms)

    def clear(self, project_id: str) -> None:
        """Clear the project between the last event and the next one."""
        self.hidden = self.done
        self.settled, self.releases = {}, {}
        rest = self.items[self.done :]
        through = rest[0]["sk"]["S"] if rest else floor_id(START_MS + 1)
        generation = watermarks.find_watermark(project_id).generation + 1
        assert watermarks.move_watermark(project_id, Watermark(generation, through), 0)


def issue_of(item: dict[str, Any]) -> str:
    """Return the id of an event's issue."""
    return events.issue_of(item)


@fuzz.bounded(30)
@given(st.integers(0, 10**6), steps)
def test_counts_are_those_of_a_simple_model(clock: Clock, seed: int, steps: list[Any]) -> None:
    project_id = str(next(_projects))
    model = Model(project_id, seed)
    batch = stream.numbered(model.items)
    for step in steps:
        if step == "clear":
            model.clear(project_id)
        elif isinstance(step[0], Change):
            change, number = step
            model.act(change, number, project_id)
        else:
            back, ahead, number, error, after = step
            start, end = max(model.done - back, 0), min(model.done + ahead, len(batch))
            with fault(number or 10**6, error, after=after), suppress(Killed, StoreError):
                stream.deliver(batch[start:end])
            clear_cache()
            stream.pump(batch[start:end])
            model.count(end)
    raw = Visible(project_id, watermarks.find_watermark(project_id), 0, 0)
    assert {each.id: each.status for each in all_issues(raw)} == {
        issue_id: each.status for issue_id, each in model.settled.items()
    }
    assert account.dead_letters() == []
    found, wanted = tally.counted(project_id), model.counts()
    for issue_id, issue in wanted["issues"].items():
        # Values from before a deletion are found, too, until they expire.
        assert found["issues"][issue_id].pop("values") >= issue.pop("values")
    for each in (*found["releases"].values(), *wanted["releases"].values()):
        del each["open_issues"]  # depends on what people did
        if model.deleted:
            del each["issues_opened"]
    assert found == wanted
    for generation in range(watermarks.find_watermark(project_id).generation + 1):
        issues.delete_generation(issues_partition(project_id, generation))
