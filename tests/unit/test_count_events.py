"""What digest computes from events: issues, releases and days. Without tables."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from errata.models.event import Stored, pack
from errata.models.ids import DAY_MS, floor_id
from errata.models.issue import (
    IGNORED,
    OPEN,
    RANK_LAG_MS,
    REGRESSED,
    RESOLVED,
    ROWS_LINGER_S,
    TTL_LAG_S,
    Closed,
    Day,
    Position,
    Release,
)
from errata.models.merged import Group
from errata.models.seen_values import SeenValues
from errata.models.sketch import estimate
from errata.models.visible import Watermark
from errata.store.digest import IssueChange, Totals
from errata.store.digest_rows import Rows
from errata.store.events import release_hash
from errata.store.values import NewValue
from errata.usecases.count_events import (
    EventsByIssue,
    change_issue,
    first_seen,
    not_counted,
    totals,
    unknown_releases,
    without_position,
)
from errata.usecases.count_issue import StreamRecord
from errata.usecases.count_merged import as_one, groups

DAY = 20_779
AT = DAY * DAY_MS + 5 * 3_600_000
A, B, C, D = "a" * 32, "b" * 32, "c" * 32, "d" * 32
R1, R2 = release_hash("1.0"), release_hash("2.0")
EXPIRES = AT // 1000 + 30 * 86_400


def position(number: int, stream: str = "") -> Position:
    return Position(stream, f"{number:040d}")


def sent(
    number: int, ms: int = 0, issue: str = A, *, tally: bool = False, life_s: int = 0, **fields: Any
) -> StreamRecord:
    """Return the record of an event `ms` after `AT`, with its number in the stream."""
    every: Any = {"message": "boom", "fingerprint": "f", "level": "error", **fields}
    expires = EXPIRES + ms // 1000 + life_s
    event = Stored("1", floor_id(AT + ms), issue, expires, every, tally=tally)
    return StreamRecord(position(number), event)


def stored(rows: Rows, sk: str, **values: Any) -> None:
    """Add a row of the table, with only the attributes that these functions read."""
    item: Any = values
    rows.stored[sk] = item


def empty() -> Rows:
    return Rows("1", Watermark())


def changed(
    records: list[StreamRecord],
    rows: Rows,
    closed: Closed | None = None,
    group: Group | None = None,
    issue: str = A,
) -> IssueChange:
    return change_issue(issue, records, rows, closed, set(), first_seen(rows, records), group)


def counted(*records: StreamRecord, **fields: Any) -> Rows:
    """Return the rows after these events of an issue, with the issue's fields changed."""
    rows = empty()
    issue = changed(list(records), rows).issue
    rows.issues[A] = replace(issue, number=1, **fields)
    return rows


# ------------------------------------------------------------------ which events are new


def test_events_count_after_the_position_of_their_issue_and_after_its_deletion() -> None:
    rows = empty()
    stored(rows, f"issue#{A}", last_sequence=position(2).sequence)
    deleted = floor_id(AT + 4)
    stored(rows, f"issue#{B}", last_sequence=position(1).sequence, deleted_through=deleted)
    records = [sent(n, n) for n in (1, 2, 3)] + [sent(n, n, B) for n in (4, 5)] + [sent(6, 6, C)]
    found = not_counted(records, rows)
    numbers = {issue: [int(r.position.sequence) for r in some] for issue, some in found.items()}
    assert numbers == {A: [3], B: [5], C: [6]}


# ------------------------------------------------------------------ an issue


