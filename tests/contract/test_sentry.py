"""The SDK endpoint: keys, bodies, responses, and one event for one id."""

import base64
import gzip
import json
import logging
import zlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from errata.models.ids import DAY_MS, floor_id, minted_ms, now_ms
from errata.models.times import CLEAR_MARGIN_MS
from errata.protocol.body import MAX_JSON_BYTES
from errata.protocol.sentry.envelope import MAX_EVENTS
from errata.store.events import put_new
from errata.usecases import organizations, projects
from errata.usecases.clear_project import clear
from tests.support import sdk, stream
from tests.support.account import Clock, Project, new_project, row_counts, rows
from tests.support.calls import Call, failing, recorded, throttled, watched
from tests.support.clients import events, ingest, read
from tests.support.cpu import cpu_s
from tests.support.fresh import clear_cache
from tests.support.gateway import call
from tests.support.noise import noise
from tests.support.sdk import capture, envelope, event, item, of_event, post
from tests.support.steps import peak_bytes


def only(project: Project) -> dict[str, Any]:
    (found,) = events(project)
    return found


# ------------------------------------------------------------------ routes and keys


@pytest.mark.parametrize("route", ["envelope", "envelope/", "store", "store/"])
def test_both_routes_with_and_without_a_slash(busy: Project, route: str) -> None:
    sent = event()
    body = json.dumps(sent).encode() if route.startswith("store") else of_event(sent)
    response = post(busy, body, route)
    assert (response.status, response.json) == (200, {"id": sent["event_id"]})
    assert only(busy)["event_id"] == sent["event_id"]


def test_where_a_key_may_stand(busy: Project) -> None:
    key = busy.public
    for headers, query in (
        ({"X-Sentry-Auth": f"Sentry sentry_version=7,sentry_key={key}"}, ""),
        ({"Authorization": f"sentry sentry_key={key}, sentry_client=raven/1"}, ""),
        ({}, f"?sentry_version=7&sentry_key={key}"),
    ):
        sent = event()
        assert post(busy, of_event(sent), f"envelope/{query}", headers).status == 200
    sent = event()
    in_envelope = of_event(sent, dsn=f"https://{key}@errors.example.com/v1/{busy.id}")
    assert post(busy, in_envelope, headers={}).status == 200
    assert len(events(busy)) == 4


@pytest.mark.parametrize("allowed", ["0.0.0.0/0", "198.51.100.0/24"])
def test_a_refused_caller_costs_little(busy: Project, allowed: str) -> None:
    organizations.change("default", allowlist=(allowed,))
    clear_cache()
    bomb = gzip.compress(b'{"dsn":"https://0@a/1"}\n' + b"\n" * 19_000_000)
    headers: dict[str, str] | None = {} if allowed == "0.0.0.0/0" else None
    assert post(busy, bomb, headers=headers).status == (403 if headers is None else 401)
    assert peak_bytes(lambda: post(busy, bomb, headers=headers)) < 4_000_000
    assert cpu_s(lambda: post(busy, bomb, headers=headers), 0.5) < 0.5


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Sentry-Auth": "Sentry sentry_version=7"},
        {"X-Sentry-Auth": "Sentry sentry_key="},
        {"X-Sentry-Auth": "Sentry sentry_key=" + "0" * 32},
        {"Authorization": "Bearer " + "0" * 32},
    ],
)
def test_without_a_key_nothing_is_stored(busy: Project, headers: dict[str, str]) -> None:
    before = row_counts()
    response = post(busy, of_event(event()), headers=headers)
    assert response.status == 401
    assert response.json["detail"].startswith("No public key of this project")
    assert response.headers["X-Sentry-Error"] == response.json["detail"]
    assert row_counts() == before


def test_a_public_key_writes_to_its_own_project_and_does_nothing_else(busy: Project) -> None:
    key, other = busy.public, new_project(metered=True)
    auth = {"X-Sentry-Auth": f"Sentry sentry_key={key}"}
    assert post(other, of_event(event()), headers=auth).status == 401
    for headers in ({"X-Api-Key": key}, {"Authorization": f"Bearer {key}"}):
        assert call("GET", f"/api/projects/{busy.id}/events", None, headers).status == 401
        assert call("POST", "/api/ingest", {"message": "a"}, headers).status == 401
    assert call("POST", "/api/ingest", {"message": "a", "api_key": key}).status == 401
    assert call("GET", f"/api.php?action=errors&hash={key}").json == {"errors": []}
    submitted = call("POST", "/api.php", {"hash": key, "level": "Error", "message": "a"})
    assert submitted.status == 403
    assert (events(busy), events(other)) == ([], [])


