"""Results of `errata events`: list, show. See `errata.usecases.results`."""

import json
from itertools import islice
from typing import Any

from errata.errors import InvalidInputError, NotFoundError
from errata.models.event import ApiEvent, Stored
from errata.models.slug import parse_short_id
from errata.protocol import read
from errata.protocol.issues import translated
from errata.protocol.markdown import to_markdown
from errata.protocol.query import EVENT_KEYS, parse_terms
from errata.usecases import (
    event_search,
    issue_events,
    merged,
    newest_events,
    original_frames,
    prefixes,
    read_events,
    short_ids,
)
from errata.usecases.results import Result, Work


def list_(
    work: Work,
    *,
    query: str = "",
    issue: str = "",
    environment: str | None = None,
    release: str | None = None,
    level: str | None = None,
    fingerprint: str | None = None,
    since: str | None = None,
    until: str | None = None,
    limit: str | None = None,
    cursor: str | None = None,
) -> Result:
    """Return a page of the events that match, as the read endpoint does, newest first."""
    given = {
        "environment": environment,
        "release": release,
        "level": level,
        "fingerprint": fingerprint,
        "since": since,
        "until": until,
        "limit": limit,
        "cursor": cursor,
    }
    filters = read.parse_filters(
        {name: value for name, value in given.items() if value is not None}
    )
    if query or issue:
        return Result(_search(work, filters, query, issue))
    return Result(json.loads(read_events.read(work.visible, filters).to_json()))


def show(work: Work, *, event: str) -> Result:
    """Return an event, its event number and its Markdown form."""
    visible = work.visible
    found = read_events.find(visible, event) or prefixes.event(visible, event)
    found = original_frames.complete(visible, found or _newest(work, event))
    view = issue_events.around(visible, found)
    number, issue = view.number.value, view.issue
    return Result(
        _to_json(found),
        {
            "number": f"{number} of {issue.kept}" if number and issue else None,
            "markdown": to_markdown(found.fields, {"event": found.id}),
        },
    )


def _newest(work: Work, name: str) -> Stored:
    """Return the newest event of the issue with this short id.

    Raises:
        NotFoundError: it is not a short id, or the project has no such issue or event.
    """
    if parse_short_id(name):
        issue = short_ids.find(work.project, work.visible, name)
        if event := issue_events.latest(work.visible, issue.id).event:
            return event
    raise NotFoundError(f"Project {work.project.id} has no event {name}. It may have expired.")


def _search(work: Work, filters: read.Filters, query: str, issue: str) -> dict[str, Any]:
    """Return a page of the newest events that match, and what it looked at.

    Raises:
        InvalidInputError: the query is invalid, or a filter cannot be searched.
    """
    if any(each is not None for each in (filters.fingerprint, filters.since, filters.until)):
        raise InvalidInputError(
            {"query": ["--fingerprint, --since and --until do not work with --query or --issue."]}
        )
    more = translated("all", filters.environment or "", filters.release or "", filters.level or "")
    terms = parse_terms(" ".join(filter(None, (query, more))), EVENT_KEYS)
    visible = work.visible
    of = merged.shown(visible, short_ids.find(work.project, visible, issue)) if issue else None
    members = of.members if of else ()
    newest = newest_events.Newest(visible, of.id if of else "", filters.before or "", members)
    found = event_search.MatchingEvents(newest, terms)
    data = [_to_json(each) for each in islice(found.events, filters.limit)]
    return {
        "data": data,
        "next_cursor": read.to_cursor(newest.last) if newest.more else None,
        "looked_at": newest.looked_at,
        "since": None if found.since_ms is None else read.iso(found.since_ms),
    }


def _to_json(event: Stored) -> ApiEvent:
    return read.to_event(event.project_id, event.id, event.issue_id, event.fields, event.legacy_id)
