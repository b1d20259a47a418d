"""The corrections to MiniStack, on stand-ins for its modules."""

import contextvars
import copy
import json
import shutil
import tempfile
import threading
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dev.emulated_functions import (
    import_only_what_functions_import,
    keep_streams,
    queue_invocations,
    retry_partial_failures,
    take_concurrency_from_parameters,
    unpack_once,
)
from dev.emulated_gateway import (
    PINNED,
    keep_api_ids,
    render_denials,
    take_keys_from_the_authorizer,
)
from dev.emulated_iam import allow_batches_of_messages, partition_keys, supply_partition_keys


def services(positions: dict[str, int], records: dict[str, list[str]]) -> tuple[Any, Any]:
    """Return MiniStack's modules of DynamoDB and Lambda, which save and restore their state."""
    dynamodb: Any = SimpleNamespace(_stream_records=records, _stream_trimmed={}, tables={})
    dynamodb.get_state = lambda: {"tables": dict(dynamodb.tables)}
    dynamodb.load_persisted_state = lambda state: dynamodb.tables.update(state["tables"])
    functions: Any = SimpleNamespace(_dynamodb_stream_positions=positions)
    functions.get_state = lambda: {"dynamodb_stream_positions": dict(positions)}
    keep_streams(dynamodb, functions)
    return dynamodb, functions


def test_a_restored_stream_keeps_its_records_and_positions() -> None:
    dynamodb, _ = services({"digest": 1}, {"events": ["read", "unread"]})
    dynamodb.tables["events"] = "items"
    saved = copy.deepcopy(dynamodb.get_state())

    restarted, functions = services({}, {})
    restarted.load_persisted_state(saved)

    assert restarted.tables == {"events": "items"}
    assert restarted._stream_records == {"events": ["read", "unread"]}
    assert functions._dynamodb_stream_positions == {"digest": 1}


def test_positions_are_saved_only_with_their_records() -> None:
    _, functions = services({"digest": 1}, {})

    assert functions.get_state() == {"dynamodb_stream_positions": {}}


def test_a_state_without_streams_is_loaded() -> None:
    dynamodb, _ = services({}, {})
    dynamodb.load_persisted_state({"tables": {"events": "items"}})

    assert dynamodb.tables == {"events": "items"}


def poller(response: object) -> Any:
    """Return MiniStack's Lambda module, whose poller gets this response from a function."""
    functions: Any = SimpleNamespace(_execute_function=lambda function, event: {"body": response})
    functions._poll_dynamodb_streams = lambda: functions._execute_function("digest", {})
    retry_partial_failures(functions)
    return functions


def test_a_batch_with_failed_records_counts_as_failed() -> None:
    functions = poller({"batchItemFailures": [{"itemIdentifier": "1"}]})

    assert functions._poll_dynamodb_streams()["error"] is True


def test_a_batch_without_failed_records_succeeds() -> None:
    assert poller({"batchItemFailures": []})._poll_dynamodb_streams() == {
        "body": {"batchItemFailures": []}
    }
    assert poller(None)._poll_dynamodb_streams() == {"body": None}


def test_a_direct_invocation_returns_the_report_of_failed_records() -> None:
    report = {"batchItemFailures": [{"itemIdentifier": "1"}]}
    functions = poller(report)
    functions._poll_dynamodb_streams()

    assert functions._execute_function("digest", {}) == {"body": report}


def test_invocations_wait_for_an_environment_of_their_function() -> None:
    busy, free = threading.Event(), threading.Event()

    def dispatch(function: str, config: object, event: str) -> str:
        if event == "slow":
            busy.set()
            assert free.wait(5)
        return event

    functions: Any = SimpleNamespace(_execute_function_dispatch=dispatch)
    queue_invocations(functions, limit=1)
    responses: list[str] = []

    def invoke(name: str, event: str) -> threading.Thread:
        def run() -> None:
            config = {"FunctionName": name}
            responses.append(functions._execute_function_dispatch(name, config, event))

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    slow = invoke("ingest", "slow")
    assert busy.wait(5)
    queued = invoke("ingest", "queued")
    invoke("authorizer", "other").join(5)
    assert responses == ["other"]

    free.set()
    slow.join(5)
    queued.join(5)
    assert sorted(responses) == ["other", "queued", "slow"]


def test_environments_share_the_files_of_one_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("layer", "later"):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            archive.writestr("python/errata/a.py", name)
    runtime: Any = SimpleNamespace(zipfile=zipfile)
    unpack_once(runtime)

    checked = []

    def environment(folder: str, layer: str) -> Path:
        target = tmp_path / folder / "layer_0"
        target.mkdir(parents=True)
        with runtime.zipfile.ZipFile(tmp_path / f"{layer}.zip") as archive:
            checked.append(archive.namelist())
            archive.extractall(target)
        return target / "python" / "errata" / "a.py"

    one, two, updated = (
        environment("1", "layer"),
        environment("2", "layer"),
        environment("3", "later"),
    )
    assert [file.read_text() for file in (one, two, updated)] == ["layer", "layer", "later"]
    assert one.samefile(two)
    assert checked == [["python/errata/a.py"], [], ["python/errata/a.py"]]
    # An environment ends.
    shutil.rmtree(tmp_path / "1")
    assert not one.exists()
    assert two.read_text() == "layer"