def test_an_api_key_does_not_open_the_sdk_endpoint(busy: Project) -> None:
    auth = {"X-Sentry-Auth": f"Sentry sentry_key={busy.key}"}
    assert post(busy, of_event(event()), headers=auth).status == 401
    dsn = f"https://{busy.key}@errors.example.com/v1/{busy.id}"
    assert post(busy, of_event(event(), dsn=dsn), headers={}).status == 401


def test_a_revoked_key_opens_nothing(busy: Project, clock: Clock) -> None:
    key = next(each for each in projects.list_keys(busy.id) if each.public)
    auth = {"X-Sentry-Auth": f"Sentry sentry_key={key.public}"}
    assert post(busy, of_event(event()), headers=auth).status == 200
    projects.revoke_key(busy.id, key.id)
    clock.advance(31)
    assert post(busy, of_event(event()), headers=auth).status == 401
    another, _ = projects.create_key(busy.id, "another", public=True)
    auth = {"X-Sentry-Auth": f"Sentry sentry_key={another.public}"}
    assert post(busy, of_event(event()), headers=auth).status == 200


# ------------------------------------------------------------------ bodies


@pytest.mark.parametrize(
    ("coded", "headers"),
    [
        (lambda body: body, {}),
        (gzip.compress, {"Content-Encoding": "gzip"}),
        # As the gateway hands it on where it has undone the coding, or where it has not.
        (gzip.compress, {}),
        (lambda body: body, {"Content-Encoding": "gzip"}),
        (zlib.compress, {"Content-Encoding": "deflate"}),
        (lambda body: zlib.compress(body, wbits=-15), {"Content-Encoding": "deflate"}),
    ],
)
def test_codings(busy: Project, coded: Any, headers: dict[str, str]) -> None:
    sent = event()
    auth = {"X-Sentry-Auth": f"Sentry sentry_key={busy.public}"}
    response = post(busy, coded(of_event(sent)), headers={**auth, **headers})
    assert response.status == 200, response.text
    assert only(busy)["event_id"] == sent["event_id"]


@pytest.mark.parametrize(
    "coded", [zlib.compress, lambda body: zlib.compress(body, 1), gzip.compress, bytes]
)
@pytest.mark.parametrize("to_text", [base64.b64encode, base64.encodebytes])
def test_old_sdks_send_base64(busy: Project, coded: Any, to_text: Any) -> None:
    sent = event()
    response = post(busy, to_text(coded(json.dumps(sent).encode())), "store")
    assert (response.status, response.json) == (200, {"id": sent["event_id"]})
    assert only(busy)["exception_class"] == "KeyError"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"eJw" + b"!" * 6, 400),
        (base64.b64encode(zlib.compress(b'{"message":"a"}'))[:-4], 400),
        (base64.b64encode(zlib.compress(b'{"a":"' + b"x" * 30_000_000)), 413),
    ],
)
def test_broken_base64_is_refused(busy: Project, body: bytes, status: int) -> None:
    assert post(busy, body, "store").status == status
    assert events(busy) == []


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, br"])
def test_other_codings_are_refused_with_a_way_out(busy: Project, coding: str) -> None:
    auth = {"X-Sentry-Auth": f"Sentry sentry_key={busy.public}", "Content-Encoding": coding}
    response = post(busy, b"\x1b\x0a", headers=auth)
    assert response.status == 415
    assert "set the SDK to gzip" in response.json["detail"]
    assert events(busy) == []


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "The envelope cannot be read: its headers are not a JSON object"),
        (b"hello", "The envelope cannot be read: its headers are not a JSON object"),
        (b'{}\n{"type":"event"}\nnot json', "The body is not valid JSON"),
        (b'{}\n{"type":"event"}\n[1]', "The body must be a JSON object."),
        (b'{}\n{"type":"event","length":90}\n{}', "The envelope cannot be read: item 1 is cut"),
        (gzip.compress(b"{}\n", mtime=0)[:-9], "The compressed body is broken or cut short."),
    ],
)
def test_a_body_that_is_none_is_refused(busy: Project, body: bytes, detail: str) -> None:
    before = row_counts()
    response = post(busy, body)
    assert response.status == 400
    assert response.json["detail"].startswith(detail)
    assert response.json["causes"] == []
    assert response.headers["X-Sentry-Error"].startswith(detail)
    assert row_counts() == before
    assert capture(busy)


