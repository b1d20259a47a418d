"""Digest against a simple model: whatever fails, repeats or changes meanwhile, counts are exact.

A stream of events reaches digest in batches that begin anywhere before the end of the last one.
Calls to AWS fail, or the process ends at one of them. People resolve, ignore, reopen and delete
issues, and clear the project.
"""

import random
from contextlib import suppress
from itertools import count
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from errata.errors import NotFoundError, StoreError
from errata.models.ids import floor_id, minted_ms, now_ms
from errata.models.visible import Watermark, issues_partition
from errata.store import issues, watermarks
from errata.usecases import issues as usecases
from tests.support import account, fuzz, stream, tally
from tests.support.account import Clock
from tests.support.calls import Killed, conflicting, failing, fault, killed, throttled
from tests.support.fresh import clear_cache
from tests.support.visible import visible_in

START_MS = now_ms()
_projects = count(300)
_FAULTS = [killed, killed, throttled, conflicting, failing]
_ACTIONS = [usecases.resolve, usecases.ignore, usecases.reopen, usecases.delete]

deliveries = st.tuples(
    st.integers(0, 6),  # how far back the batch begins
    st.integers(1, 6),  # how far it goes ahead
    st.integers(0, 14),  # the call that fails, 0 for none
    st.sampled_from(_FAULTS),
    st.booleans(),  # whether the call takes effect
)
actions = st.tuples(st.sampled_from(_ACTIONS), st.integers(0, 3))
steps = st.lists(deliveries | deliveries | actions | st.just("clear"), min_size=3, max_size=9)


def traffic(project_id: str, seed: int) -> list[dict[str, Any]]:
    """Events of a few issues, releases and users within two hours, in the order of the stream."""
    chance = random.Random(seed)
    times = sorted(chance.sample(range(START_MS - 7_200_000, START_MS), 20))
    return [
        stream.event(
            project_id,
            at_ms,
            fingerprint=f"f{chance.randrange(4)}",
            message=chance.choice(["bad price 1", "bad price 2", "no cart"]),
            release=f"r{chance.randrange(3)}",
            environment=chance.choice(["prod", "dev"]),
            context={"user": {"id": chance.randrange(5)}},
        )
        for at_ms in times
    ]


class Model:
    """What a stream of events must lead to, in the simplest way."""

    def __init__(self, project_id: str, seed: int) -> None:
        self.items = traffic(project_id, seed)
        self.done = 0  # how many events digest got
        self.hidden = 0  # how many of them were cleared
        self.deleted: dict[str, int] = {}  # issue → how many of them its deletion covers

    def counts(self) -> tally.Counts:
        counts = tally.expected(self.items[self.hidden : self.done])
        kept = [
            item
            for n, item in enumerate(self.items[: self.done])
            if n >= max(self.hidden, self.deleted.get(issue_of(item), 0))
        ]
        return {**counts, "issues": tally.expected(kept)["issues"]}

    def act(self, act: Any, number: int, project_id: str) -> None:
        """Let a person do something at the time of the last event."""
        issue_id = issue_of(self.items[number])
        at_ms = minted_ms(self.items[self.done - 1]["sk"]["S"]) if self.done else START_MS
        with suppress(NotFoundError):
            act(visible_in(project_id, at_ms), issue_id, "ada@example.com")
            if act is usecases.delete:
                self.deleted[issue_id] = self.done

    def clear(self, project_id: str) -> None:
        """Clear the project between the last event and the next one."""
        self.hidden = self.done
        rest = self.items[self.done :]
        through = rest[0]["sk"]["S"] if rest else floor_id(START_MS + 1)
        generation = watermarks.find_watermark(project_id).generation + 1
        assert watermarks.move_watermark(project_id, Watermark(generation, through), 0)


def issue_of(item: dict[str, Any]) -> str:
    """Return the id of an event's issue."""
    return str(item["issue"]["S"].rpartition("#")[2])


@fuzz.bounded(30)
@given(st.integers(0, 10**6), steps)
def test_counts_are_those_of_a_simple_model(clock: Clock, seed: int, steps: list[Any]) -> None:
    project_id = str(next(_projects))
    model = Model(project_id, seed)
    batch = stream.numbered(model.items)
    for step in steps:
        if step == "clear":
            model.clear(project_id)
        elif callable(step[0]):
            act, number = step
            model.act(act, number, project_id)
        else:
            back, ahead, number, error, after = step
            start, end = max(model.done - back, 0), min(model.done + ahead, len(batch))
            with fault(number or 10**6, error, after=after), suppress(Killed, StoreError):
                stream.deliver(batch[start:end])
            clear_cache()
            stream.pump(batch[start:end])
            model.done = end
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
