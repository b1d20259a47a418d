"""Responses that the gateway makes itself, as the template configures them: JSON and CORS."""

import json
import re
from typing import Any

import pytest

from errata.errors import ServiceUnavailableError
from errata.gateway import refusal_headers
from errata.models.gateway_key import Gateway
from errata.models.project import DEFAULT_LIMIT, DSN_LIMIT, RateLimit
from errata.store import gateway_keys
from tests.support import template

EXPOSED = {
    "Retry-After",
    "Idempotency-Replayed",
    "Idempotency-Mismatch",
    "X-Sentry-Error",
    "X-Sentry-Rate-Limits",
}


def api() -> dict[str, Any]:
    """The API's properties."""
    (properties,) = template.of_type("AWS::Serverless::Api").values()
    return properties


def header(response: dict[str, Any], name: str) -> str:
    """Return a header of a gateway response. The template quotes literal values."""
    parameters = response["ResponseParameters"]
    value: str = parameters.get(f"gatewayresponse.header.{name}") or parameters["Headers"][name]
    return value.strip("'")


@pytest.mark.parametrize("kind", sorted(api()["GatewayResponses"].keys() - {"ACCESS_DENIED"}))
def test_every_gateway_response_is_json_with_cors(kind: str) -> None:
    response = api()["GatewayResponses"][kind]
    ((content_type, content),) = response["ResponseTemplates"].items()
    assert content_type == "application/json"
    # The gateway puts a quoted message into the variable's place.
    parsed = json.loads(content.replace("$context.error.messageString", '"why"'))
    assert set(parsed) == {"message", "ok", "error", "detail"}
    assert parsed["ok"] is False
    assert parsed["message"] == parsed["error"] == parsed["detail"]
    assert header(response, "Access-Control-Allow-Origin") == "*"
    assert set(header(response, "Access-Control-Expose-Headers").split(",")) == EXPOSED


def test_every_status_of_the_contract_has_a_gateway_response() -> None:
    responses = api()["GatewayResponses"]
    statuses = {int(response.get("StatusCode", 0)) for response in responses.values()}
    assert {404, 413, 415, 429} <= statuses
    assert {"DEFAULT_4XX", "DEFAULT_5XX"} <= set(responses)


def test_a_5xx_of_the_gateway_is_503_with_retry_after() -> None:
    # Its status is that of every 5xx that has no response of its own (Gateway response types).
    response = api()["GatewayResponses"]["DEFAULT_5XX"]
    refused = ServiceUnavailableError()
    assert (response["StatusCode"], refused.status) == (503, 503)
    assert refused.message in response["ResponseTemplates"]["application/json"]
    seconds = header(response, "Retry-After")
    assert refusal_headers(refused) == {"Retry-After": seconds}
    assert header(response, "X-Sentry-Rate-Limits") == f"{seconds}::key:unavailable"
    assert {kind for kind in api()["GatewayResponses"] if "5" in kind} == {"DEFAULT_5XX"}


@pytest.mark.parametrize("kind", ["THROTTLED", "QUOTA_EXCEEDED"])
def test_429_has_a_retry_after_header(kind: str) -> None:
    assert int(header(api()["GatewayResponses"][kind], "Retry-After")) >= 1


def test_429_has_a_rate_limit_header_for_sdks() -> None:
    response = api()["GatewayResponses"]["THROTTLED"]
    seconds = header(response, "Retry-After")
    assert header(response, "X-Sentry-Rate-Limits") == f"{seconds}::key:rate_limited"


def body() -> dict[str, Any]:
    """The API as SAM hands it to API Gateway: an OpenAPI document."""
    found: dict[str, Any] = template.transformed()["Api"]["Properties"]["Body"]
    return found


def preflight(path: str) -> dict[str, Any]:
    """The definition of OPTIONS at a path."""
    found: dict[str, Any] = body()["paths"][path]["options"]
    return found


@pytest.mark.parametrize("path", sorted({path for _, path in template.routes()}))
def test_the_gateway_itself_responds_to_a_preflight(path: str) -> None:
    integration = preflight(path)["x-amazon-apigateway-integration"]
    (response,) = integration["responses"].values()
    assert integration["type"] == "mock"
    # "Text data" and no more: with binary media types the gateway fails otherwise.
    assert body()["x-amazon-apigateway-binary-media-types"] == ["*/*"]
    assert integration["contentHandling"] == response["contentHandling"] == "CONVERT_TO_TEXT"
    assert json.loads(integration["requestTemplates"]["application/json"]) == {"statusCode": 200}
    # A browser sends no key with it.
    assert "security" not in preflight(path)


