"""Mails to people: through SES, or else to the SNS topic of the alarms."""

from collections.abc import Sequence
from itertools import batched

from errata.config import settings
from errata.store import clients

_RECIPIENTS = 50  # of one mail, at SES


def configured() -> bool:
    """Return whether mails reach anybody in this deployment."""
    return bool(settings().mail_identity or settings().notice_topic)


def send(recipients: Sequence[str], subject: str, text: str) -> None:
    """Send a mail to these addresses.

    `subject` is ASCII, at most 100 characters. Without SES, all subscribers of the topic get the
    message.

    Raises:
        StoreError: SES or SNS has refused it.
    """
    if not settings().mail_identity:
        clients.sns().publish(TopicArn=settings().notice_topic, Subject=subject, Message=text)
        return
    for some in batched(recipients, _RECIPIENTS, strict=False):
        clients.sesv2().send_email(
            FromEmailAddress=_sender(),
            Destination={"ToAddresses": list(some)},
            Content={
                "Simple": {
                    "Subject": {"Data": subject, "Charset": "UTF-8"},
                    "Body": {"Text": {"Data": text, "Charset": "UTF-8"}},
                }
            },
        )


def _sender() -> str:
    """Return `MailFrom`, or an address of the identity, which is an address or a domain."""
    identity = settings().mail_identity.rpartition("/")[2]
    return settings().mail_from or (identity if "@" in identity else f"errata@{identity}")
