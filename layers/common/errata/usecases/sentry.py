"""Accept envelopes of Sentry SDKs: store each event once, and count what is lost.

Most events of an error loop are stored as tallies (`errata.models.tally`).
"""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from errata.caches import BoundedDict
from errata.errors import (
    BodyTooLargeError,
    ConflictError,
    FailureReportedError,
    HTTPError,
    InvalidInputError,
    OpenMarkerError,
    StoreError,
    ThrottledError,
    UnavailableError,
)
from errata.grouping import v2
from errata.models.event import Event, Fields, Problem, Scrubbed
from errata.models.ids import (
    DAY_MS,
    issue_id,
    named_event_id,
    new_event_id,
    now_ms,
    sdk_event_id,
)
from errata.models.project import Access
from errata.models.tally import is_kept
from errata.models.times import PROMPT_MS
from errata.protocol.body import MAX_JSON_BYTES, parse_object, too_large
from errata.protocol.sentry import event as protocol
from errata.protocol.sentry.envelope import CHECK_IN, FEEDBACK, MAX_EVENTS, Envelope, within_limits
from errata.protocol.sentry.forms import note_attachments, split_texts
from errata.protocol.sentry.reports import discarded
from errata.store import events, late_events
from errata.store.items import TypedItem
from errata.store.retry import attempts
from errata.usecases import admission, ceilings, error_loops, rate_leases, report_losses
from errata.usecases.admission import Admitted
from errata.usecases.prepare import Prepared, prepare, prepare_tally
from errata.usecases.scrub import client_address, scrub_sdk_event

