"""Complete a REST API that MiniStack has made from the template's OpenAPI body."""

from collections.abc import Iterator, Mapping
from typing import Any

GatewayCall = tuple[str, dict[str, Any]]
RESPONSE_FIELDS = ("statusCode", "responseParameters", "responseTemplates")


def complete(gateway: Any, api_id: str, stage: str, body: Mapping[str, Any]) -> None:
    """Bring the REST API into the state that AWS would have made from `body`, and deploy it.

    `gateway` is a client without parameter validation. MiniStack stores the value of a patch as it
    comes, so a list must be sent as a list, while AWS takes only strings.
    """
    resources = gateway.get_resources(restApiId=api_id, embed=["methods"], limit=500)["items"]
    for operation, arguments in completions(resources, body):
        getattr(gateway, operation)(restApiId=api_id, **arguments)
    # A deployment contains the gateway responses that existed when it was made. So make a new one.
    gateway.create_deployment(restApiId=api_id, stageName=stage)


def completions(resources: list[dict[str, Any]], body: Mapping[str, Any]) -> Iterator[GatewayCall]:
    """Yield the missing calls, as names of operations with arguments."""
    # MiniStack ignores the body's media types and source of keys, and does not unescape `*~1*`.
    if media_types := body.get("x-amazon-apigateway-binary-media-types"):
        yield "update_rest_api", {"patchOperations": [replace("binaryMediaTypes", media_types)]}
    if source := body.get("x-amazon-apigateway-api-key-source"):
        yield "update_rest_api", {"patchOperations": [replace("apiKeySource", source)]}
    # MiniStack ignores the body's gateway responses.
    for response_type, response in body.get("x-amazon-apigateway-gateway-responses", {}).items():
        yield "put_gateway_response", {"responseType": response_type, **fields(response)}
    # MiniStack imports integrations without their responses: the CORS headers of OPTIONS.
    for resource in resources:
        for method in resource.get("resourceMethods", {}):
            operation = body["paths"][resource["path"]][method.lower()]
            responses = operation["x-amazon-apigateway-integration"].get("responses", {})
            target = {"resourceId": resource["id"], "httpMethod": method}
            for response in responses.values():
                yield "put_integration_response", {**target, **fields(response)}


def fields(response: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of an OpenAPI response that the API takes under the same names."""
    return {name: response[name] for name in RESPONSE_FIELDS if name in response}


def replace(name: str, value: object) -> dict[str, object]:
    """Return a patch operation for a property."""
    return {"op": "replace", "path": f"/{name}", "value": value}
