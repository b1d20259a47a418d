"""The checks that look at what AWS says about the stack's resources. They change nothing."""

from collections.abc import Callable, Iterator

from errata.cli.checks import data, gateway, orphans, stack
from errata.cli.checks.base import Deployment, Finding

# Checks by name. The output shows these names, and programs may depend on them.
CHECKS: dict[str, Callable[[Deployment], Iterator[Finding]]] = {
    "stack": stack.status,
    "parameters": stack.parameters,
    "concurrency": stack.concurrency,
    "triggers": stack.triggers,
    "API": gateway.api,
    "log role": gateway.log_role,
    "gateway keys": gateway.gateway_keys,
    "limits": gateway.limits,
    "ceilings": data.ceilings,
    "unclaimed projects": data.unclaimed,
    "dead letters": data.dead_letters,
    "expiry": data.expiry,
    "recovery": data.recovery,
    "restore": data.restore,
    "orphans": orphans.find,
}
