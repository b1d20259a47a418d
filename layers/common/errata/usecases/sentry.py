"""Accept envelopes of Sentry SDKs: store the event once, and count the client reports."""

import os
from dataclasses import dataclass

from errata.caches import BoundedDict
from errata.errors import ConflictError, InvalidInputError, UnavailableError
from errata.grouping import v2
from errata.models.event import Event, Problem
from errata.models.ids import DAY_MS, named_event_id, new_event_id, now_ms
from errata.models.project import Access
from errata.models.times import PROMPT_MS
from errata.protocol.body import MAX_JSON_BYTES, parse_object, too_large
from errata.protocol.sentry import event as protocol
from errata.protocol.sentry.envelope import Envelope
from errata.protocol.sentry.reports import discarded
from errata.store import events
from errata.store.retry import attempts
from errata.usecases import admission, report_losses
from errata.usecases.admission import Admitted
from errata.usecases.prepare import prepare

# Correct clocks differ by less than this.
_AHEAD_MS = 1_000
# A clock that is off by an hour is common, by a time zone or a missing summer time.
_FAR_AHEAD_MS = DAY_MS
_TRIES = 6

# Project and event id of the events that this process has stored. If an SDK sends an event again at
# once, no call to the store is needed.
_stored = BoundedDict[tuple[str, str], None](max_entries=10_000)


def accept(envelope: Envelope, access: Access, address: str, now_ms: int) -> str:
    """Store the event of an envelope, unless it was stored before, and count its client reports.

    Items of other kinds (sessions, transactions, …) are dropped. `address` is the client's. Returns
    the id of the event as SDKs write it, or the id of the envelope if it has no event.

    Raises:
        HTTPError: the event is refused; nothing is stored.
    """
    reports = [item.payload for item in envelope.items if item.type == "client_report"]
    report_losses.note_all(access.project_id, discarded(reports))
    if envelope.event is None:
        if envelope.problem:
            raise InvalidInputError({"body": [f"The envelope cannot be read: {envelope.problem}."]})
        return protocol.event_id(envelope.headers.get("event_id")) or os.urandom(16).hex()
    return admission.store_event(
        SdkSubmission(envelope, envelope.event, address), access, now_ms
    ).id


@dataclass(slots=True)
class SdkSubmission:
    """The event item of an envelope; `address` is the client's."""

    envelope: Envelope
    payload: bytes
    address: str
    # Set by `read`: the id and the timestamp that the SDK gave the event, or None.
    named: str | None = None
    happened_ms: int | None = None

    def read(self, now_ms: int) -> Event:
        """Return the event's fields, grouped. An event without an id gets one."""
        if len(self.payload) > MAX_JSON_BYTES:
            raise too_large(MAX_JSON_BYTES)
        sent = parse_object(self.payload)
        headers = self.envelope.headers
        self.named = protocol.event_id(headers.get("event_id")) or protocol.event_id(
            sent.get("event_id")
        )
        self.happened_ms = protocol.milliseconds(sent.get("timestamp"))
        sent_at_ms = protocol.milliseconds(headers.get("sent_at"))
        fields, fingerprint = protocol.to_fields(sent, now_ms, sent_at_ms, self.address)
        fields["event_id"] = self.named or os.urandom(16).hex()
        if self.envelope.problem:
            problem: Problem = {"field": "envelope", "problem": self.envelope.problem}
            fields["problems"] = [*fields.get("problems", ()), problem]
        grouping = v2.group(fields, fingerprint)
        fields["fingerprint"] = grouping.fingerprint
        fields["grouping"] = grouping.made_by
        fields["grouped_by"] = grouping.grouped_by
        return fields

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
        admitted = self._put(fields, access)
        if self.named:
            _stored[access.project_id, self.named] = None
        return admitted

    def _marker_ms(self, at_ms: int) -> int:
        """Return the time in the id that excludes a second copy of the event.

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
