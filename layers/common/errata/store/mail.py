"""Send mails through SES, or else through SNS.

Without SES, a notice goes to the topic of the alarms, and an alert to a topic of its own. An alert
for somebody who does not see the project goes there even with SES. Each address has a subscription
there that lets only its own messages pass. The owner of the address confirms it and can end it.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from functools import partial

from errata.config import settings
from errata.errors import StoreError
from errata.models.alert import Mail
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
        calls = [partial(_send, each, subject, {"Text": text}) for each in recipients]
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


def send_alert(recipient: str, mail: Mail, *, is_member: bool) -> None:
    """Send a mail about an alert to one address. `is_member`: its owner sees the project.

    Raises:
        StoreError: the mail was not accepted.
    """
    if not (settings().mail_identity and is_member):
        clients.sns().publish(
            TopicArn=settings().alert_topic,
            # SNS takes ASCII and no more than 100 characters.
            Subject=mail.subject.encode("ascii", "replace").decode()[:100],
            Message=mail.text,
            MessageAttributes={"to": {"DataType": "String", "StringValue": recipient}},
        )
        return
    headers = {
        "References": mail.thread,
        "In-Reply-To": mail.thread,
        "List-Unsubscribe": f"<{mail.unsubscribe}>",
    }
    _send(
        recipient,
        mail.subject,
        {"Text": mail.text, "Html": mail.html},
        [{"Name": name, "Value": each} for name, each in headers.items()],
    )


def subscribe(address: str) -> str:
    """Ask the owner of an address to confirm that they want the alerts that are sent to it.

    Return the ARN of the subscription, "" if there is no topic. A second call for the same address
    changes nothing.
    """
    if not settings().alert_topic:
        return ""
    response = clients.sns().subscribe(
        ReturnSubscriptionArn=True,
        TopicArn=settings().alert_topic,
        Protocol="email",
        Endpoint=address,
        Attributes={"FilterPolicy": json.dumps({"to": [address]})},
    )
    return str(response["SubscriptionArn"])


def unsubscribe(subscription: str) -> None:
    """End a subscription. If that fails, only logs it: a removed channel gets nothing anyway."""
    try:
        clients.sns().unsubscribe(SubscriptionArn=subscription)
    except StoreError:
        logger.warning("subscription not ended", exc_info=True)


def _publish(subject: str, text: str) -> None:
    clients.sns().publish(TopicArn=settings().notice_topic, Subject=subject, Message=text)


def _send(
    recipient: str,
    subject: str,
    texts: Mapping[str, str],
    headers: Sequence[Mapping[str, str]] = (),
) -> None:
    """Send a mail with these texts: `Text`, `Html`."""
    # The identity may be in another region: arn:aws:ses:<region>:<account>:identity/<name>.
    region = settings().mail_identity.split(":")[3]
    body = {name: {"Data": text, "Charset": "UTF-8"} for name, text in texts.items()}
    simple = {"Subject": {"Data": subject, "Charset": "UTF-8"}, "Body": body}
    clients.sesv2(region).send_email(
        FromEmailAddress=_sender(),
        Destination={"ToAddresses": [recipient]},
        Content={"Simple": {**simple, **({"Headers": headers} if headers else {})}},
    )


def _sender() -> str:
    """Return `MailFrom`, or an address of the identity, which is an address or a domain."""
    identity = settings().mail_identity.rpartition("/")[2]
    return settings().mail_from or (identity if "@" in identity else f"errata@{identity}")
