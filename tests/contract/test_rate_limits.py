"""spec/ingest-api, 429: more than 60 requests a minute per key, or per IP where no key is resolved.

A bucket of 60 that gains one each second. Here for what the handlers count: keys in bodies, keys
without a gateway key, and callers without a key.
"""

from collections.abc import Callable

import pytest

from errata.usecases import projects
from tests.support import account, sdk
from tests.support.account import Clock, Project, new_project
from tests.support.calls import recorded
from tests.support.clients import BOOM, events, ingest, read
from tests.support.fresh import clear_cache
from tests.support.gateway import Response, call


def by_body(project: Project, ip: str = "203.0.113.9") -> Response:
    return call("POST", "/api/ingest", {**BOOM, "api_key": project.key}, ip=ip)


def keyless(ip: str = "203.0.113.9") -> Response:
    return call("POST", "/api/ingest", BOOM, ip=ip)


def unknown(ip: str = "203.0.113.9") -> Response:
    return call("POST", "/api/ingest", BOOM, {"X-Api-Key": "wrong"}, ip)


def assert_limited(response: Response, retry_after: int) -> None:
    assert response.status == 429
    assert set(response.json) == {"message"}
    assert response.headers["Retry-After"] == str(retry_after)


@pytest.mark.parametrize("post", [ingest, by_body])
def test_the_61st_request_of_a_key_is_refused_and_a_token_returns_each_second(
    project: Project, clock: Clock, post: Callable[..., Response]
) -> None:
    assert [post(project).status for _ in range(60)] == [202] * 60
    assert_limited(post(project), 1)
    clock.advance(0.999)
    assert_limited(post(project), 1)
    clock.advance(0.001)
    assert post(project).status == 202
    assert_limited(post(project), 1)
    clock.advance(3)
    assert [post(project).status for _ in range(4)] == [202, 202, 202, 429]
    clock.advance(60)
    assert [post(project).status for _ in range(61)] == [202] * 60 + [429]
    assert len(account.rows()["EVENTS_TABLE"]) == 124


def test_a_new_process_uses_the_same_bucket(clock: Clock) -> None:
    project = new_project(rate_limit=6)
    for _ in range(6):
        ingest(project)
        clear_cache()
    assert_limited(ingest(project), 10)
    clock.advance(10)
    clear_cache()
    assert ingest(project).status == 202


def test_reads_writes_and_keys_in_header_or_body_share_one_bucket(clock: Clock) -> None:
    project = new_project(rate_limit=6)
    for _ in range(2):
        assert ingest(project).status == 202
        assert read(project).status == 200
        assert by_body(project).status == 202
    assert_limited(read(project), 10)
    clock.advance(3)
    assert_limited(ingest(project), 7)
    assert_limited(by_body(project, ip="198.51.100.7"), 7)


def test_each_key_of_a_project_has_a_bucket_of_its_own(clock: Clock) -> None:
    project = new_project(rate_limit=6)
    _, second = projects.create_key(project.id, "another")
    assert [ingest(project).status for _ in range(7)][-1] == 429
    assert ingest(Project(project.id, second)).status == 202


def test_a_public_key_has_a_higher_default_rate_limit_than_an_api_key(
    clock: Clock,
) -> None:
    created = projects.create("shop")
    assert created
    project = Project(created.project.id, created.key, created.public)

    def send(number: int) -> list[int]:
        return [sdk.post(project, sdk.of_event(sdk.event())).status for _ in range(number)]

    assert send(301) == [200] * 300 + [429]
    clock.advance(1)  # ten more each second
    assert send(11) == [200] * 10 + [429]
    assert [ingest(project).status for _ in range(61)] == [202] * 60 + [429]
    projects.change(created.project.id, 20, None)
    clear_cache()
    clock.advance(60)
    assert send(21) == [200] * 20 + [429]
    assert [ingest(project).status for _ in range(21)] == [202] * 20 + [429]


def test_an_operator_can_raise_the_limit_of_a_project(clock: Clock) -> None:
    project = new_project(rate_limit=75)
    assert [ingest(project).status for _ in range(76)] == [202] * 75 + [429]
    clock.advance(0.8)
    assert [ingest(project).status for _ in range(2)] == [202, 429]


@pytest.mark.parametrize("post", [keyless, unknown])
def test_callers_without_a_resolved_key_are_counted_by_address(
    clock: Clock, post: Callable[..., Response]
) -> None:
    assert [post().status for _ in range(60)] == [401] * 60
    assert_limited(post(), 1)
    assert post("2001:db8::1").status == 401
    clock.advance(1)
    assert [post().status for _ in range(2)] == [401, 429]


def test_ipv6_addresses_of_one_64_block_share_a_bucket(clock: Clock) -> None:
    statuses = [keyless(f"2001:db8::{n:x}").status for n in range(61)]
    assert statuses == [401] * 60 + [429]
    assert keyless("2001:db8:0:0:ffff:ffff:ffff:ffff").status == 429
    assert keyless("2001:db8:0:1::").status == 401
    assert keyless("2001:db9::1").status == 401


