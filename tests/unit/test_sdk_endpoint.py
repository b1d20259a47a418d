"""The template's SDK endpoint: its URL, if the deployment wants one, and the URL in DSNs."""

from typing import Any

from dev.template import ROOT_STACK, load
from tests.support.template import of_type, resources, routes, transformed

URL = {"Fn::GetAtt": ["SdkEndpointUrl", "Outputs.Url"]}


def test_there_is_a_url_unless_the_deployment_wants_none() -> None:
    template = load(ROOT_STACK)
    assert template["Parameters"]["SdkEndpoint"]["Default"] == "url"
    assert template["Conditions"]["HasSdkEndpointUrl"] == {
        "Fn::Equals": [{"Ref": "SdkEndpoint"}, "url"]
    }
    stack = resources()["SdkEndpointUrl"]
    assert stack["Condition"] == "HasSdkEndpointUrl"
    assert stack["Properties"]["Parameters"] == {
        "Function": {"Fn::GetAtt": ["SentryIngestFunction", "Arn"]}
    }
    # DSNs that name the API work with any value of the parameter.
    assert ("POST", "/api/{project_id}/envelope") in routes()


def test_dsns_name_the_endpoint_in_force() -> None:
    chosen = ["HasSdkUrl", {"Ref": "SdkUrl"}, {"Fn::If": ["HasSdkEndpointUrl", URL]}]
    found: Any = load(ROOT_STACK)["Outputs"]["SdkUrl"]["Value"]["Fn::If"]
    api = found[2]["Fn::If"].pop()
    assert found == chosen
    assert api == load(ROOT_STACK)["Outputs"]["ApiUrl"]["Value"]
    function: Any = transformed()["DashboardFunction"]["Properties"]["Environment"]
    found = function["Variables"]["SDK_URL"]["Fn::If"]
    # The API's URL would be a circular dependency. The dashboard knows it from each request.
    assert found[2]["Fn::If"].pop() == ""
    assert found == chosen


def test_everybody_may_call_the_function_but_only_through_its_url() -> None:
    (url,) = of_type("AWS::Lambda::Url", "SdkEndpointUrl").values()
    function = {"Ref": "Function"}
    assert (url["AuthType"], url["TargetFunctionArn"]) == ("NONE", function)
    permissions = of_type("AWS::Lambda::Permission", "SdkEndpointUrl").values()
    for each in permissions:
        assert (each["FunctionName"], each["Principal"]) == (function, "*")
    # Without the second condition, everybody could call the function without its URL.
    assert {
        each["Action"]: (each.get("FunctionUrlAuthType"), each.get("InvokedViaFunctionUrl"))
        for each in permissions
    } == {"lambda:InvokeFunctionUrl": ("NONE", None), "lambda:InvokeFunction": (None, True)}


def test_the_url_allows_the_cors_headers_of_the_api_except_idempotency_key() -> None:
    (url,) = of_type("AWS::Lambda::Url", "SdkEndpointUrl").values()
    (api,) = of_type("AWS::Serverless::Api").values()
    paths = api["DefinitionBody"]["paths"]
    preflight = paths["/api/{project_id}/envelope"]["options"]
    integration = preflight["x-amazon-apigateway-integration"]
    headers = integration["responses"]["default"]["responseParameters"]
    allowed = headers["method.response.header.Access-Control-Allow-Headers"].strip("'").split(",")
    assert set(allowed) - set(url["Cors"]["AllowHeaders"]) == {"Idempotency-Key"}
    assert url["Cors"]["AllowOrigins"] == ["*"]


def test_the_function_reserves_concurrency_only_if_the_parameter_is_set() -> None:
    template = load(ROOT_STACK)
    assert template["Parameters"]["SdkConcurrency"]["Default"] == ""
    chosen = ["HasSdkConcurrency", {"Ref": "SdkConcurrency"}, {"Ref": "AWS::NoValue"}]
    made = transformed()["SentryIngestFunction"]["Properties"]
    assert made["ReservedConcurrentExecutions"] == {"Fn::If": chosen}
