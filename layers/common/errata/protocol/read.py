"""The query parameters of `GET /api/projects/{id}/events`, and the events in its response."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from errata.errors import InvalidInputError
from errata.models.event import SDK_FIELDS, ApiEvent, StoredEvent, received_ms
from errata.models.ids import FIRST_MS, LAST_MS, UUID
from errata.protocol.ingest import FIELDS

DEFAULT_LIMIT = 50
MAX_LIMIT = 100
LEVELS = ("error", "warning", "info", "debug")
_TEXT_FILTERS = ("environment", "release", "fingerprint")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A plus that was not percent-encoded arrives as a space.
_SPACE_FOR_PLUS = re.compile(r"(?<=\d) (?=\d\d:?\d\d$)")


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of a request. None means no filter.

    `since` and `until` are in milliseconds since the epoch, inclusive.
    """

    limit: int = DEFAULT_LIMIT
    before: str | None = None  # the last id of the previous page: only return smaller ids
    environment: str | None = None
    release: str | None = None
    level: str | None = None
    fingerprint: str | None = None
    since: int | None = None
    until: int | None = None


def parse_filters(query: Mapping[str, str]) -> Filters:
    """Return the filters in a query string. Unknown parameters are ignored.

    Raises:
        InvalidInputError: a filter is invalid. Names every invalid filter.
    """
    errors: dict[str, list[str]] = {}
    values: dict[str, Any] = {}
    for name in _TEXT_FILTERS:
        if name in query:
            values[name] = query[name]
            if not query[name]:
                errors[name] = [f"The {name} filter must not be empty."]
    if "level" in query:
        values["level"] = query["level"]
        if query["level"] not in LEVELS:
            errors["level"] = ["The level filter must be error, warning, info or debug."]
    for name in ("since", "until"):
        if name in query:
            values[name] = milliseconds(query[name])
            if values[name] is None:
                errors[name] = [f"The {name} filter must be a date and time in ISO 8601."]
    if "limit" in query:
        limit = query["limit"]
        values["limit"] = int(limit) if limit.isdecimal() and len(limit) < 4 else 0
        if not 1 <= values["limit"] <= MAX_LIMIT:
            errors["limit"] = [f"The limit must be a number from 1 to {MAX_LIMIT}."]
    if query.get("cursor"):
        values["before"] = _from_cursor(query["cursor"])
        if values["before"] is None:
            errors["cursor"] = ["The cursor is invalid. Use the next_cursor of a response."]
    if errors:
        raise InvalidInputError(errors)
    return Filters(**values)


def to_cursor(event_id: str) -> str:
    """Return the cursor that continues after an event."""
    return base64.urlsafe_b64encode(event_id.encode()).decode()


def _from_cursor(cursor: str) -> str | None:
    try:
        event_id = base64.b64decode(cursor, altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    return event_id if UUID.fullmatch(event_id) else None


def milliseconds(text: str) -> int | None:
    """Return a time in ISO 8601 in milliseconds since the epoch, UTC by default. None: no time."""
    try:
        at = datetime.fromisoformat(_SPACE_FOR_PLUS.sub("+", text.strip()))
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        return round(at.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def iso(at_ms: int) -> str:
    """Return a timestamp in ISO 8601, UTC, with milliseconds.

    Times outside of the years 1 to 9999 become the nearest time within. Clients can send them: a
    time zone moves the last hours of 9999 into the next year.
    """
    at = _EPOCH + timedelta(milliseconds=min(max(at_ms, FIRST_MS), LAST_MS))
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_event(
    project_id: str, event_id: str, issue_id: str, fields: StoredEvent, legacy_id: int | None = None
) -> ApiEvent:
    """Return an event as the API returns it.

    It has every field of the ingest API; fields that were not sent are null. `SDK_FIELDS` are only
    included if they were sent. `user` is a copy of `context.user`. `legacy` contains the id and the
    level of the legacy API.
    """
    received_at = iso(received_ms(event_id, fields))
    given: Any = {
        "id": event_id,
        "project_id": project_id,
        "issue_id": issue_id,
        "received_at": received_at,
        **{name: fields.get(name) for name in FIELDS},
        "grouping": fields.get("grouping", "client"),
        "trimmed": fields.get("trimmed", []),
        **{name: fields.get(name) for name in SDK_FIELDS if name in fields},
    }
    event: ApiEvent = given
    event["timestamp"] = event["timestamp"] or received_at
    context = fields.get("context") or {}
    event["user"] = context.get("user") if isinstance(context.get("user"), dict) else None
    if legacy_id is not None:
        legacy = fields.get("legacy")
        event["legacy"] = {"id": legacy_id, "level": legacy and legacy.get("level")}
    return event
