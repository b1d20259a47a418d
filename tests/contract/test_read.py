"""spec/ingest-api, "Reading events"."""

import base64
import random
import uuid
from typing import Any

import pytest

from errata.models import ids as models_ids
from errata.models.ids import floor_id, now_ms
from errata.usecases import read_events
from tests.support import stream
from tests.support.account import Clock, Project
from tests.support.calls import Call, fault, recorded, throttled, watched
from tests.support.clients import events, ingest, read
from tests.support.gateway import Response, call


def send(project: Project, clock: Clock, **fields: Any) -> str:
    """Post an event a millisecond after the last one. Return its id."""
    clock.advance(0.001)
    response = ingest(project, {"message": "boom", **fields})
    assert response.status == 202
    accepted: str = response.json["id"]
    return accepted


def ids(project: Project, **query: Any) -> list[str]:
    return [event["id"] for event in events(project, **query)]


def test_both_spellings_of_the_route_list_the_newest_event_first(
    busy: Project, clock: Clock
) -> None:
    sent = [send(busy, clock) for _ in range(3)]
    for route in ("/api", "/api/v1"):
        response = call("GET", f"{route}/projects/{busy.id}/events?api_key={busy.key}")
        assert (response.status, set(response.json)) == (200, {"data", "next_cursor"})
        assert [event["id"] for event in response.json["data"]] == sent[::-1]
        assert response.json["next_cursor"] is None


def test_an_empty_project_has_an_empty_page(busy: Project) -> None:
    assert read(busy).json == {"data": [], "next_cursor": None}


def test_an_event_has_the_ids_fingerprint_and_time_of_the_contract(
    busy: Project, clock: Clock
) -> None:
    sent = send(busy, clock, fingerprint="mine")
    (event,) = events(busy)
    assert (event["id"], event["fingerprint"], event["grouping"]) == (sent, "mine", "client")
    assert uuid.UUID(event["id"]).version == 7
    assert event["issue_id"]
    assert event["received_at"].endswith("Z")


def test_events_without_a_fingerprint_are_grouped_by_four_fields(
    busy: Project, clock: Clock
) -> None:
    base = {"message": "m", "exception_class": "E", "file": "f", "line": 1}
    send(busy, clock, **base)
    send(busy, clock, **base, level="info", url="/", release="1", user={"id": 1})
    for name in base:
        send(busy, clock, **{**base, name: 2 if name == "line" else "other"})
        send(busy, clock, **{**base, name: None})
    found = events(busy)
    assert len({event["fingerprint"] for event in found}) == 9
    assert found[-1]["issue_id"] == found[-2]["issue_id"]
    assert {event["grouping"] for event in found} == {"v1"}


def test_a_fingerprint_groups_events_with_different_messages(busy: Project, clock: Clock) -> None:
    send(busy, clock, message="one", fingerprint="same")
    send(busy, clock, message="two", fingerprint="same")
    send(busy, clock, message="two", fingerprint="Same")
    third, second, first = events(busy)
    assert first["issue_id"] == second["issue_id"] != third["issue_id"]


# ------------------------------------------------------------------ pages


def test_pages_have_limit_events_and_their_cursors_lead_to_the_last_event(
    busy: Project, clock: Clock
) -> None:
    sent = stream.put(stream.event(busy.id, clock.ms - n) for n in range(53))
    first = read(busy).json
    assert [event["id"] for event in first["data"]] == sent[:50]
    second = read(busy, cursor=first["next_cursor"]).json
    assert [event["id"] for event in second["data"]] == sent[50:]
    assert second["next_cursor"] is None
    for limit in (1, 7, 52, 53, 100):
        assert ids(busy, limit=limit) == sent


def test_new_events_do_not_shift_the_following_pages(busy: Project, clock: Clock) -> None:
    sent = [send(busy, clock) for _ in range(4)][::-1]
    page = read(busy, limit=2).json
    send(busy, clock)
    rest = read(busy, limit=2, cursor=page["next_cursor"]).json
    assert [event["id"] for event in page["data"] + rest["data"]] == sent


def test_large_events_make_short_pages_with_a_cursor(busy: Project, clock: Clock) -> None:
    for _ in range(7):
        send(busy, clock, stack_trace="x" * 1_000_000)
    page = read(busy).json
    assert 0 < len(page["data"]) < 7
    assert page["next_cursor"]
    assert len(events(busy)) == 7


