"""The access log of refused requests, on stand-ins for MiniStack's modules."""

import json
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from dev.access_log import log_refusals
from tests.support.template import of_type

ARN = "arn:aws:logs:us-east-1:000000000000:log-group:ApiLogs"


def services(refusal: str | None) -> tuple[Any, Any, Any, list[Any]]:
    """MiniStack's gateway, CloudFormation and logs, with a stage and the lines written so far."""
    lines: list[Any] = []
    gateway: Any = SimpleNamespace(_stages_v1={"api": {"v1": {}}})

    async def execute(request: Any, *_: Any) -> Any:
        await gateway._invoke_authorizer_lambda()
        request |= {"stage": gateway._stages_v1["api"]["v1"], "resource_path": "/api/ingest"}
        return refusal and SimpleNamespace(response_type=refusal)

    async def authorize() -> Any:
        return {"body": {"context": {"project": "7"}}}

    gateway._execute_in_scope, gateway._invoke_authorizer_lambda = execute, authorize
    gateway._gateway_error_response = lambda error, request: (429, {}, b"")
    handlers = {"create": lambda *_: "v1", "update": lambda *_: "v1"}
    cloudformation: Any = SimpleNamespace(_RESOURCE_HANDLERS={"AWS::ApiGateway::Stage": handlers})
    logs: Any = SimpleNamespace(
        _create_log_stream=lambda stream: None,
        _put_log_events=lines.append,
        _subscription_pattern_matches=lambda pattern, message: pattern in message,
    )
    log_refusals(gateway, cloudformation, logs)
    return gateway, cloudformation, logs, lines


@pytest.mark.parametrize("how", ["create", "update"])
@pytest.mark.parametrize("refusal", ["THROTTLED", None])
def test_a_refused_request_has_a_line_in_the_stages_format(how: str, refusal: str | None) -> None:
    gateway, cloudformation, _, lines = services(refusal)
    (api,) = of_type("AWS::Serverless::Api").values()
    setting = {"DestinationArn": ARN, "Format": api["AccessLogSetting"]["Format"]}
    stage = {"RestApiId": "api", "StageName": "v1", "AccessLogSetting": setting}
    handlers = cloudformation._RESOURCE_HANDLERS["AWS::ApiGateway::Stage"]
    arguments = ("Stage", stage, "s") if how == "create" else ("v1", {}, stage, "s")
    handlers[how](*arguments)

    async def send() -> None:
        request = {"request_id": "r"}
        response = await gateway._execute_in_scope(request, "api", "v1", "POST", "/api/ingest")
        if response:
            gateway._gateway_error_response(response, request)

    with suppress(StopIteration):
        send().send(None)  # nothing waits
    written = [
        (each["logGroupName"], json.loads(entry["message"]))
        for each in lines
        for entry in each["logEvents"]
    ]
    if refusal is None:
        assert written == []
        return
    ((group, line),) = written
    assert group == "ApiLogs"
    assert (
        line.items()
        >= {
            "id": "r",
            "method": "POST",
            "path": "/api/ingest",
            "status": "429",
            "error": "THROTTLED",
            "project": "7",
        }.items()
    )


def test_patterns_for_json_match_every_line() -> None:
    _, _, logs, _ = services(None)
    assert logs._subscription_pattern_matches('{ ($.error = "THROTTLED") }', "{}")
    assert logs._subscription_pattern_matches("lost", "event lost")
    assert not logs._subscription_pattern_matches("lost", "event stored")
