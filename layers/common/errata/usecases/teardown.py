"""Remove what CloudFormation cannot remove with the stack: what the command and the dashboard made.

AWS does not delete a stage while a usage plan has it, so this comes before `sam delete`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from errata.models.gateway_key import Gateway
from errata.store import gateway_keys, webhook_secrets


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What to remove: gateway keys and usage plans by id with their names, and SSM parameters."""

    keys: dict[str, str]
    plans: dict[str, str]
    secrets: list[str]

    def __bool__(self) -> bool:
        return bool(self.keys or self.plans or self.secrets)


def find(gateway: Gateway) -> Leftovers:
    """Return the gateway keys, usage plans and secrets that a deployment has now."""
    prefix = f"{gateway.stack}-project-"
    keys = {
        each.id: each.name
        for each in gateway_keys.named(prefix)
        if re.fullmatch(r"\d+-[0-9a-f]{12}", each.name.removeprefix(prefix))
    }
    return Leftovers(keys, gateway_keys.made_plans(gateway), webhook_secrets.list_secret_names())


def remove(gateway: Gateway, leftovers: Leftovers) -> Iterator[str]:
    """Remove the leftovers, and yield the name of each one afterwards. Can be run again."""
    for key_id, name in leftovers.keys.items():
        gateway_keys.delete(key_id)
        yield name
    for plan_id, name in leftovers.plans.items():
        gateway_keys.delete_plan(gateway, plan_id)
        yield name
    for name in leftovers.secrets:
        webhook_secrets.delete_secret(name)
        yield name
