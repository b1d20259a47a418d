"""Tags, hashes, comments and activity of an issue, as the web API returns them.

Source: Sentry's API documentation, "List a Tag's Values Related to an Issue" and "List an Issue's
Hashes".
"""

from typing import Annotated, Literal

from pydantic import Field

from functions.web_api.event_schemas import EventSchema
from functions.web_api.fields import IF_ANY, Form, Json, Time
from functions.web_api.schemas import Schema, UserSchema


class TagValue(Schema):
    """A value of a tag, and how many of the newest events have it."""

    key: str
    name: str
    value: str
    count: int
    first_seen: Time
    last_seen: Time


class TagKey(Schema):
    """A tag of an issue. Its values are counted in the newest events of the issue."""

    key: str
    name: str
    total_values: int
    unique_values: int
    top_values: list[TagValue]


class HashSchema(Schema):
    """An issue that a merged issue consists of. `id` separates it again."""

    id: str
    latest_event: EventSchema | None
    merged_by_seer: Literal[False] = False


class ActivitySchema(Schema):
    """What somebody, or an event, has done with an issue. `data` has the `text` of a comment."""

    id: str
    type: str
    user: UserSchema | None
    data: dict[str, Json]
    date_created: Time
    edited: Annotated[bool | None, IF_ANY] = None


class ActivityList(Schema):
    """The activity of an issue, latest first."""

    activity: list[ActivitySchema]


class ExternalIssue(Schema):
    """The ticket of an issue in an issue tracker."""

    id: str
    issue_id: str
    service_type: str
    display_name: str
    web_url: str


class CommentForm(Form):
    """A comment in Markdown."""

    text: Annotated[str, Field(min_length=1, max_length=10_000)]
