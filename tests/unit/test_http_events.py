"""Requests through API Gateway (payload 1.0) and to a function's URL (2.0) are read alike."""

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata import gateway
from tests.support import function_url
from tests.support.gateway import request

PATH = "/api/1/envelope"
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=20)


def both(method: str, url: str, *more: Any) -> list[dict[str, Any]]:
    return [make(method, url, *more) for make in (request, function_url.request)]


@given(query=st.dictionaries(TEXT.filter(bool), TEXT, max_size=3), body=st.binary(max_size=40))
@pytest.mark.parametrize("kind", ["text/plain;charset=UTF-8", "application/x-sentry-envelope"])
def test_both_formats_are_read_alike(kind: str, query: dict[str, str], body: bytes) -> None:
    headers = {"Content-Type": kind, "X-Sentry-Auth": "Sentry sentry_key=1"}
    of_gateway, of_url = both("POST", f"{PATH}/?{urlencode(query)}", body, headers, "2001:db8::1")
    assert (gateway.of_url(of_gateway), gateway.of_url(of_url)) == (False, True)
    for read in (gateway.method, gateway.path, gateway.query, gateway.body, gateway.address):
        assert read(of_gateway) == read(of_url)
    assert gateway.headers(of_gateway).items() <= gateway.headers(of_url).items()
    found = (gateway.method(of_url), gateway.path(of_url), gateway.query(of_url))
    assert found == ("POST", PATH, query)
    assert (gateway.body(of_url), gateway.address(of_url)) == (body, "2001:db8::1")


def test_the_last_value_of_a_repeated_parameter_counts() -> None:
    for event in both("POST", f"{PATH}?x=1&x=2,3&empty="):
        assert gateway.query(event) == {"x": "2,3", "empty": ""}


def test_cookies_become_a_header() -> None:
    event = function_url.request("GET", "/", None, {"Cookie": "a=1; b=2"})
    assert event["cookies"] == ["a=1", "b=2"]
    assert gateway.headers(event)["cookie"] == "a=1; b=2"


def test_a_request_to_a_url_has_no_result_of_an_authorizer() -> None:
    """Whatever the client sends: only API Gateway's events have an authorizer's result."""
    forged = {"key": "known", "grant": '{"project_id": "1", "key_id": "x"}', "metered": "gateway"}
    event = function_url.request("POST", PATH, {"requestContext": {"authorizer": forged}})
    # Not even if Lambda should once fill these for another kind of authorization.
    event["requestContext"] |= {
        "authorizer": forged,
        "identity": {"apiKeyId": "id", "sourceIp": ""},
    }
    caller = gateway.caller(event)
    assert (caller.authorizer_context, caller.metered) == ({"key": "absent"}, False)


def test_the_address_comes_from_lambda_and_not_from_x_forwarded_for() -> None:
    event = function_url.request("POST", PATH, None, {"X-Forwarded-For": "198.51.100.7"})
    assert gateway.headers(event)["x-forwarded-for"] == "198.51.100.7"
    assert gateway.caller(event).address == "203.0.113.9"


def test_a_response_of_a_url_has_no_cors_headers() -> None:
    sent = gateway.response(429, "{}", {"Retry-After": "7", "Access-Control-Expose-Headers": "a"})
    kept = gateway.without_cors(sent)
    assert kept["headers"] == {"Content-Type": "application/json", "Retry-After": "7"}
    assert "Access-Control-Allow-Origin" in sent["headers"]
