"""spec/ingest-api, "Idempotency-Key"."""

import gzip
import json
import logging

import pytest

from errata.config import settings
from errata.store import clients
from errata.usecases import projects
from tests.support.account import Clock, Project, new_project, rows
from tests.support.calls import Call, recorded, throttled, watched
from tests.support.clients import BOOM, events, ingest
from tests.support.gateway import call

DAY_S = 24 * 3600


def test_a_retry_gets_the_same_response_and_stores_nothing(busy: Project) -> None:
    first = ingest(busy, BOOM, idempotency_key="k")
    assert "Idempotency-Replayed" not in first.headers
    again = ingest(busy, BOOM, idempotency_key="k")
    assert (again.status, again.text) == (202, first.text)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Mismatch" not in again.headers
    assert [event["id"] for event in events(busy)] == [first.json["id"]]


def test_another_body_gets_the_same_response_with_a_mismatch_header_and_is_lost(
    busy: Project, caplog: pytest.LogCaptureFixture
) -> None:
    first = ingest(busy, BOOM, idempotency_key="k")
    with caplog.at_level(logging.WARNING, logger="errata"):
        again = ingest(busy, {"message": "other"}, idempotency_key="k")
    assert (again.status, again.text) == (202, first.text)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Idempotency-Mismatch"] == "true"
    assert [event["message"] for event in events(busy)] == ["boom"]
    record, loss = caplog.records
    assert loss.getMessage() == f"event lost: project {busy.id}, mismatch"
    assert (record.getMessage(), vars(record)["project_id"]) == ("idempotency mismatch", busy.id)


def test_the_same_body_in_another_coding_is_not_a_mismatch(busy: Project) -> None:
    body = json.dumps(BOOM).encode()
    ingest(busy, body, idempotency_key="k")
    again = ingest(busy, gzip.compress(body), idempotency_key="k", content_encoding="gzip")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Mismatch" not in again.headers


def test_both_spellings_of_the_route_share_idempotency_keys(busy: Project) -> None:
    headers = {"X-Api-Key": busy.key, "Idempotency-Key": "k"}
    first = call("POST", "/api/ingest", BOOM, headers)
    again = call("POST", "/api/v1/ingest", BOOM, headers)
    assert (again.text, again.headers["Idempotency-Replayed"]) == (first.text, "true")


def test_a_key_is_scoped_to_its_project(busy: Project) -> None:
    other = new_project()
    first = ingest(busy, BOOM, idempotency_key="k")
    second = ingest(other, BOOM, idempotency_key="k")
    assert first.json != second.json
    assert "Idempotency-Replayed" not in second.headers
    assert len(events(busy)) == len(events(other)) == 1


def test_all_api_keys_of_a_project_share_idempotency_records(busy: Project) -> None:
    _, second = projects.create_key(busy.id, "another")
    first = ingest(busy, BOOM, idempotency_key="k")
    assert ingest(Project(busy.id, second), BOOM, idempotency_key="k").text == first.text


def test_after_24_hours_a_key_is_new_even_if_its_row_still_exists(
    busy: Project, clock: Clock
) -> None:
    first = ingest(busy, BOOM, idempotency_key="k")
    clock.advance(DAY_S - 0.001)
    assert ingest(busy, BOOM, idempotency_key="k").text == first.text
    assert ingest(busy, {"level": 5}, idempotency_key="k").text == first.text
    clock.advance(0.001)
    assert len(rows()["IDEMPOTENCY_TABLE"]) == 1
    assert ingest(busy, {"level": 5}, idempotency_key="k").status == 422
    second = ingest(busy, BOOM, idempotency_key="k")
    assert second.json != first.json
    assert "Idempotency-Replayed" not in second.headers
    clock.advance(DAY_S - 0.001)
    assert ingest(busy, BOOM, idempotency_key="k").text == second.text
    assert len(events(busy)) == 2


