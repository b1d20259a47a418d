"""Checks of a deployment, for `errata doctor`.

Those in `READ_ONLY` look at what AWS says about the stack's resources, and change nothing. Those in
`REQUESTS` send requests as a client would, to a temporary project.
"""

from collections.abc import Callable, Iterator

from errata.cli.checks import data, gateway, orphans, stack
from errata.cli.checks.base import Deployment, Finding

# Checks by name. The output shows these names, and programs may depend on them.
READ_ONLY: dict[str, Callable[[Deployment], Iterator[Finding]]] = {
    "stack": stack.status,
    "parameters": stack.parameters,
    "concurrency": stack.concurrency,
    "triggers": stack.triggers,
    "API": gateway.api,
    "log role": gateway.log_role,
    "gateway keys": gateway.gateway_keys,
    "limits": gateway.limits,
    "unclaimed projects": data.unclaimed,
    "dead letters": data.dead_letters,
    "expiry": data.expiry,
    "recovery": data.recovery,
    "restore": data.restore,
    "orphans": orphans.find,
}
