"""One event, with all that was sent."""

import json
import re
from typing import Any

from errata.models.event import STACK_TEXTS
from errata.protocol.ingest import FIELDS
from errata.protocol.read import to_event
from errata.protocol.stacktrace import ExceptionTrace, parse
from errata.usecases import projects, views
from functions.dashboard.render import page
from functions.dashboard.room import Room
from functions.dashboard.routing import Visit, get
from functions.dashboard.web import Response

# What of an event a page shows, in bytes as they are sent: the page then stays below 60 KB,
# whatever somebody put into the event. All of it is in the raw JSON.
ROOM = 40_000
MAX_FRAMES = 60
MAX_BREADCRUMBS = 60
# Fields with a place of their own on the page.
_PLACED = {
    *("message", "exception_class", "level", "stack_trace", "breadcrumbs", "context", "user"),
    *("fingerprint", "trimmed", "legacy"),
}
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ](\d\d:\d\d:\d\d(?:\.\d{1,3})?)")
_MARKUP_OF_A_FRAME = 120
_MARKUP_OF_A_CRUMB = 100


@get("projects/{project_id}/events/{event_id}")
def show(visit: Visit) -> Response:
    """An event; `?raw` shows the stack trace as it was sent."""
    view = _view(visit)
    fields = view.event.fields
    raw = "raw" in visit.request.query
    room = Room(ROOM)
    stack = fields.get("stack_trace") or fields.get("minified_stack") or ""
    trace = None if raw or not stack else parse(stack)
    context = fields.get("context") or {}
    user, request = context.get("user"), context.get("request")
    rest = {name: each for name, each in context.items() if name not in ("user", "request")}
    shown: dict[str, Any] = {
        "message": room.take(fields.get("message") or "(no message)"),
        "exception_class": room.take(fields.get("exception_class") or "", 200),
        "facts": [
            (name, room.take(fields[name], 500))
            for name in FIELDS
            if name not in _PLACED and name not in STACK_TEXTS and fields.get(name) is not None
        ],
        "language": trace.language if trace else "",
        "exceptions": [_exception(each, room) for each in trace.exceptions] if trace else [],
        "stack": "" if trace else room.take(stack, 20_000),
        "user": _pairs(user, room),
        "asked": _pairs(_flat(request), room),
        "breadcrumbs": _breadcrumbs(fields.get("breadcrumbs") or [], room),
        "context": room.take(rest, 8_000) if rest else "",
    }
    return page(
        visit.request,
        "event.html",
        visit.now_ms,
        visit=visit,
        view=view,
        fields=fields,
        raw=raw,
        has_stack=bool(stack),
        cut=room.cut,
        trimmed=fields.get("trimmed", []),
        **shown,
    )


@get("projects/{project_id}/events/{event_id}/json")
def raw_json(visit: Visit) -> Response:
    """The event as the read API answers it."""
    event = _view(visit).event
    content = to_event(event.project_id, event.id, event.issue_id, event.fields, event.legacy_id)
    text = json.dumps(content, ensure_ascii=True, indent=2)
    return Response(body=text, content_type="application/json; charset=utf-8")


def _view(visit: Visit) -> views.EventView:
    retention_days = projects.operator_access(visit.project).retention_days
    return views.event_view(visit.boundary, visit.event, retention_days, visit.now_ms)


def _exception(trace: ExceptionTrace, room: Room) -> dict[str, Any]:
    """An exception with the frames that there is room for, runs of a library's joined."""
    frames: list[dict[str, Any]] = []
    for frame in trace.frames[:MAX_FRAMES]:
        if not room.pays(_MARKUP_OF_A_FRAME):
            break
        frames.append(
            {
                "file": room.take(frame.file, 300),
                "line": frame.line,
                "column": frame.column,
                "function": room.take(frame.function, 200),
                "source": room.take(frame.source, 600),
                "in_app": frame.in_app,
            }
        )
    return {
        "title": room.take(trace.title, 500),
        "relation": trace.relation,
        "frames": frames,
        "more": len(trace.frames) - len(frames),
    }


def _breadcrumbs(sent: Any, room: Room) -> list[dict[str, Any]]:
    """The latest breadcrumbs, oldest first; one that is no object is shown as it is."""
    shown: list[dict[str, Any]] = []
    for crumb in reversed(sent[-MAX_BREADCRUMBS:] if isinstance(sent, list) else [sent]):
        if not room.pays(_MARKUP_OF_A_CRUMB):
            break
        if not isinstance(crumb, dict):
            crumb = {"message": crumb}
        shown.append(
            {
                "time": room.take(_clock(crumb.get("timestamp")), 40),
                "kind": room.take(crumb.get("category") or crumb.get("type"), 60),
                "level": room.take(crumb.get("level"), 20),
                "message": room.take(crumb.get("message"), 300),
                "data": room.take(crumb.get("data"), 300),
            }
        )
    return shown[::-1]


def _clock(timestamp: Any) -> Any:
    """The time of day in an ISO 8601 timestamp, since the day is the event's; else what it is."""
    found = _ISO.match(timestamp) if isinstance(timestamp, str) else None
    return found[1] if found else timestamp


def _flat(request: Any) -> Any:
    """A request with its headers among its other parts, unless one of those has the same name."""
    if not isinstance(request, dict) or not isinstance(request.get("headers"), dict):
        return request
    headers = request["headers"]
    others = {name: each for name, each in request.items() if name != "headers"}
    return request if headers.keys() & others.keys() else others | headers


def _pairs(value: Any, room: Room) -> list[tuple[str, str]]:
    """The parts of an object, or the whole of what is none."""
    if value is None:
        return []
    if not isinstance(value, dict):
        return [("", room.take(value, 500))]
    return [
        (room.take(name, 100), room.take(each, 1_000))
        for name, each in list(value.items())[:40]
        if room.pays(40)
    ]