def test_the_row_of_a_record_expires_more_than_24_hours_later(busy: Project, clock: Clock) -> None:
    ingest(busy, BOOM, idempotency_key="k")
    (record,) = rows()["IDEMPOTENCY_TABLE"]
    assert int(record["ttl"]["N"]) > clock.ms // 1000 + DAY_S


def test_without_the_header_every_request_is_a_new_event(busy: Project) -> None:
    assert ingest(busy).json != ingest(busy).json
    assert len(events(busy)) == 2
    assert rows()["IDEMPOTENCY_TABLE"] == []


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "a\nb", "\x00", "\x1f", "\x7f", "a\x85"])
def test_a_key_out_of_bounds_is_refused_and_named(busy: Project, key: str) -> None:
    refused = ingest(busy, BOOM, idempotency_key=key)
    assert refused.status == 422
    assert set(refused.json["errors"]) == {"Idempotency-Key"}
    assert events(busy) == []


@pytest.mark.parametrize("key", ["x", "x" * 255, "with space", "é", "\u00a0", "“quoted”", "~"])
def test_any_other_key_is_accepted(busy: Project, key: str) -> None:
    first = ingest(busy, BOOM, idempotency_key=key)
    assert first.status == 202
    again = ingest(busy, BOOM, idempotency_key=key)
    assert (again.text, again.headers["Idempotency-Replayed"]) == (first.text, "true")


def test_keys_that_differ_in_a_letter_are_different(busy: Project) -> None:
    responses = [ingest(busy, BOOM, idempotency_key=key).text for key in ("k", "K", "k ", "kk")]
    assert len(set(responses)) == 4


def test_a_refused_request_records_nothing_so_that_its_retry_succeeds(busy: Project) -> None:
    for body in ({"level": 5}, b"[]", b"not JSON", b" " * 1_048_577):
        assert ingest(busy, body, idempotency_key="k").status in (413, 422)
    assert rows()["IDEMPOTENCY_TABLE"] == []
    accepted = ingest(busy, BOOM, idempotency_key="k")
    assert accepted.status == 202
    assert "Idempotency-Replayed" not in accepted.headers


def test_a_busy_store_records_nothing_so_that_the_retry_succeeds(busy: Project) -> None:
    ingest(busy, {"level": 5})

    def refuse(each: Call) -> object:
        raise throttled(each)

    with watched(refuse):
        refused = ingest(busy, BOOM, idempotency_key="k")
    assert refused.status == 503
    assert refused.headers["Retry-After"] == "1"
    assert ingest(busy, BOOM, idempotency_key="k").status == 202
    assert len(events(busy)) == 1


def test_a_wrong_api_key_reveals_nothing_about_idempotency_keys(busy: Project) -> None:
    ingest(busy, BOOM, idempotency_key="k")
    with recorded() as seen:
        refused = call("POST", "/api/ingest", BOOM, {"X-Api-Key": "wrong", "Idempotency-Key": "k"})
    assert refused.status == 401
    assert "Idempotency-Replayed" not in refused.headers
    touched = [each.parameters for each in seen]
    assert not any("once#" in str(parameters) for parameters in touched)


def test_the_event_and_its_record_are_written_in_one_transaction(busy: Project) -> None:
    ingest(busy, {"level": 5})
    with recorded() as seen:
        ingest(busy, BOOM, idempotency_key="k")
    assert [each.operation for each in seen] == ["TransactWriteItems"]
    tables = [next(iter(a.values()))["TableName"] for a in seen[0].parameters["TransactItems"]]
    assert set(tables) == {settings().idempotency_table, settings().events_table}


def test_a_record_is_still_replayed_after_its_event_has_expired(
    clock: Clock,
) -> None:
    project = new_project(retention_days=1)
    first = ingest(project, BOOM, idempotency_key="k")
    clock.advance(DAY_S - 1)
    key = {"pk": {"S": project.id}, "sk": {"S": first.json["id"]}}
    clients.dynamodb().delete_item(TableName=settings().events_table, Key=key)
    assert ingest(project, BOOM, idempotency_key="k").text == first.text