def test_an_ipv4_address_has_a_bucket_of_its_own_in_any_form(clock: Clock) -> None:
    assert [keyless("192.0.2.1").status for _ in range(61)][-1] == 429
    assert keyless("::ffff:192.0.2.1").status == 429
    assert keyless("192.0.2.2").status == keyless("::ffff:192.0.2.3").status == 401


def test_ipv6_addresses_of_one_64_block_create_projects_from_one_bucket(clock: Clock) -> None:
    def generate(n: int) -> int:
        return call("GET", "/api.php?action=generate", ip=f"2001:db8::{n:x}").status

    assert [generate(n) for n in range(75)] == [200] * 60 + [429] * 15
    assert len(projects.list_projects()) == 60


def test_missing_and_unknown_keys_share_the_bucket_of_their_address(clock: Clock) -> None:
    assert [(keyless().status, unknown().status) for _ in range(30)] == [(401, 401)] * 30
    assert_limited(keyless(), 1)
    assert_limited(unknown(), 1)
    assert_limited(call("GET", "/api/projects/1/events"), 1)


def test_a_key_of_another_project_counts_as_unresolved(project: Project, clock: Clock) -> None:
    other = f"/api/projects/{new_project().id}/events?api_key={project.key}"
    assert [call("GET", other).status for _ in range(61)] == [401] * 60 + [429]
    assert ingest(project).status == 202


def test_a_valid_key_is_not_limited_by_the_bucket_of_its_address(
    project: Project, clock: Clock
) -> None:
    assert [keyless().status for _ in range(61)][-1] == 429
    assert ingest(project).status == 202
    assert by_body(project).status == 202


def test_a_request_that_the_gateway_counts_is_not_counted_by_the_handler(clock: Clock) -> None:
    project = new_project(rate_limit=6, metered=True)
    assert {ingest(project).status for _ in range(7)} == {202}


def test_a_key_of_another_project_that_the_gateway_counts_is_not_counted_again() -> None:
    project = new_project(metered=True)
    other = f"/api/projects/{new_project().id}/events"
    with recorded() as seen:
        assert call("GET", other, None, {"X-Api-Key": project.key}).status == 401
    assert "UpdateItem" not in [each.operation for each in seen]


def test_the_handler_counts_a_request_if_the_gateway_does_not(clock: Clock) -> None:
    project = new_project(rate_limit=6, metered=True)
    headers = {"X-Api-Key": project.key}
    sent = [call("POST", "/api/ingest", BOOM, headers, counts=False) for _ in range(7)]
    assert [response.status for response in sent] == [202] * 6 + [429]
    assert_limited(sent[-1], 10)


# ------------------------------------------------------------------ order of the checks


def test_the_address_s_limit_comes_before_401(clock: Clock) -> None:
    for _ in range(60):
        keyless()
    assert_limited(call("POST", "/api/ingest", b"not JSON"), 1)


def test_401_comes_before_the_key_s_limit_and_422(project: Project, clock: Clock) -> None:
    assert call("POST", "/api/ingest", {"level": 5}, {"X-Api-Key": "wrong"}).status == 401
    headers = {"X-Api-Key": "wrong", "Idempotency-Key": "x" * 256}
    assert call("POST", "/api/ingest", BOOM, headers).status == 401


def test_the_key_s_limit_comes_before_a_replay_and_422(clock: Clock) -> None:
    project = new_project(rate_limit=6)
    first = ingest(project, BOOM, idempotency_key="k")
    for _ in range(5):
        assert ingest(project, {"level": 5}).status == 422
    assert_limited(ingest(project, BOOM, idempotency_key="k"), 10)
    assert_limited(ingest(project, {"level": 5}), 10)
    assert_limited(ingest(project, BOOM, idempotency_key=""), 10)
    clock.advance(10)
    assert ingest(project, BOOM, idempotency_key="k").json == first.json


def test_a_replay_comes_before_422_and_413(project: Project) -> None:
    first = ingest(project, BOOM, idempotency_key="k")
    for body in ({"level": 5}, b"[]", b"not JSON", b"\x1f\x8bbroken", b" " * 1_048_577):
        again = ingest(project, body, idempotency_key="k")
        assert (again.status, again.text) == (202, first.text)
        assert again.headers["Idempotency-Mismatch"] == "true"
    assert len(events(project)) == 1


def test_refused_requests_store_nothing(clock: Clock) -> None:
    project = new_project(rate_limit=6)
    before = account.rows()
    for response in (keyless(), unknown(), ingest(project, b"[]"), ingest(project, {"line": "x"})):
        assert response.status in (401, 422)
    while ingest(project, b"[]", idempotency_key="k").status != 429:
        clock.advance(0.001)
    assert account.rows() == before


def test_many_refused_requests_take_few_calls(clock: Clock) -> None:
    for _ in range(61):
        keyless()
    with recorded() as seen:
        assert {keyless().status for _ in range(20)} == {429}
    assert seen == [], "this process knows that the bucket is empty"
    with recorded() as seen:
        for number in range(20):
            header = {"X-Api-Key": f"guess {number}"}
            assert call("POST", "/api/ingest", BOOM, header).status == 429
    assert len(seen) == 20, "the authorizer looks up each guess, and nothing else is called"
    clear_cache()
    with recorded() as seen:
        assert keyless().status == 429
        assert keyless().status == 429
    assert len(seen) == 1, "another process takes one call"
