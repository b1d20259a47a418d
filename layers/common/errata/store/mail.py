"""Send mails through SES, or else messages to the SNS topic of the alarms."""

import logging
from collections.abc import Sequence
from functools import partial

from errata.config import settings
from errata.errors import StoreError
from errata.store import clients

logger = logging.getLogger("errata")


def configured() -> bool:
    """Return whether this deployment can send mails or messages."""
    return bool(settings().mail_identity or settings().notice_topic)


def send(recipients: Sequence[str], subject: str, text: str) -> bool:
    """Send a mail to each of these addresses. Return whether at least one was accepted.

    `subject` is ASCII, at most 100 characters. Without SES, all subscribers of the topic get the
    message.

    Raises:
        StoreError: there was no response, and nothing was accepted before.
    """
    if not settings().mail_identity:
        calls = [partial(_publish, subject, text)]
    else:
        # One mail each: SES refuses a mail as a whole if it does not accept one of its addresses.
        calls = [partial(_send, each, subject, text) for each in recipients]
    accepted = False
    for call in calls:
        try:
            call()
            accepted = True
        except StoreError as error:
            logger.warning("notice not sent", exc_info=True)
            if not error.code:  # no response: each further call would wait for seconds, too
                if not accepted:
                    raise
                break
    return accepted


def _publish(subject: str, text: str) -> None:
    clients.sns().publish(TopicArn=settings().notice_topic, Subject=subject, Message=text)


def _send(recipient: str, subject: str, text: str) -> None:
    # The identity may be in another region: arn:aws:ses:<region>:<account>:identity/<name>.
    region = settings().mail_identity.split(":")[3]
    clients.sesv2(region).send_email(
        FromEmailAddress=_sender(),
        Destination={"ToAddresses": [recipient]},
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