def test_the_worker_script_starts_without_the_invoke_depth() -> None:
    script = "def run():\n    init()\n    _ms_install_invoke_depth()\n    handle()\n"
    runtime: Any = SimpleNamespace(_PYTHON_WORKER_SCRIPT=script)
    import_only_what_functions_import(runtime)

    assert runtime._PYTHON_WORKER_SCRIPT == "def run():\n    init()\n    handle()\n"


def gateway_key(response: object) -> str:
    """Return the key that MiniStack's gateway uses after this response of its authorizer."""

    async def authorizer(*arguments: object) -> object:
        return {"body": response}

    gateway: Any = SimpleNamespace(
        _invoke_authorizer_lambda=authorizer,
        _build_lambda_event_v1=lambda: {"requestContext": {"identity": {}}},
        _resolve_api_key=lambda value: {"id": f"id of {value}"} if value else None,
    )
    take_keys_from_the_authorizer(gateway)

    def request() -> str:
        # Nothing in it waits, so one step runs it to its end, without an event loop.
        with pytest.raises(StopIteration):
            gateway._invoke_authorizer_lambda({}, {}, "account", "region").send(None)
        key: str = gateway._api_key_from_request({"x-api-key": "the caller's"})
        identity = gateway._build_lambda_event_v1()["requestContext"]["identity"]
        assert identity == ({"apiKeyId": f"id of {key}"} if key else {})
        return key

    return contextvars.copy_context().run(request)


def test_the_gateway_uses_the_key_that_the_authorizer_names() -> None:
    assert gateway_key({"usageIdentifierKey": "gateway key"}) == "gateway key"


def test_the_gateway_uses_no_key_if_the_authorizer_names_none() -> None:
    assert gateway_key({"policyDocument": {}}) == ""
    assert gateway_key(None) == ""


def body_of_an_error(result: Any) -> str:
    """Return MiniStack's response for `$context.authorizer.body` after an authorizer's result."""

    async def invoke(*_: Any) -> Any:
        return result

    gateway: Any = SimpleNamespace(
        _invoke_authorizer_lambda=invoke,
        _gateway_error_response=lambda *_: (401, {}, b"<$context.authorizer.body>"),
    )
    render_denials(gateway)

    def request() -> str:
        with pytest.raises(StopIteration):
            gateway._invoke_authorizer_lambda({}, {}, "account", "region").send(None)
        status, headers, body = gateway._gateway_error_response()
        assert (status, headers) == (401, {})
        return str(body.decode())

    return contextvars.copy_context().run(request)


def test_a_gateway_response_has_the_body_of_the_authorizer_s_context() -> None:
    assert body_of_an_error({"body": {"context": {"body": '{"a": "b"}'}}}) == '<{"a": "b"}>'
    assert body_of_an_error({"body": {"context": {}}}) == "<>"
    assert body_of_an_error(None) == "<>"


@pytest.mark.parametrize(
    ("service", "asked", "wanted"),
    [
        ("sqs", "sqs:SendMessageBatch", "sqs:SendMessage"),
        ("sqs", "sqs:SendMessage", "sqs:SendMessage"),
        ("dynamodb", "dynamodb:GetBatch", "dynamodb:GetBatch"),
        ("sqs", None, None),
    ],
)
def test_a_batch_of_messages_needs_the_permission_for_one_message(
    service: str, asked: str | None, wanted: str | None
) -> None:
    iam: Any = SimpleNamespace(extract_iam_action=lambda service, *request: asked)
    allow_batches_of_messages(iam)
    assert iam.extract_iam_action(service, "POST", "/") == wanted


def test_the_concurrency_of_a_mapping_becomes_a_number() -> None:
    made: list[Any] = []
    handlers: dict[str, Any] = {
        "create": lambda name, properties, stack: made.append(properties),
        "update": lambda name, before, after, stack: made.append(after),
    }
    kind = "AWS::Lambda::EventSourceMapping"
    take_concurrency_from_parameters(SimpleNamespace(_RESOURCE_HANDLERS={kind: handlers}))
    scaled = {"BatchSize": 10, "ScalingConfig": {"MaximumConcurrency": "2"}}
    handlers["create"]("name", scaled, "stack")
    handlers["update"]("name", {}, scaled, "stack")
    handlers["create"]("name", {"BatchSize": 1}, "stack")
    number = {"BatchSize": 10, "ScalingConfig": {"MaximumConcurrency": 2}}
    assert made == [number, number, {"BatchSize": 1}]


