"""Outbound webhooks: endpoints, what is sent to them, and the attempts at it."""

from dataclasses import dataclass

ISSUE_CREATED = "issue.created"
TEST = "webhook.test"
# What an endpoint may choose. `webhook.test` goes to any, when an operator asks for it.
EVENT_TYPES = (ISSUE_CREATED,)

DISABLED_GONE = "it answered 410 Gone"
DISABLED_FAILING = "every delivery failed for 5 days"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a project's notices go. Times in milliseconds since the epoch.

    `failing_since` is the first of an unbroken row of failed attempts. A disabled endpoint gets
    nothing until it is enabled again.
    """

    id: str
    project_id: str
    url: str
    events: tuple[str, ...]
    created_at: int
    failing_since: int | None = None
    disabled_at: int | None = None
    disabled_reason: str = ""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What signs an endpoint's notices: after a rotation the former secret too, for a while."""

    current: str
    former: str = ""
    former_until: int = 0

    def signing(self, at_ms: int) -> list[str]:
        """The secrets that sign at this time, the current one first."""
        return [self.current, self.former] if self.former_until > at_ms else [self.current]


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to one endpoint. `id` is its `webhook-id`, the same whenever it is sent.

    `round` tells a redelivery by hand from the first delivery; attempts are counted within it.
    """

    id: str
    project_id: str
    endpoint_id: str
    event: str
    body: str
    round: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver a notice. `status` is None when no answer came; `error` says why."""

    id: str
    notice: Notice
    number: int
    status: int | None
    duration_ms: int
    error: str = ""
