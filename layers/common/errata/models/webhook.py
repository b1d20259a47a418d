"""Outbound webhooks, their messages and delivery attempts."""

from dataclasses import dataclass

ISSUE_CREATED = "issue.created"
ISSUE_REGRESSED = "issue.regressed"
ISSUE_RESOLVED = "issue.resolved"
ISSUE_RISING = "issue.rising"
ISSUE_ASSIGNED = "issue.assigned"
TEST = "webhook.test"
# The event types that a webhook can subscribe to. `webhook.test` is sent to any webhook on
# request.
EVENT_TYPES = (ISSUE_CREATED, ISSUE_REGRESSED, ISSUE_RESOLVED, ISSUE_RISING, ISSUE_ASSIGNED)

MAX_FORMERS = 20
# The kind of a webhook. Other kinds are those of channels (`errata.protocol.channels`).
WEBHOOK = "webhook"

DISABLED_GONE = "the response was 410 Gone"
DISABLED_FAILING = "all deliveries failed for 5 days"
# The `error` of an attempt that was not made.
NOT_SENT = "Not sent, because the webhook is disabled."


@dataclass(frozen=True, slots=True)
class Webhook:
    """A URL that receives a project's messages. Times are in milliseconds since the epoch.

    A channel of alerts is stored in the same way, with another kind. It has no event types: rules
    say what it receives (`errata.models.alert`).

    Attributes:
        url: for a channel, the part of its address that is shown. A secret address is stored with
            the secrets.
        rotated_at: when the secret was last replaced.
        failing_since: time of the first failed attempt since the last success. None if the
            webhook is not failing.
        disabled_at: when the webhook was disabled. A disabled webhook receives no messages.
        name: what people call a channel. "" for a webhook.
        failures: failed deliveries of a channel since the last success.
        muted_until: rules do not tell a channel before this time.
        subscription: the ARN of the SNS subscription of an e-mail channel without SES.
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
    kind: str = WEBHOOK
    name: str = ""
    failures: int = 0
    muted_until: int = 0
    subscription: str = ""


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


# ADMITTED: the message may be sent. LEADS: it is sent later, together with those held for it.
ADMITTED, LEADS = "admitted", "leads"


@dataclass(frozen=True, slots=True)
class Delivery:
    """The state of a delivery: the number of attempts, and when the next one is due.

    Attributes:
        over: there are no more attempts.
        role: what flood control has decided: `ADMITTED`, `LEADS`, or "" if it was not asked.
        group: for a leader, the group of the messages that are held for it.
        mailed: hashes of the mail addresses that have accepted or refused the message for good.
    """

    attempts: int = 0
    due_at: int = 0
    over: bool = False
    role: str = ""
    mailed: tuple[str, ...] = ()
    group: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A delivery attempt. `status` is None if there was no response; `error` says why.

    `issues` is how many issues the message was about.
    """

    id: str
    message: Message
    number: int
    status: int | None
    duration_ms: int
    error: str = ""
    issues: int = 1
