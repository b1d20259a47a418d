"""Accept what people write about errors, once, and list it."""

from collections.abc import Iterable

from errata.errors import (
    ConditionFailedError,
    ConflictError,
    HTTPError,
    UnauthorizedError,
    UnavailableError,
)
from errata.models.event import Fields, pack, unpack
from errata.models.feedback import Feedback
from errata.models.ids import DAY_MS, UUID, named_event_id, new_event_id
from errata.models.project import Access
from errata.models.visible import Visible
from errata.protocol.sentry import feedback as protocol
from errata.protocol.sentry.envelope import FEEDBACK, MAX_EVENTS, EnvelopeItem
from errata.store import events
from errata.store import feedback as store
from errata.store.items import TypedItem
from errata.store.retry import attempts
from errata.usecases import quota, rate_leases, report_losses
from errata.usecases.access import keep
from errata.usecases.scrub import scrub_sdk_event

_TRIES = 6
# The most feedback that the page of an event shows.
MOST_OF_EVENT = 20


def accept_items(
    items: Iterable[EnvelopeItem], access: Access, at_ms: int, *, counted: bool
) -> HTTPError | None:
    """Store the feedback in the items of an envelope. Return the first refusal, if any.

    `counted`: the request has counted as something else.

    Raises:
        StoreError: the store failed. The client may send the same envelope again.
    """
    refused: HTTPError | None = None
    for number, each in enumerate([each for each in items if each.type in FEEDBACK]):
        try:
            with report_losses.counted(access.project_id):
                if number or counted:
                    rate_leases.take_for_key(access, at_ms)
                if number == MAX_EVENTS:
                    report_losses.note(access.project_id, "too_large")
                    break
                accept(protocol.read(each.type, each.payload), access, at_ms)
        except HTTPError as error:
            refused = refused or error
    return refused


def accept(sent: tuple[Feedback, str], access: Access, at_ms: int) -> None:
    """Store a feedback, unless one of its name was stored. Takes a quota unit.

    `sent` is the feedback and its name.

    Raises:
        PaymentRequiredError: the quota is reached, or an invoice is unpaid.
        UnauthorizedError: the project was deleted just now.
        StoreError: the store failed. The feedback may be stored.
    """
    feedback, name = sent
    with quota.unit(access, at_ms) as unit:
        keep(access, at_ms)
        if not access.feedback:
            try:
                store.note(access.project_id, at_ms)
            except ConditionFailedError:
                raise UnauthorizedError.unknown() from None
        fields: Fields = protocol.to_fields(feedback)
        scrub_sdk_event(fields, None, access)
        packed = pack(fields)  # type: ignore[arg-type]  # some of an event's fields
        row = store.item(
            access.project_id,
            new_event_id(at_ms),
            feedback.event_id,
            packed,
            at_ms // 1000 + access.retention_days * DAY_MS // 1000,
        )
        if not _put(row, named_event_id(0, f"feedback {name}")):
            unit.give_back()


def _put(row: TypedItem, marker: str) -> bool:
    for _ in attempts(_TRIES):
        try:
            return events.put_with_marker(row, marker)
        except ConflictError:
            continue
    raise UnavailableError


def newest(visible: Visible, most: int, before: str = "") -> list[Feedback]:
    """Return the newest feedback of a project, newest first.

    `before`: only feedback with a lower id; none if this text is no id.
    """
    if before and (before <= visible.low or not UUID.fullmatch(before)):
        return []
    return _shown(visible, store.newest(visible.project_id, visible.low, before or "~", most))


def of_event(visible: Visible, sdk_id: str) -> list[Feedback]:
    """Return the newest feedback about an event, newest first."""
    return _shown(visible, store.of_event(visible.project_id, sdk_id, visible.low, MOST_OF_EVENT))


def _shown(visible: Visible, items: Iterable[TypedItem]) -> list[Feedback]:
    return [
        protocol.from_fields(each["sk"]["S"], unpack(each["feedback"]["B"]))
        for each in items
        if int(each["ttl"]["N"]) > visible.now_s
        and not visible.watermark.hides(each["sk"]["S"], None)
    ]
