"""Accept exceptions and log records of OpenTelemetry, and log records of SDKs, as events.

See docs/decisions/0070-opentelemetry.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic_core import to_json

from errata.errors import HTTPError, RateLimitedError, StoreError
from errata.models.project import Access
from errata.protocol.otlp import sdk_logs
from errata.protocol.otlp.event import Names, to_sdk_event
from errata.protocol.otlp.records import MAX_EVENTS, Batch, Signal, TelemetryRecord
from errata.protocol.sentry.envelope import Envelope
from errata.usecases import admission, rate_leases, report_losses
from errata.usecases.sentry import SdkSubmission

_DROPPED: dict[Signal, str] = {
    "traces": "Errata keeps spans with exceptions.",
    "logs": "Errata keeps log records with exceptions, and others of level error if the project"
    " wants them.",
}


@dataclass(frozen=True, slots=True)
class Rejected:
    """How many spans or log records led to no event, and why. "" if all did."""

    number: int
    why: str


def accept(batch: Batch, signal: Signal, access: Access, address: str, now_ms: int) -> Rejected:
    """Store the records of a batch as events, each unless it was stored before.

    If one is refused, the others are stored all the same. `address` is the client's.

    Raises:
        StoreError: the store failed. The client may send the same request again: what is stored is
            not stored twice.
    """
    storing = _Storing(access, address, now_ms)
    rejected = batch.number - len(batch.kept)
    why = [_DROPPED[signal]] if rejected else []
    if batch.over:
        report_losses.note(access.project_id, "too_large", batch.over)
        why.append(f"A request may have {MAX_EVENTS} events. {batch.over} more were refused.")
    rejected += storing.store(batch.kept)
    return Rejected(rejected, " ".join(why + storing.refusals()))


def accept_sdk_logs(
    payloads: Iterable[bytes], access: Access, address: str, now_ms: int, *, counted: bool
) -> HTTPError | None:
    """Store the log records of level error in the `log` items of an envelope, as events.

    If an item cannot be read, the others are stored all the same. Returns the error of the first
    such item, None if there is none. `counted`: the request has counted as something else.

    Raises:
        StoreError: as for `accept`.
    """
    batch = Batch()
    refused: HTTPError | None = None
    for payload in payloads:
        try:
            with report_losses.counted(access.project_id):
                sdk_logs.read(payload, batch)
        except HTTPError as error:
            refused = refused or error
    if batch.over:
        report_losses.note(access.project_id, "too_large", batch.over)
    _Storing(access, address, now_ms, counted=counted).store(batch.kept)
    return refused


class _Storing:
    """Stores the events of one request."""

    def __init__(self, access: Access, address: str, now_ms: int, *, counted: bool = False) -> None:
        self._access, self._address, self._now_ms = access, address, now_ms
        self._counted = counted
        self._names = Names()
        # Each message once, with the number of events.
        self._refused: dict[str, int] = {}

    def store(self, kept: list[list[TelemetryRecord]]) -> int:
        """Store the records. Return how many groups led to no event.

        Once the rate limit is reached, the rest is refused without a call. The client is not asked
        to repeat the request: each try would spend tokens on the events that are stored already.
        """
        records = [(group, record) for group, each in enumerate(kept) for record in each]
        stored: set[int] = set()
        for number, (group, record) in enumerate(records):
            left = len(records) - number - 1
            try:
                # The request has counted as one event: this one, or another that it has.
                if (number or self._counted) and not self._take(left):
                    break
                self._store(record)
                stored.add(group)
            except HTTPError as refused:
                self._refuse(refused, 1)
            except StoreError:
                if left:
                    report_losses.note(self._access.project_id, "unavailable", left)
                raise
        return len(kept) - len(stored)

    def refusals(self) -> list[str]:
        """Return why events were refused, in words."""
        return [f"{number} events: {message}" for message, number in self._refused.items()]

    def _take(self, left: int) -> bool:
        """Count an event against the rate limit. Return False if that is reached.

        Then refuses this event and the `left` ones after it.
        """
        try:
            with report_losses.counted(self._access.project_id):
                rate_leases.take_for_key(self._access, self._now_ms)
        except RateLimitedError as limited:
            if left:
                report_losses.note(self._access.project_id, limited.loss, left)
            self._refuse(limited, left + 1)
            return False
        return True

    def _refuse(self, error: HTTPError, number: int) -> None:
        self._refused[error.message] = self._refused.get(error.message, 0) + number

    def _store(self, record: TelemetryRecord) -> None:
        sent = to_sdk_event(record)
        named, same_time = self._names.of(record, sent)
        if named:
            sent["event_id"] = named
        payload = to_json(sent, inf_nan_mode="null")
        submission = SdkSubmission(
            Envelope({}, ()),
            payload,
            self._address,
            same_time=same_time,
            problems=record.problems,
        )
        admission.store_event(submission, self._access, self._now_ms)
