"""Merged issues against a simple model: whatever fails or repeats, the head has the sum of all.

As in `test_digest_model`, and people merge issues and separate them meanwhile.
"""

import random
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from errata.errors import InvalidInputError, NotFoundError, StoreError
from errata.models import sketch
from errata.models.event import Stored, user_identity
from errata.models.ids import minted_ms
from errata.models.issue_change import DELETE, Change
from errata.models.project import Project
from errata.models.visible import Visible, issues_partition
from errata.protocol.issues import IssueQuery
from errata.store import events, issues, watermarks
from errata.usecases import issues as usecases
from errata.usecases import merge
from tests.integration.test_digest_model import (
    _CHANGES,
    _FAULTS,
    START_MS,
    Model,
    issue_of,
)
from tests.support import account, stream, tally
from tests.support.account import Clock
from tests.support.calls import Killed, fault, killed
from tests.support.fresh import clear_cache
from tests.support.fuzz import bounded
from tests.support.settled import Settled
from tests.support.visible import all_issues, visible_in

_projects = count(700)


def plan(chance: random.Random) -> list[Any]:
    """Return steps: count events, merge two issues, settle their head, and then anything."""
    change = chance.choice(_CHANGES[:-2])
    steps: list[Any] = [(0, 6, 0, killed, False), _merge(chance), (change, 0)]
    for _ in range(12):
        match chance.choices(range(5), (60, 14, 6, 17, 3))[0]:
            case 0:
                back, ahead = chance.randrange(6), chance.randint(1, 4)
                after = chance.random() < 0.5
                steps.append((back, ahead, chance.randint(0, 9), chance.choice(_FAULTS), after))
            case 1:
                steps.append(_merge(chance))
            case 2:
                steps.append(("separate", chance.randrange(20)))
            case 3:
                steps.append((chance.choice(_CHANGES), chance.choice([0, 0, 1, 2])))
            case _:
                steps.append("clear")
    return steps


def _merge(chance: random.Random) -> tuple[str, int, int]:
    """Merge an issue, most of the time into the issue of the first event."""
    return "merge", chance.choice([0, 0, 0, 5]), chance.randrange(20)


class Merged(Model):
    """The expected result of a stream of events. `heads` has the head of each member."""

    def __init__(self, project_id: str, seed: int) -> None:
        super().__init__(project_id, seed)
        self.heads: dict[str, str] = {}

    def events_of(self, issue_ids: Sequence[str]) -> list[Stored]:
        """Return the events that these issues have counted, in their order."""
        return [
            events.stored(item)
            for n, item in enumerate(self.items[: self.done])
            if issue_of(item) in issue_ids
            and n >= max(self.hidden, self.deleted.get(issue_of(item), 0))
        ]

    def group(self, head: str) -> list[str]:
        return [head, *(each for each, its in self.heads.items() if its == head)]

    def count(self, end: int) -> None:
        for item in self.items[self.done : end]:
            event = events.stored(item)
            self.releases.setdefault(event.fields.get("release") or "", minted_ms(event.id))
            name = self.heads.get(issue_of(item), issue_of(item))
            self.settled.setdefault(name, Settled(self.releases)).count(event)
        self.done = max(self.done, end)

    def act(self, change: Change, number: int, project_id: str) -> None:
        issue_id = issue_of(self.items[number])
        group = self.group(issue_id)
        alive = issue_id in self.settled
        super().act(change, number, project_id)
        if alive and issue_id not in self.settled:
            for each in group:
                self.deleted[each] = self.done
                self.heads.pop(each, None)
        assert issue_id not in self.heads or change.kind != DELETE or issue_id not in self.settled

    def merge(self, project_id: str, head: str, other: str) -> None:
        with suppress(NotFoundError, InvalidInputError):
            merge.merge(*self.here(project_id), head, [other], "ada@example.com")
            if other not in self.settled:
                return
            moved = self.group(other)
            self.heads |= dict.fromkeys(moved, head)
            del self.settled[other]
            self.settled[head].have(self.events_of(self.group(head)))

    def separate(self, project_id: str, name: str) -> None:
        project, visible = self.here(project_id)
        with suppress(NotFoundError):
            issue = merge.separate(project, visible, name, "ada@example.com")
            if name not in self.heads:
                return
            head = self.heads.pop(name)
            its = self.settled[head]
            alone = self.settled[name] = Settled(self.releases)
            alone.events = self.events_of([name])
            its.have(self.events_of(self.group(head)))
            alone.status, alone.at_ms = its.status, issue.status_at
            alone.resolved_in, alone.after = its.resolved_in, its.after
            alone.until, alone.number, alone.base = its.until, its.number, issue.ignored_base
            if alone.until == "time" and alone.number <= visible.now_ms:
                alone.status, alone.until, alone.number = "open", "", 0

    def here(self, project_id: str) -> tuple[Project, Visible]:
        at_ms = minted_ms(self.items[self.done - 1]["sk"]["S"]) if self.done else START_MS
        return Project(project_id, "shop", 0), visible_in(project_id, at_ms)

    def clear(self, project_id: str) -> None:
        super().clear(project_id)
        self.heads = {}


@bounded(24)
@given(st.integers(0, 10**9))
def test_heads_have_the_sum_of_their_members(clock: Clock, seed: int) -> None:
    project_id = str(next(_projects))
    model = Merged(project_id, seed)
    batch = stream.numbered(model.items)
    for step in plan(random.Random(seed)):
        if step == "clear":
            model.clear(project_id)
        elif step[0] == "merge":
            model.merge(project_id, *(issue_of(model.items[n]) for n in step[1:]))
        elif step[0] == "separate":
            model.separate(project_id, issue_of(model.items[step[1]]))
        elif isinstance(step[0], Change):
            model.act(step[0], step[1], project_id)
        else:
            back, ahead, number, error, after = step
            start, end = max(model.done - back, 0), min(model.done + ahead, len(batch))
            with fault(number or 10**6, error, after=after), suppress(Killed, StoreError):
                stream.deliver(batch[start:end])
            clear_cache()
            stream.pump(batch[start:end])
            model.count(end)
    assert account.dead_letters() == []
    _compare(project_id, model)
    for generation in range(watermarks.find_watermark(project_id).generation + 1):
        issues.delete_generation(issues_partition(project_id, generation))


def _compare(project_id: str, model: Merged) -> None:
    raw = Visible(project_id, watermarks.find_watermark(project_id), 0, 0)
    # Each row has counted its own events.
    found, wanted = tally.counted(project_id)["issues"], model.counts()["issues"]
    assert found.keys() == wanted.keys()
    for issue_id, issue in wanted.items():
        for name in ("count", "buckets", "environments", "releases", "users", "title"):
            assert found[issue_id][name] == issue[name], name
    statuses = {each.id: each.status for each in all_issues(raw)}
    merged = dict.fromkeys(model.heads, "merged")
    assert statuses == merged | {name: each.status for name, each in model.settled.items()}
    # Lists have the heads, with the sum of all.
    listed = {each.id: each for each in usecases.matching(raw, IssueQuery(status="all"))}
    assert listed.keys() == model.settled.keys()
    for head_id, issue in listed.items():
        its = model.events_of(model.group(head_id))
        users = {user_identity(each.fields) for each in its} - {None}
        assert issue.count == len(its)
        assert sketch.estimate(issue.users) == len(users)
        assert sum(issue.buckets.days.values()) == len(its)
        assert issue.last_event == max(each.id for each in its)
