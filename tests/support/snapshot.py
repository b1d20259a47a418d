"""Save what moto has stored, and restore it for a test. That is faster than to create it again."""

import io
import pickle
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from joserfc.jwk import RSAKey
from moto import backends
from moto.core.models import DEFAULT_ACCOUNT_ID, botocore_stubber
from moto.dynamodb.models.dynamo_type import LimitedSizeDict

from errata.config import settings
from tests.support import moto_calls

_REGION = "us-east-1"
_LOCK = type(threading.RLock())
# The tables, queues and user pools, with all that is in them.
DATA = ("dynamodb", "sqs", "cognito-idp")
# The stacks and their APIs.
STACKS = ("cloudformation", "apigateway")
# Imports a service when it is asked for: CloudFormation's import takes long.
_get_backend: Any = backends.get_backend


class Snapshot:
    """What moto has now of some services."""

    def __init__(self, services: tuple[str, ...]) -> None:
        self._services = services
        self._shared: dict[int, RSAKey] = {}
        file = io.BytesIO()
        _Pickler(file, self._shared).dump([backend.__dict__ for backend in self._backends()])
        self._content = file.getvalue()
        # Only of stacks: see `moto_calls.read`.
        self._read = moto_calls.read.copy() if set(STACKS) <= set(services) else {}

    def restore(self) -> None:
        """Replace what moto has now by a copy of the snapshot."""
        global _calls
        if self._services != STACKS:
            _calls = -1
        moto_calls.read.clear()
        moto_calls.read.update(self._read)
        kept = _Unpickler(io.BytesIO(self._content), self._shared).load()
        for backend, attributes in zip(self._backends(), kept, strict=True):
            backend.__dict__.update(attributes)

    def _backends(self) -> list[Any]:
        """Return the parts of moto that hold the state of this account."""
        return [_get_backend(name)[DEFAULT_ACCOUNT_ID][_REGION] for name in self._services]


@dataclass(frozen=True)
class _Made:
    """What a step has stored and returned, and the steps that other tests have made after it."""

    snapshot: Snapshot
    result: Any
    at_ms: int
    then: dict[tuple[object, ...], "_Made"] = field(default_factory=dict)


# By name and settings: the first steps of tests, since most of these begin with the same rows.
_first: dict[tuple[object, ...], _Made] = {}
# Those after what moto has now, and how many calls had been made when it had that.
_then = _first
_calls = -1


def begin() -> None:
    """Say that a test begins, with an account that is the same for all tests."""
    global _then, _calls
    _then, _calls = _first, moto_calls.made()


def step[Result](name: object, make: Callable[[], Result]) -> Result:
    """Return what `make` returns. If an earlier test began with the same steps, restore its result.

    `name` says all that the result depends on, except for the settings. After a minute, this step
    and those after it are made again, because they store the time.
    """
    global _then, _calls
    if not botocore_stubber.enabled or _calls != moto_calls.made():
        return make()
    at_ms, key = time.time_ns() // 10**6, (name, settings())
    known = _then.get(key)
    if known and known.at_ms <= at_ms < known.at_ms + 60_000:
        known.snapshot.restore()
    else:
        result = make()
        known = _then[key] = _Made(Snapshot(DATA), result, at_ms)
    _then, _calls = known.then, moto_calls.made()
    result = known.result
    return result


class _Pickler(pickle.Pickler):
    """Make a new lock for each lock, and share keys, which do not change and cannot be pickled."""

    def __init__(self, file: io.BytesIO, shared: dict[int, RSAKey]) -> None:
        super().__init__(file)
        self._shared = shared

    def persistent_id(self, value: Any) -> int | None:
        if not isinstance(value, RSAKey):
            return None
        self._shared[id(value)] = value
        return id(value)

    def reducer_override(self, value: Any) -> Any:
        if type(value) is _LOCK:
            return threading.RLock, ()
        if type(value) is LimitedSizeDict:
            return _attributes, (dict(value),)
        return NotImplemented


def _attributes(found: dict[str, Any]) -> LimitedSizeDict:
    """Return attributes of a row without a look at their size, which moto does for each."""
    attributes = LimitedSizeDict.__new__(LimitedSizeDict)
    dict.update(attributes, found)
    return attributes


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, shared: dict[int, RSAKey]) -> None:
        super().__init__(file)
        self._shared = shared

    def persistent_load(self, number: int) -> RSAKey:
        return self._shared[number]
