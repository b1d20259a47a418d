"""Measure what an error loop costs: write units of tallies, and of digest's rows."""

from collections.abc import Iterator
from typing import Any

from bench import digest, seed, write_units
from bench.corpus import envelopes
from bench.report import Yardstick, at_most
from bench.template import tables
from bench.write_units import Item
from errata.models.ids import new_event_id, now_ms
from errata.models.project import Access
from errata.models.tally import is_kept
from errata.protocol.sentry.envelope import parse_envelope
from errata.usecases.prepare import prepare, prepare_tally
from errata.usecases.sentry import SdkSubmission

_ACCESS = Access("1", "bench", retention_days=30, rate_limit=60)
_HOUR = 100_000


def all_counts() -> Iterator[Yardstick]:
    """Yield the counts."""
    events = next(table for table in tables() if table["TableName"] == "EventsTable")
    of_tallies = [write_units.put_units(each, events) for each in _items(tally=True)]
    yield at_most("write units of a tally", max(of_tallies), 1, f"the worst of {len(of_tallies)}")
    of_events = [write_units.put_units(each, events) for each in _items(tally=False)]
    kept = sum(map(is_kept, range(1, _HOUR + 1)))
    mean = (kept * max(of_events) + (_HOUR - kept) * max(of_tallies)) / _HOUR
    note = f"{_HOUR:,} events of 16 KB in an hour and environment, {kept} of them kept in full"
    yield at_most("write units per event of an error loop", mean, 1.01, note)
    yield _digested()


def _items(*, tally: bool) -> Iterator[Item]:
    for body in envelopes():
        yield _item(body, now_ms(), tally=tally)


def _item(body: bytes, at_ms: int, *, tally: bool) -> Item:
    envelope = parse_envelope(body)
    fields = SdkSubmission(envelope, envelope.events[0], "").read(_ACCESS, at_ms)
    event_id = new_event_id(at_ms)
    whole = prepare(fields, _ACCESS, event_id, at_ms).item
    typed: Any = prepare_tally(fields, _ACCESS, event_id, at_ms) if tally else whole
    item: Item = seed.as_json(typed)
    return item


def _digested() -> Yardstick:
    """Measure the rows that digest writes for a batch of tallies of one issue."""
    body = envelopes()[0]
    with digest.prepared() as measured:
        at_ms = now_ms() - 60_000
        measured.count([_item(body, at_ms, tally=False)])
        measured.count([_item(body, at_ms + n, tally=True) for n in range(1, digest.BATCH + 1)])
        batch = [
            _item(body, at_ms + n, tally=True) for n in range(digest.BATCH + 1, 2 * digest.BATCH)
        ]
        spent = measured.spent(lambda: measured.count(batch)) / len(batch)
    return at_most("write units of IssuesTable per tally", spent, 0.08, f"{len(batch)} in a batch")
