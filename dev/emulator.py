"""Run MiniStack's server with fixes that make Errata work as on AWS. Runs in .venv-ministack.

Each function below fixes one gap of the release that requirements-ministack.txt pins.
"""

import asyncio
import collections
import contextvars
import copy
import hashlib
import hmac
import importlib
import json
import os
import re
import secrets
import signal
import sys
import tempfile
import threading
import time
import zipfile
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# -P leaves out the folder of this file, whose names would hide other packages.
sys.path.append(str(Path(__file__).parent.parent))

from dev.access_log import log_refusals
from dev.checkpoint import Checkpoint, Pacer, keep_saving
from dev.function_urls import PORTS, FunctionUrls, encode_bodies, listen, outputs, read_ports
from dev.guard import FindSecret, Guard

STREAMS = "errata_streams"
# The tag that sets the id of an API in MiniStack.
PINNED = "ms-custom-id"
# Per function. Enough for two requests to race each other.
ENVIRONMENTS = 4


def main() -> None:
    """Serve until SIGTERM, or until the parent process has ended."""
    end_with_parent()
    # Taken out of the environment: MiniStack passes the environment to functions.
    secret = os.environ.pop("AWS_SECRET_ACCESS_KEY")
    run_functions_without_our_packages()
    # Imported here: only .venv-ministack has it, and the app must be imported before its services.
    server: Any = importlib.import_module("ministack.app")
    dynamodb: Any = importlib.import_module("ministack.services.dynamodb")
    functions: Any = importlib.import_module("ministack.services.lambda_svc")
    gateway: Any = importlib.import_module("ministack.services.apigateway_v1")
    keep_streams(dynamodb, functions)
    retry_partial_failures(functions)
    queue_invocations(functions, ENVIRONMENTS)
    unpack_once(importlib.import_module("ministack.core.lambda_runtime"))
    import_only_what_functions_import(importlib.import_module("ministack.core.lambda_runtime"))
    take_keys_from_the_authorizer(gateway)
    render_denials(gateway)
    tell_the_url(gateway)
    allow_batches_of_messages(importlib.import_module("ministack.core.iam_actions"))
    tell_mail_identities(importlib.import_module("ministack.core.iam_actions"))
    tell_schedule_groups(importlib.import_module("ministack.core.iam_actions"))
    tell_partition_keys(
        importlib.import_module("ministack.core.iam_actions"),
        importlib.import_module("ministack.core.iam_evaluator"),
    )
    provisioners: Any = importlib.import_module("ministack.services.cloudformation.provisioners")
    keep_api_ids(provisioners, gateway)
    take_concurrency_from_parameters(provisioners)
    log_refusals(
        gateway, provisioners, importlib.import_module("ministack.services.cloudwatch_logs")
    )
    give_secret_sessions(
        [importlib.import_module("ministack.core.lambda_runtime"), functions],
        importlib.import_module("ministack.services.sts"),
    )
    evaluator: Any = importlib.import_module("ministack.core.iam_evaluator")
    actions: Any = importlib.import_module("ministack.core.iam_actions")
    pacer = Pacer()
    emulator = server.app
    server.app = Guard(
        emulator,
        known_secrets(os.environ["AWS_ACCESS_KEY_ID"], secret, evaluator),
        actions.unsigned_operations("cognito-idp"),
        lambda: pacer.note(time.monotonic()),
    )
    ports = read_ports(os.environ.pop(PORTS, "{}"))
    encode_bodies(functions)
    listen(importlib.import_module("hypercorn.asyncio"), ports)
    cloudformation = importlib.import_module("ministack.services.cloudformation")
    server.app = FunctionUrls(
        server.app, emulator, frozenset(ports), outputs(cloudformation, ports)
    )
    if os.environ.get("PERSIST_STATE"):
        save_while_running(server, importlib.import_module("ministack.core.persistence"), pacer)
    server.main()


def known_secrets(root: str, secret: str, evaluator: Any) -> FindSecret:
    """Return a function that finds an access key's secret: the root user's, or a role's session.

    MiniStack's own root users are unknown here: no key, `test`, and every account number.
    """

    def find(key: str, token: str) -> str | None:
        if key == root:
            return None if token else secret
        if evaluator.is_root_access_key(key):
            return None
        found: str | None = getattr(
            evaluator.resolve_credential(key, None, token), "secret_access_key", None
        )
        return found

    return find