def test_a_slow_search_returns_in_time_with_a_cursor(busy: Project, clock: Clock) -> None:
    wanted = send(busy, clock, environment="rare")
    stream.put(stream.event(busy.id, clock.ms + n) for n in range(1, 1_000))
    clock.advance(2)
    started = clock.ms

    def slow(call: Call) -> Any:
        if call.operation == "Query":
            clock.advance(11)
        return call.send()

    with watched(slow):
        page = read(busy, environment="rare").json
    assert page["data"] == []
    assert clock.ms - started < 25_000
    (found,) = events(busy, environment="rare", cursor=page["next_cursor"])
    assert found["id"] == wanted


def queries(project: Project, **query: Any) -> tuple[Response, int]:
    """Read a page. Return its response and the number of queries that it took."""
    with recorded() as calls:
        response = read(project, **query)
    return response, sum(call.operation == "Query" for call in calls)


@pytest.mark.parametrize(
    ("filters", "age_ms", "expected"),
    [
        ({}, 0, [1, 1, 1]),
        # An issue's events are looked for in the table, and then in its index.
        ({"fingerprint": "f"}, 0, [1, 1, 2]),
        ({"fingerprint": "f"}, 3_600_000, [2, 1, 1]),
    ],
)
def test_a_page_takes_one_query(
    busy: Project, clock: Clock, filters: dict[str, str], age_ms: int, expected: list[int]
) -> None:
    sent = stream.put(
        stream.event(busy.id, clock.ms - age_ms - n, fingerprint="f") for n in range(11)
    )
    found: list[str] = []
    made: list[int] = []
    query: dict[str, Any] = {"limit": 4}
    while len(made) < 3:
        page, number = queries(busy, **filters, **query)
        made.append(number)
        found += [event["id"] for event in page.json["data"]]
        query["cursor"] = page.json["next_cursor"]
    assert (found, query["cursor"]) == (sent, None)
    assert made == expected


def test_a_search_reads_ten_pages_of_a_query_and_goes_on_with_a_cursor(
    busy: Project, clock: Clock
) -> None:
    # Three to a megabyte, which is a page of a query.
    noise = base64.b64encode(random.Random(1).randbytes(300_000)).decode()
    stream.put(stream.event(busy.id, clock.ms - n, stack_trace=noise) for n in range(36))
    rare: Any = {"environment": "rare", "release": "rare"}
    (wanted,) = stream.put([stream.event(busy.id, clock.ms - 100, **rare)])
    for name in rare:
        page, made = queries(busy, **{name: "rare"})
        assert (page.json["data"], made) == ([], 10), name
        page, made = queries(busy, **{name: "rare"}, cursor=page.json["next_cursor"])
        assert ([event["id"] for event in page.json["data"]], made) == ([wanted], 2), name
        assert page.json["next_cursor"] is None, name


def test_a_full_page_reads_no_further(busy: Project, clock: Clock) -> None:
    stream.put(stream.event(busy.id, clock.ms - n, release=f"{n}") for n in range(1_200))
    page, made = queries(busy, release="3", limit=1)
    assert (len(page.json["data"]), made) == (1, 1)
    assert page.json["next_cursor"]
    page, made = queries(busy, release="3", limit=1, cursor=page.json["next_cursor"])
    assert (page.json, made) == ({"data": [], "next_cursor": None}, 2)


