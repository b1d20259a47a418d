"""The attachments of an event: a list, one of them, and its file."""

from urllib.parse import quote

from errata.errors import NotFoundError
from errata.models.event import Stored
from errata.usecases import attachments, read_events
from functions.web_api.context import Context
from functions.web_api.events import NO_EVENT
from functions.web_api.feedback_schemas import attachment_schema
from functions.web_api.request import ApiResponse

_NO_ATTACHMENT = "The event has no such attachment."
# Anybody may have sent the file, with any content. So browsers must save it, and not show it.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Content-Type": "application/octet-stream",
}


def list_(context: Context, organization: str, project: str, event: str) -> ApiResponse:
    """Return the attachments of an event that are kept."""
    stored = _event(context, organization, project, event)
    found = enumerate(attachments.described(stored))
    return ApiResponse([attachment_schema(stored, number, each) for number, each in found])


def show(
    context: Context, organization: str, project: str, event: str, attachment: str
) -> ApiResponse:
    """Return an attachment of an event. With `download`, its file."""
    stored = _event(context, organization, project, event)
    number = _number(attachment)
    if "download" not in context.query:
        found = attachments.described(stored)
        if number >= len(found):
            raise NotFoundError(_NO_ATTACHMENT)
        return ApiResponse(attachment_schema(stored, number, found[number]))
    name, content = attachments.read(stored, number)
    named = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    return ApiResponse(headers={**_HEADERS, "Content-Disposition": named}, file=content)


def _event(context: Context, organization: str, project: str, event: str) -> Stored:
    visible = context.visible(context.project(organization, project))
    stored = read_events.find(visible, event)
    if stored is None:
        raise NotFoundError(NO_EVENT)
    return stored


def _number(attachment: str) -> int:
    if not (attachment.isascii() and attachment.isdecimal() and len(attachment) < 4):
        raise NotFoundError(_NO_ATTACHMENT)
    return int(attachment)
