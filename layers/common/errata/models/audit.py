"""The audit log: what people and the operator's command have changed."""

import re
from dataclasses import dataclass

AUDIT_ID = re.compile(r"[0-9]{19}#[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a change, and from where.

    `name` is the e-mail address of a member, or the ARN of an operator. `address` is the caller's
    IP address, or the operator's host.
    """

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A change in the audit log of an organization.

    Attributes:
        id: sorts by time.
        at_ms: when it began, in milliseconds since the epoch.
        action: what was done, such as `key created`.
        project_id: "" if it concerns the organization. `project_name` is the name at that time.
        details: the new values, such as `label ci`. No secrets.
        finished: False if it was cut off, or is not finished yet. It may have taken effect.
    """

    id: str
    organization_id: str
    at_ms: int
    actor: Actor
    action: str
    project_id: str = ""
    project_name: str = ""
    details: str = ""
    finished: bool = False