def test_a_rare_fingerprint_takes_three_requests_at_500_events_a_second(
    busy: Project, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Scaled down: a tenth of the 300 MB that five minutes have at that rate, and a tenth of what
    # one request reads. Before, it read 5,000 of these 150,000 events: 30 requests.
    monkeypatch.setattr(read_events, "MAX_PAGES_FILTERED", read_events.MAX_PAGES_FILTERED // 10)
    noise = random.Random(1).randbytes(330_000)
    stream.put(
        stream.event(busy.id, clock.ms - 3_300 * n) | {"noise": {"B": noise}} for n in range(90)
    )
    old, new = stream.put(
        stream.event(busy.id, clock.ms - age_ms, fingerprint="rare") for age_ms in (10**7, 295_000)
    )
    scanned: list[int] = []
    returned: list[int] = []

    def watch(call: Call) -> Any:
        response = call.send()
        if call.operation == "Query":
            scanned.append(response["ScannedCount"])
            returned.append(response["Count"])
        return response

    requests = 0
    found: list[str] = []
    query: dict[str, Any] = {"fingerprint": "rare"}
    with watched(watch):
        while requests == 0 or query["cursor"]:
            page = read(busy, **query).json
            requests += 1
            found += [event["id"] for event in page["data"]]
            query["cursor"] = page["next_cursor"]
    assert (found, requests) == ([new, old], 3)
    # Thirty pages of the table, each read once, and one of the index.
    assert (len(scanned), sum(scanned), sum(returned)) == (31, 92, 2)


def test_events_that_take_long_to_read_make_a_short_page(
    busy: Project, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = stream.put(stream.event(busy.id, clock.ms - n) for n in range(20))

    def slow() -> int:
        clock.advance(1)
        return clock.ms

    with monkeypatch.context() as patch:
        patch.setattr(models_ids, "now_ms", slow)
        page = read(busy, level="error").json
    assert 5 < len(page["data"]) < 15
    rest = ids(busy, level="error", cursor=page["next_cursor"])
    assert [event["id"] for event in page["data"]] + rest == sent


@pytest.mark.parametrize("filters", [{"environment": "rare"}, {"fingerprint": "rare"}])
def test_a_search_that_dynamodb_throttles_goes_on_with_a_cursor(
    busy: Project, clock: Clock, filters: dict[str, str]
) -> None:
    noise = base64.b64encode(random.Random(1).randbytes(300_000)).decode()
    stream.put(stream.event(busy.id, clock.ms - n, stack_trace=noise) for n in range(12))
    rare: Any = filters
    (wanted,) = stream.put([stream.event(busy.id, clock.ms - 100, **rare)])
    read(busy)  # the project and its key are cached
    with fault(3, throttled) as first:  # after the watermark and a page
        page = read(busy, **filters)
    assert (first.struck, page.status, page.json["data"]) == (True, 200, [])
    query = {**filters, "cursor": page.json["next_cursor"]}
    with fault(2, throttled) as first:
        assert read(busy, **query).status == 503
    assert first.struck
    assert ids(busy, **query) == [wanted]


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "x", "", "1e2", "9" * 40])
def test_a_limit_out_of_bounds_is_named(busy: Project, limit: str) -> None:
    refused = read(busy, limit=limit)
    assert (refused.status, set(refused.json["errors"])) == (422, {"limit"})


def test_an_invalid_cursor_is_named(busy: Project, clock: Clock) -> None:
    uppercase = base64.b64encode(send(busy, clock).upper().encode()).decode()
    others = ["x", "====", "null", base64.b64encode(b"12").decode(), uppercase, "é", "\x00"]
    others.append(base64.b64encode(b"\xff\xfe").decode())
    for cursor in others:
        refused = read(busy, cursor=cursor)
        assert (refused.status, set(refused.json["errors"])) == (422, {"cursor"})


# ------------------------------------------------------------------ filters


def test_filters_work_alone_and_combined(busy: Project, clock: Clock) -> None:
    tags = {"environment": "prod", "release": "1.0", "level": "info", "fingerprint": "f"}
    match = send(busy, clock, **tags)
    others = [send(busy, clock, **{**tags, name: value}) for name, value in OTHER.items()]
    for name, value in tags.items():
        expected = [o for o, other in zip(others, OTHER, strict=True) if other != name]
        assert ids(busy, **{name: value}) == [*expected[::-1], match]
    assert ids(busy, **tags) == [match]
    assert ids(busy, **tags, limit=1) == [match]
    assert ids(busy, **{**tags, "environment": "staging"}) == others[:1]
    assert ids(busy, environment="nowhere") == ids(busy, release="none") == []


OTHER = {"environment": "staging", "release": "2.0", "level": "debug", "fingerprint": "g"}


def test_filters_apply_to_the_table_and_to_its_indexes(busy: Project, clock: Clock) -> None:
    sent: dict[str, list[str]] = {"1.0": [], "2.0": []}
    for n in range(12):
        release = f"{1 + n % 2}.0"
        sent[release].append(send(busy, clock, release=release, fingerprint=release))
        clock.advance(120)
    for limit in (1, 2, 50):
        for release, expected in sent.items():
            assert ids(busy, release=release, limit=limit) == expected[::-1]
            assert ids(busy, fingerprint=release, limit=limit) == expected[::-1]
            both = {"release": release, "fingerprint": release}
            assert ids(busy, **both, environment="prod") == []
            assert ids(busy, **both) == expected[::-1]


def test_a_rare_match_is_found_behind_many_others(busy: Project, clock: Clock) -> None:
    rare = send(busy, clock, environment="rare")
    stream.put(stream.event(busy.id, clock.ms + n, environment="common") for n in range(450))
    assert ids(busy, environment="rare", limit=1) == [rare]


def test_since_and_until_are_inclusive(busy: Project, clock: Clock) -> None:
    sent = [send(busy, clock) for _ in range(5)]
    times = [event["received_at"] for event in reversed(events(busy))]
    assert ids(busy, since=times[1]) == sent[:0:-1]
    assert ids(busy, until=times[3]) == sent[3::-1]
    assert ids(busy, since=times[2], until=times[2]) == [sent[2]]
    assert ids(busy, since=times[3], until=times[1]) == []


def test_times_are_accepted_in_all_common_iso_8601_forms(busy: Project, clock: Clock) -> None:
    clock.ns = 1_795_341_600_000_000_000  # 2026-11-22T10:00:00Z
    sent = [send(busy, clock)]
    for since in ("2026-11-22T10:00:00Z", "2026-11-22T12:00:00+02:00", "2026-11-22", "20261122"):
        assert ids(busy, since=since) == sent
    assert ids(busy, since="2026-11-22T10:00:01") == []
    # A plus that was not percent-encoded is a space.
    url = f"/api/projects/{busy.id}/events?since=2026-11-22T12:00:00+02:00&api_key={busy.key}"
    assert len(call("GET", url).json["data"]) == 1
    for year in ("0001-01-01", "9999-12-31"):
        assert read(busy, since=year).status == read(busy, until=year).status == 200


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("environment", [""]),
        ("release", [""]),
        ("fingerprint", [""]),
        ("level", ["", "fatal", "ERROR", "error "]),
        ("since", ["", "yesterday", "12", "2026-13-01"]),
        ("until", ["", "yesterday", "0001-01-01T00:00:00+14:00x"]),
    ],
)
def test_a_bad_filter_is_named(busy: Project, name: str, values: list[str]) -> None:
    for value in values:
        refused = read(busy, **{name: value})
        assert (refused.status, set(refused.json["errors"])) == (422, {name})