def give_secret_sessions(modules: list[Any], sts: Any) -> None:
    """Give each function's role credentials that nobody can compute.

    MiniStack derives them from the names of the function and of its role.
    """
    seed = secrets.token_bytes(32)

    def derived(kind: str, function: str) -> str:
        return hmac.new(seed, f"{kind}:{function}".encode(), hashlib.sha256).hexdigest()

    def execution_credentials(config: dict[str, Any]) -> dict[str, str]:
        function, name = config["FunctionArn"], config["FunctionName"][:64]
        role, account = config["Role"].rsplit("/", 1)[-1], function.split(":")[4]
        of = f"{function}:{config['Role']}"
        session = {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{role}/{name}",
            "UserId": f"{role}:{name}",
            "SecretAccessKey": derived("secret", of),
            "SessionToken": derived("token", of),
        }
        key = f"ASIA{derived('key', of)[:16].upper()}"
        sts.register_session(key, session)
        return {
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
            "AWS_SESSION_TOKEN": session["SessionToken"],
        }

    for module in modules:
        module.execution_credentials = execution_credentials


def save_while_running(server: Any, persistence: Any, pacer: Pacer) -> None:
    """Save the data after changes, in one file. MiniStack saves only when it ends."""
    checkpoint = Checkpoint(Path(persistence.STATE_DIR), persistence)
    server.load_state, server.save_all = checkpoint.load, checkpoint.save
    app = server.app

    async def app_that_saves(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        # Loads the data, serves, and saves it at the end.
        saving = asyncio.create_task(
            keep_saving(pacer, lambda: checkpoint.save(server._build_persistence_save_dict()))
        )
        try:
            await app(scope, receive, send)
        finally:
            saving.cancel()

    server.app = app_that_saves


def end_with_parent() -> None:
    """Shut down cleanly when standard input closes: the parent process may have been killed."""

    def wait() -> None:
        os.read(0, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True, name="parent").start()


def run_functions_without_our_packages() -> None:
    """Start functions with the Python that made this environment, not with the environment's own.

    Otherwise they would import MiniStack's packages, and nobody would notice what the layer lacks.
    """
    sys.executable = sys._base_executable  # type: ignore[attr-defined]


def keep_streams(dynamodb: Any, functions: Any) -> None:
    """Save the tables' streams and the read positions together with the tables.

    MiniStack saves only the positions. After a restart the streams start again at position 0, so as
    many new records would be skipped as had been read before.
    """
    save_tables, load_tables = dynamodb.get_state, dynamodb.load_persisted_state
    save_functions = functions.get_state

    def save() -> dict[str, Any]:
        # Before the tables: records handled meanwhile are then delivered again instead of never.
        positions = copy.deepcopy(functions._dynamodb_stream_positions)
        tables = save_tables()
        records = copy.deepcopy(dynamodb._stream_records)
        trimmed = copy.deepcopy(dynamodb._stream_trimmed)
        return {**tables, STREAMS: {"positions": positions, "records": records, "trimmed": trimmed}}

    def load(state: dict[str, Any]) -> None:
        # The positions first: the poller reads records as soon as there are any.
        if streams := state.get(STREAMS):
            functions._dynamodb_stream_positions.update(streams["positions"])
            dynamodb._stream_trimmed.update(streams["trimmed"])
            dynamodb._stream_records.update(streams["records"])
        load_tables(state)

    def save_functions_without_positions() -> dict[str, Any]:
        return {**save_functions(), "dynamodb_stream_positions": {}}

    dynamodb.get_state, dynamodb.load_persisted_state = save, load
    functions.get_state = save_functions_without_positions


def retry_partial_failures(functions: Any) -> None:
    """Deliver a stream's batch again if the function reports `batchItemFailures`.

    MiniStack reads that report only for queues, and would drop the failed records of a stream.
    """
    poll, execute = functions._poll_dynamodb_streams, functions._execute_function
    thread = threading.local()

    def poll_with_report() -> Any:
        thread.polls = True
        try:
            return poll()
        finally:
            thread.polls = False

    def execute_with_report(function: Any, event: Any) -> Any:
        result = execute(function, event)
        if not getattr(thread, "polls", False) or not reports_failures(result.get("body")):
            return result
        error = {"errorType": "BatchItemFailures", "errorMessage": "records of the batch failed"}
        return {**result, "error": True, "body": error}

    functions._poll_dynamodb_streams = poll_with_report
    functions._execute_function = execute_with_report


def queue_invocations(functions: Any, limit: int) -> None:
    """Make a function's invocations wait for one of `limit` execution environments.

    MiniStack creates one for every request that arrives while others run: a process, with the layer
    unpacked again. A burst of 80 took 53 seconds and 2.6 GB. MiniStack's own limit refuses with
    429.
    """
    dispatch = functions._execute_function_dispatch
    slots: dict[str, threading.Semaphore] = collections.defaultdict(
        lambda: threading.Semaphore(limit)
    )

    def dispatch_in_turn(function: Any, config: Any, *arguments: Any) -> Any:
        with slots[config["FunctionName"]]:
            return dispatch(function, config, *arguments)

    functions._execute_function_dispatch = dispatch_in_turn


def unpack_once(runtime: Any) -> None:
    """Give the execution environments the same files of code and layers, as symbolic links.

    MiniStack checks and unpacks them for each environment. That takes a second of CPU for the
    layer, more than the start of the function. No function changes these files: on AWS, it could
    not.
    """
    lock = threading.Lock()
    shelf = Path(tempfile.gettempdir()) / "unpacked"

    class Archive(zipfile.ZipFile):
        @cached_property
        def shelved(self) -> Path:
            return shelf / hashlib.sha256(Path(str(self.filename)).read_bytes()).hexdigest()

        def namelist(self) -> list[str]:
            # MiniStack checks each name before it unpacks. Those of a shelved archive were checked.
            return [] if self.shelved.exists() else super().namelist()

        def extractall(self, path: Any = None, *_: Any, **__: Any) -> None:
            with lock:
                if not self.shelved.exists():
                    draft = self.shelved.with_suffix(".draft")
                    super().extractall(draft)
                    draft.rename(self.shelved)
            # MiniStack has just made this folder.
            Path(path).rmdir()
            Path(path).symlink_to(self.shelved)

    runtime.zipfile = SimpleNamespace(**{**vars(zipfile), "ZipFile": Archive})


def import_only_what_functions_import(runtime: Any) -> None:
    """Start functions without botocore, if they do not import it themselves.

    MiniStack imports it first, to count how deep functions call each other. No function of Errata
    calls another one. It takes a fifth of the CPU of a start, and hides an import that is missing.
    """
    install = "    _ms_install_invoke_depth()\n"
    assert install in runtime._PYTHON_WORKER_SCRIPT
    runtime._PYTHON_WORKER_SCRIPT = runtime._PYTHON_WORKER_SCRIPT.replace(install, "")


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


def tell_the_url(gateway: Any) -> None:
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


def allow_batches_of_messages(iam: Any) -> None:
    """Require `sqs:SendMessage` to send a batch of messages; the same for other batch operations.

    AWS has no actions for the batch operations (Service Authorization Reference, Amazon SQS).
    """
    name_action = iam.extract_iam_action

    def name_without_batch(service: str, *request: Any) -> Any:
        action = name_action(service, *request)
        return action.removesuffix("Batch") if service == "sqs" and action else action

    iam.extract_iam_action = name_without_batch


def tell_mail_identities(iam: Any) -> None:
    """Check `ses:SendEmail` on the identity that sends a mail. MiniStack checks it on `*`.

    Source: Service Authorization Reference, Amazon Simple Email Service v2.
    """
    find = iam.extract_resource_arn

    def of_sender(service: str, method: str, path: str, *request: Any) -> Any:
        found = find(service, method, path, *request)
        if service != "ses" or path != "/v2/email/outbound-emails":
            return found
        _headers, body, _query, region, account = request
        sender = json.loads(body).get("FromEmailAddress", "")
        return f"arn:aws:ses:{region}:{account}:identity/{sender}"

    iam.extract_resource_arn = of_sender


def tell_schedule_groups(iam: Any) -> None:
    """Check what is done to a schedule in its group. MiniStack takes each to be in `default`.

    Source: Service Authorization Reference, Amazon EventBridge Scheduler.
    """
    find = iam.extract_resource_arn

    def in_group(service: str, method: str, path: str, *request: Any) -> Any:
        found = find(service, method, path, *request)
        if service != "scheduler" or not path.startswith("/schedules/"):
            return found
        _headers, body, query, region, account = request
        named = query.get("groupName") or json.loads(body or b"{}").get("GroupName") or "default"
        group = named[0] if isinstance(named, list) else named
        name = path.removeprefix("/schedules/")
        return f"arn:aws:scheduler:{region}:{account}:schedule/{group}/{name}"

    iam.extract_resource_arn = in_group


class _Action(str):
    """An action on one row of a transaction, with the row's partition key."""

    keys: list[str]


def tell_partition_keys(actions: Any, evaluator: Any) -> None:
    """Supply `dynamodb:LeadingKeys`, the partition keys that a request names, to policies.

    MiniStack does not, and a condition with `ForAllValues` is true for a key that is not there.
    Every table of the template has the partition key `pk`. Queries are not covered.

    Source: Amazon DynamoDB developer guide, "Using IAM policy conditions for fine-grained access
    control".
    """
    describe, check_rows = actions.dynamodb_service_context, actions.dynamodb_transaction_checks
    enforce = evaluator.enforce

    def with_keys(body: bytes) -> Any:
        found = describe(body)
        keys = partition_keys(json.loads(body or b"{}"))
        return {**found, "dynamodb:LeadingKeys": keys} if keys else found

    def of_each_row(action: str, body: bytes, *more: Any) -> Any:
        checks = check_rows(action, body, *more)
        items = json.loads(body or b"{}").get("TransactItems", []) if checks else []
        for number, ((name, arn), item) in enumerate(zip(checks, items, strict=True)):
            row = _Action(name)
            row.keys = partition_keys(item)
            checks[number] = row, arn
        return checks

    def enforce_rows(access_key: str, action: str, *more: Any, **options: Any) -> Any:
        if isinstance(action, _Action):
            context = {**options["service_context"], "dynamodb:LeadingKeys": action.keys}
            options["service_context"] = context
        return enforce(access_key, action, *more, **options)

    actions.dynamodb_service_context = with_keys
    actions.dynamodb_transaction_checks = of_each_row
    evaluator.enforce = enforce_rows


def partition_keys(value: Any) -> list[str]:
    """Return the partition keys of all rows that a request's body names."""
    if isinstance(value, list):
        return [key for each in value for key in partition_keys(each)]
    if not isinstance(value, dict):
        return []
    rows = [value.get("Key"), value.get("Item"), *(value.get("Keys") or ())]
    own = [row["pk"]["S"] for row in rows if isinstance(row, dict)]
    read = {"Key", "Item", "Keys", "ExpressionAttributeValues"}
    inner = [each for name, each in value.items() if name not in read]
    return own + [key for each in inner for key in partition_keys(each)]


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


def take_concurrency_from_parameters(provisioners: Any) -> None:
    """Take a mapping's `MaximumConcurrency` as a number. The value of a parameter is a text.

    MiniStack keeps the text, and its poller then fails on it.
    """
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::EventSourceMapping"]
    create, update = handlers["create"], handlers["update"]

    def with_numbers(properties: dict[str, Any]) -> dict[str, Any]:
        scaling = properties.get("ScalingConfig")
        if not scaling:
            return properties
        return {**properties, "ScalingConfig": {key: int(scaling[key]) for key in scaling}}

    handlers["create"] = lambda name, properties, stack: create(
        name, with_numbers(properties), stack
    )
    handlers["update"] = lambda name, before, after, *stack: update(
        name, before, with_numbers(after), *stack
    )


def reports_failures(response: Any) -> bool:
    """Whether a function's response to a batch names failed records."""
    return isinstance(response, dict) and bool(response.get("batchItemFailures"))


if __name__ == "__main__":
    main()
