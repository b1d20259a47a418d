"""Accept envelopes of Sentry SDKs: store each event once, and count what is lost."""

import hashlib
import os
from dataclasses import dataclass

from errata.caches import BoundedDict
from errata.errors import (
    BodyTooLargeError,
    ConflictError,
    HTTPError,
    InvalidInputError,
    StoreError,
    UnavailableError,
)
from errata.grouping import v2
from errata.models.event import Event, Fields, Problem
from errata.models.ids import DAY_MS, named_event_id, new_event_id, now_ms, sdk_event_id
from errata.models.project import Access
from errata.models.times import PROMPT_MS
from errata.protocol.body import MAX_JSON_BYTES, parse_object, too_large
from errata.protocol.sentry import event as protocol
from errata.protocol.sentry.envelope import MAX_EVENTS, Envelope, within_limits
from errata.protocol.sentry.forms import note_attachments
from errata.protocol.sentry.reports import discarded
from errata.store import events
from errata.store.retry import attempts
from errata.usecases import admission, rate_limit, report_losses
from errata.usecases.admission import Admitted
from errata.usecases.prepare import prepare
from errata.usecases.scrub import client_address, scrub_sdk_event

# Correct clocks differ by less than this.
_AHEAD_MS = 1_000
# Many clocks are off by hours, because of a wrong time zone or daylight saving time.
_FAR_AHEAD_MS = DAY_MS
_TRIES = 6

# Project and event id of the events that this process has stored. If an SDK sends an event again at
# once, no call to the store is needed.
_stored = BoundedDict[tuple[str, str], None](max_entries=10_000)


def accept(envelope: Envelope, access: Access, address: str, now_ms: int) -> str:
    """Store each event of an envelope, unless it was stored before, and count what is lost.

    Items of other kinds (sessions, transactions, …) are dropped. Errors among them, such as
    minidumps, and the losses in client reports are counted. `address` is the client's. Returns the
    id of the first event as SDKs write it, or the id of the envelope if it has no event.

    Raises:
        HTTPError: an event is refused. The other events are stored.
        StoreError: the store failed. The events before are stored; the client may send the same
            envelope again.
    """
    reports = [item.payload for item in envelope.items if item.type == "client_report"]
    lost = discarded(reports)
    if unreadable := sum(item.unreadable for item in envelope.items):
        lost["unsupported"] = unreadable
    report_losses.note_all(access.project_id, lost)
    if not envelope.events:
        if envelope.problem:
            with report_losses.counted(access.project_id):
                problem = f"The envelope cannot be read: {envelope.problem}."
                raise InvalidInputError({"body": [problem]})
        return sdk_event_id(envelope.headers.get("event_id")) or os.urandom(16).hex()
    return _store_all(envelope, access, address, now_ms)


def _store_all(envelope: Envelope, access: Access, address: str, now_ms: int) -> str:
    """Store the events. Raise the first refusal after all have been tried."""
    sent = envelope.events
    events = within_limits(sent)
    refused: HTTPError | None = None
    if over := len(sent) - len(events):
        report_losses.note(access.project_id, "too_large", over)
        refused = BodyTooLargeError(
            f"An envelope may have {MAX_EVENTS} events, of {MAX_JSON_BYTES} bytes together."
        )
    ids = []
    for number, payload in enumerate(events):
        submission = SdkSubmission(envelope, payload, address, number)
        try:
            if number:
                # The request has counted as one event.
                with report_losses.counted(access.project_id):
                    rate_limit.take_for_key(access, now_ms)
            ids.append(admission.store_event(submission, access, now_ms).id)
        except HTTPError as error:
            refused = refused or error
        except StoreError:
            if left := len(events) - number - 1:
                report_losses.note(access.project_id, "unavailable", left)
            raise
    if refused:
        raise refused
    return ids[0]