def test_a_store_body_that_is_none_is_refused(busy: Project) -> None:
    assert post(busy, b"{", "store").status == 400
    assert post(busy, b"7", "store").status == 400


@pytest.mark.parametrize("route", ["store", "envelope"])
def test_an_event_of_more_than_a_mebibyte_is_refused(busy: Project, route: str) -> None:
    sent = event(extra={"text": "x" * MAX_JSON_BYTES})
    body = of_event(sent) if route == "envelope" else json.dumps(sent).encode()
    response = post(busy, gzip.compress(body), route)
    assert response.status == 413
    assert events(busy) == []


def test_a_bomb_is_not_unpacked(busy: Project) -> None:
    bomb = gzip.compress(b'{}\n{"type":"attachment"}\n' + b"0" * 30_000_000)
    response = post(busy, bomb)
    assert response.status == 413
    assert "larger than" in response.headers["X-Sentry-Error"]


def test_an_event_with_its_attachments(busy: Project) -> None:
    sent = event()
    body = envelope(
        item("attachment", b"\x00\n" * 1_000_000), item("event", sent), event_id=sent["event_id"]
    )
    assert post(busy, gzip.compress(body)).status == 200
    assert only(busy)["event_id"] == sent["event_id"]


def test_a_large_event_is_trimmed(busy: Project, caplog: pytest.LogCaptureFixture) -> None:
    frames = [
        {"function": f"f{n}", "in_app": True, "vars": {"a": noise(1_200, n)}} for n in range(150)
    ]
    values = [{"type": "E", "value": "v", "stacktrace": {"frames": frames}}]
    capture(busy, exception={"values": values}, extra={"a": noise(50_000, 1)})
    kept = only(busy)
    assert kept["trimmed"] == ["extra", "exceptions"]
    assert [frame["function"] for frame in kept["exceptions"][0]["frames"]][-1] == "f149"
    assert "vars" not in kept["exceptions"][0]["frames"][-1]
    assert caplog.messages == [f"event lost: project {busy.id}, trimmed"]


def test_other_items_are_let_go(busy: Project) -> None:
    before = row_counts()
    session = envelope(item("session", {"sid": "1"}), item("of tomorrow", b"\xff\n"))
    response = post(busy, session)
    assert response.status == 200
    assert len(response.json["id"]) == 32
    named = post(busy, envelope(item("transaction", {}), event_id="f" * 32))
    assert named.json == {"id": "f" * 32}
    assert row_counts() == before


@pytest.mark.parametrize(
    ("kinds", "categories"),
    [
        (["session"], "session"),
        (["sessions", "session"], "session"),
        (["transaction", "profile"], "profile;transaction"),
        (["profile_chunk"], "profile;profile_chunk"),
        (["replay_event", "replay_recording"], "replay"),
        (["event", "span"], "span"),
        (["event"], None),
        (["client_report"], None),
        (["event", "attachment"], None),
        (["of tomorrow"], None),
    ],
)
def test_sdks_are_told_what_they_need_not_send(
    busy: Project, kinds: list[str], categories: str | None
) -> None:
    response = post(busy, envelope(*(item(kind, {"message": "a"}) for kind in kinds)))
    limits = f"3600:{categories}:key:not_stored" if categories else None
    assert (response.status, response.headers.get("X-Sentry-Rate-Limits")) == (200, limits)


def test_what_is_wrong_in_an_event_costs_that_alone(busy: Project) -> None:
    capture(busy, user="nobody", release=["1"], breadcrumbs=[{"message": "a"}, 7])
    kept = only(busy)
    assert kept["exception_class"] == "KeyError"
    assert [crumb["message"] for crumb in kept["breadcrumbs"]] == ["a"]
    assert [problem["field"] for problem in kept["problems"]] == [
        "release",
        "breadcrumbs.1",
        "user",
    ]


