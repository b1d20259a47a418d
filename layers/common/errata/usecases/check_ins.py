"""Accept the check-ins of scheduled jobs: queue them for the worker, with one call.

A check-in is no event. It counts against the rate limit of its key, and against no quota.
"""

import os
from collections.abc import Iterable, Mapping

from errata.errors import BodyTooLargeError, HTTPError
from errata.models.monitor import CheckIn
from errata.models.project import Access
from errata.protocol.sentry import check_ins as protocol
from errata.protocol.sentry.envelope import CHECK_IN, EnvelopeItem
from errata.store import check_ins as store
from errata.usecases import rate_leases
from errata.usecases.access import keep


def accept_items(
    items: Iterable[EnvelopeItem], access: Access, at_ms: int, *, counted: bool
) -> HTTPError | None:
    """Queue the check-ins in the items of an envelope. Return the first refusal, if any.

    `counted`: the request has counted as something else.

    Raises:
        StoreError: none was queued. The client may send the same envelope again.
    """
    refused: HTTPError | None = None
    found: list[CheckIn] = []
    sent = [each for each in items if each.type == CHECK_IN]
    for number, each in enumerate(sent):
        try:
            if number == protocol.MAX_CHECK_INS:
                raise BodyTooLargeError(f"An envelope may have {protocol.MAX_CHECK_INS} check-ins.")
            if number or counted:
                rate_leases.take_for_key(access, at_ms)
            found.append(protocol.of_item(each.payload, os.urandom(16).hex(), at_ms))
        except BodyTooLargeError as error:
            refused = refused or error
            break
        except HTTPError as error:
            refused = refused or error
    if found:
        keep(access, at_ms)
        store.send(access.project_id, found)
    return refused


def accept_request(
    slug: str, query: Mapping[str, str], body: bytes, access: Access, at_ms: int
) -> str:
    """Queue the check-in of a request. Return the id of its run, as SDKs write it.

    Raises:
        InvalidInputError, BodyTooLargeError: as `protocol.of_request`.
        UnauthorizedError: the project was deleted just now.
        StoreError: it was not queued. The client may send it again.
    """
    found = protocol.of_request(slug, query, body, os.urandom(16).hex(), at_ms)
    keep(access, at_ms)
    store.send(access.project_id, [found])
    return found.run_id or found.id