@dataclass(slots=True)
class SdkSubmission:
    """An event of an envelope, with its number among the events; `address` is the client's."""

    envelope: Envelope
    payload: bytes
    address: str
    number: int = 0
    # Set by `read`: the id and the timestamp that the SDK gave the event, or None.
    named: str | None = None
    happened_ms: int | None = None

    def read(self, access: Access, now_ms: int) -> Event:
        """Return the event's fields, grouped. An event without an id gets one."""
        if len(self.payload) > MAX_JSON_BYTES:
            raise too_large(MAX_JSON_BYTES)
        sent = parse_object(self.payload)
        scrubbed = scrub_sdk_event(sent, self.payload, access)
        headers = self.envelope.headers
        self.named = self._named(sent.get("event_id"))
        self.happened_ms = protocol.milliseconds(sent.get("timestamp"))
        sent_at_ms = protocol.milliseconds(headers.get("sent_at"))
        address = client_address(self.address, access)
        fields, fingerprint = protocol.to_fields(sent, now_ms, sent_at_ms, address)
        fields["event_id"] = self.named or os.urandom(16).hex()
        problems: list[Problem] = []
        if self.envelope.problem:
            problems.append({"field": "envelope", "problem": self.envelope.problem})
        note_attachments(self._attachments(access), problems)
        if problems:
            fields["problems"] = [*problems, *fields.get("problems", ())]
        if scrubbed:
            fields["scrubbed"] = scrubbed
        grouping = v2.group(fields, fingerprint)
        fields["fingerprint"] = grouping.fingerprint
        fields["grouping"] = grouping.made_by
        fields["grouped_by"] = grouping.grouped_by
        return fields

    def _attachments(self, access: Access) -> list[str]:
        """Return the names of the attachments without secrets."""
        named: Fields = {"attachments": [*self.envelope.attachments]}
        if self.envelope.attachments:
            scrub_sdk_event(named, None, access)
        names: list[str] = named["attachments"]
        return names

    def _named(self, own: object) -> str | None:
        """Return the id that the SDK gave the event, None if it gave none.

        An envelope's id is that of its first event. The id of another event without its own is
        derived from it, so that it is the same if the SDK sends the envelope again.
        """
        of_envelope = sdk_event_id(self.envelope.headers.get("event_id"))
        if self.number == 0:
            return of_envelope or sdk_event_id(own)
        if of_envelope and sdk_event_id(own) is None:
            return hashlib.sha256(f"{of_envelope}#{self.number}".encode()).hexdigest()[:32]
        return sdk_event_id(own)

    def find_earlier(self, access: Access, now_ms: int) -> Admitted | None:
        """Return the event if this process has already stored it."""
        if self.named and (access.project_id, self.named) in _stored:
            return Admitted(self.named, access.project_id, stored=False)
        return None

    def store(self, fields: Event, access: Access) -> Admitted:
        """Store the event with one call, unless it was stored before.

        See docs/decisions/0020-event-ids-of-sdks.md.
        """
        earlier = self.find_earlier(access, 0)
        if earlier:
            return earlier
        if access.rules:
            from errata.usecases import apply_rules  # most deployments never need it

            apply_rules.apply(access, fields)
        admitted = self._put(fields, access)
        if self.named:
            _stored[access.project_id, self.named] = None
        return admitted

    def _marker_ms(self, at_ms: int) -> int:
        """Return the time in the id of the dedup marker, or in the event's own id.

        0 if the SDK sent no time, or one that is far ahead: markers in the future would stay above
        all events, and everybody who reads the newest events would read them first.
        """
        happened_ms = self.happened_ms or 0
        return happened_ms if happened_ms <= at_ms + _FAR_AHEAD_MS else 0

    def _put(self, fields: Event, access: Access) -> Admitted:
        at_ms = now_ms()
        shown_id: str = fields["event_id"]
        if self.named is None:
            item, trimmed = prepare(fields, access, new_event_id(at_ms), at_ms)
            events.put(item)
            return Admitted(shown_id, access.project_id, trimmed=trimmed)
        own_id = named_event_id(self._marker_ms(at_ms), self.named)
        if self.happened_ms is not None and -_AHEAD_MS <= at_ms - self.happened_ms <= PROMPT_MS:
            item, trimmed = prepare(fields, access, own_id, at_ms, received_ms=at_ms)
            stored = events.put_new(item)
            return Admitted(shown_id, access.project_id, stored, trimmed=stored and trimmed)
        item, trimmed = prepare(fields, access, new_event_id(at_ms), at_ms)
        for _ in attempts(_TRIES):
            try:
                stored = events.put_with_marker(item, own_id)
            except ConflictError:
                continue
            return Admitted(shown_id, access.project_id, stored, trimmed=stored and trimmed)
        raise UnavailableError


def clear_cache() -> None:
    """Drop the cached ids of stored events."""
    _stored.clear()
