"""Events as the web API returns them.

Source: Sentry's API documentation, "Retrieve an Event for a Project" and "List a Project's Error
Events". Parts that SDKs send are in `entry_schemas`.
"""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from errata.models.event import Stored, StoredEvent, received_ms
from errata.models.titles import culprit, title
from errata.protocol.read import milliseconds
from functions.web_api.entry_schemas import Entry, entries_of
from functions.web_api.fields import Json, Time, time
from functions.web_api.schemas import Schema

# Tags that every event has, if it has the field. Sentry calls them so.
_AS_TAGS = (
    ("environment", "environment"),
    ("level", "level"),
    ("logger", "logger"),
    ("release", "release"),
    ("server_name", "server_name"),
    ("transaction", "transaction"),
    ("url", "url"),
)
# Characters of a message in a list, and of its copy in the metadata.
_MAX_MESSAGE, _MAX_VALUE = 8_192, 1_000
_OF_USER = ("id", "email", "username", "ip_address", "name")


class Tag(Schema):
    """A tag of an event."""

    key: str
    value: str


class EventUser(Schema):
    """The user whom an event names as affected."""

    id: str | None = None
    email: str | None = None
    username: str | None = None
    ip_address: Annotated[str | None, Field(alias="ip_address")] = None
    name: str | None = None


class EventMetadata(Schema):
    """What the error is, in parts."""

    title: str
    type: str | None = None
    value: str | None = None
    filename: str | None = None


class EventSchema(Schema):
    """An event in a list. `id` is Errata's id. `eventID` is the SDK's, or else Errata's."""

    id: str
    event_id: Annotated[str, Field(alias="eventID")]
    group_id: Annotated[str | None, Field(alias="groupID")]
    project_id: Annotated[str, Field(alias="projectID")]
    event_type: Annotated[Literal["error", "default"], Field(alias="event.type")]
    title: str
    message: str
    location: str | None
    culprit: str
    user: EventUser | None
    tags: list[Tag]
    platform: str
    date_created: Time
    crash_file: None = None
    metadata: EventMetadata


class EventError(Schema):
    """A part of an event that is not stored as it was sent."""

    type: Literal["invalid_data", "trimmed"]
    message: str
    data: dict[str, str]


class EventRelease(Schema):
    """The release of an event."""

    version: str


class EventDetails(EventSchema):
    """An event with all that was sent.

    `nextEventID` and `previousEventID` are the ids of its neighbours in its issue.
    """

    type: Literal["error", "default"]
    date_received: Time
    entries: list[Entry]
    contexts: dict[str, Json]
    context: dict[str, Json]
    packages: dict[str, Json]
    sdk: dict[str, Json] | None
    dist: str | None
    release: EventRelease | None
    errors: list[EventError]
    fingerprints: list[str]
    next_event_id: Annotated[str | None, Field(alias="nextEventID")] = None
    previous_event_id: Annotated[str | None, Field(alias="previousEventID")] = None


class EventOfId(Schema):
    """The event that an id stands for, and where it is."""

    organization_slug: str
    project_slug: str
    group_id: str | None
    event_id: str
    event: EventDetails


def hex_id(event_id: str) -> str:
    """Return the id of an event as 32 hex digits."""
    return event_id.replace("-", "")


def hyphenated(hex_id: str) -> str:
    """Return an id of Errata's in its usual form, a UUID."""
    return str(UUID(hex_id))


def event_schema(event: Stored, group_id: str | None) -> EventSchema:
    """Return an event as lists have it. `group_id` is the id of its issue, if it is counted."""
    return EventSchema(**_parts(event, group_id))


def event_details(
    event: Stored, group_id: str | None, newer: str | None, older: str | None
) -> EventDetails:
    """Return an event with all that was sent, and the ids of its neighbours in its issue."""
    fields = event.fields
    by_name: Any = fields
    return EventDetails(
        **_parts(event, group_id, whole=True),
        type=_type(fields),
        date_received=time(received_ms(event.id, fields)),
        entries=entries_of(fields),
        contexts=_object(fields.get("contexts")),
        context=_object(fields.get("extra")),
        packages=_object(fields.get("modules")),
        sdk=_object(fields.get("sdk")) or None,
        dist=_text(by_name.get("dist")) or None,
        release=_release(fields),
        errors=_errors(fields),
        fingerprints=[fields["fingerprint"]] if "fingerprint" in fields else [],
        next_event_id=newer and hex_id(newer),
        previous_event_id=older and hex_id(older),
    )


def _parts(event: Stored, group_id: str | None, *, whole: bool = False) -> dict[str, Any]:
    fields = event.fields
    message = _text(fields.get("message"))
    sent = fields.get("timestamp")
    at = milliseconds(sent) if isinstance(sent, str) else None
    return {
        "id": hex_id(event.id),
        "event_id": fields.get("event_id") or hex_id(event.id),
        "group_id": group_id,
        "project_id": event.project_id,
        "event_type": _type(fields),
        "title": title(fields),
        "message": message if whole else message[:_MAX_MESSAGE],
        "location": _text(fields.get("file")) or None,
        "culprit": culprit(fields),
        "user": user_of(fields),
        "tags": tags_of(fields),
        "platform": _text(fields.get("platform")) or "other",
        "date_created": time(received_ms(event.id, fields) if at is None else at),
        "metadata": EventMetadata(
            title=title(fields),
            type=_text(fields.get("exception_class")) or None,
            value=_text(fields.get("message"))[:_MAX_VALUE] or None,
            filename=_text(fields.get("file")) or None,
        ),
    }


def tags_of(fields: StoredEvent) -> list[Tag]:
    """Return the tags of an event, and the fields that Sentry shows as tags."""
    by_name: Any = fields
    found = {key: _text(by_name.get(name)) for name, key in _AS_TAGS}
    sent = fields.get("tags")
    if isinstance(sent, dict):
        found |= {str(key): _scalar_text(value) for key, value in sent.items()}
    return [Tag(key=key, value=value) for key, value in sorted(found.items()) if value]


def user_of(fields: StoredEvent) -> EventUser | None:
    """Return the user whom an event names, None if it names none."""
    user = _object(_object(fields.get("context")).get("user"))
    named = {
        name: _scalar_text(user[name]) for name in _OF_USER if user.get(name) not in (None, "")
    }
    return EventUser(**named) if named else None


def _type(fields: StoredEvent) -> Literal["error", "default"]:
    return "error" if fields.get("exceptions") or fields.get("exception_class") else "default"


def _release(fields: StoredEvent) -> EventRelease | None:
    name = _text(fields.get("release"))
    return EventRelease(version=name) if name else None


def _errors(fields: StoredEvent) -> list[EventError]:
    problems = [
        EventError(
            type="invalid_data",
            message=f"Discarded invalid value: {each['problem']}",
            data={"name": each["field"], "reason": each["problem"]},
        )
        for each in fields.get("problems", [])
    ]
    trimmed = [
        EventError(type="trimmed", message="The event was too large.", data={"name": str(each)})
        for each in fields.get("trimmed", [])
    ]
    return problems + trimmed


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _scalar_text(value: object) -> str:
    return str(value) if isinstance(value, str | int | float) else ""
