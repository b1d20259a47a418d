"""Save what moto has stored, and restore it for a test. That is faster than to create it again."""

import io
import pickle
import threading
from typing import Any

from joserfc.jwk import RSAKey
from moto import backends
from moto.core.models import DEFAULT_ACCOUNT_ID

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

    def restore(self) -> None:
        """Replace what moto has now by a copy of the snapshot."""
        kept = _Unpickler(io.BytesIO(self._content), self._shared).load()
        for backend, attributes in zip(self._backends(), kept, strict=True):
            backend.__dict__.update(attributes)

    def _backends(self) -> list[Any]:
        """Return the parts of moto that hold the state of this account."""
        return [_get_backend(name)[DEFAULT_ACCOUNT_ID][_REGION] for name in self._services]


class Rows:
    """The rows of all tables, to be put into empty ones. Faster than to write them again."""

    def __init__(self) -> None:
        rows = {name: table.items for name, table in _tables().items()}
        self._content = pickle.dumps(rows)

    @staticmethod
    def may_be_put() -> bool:
        """Return whether the tables are empty."""
        return not any(table.items for table in _tables().values())

    def put(self) -> None:
        """Put the rows into the tables, which are empty."""
        tables = _tables()
        for name, items in pickle.loads(self._content).items():
            tables[name].items = items


def _tables() -> dict[str, Any]:
    backend = _get_backend("dynamodb")[DEFAULT_ACCOUNT_ID][_REGION]
    tables: dict[str, Any] = backend.tables
    return tables


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
        return (threading.RLock, ()) if type(value) is _LOCK else NotImplemented


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, shared: dict[int, RSAKey]) -> None:
        super().__init__(file)
        self._shared = shared

    def persistent_load(self, number: int) -> RSAKey:
        return self._shared[number]
