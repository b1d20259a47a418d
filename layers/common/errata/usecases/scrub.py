"""Replace secrets in the events of an endpoint, if the project's settings say so."""

from typing import Any

from errata.grouping import v1
from errata.models.event import Event, Fields, Scrubbed
from errata.models.project import Access
from errata.scrubbing.fields import scrub


def scrub_sdk_event(sent: Fields, content: bytes | None, access: Access) -> list[Scrubbed]:
    """Replace the secrets in an SDK's event, in place. Return where they were.

    `content` is the JSON that it was read from, if it is at hand.
    This comes before the event is read: so nothing that is made from it has a secret, such as its
    message, its grouping or its problems.
    """
    return scrub(sent, content) if access.scrub else []


def scrub_contract_event(fields: Event, access: Access) -> Event:
    """Return the fields of an event of the ingest or the legacy API without secrets.

    It is grouped by the values as sent, so that its issue does not depend on the setting. A
    fingerprint that the client sent stays as it is.
    """
    if not (access.scrub and access.scrub_contract_apis):
        return fields
    event: Any = dict(fields)
    if "fingerprint" not in event:
        event["fingerprint"], event["grouping"] = v1.fingerprint(fields), "v1"
    fingerprint = event.pop("fingerprint")
    if noted := scrub(event):
        event["scrubbed"] = noted
    event["fingerprint"] = fingerprint
    scrubbed: Event = event
    return scrubbed
