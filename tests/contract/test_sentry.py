"""The SDK endpoint: keys, bodies, responses and grouping."""

import base64
import gzip
import json
import zlib
from collections import Counter
from typing import Any

import pytest

from errata.protocol.body import MAX_JSON_BYTES
from errata.usecases import organizations, projects
from tests.support import sdk
from tests.support.account import Clock, Project, new_project, row_counts
from tests.support.clients import events, ingest, only
from tests.support.cpu import cpu_s
from tests.support.fresh import clear_cache
from tests.support.gateway import call
from tests.support.noise import noise
from tests.support.sdk import capture, envelope, event, item, of_event, post
from tests.support.steps import peak_bytes


@pytest.mark.parametrize("route", ["envelope", "envelope/", "store", "store/"])
def test_both_routes_work_with_and_without_a_slash(busy: Project, route: str) -> None:
    sent = event()
    body = json.dumps(sent).encode() if route.startswith("store") else of_event(sent)
    response = post(busy, body, route)
    assert (response.status, response.json) == (200, {"id": sent["event_id"]})
    assert only(busy)["event_id"] == sent["event_id"]


def test_a_key_may_be_in_a_header_the_query_or_the_envelope(busy: Project) -> None:
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
def test_a_refused_request_takes_little_memory_and_time(busy: Project, allowed: str) -> None:
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


@pytest.mark.parametrize(
    ("coded", "headers"),
    [
        (lambda body: body, {}),
        (gzip.compress, {"Content-Encoding": "gzip"}),
        # As the gateway passes it on, with and without the coding undone.
        (gzip.compress, {}),
        (lambda body: body, {"Content-Encoding": "gzip"}),
        (zlib.compress, {"Content-Encoding": "deflate"}),
        (lambda body: zlib.compress(body, wbits=-15), {"Content-Encoding": "deflate"}),
    ],
)
def test_gzip_and_deflate_bodies_are_accepted(
    busy: Project, coded: Any, headers: dict[str, str]
) -> None:
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
def test_other_codings_are_refused_with_a_remedy(busy: Project, coding: str) -> None:
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
def test_a_broken_envelope_is_refused_with_the_reason(
    busy: Project, body: bytes, detail: str
) -> None:
    before = row_counts()
    response = post(busy, body)
    assert response.status == 400
    assert response.json["detail"].startswith(detail)
    assert response.json["causes"] == []
    assert response.headers["X-Sentry-Error"].startswith(detail)
    assert row_counts() == before
    assert capture(busy)


def test_a_store_body_that_is_not_a_json_object_is_refused(busy: Project) -> None:
    assert post(busy, b"{", "store").status == 400
    assert post(busy, b"7", "store").status == 400


@pytest.mark.parametrize("route", ["store", "envelope"])
def test_an_event_of_more_than_a_mebibyte_is_refused(busy: Project, route: str) -> None:
    sent = event(extra={"text": "x" * MAX_JSON_BYTES})
    body = of_event(sent) if route == "envelope" else json.dumps(sent).encode()
    response = post(busy, gzip.compress(body), route)
    assert response.status == 413
    assert events(busy) == []


def test_a_decompression_bomb_is_refused(busy: Project) -> None:
    bomb = gzip.compress(b'{}\n{"type":"attachment"}\n' + b"0" * 30_000_000)
    response = post(busy, bomb)
    assert response.status == 413
    assert "larger than" in response.headers["X-Sentry-Error"]


def test_an_event_after_an_attachment_is_stored(busy: Project) -> None:
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


def test_items_of_other_types_are_accepted_and_not_stored(busy: Project) -> None:
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
def test_sdks_get_a_rate_limit_for_categories_that_are_not_stored(
    busy: Project, kinds: list[str], categories: str | None
) -> None:
    response = post(busy, envelope(*(item(kind, {"message": "a"}) for kind in kinds)))
    limits = f"3600:{categories}:key:not_stored" if categories else None
    assert (response.status, response.headers.get("X-Sentry-Rate-Limits")) == (200, limits)


def test_a_bad_field_is_dropped_and_the_rest_of_the_event_is_kept(busy: Project) -> None:
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


def test_events_of_one_function_are_one_issue(busy: Project) -> None:
    capture(busy)
    moved = json.loads(json.dumps(sdk.KEY_ERROR))
    moved["exception"]["values"][0]["value"] = "'table'"
    moved["exception"]["values"][0]["stacktrace"]["frames"][0]["lineno"] = 99
    capture(busy, **moved)
    first, second = events(busy)
    assert first["issue_id"] == second["issue_id"]
    assert (first["grouping"], first["grouped_by"]) == ("v2", "KeyError in shop.cart.total")


def test_the_same_fingerprint_from_an_sdk_and_the_ingest_api_is_one_issue(busy: Project) -> None:
    capture(busy, fingerprint=["checkout"])
    ingest(busy, {"message": "a", "fingerprint": "checkout"})
    first, second = events(busy)
    assert first["issue_id"] == second["issue_id"]
    assert (first["grouping"], second["grouping"]) == ("client", "client")


def test_the_default_fingerprint_may_be_a_part_of_a_fingerprint(busy: Project) -> None:
    capture(busy, fingerprint=["{{ default }}"])
    capture(busy)
    capture(busy, fingerprint=["{{ default }}", "shop"])
    issues = Counter(each["issue_id"] for each in events(busy))
    assert sorted(issues.values()) == [1, 2]