@pytest.mark.parametrize("path", sorted({path for _, path in template.routes()}))
def test_preflight_allows_every_method_and_header_of_the_contracts(path: str) -> None:
    operation = preflight(path)
    (response,) = operation["x-amazon-apigateway-integration"]["responses"].values()
    cors = {
        name.removeprefix("method.response.header."): value.strip("'")
        for name, value in response["responseParameters"].items()
    }
    # A header that the method does not declare is not sent.
    assert set(cors) == set(operation["responses"][response["statusCode"]]["headers"])
    assert cors["Access-Control-Allow-Origin"] == "*"
    assert int(cors["Access-Control-Max-Age"]) > 0
    methods = set(cors["Access-Control-Allow-Methods"].split(","))
    assert {"GET", "POST", "HEAD", "OPTIONS"} <= methods
    headers = {name.lower() for name in cors["Access-Control-Allow-Headers"].split(",")}
    assert headers >= {
        "authorization",
        "content-type",
        "content-encoding",
        "idempotency-key",
        "x-api-key",
        # What SDKs send from other origins.
        "x-sentry-auth",
        "x-requested-with",
        "origin",
        "accept",
        "authentication",
        "transfer-encoding",
        "sentry-trace",
        "baggage",
    }


def test_the_api_has_one_stage_which_is_throttled_and_logged() -> None:
    made = template.transformed().values()
    stages = [r["Properties"] for r in made if r["Type"] == "AWS::ApiGateway::Stage"]
    assert [stage["StageName"] for stage in stages] == ["v1"]
    assert stages[0]["MethodSettings"][0]["ThrottlingRateLimit"]
    assert stages[0]["AccessLogSetting"]["DestinationArn"]
    deployments = [r["Properties"] for r in made if r["Type"] == "AWS::ApiGateway::Deployment"]
    # A deployment that names a stage makes it, beside the one above.
    assert [deployment.get("StageName") for deployment in deployments] == [None]


def test_api_gateway_knows_the_method_of_every_route() -> None:
    # It ignores others silently (OpenAPI 2.0, "Path Item Object").
    paths = template.transformed()["Api"]["Properties"]["Body"]["paths"]
    known = {"get", "head", "post", "put", "patch", "delete", "options"}
    assert {method for path in paths.values() for method in path} <= known
    assert {*paths["/api.php"]} == known


def test_both_spellings_of_a_route_reach_the_same_function() -> None:
    routes = template.routes()
    assert routes["POST", "/api/ingest"] == routes["POST", "/api/v1/ingest"]
    read = "projects/{id}/events"
    assert routes["GET", f"/api/{read}"] == routes["GET", f"/api/v1/{read}"]


@pytest.mark.parametrize(
    ("plan", "limit"), [("DefaultPlan", DEFAULT_LIMIT), ("DsnPlan", DSN_LIMIT)]
)
def test_the_template_has_the_plans_of_the_default_limits(plan: str, limit: RateLimit) -> None:
    plans = template.of_type("AWS::ApiGateway::UsagePlan")
    throttle = {"RateLimit": limit.per_minute / 60, "BurstLimit": limit.burst}
    assert plans[plan]["Throttle"] == throttle
    # The plan for a key with this limit is found by this name.
    name = gateway_keys.plan_name(Gateway("${AWS::StackName}", "api", "v1"), limit)
    assert plans[plan]["UsagePlanName"] == {"Fn::Sub": name}
    assert "Throttle" not in plans["UnmeteredPlan"]


def test_a_body_reaches_the_functions_as_the_bytes_that_were_sent() -> None:
    assert api()["BinaryMediaTypes"] == ["*~1*"]


def test_the_access_log_holds_no_query_and_no_header() -> None:
    written = set(re.findall(r"\$context\.([\w.]+)", api()["AccessLogSetting"]["Format"]))
    harmless = {"requestId", "requestTime", "identity.sourceIp", "httpMethod", "resourcePath"}
    # The authorizer's value for the project: an id, not a key.
    ours = {"authorizer.project"}
    assert written <= harmless | ours | {"status", "responseLatency", "error.responseType"}
