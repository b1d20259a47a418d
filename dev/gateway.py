"""What MiniStack leaves out when it makes a REST API from the template's OpenAPI body."""

from collections.abc import Iterator, Mapping
from typing import Any

Call = tuple[str, dict[str, Any]]


def complete(gateway: Any, api_id: str, stage: str, body: Mapping[str, Any]) -> None:
    """Bring the REST API into the state that AWS would have made of `body`, and deploy it.

    `gateway` is a client without parameter validation: MiniStack keeps a patch's value as it came,
    and reads the string "false" as true, so it must be sent the boolean and the list themselves.
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
        yield "update_rest_api", {"patchOperations": [replace("/binaryMediaTypes", media_types)]}
    for response_type, response in body.get("x-amazon-apigateway-gateway-responses", {}).items():
        arguments = {name: response[name] for name in RESPONSE_FIELDS if name in response}
        yield "put_gateway_response", {"responseType": response_type, **arguments}
    for resource in resources:
        for method in resource.get("resourceMethods", {}):
            target = {"resourceId": resource["id"], "httpMethod": method}
            yield from method_completions(target, body["paths"][resource["path"]][method.lower()])


RESPONSE_FIELDS = ("statusCode", "responseParameters", "responseTemplates")


def method_completions(target: dict[str, str], operation: Mapping[str, Any]) -> Iterator[Call]:
    """The calls that one method needs."""
    # It knows no API key source but the header, and would ask callers for a usage plan's key.
    off = [replace("/apiKeyRequired", False)]
    yield "update_method", {**target, "patchOperations": off}
    # It imports an integration without its answers, which are the CORS headers of OPTIONS.
    for response in operation["x-amazon-apigateway-integration"].get("responses", {}).values():
        arguments = {name: response[name] for name in RESPONSE_FIELDS if name in response}
        yield "put_integration_response", {**target, **arguments}


def replace(path: str, value: object) -> dict[str, object]:
    """A patch operation."""
    return {"op": "replace", "path": path, "value": value}
