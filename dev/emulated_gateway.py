"""Fixes of MiniStack's API Gateway: keys, denials, URLs and ids of APIs."""

import contextvars
import re
from typing import Any

# MiniStack takes the id of an API from this tag.
PINNED = "ms-custom-id"


def fix_gateway(gateway: Any, provisioners: Any) -> None:
    """Apply all fixes of this module."""
    take_keys_from_the_authorizer(gateway)
    render_denials(gateway)
    pass_client_url(gateway)
    keep_api_ids(provisioners, gateway)


def take_keys_from_the_authorizer(gateway: Any) -> None:
    """Meter a request by the authorizer's `usageIdentifierKey`: the API key source AUTHORIZER.

    MiniStack knows only the header x-api-key. It would refuse every caller that does not send a
    usage plan's key there.
    """
    invoke, build_event = gateway._invoke_authorizer_lambda, gateway._build_lambda_event_v1
    # Each request is a task with its own context.
    named = contextvars.ContextVar("named", default="")

    async def invoke_and_note(*arguments: Any) -> Any:
        result = await invoke(*arguments)
        response = (result or {}).get("body")
        named.set(response.get("usageIdentifierKey", "") if isinstance(response, dict) else "")
        return result

    def build_event_with_key(*arguments: Any, **more: Any) -> Any:
        event = build_event(*arguments, **more)
        # This tells functions that the gateway has counted the request.
        if key := gateway._resolve_api_key(named.get()):
            event["requestContext"]["identity"]["apiKeyId"] = key["id"]
        return event

    gateway._invoke_authorizer_lambda = invoke_and_note
    gateway._build_lambda_event_v1 = build_event_with_key
    gateway._api_key_from_request = lambda headers: named.get()


def render_denials(gateway: Any) -> None:
    """Insert the authorizer's context into gateway responses, such as that of a denial.

    MiniStack leaves `$context.authorizer.*` as it is. API Gateway substitutes it in the templates
    of gateway responses (developer guide, "Variables for data transformations": "$context").
    """
    invoke, respond = gateway._invoke_authorizer_lambda, gateway._gateway_error_response
    # Each request is a task with its own context.
    returned = contextvars.ContextVar[dict[str, Any]]("returned")

    async def invoke_and_note(*arguments: Any) -> Any:
        result = await invoke(*arguments)
        response = (result or {}).get("body")
        returned.set(response.get("context", {}) if isinstance(response, dict) else {})
        return result

    def respond_with_context(*arguments: Any) -> Any:
        status, headers, body = respond(*arguments)
        context = returned.get({})
        text = re.sub(
            r"\$context\.authorizer\.(\w+)",
            lambda name: str(context.get(name[1], "")),
            body.decode(),
        )
        return status, headers, text.encode()

    gateway._invoke_authorizer_lambda = invoke_and_note
    gateway._gateway_error_response = respond_with_context


def pass_client_url(gateway: Any) -> None:
    """Pass the host and path of the client's request to functions, as API Gateway does.

    MiniStack leaves out the host, and its own part of the path.
    """
    build_event = gateway._build_lambda_event_v1

    def build_event_with_url(*arguments: Any, **more: Any) -> Any:
        event = build_event(*arguments, **more)
        context, headers = event["requestContext"], event["headers"]
        host = next(value for name, value in headers.items() if name.lower() == "host")
        context["domainName"] = host
        context["path"] = f"/_aws/execute-api/{context['apiId']}{context['path']}"
        headers["X-Forwarded-Proto"] = "http"
        return event

    gateway._build_lambda_event_v1 = build_event_with_url


def keep_api_ids(provisioners: Any, gateway: Any) -> None:
    """Change a REST API in place if its OpenAPI body changes, as CloudFormation does.

    MiniStack creates another API. With an id that a tag sets it creates none, because the id is
    still in use.
    """
    handlers = provisioners._RESOURCE_HANDLERS["AWS::ApiGateway::RestApi"]
    create, update = handlers["create"], handlers["update"]
    of_the_body = (gateway._resources, gateway._authorizers_v1, gateway._models)

    def update_in_place(
        api_id: str, before: Any, after: Any, stack_name: str, logical_id: str | None = None
    ) -> Any:
        pin = {"Key": PINNED, "Value": api_id}
        if after.get("Body") == before.get("Body") or pin not in after.get("Tags", []):
            return update(api_id, before, after, stack_name, logical_id)
        tags = [tag for tag in after["Tags"] if tag != pin]
        made, _ = create(logical_id, {**after, "Tags": tags}, stack_name)
        for store in of_the_body:
            if made in store:
                store[api_id] = store.pop(made)
        gateway._rest_apis[api_id] = {**gateway._rest_apis[made], "id": api_id}
        gateway._delete_rest_api(made)
        return api_id, provisioners._apigw_rest_api_attrs(api_id)

    handlers["update"] = update_in_place
