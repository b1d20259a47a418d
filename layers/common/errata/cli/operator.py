"""Who runs the command, for the audit log."""

import socket

from errata.errors import StoreError
from errata.models.audit import Actor
from errata.store import clients


def operator() -> Actor:
    """Return the ARN of the caller's credentials, and the name of this host."""
    try:
        name = clients.sts().get_caller_identity()["Arn"]
    except StoreError:
        name = "an operator"
    return Actor(name, socket.gethostname())