def test_an_event_before_a_broken_item_is_kept(busy: Project) -> None:
    sent = event()
    body = of_event(sent) + b"not an item\n"
    assert post(busy, body).status == 200
    assert only(busy)["problems"] == [
        {
            "field": "envelope",
            "problem": "the headers of item 2 are not a JSON object on a line of their own",
        }
    ]


# ------------------------------------------------------------------ one event for one id


def test_the_same_event_twice_is_one(busy: Project) -> None:
    body = of_event(event())
    for _ in range(3):
        clear_cache()  # each time another execution environment
        assert post(busy, body).status == 200
    assert len(events(busy)) == 1


@pytest.mark.parametrize("late_s", [11, 3_600, -3_600, 86_400 * 400])
def test_the_same_late_event_twice_is_one(busy: Project, clock: Clock, late_s: int) -> None:
    sent = event(timestamp=clock.ms / 1000 - late_s)
    for _ in range(3):
        clear_cache()
        assert post(busy, of_event(sent)).status == 200
        clock.advance(40)
    (kept,) = events(busy)
    assert kept["event_id"] == sent["event_id"]


@pytest.mark.parametrize("timestamp", [None, "noon"])
def test_the_same_event_without_a_time_twice_is_one(busy: Project, timestamp: Any) -> None:
    body = of_event(event(timestamp=timestamp))
    for _ in range(2):
        clear_cache()
        assert post(busy, body).status == 200
    assert len(events(busy)) == 1


@pytest.mark.parametrize("waits", [(0, 8, 12, 300), (12, 0)])
def test_prompt_and_late_ones_of_one_event_exclude_each_other(
    busy: Project, clock: Clock, waits: tuple[int, ...]
) -> None:
    body = of_event(event())
    for wait in waits:
        clear_cache()
        clock.advance(wait)
        assert post(busy, body).status == 200
    assert len(events(busy)) == 1
    counted = stream.deliver(stream.records())
    assert counted == []


@pytest.mark.parametrize("ahead_s", [3_600, 2 * 86_400, 100 * 365 * 86_400])
def test_events_from_the_future_are_stored_once_and_hinder_no_clear(
    busy: Project, ahead_s: int
) -> None:
    sent = event(timestamp=now_ms() / 1000 + ahead_s)
    for _ in range(2):
        clear_cache()
        assert post(busy, of_event(sent)).status == 200
    assert len(events(busy)) == 1
    with recorded() as seen:
        assert clear(busy.id) == 0
    asked = next(each.parameters for each in seen if each.operation == "Query")
    low, high = (asked["ExpressionAttributeValues"][name]["S"] for name in (":low", ":high"))
    assert minted_ms(low) <= now_ms() <= minted_ms(high) <= now_ms() + CLEAR_MARGIN_MS
    setting, far = "EVENTS_TABLE", floor_id(now_ms() + DAY_MS)
    keys = [each["sk"]["S"] for each in rows()[setting] if each["pk"]["S"] == busy.id]
    assert all(key <= far for key in keys)


def test_a_process_knows_an_event_that_it_has_just_stored(busy: Project) -> None:
    sent = event()
    post(busy, of_event(sent))
    with recorded() as seen:
        again = post(busy, of_event({**sent, "timestamp": sent["timestamp"] - 1}))
    assert again.json == {"id": sent["event_id"]}
    assert seen == []
    assert len(events(busy)) == 1


def test_the_id_of_the_envelope_wins(busy: Project) -> None:
    inner = event(event_id="1" * 32)
    response = post(busy, envelope(item("event", inner), event_id="2" * 32))
    assert response.json == {"id": "2" * 32}
    assert only(busy)["event_id"] == "2" * 32
    dashed = envelope(item("event", event(event_id="")), event_id="3" * 8 + "-" + "3" * 24)
    assert post(busy, dashed).json == {"id": "3" * 32}


def test_events_without_ids_are_events_of_their_own(busy: Project) -> None:
    for _ in range(2):
        response = post(busy, envelope(item("event", {"message": "a"})))
        assert len(response.json["id"]) == 32
    assert len(events(busy)) == 2


