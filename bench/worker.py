"""Measure one subject in a separate process, which can import only that subject.

`python -I -S worker.py <arguments as JSON>` runs a built handler, another function of the layer,
scrubbing, or `put_item` of a client: stock boto3's or Errata's own.
Commands come on standard input, one JSON object per line. Results go to a separate file descriptor,
so that the output of the measured code can be counted.
"""

import base64
import importlib
import json
import logging
import os
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

type Subject = Callable[[Any], Any]


def handler(module: str) -> Subject:
    """Return a Lambda handler, with logging set up as in Lambda's own runtime."""
    form = '{"timestamp":"%(asctime)s","level":"%(levelname)s","message":"%(message)s"}'
    logging.basicConfig(level=os.environ["AWS_LAMBDA_LOG_LEVEL"], format=form)
    handle = importlib.import_module(module).handler
    return lambda event: handle(event, None)


def function(named: str) -> Subject:
    """Return a function of one argument, from `module:name`."""
    module, _, name = named.partition(":")
    subject: Subject = getattr(importlib.import_module(module), name)
    return subject


def scrubbing() -> Subject:
    """Return the scrubbing of an event's fields, with the JSON that they are read from."""
    from errata.scrubbing.built_in import scrub

    return lambda sent: scrub(sent["fields"], sent["content"].encode())


def put_item(table: str) -> Subject:
    """Return the reference: a plain `put_item` of stock boto3."""
    import boto3

    client = boto3.client("dynamodb")
    return lambda item: client.put_item(TableName=table, Item=item)


def lean_put_item(table: str) -> Subject:
    """Return a plain `put_item` of Errata's own client."""
    from errata.store.lean import LeanClient

    client = LeanClient.of_environment()
    return lambda item: client.put_item(TableName=table, Item=item)


def with_bytes(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item with its bytes decoded: JSON carries them as Base64."""
    return {
        name: {"B": base64.b64decode(value["B"])} if "B" in value else value
        for name, value in item.items()
    }


def run(subject: Subject, inputs: list[Any], repeat: int) -> dict[str, Any]:
    """Call the subject with each input. Return the CPU seconds per call, and the last responses."""
    responses: list[Any] = []
    start = time.process_time()
    for _ in range(repeat):
        responses = [subject(each) for each in inputs]
    spent = time.process_time() - start
    return {"cpu": spent / repeat / len(inputs), "responses": json.loads(json.dumps(responses))}


def profile(subject: Subject, one: Any) -> dict[str, Any]:
    """Return the Python functions that one call of the subject runs, in order.

    `built_in` is how many functions written in C these call.
    """
    called: list[str] = []
    built_in = 0

    def note(frame: FrameType, event: str, _: object) -> None:
        nonlocal built_in
        module = frame.f_globals.get("__name__")
        if event == "call":
            called.append(f"{module}:{frame.f_code.co_qualname}")
        elif event == "c_call" and module != __name__:
            built_in += 1

    sys.setprofile(note)
    try:
        subject(one)
    finally:
        sys.setprofile(None)
    # Without our own wrapper around the measured code.
    ours = [name for name in called if not name.startswith(f"{__name__}:")]
    return {"called": ours, "built_in": built_in}


def instructions(subject: Subject, one: Any) -> int:
    """Return how many bytecode instructions one call of the subject runs."""
    monitoring, tool, counted = sys.monitoring, sys.monitoring.PROFILER_ID, 0

    def note(_code: object, _offset: int) -> None:
        nonlocal counted
        counted += 1

    monitoring.use_tool_id(tool, "bench")
    monitoring.register_callback(tool, monitoring.events.INSTRUCTION, note)
    monitoring.set_events(tool, monitoring.events.INSTRUCTION)
    try:
        subject(one)
    finally:
        monitoring.set_events(tool, 0)
        monitoring.free_tool_id(tool)
    return counted


def measured(arguments: dict[str, Any]) -> Subject:
    """Return the subject that the arguments name, as a function."""
    if "handler" in arguments:
        return handler(arguments["handler"])
    if "function" in arguments:
        return function(arguments["function"])
    if "scrubbing" in arguments:
        return scrubbing()
    make = lean_put_item if arguments["client"] == "lean" else put_item
    return make(arguments["put_item"])


def main() -> None:
    """Set up the subject, then run commands until standard input ends."""
    arguments = json.loads(sys.argv[1])
    sys.path[:0] = arguments["path"]
    subject = measured(arguments)
    loaded: dict[str, list[Any]] = {}
    with os.fdopen(arguments["responses"], "w") as responses:
        for line in sys.stdin:
            command = json.loads(line)
            result: dict[str, Any] = {}
            match command["do"]:
                case "load":
                    inputs = command["inputs"]
                    if "put_item" in arguments:
                        inputs = [with_bytes(item) for item in inputs]
                    loaded[command["name"]] = inputs
                case "run":
                    result = run(subject, loaded[command["name"]], command["repeat"])
                case "instructions":
                    counted = [instructions(subject, each) for each in loaded[command["name"]]]
                    result = {"counted": counted}
                case "profile":
                    result = profile(subject, loaded[command["name"]][0])
            sys.stdout.flush()  # for the process that counts it
            print(json.dumps(result), file=responses, flush=True)


if __name__ == "__main__":
    main()