def test_every_bad_filter_is_named_at_once(busy: Project) -> None:
    names = ("environment", "release", "fingerprint", "level", "since", "until", "limit")
    refused = read(busy, **dict.fromkeys(names, ""), cursor="x")
    assert (refused.status, set(refused.json["errors"])) == (422, {*names, "cursor"})


def test_unknown_parameters_are_ignored(busy: Project, clock: Clock) -> None:
    sent = send(busy, clock)
    assert ids(busy, sort="asc", page="2") == [sent]


def test_any_text_may_be_a_tag_and_a_filter(busy: Project, clock: Clock) -> None:
    for text in ("a b", "é/ü?&=#", "x" * 3_000, "日本", "\x00", '"', "1#2"):
        sent = send(busy, clock, environment=text, release=text, fingerprint=text)
        for name in ("environment", "release", "fingerprint"):
            assert ids(busy, **{name: text}) == [sent]


def test_an_event_whose_id_comes_from_a_clock_ahead_is_not_missed(
    busy: Project, clock: Clock
) -> None:
    ahead = stream.put([stream.event(busy.id, clock.ms + 3_600_000)])
    assert ids(busy) == ids(busy, level="error") == ahead


def lagging(call: Call) -> Any:
    """Respond as if the indexes were four minutes behind their table."""
    response = call.send()
    if "IndexName" in call.parameters:
        seen = floor_id(now_ms() - 4 * 60 * 1000)
        response["Items"] = [item for item in response["Items"] if item["sk"]["S"] < seen]
    return response


def test_no_filter_misses_an_event_while_an_index_lags(busy: Project, clock: Clock) -> None:
    sent: list[str] = []
    with watched(lagging):
        for _ in range(8):
            sent.append(send(busy, clock, release="r", fingerprint="f"))
            for query in ({"release": "r"}, {"fingerprint": "f"}):
                assert ids(busy, **query, limit=3) == sent[::-1]
            clock.advance(90)


def test_every_accepted_event_is_listed_at_once(busy: Project, clock: Clock) -> None:
    sent: list[str] = []
    for n in range(12):
        sent.append(send(busy, clock, release="r", fingerprint="f"))
        clock.advance(45 * (n % 3))
        for query in ({}, {"release": "r"}, {"fingerprint": "f"}, {"level": "error"}):
            assert ids(busy, **query) == sent[::-1]
