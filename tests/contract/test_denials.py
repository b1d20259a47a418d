"""The authorizer denies requests without a valid key: the contract's response, at a low cost."""

import json
from typing import Any

import pytest

from errata.config import settings
from errata.protocol.sentry.errors import UNKNOWN_KEY
from errata.usecases import projects
from tests.support import template
from tests.support.account import Clock, Project, rows
from tests.support.calls import fault, recorded, throttled
from tests.support.gateway import admit, authorize, call, effect, request, respond

MISSING = {"message": "Missing or invalid API key."}
UNKNOWN = {"message": "Invalid API key."}
NO_DSN = {"detail": UNKNOWN_KEY, "causes": []}
INGEST, READ, ENVELOPE, STORE = (
    "/api/ingest",
    "/api/projects/1/events",
    "/api/1/envelope/",
    "/api/1/store/",
)

type Call = tuple[str, str, dict[str, str]]

DENIED: list[tuple[Call, dict[str, Any]]] = [
    (("POST", INGEST, {"X-Api-Key": "wrong"}), UNKNOWN),
    (("POST", INGEST, {"X-Api-Key": ""}), MISSING),
    (("POST", "/api/v1/ingest", {"Authorization": "Bearer wrong"}), UNKNOWN),
    (("GET", READ, {}), MISSING),
    (("GET", f"{READ}?api_key=wrong", {}), UNKNOWN),
    (("GET", f"{READ}?api_key=", {}), MISSING),
    (("POST", f"{ENVELOPE}?sentry_key=wrong", {}), NO_DSN),
    (("POST", ENVELOPE, {"X-Sentry-Auth": "Sentry sentry_key="}), NO_DSN),
    (("POST", STORE, {}), NO_DSN),
]
# The key may be in the body, which the authorizer does not see.
UNDECIDED: list[Call] = [
    ("POST", INGEST, {}),
    ("POST", f"{INGEST}?api_key=wrong", {}),
    ("POST", ENVELOPE, {}),
    # Keys of this endpoint are in `hash`. It has no use for others.
    ("GET", "/api.php?action=generate", {}),
    ("POST", "/api.php", {"X-Api-Key": "wrong"}),
]
WRONG: Call = ("POST", INGEST, {"X-Api-Key": "wrong"})


def decide(call_: Call, ip: str = "203.0.113.9") -> dict[str, Any]:
    method, url, headers = call_
    return authorize(request(method, url, {"message": "a"}, headers, ip))


@pytest.mark.parametrize(("call_", "body"), DENIED)
def test_a_request_without_a_valid_key_is_denied_with_the_contract_s_body(
    project: Project, call_: Call, body: dict[str, Any]
) -> None:
    before = rows()
    assert effect(decide(call_, "203.0.113.8")) == "Deny"
    method, url, headers = call_
    response = call(method, url, {"message": "a"}, headers, "203.0.113.9")
    assert (response.status, response.json) == (401, body)
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert rows() == before
    if body is NO_DSN:
        assert response.headers["X-Sentry-Error"] == UNKNOWN_KEY


@pytest.mark.parametrize(("call_", "body"), DENIED)
def test_the_functions_send_the_same_response(call_: Call, body: dict[str, Any]) -> None:
    # An older authorizer denies nothing, and a key may be in the body.
    method, url, headers = call_
    event = request(method, url, {"message": "a"}, headers)
    state = "unknown" if body is UNKNOWN else "empty"
    admit(event, allowed({"key": state}))
    response = respond(event)
    assert (response.status, response.json) == (401, body)


def allowed(context: dict[str, str]) -> dict[str, Any]:
    """The result of an authorizer that allows a request."""
    statement = {"Effect": "Allow"}
    return {
        "policyDocument": {"Statement": [statement]},
        "context": context,
        "usageIdentifierKey": settings().unmetered_key,
    }


@pytest.mark.parametrize("call_", UNDECIDED)
def test_a_request_whose_body_may_have_a_key_is_allowed(call_: Call) -> None:
    with recorded() as seen:
        verdict = decide(call_)
    assert effect(verdict) == "Allow"
    assert verdict["context"] == {"key": "absent"}
    assert verdict["usageIdentifierKey"] == settings().unmetered_key
    assert seen == []


def test_a_revoked_key_is_denied(project: Project, clock: Clock) -> None:
    with_key: Call = ("POST", INGEST, {"X-Api-Key": project.key})
    assert effect(decide(with_key)) == "Allow"
    (key,) = (each for each in projects.list_keys(project.id) if not each.public)
    projects.revoke_key(project.id, key.id)
    clock.advance(31)
    assert effect(decide(with_key)) == "Deny"


def test_an_address_that_has_sent_too_much_gets_429(project: Project, clock: Clock) -> None:
    method, url, headers = WRONG
    sent = [call(method, url, {"message": "a"}, headers) for _ in range(62)]
    assert [each.status for each in sent] == [401] * 60 + [429] * 2
    assert sent[-1].json == {"message": "Too many requests."}
    assert sent[-1].headers["Retry-After"] == "1"
    clock.advance(1)
    again = [call(method, url, {"message": "a"}, headers).status for _ in range(2)]
    assert again == [401, 429]
    # Other addresses are not affected, nor is a valid key from the same address.
    assert call(method, url, {"message": "a"}, headers, "203.0.113.10").status == 401
    assert call("POST", INGEST, {"message": "a"}, {"X-Api-Key": project.key}).status == 202


def test_api_gateway_refuses_an_address_over_its_limit(clock: Clock) -> None:
    verdicts = [decide(WRONG) for _ in range(62)]
    assert [effect(each) for each in verdicts] == ["Deny"] * 60 + ["Allow"] * 2
    assert {each.get("usageIdentifierKey") for each in verdicts[60:]} == {settings().limited_key}


def test_a_denial_takes_two_calls_and_none_for_an_address_over_its_limit(clock: Clock) -> None:
    with recorded() as seen:
        decide(WRONG)
    assert [each.operation for each in seen] == ["GetItem", "UpdateItem"]
    for _ in range(60):
        decide(WRONG)
    with recorded() as seen:
        assert effect(decide(WRONG)) == "Allow"
    assert seen == []


def test_if_the_store_fails_the_authorizer_denies_no_request() -> None:
    with fault(2, throttled):
        verdict = decide(WRONG)
    assert (effect(verdict), verdict["context"]) == ("Allow", {"key": "unavailable"})


def test_the_template_has_the_plan_of_addresses_over_their_limit() -> None:
    (limited,) = (
        key
        for key in template.of_type("AWS::ApiGateway::ApiKey").values()
        if "Join" in json.dumps(key)
    )
    plan = template.of_type("AWS::ApiGateway::UsagePlan")["LimitedPlan"]
    function = template.of_type("AWS::Serverless::Function")["AuthorizerFunction"]
    assert function["Environment"]["Variables"]["LIMITED_KEY"] == limited["Value"]
    assert limited["Enabled"]
    assert plan["Throttle"] == {"RateLimit": 1, "BurstLimit": 1}
    assert plan["ApiStages"] == [{"ApiId": {"Ref": "Api"}, "Stage": {"Ref": "Api.Stage"}}]
