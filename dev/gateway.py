"""What MiniStack leaves out when it makes a REST API from the template's OpenAPI body."""

from collections.abc import Iterator, Mapping
from typing import Any

Call = tuple[str, dict[str, Any]]
RESPONSE_FIELDS = ("statusCode", "responseParameters", "responseTemplates")


def complete(gateway: Any, api_id: str, stage: str, body: Mapping[str, Any]) -> None:
    """Bring the REST API into the state that AWS would have made of `body`, and deploy it.

    `gateway` is a client without parameter validation: MiniStack stores a patch's value as it came,
    so a list must be sent as a list, where AWS takes strings alone.
    """
    resources = gateway.get_resources(restApiId=api_id, embed=["methods"], limit=500)["items"]
    for operation, arguments in completions(resources, body):
        getattr(gateway, operation)(restApiId=api_id, **arguments)
    # A deployment holds the gateway responses of its time: those put since then need a new one.
    gateway.create_deployment(restApiId=api_id, stageName=stage)


def completions(resources: list[dict[str, Any]], body: Mapping[str, Any]) -> Iterator[Call]:
    """The calls that are missing, as names of operations with arguments."""
    # It ignores the body's media types, and does not unescape the property's `*~1*`.
    if media_types := body.get("x-amazon-apigateway-binary-media-types"):
        yield "update_rest_api", {"patchOperations": [replace("binaryMediaTypes", media_types)]}
    # It ignores the body's gateway responses.
    for response_type, response in body.get("x-amazon-apigateway-gateway-responses", {}).items():
        yield "put_gateway_response", {"responseType": response_type, **fields(response)}
    # It imports integrations without their answers: the CORS headers of OPTIONS.
    for resource in resources:
        for method in resource.get("resourceMethods", {}):
            operation = body["paths"][resource["path"]][method.lower()]
            responses = operation["x-amazon-apigateway-integration"].get("responses", {})
            target = {"resourceId": resource["id"], "httpMethod": method}
            for response in responses.values():
                yield "put_integration_response", {**target, **fields(response)}


def fields(response: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a response in OpenAPI that the API takes under the same names."""
    return {name: response[name] for name in RESPONSE_FIELDS if name in response}


def replace(name: str, value: object) -> dict[str, object]:
    """A patch operation on a property."""
    return {"op": "replace", "path": f"/{name}", "value": value}
