"""Read and store the event of `POST /api/ingest`, once per Idempotency-Key."""

import hashlib
import logging
from dataclasses import dataclass

from errata.errors import InvalidInputError, StoreError, UnavailableError
from errata.models.event import Event, IdempotencyRecord
from errata.models.ids import new_event_id, now_ms
from errata.models.project import Access
from errata.protocol.body import JsonBody
from errata.protocol.ingest import idempotency_key, parse_event
from errata.store import events, idempotency
from errata.store.retry import attempts
from errata.usecases import report_losses
from errata.usecases.admission import Admitted
from errata.usecases.prepare import prepare
from errata.usecases.scrub import scrub_contract_event

_TRIES = 10

logger = logging.getLogger("errata")


@dataclass(frozen=True, slots=True)
class IngestSubmission:
    """The event of a request. `key_header` is the Idempotency-Key as sent, or None."""

    body: JsonBody
    key_header: str | None = None

    def read(self, access: Access, now_ms: int) -> Event:
        """Return the event's fields. Checks the Idempotency-Key before the body."""
        idempotency_key(self.key_header)
        return scrub_contract_event(parse_event(self.body.parsed()), access)

    def find_earlier(self, access: Access, now_ms: int) -> Admitted | None:
        """Return the event stored under the Idempotency-Key within the last 24 hours."""
        try:
            key = idempotency_key(self.key_header)
        except InvalidInputError:
            return None
        earlier = idempotency.find_record(access.project_id, key, now_ms) if key else None
        return self._replay(earlier, access) if earlier else None

    def store(self, fields: Event, access: Access) -> Admitted:
        """Store the event, unless one was stored under the same Idempotency-Key."""
        if self.key_header is not None:
            return self._store_once(fields, access, self.key_header)
        at_ms = now_ms()
        event_id = new_event_id(at_ms)
        item, trimmed = prepare(fields, access, event_id, at_ms)
        events.put(item)
        return Admitted(event_id, access.project_id, trimmed=trimmed)

    def _store_once(self, fields: Event, access: Access, key: str) -> Admitted:
        body_hash = self._body_hash()
        for _ in attempts(_TRIES):
            at_ms = now_ms()
            event_id = new_event_id(at_ms)
            item, trimmed = prepare(fields, access, event_id, at_ms)
            record = IdempotencyRecord(event_id, body_hash)
            record_put = idempotency.record_put(access.project_id, key, record, at_ms)
            try:
                earlier = events.put_once(item, record_put)
            except StoreError as error:
                if not error.reasons:
                    raise
                # Another request with the same key is being stored, or was just stored.
                earlier = idempotency.find_record(access.project_id, key, at_ms)
                if earlier is None:
                    continue
            if earlier:
                return self._replay(earlier, access)
            return Admitted(event_id, access.project_id, trimmed=trimmed)
        raise UnavailableError

    def _body_hash(self) -> bytes:
        return hashlib.sha256(self.body.content()).digest()

    def _replay(self, earlier: IdempotencyRecord, access: Access) -> Admitted:
        mismatch = earlier.body_hash != self._body_hash()
        if mismatch:
            # The operator can see this in the log, and count it with a metric filter.
            logger.warning("idempotency mismatch", extra={"project_id": access.project_id})
            report_losses.note(access.project_id, "mismatch")
        return Admitted(earlier.event_id, access.project_id, stored=False, mismatch=mismatch)
