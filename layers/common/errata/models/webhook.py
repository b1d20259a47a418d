"""Outbound webhooks: endpoints, what is sent to them, and the attempts at it."""

from dataclasses import dataclass

ISSUE_CREATED = "issue.created"
TEST = "webhook.test"
# What an endpoint may choose. `webhook.test` goes to any, when an operator asks for it.
EVENT_TYPES = (ISSUE_CREATED,)

MAX_FORMERS = 20

DISABLED_GONE = "it answered 410 Gone"
DISABLED_FAILING = "every delivery failed for 5 days"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a project's notices go. Times in milliseconds since the epoch.

    `rotated_at` is when its secret was last replaced; `failing_since` is the first of an unbroken
    row of failed attempts. A disabled endpoint gets nothing until it is enabled again.
    """

    id: str
    project_id: str
    url: str
    events: tuple[str, ...]
    created_at: int
    rotated_at: int | None = None
    failing_since: int | None = None
    disabled_at: int | None = None
    disabled_reason: str = ""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What signs an endpoint's notices: after a rotation the former secrets too, for a while.

    Each of `formers` comes with the time, in milliseconds since the epoch, at which it is over.
    """

    current: str
    formers: tuple[tuple[str, int], ...] = ()

    def signing(self, at_ms: int) -> list[str]:
        """The secrets that sign at this time, the newest first."""
        return [self.current, *(secret for secret, until in self.formers if until > at_ms)]

    def rotated(self, secret: str, at_ms: int, until_ms: int) -> "Secrets":
        """With a new secret; the one before signs until `until_ms`.

        Of former ones it keeps the newest `MAX_FORMERS`: they must fit into a parameter of SSM.
        """
        live = [each for each in self.formers if each[1] > at_ms]
        return Secrets(secret, ((self.current, until_ms), *live)[:MAX_FORMERS])


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