def test_the_same_id_in_two_projects_is_two_events(busy: Project) -> None:
    other, body = new_project(metered=True), of_event(event())
    assert post(busy, body).status == 200
    assert post(other, body).status == 200
    assert [len(events(each)) for each in (busy, other)] == [1, 1]


@pytest.mark.parametrize(("error", "status"), [(failing, 503), (throttled, 429)])
def test_the_store_fails_and_the_event_comes_again(
    busy: Project, clock: Clock, error: Callable[[Call], BaseException], status: int
) -> None:
    body = of_event(event())

    def fails(each: Call) -> Any:
        if each.operation == "PutItem":
            raise error(each)
        return each.send()

    with watched(fails):
        response = post(busy, body)
    assert (response.status, response.headers["Retry-After"]) == (status, "1")
    clock.advance(1)
    assert post(busy, body).status == 200
    assert len(events(busy)) == 1


def test_marks_are_no_events(busy: Project, clock: Clock) -> None:
    sent = event(timestamp=clock.ms / 1000 - 3_600)
    post(busy, of_event(sent))
    (kept,) = events(busy)
    assert kept["received_at"] > kept["timestamp"]
    marks = [each for each in read(busy, limit=100).json["data"] if "event_id" not in each]
    assert marks == []
    assert not put_new({"pk": {"S": busy.id}, "sk": {"S": kept["id"]}})


def test_one_call_stores_an_event_and_three_a_late_one(busy: Project, clock: Clock) -> None:
    capture(busy)  # the key is looked up
    with recorded() as seen:
        capture(busy)
        capture(busy, timestamp=clock.ms / 1000 - 3_600)
    assert [each.operation for each in seen] == ["PutItem"] * 4


# ------------------------------------------------------------------ limits and losses


def test_a_rate_limit_tells_how_long_to_back_off(project: Project, clock: Clock) -> None:
    body = envelope(item("session", {}))
    for _ in range(60):
        assert post(project, body, counts=False).status == 200
    response = post(project, body, counts=False)
    assert (response.status, response.json["detail"]) == (429, "Too many requests.")
    assert response.headers["Retry-After"] == "1"
    assert response.headers["X-Sentry-Rate-Limits"] == "1::key:rate_limited"
    clock.advance(1)
    assert post(project, body, counts=False).status == 200


def test_a_reached_quota_is_429(caplog: pytest.LogCaptureFixture) -> None:
    org = organizations.create("acme")
    organizations.change(org.id, monthly_quota=1)
    created = projects.create("shop", organization=org.id)
    assert created
    project = Project(created.project.id, created.key, created.public)
    capture(project)
    response = post(project, of_event(event()))
    assert response.status == 429
    assert response.json["detail"].startswith("The monthly quota of 1 events is reached.")
    assert response.headers["Retry-After"] == "60"
    limits = response.headers["X-Sentry-Rate-Limits"]
    assert limits == "60:error;default;security:project:quota"
    assert f"event lost: project {project.id}, quota" in caplog.messages
    # What is no event needs no quota.
    assert post(project, envelope(item("session", {}))).status == 200


def test_a_bad_event_is_checked_against_the_quota_too() -> None:
    org = organizations.create("acme")
    organizations.change(org.id, monthly_quota=1)
    created = projects.create("shop", organization=org.id)
    assert created
    project = Project(created.project.id, created.key, created.public)
    bad = envelope(item("event", b"no JSON"))
    assert post(project, bad).status == 400
    capture(project)
    clear_cache()
    assert post(project, bad).status == 429


def test_an_event_that_was_stored_before_uses_no_quota() -> None:
    org = organizations.create("acme")
    organizations.change(org.id, monthly_quota=2)
    created = projects.create("shop", organization=org.id)
    assert created
    project = Project(created.project.id, created.key, created.public)
    body = of_event(event())
    for _ in range(3):
        assert post(project, body).status == 200
    capture(project)
    assert post(project, of_event(event())).status == 429


def test_an_allowlist_holds_here_too(busy: Project) -> None:
    organizations.change("default", allowlist=("198.51.100.0/24",))
    clear_cache()
    response = post(busy, of_event(event()), ip="203.0.113.9")
    assert response.status == 403
    assert response.json["detail"] == "API access is not allowed from this IP address."
    assert post(busy, of_event(event()), ip="198.51.100.7").status == 200


