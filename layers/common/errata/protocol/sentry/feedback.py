"""Reads user feedback: the items `feedback` and `user_report` of envelopes, and the dialog's form.

Source: the SDK development documentation, "User Feedback" and "Envelope Items".
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from errata.errors import InvalidInputError
from errata.models.event import Fields
from errata.models.feedback import MAX_EMAIL, MAX_MESSAGE, MAX_NAME, MAX_URL, Feedback
from errata.models.ids import sdk_event_id
from errata.protocol.body import MAX_JSON_BYTES, parse_object, too_large


def read(kind: str, payload: bytes) -> tuple[Feedback, str]:
    """Return the feedback in an item of one of the types `FEEDBACK`, and its name.

    The name is the same if the SDK sends the item again. The feedback has no id yet.

    Raises:
        InvalidInputError: the item is not JSON, or has no message.
        BodyTooLargeError: it has more than 1 MiB.
    """
    if len(payload) > MAX_JSON_BYTES:
        raise too_large(MAX_JSON_BYTES)
    sent = parse_object(payload)
    if kind == "user_report":
        return _made(sent, sent.get("comments"), sent.get("email"), sent.get("event_id"))
    found = _object(_object(sent, "contexts"), "feedback")
    about = found.get("associated_event_id")
    made, name = _made(found, found.get("message"), found.get("contact_email"), about)
    return made, sdk_event_id(sent.get("event_id")) or name


def of_form(form: Mapping[str, str], event_id: str) -> tuple[Feedback, str]:
    """Return the feedback in the form of the dialog, and its name.

    Raises:
        InvalidInputError: there is no message.
    """
    return _made(form, form.get("comments"), form.get("email"), event_id)


def to_fields(made: Feedback) -> Fields:
    """Return what is stored of a feedback: the fields that an event has for a person and a text."""
    user = {"name": made.name, "email": made.email}
    return {
        "message": made.message,
        "event_id": made.event_id,
        "url": made.url,
        "context": {"user": {name: each for name, each in user.items() if each}},
    }


def from_fields(feedback_id: str, fields: Mapping[str, Any]) -> Feedback:
    """Return the feedback with these stored fields."""
    user = _object(_object(fields, "context"), "user")
    return Feedback(
        feedback_id,
        _text(fields.get("message"), MAX_MESSAGE),
        _text(user.get("name"), MAX_NAME),
        _text(user.get("email"), MAX_EMAIL),
        _text(fields.get("event_id"), 32),
        _text(fields.get("url"), MAX_URL),
    )


def _made(sent: Mapping[str, Any], message: Any, email: Any, about: Any) -> tuple[Feedback, str]:
    made = Feedback(
        "",
        _text(message, MAX_MESSAGE),
        _text(sent.get("name"), MAX_NAME),
        _text(email, MAX_EMAIL),
        sdk_event_id(about) or "",
        _text(sent.get("url"), MAX_URL),
    )
    if not made.message:
        raise InvalidInputError({"message": ["The message must not be empty."]})
    own = json.dumps([made.message, made.name, made.email, made.event_id, made.url])
    return made, hashlib.sha256(own.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _text(value: Any, most: int) -> str:
    return value.strip()[:most] if isinstance(value, str) else ""


def _object(owner: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = owner.get(name)
    return found if isinstance(found, dict) else {}
