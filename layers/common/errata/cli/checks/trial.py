"""Create the temporary project and account of `errata doctor`, and delete them."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property

from errata.cli.checks.base import Deployment
from errata.cli.checks.client import Client
from errata.config import settings
from errata.errors import NotFoundError, UnavailableError
from errata.models import temporary
from errata.models.ids import now_ms
from errata.usecases import audit, delete_project, projects
from errata.usecases.projects import Created

# Requests a minute: few, so that a small burst exceeds them.
RATE_LIMIT = 20
_ADDRESS = "errata-doctor-"
# A run never takes this long. A younger project or account may belong to another run that is still
# in progress.
_LEFT_AFTER_MS = 20 * 60 * 1000
# No request is sent later than this. It is longer than the time limits of all checks together.
_BUDGET_S = 600.0


@dataclass
class Trial:
    """A temporary project to send requests to.

    `accepted` has the ids of the stored events, `lost` the reasons for which others were refused.
    """

    deployment: Deployment
    client: Client
    created: Created
    mail: str
    accepted: list[str] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)

    @property
    def project_id(self) -> str:
        """The id of the project."""
        return self.created.project.id

    @property
    def key(self) -> str:
        """The API key of the project."""
        return self.created.key

    @property
    def public(self) -> str:
        """The public key of the project's DSN."""
        return self.created.public

    @cached_property
    def account(self) -> tuple[str, str]:
        """An address that receives no mail (RFC 2606), and a password."""
        return f"{_ADDRESS}{secrets.token_hex(8)}@example.com", secrets.token_urlsafe(20)

    def log(self, name: str) -> str:
        """Return the command that shows a log group of the stack."""
        groups = dict(self.deployment.resources.get("AWS::Logs::LogGroup", []))
        return f"aws logs tail {groups.get(name, name)} --since 15m"


@contextmanager
def trial(deployment: Deployment, url: str, patience_s: float, mail: str) -> Iterator[Trial]:
    """Create the temporary project, and delete it in any case.

    Also deletes what a run that was killed has left. `patience_s`: how many seconds after a
    deployment requests that fail are sent again.

    Raises:
        ErrataError, BotoCoreError, ClientError: a call to AWS failed.
    """
    _sweep(deployment)
    started = time.monotonic()
    since_s = max(0.0, now_ms() / 1000 - deployment.deployed_at.timestamp())
    client = Client(url.rstrip("/"), started + patience_s - since_s, started + _BUDGET_S)
    # Do not create a gateway key: API Gateway would accept it only after minutes.
    created = projects.create(
        f"errata-doctor-{secrets.token_hex(8)}", project_id=temporary.new_id()
    )
    if created is None:  # the random key exists already
        raise UnavailableError
    running = Trial(deployment, client, created, mail)
    try:
        # The project is temporary, so the audit log does not need its changes.
        with audit.acting(None):
            projects.change(running.project_id, RATE_LIMIT, None)
        yield running
    finally:
        with audit.acting(None):
            delete_project.delete_project(running.project_id)


def _sweep(deployment: Deployment) -> None:
    before = now_ms() - _LEFT_AFTER_MS
    for each in projects.list_owned():
        if temporary.is_id(each.id) and each.created_at < before:
            with suppress(NotFoundError), audit.acting(None):  # another run may be faster
                delete_project.delete_project(each.id)
    client = deployment.client("cognito-idp")
    pages = client.get_paginator("list_users").paginate(
        UserPoolId=settings().user_pool_id, Filter=f'email ^= "{_ADDRESS}"'
    )
    left = [
        user["Username"]
        for page in pages
        for user in page["Users"]
        if user["UserCreateDate"].timestamp() * 1000 < before
    ]
    for username in left:
        delete_account(deployment, username)


def delete_account(deployment: Deployment, username: str) -> None:
    """Delete an account of the user pool. No-op if it does not exist."""
    client = deployment.client("cognito-idp")
    try:
        client.admin_delete_user(UserPoolId=settings().user_pool_id, Username=username)
    except client.exceptions.UserNotFoundException:
        return


def has_account(deployment: Deployment, email: str) -> bool:
    """Return whether an address has an account in the user pool."""
    client = deployment.client("cognito-idp")
    try:
        client.admin_get_user(UserPoolId=settings().user_pool_id, Username=email)
    except client.exceptions.UserNotFoundException:
        return False
    return True