def test_client_reports_go_into_the_ledger(busy: Project, caplog: pytest.LogCaptureFixture) -> None:
    report = {
        "timestamp": "2026-11-25T00:00:00Z",
        "discarded_events": [
            {"reason": "ratelimit_backoff", "category": "error", "quantity": 7},
            {"reason": "before_send", "category": "default", "quantity": 1},
            {"reason": "unheard of", "category": "error", "quantity": 2},
            {"reason": "sample_rate", "category": "transaction", "quantity": 9},
            {"reason": "queue_overflow", "category": "error", "quantity": "many"},
            "nonsense",
        ],
    }
    with caplog.at_level(logging.WARNING, logger="errata"):
        assert post(busy, envelope(item("client_report", report))).status == 200
        assert post(busy, envelope(item("client_report", b"[]"))).status == 200
    assert caplog.messages == [
        f"event lost: project {busy.id}, sdk_ratelimit_backoff, 7; sdk_before_send; sdk_other, 2",
    ]


def test_an_envelope_full_of_client_reports_is_one_line(
    busy: Project, caplog: pytest.LogCaptureFixture
) -> None:
    reported = [
        {"reason": reason, "category": "error", "quantity": 1_000_000}
        for reason in ("before_send", "network_error")
    ]
    report = item("client_report", {"discarded_events": reported * 30})
    with caplog.at_level(logging.WARNING, logger="errata"):
        assert post(busy, gzip.compress(envelope(*[report] * 90))).status == 200
    assert caplog.messages == [
        f"event lost: project {busy.id}, sdk_before_send, 1000; sdk_network_error, 1000"
    ]


def test_all_events_of_an_envelope_are_stored(busy: Project) -> None:
    sent = [event() for _ in range(3)]
    body = envelope(*(item("event", each) for each in sent), event_id=sent[0]["event_id"])
    response = post(busy, body)
    assert (response.status, response.json) == (200, {"id": sent[0]["event_id"]})
    assert {each["event_id"] for each in events(busy)} == {each["event_id"] for each in sent}


def test_an_event_that_is_refused_does_not_cost_the_others(
    busy: Project, caplog: pytest.LogCaptureFixture
) -> None:
    first, last = event(), event()
    body = envelope(item("event", first), item("event", b"[1]"), item("event", last))
    response = post(busy, body)
    assert (response.status, response.json["detail"]) == (400, "The body must be a JSON object.")
    assert {each["event_id"] for each in events(busy)} == {first["event_id"], last["event_id"]}
    assert caplog.messages == [f"event lost: project {busy.id}, invalid"]


def test_more_events_than_an_envelope_may_have_are_counted(
    busy: Project, caplog: pytest.LogCaptureFixture
) -> None:
    body = envelope(*(item("event", event()) for _ in range(MAX_EVENTS + 3)))
    response = post(busy, body)
    assert response.status == 413
    assert response.json["detail"].startswith(f"An envelope may have {MAX_EVENTS} events")
    assert len(events(busy)) == MAX_EVENTS
    assert caplog.messages == [f"event lost: project {busy.id}, too_large, 3"]


@pytest.mark.usefixtures("aws", "clock")
def test_each_further_event_of_an_envelope_counts_against_the_rate_limit(
    caplog: pytest.LogCaptureFixture,
) -> None:
    project = new_project(60, metered=True)
    sent = ({"message": "a", "fingerprint": [f"f{n}"]} for n in range(MAX_EVENTS))
    body = envelope(*(item("event", each) for each in sent))
    statuses = [post(project, body).status for _ in range(7)]
    assert statuses == [200] * 6 + [429]
    # The first event of each envelope counts with its request, which the gateway counts here.
    stored = 7 + 60
    assert len(events(project)) == stored
    assert caplog.messages == [f"event lost: project {project.id}, rate_limited"] * (70 - stored)