if TYPE_CHECKING:
    from errata.store.failure_markers import FailureMarker

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

    Check-ins of cron monitors are queued first. Items of other kinds (sessions, transactions, …)
    are dropped. Errors among them, such as minidumps, and the losses in client reports are counted.
    `address` is the client's. Returns the id of the first event as SDKs write it, or the id of the
    envelope if it has no event.

    Raises:
        HTTPError: an event is refused; or, if there is no event, feedback, a check-in or a log
            record. The others are stored.
        StoreError: the store failed. The events before are stored; the client may send the same
            envelope again.
    """
    reports = [item.payload for item in envelope.items if item.type == "client_report"]
    lost = discarded(reports)
    if unreadable := sum(item.unreadable for item in envelope.items):
        lost["unsupported"] = unreadable
    report_losses.note_all(access.project_id, lost)
    counted = bool(envelope.events)
    refused: HTTPError | None = None
    if any(item.type == CHECK_IN for item in envelope.items):
        from errata.usecases import check_ins  # few applications have cron monitors

        refused = check_ins.accept_items(envelope.items, access, now_ms, counted=counted)
    if access.log_errors and (logs := [i.payload for i in envelope.items if i.type == "log"]):
        from errata.usecases import otlp  # most projects have not asked for it

        other = otlp.accept_sdk_logs(logs, access, address, now_ms, counted=counted)
        refused = refused or other
    if any(item.type in FEEDBACK for item in envelope.items):
        from errata.usecases import feedback  # people write seldom

        other = feedback.accept_items(envelope.items, access, now_ms, counted=counted)
        refused = refused or other
    if not envelope.events:
        if envelope.problem:
            with report_losses.counted(access.project_id):
                problem = f"The envelope cannot be read: {envelope.problem}."
                raise InvalidInputError({"body": [problem]})
        if refused:
            raise refused
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
                    rate_leases.take_for_key(access, now_ms)
            admitted = admission.store_event(submission, access, now_ms)
            ids.append(admitted.id)
            if submission.files:
                from errata.usecases import attachments  # few projects keep them

                attachments.keep(submission.files, admitted.id, access, now_ms)
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
    """An event of an envelope, with its number among the events; `address` is the client's.

    `problems`: what was left out before. `same_time` is False if copies of the event may have other
    timestamps. Then each is stored like a late one: only a dedup marker tells that it is a copy.
    """

    envelope: Envelope
    payload: bytes
    address: str
    number: int = 0
    same_time: bool = True
    problems: list[Problem] = field(default_factory=list)
    # Set by `read`: the files that are kept with the event; the id and the timestamp that the SDK
    # gave the event, or None.
    files: list[bytes] = field(default_factory=list)
    named: str | None = None
    happened_ms: int | None = None
    # The failure that a log line and an SDK may both report. `read` sets that of an SDK.
    marker: "FailureMarker | None" = None

    def read(self, access: Access, now_ms: int) -> Event:
        """Return the event's fields, grouped. An event without an id gets one."""
        ceilings.check(access.project_id, now_ms)
        if len(self.payload) > MAX_JSON_BYTES:
            raise too_large(MAX_JSON_BYTES)
        sent = parse_object(self.payload)
        content = None if split_texts(sent) else self.payload
        scrubbed = scrub_sdk_event(sent, content, access)
        headers = self.envelope.headers
        self.named = self._named(sent.get("event_id"))
        if self.same_time:
            self.happened_ms = protocol.milliseconds(sent.get("timestamp"))
        sent_at_ms = protocol.milliseconds(headers.get("sent_at"))
        address = client_address(self.address, access)
        fields, fingerprint = protocol.to_fields(sent, now_ms, sent_at_ms, address)
        fields["event_id"] = self.named or os.urandom(16).hex()
        problems = [*self.problems]
        if self.envelope.problem:
            problems.append({"field": "envelope", "problem": self.envelope.problem})
        scrubbed += self._set_attachments(fields, access, now_ms, problems)
        if problems:
            fields["problems"] = [*problems, *fields.get("problems", ())]
        if scrubbed:
            fields["scrubbed"] = scrubbed
        if access.captures and self.marker is None:
            from errata.usecases import same_failure  # most projects have no log capture

            self.marker = same_failure.of_sdk(fields, self.happened_ms or now_ms)
        if access.maps:
            from errata.usecases import apply_maps  # most projects have no source maps

            # Before it is grouped: otherwise, each build opens its issues again.
            apply_maps.apply(fields, access.project_id, now_ms, apply_maps.MAX_S)
        grouping = v2.group(fields, fingerprint)
        fields["fingerprint"] = grouping.fingerprint
        fields["grouping"] = grouping.made_by
        fields["grouped_by"] = grouping.grouped_by
        return fields

    def _set_attachments(
        self, fields: Event, access: Access, now_ms: int, problems: list[Problem]
    ) -> list[Scrubbed]:
        """Describe the attachments that are kept, and name the others.

        Returns where secrets were replaced in these texts: `attachments.0.filename`.
        """
        if not self.envelope.attachments:
            return []
        kept: list[Fields] = []
        others = [*self.envelope.attachments]
        if access.attachments and self.number == 0:
            from errata.protocol.sentry.attachments import chosen  # few projects keep them
            from errata.usecases import attachments

            found = chosen(self.envelope.items)
            if attachments.paid(found.contents, access, now_ms):
                kept, others = found.described, found.left_out
                self.files = found.contents
        named: Fields = {"attachments": [*kept, *others]}
        scrubbed = scrub_sdk_event(named, None, access)
        if kept:
            from errata.protocol.sentry.attachments import bounded

            fields["attachments"] = bounded(named["attachments"][: len(kept)])
        note_attachments(named["attachments"][len(kept) :], problems)
        return scrubbed

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
        issue = issue_id(access.project_id, fields["fingerprint"])
        number = error_loops.next_number(issue, at_ms)
        try:
            admitted = self._put_as(fields, access, at_ms, number)
        except ThrottledError as error:
            raise ceilings.throttled(access.project_id, at_ms) from error
        if admitted.stored:
            error_loops.count(issue, at_ms)
        return admitted

    def _put_as(self, fields: Event, access: Access, at_ms: int, number: int) -> Admitted:
        """Store the event, in full or as a tally. `number` is its number in its issue's hour."""
        shown_id: str = fields["event_id"]
        if self.named is None:
            item, trimmed = self._item(number, fields, access, new_event_id(at_ms), at_ms)
            stored = events.put_new(item)
            return Admitted(shown_id, access.project_id, stored, trimmed=trimmed)
        own_id = named_event_id(self._marker_ms(at_ms), self.named)
        if self.happened_ms is not None and -_AHEAD_MS <= at_ms - self.happened_ms <= PROMPT_MS:
            item, trimmed = self._item(number, fields, access, own_id, at_ms, received_ms=at_ms)
            with suppress(OpenMarkerError):  # a copy seems to have arrived late, and was cut off
                stored = self._stored_once(lambda beside: events.put_new(item, beside), item)
                return Admitted(shown_id, access.project_id, stored, trimmed=stored and trimmed)
        item, trimmed = self._item(number, fields, access, new_event_id(at_ms), at_ms)
        stored = self._stored_once(
            lambda beside: late_events.put_with_marker(item, own_id, beside), item
        )
        return Admitted(shown_id, access.project_id, stored, trimmed=stored and trimmed)

    def _stored_once(self, put: Callable[[list[Any]], bool], item: TypedItem) -> bool:
        """Store an event in a transaction. Retry while another writer changes one of its rows."""
        beside: list[Any] = []
        if self.marker:
            from errata.store import failure_markers

            beside = failure_markers.actions(item, self.marker)
        for _ in attempts(_TRIES):
            try:
                return put(beside)
            except FailureReportedError as reported:
                # A log line of the same failure was stored and counted. The SDK's event, which says
                # more, replaces its fields.
                if events.is_kept_in_full(item):
                    events.take_place(reported.item, item)
                return False
            except OpenMarkerError:
                raise
            except ConflictError:
                continue
        raise UnavailableError

    def _item(
        self,
        number: int,
        fields: Event,
        access: Access,
        event_id: str,
        at_ms: int,
        received_ms: int | None = None,
    ) -> Prepared:
        if not is_kept(number) and (tally := prepare_tally(fields, access, event_id, at_ms)):
            self.files = []  # a tally has no page that could show them
            return Prepared(tally, trimmed=False)
        return prepare(fields, access, event_id, at_ms, received_ms)


def clear_cache() -> None:
    """Drop the cached ids of events, numbers of error loops, and projects that are throttled."""
    _stored.clear()
    error_loops.clear_cache()
    ceilings.clear_cache()
