"""Fixes of MiniStack's Lambda: streams, environments and credentials of functions."""

import collections
import copy
import hashlib
import hmac
import secrets
import tempfile
import threading
import zipfile
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

STREAMS = "errata_streams"
# Per function. Enough for two requests to race each other.
ENVIRONMENTS = 4


def fix_functions(functions: Any, runtime: Any, dynamodb: Any, provisioners: Any, sts: Any) -> None:
    """Apply all fixes of this module."""
    keep_streams(dynamodb, functions)
    retry_partial_failures(functions)
    queue_invocations(functions, ENVIRONMENTS)
    unpack_once(runtime)
    import_only_what_functions_import(runtime)
    take_concurrency_from_parameters(provisioners)
    give_secret_sessions([runtime, functions], sts)


def give_secret_sessions(modules: list[Any], sts: Any) -> None:
    """Give the role of each function random credentials.

    MiniStack derives them from the names of function and role, so anybody could compute them.
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


def reports_failures(response: Any) -> bool:
    """Whether a function's response to a batch names failed records."""
    return isinstance(response, dict) and bool(response.get("batchItemFailures"))


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
