"""What the gateway answers by itself, and what the template tells it: JSON and CORS there, too."""

import json
import re
from typing import Any

import pytest

from errata.models.project import DEFAULT_RATE_LIMIT
from tests.support import template

EXPOSED = {
    *("Retry-After", "Idempotency-Replayed", "Idempotency-Mismatch"),
    *("X-Sentry-Error", "X-Sentry-Rate-Limits"),
}


def api() -> dict[str, Any]:
    """The API's properties."""
    (properties,) = template.of_type("AWS::Serverless::Api").values()
    return properties


def header(response: dict[str, Any], name: str) -> str:
    """A header of an answer; the template quotes what is literal."""
    parameters = response["ResponseParameters"]
    value: str = parameters.get(f"gatewayresponse.header.{name}") or parameters["Headers"][name]
    return value.strip("'")


@pytest.mark.parametrize("kind", api()["GatewayResponses"])
def test_every_answer_is_json_with_cors(kind: str) -> None:
    response = api()["GatewayResponses"][kind]
    ((content_type, content),) = response["ResponseTemplates"].items()
    assert content_type == "application/json"
    # The gateway puts a quoted message into the variable's place.
    answer = json.loads(content.replace("$context.error.messageString", '"why"'))
    assert set(answer) == {"message", "ok", "error", "detail"}
    assert answer["ok"] is False
    assert answer["message"] == answer["error"] == answer["detail"]
    assert header(response, "Access-Control-Allow-Origin") == "*"
    assert set(header(response, "Access-Control-Expose-Headers").split(",")) == EXPOSED


def test_every_status_of_the_contract_has_its_answer() -> None:
    responses = api()["GatewayResponses"]
    statuses = {int(response.get("StatusCode", 0)) for response in responses.values()}
    assert {404, 413, 415, 429} <= statuses
    assert {"DEFAULT_4XX", "DEFAULT_5XX"} <= set(responses)


@pytest.mark.parametrize("kind", ["THROTTLED", "QUOTA_EXCEEDED"])
def test_429_tells_when_to_come_back(kind: str) -> None:
    assert int(header(api()["GatewayResponses"][kind], "Retry-After")) >= 1


def test_429_tells_sdks_when_to_come_back() -> None:
    response = api()["GatewayResponses"]["THROTTLED"]
    seconds = header(response, "Retry-After")
    assert header(response, "X-Sentry-Rate-Limits") == f"{seconds}::key:rate_limited"


def test_preflight_allows_every_method_and_header_of_the_contracts() -> None:
    cors = {name: value.strip("'") for name, value in api()["Cors"].items()}
    assert cors["AllowOrigin"] == "*"
    methods = set(cors["AllowMethods"].split(","))
    assert {"GET", "POST", "HEAD", "OPTIONS"} <= methods
    headers = {name.lower() for name in cors["AllowHeaders"].split(",")}
    assert headers >= {
        *("authorization", "content-type", "content-encoding", "idempotency-key", "x-api-key"),
        # What SDKs send from other origins.
        *("x-sentry-auth", "x-requested-with", "origin", "accept", "authentication"),
        *("transfer-encoding", "sentry-trace", "baggage"),
    }
    assert api()["Auth"]["AddDefaultAuthorizerToCorsPreflight"] is False
    assert api()["Auth"]["AddApiKeyRequiredToCorsPreflight"] is False


def test_both_spellings_of_a_route_reach_the_same_function() -> None:
    routes = template.routes()
    assert routes["POST", "/api/ingest"] == routes["POST", "/api/v1/ingest"]
    read = "projects/{id}/events"
    assert routes["GET", f"/api/{read}"] == routes["GET", f"/api/v1/{read}"]


def test_the_default_plan_is_sixty_at_once_and_one_more_each_second() -> None:
    plans = template.of_type("AWS::ApiGateway::UsagePlan")
    assert plans["DefaultPlan"]["Throttle"] == {"RateLimit": 1, "BurstLimit": 60}
    # By this name it is found for a project with that rate.
    assert plans["DefaultPlan"]["UsagePlanName"] == {
        "Fn::Sub": f"${{AWS::StackName}}-{DEFAULT_RATE_LIMIT}"
    }
    assert "Throttle" not in plans["UnmeteredPlan"]


def test_a_body_reaches_the_functions_as_the_bytes_that_were_sent() -> None:
    assert api()["BinaryMediaTypes"] == ["*~1*"]


def test_the_access_log_holds_no_query_and_no_header() -> None:
    written = set(re.findall(r"\$context\.([\w.]+)", api()["AccessLogSetting"]["Format"]))
    harmless = {"requestId", "requestTime", "identity.sourceIp", "httpMethod", "resourcePath"}
    # The meter's own word for the project: an id, and no key.
    ours = {"authorizer.project"}
    assert written <= harmless | ours | {"status", "responseLatency", "error.responseType"}
