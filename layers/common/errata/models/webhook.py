"""Outbound webhooks, their messages and delivery attempts."""

from dataclasses import dataclass

ISSUE_CREATED = "issue.created"
TEST = "webhook.test"
# The event types that a webhook can subscribe to. `webhook.test` is sent to any webhook on
# request.
EVENT_TYPES = (ISSUE_CREATED,)

MAX_FORMERS = 20

DISABLED_GONE = "the response was 410 Gone"
DISABLED_FAILING = "all deliveries failed for 5 days"
# The `error` of an attempt that was not made.
NOT_SENT = "Not sent, because the webhook is disabled."


@dataclass(frozen=True, slots=True)
class Webhook:
    """A URL that receives a project's messages. Times are in milliseconds since the epoch.

    Attributes:
        rotated_at: when the secret was last replaced.
        failing_since: time of the first failed attempt since the last success. None if the
            webhook is not failing.
        disabled_at: when the webhook was disabled. A disabled webhook receives no messages.
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
    """The secrets that sign a webhook's messages.

    `formers` are the replaced secrets. Each has an end time (milliseconds since the epoch) and
    signs messages until then.
    """

    current: str
    formers: tuple[tuple[str, int], ...] = ()

    def signing(self, at_ms: int) -> list[str]:
        """Return the secrets that are valid at `at_ms`, newest first."""
        return [self.current, *(secret for secret, until in self.formers if until > at_ms)]

    def rotated(self, secret: str, at_ms: int, until_ms: int) -> "Secrets":
        """Return the secrets after a rotation to `secret`. The old one signs until `until_ms`.

        Keeps only the newest `MAX_FORMERS` old secrets, because all must fit into an SSM parameter.
        """
        live = [each for each in self.formers if each[1] > at_ms]
        return Secrets(secret, ((self.current, until_ms), *live)[:MAX_FORMERS])


@dataclass(frozen=True, slots=True)
class Message:
    """A message to one webhook.

    Attributes:
        id: the `webhook-id`, the same for every attempt.
        delivery: "" for the first delivery. Each redelivery has its own value and counts its own
            attempts.
    """

    id: str
    project_id: str
    webhook_id: str
    event: str
    body: str
    delivery: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The state of a delivery: the number of attempts, and when the next one is due.

    `over` means that there are no more attempts.
    """

    attempts: int = 0
    due_at: int = 0
    over: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """A delivery attempt. `status` is None if there was no response; `error` says why."""

    id: str
    message: Message
    number: int
    status: int | None
    duration_ms: int
    error: str = ""
