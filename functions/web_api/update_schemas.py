"""What a request may change of issues, and what its response says.

Source: Sentry's API documentation, "Update an Issue" and "Bulk Mutate a List of Issues".
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from errata.errors import InvalidInputError
from errata.models.issue_change import IGNORE, LINK, REOPEN, RESOLVE, BulkChange, Change
from errata.models.settled import EVENTS, RISING, TIME, USERS
from errata.protocol.change_issues import summary
from errata.protocol.settle import for_time, in_release, until_more
from errata.protocol.tracker import ticket_of
from functions.web_api.fields import IF_ANY, Form, milliseconds
from functions.web_api.schemas import Schema

_LATEST = "latest"


class StatusDetailsForm(Form):
    """In which release an issue is resolved, or until what it is ignored. Durations are minutes."""

    in_release: Annotated[str | None, Field(description="A release.")] = None
    in_next_release: bool | None = None
    in_commit: object = None
    ignore_duration: Annotated[int | None, Field(gt=0, le=527_040)] = None
    ignore_until: datetime | None = None
    ignore_count: Annotated[int | None, Field(gt=0, le=10**9)] = None
    ignore_window: int | None = None
    ignore_user_count: Annotated[int | None, Field(gt=0, le=10**9)] = None
    ignore_user_window: int | None = None
    ignore_until_escalating: bool | None = None


class IssueForm(Form):
    """What to change of issues. What is left out stays as it is."""

    status: (
        Literal["resolved", "resolvedInNextRelease", "unresolved", "ignored", "muted", "archived"]
        | None
    ) = None
    status_details: StatusDetailsForm | None = None
    substatus: str | None = None
    ignore_duration: Annotated[int | None, Field(gt=0, le=527_040)] = None
    snooze_duration: Annotated[int | None, Field(gt=0, le=527_040)] = None
    assigned_to: Annotated[
        str | None,
        Field(
            max_length=320,
            description="`user:<id>`, `team:<id>`, an e-mail address, `#team`, `me`, or empty.",
        ),
    ] = None
    ticket_url: Annotated[
        str | None,
        Field(max_length=2_000, description="The ticket in an issue tracker; empty: none."),
    ] = None

    @property
    def assigns(self) -> bool:
        """Whether the request says who works on the issues, or that nobody does."""
        return "assigned_to" in self.model_fields_set

    @property
    def links(self) -> bool:
        """Whether the request says which ticket the issues have, or none."""
        return "ticket_url" in self.model_fields_set


class BulkForm(IssueForm):
    """What a bulk change does. `merge`: make them one."""

    merge: bool | None = None


class MergeSchema(Schema):
    """The issues that were merged: ids of the one that stands for all, and of the others."""

    parent: str
    children: list[str]


class ChangeSchema(Schema):
    """A bulk change of issues of a project. It can be undone for an hour."""

    id: str
    project: str
    finished: bool
    message: str
    counts: dict[str, int]
    can_be_undone: bool


class BulkResult(Schema):
    """What was changed of many issues, in the words of the request. Errata adds `changes`."""

    status: Annotated[str | None, IF_ANY] = None
    status_details: Annotated[dict[str, object] | None, IF_ANY] = None
    assigned_to: Annotated[str | None, IF_ANY] = None
    merge: Annotated[MergeSchema | None, IF_ANY] = None
    changes: list[ChangeSchema] = []


def change_schema(bulk: BulkChange) -> ChangeSchema:
    """Return a bulk change."""
    return ChangeSchema(
        id=bulk.id,
        project=bulk.project_id,
        finished=bulk.finished,
        message=summary(bulk),
        counts=dict(bulk.counts),
        can_be_undone=bulk.can_be_undone,
    )


def status_change(form: IssueForm, now_ms: int) -> Change | None:
    """Return the change of the status that a request asks for, None if it asks for none.

    Raises:
        InvalidInputError: it asks for something that Errata does not have.
    """
    details = form.status_details or StatusDetailsForm()
    match form.status:
        case "unresolved":
            return Change(REOPEN)
        case "resolvedInNextRelease":
            return Change(RESOLVE, in_next=True)
        case "resolved":
            return _resolved(details)
        case "ignored" | "muted" | "archived":
            return _ignored(form, details, now_ms)
    if form.status_details is not None:
        raise InvalidInputError({"status": ["statusDetails needs a status."]})
    return None


def link_change(form: IssueForm) -> Change | None:
    """Return the change of the ticket that a request asks for, None if it asks for none.

    Raises:
        InvalidInputError: it is no URL of a ticket.
    """
    return Change(LINK, url=ticket_of(form.ticket_url or "")) if form.links else None


def _resolved(details: StatusDetailsForm) -> Change:
    if details.in_commit is not None:
        message = "Errata knows no commits. Use inRelease or inNextRelease."
        raise InvalidInputError({"statusDetails": [message]})
    if details.in_next_release:
        return Change(RESOLVE, in_next=True)
    if details.in_release == _LATEST:
        message = "Name a release, or use inNextRelease."
        raise InvalidInputError({"statusDetails": [message]})
    return Change(RESOLVE) if details.in_release is None else in_release(details.in_release)


def _ignored(form: IssueForm, details: StatusDetailsForm, now_ms: int) -> Change:
    minutes = details.ignore_duration or form.ignore_duration or form.snooze_duration
    if details.ignore_window or details.ignore_user_window:
        message = "A number of events or users within a time is not supported."
        raise InvalidInputError({"statusDetails": [message]})
    if minutes:
        return for_time(f"{minutes}m", now_ms)
    if details.ignore_until:
        at = milliseconds(details.ignore_until)
        if at <= now_ms:
            raise InvalidInputError({"statusDetails": ["ignoreUntil is over already."]})
        return Change(IGNORE, until=TIME, number=at)
    if details.ignore_count:
        return until_more(EVENTS, details.ignore_count)
    if details.ignore_user_count:
        return until_more(USERS, details.ignore_user_count)
    if details.ignore_until_escalating or form.substatus == "archived_until_escalating":
        return Change(IGNORE, until=RISING)
    return Change(IGNORE)
