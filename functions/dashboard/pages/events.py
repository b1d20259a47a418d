"""The page of one event within its issue, and the event in other formats."""

import json

from errata.models.event import Stored
from errata.protocol.read import to_event
from errata.usecases import issue_events, original_frames, read_events, tickets
from errata.usecases.markdown_forms import of_event
from functions.dashboard.issue_view import composed
from functions.dashboard.routing import RequestContext, get
from functions.dashboard.text import indented
from functions.dashboard.web import PageResponse, markdown_response, redirect

# Characters of an event's JSON. A longer one is shown without indentation.
_MAX_INDENTED = 2_000_000


@get("projects/<project:project_id>/events/<event:event_id>")
def show(ctx: RequestContext) -> PageResponse:
    """Show an event with its issue.

    With `?raw`, its stack traces are texts. With `?frames=all`, all frames are open.
    """
    if own := _own_url(ctx):
        return redirect(own)
    return composed(ctx, issue_events.around(ctx.visible, ctx.event))


@get("projects/<project:project_id>/events/<event:event_id>/json")
def raw_json(ctx: RequestContext) -> PageResponse:
    """Return the event as JSON, in the form of the read endpoint."""
    if own := _own_url(ctx):
        return redirect(f"{own}/json")
    event = _event(ctx)
    content = to_event(event.project_id, event.id, event.issue_id, event.fields, event.legacy_id)
    text = indented(content, _MAX_INDENTED, ascii_only=True)
    if len(text) > _MAX_INDENTED:
        text = json.dumps(content)
    return PageResponse(text, content_type="application/json; charset=utf-8")


@get("projects/<project:project_id>/events/<event:event_id>.md")
def markdown(ctx: RequestContext) -> PageResponse:
    """Return the event as Markdown, for a ticket or an agent."""
    if own := _own_url(ctx):
        return redirect(f"{own}.md")
    event = _event(ctx)
    issue = issue_events.find_or_none(ctx.visible, event.issue_id)
    url = f"{ctx.request.root_url}projects/{event.project_id}/events/{event.id}"
    return markdown_response(of_event(ctx.project, issue, event, url, warning=True))


@get("projects/<project:project_id>/events/<event:event_id>/ticket")
def ticket(ctx: RequestContext) -> PageResponse:
    """Redirect to the project's issue tracker, to a new ticket with the event filled in."""
    if own := _own_url(ctx):
        return redirect(f"{own}/ticket")
    event = _event(ctx)
    issue = issue_events.find(ctx.visible, event.issue_id)
    dashboard_url = ctx.request.root_url.rstrip("/")
    return redirect(tickets.new_ticket(ctx.project, ctx.visible, issue, event, dashboard_url))


def _own_url(ctx: RequestContext) -> str | None:
    """Return the URL of the event whose SDK event id is in the path, None if there is none."""
    if ctx.event:
        return None
    found = read_events.find(ctx.visible, ctx.request.ids["event_id"])
    return f"{ctx.request.root}projects/{found.project_id}/events/{found.id}" if found else None


def _event(ctx: RequestContext) -> Stored:
    event = issue_events.shown(ctx.visible, ctx.event)
    return original_frames.complete(ctx.visible, event)
