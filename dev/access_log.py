"""Make MiniStack write the access log lines of requests that API Gateway itself refuses.

AWS writes a line for each request. Only those with an error matter here: a subscription filter
sends them to the function that counts losses, so that throttled events are counted, too.
"""

import contextvars
import re
import time
from typing import Any


def log_refusals(gateway: Any, provisioners: Any, logs: Any) -> None:
    """Write a line in the stage's format for each response that the gateway makes itself."""
    keep_settings(provisioners, gateway)
    match_objects(logs)
    invoke, execute = gateway._invoke_authorizer_lambda, gateway._execute_in_scope
    respond = gateway._gateway_error_response
    # Each request is a task with its own context.
    known = contextvars.ContextVar[dict[str, str]]("known")

    async def execute_and_note(
        request: Any, api_id: str, stage: str, method: str, *more: Any
    ) -> Any:
        known.set({"httpMethod": method})
        return await execute(request, api_id, stage, method, *more)

    async def invoke_and_note(*arguments: Any) -> Any:
        result = await invoke(*arguments)
        response = (result or {}).get("body")
        context = response.get("context", {}) if isinstance(response, dict) else {}
        known.get({})["authorizer.project"] = str(context.get("project") or "-")
        return result

    def respond_and_log(error: Any, request: Any) -> Any:
        response = respond(error, request)
        if settings := (request["stage"] or {}).get("accessLogSettings"):
            variables = {
                **known.get({}),
                "requestId": request["request_id"],
                "resourcePath": request["resource_path"] or "-",
                "status": str(response[0]),
                "error.responseType": error.response_type,
            }
            write(logs, settings, variables)
        return response

    gateway._execute_in_scope = execute_and_note
    gateway._invoke_authorizer_lambda = invoke_and_note
    gateway._gateway_error_response = respond_and_log


def keep_settings(provisioners: Any, gateway: Any) -> None:
    """Keep a stage's `AccessLogSetting`, which MiniStack's CloudFormation leaves out."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::ApiGateway::Stage"]
    create, update = handlers["create"], handlers["update"]

    def keep(properties: dict[str, Any]) -> None:
        stage = gateway._stages_v1[properties["RestApiId"]][properties["StageName"]]
        sent = properties.get("AccessLogSetting") or {}
        names = {"destinationArn": "DestinationArn", "format": "Format"}
        stage["accessLogSettings"] = {to: sent[name] for to, name in names.items() if name in sent}

    def create_and_keep(name: str, properties: dict[str, Any], stack: str) -> Any:
        made = create(name, properties, stack)
        keep(properties)
        return made

    def update_and_keep(name: str, before: Any, after: dict[str, Any], *stack: Any) -> Any:
        updated = update(name, before, after, *stack)
        keep(after)
        return updated

    handlers["create"], handlers["update"] = create_and_keep, update_and_keep


def match_objects(logs: Any) -> None:
    """Let filter patterns for JSON match any line. MiniStack looks for their parts as words.

    Only lines of refused requests are written, and the function looks at each line itself.
    """
    matches = logs._subscription_pattern_matches

    def matches_objects(pattern: str, message: str) -> bool:
        return pattern.lstrip().startswith("{") or bool(matches(pattern, message))

    logs._subscription_pattern_matches = matches_objects


def write(logs: Any, settings: dict[str, str], variables: dict[str, str]) -> None:
    """Write a line in the format of the settings. A variable without a value is `-`."""
    line = re.sub(
        r"\$context\.([\w.]+\w)", lambda name: variables.get(name[1], "-"), settings["format"]
    )
    group = settings["destinationArn"].split(":log-group:")[1].removesuffix(":*")
    stream = {"logGroupName": group, "logStreamName": "refused"}
    logs._create_log_stream(stream)
    entry = {"timestamp": time.time_ns() // 1_000_000, "message": line}
    logs._put_log_events({**stream, "logEvents": [entry]})
