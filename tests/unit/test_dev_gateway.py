"""What the local stack adds to the REST API that MiniStack made."""

from typing import Any

from dev.gateway import completions

CORS = {"method.response.header.Access-Control-Allow-Origin": "'*'"}
BODY: dict[str, Any] = {
    "paths": {
        "/api/ingest": {
            "post": {"x-amazon-apigateway-integration": {"type": "aws_proxy"}},
            "options": {
                "x-amazon-apigateway-integration": {
                    "type": "mock",
                    "responses": {"default": {"statusCode": "200", "responseParameters": CORS}},
                }
            },
        }
    },
    "x-amazon-apigateway-binary-media-types": ["*/*"],
    "x-amazon-apigateway-api-key-source": "AUTHORIZER",
    "x-amazon-apigateway-gateway-responses": {
        "THROTTLED": {"statusCode": "429", "responseTemplates": {"application/json": "{}"}}
    },
}
RESOURCES: list[dict[str, Any]] = [
    {"id": "root", "path": "/"},
    {"id": "r1", "path": "/api/ingest", "resourceMethods": {"POST": {}, "OPTIONS": {}}},
]


def calls(operation: str) -> list[dict[str, Any]]:
    return [arguments for name, arguments in completions(RESOURCES, BODY) if name == operation]


def test_preflights_get_their_headers() -> None:
    assert calls("put_integration_response") == [
        {
            "resourceId": "r1",
            "httpMethod": "OPTIONS",
            "statusCode": "200",
            "responseParameters": CORS,
        }
    ]


def test_every_body_is_binary_and_keys_come_from_the_authorizer() -> None:
    assert calls("update_rest_api") == [
        {"patchOperations": [{"op": "replace", "path": "/binaryMediaTypes", "value": ["*/*"]}]},
        {"patchOperations": [{"op": "replace", "path": "/apiKeySource", "value": "AUTHORIZER"}]},
    ]


def test_gateway_responses_of_the_body_are_put() -> None:
    assert calls("put_gateway_response") == [
        {
            "responseType": "THROTTLED",
            "statusCode": "429",
            "responseTemplates": {"application/json": "{}"},
        }
    ]


def test_a_body_without_extensions_needs_only_integration_responses() -> None:
    body = {"paths": BODY["paths"]}

    names = {name for name, _ in completions(RESOURCES, body)}

    assert names == {"put_integration_response"}
