"""The Markdown forms of issues and events, for tickets and agents."""

from collections.abc import Mapping
from dataclasses import replace

from errata.errors import NotFoundError
from errata.models.event import Stored, received_ms
from errata.models.issue import Issue, kept_note
from errata.models.project import Project
from errata.models.slug import short_id
from errata.models.verdict import verdict
from errata.models.visible import Visible
from errata.protocol import issue_markdown
from errata.protocol.markdown import to_markdown
from errata.protocol.read import iso
from errata.scrubbing.withheld import (
    activity_without,
    event_without,
    issue_without,
    text_without,
)
from errata.usecases import assignees, issue_events, original_frames, slugs


def of_event(
    project: Project,
    issue: Issue | None,
    event: Stored,
    url: str = "",
    *,
    short: bool = False,
    warning: bool = False,
    personal: bool = True,
    beside: Mapping[str, str] | None = None,
) -> str:
    """Return an event of an issue as Markdown. `url` is where the event is shown.

    `short` and `warning` are as in `errata.protocol.markdown.to_markdown`. `beside`: more lines to
    show, by name. Without `personal`, personal data is withheld.
    """
    event = event if personal else _without(event)
    known = {"received": iso(received_ms(event.id, event.fields)), **(beside or {})}
    if issue:
        name = name_of(project, issue)
        events = issue_markdown.count_in_words(issue.count, "event")
        events = ", ".join(filter(None, (events, kept_note(issue.count, issue.kept))))
        seen = f"{events} since {iso(issue.first_seen)}"
        known = {"issue": f"{name}, {issue.status}", "seen": seen, **known}
    return to_markdown(event.fields, known, url, short=short, warning=warning)


def of_issue(
    project: Project, visible: Visible, issue_id: str, url: str = "", *, personal: bool = True
) -> str:
    """Return an issue as Markdown, with its newest event. `url` is where the issue is shown.

    Without `personal`, personal data is withheld. Makes the calls of `issue_events.latest`, one for
    the assignee, if that is not cached, and those of `original_frames.complete`.

    Raises:
        NotFoundError: there is no such issue, or it has expired, was cleared or deleted.
    """
    view = issue_events.latest(visible, issue_id)
    issue = view.issue
    if issue is None:
        raise NotFoundError("There is no such issue.")
    known = assignees.shown(project.organization, [issue.assignee], visible.now_ms)
    assigned = known.get(issue.assignee)
    called = assigned.called if assigned else ""
    event, activity = view.event, view.activity
    event = original_frames.complete(visible, event) if event else None
    if not personal:
        issue, called = issue_without(issue), text_without(called)
        event = _without(event) if event else None
        activity = list(map(activity_without, activity))
    around = issue_markdown.Around(
        name_of(project, issue),
        project.name,
        called,
        verdict(issue, activity, visible.now_ms),
        activity,
        event,
        view.number.value,
        url,
    )
    return issue_markdown.to_markdown(issue, around, visible.now_ms)


def _without(event: Stored) -> Stored:
    """Return an event without personal data."""
    return replace(event, fields=event_without(event.fields))


def name_of(project: Project, issue: Issue) -> str:
    """Return the short id of an issue, or its id if it has none."""
    return short_id(slugs.shown(project).slug, issue.number) or issue.id