def test_a_quota_counts_each_event(caplog: pytest.LogCaptureFixture) -> None:
    org = organizations.create("acme")
    organizations.change(org.id, monthly_quota=2)
    created = projects.create("shop", organization=org.id)
    assert created
    project = Project(created.project.id, created.key, created.public)
    response = post(project, envelope(*(item("event", event()) for _ in range(4))))
    assert response.status == 429
    assert len(events(project)) == 2
    lost = [each for each in caplog.messages if each.startswith("event lost")]
    assert lost == [f"event lost: project {project.id}, quota"] * 2


def test_the_store_fails_within_an_envelope(
    busy: Project, caplog: pytest.LogCaptureFixture
) -> None:
    capture(busy)
    body = envelope(*(item("event", event()) for _ in range(3)))
    stored: list[Call] = []

    def fails(each: Call) -> Any:
        if len(stored) == 2:
            raise failing(each)
        stored.append(each)
        return each.send()

    with caplog.at_level(logging.WARNING, logger="errata"), watched(fails):
        assert post(busy, body).status == 503
    lines = [each for each in caplog.messages if each.startswith("event lost")]
    assert lines == [f"event lost: project {busy.id}, unavailable"] * 2
    assert post(busy, body).status == 200
    assert len(events(busy)) == 1 + 3


def test_an_event_says_that_its_attachments_are_not_stored(busy: Project) -> None:
    sent = event()
    names = [f"log-{number}.txt" for number in range(7)]
    parts = [
        json.dumps({"type": "attachment", "filename": name, "length": 1}).encode() + b"\nx"
        for name in names
    ]
    assert post(busy, envelope(item("event", sent), *parts)).status == 200
    assert only(busy)["problems"] == [
        {
            "field": "attachments",
            "problem": f"are not stored: {', '.join(names[:5])} and 2 more",
        }
    ]


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b'{}\n{"type":"attachment","attachment_type":"event.minidump"}\nMDMP', 200, "unsupported"),
        (b'{}\n{"type":"unreal_report"}\nCR1', 200, "unsupported"),
        (b'{}\n{"type":"event","length":9}\n{}', 400, "invalid"),
        (b'{}\n{"type":"session","length":9}\n{}', 400, "invalid"),
    ],
)
def test_what_is_dropped_and_may_be_an_error_is_counted(
    busy: Project, caplog: pytest.LogCaptureFixture, body: bytes, status: int, reason: str
) -> None:
    assert post(busy, body).status == status
    assert caplog.messages == [f"event lost: project {busy.id}, {reason}"]


def test_what_is_refused_is_counted(busy: Project, caplog: pytest.LogCaptureFixture) -> None:
    post(busy, b"not an envelope")
    post(busy, gzip.compress(of_event(event(extra={"a": "x" * MAX_JSON_BYTES}))))
    dsn = f"https://{busy.public}@errors.example.com/v1/{busy.id}"
    post(busy, envelope(item("event", b"broken"), dsn=dsn), headers={})
    assert caplog.messages == [
        f"event lost: project {busy.id}, invalid",
        f"event lost: project {busy.id}, too_large",
        f"event lost: project {busy.id}, invalid",
    ]


# ------------------------------------------------------------------ grouping


def test_events_of_one_place_are_one_issue(busy: Project) -> None:
    capture(busy)
    moved = json.loads(json.dumps(sdk.KEY_ERROR))
    moved["exception"]["values"][0]["value"] = "'table'"
    moved["exception"]["values"][0]["stacktrace"]["frames"][0]["lineno"] = 99
    capture(busy, **moved)
    first, second = events(busy)
    assert first["issue_id"] == second["issue_id"]
    assert (first["grouping"], first["grouped_by"]) == ("v2", "KeyError in shop.cart.total")


def test_the_fingerprint_of_a_client_meets_that_of_the_ingest_api(busy: Project) -> None:
    capture(busy, fingerprint=["checkout"])
    ingest(busy, {"message": "a", "fingerprint": "checkout"})
    first, second = events(busy)
    assert first["issue_id"] == second["issue_id"]
    assert (first["grouping"], second["grouping"]) == ("client", "client")


def test_the_default_may_be_a_part_of_a_fingerprint(busy: Project) -> None:
    capture(busy, fingerprint=["{{ default }}"])
    capture(busy)
    capture(busy, fingerprint=["{{ default }}", "shop"])
    issues = Counter(each["issue_id"] for each in events(busy))
    assert sorted(issues.values()) == [1, 2]
