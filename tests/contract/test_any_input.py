"""Clients can send anything. The response always follows the contract, and nothing breaks."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.config import settings
from errata.store import clients
from errata.store.legacy import legacy_counter
from tests.support import account, fuzz, stream
from tests.support.account import Project
from tests.support.clients import BOOM, capture, errors, events, ingest
from tests.support.fresh import clear_cache
from tests.support.gateway import Response, call


@contextmanager
def nothing_stored() -> Iterator[None]:
    """Assert that the block leaves every table unchanged."""
    before = account.row_counts()
    yield
    assert account.row_counts() == before


def delete_events() -> None:
    """Delete the events, so that scans stay short; the legacy counter goes on."""
    for item in stream.stored_events():
        key = {"pk": item["pk"], "sk": item["sk"]}
        clients.dynamodb().delete_item(TableName=settings().events_table, Key=key)


def check_refusal(response: Response) -> None:
    """Assert that an error response follows the ingest contract."""
    assert response.status in (413, 422), response.text
    assert isinstance(response.json["message"], str)
    if response.status == 422:
        assert response.json["errors"]


def check_ingest(project: Project, body: bytes, **headers: str) -> None:
    """Assert that an accepted body is read back and digested, and a refused one is not stored."""
    before = account.row_counts()
    response = ingest(project, body, **headers)
    if response.status == 202:
        assert [event["id"] for event in events(project)] == [response.json["id"]]
        stream.pump(stream.records())
        assert account.dead_letters() == []
    else:
        check_refusal(response)
        assert account.row_counts() == before
    assert ingest(project, BOOM).status == 202
    delete_events()


@fuzz.bounded(40)
@given(body=fuzz.ingests)
def test_any_field_of_an_event_may_hold_anything(busy: Project, body: bytes) -> None:
    check_ingest(busy, body)


@fuzz.bounded(40)
@given(body=fuzz.bodies, coding=fuzz.codings)
def test_a_body_of_any_bytes_is_accepted_or_refused(
    busy: Project, body: bytes, coding: str
) -> None:
    check_ingest(busy, body, content_encoding=coding)


@fuzz.bounded(40)
@given(key=st.text(max_size=300), body=fuzz.ingests)
def test_any_text_may_be_an_idempotency_key(busy: Project, key: str, body: bytes) -> None:
    first = ingest(busy, body, idempotency_key=key)
    again = ingest(busy, body, idempotency_key=key)
    if first.status == 202:
        assert (again.status, again.text) == (202, first.text)
    else:
        check_refusal(first)
        assert again == first


@fuzz.bounded(30)
@given(key=fuzz.values, bearer=fuzz.texts)
def test_any_value_sent_as_a_key_gets_401(busy: Project, key: str, bearer: str) -> None:
    with nothing_stored():
        body = f'{{"message":"boom","api_key":{key}}}'.encode()
        for headers in ({}, {"X-Api-Key": bearer}, {"Authorization": f"Bearer {bearer}"}):
            clear_cache()
            response = call(
                "POST", "/api/ingest", body, headers, ip=str(hash((key, bearer, *headers)))
            )
            assert response.status == 401, response.text
    assert ingest(busy).status == 202
    delete_events()


QUERY = ("limit", "cursor", "environment", "release", "level", "fingerprint", "since", "until")


@fuzz.bounded(50)
@given(query=st.dictionaries(st.sampled_from(QUERY), st.text(max_size=40), max_size=3))
def test_any_filter_gets_200_or_422(busy: Project, query: dict[str, str]) -> None:
    url = "&".join(f"{name}={quote(value)}" for name, value in query.items())
    headers = {"X-Api-Key": busy.key}
    response = call("GET", f"/api/projects/{busy.id}/events?{url}", None, headers)
    assert response.status in (200, 422), response.text
    if response.status == 422:
        assert set(response.json["errors"]) <= set(query)


# ------------------------------------------------------------------ the legacy API


def check_capture(project: Project, body: bytes) -> None:
    """Check like `check_ingest`, and that a refused error takes no legacy number."""
    before = account.row_counts()
    last = legacy_counter(project.id).last_id
    sent = b'{"hash":"%s",%s' % (project.key.encode(), body[1:])
    response = call("POST", "/api.php", sent, ip=str(hash(body)))
    if response.status == 200:
        last += 1
        assert response.json["id"] == last
        assert [error["id"] for error in errors(project, since=last - 1)] == [last]
        assert len(events(project)) == 1
        stream.pump(stream.records())
        assert account.dead_letters() == []
    else:
        assert (response.status, response.json["ok"]) == (400, False), response.text
        assert response.json["error"]
        assert account.row_counts() == before
    assert capture(project).json["id"] == last + 1
    delete_events()


@fuzz.bounded(30)
@given(body=fuzz.legacies)
def test_any_field_of_an_error_may_hold_anything(busy: Project, body: bytes) -> None:
    check_capture(busy, body.replace(b"{", b'{"level":"E","message":"m","":', 1))


@fuzz.bounded(40)
@given(request=fuzz.requests)
def test_the_request_field_of_an_error_may_have_any_value(busy: Project, request: bytes) -> None:
    check_capture(busy, b'{"level":"E","message":"m","request":' + request + b"}")


@fuzz.bounded(40)
@given(body=fuzz.bodies)
def test_arbitrary_bytes_sent_to_api_php_get_400(busy: Project, body: bytes) -> None:
    with nothing_stored():
        response = call("POST", "/api.php", body, ip=str(hash(body)))
        assert (response.status, response.json["ok"]) == (400, False), response.text
    assert capture(busy).status == 200


@fuzz.bounded(40)
@given(
    action=st.sampled_from(["generate", "errors", "clear", ""]) | st.text(max_size=9),
    query=st.dictionaries(st.sampled_from(["hash", "since", "name"]), st.text(max_size=300)),
    method=st.sampled_from(["GET", "HEAD"]),
)
def test_any_query_of_api_php_gets_200_or_400(
    busy: Project, action: str, query: dict[str, str], method: str
) -> None:
    pairs = {"action": action, **query}
    url = "&".join(f"{name}={quote(value)}" for name, value in pairs.items())
    response = call(method, f"/api.php?{url}", ip=url)
    assert response.status in (200, 400), response.text
    if method == "HEAD":
        assert response.text == ""
    elif response.status == 400:
        assert response.json["ok"] is False


@pytest.mark.parametrize("depth", [198, 199, 200, 100_000])
def test_nested_values_are_accepted_and_read_back_or_refused(busy: Project, depth: int) -> None:
    nested = b"[" * depth + b"]" * depth
    check_capture(busy, b'{"level":"E","message":"m","request":{"post":%s}}' % nested)
    check_ingest(busy, b'{"message":"m","context":{"a":%s}}' % nested)
    check_ingest(busy, b'{"message":"m","breadcrumbs":[{"data":{"a":%s}}]}' % nested)
