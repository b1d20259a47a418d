"""A tally has what digest counts of an event, and takes one write unit."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bench.corpus import envelopes
from bench.write_units import item_size
from errata.models.event import Event, unpack, user_identity
from errata.models.project import Access
from errata.models.tally import KEPT_AN_HOUR, is_kept, pack_tally
from errata.models.titles import culprit, title
from errata.protocol.sentry.envelope import parse_envelope
from errata.store import events
from errata.store.items import TypedItem
from errata.usecases.prepare import prepare_tally
from errata.usecases.sentry import SdkSubmission
from tests.support import stream

NOW_MS = 1_790_000_000_000
ID = "01a22b5b-52af-7994-a916-4d450c8f2f92"
ACCESS = Access("9" * 12, "key", retention_days=30, rate_limit=60)

texts = st.text(max_size=300) | st.sampled_from(["", "é" * 500, "x" * 5_000])
users = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("id", "email", "username", "ip_address"), texts | st.integers())
)
sent = st.fixed_dictionaries(
    {"fingerprint": texts, "event_id": st.just("e" * 32), "level": st.just("error")},
    optional={
        **dict.fromkeys(("message", "release", "environment", "server_name", "url"), texts),
        **dict.fromkeys(("exception_class", "transaction", "logger", "grouped_by"), texts),
        "context": st.fixed_dictionaries({"user": users}) | st.just({"user": "ada"}),
        "tags": st.dictionaries(st.text(max_size=70), texts, max_size=60),
    },
)


def sized_item(fields: Event, access: Access = ACCESS) -> TypedItem | None:
    return prepare_tally(fields, access, ID, NOW_MS)


@given(sent)
def test_a_tally_has_the_counted_fields_of_its_event_in_one_write_unit(fields: Any) -> None:
    item = sized_item(fields)
    if item is None:
        return
    assert item_size(stream.record(item, 1)["dynamodb"]["NewImage"]) <= 1_024
    assert not {"issue", "release"} & item.keys()
    tally = events.stored(item)
    whole: Any = {**fields}
    assert tally.tally
    assert user_identity(tally.fields) == user_identity(whole)
    for name in ("release", "environment", "server_name"):
        assert (tally.fields.get(name) or "") == (whole.get(name) or "")


def test_the_tally_of_a_recorded_event_has_its_title_culprit_and_tags() -> None:
    for sent in envelopes():
        envelope = parse_envelope(sent)
        submission = SdkSubmission(envelope, envelope.events[0], "198.51.100.7")
        fields = submission.read(ACCESS, NOW_MS)
        item = sized_item(fields)
        assert item
        tally: Any = unpack(events.packed(item))
        assert tally["title"] == title(fields)
        assert tally["culprit"] == culprit(fields)
        assert tally.get("tags") == fields.get("tags")


def test_an_event_whose_user_is_too_long_is_kept_in_full() -> None:
    user = "".join(map(str, range(3_000)))
    fields: Any = {"fingerprint": "f", "event_id": "e" * 32, "context": {"user": {"id": user}}}
    assert pack_tally(fields) is None


def test_a_short_retention_does_not_shorten_the_life_of_the_row() -> None:
    fields: Any = {"fingerprint": "f", "event_id": "e" * 32}
    for days, kept in ((1, 15), (15, 15), (90, 90)):
        item = sized_item(fields, Access("1", "key", retention_days=days, rate_limit=60))
        assert item
        assert int(item["ttl"]["N"]) == NOW_MS // 1000 + kept * 86_400
        assert events.stored(item).expires_at == NOW_MS // 1000 + days * 86_400


def test_the_first_events_of_an_hour_and_powers_of_two_are_kept() -> None:
    kept = [number for number in range(1, 1_025) if is_kept(number)]
    assert kept == [*range(1, KEPT_AN_HOUR + 1), 32, 64, 128, 256, 512, 1_024]
