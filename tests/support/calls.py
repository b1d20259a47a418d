"""Between Errata and AWS: watch every call, and fail or kill it at a chosen moment."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError


class Killed(BaseException):
    """The process is gone: nothing catches this."""


@dataclass(frozen=True)
class Call:
    """A call on its way; `send` carries it out."""

    client: Any
    operation: str
    parameters: dict[str, Any]
    send: Callable[[], Any]


type Watch = Callable[[Call], Any]


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Hand every call to `watch`, whose answer the caller gets."""
    original: Any = BaseClient._make_api_call  # type: ignore[attr-defined]

    def make_api_call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        send = lambda: original(client, operation, parameters)  # noqa: E731
        return watch(Call(client, operation, parameters, send))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", make_api_call)
        yield


@contextmanager
def recorded() -> Iterator[list[Call]]:
    """Every call that is made meanwhile."""
    seen: list[Call] = []

    def watch(call: Call) -> Any:
        seen.append(call)
        return call.send()

    with watched(watch):
        yield seen


@contextmanager
def lagging() -> Iterator[None]:
    """Let every read that is not asked to be consistent see a table as nothing had been written.

    DynamoDB promises no more; moto always answers consistently.
    """
    nothing: dict[str, dict[str, Any]] = {"GetItem": {}, "Query": {"Items": [], "Count": 0}}

    def watch(call: Call) -> Any:
        if call.operation in nothing and not call.parameters.get("ConsistentRead"):
            return nothing[call.operation]
        return call.send()

    with watched(watch):
        yield


@contextmanager
def atomic() -> Iterator[None]:
    """Among threads, make each call atomic and let transactions collide, as DynamoDB does.

    moto's transactions are not atomic, and none of them ever meets another on its way.
    """
    state, backend = threading.Lock(), threading.Lock()
    under_way: set[str] = set()

    def watch(call: Call) -> Any:
        keys = set(_keys(call))
        with state:
            if keys & under_way:
                raise conflicting(call)
            under_way.update(keys)
        try:
            time.sleep(0)  # lets another thread try meanwhile
            with backend:
                return call.send()
        finally:
            with state:
                under_way.difference_update(keys)

    with watched(watch):
        yield


def _keys(call: Call) -> Iterator[str]:
    """The rows that a transaction writes or checks."""
    for action in call.parameters.get("TransactItems", []):
        (details,) = action.values()
        row = details.get("Key") or details["Item"]
        yield f"{details['TableName']} {row['pk']} {row.get('sk')}"


@dataclass
class Fault:
    """What befell the call: whether the run got as far as that."""

    struck: bool = False


@contextmanager
def fault(
    number: int, error: Callable[[Call], BaseException], *, after: bool = False
) -> Iterator[Fault]:
    """Raise at call `number`, from 1: before it is sent, or `after` it took effect."""
    outcome = Fault()
    made = 0

    def watch(call: Call) -> Any:
        nonlocal made
        made += 1
        if made != number:
            return call.send()
        outcome.struck = True
        if after:
            call.send()
        raise error(call)

    with watched(watch):
        yield outcome


def killed(_call: Call) -> BaseException:
    """The process ends here.

    Cut with `after=True` alone: what is stored before a call is what is stored after the one that
    precedes it, and the process forgets the rest.
    """
    return Killed()


def throttled(call: Call) -> BaseException:
    """DynamoDB has no capacity left, after botocore's own retries."""
    code = "ProvisionedThroughputExceededException"
    return ClientError({"Error": {"Code": code, "Message": "slow down"}}, call.operation)


def starved(call: Call) -> BaseException:
    """DynamoDB has no capacity left for a part of a transaction, which botocore never repeats.

    Source: TransactWriteItems, TransactionCanceledException.
    """
    if call.operation != "TransactWriteItems":
        return throttled(call)
    return cancelled(call, "ThrottlingError")


def failing(call: Call) -> BaseException:
    """DynamoDB has failed, and does not say whether the call took effect."""
    response: Any = {
        "Error": {"Code": "InternalServerError", "Message": "sorry"},
        "ResponseMetadata": {"HTTPStatusCode": 500},
    }
    return ClientError(response, call.operation)


def conflicting(call: Call) -> BaseException:
    """Another transaction is at one of the rows."""
    if "TransactItems" not in call.parameters:
        error: Any = {"Code": "TransactionConflictException", "Message": "ongoing"}
        return ClientError({"Error": error}, call.operation)
    return cancelled(call, "TransactionConflict")


def cancelled(call: Call, why: str) -> ClientError:
    """A transaction is cancelled for the sake of its last action."""
    actions = call.parameters["TransactItems"]
    reasons = [{"Code": "None"} for _ in actions[1:]] + [{"Code": why}]
    response: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
        "CancellationReasons": reasons,
    }
    return ClientError(response, call.operation)
