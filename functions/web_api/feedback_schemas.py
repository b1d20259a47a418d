"""User feedback and attachments as the web API returns them.

Source: Sentry's API documentation, "List a Project's User Feedback"; the attachments of events as
Sentry's own tools read them.
"""

from typing import Annotated

from pydantic import Field

from errata.models.event import Fields, Stored, received_ms
from errata.models.feedback import Feedback
from errata.models.ids import minted_ms
from functions.web_api.event_schemas import hex_id
from functions.web_api.fields import Time, time
from functions.web_api.schemas import Schema


class FeedbackEvent(Schema):
    """The event that a feedback is about. `eventID` is the SDK's."""

    id: None = None
    event_id: Annotated[str, Field(alias="eventID")]


class FeedbackSchema(Schema):
    """A person's message. Texts are "" if they were not sent, `eventID` if it is about no event."""

    id: str
    event_id: Annotated[str, Field(alias="eventID")]
    name: str
    email: str
    comments: str
    url: str
    date_created: Time
    event: FeedbackEvent
    user: None = None
    issue: None = None


class AttachmentSchema(Schema):
    """A file that came with an event. `id` is its number among those of the event, from 0 on."""

    id: str
    event_id: Annotated[str, Field(alias="event_id")]
    type: str
    name: str
    mimetype: str
    size: int
    headers: dict[str, str]
    sha1: None = None
    date_created: Time


def feedback_schema(found: Feedback) -> FeedbackSchema:
    """Return a feedback as the API has it."""
    return FeedbackSchema(
        id=hex_id(found.id),
        event_id=found.event_id,
        name=found.name,
        email=found.email,
        comments=found.message,
        url=found.url,
        date_created=time(minted_ms(found.id)),
        event=FeedbackEvent(event_id=found.event_id),
    )


def attachment_schema(event: Stored, number: int, described: Fields) -> AttachmentSchema:
    """Return an attachment of an event, which describes it."""
    kind = str(described.get("content_type") or "application/octet-stream")
    return AttachmentSchema(
        id=str(number),
        event_id=event.fields.get("event_id") or hex_id(event.id),
        type=str(described.get("attachment_type", "")),
        name=str(described.get("filename", "")),
        mimetype=kind,
        size=int(described.get("size", 0)),
        headers={"Content-Type": kind},
        date_created=time(received_ms(event.id, event.fields)),
    )
