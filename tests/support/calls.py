"""Watch every call from Errata to AWS, and fail or kill it at a chosen point."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import ClientError


class Killed(BaseException):
    """The process has ended. Nothing catches this."""


@dataclass(frozen=True)
class Call:
    """A call that is about to be sent. `send` sends it.

    `function` is the logical id of the function that calls, None for the test itself.
    """

    client: Any
    operation: str
    parameters: dict[str, Any]
    send: Callable[[], Any]
    function: str | None = None


type Watch = Callable[[Call], Any]

# The function that runs in this thread.
_function: ContextVar[str | None] = ContextVar("function", default=None)


@contextmanager
def calling_as(function: str | None) -> Iterator[None]:
    """Make the calls in the block those of a function, None for those of the test."""
    token = _function.set(function)
    try:
        yield
    finally:
        _function.reset(token)


# The last one sees a call first.
_watches: list[Watch] = []
# What makes a call that all of them have sent.
_beneath: Any = None
_submit: Any = ThreadPoolExecutor.submit


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Pass every call to `watch`, and return its result. What `watch` calls, the test calls."""
    global _beneath
    client: Any = BaseClient
    pool: Any = ThreadPoolExecutor
    # Once: see `moto_caches.keep`.
    if client._make_api_call is not _make_api_call:
        _beneath, client._make_api_call = client._make_api_call, _make_api_call
        pool.submit = submit
    _watches.append(watch)
    try:
        yield
    finally:
        assert _watches.pop() is watch


def _make_api_call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
    return _pass((*_watches,), client, operation, parameters)


def _pass(
    watches: tuple[Watch, ...], client: Any, operation: str, parameters: dict[str, Any]
) -> Any:
    """Pass a call to the last one of `watches`, which sends it to those before."""
    if not watches:
        return _beneath(client, operation, parameters)
    function = _function.get()

    def send() -> Any:
        with calling_as(function):
            return _pass(watches[:-1], client, operation, parameters)

    with calling_as(None):
        return watches[-1](Call(client, operation, parameters, send, function))


def submit(pool: ThreadPoolExecutor, call: Any, *arguments: Any) -> Any:
    """Run a call in a thread of the function that submits it."""
    return _submit(pool, copy_context().run, call, *arguments)


@contextmanager
def recorded() -> Iterator[list[Call]]:
    """Record every call during the block."""
    seen: list[Call] = []

    def watch(call: Call) -> Any:
        seen.append(call)
        return call.send()

    with watched(watch):
        yield seen


@contextmanager
def lagging() -> Iterator[None]:
    """Let every read that is not consistent see a table as if nothing had been written.

    DynamoDB promises no more than that; moto always reads consistently.
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
    """Among threads, make each call atomic and let transactions conflict, as DynamoDB does.

    moto's transactions are not atomic, and never conflict with each other.
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
            time.sleep(0)  # lets another thread run meanwhile
            with backend:
                return call.send()
        finally:
            with state:
                under_way.difference_update(keys)

    with watched(watch):
        yield


def _keys(call: Call) -> Iterator[str]:
    """Return the rows that a transaction writes or checks."""
    for action in call.parameters.get("TransactItems", []):
        (details,) = action.values()
        row = details.get("Key") or details["Item"]
        yield f"{details['TableName']} {row['pk']} {row.get('sk')}"


_READS = ("Get", "List", "Describe", "Query", "Scan", "BatchGet", "TransactGet", "Head", "AdminGet")


@dataclass
class Fault:
    """The result of `fault`: whether the run reached the chosen call."""

    struck: bool = False


@contextmanager
def fault(
    number: int, error: Callable[[Call], BaseException], *, after: bool = False
) -> Iterator[Fault]:
    """Raise an error at call `number` (from 1): before it is sent, or `after` it took effect."""
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


@contextmanager
def cut_off(number: int) -> Iterator[Fault]:
    """End the process after write `number` (from 1) took effect.

    An end after a read leaves what the end after the write before it leaves, so tests that only
    look at AWS need none there. One before the first write leaves what there was.
    """
    outcome = Fault()
    made = 0

    def watch(call: Call) -> Any:
        nonlocal made
        response = call.send()
        if not call.operation.startswith(_READS):
            made += 1
            if made == number:
                outcome.struck = True
                raise Killed
        return response

    with watched(watch):
        yield outcome


def killed(_call: Call) -> BaseException:
    """Return the end of the process.

    Use it only with `after=True`: what is stored before a call is what is stored after the call
    before it, and the process forgets the rest.
    """
    return Killed()


def throttled(call: Call) -> BaseException:
    """Return the error if DynamoDB has no capacity left, even after botocore's own retries."""
    code = "ProvisionedThroughputExceededException"
    return ClientError({"Error": {"Code": code, "Message": "slow down"}}, call.operation)


def starved(call: Call) -> BaseException:
    """Return the error if DynamoDB has no capacity for a part of a transaction.

    botocore never retries it.

    Source: TransactWriteItems, TransactionCanceledException.
    """
    if call.operation != "TransactWriteItems":
        return throttled(call)
    return cancelled(call, "ThrottlingError")


def failing(call: Call) -> BaseException:
    """Return the error if DynamoDB failed. It does not say whether the call took effect."""
    response: Any = {
        "Error": {"Code": "InternalServerError", "Message": "sorry"},
        "ResponseMetadata": {"HTTPStatusCode": 500},
    }
    return ClientError(response, call.operation)


def conflicting(call: Call) -> BaseException:
    """Return the error if another transaction is writing one of the rows."""
    if "TransactItems" not in call.parameters:
        error: Any = {"Code": "TransactionConflictException", "Message": "ongoing"}
        return ClientError({"Error": error}, call.operation)
    return cancelled(call, "TransactionConflict")


def cancelled(call: Call, why: str) -> ClientError:
    """Return the error if a transaction is cancelled because of its last action."""
    actions = call.parameters["TransactItems"]
    reasons = [{"Code": "None"} for _ in actions[1:]] + [{"Code": why}]
    response: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
        "CancellationReasons": reasons,
    }
    return ClientError(response, call.operation)
