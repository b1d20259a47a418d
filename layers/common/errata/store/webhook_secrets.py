"""The secrets of webhooks, in SSM.

One parameter of type SecureString has the secrets of a webhook. No table has them. The parameter is
encrypted with the account's key for SSM, which is free.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from errata.config import settings
from errata.errors import StoreError
from errata.models.webhook import Secrets
from errata.store import clients

# Stands in the place of a project id in the names of secrets of members' own channels.
OF_MEMBERS = "member"


def save_secrets(project_id: str, webhook_id: str, secrets: Secrets) -> None:
    """Store a webhook's secrets, encrypted."""
    clients.ssm().put_parameter(
        Name=f"{settings().webhook_secrets}/{project_id}/{webhook_id}",
        Value=json.dumps(asdict(secrets)),
        Type="SecureString",
        Overwrite=True,
    )


def find_secrets(project_id: str, webhook_id: str) -> Secrets:
    """Return a webhook's signing secrets, decrypted.

    Raises:
        StoreError: `ParameterNotFound` when the webhook has been removed.
    """
    current, *former = (f"{path}/{project_id}/{webhook_id}" for path in _paths())
    try:
        response = clients.ssm().get_parameter(Name=current, WithDecryption=True)
    except StoreError as error:
        if error.code != "ParameterNotFound" or not former:
            raise
        response = clients.ssm().get_parameter(Name=former[0], WithDecryption=True)
    stored = json.loads(response["Parameter"]["Value"])
    formers = tuple((secret, until) for secret, until in stored.get("formers", ()))
    return Secrets(stored["current"], formers)


def find_stored_secrets() -> dict[str, str]:
    """Return all secrets as they are stored, decrypted, by `<project>/<webhook id>`."""
    found: dict[str, str] = {}
    for name in list_secret_names():
        response = clients.ssm().get_parameter(Name=name, WithDecryption=True)
        # The current path comes first, and what it has is newer.
        found.setdefault("/".join(name.split("/")[-2:]), response["Parameter"]["Value"])
    return found


def save_stored_secrets(of: str, value: str) -> None:
    """Store a webhook's secrets as `find_stored_secrets` returned them."""
    clients.ssm().put_parameter(
        Name=f"{settings().webhook_secrets}/{of}", Value=value, Type="SecureString", Overwrite=True
    )


def list_secret_names() -> list[str]:
    """Return the names of all SSM parameters with signing secrets of this deployment."""
    return [name for path in _paths() for name in _list_below(path)]


def _list_below(path: str) -> Iterator[str]:
    request: Any = {"Path": path, "Recursive": True}
    while True:
        page = clients.ssm().get_parameters_by_path(**request)
        for each in page["Parameters"]:
            # Skip the parameters of a stack named "webhooks". They are below
            # /errata/webhooks/webhooks.
            if each["Name"].removeprefix(path).count("/") == len(("project", "webhook")):
                yield each["Name"]
        if not page.get("NextToken"):
            return
        request["NextToken"] = page["NextToken"]


def delete_secrets(project_id: str, webhook_id: str) -> None:
    """Delete the secrets of a webhook. No-op if they do not exist."""
    for path in _paths():
        delete_secret(f"{path}/{project_id}/{webhook_id}")


def delete_secret(name: str) -> None:
    """Delete an SSM parameter. No-op if it does not exist."""
    try:
        clients.ssm().delete_parameter(Name=name)
    except StoreError as error:
        if error.code != "ParameterNotFound":
            raise


def _paths() -> list[str]:
    """Return the path of the secrets, and the path below which 0.1.0 saved them.

    The latter has no prefix `/errata`. SSM refuses such paths for a stack whose name begins with
    aws or ssm, so 0.1.0 saved no secrets of such a stack.
    """
    current = settings().webhook_secrets
    former = current.removeprefix("/errata")
    return [current] if former.lower().startswith(("/aws", "/ssm")) else [current, former]