def test_a_new_issue_has_the_fields_of_its_events() -> None:
    user = {"user": {"id": "7"}}
    shop: Any = {"environment": "prod", "server_name": "web", "context": user, "grouped_by": "it"}
    rows = empty()
    stored(rows, f"issue#{A}", deleted_through="0")
    records = [
        sent(1, 20, release="2.0", exception_class="KeyError", message="k", **shop),
        sent(2, 10, release="1.0", life_s=9, logger="log", transaction="GET /"),
        sent(3, 20, message="last", level="warning", **shop),
    ]
    change = changed(records, rows)
    issue = change.issue
    assert (issue.id, issue.fingerprint, issue.grouping, issue.grouped_by) == (
        A,
        "f",
        "client",
        "it",
    )
    assert (issue.status, issue.status_at, issue.deleted_through) == (OPEN, 0, "0")
    assert (issue.first_event, issue.first_seen) == (floor_id(AT + 10), AT + 10)
    assert (issue.last_event, issue.last_seen) == (floor_id(AT + 20), AT + 20)
    assert (issue.first_release, issue.last_release) == ("1.0", "2.0")
    assert issue.opened_by == floor_id(AT + 20)
    assert (issue.count, issue.tallies, issue.last_kept) == (3, 0, "")
    assert (issue.expires_at, issue.position) == (EXPIRES + 9, position(3))
    assert (issue.ranked_at, issue.ttl) == (AT + 20, EXPIRES + 9 + TTL_LAG_S)
    assert issue.rows_until == EXPIRES + 9 + ROWS_LINGER_S
    assert issue.buckets.minutes == {AT // 60_000: 3}
    assert issue.environments == {"prod": 2}
    assert issue.releases == {"1.0": 1, "2.0": 1}
    assert (issue.title, issue.exception_class, issue.level) == ("KeyError: k", "KeyError", "error")
    assert change.renewed
    assert change.activity is None
    assert change.text is not None
    assert "KeyError" in change.text
    new = {each.value: each for each in change.values}
    until = issue.rows_until
    assert new["release", "2.0"] == NewValue(A, ("release", "2.0"), AT + 20, until, "opened")
    assert new["release", "1.0"].change == new["environment", "prod"].change == ""
    assert estimate(issue.users) == 1
    assert {key for key, _ in new} == {
        *("release", "environment", "server", "level", "user.id", "logger", "transaction")
    }


def test_fields_that_no_event_has_stay_empty_until_a_later_event() -> None:
    record = sent(1, grouping="v2")
    del record.event.fields["level"], record.event.fields["fingerprint"]
    issue = changed([record], empty()).issue
    assert (issue.fingerprint, issue.first_event, issue.first_seen) == ("", floor_id(AT), AT)
    assert (issue.grouping, issue.grouped_by, issue.level, issue.exception_class) == (
        "v2",
        "",
        "error",
        "",
    )
    assert (issue.first_release, issue.last_release, issue.transaction, issue.logger) == (
        "",
        "",
        "",
        "",
    )
    later = changed(
        [sent(2, 1, release="2.0", level="info", logger="l", transaction="t")], counted(record)
    ).issue
    assert (later.first_release, later.last_release) == ("2.0", "2.0")
    assert (later.level, later.transaction, later.logger) == ("info", "t", "l")
    around = [sent(2, -1), sent(3, 1)]
    between = changed(around, counted(sent(1, release="1.0"))).issue
    assert (between.first_release, between.last_release) == ("1.0", "1.0")
    assert (between.first_seen, between.last_seen) == (AT - 1, AT + 1)


def test_an_issue_keeps_when_the_release_it_is_resolved_in_was_first_seen() -> None:
    rows = counted(sent(1), status=RESOLVED, status_at=AT, resolved_in="red")
    rows.known[release_hash("red")] = AT - 5
    assert changed([sent(2)], rows).issue.resolved_in_seen == AT - 5
    assert changed([sent(2, 1, release="blue")], rows).issue.status == REGRESSED
    rows.issues[A].resolved_in_seen = 3
    assert changed([sent(2)], rows).issue.resolved_in_seen == 3


def test_rows_of_an_issue_are_rewritten_only_if_necessary() -> None:
    rows = counted(sent(1, release="1.0"))
    before = rows.issues[A]
    rows.releases[R1] = Release("1.0", AT, AT)
    calm = changed([sent(2, 1, release="1.0")], rows)
    assert (calm.renewed, calm.text, calm.values) == (False, None, [])
    assert (calm.issue.ranked_at, calm.issue.count) == (AT, 2)
    assert (before.count, before.releases, before.buckets.minutes) == (
        1,
        {"1.0": 1},
        {AT // 60_000: 1},
    )
    for ms, ranked in ((RANK_LAG_MS - 1, AT), (RANK_LAG_MS, AT + RANK_LAG_MS)):
        # The events of these tests expire later with each second. Here, they do not.
        moved = changed([sent(2, ms, life_s=-(ms // 1000))], rows).issue
        assert (moved.ranked_at, moved.ttl) == (ranked, EXPIRES + TTL_LAG_S)
    assert changed([sent(2, life_s=TTL_LAG_S)], rows).issue.ttl == before.ttl
    assert changed([sent(2, life_s=TTL_LAG_S + 1)], rows).issue.ttl == before.ttl + TTL_LAG_S + 1
    assert not changed([sent(2, life_s=ROWS_LINGER_S)], rows).renewed
    late = changed([sent(2, release="1.0", life_s=ROWS_LINGER_S + 1)], rows)
    assert late.renewed
    assert late.text is not None
    assert late.issue.rows_until == EXPIRES + 2 * ROWS_LINGER_S + 1
    assert ("release", "1.0") in {each.value for each in late.values}


def test_the_search_text_changes_with_the_title_and_not_with_its_numbers() -> None:
    rows = counted(sent(1, message="a 1"))
    assert changed([sent(2, 1, message="a 2")], rows).text is None
    change = changed([sent(2, 9, message="b"), sent(3, 1, message="c")], rows)
    assert change.text == "b"
    where = changed([sent(2, 1, message="a 1", file="x.py", line=3)], rows)
    assert where.text is not None
    settled = counted(sent(1), status=RESOLVED, status_at=AT)
    regressed = changed([sent(2, 1)], settled)
    assert (regressed.issue.status, regressed.text) == (REGRESSED, "boom")
    assert regressed.activity
    assert regressed.activity.event == floor_id(AT + 1)


def test_a_tally_sets_the_search_text_only_if_no_full_event_does() -> None:
    assert changed([sent(1, tally=True)], empty()).text == "boom"
    full = StreamRecord(position(1), sent(1).event, pack({"message": "of the whole event"}))
    assert changed([full], empty()).text == "of the whole event"
    both = [sent(1, 5, message="kept"), sent(2, 9, tally=True, message="tally")]
    assert changed(both, empty()).text == "kept"
    rows = counted(sent(1), status=RESOLVED, status_at=AT)
    tallied = changed([sent(2, 1, tally=True)], rows)
    assert (tallied.issue.status, tallied.text) == (REGRESSED, None)
    rows.issues[A].number = 0
    assert changed([sent(2, 1, tally=True)], rows).text == "boom"
    tallies = counted(sent(1, tally=True))
    assert changed([sent(2, 1, tally=True, message="b")], tallies).text == "b"


def test_the_title_comes_from_the_whole_event_unless_its_summary_has_one() -> None:
    packed = pack({"message": "of the whole event"})
    cases: Any = (({}, "of the whole event"), ({"title": "of the summary"}, "of the summary"))
    for fields, title in cases:
        record = StreamRecord(position(1), sent(1, **fields).event, packed)
        assert changed([record], empty()).issue.title == title


def test_an_issue_shows_the_newest_event_that_is_kept_in_full() -> None:
    def shown(rows: Rows, *records: StreamRecord) -> tuple[str, str, int]:
        issue = changed(list(records), rows).issue
        return issue.title, issue.last_kept, issue.tallies

    kept = counted(sent(1, 10, message="a"))
    assert shown(kept, sent(2, 20, tally=True, message="b")) == ("a", floor_id(AT + 10), 1)
    assert shown(kept, sent(2, 5, message="b")) == ("a", "", 0)
    assert shown(kept, sent(2, 11, message="b"), sent(3, 12, tally=True)) == (
        "b",
        floor_id(AT + 11),
        1,
    )
    assert shown(kept, sent(2, 5, tally=True, message="b")) == ("a", "", 1)
    tallies = counted(sent(1, 10, tally=True, message="a"))
    assert shown(tallies, sent(2, 20, tally=True, message="b")) == ("b", "", 2)
    assert shown(tallies, sent(2, 5, tally=True, message="b")) == ("a", "", 2)
    assert shown(tallies, sent(2, 5, message="b")) == ("b", floor_id(AT + 5), 1)


def test_an_expired_closed_issue_returns_with_its_status_and_assignee() -> None:
    settled = {"resolved_in": "1.0", "ignored_base": 7}
    closed = Closed(RESOLVED, AT - 9, 3, "", "ada", "https://x/1", settled)
    older = changed([sent(1, release="0.9")], empty(), closed)
    assert (older.issue.status, older.issue.status_at, older.issue.opened_by) == (
        RESOLVED,
        AT - 9,
        "",
    )
    assert (older.issue.assignee, older.issue.tracker_url) == ("ada", "https://x/1")
    assert (older.issue.resolved_in, older.issue.ignored_base) == ("1.0", 0)
    assert older.activity is None
    newer = changed([sent(1, release="1.1")], empty(), closed)
    assert (newer.issue.status, newer.issue.opened_by) == (REGRESSED, "")
    assert {each.value: each.change for each in newer.values}["release", "1.1"] == REGRESSED
    known = changed([sent(2)], counted(sent(1)), closed)
    assert (known.issue.status, known.issue.assignee) == (OPEN, "")


def test_the_value_row_of_a_release_records_that_an_issue_regressed_in_it() -> None:
    def changes(rows: Rows, *records: StreamRecord) -> dict[tuple[str, str], str]:
        return {each.value: each.change for each in changed(list(records), rows).values}

    one, of_one = sent(1, release="1.0"), ("release", "1.0")
    rows = counted(one, status=RESOLVED, status_at=AT + 5)
    rows.releases[R1] = Release("1.0", AT, AT)
    early, late = sent(2, 1, release="1.0"), sent(3, 9, release="1.0")
    assert changes(rows, early) == {}
    assert changes(rows, late) == changes(rows, early, late) == {of_one: REGRESSED}
    woken = counted(one, status=IGNORED, status_at=AT, ignored_until="events", ignored_number=1)
    change = changed([sent(2, 1, release="2.0")], woken)
    assert change.activity
    assert change.activity.what == "woken"
    assert [each.change for each in change.values] == [""]


def test_value_rows_of_a_release_are_written_with_its_row_and_others_once() -> None:
    rows = counted(sent(1, release="1.0", environment="prod"))
    again = [sent(2, 1, release="1.0", environment="prod"), sent(3, 2, environment="test")]
    values = changed(again, rows).values
    assert {each.value for each in values} == {("release", "1.0"), ("environment", "test")}
    rows.releases[R1] = Release("1.0", AT, AT)
    assert [each.value for each in changed(again, rows).values] == [("environment", "test")]
    known = SeenValues.unpack(rows.issues[A].values, rows.issues[A].value_counts)
    assert known.has("environment", "prod")
    assert not known.has("environment", "test")


# ------------------------------------------------------------------ releases


def test_first_seen_comes_from_the_row_of_the_release_or_from_the_batch() -> None:
    rows = empty()
    rows.known[R1] = AT + 5
    two = [sent(2, 7, release="2.0"), sent(3, 8, release="2.0")]
    seen = first_seen(rows, [sent(1, 9, release="1.0"), *two])
    assert [seen(each) for each in ("1.0", "2.0", "3.0")] == [AT + 5, AT + 7, 0]
    assert first_seen(rows, [sent(1, 3, release="1.0")])("1.0") == AT + 3
    rows.releases[R2] = Release("2.0", AT + 2, AT + 9)
    assert first_seen(rows, two)("2.0") == AT + 2


def test_only_releases_that_are_needed_are_looked_up() -> None:
    rows = empty()

    def asked(records: list[StreamRecord], closed: Closed | None = None, **fields: Any) -> set[str]:
        if not closed:
            rows.issues[A] = replace(changed([sent(1)], empty()).issue, **fields)
        found = unknown_releases(rows, {A: records}, {A: closed} if closed else {})
        rows.issues.clear()
        return found

    blue = [sent(2, release="blue")]
    assert asked(blue, resolved_in="red") == {release_hash("red")}
    assert asked(blue, resolved_in="red", resolved_in_seen=1) == set()
    assert asked(blue) == set()
    assert asked([sent(2, release="1.1")], resolved_in="1.0") == set()
    assert asked([sent(2)], resolved_in="red") == set()
    assert asked([sent(2, release="1.1"), *blue], resolved_in="1.0") == {R1}
    assert unknown_releases(rows, {A: blue}, {}) == set()
    closed = Closed(RESOLVED, AT, 3, "", settled={"resolved_in": "red"})
    assert asked(blue, closed) == {release_hash("red")}


# ------------------------------------------------------------------ totals


def test_releases_and_days_count_only_events_after_their_position() -> None:
    rows = empty()
    hour = 3_600_000
    records = [
        sent(1, 0, release="1.0"),
        sent(2, hour, B, release="1.0", life_s=7),
        sent(3, -6 * hour, B),
    ]
    fresh = {A: records[:1], B: records[1:]}
    found = totals(records, fresh, {records[1].event.id}, rows)
    day, night = found.days[DAY], found.days[DAY - 1]
    assert (day.count, day.hours, day.last_issue) == (2, {5: 1, 6: 1}, B)
    assert (day.expires_at, day.position) == (EXPIRES + hour // 1000 + 7, position(2))
    assert (night.count, night.hours, night.position) == (1, {23: 1}, position(3))
    release = found.releases[R1]
    assert (release.release, release.events, release.issues_opened) == ("1.0", 2, 1)
    assert (release.first_seen, release.last_seen) == (AT, AT + hour)
    assert (release.expires_at, release.position) == (EXPIRES + hour // 1000 + 7, position(2))
    assert release.known_until > release.expires_at
    assert list(found.releases) == [R1]
    # The same batch again, and one more event.
    for sk, each in (("day#2026-11-22", day), (f"release#{R1}", release)):
        stored(rows, sk, last_sequence=each.position.sequence)
    rows.releases[R1], rows.days[DAY] = release, day
    more = totals([*records, sent(4, -1, C, release="1.0")], {}, (), rows)
    assert (more.days[DAY].count, more.days[DAY].hours) == (3, {4: 1, 5: 1, 6: 1})
    assert (more.releases[R1].events, more.releases[R1].issues_opened) == (3, 1)
    assert (more.releases[R1].first_seen, more.releases[R1].last_seen) == (AT - 1, AT + hour)
    assert (rows.days[DAY].count, rows.days[DAY].hours) == (2, {5: 1, 6: 1})
    assert rows.releases[R1].events == 2


def test_a_returning_release_keeps_when_it_was_first_seen() -> None:
    rows = empty()
    rows.known[R1] = AT - 9
    assert totals([sent(1, release="1.0")], {}, (), rows).releases[R1].known_since == AT - 9


def test_rows_without_a_position_count_events_that_are_new_to_their_issue() -> None:
    rows = empty()
    stored(rows, "day#2026-11-22", last_sequence="")
    stored(rows, f"release#{R1}", last_sequence="")
    old, new = sent(1, 1, release="1.0"), sent(2, 2, release="1.0")
    found = totals([old, new, sent(3, 3, release="2.0")], {A: [new]}, (), rows)
    assert (found.days[DAY].count, found.releases[R1].events) == (1, 1)
    unplaced = without_position(found, rows)
    assert (list(unplaced.releases), list(unplaced.days)) == ([R1], [DAY])
    assert without_position(found, empty()) == Totals()
    late = totals([old], {A: [old]}, (), rows, replayed=True)
    assert (late.days[DAY].count, late.days[DAY].position) == (1, Position())


def test_replayed_events_advance_a_position_by_less_than_an_event() -> None:
    rows = empty()
    stored(rows, "day#2026-11-22", last_sequence=position(8).sequence, stream="s")
    rows.days[DAY] = Day(4, {5: 4}, 1, position(8, "s"), B)
    stored(rows, f"release#{R1}", last_sequence=position(7).sequence, stream="s")
    both = totals([sent(1, release="1.0"), sent(1, 1)], {}, (), rows, replayed=True)
    found = both.days[DAY]
    assert (found.count, found.position) == (6, position(8, "s").next())
    assert not found.position.is_after(position(9, "s"))
    assert both.releases[R1].position == position(7, "s").next()
    assert totals([sent(1)], {}, (), empty(), replayed=True).days[DAY].position == Position().next()


# ------------------------------------------------------------------ merged issues


def merged_rows() -> Rows:
    """Return rows of the head `A` with the members `B`, which counted one event, and `C`, two."""
    rows = empty()
    for issue_id, number in ((A, 1), (B, 1), (C, 2)):
        some = [sent(n, n, issue_id) for n in range(number)]
        found = changed(some, empty(), issue=issue_id).issue
        rows.issues[issue_id] = replace(found, number=1, status=OPEN if issue_id == A else "merged")
        rows.issues[issue_id].merged_into = "" if issue_id == A else A
        stored(rows, f"issue#{issue_id}", last_sequence=position(1).sequence)
    rows.issues[A].members = (B, C)
    return rows


def groups_of(rows: Rows, fresh: EventsByIssue, closed: Mapping[str, Closed]) -> dict[str, Group]:
    return groups(rows, fresh, closed, AT // 1000)[0]


def test_a_group_has_the_new_events_of_its_members_in_the_order_of_the_stream() -> None:
    rows = merged_rows()
    fresh = {
        C: [sent(9, 1, C), sent(12, 2, C)],
        B: [sent(10, 3, B)],
        D: [sent(11, 4, D)],
    }
    found = groups_of(rows, fresh, {})
    assert list(found) == [A]
    assert [each.id for each in found[A].members] == [B, C]
    assert [each.id for each in found[A].events] == [floor_id(AT + n) for n in (1, 3, 2)]
    own = groups_of(rows, {A: [sent(9, 1)]}, {})
    assert [each.id for each in own[A].events] == [floor_id(AT + 1)]
    assert groups_of(rows, {D: [sent(9, 1, D)]}, {}) == {}


def test_an_expired_member_still_belongs_to_its_head_and_a_separated_one_does_not() -> None:
    rows = merged_rows()
    del rows.issues[B]
    closed = {B: Closed("merged", AT, 1, "", settled={"merged_into": A})}
    assert [*groups_of(rows, {B: [sent(9, 1, B)]}, closed)] == [A]
    assert groups_of(rows, {B: [sent(9, 1, B)]}, {}) == {}
    rows = merged_rows()
    rows.issues[A].members = (C,)
    assert groups_of(rows, {B: [sent(9, 1, B)]}, {}) == {}
    del rows.issues[A]
    assert groups_of(rows, {B: [sent(9, 1, B)]}, {}) == {}
    resolved = {D: Closed(RESOLVED, AT, 1, "")}
    assert groups_of(rows, {D: [sent(9, 1, D)]}, resolved) == {}
    rows = merged_rows()
    rows.issues[A].members = (C,)
    freed = changed([sent(9, 1, B)], rows, issue=B).issue
    assert (freed.status, freed.merged_into) == (OPEN, "")
    kept = changed([sent(9, 1, C)], rows, issue=C).issue
    assert (kept.status, kept.merged_into) == ("merged", A)


def test_changes_of_members_are_reported_as_changes_of_their_head() -> None:
    rows = merged_rows()
    fresh = {B: [sent(9, 5, B)]}
    found = groups_of(rows, fresh, {})
    head = changed([], rows, group=found[A])
    member = changed(fresh[B], rows, issue=B)
    before, events, reported = as_one(rows, fresh, [member, head], found)
    assert [each.issue.id for each in reported] == [A]
    assert (before[A].count, reported[0].issue.count) == (4, 5)
    assert events[A] == [each.event for each in fresh[B]]
    assert (head.issue.count, rows.issues[A].count) == (1, 1)
    alone = changed([sent(9, 1, D)], rows, issue=D)
    _, events, reported = as_one(rows, {D: [sent(9, 1, D)]}, [alone], {})
    assert (reported, len(events[D])) == ([alone], 1)


def test_an_event_of_a_member_reopens_its_head_and_updates_last_seen() -> None:
    rows = merged_rows()
    rows.issues[A].status, rows.issues[A].status_at = RESOLVED, AT
    late = sent(9, RANK_LAG_MS + 10, B, release="1.0")
    group = groups_of(rows, {B: [late]}, {})[A]
    head = changed([], rows, group=group)
    assert (head.issue.status, head.issue.count) == (REGRESSED, 1)
    assert head.activity
    assert head.activity.event == late.event.id
    assert (head.issue.last_seen, head.text) == (AT + RANK_LAG_MS + 10, None)


def test_events_of_members_count_towards_the_condition_that_wakes_their_head() -> None:
    rows = merged_rows()
    ignored: Any = {
        "status": IGNORED,
        "status_at": AT,
        "ignored_until": "events",
        "ignored_number": 5,
    }
    rows.issues[A] = replace(rows.issues[A], **ignored)
    group = groups_of(rows, {B: [sent(9, 9, B)]}, {})[A]
    assert changed([], rows, group=group).issue.status == OPEN
    rows.issues[A].ignored_number = 6
    assert changed([], rows, group=group).issue.status == IGNORED
