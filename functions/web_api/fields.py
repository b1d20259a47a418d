"""Types of fields that several schemas have, and the base of what requests contain."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from errata.protocol.read import iso

# A time as `2026-11-30T09:00:00.000Z`. A sender may choose some, so they may be of any year.
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
# JSON of any form, as an SDK sent it.
Json = Any


def _is_none(value: object) -> bool:
    return value is None


# Of a field that is left out if it has no value.
IF_ANY: Any = Field(exclude_if=_is_none)


class Form(BaseModel):
    """The body of a request. Fields that it does not know are ignored: tools send more."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")


def time(at_ms: int) -> str:
    """Return a timestamp in milliseconds as the API writes it."""
    return iso(at_ms)


def time_or_none(at_ms: int) -> str | None:
    """Return a timestamp as the API writes it, None for 0."""
    return iso(at_ms) if at_ms else None


def milliseconds(at: datetime) -> int:
    """Return a time of a request in milliseconds since the epoch. Without a zone, it is UTC."""
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
