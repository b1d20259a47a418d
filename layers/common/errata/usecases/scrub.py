"""Replace secrets in the events of an endpoint, if the project's settings say so."""

from typing import Any

from errata.grouping import v1
from errata.models.event import Event, Fields, Scrubbed
from errata.models.project import Access
from errata.scrubbing import built_in


def scrub_sdk_event(sent: Fields, content: bytes | None, access: Access) -> list[Scrubbed]:
    """Replace the secrets in an SDK's event, in place. Return where they were.

    `content` is the JSON that it was parsed from, if the caller has it. Call this first: then
    nothing that is made from the event has a secret, such as its message, grouping or problems.

    Raises:
        StoreError: the rules of the project or the organization cannot be read now.
    """
    return _scrub(sent, access, content) if access.scrub else []


def client_address(address: str, access: Access) -> str:
    """Return the address of a client as its event may show it. A rule may replace it."""
    if not (access.scrub and access.scrub_rules):
        return address
    named: Fields = {"user": {"ip_address": address}}
    _scrub(named, access)
    shown: str = named["user"]["ip_address"]
    return shown


def scrub_contract_event(fields: Event, access: Access) -> Event:
    """Return the fields of an event of the ingest or the legacy API without secrets.

    It is grouped by the values as sent, so that its issue does not depend on the setting. A
    fingerprint that the client sent stays as it is.

    Raises:
        StoreError: the rules of the project or the organization cannot be read now.
    """
    if not (access.scrub and access.scrub_contract_apis):
        return fields
    event: Any = dict(fields)
    if "fingerprint" not in event:
        event["fingerprint"], event["grouping"] = v1.fingerprint(fields), "v1"
    fingerprint = event.pop("fingerprint")
    if noted := _scrub(event, access):
        event["scrubbed"] = noted
    event["fingerprint"] = fingerprint
    scrubbed: Event = event
    return scrubbed


def _scrub(fields: Fields, access: Access, content: bytes | None = None) -> list[Scrubbed]:
    if not access.scrub_rules:
        return built_in.scrub(fields, content)
    from errata.usecases import apply_scrubbing  # most deployments never need it

    return apply_scrubbing.scrub(fields, access, content)