def api_gateway() -> tuple[Any, Any]:
    """MiniStack's provisioners and its API Gateway, which makes another API of a changed body."""
    gateway: Any = SimpleNamespace(_rest_apis={}, _resources={}, _authorizers_v1={}, _models={})
    gateway._delete_rest_api = gateway._rest_apis.pop

    def create(logical_id: str, properties: Any, stack_name: str) -> Any:
        pins = [tag["Value"] for tag in properties["Tags"] if tag["Key"] == PINNED]
        api_id = pins[0] if pins else f"made{len(gateway._rest_apis)}"
        assert api_id not in gateway._rest_apis
        gateway._rest_apis[api_id] = {"id": api_id, "body": properties["Body"]}
        gateway._resources[api_id] = f"routes of {properties['Body']}"
        return api_id, {}

    def update(api_id: str, before: Any, after: Any, stack_name: str, logical_id: str) -> Any:
        made = api_id
        if before["Body"] != after["Body"]:
            made, _ = create(logical_id, after, stack_name)
            gateway._delete_rest_api(api_id)
        return made, {}

    handlers = {"AWS::ApiGateway::RestApi": {"create": create, "update": update}}
    provisioners: Any = SimpleNamespace(_RESOURCE_HANDLERS=handlers)
    provisioners._apigw_rest_api_attrs = lambda api_id: {"RestApiId": api_id}
    keep_api_ids(provisioners, gateway)
    return handlers["AWS::ApiGateway::RestApi"], gateway


def test_an_api_with_a_pinned_id_keeps_it_when_its_routes_change() -> None:
    handlers, gateway = api_gateway()
    pinned = [{"Key": PINNED, "Value": "pinned"}, {"Key": "mine", "Value": "1"}]
    before, after = {"Body": "old", "Tags": pinned}, {"Body": "new", "Tags": pinned}
    api_id, _ = handlers["create"]("Api", before, "stack")

    changed = handlers["update"](api_id, before, after, "stack", "Api")

    assert changed == ("pinned", {"RestApiId": "pinned"})
    assert gateway._rest_apis == {"pinned": {"id": "pinned", "body": "new"}}
    assert gateway._resources == {"pinned": "routes of new"}


def test_an_api_gets_the_id_that_is_pinned_later() -> None:
    handlers, gateway = api_gateway()
    before: Any = {"Body": "old", "Tags": []}
    after = {"Body": "new", "Tags": [{"Key": PINNED, "Value": "pinned"}]}
    api_id, _ = handlers["create"]("Api", before, "stack")

    changed, _ = handlers["update"](api_id, before, after, "stack", "Api")

    assert (api_id, changed) == ("made0", "pinned")
    assert list(gateway._rest_apis) == ["pinned"]


def row(pk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": "event"}, "Item": {"S": "a name"}}


@pytest.mark.parametrize(
    ("body", "keys"),
    [
        ({"TableName": "t", "Key": row("a")}, ["a"]),
        ({"TableName": "t", "Item": row("a")}, ["a"]),
        ({"RequestItems": {"t": {"Keys": [row("a"), row("b")]}}}, ["a", "b"]),
        ({"RequestItems": {"t": [{"PutRequest": {"Item": row("a")}}]}}, ["a"]),
        ({"RequestItems": {"t": [{"DeleteRequest": {"Key": row("b")}}]}}, ["b"]),
        (
            {"TransactItems": [{"Put": {"Item": row("a")}}, {"Update": {"Key": row("b")}}]},
            ["a", "b"],
        ),
        ({"ExpressionAttributeValues": {":a": {"M": {"Key": {"S": "x"}}}}}, []),
        ({}, []),
    ],
)
def test_the_partition_keys_of_a_request_are_found(body: dict[str, Any], keys: list[str]) -> None:
    assert partition_keys(body) == keys


def test_each_row_of_a_transaction_is_checked_with_its_own_partition_key() -> None:
    asked: list[tuple[str, Any]] = []
    actions: Any = SimpleNamespace(
        dynamodb_service_context=lambda body: {"dynamodb:Select": "ALL_ATTRIBUTES"},
        dynamodb_transaction_checks=lambda action, body, region, account: [
            ("dynamodb:PutItem", "one"),
            ("dynamodb:UpdateItem", "other"),
        ],
    )

    def enforce(key: str, action: str, *more: Any, service_context: Any) -> None:
        asked.append((action, service_context["dynamodb:LeadingKeys"]))

    evaluator: Any = SimpleNamespace(enforce=enforce)
    supply_partition_keys(actions, evaluator)
    body = json.dumps(
        {"TransactItems": [{"Put": {"Item": row("a")}}, {"Update": {"Key": row("b")}}]}
    ).encode()
    context = actions.dynamodb_service_context(body)
    assert context == {"dynamodb:Select": "ALL_ATTRIBUTES", "dynamodb:LeadingKeys": ["a", "b"]}
    for action, _ in actions.dynamodb_transaction_checks(
        "dynamodb:TransactWriteItems", body, "", ""
    ):
        evaluator.enforce("key", action, service_context=context)
    evaluator.enforce("key", "dynamodb:PutItem", service_context=context)
    assert asked == [
        ("dynamodb:PutItem", ["a"]),
        ("dynamodb:UpdateItem", ["b"]),
        ("dynamodb:PutItem", ["a", "b"]),
    ]
