"""The page of one event, with everything that was sent."""

import json
from collections.abc import Mapping
from typing import Any

from errata.models.event import STACK_TEXTS, StoredEvent
from errata.models.issue import why_grouped
from errata.protocol.ingest import FIELDS
from errata.protocol.read import to_event
from errata.protocol.stacktrace import ExceptionTrace, parse, structured
from errata.usecases import dashboard_views, read_events
from functions.dashboard.byte_budget import ByteBudget
from functions.dashboard.event import metadata
from functions.dashboard.event.trace import Traces
from functions.dashboard.render import page
from functions.dashboard.routing import RequestContext, get
from functions.dashboard.text import indented
from functions.dashboard.web import Response, redirect

# Bytes of HTML for the parts of an event. They keep the page below 80 KB, whatever the event
# contains. The raw JSON has everything.
BYTE_BUDGET = 50_000
# Characters of an event's JSON. A longer one is shown without indentation.
_MAX_INDENTED = 2_000_000
# Guaranteed bytes of each part, in this order. Later parts get what an earlier one leaves.
_SHARES = {
    "stack": 15_000,
    "texts": 2_000,
    "user": 2_000,
    "tags": 3_000,
    "logged": 2_000,
    "request": 4_000,
    "breadcrumbs": 6_000,
    "contexts": 4_000,
    "extra": 3_000,
    "context": 3_000,
    "threads": 3_000,
    "modules": 2_000,
}
# Fields that the page shows elsewhere.
_PLACED = {
    "message",
    "exception_class",
    "level",
    "stack_trace",
    "breadcrumbs",
    "context",
    "user",
    "fingerprint",
    "trimmed",
    "legacy",
}
_METADATA = (
    *(name for name in FIELDS if name not in _PLACED and name not in STACK_TEXTS),
    "transaction",
    "logger",
    "platform",
    "dist",
)
_LANGUAGES = {
    "javascript": "JavaScript",
    "node": "Node.js",
    "php": "PHP",
    "csharp": "C#",
    "c": "C",
    **{name: name.capitalize() for name in ("python", "java", "ruby", "go", "rust", "elixir")},
}


@get("projects/<project:project_id>/events/<event:event_id>")
def show(ctx: RequestContext) -> Response:
    """Show an event; with `?raw`, its stack trace as it was sent."""
    if own := _own_url(ctx):
        return redirect(own)
    view = _view(ctx)
    fields = view.event.fields
    by_name: Mapping[str, Any] = fields
    raw = "raw" in ctx.request.args
    budget = ByteBudget(BYTE_BUDGET)
    return page(
        ctx.request,
        "event.html",
        ctx.now_ms,
        ctx=ctx,
        view=view,
        fields=fields,
        raw=raw,
        trimmed=fields.get("trimmed", []),
        message=budget.take(fields.get("message") or "(no message)"),
        exception_class=budget.take(fields.get("exception_class") or "", 200),
        problems=metadata.problems(fields.get("problems"), budget),
        scrubbed=metadata.scrubbed(fields.get("scrubbed"), budget),
        shown_metadata=[
            (name, budget.take(by_name[name], 500))
            for name in _METADATA
            if by_name.get(name) is not None
        ],
        reported_at=metadata.timestamp_ms(fields.get("timestamp")),
        sdk=metadata.sdk(fields.get("sdk"), budget),
        grouped_by=budget.take(
            why_grouped(fields.get("grouping", "client"), str(fields.get("grouped_by") or "")), 500
        ),
        **_parts(fields, raw, budget),
        cut=budget.cut,  # must be last: every part above may set it
    )


@get("projects/<project:project_id>/events/<event:event_id>/json")
def raw_json(ctx: RequestContext) -> Response:
    """Return the event as the read API does."""
    if own := _own_url(ctx):
        return redirect(f"{own}/json")
    event = _view(ctx).event
    content = to_event(event.project_id, event.id, event.issue_id, event.fields, event.legacy_id)
    text = indented(content, _MAX_INDENTED, ascii_only=True)
    if len(text) > _MAX_INDENTED:
        text = json.dumps(content)
    return Response(text, content_type="application/json; charset=utf-8")


def _own_url(ctx: RequestContext) -> str | None:
    """Return the URL of the event whose SDK event id is in the path, None if there is none."""
    if ctx.event:
        return None
    found = read_events.find(ctx.visible, ctx.request.ids["event_id"])
    return f"{ctx.request.root}projects/{found.project_id}/events/{found.id}" if found else None


def _view(ctx: RequestContext) -> dashboard_views.EventView:
    return dashboard_views.event_view(ctx.visible, ctx.event)


def _parts(fields: StoredEvent, raw: bool, budget: ByteBudget) -> dict[str, Any]:
    """Return the parts of the page that can be large, each within its byte budget."""
    stack = fields.get("stack_trace") or fields.get("minified_stack") or ""
    found, language = _traces(fields, stack, raw)
    texts = {name: fields.get(name) for name in STACK_TEXTS}
    texts = {name: each for name, each in texts.items() if each and each != stack}
    context = fields.get("context") or {}
    if not isinstance(context, dict):
        context = {"context": context}
    sent = {
        **{name: fields.get(name) for name in _SHARES},
        "stack": found or stack,
        "texts": texts,
        "user": context.get("user"),
        "request": metadata.flat(context.get("request")),
        "logged": fields.get("logentry"),
        "contexts": metadata.with_other(fields.get("contexts"), fields.get("other")),
        "context": {each: context[each] for each in context if each not in ("user", "request")},
        "threads": structured.threads(fields),
    }

    def part(name: str) -> ByteBudget:
        """Return a budget of all bytes that are left, except those guaranteed to later parts."""
        names = list(_SHARES)
        behind = [each for each in names[names.index(name) + 1 :] if sent[each]]
        return budget.part(budget.left - sum(_SHARES[each] for each in behind))

    traces = Traces()
    parts = {
        "exceptions": traces.exceptions(found, part("stack")),
        "stack": "" if found else part("stack").take(stack, 20_000),
        "texts": _texts(texts, part("texts")),
        "has_text": bool(stack),
        "language": language,
        "unhandled": bool(found) and not found[0].handled,
        "user": metadata.pairs(sent["user"], part("user")),
        "tags": metadata.pairs(sent["tags"], part("tags"), most=300),
        "logged": metadata.pairs(sent["logged"], part("logged")),
        "asked": metadata.pairs(sent["request"], part("request")),
        "breadcrumbs": metadata.breadcrumbs(sent["breadcrumbs"] or [], part("breadcrumbs")),
        "contexts": metadata.contexts(sent["contexts"], part("contexts")),
        "extra": metadata.pairs(sent["extra"], part("extra")),
        "context": part("context").take(sent["context"], 8_000) if sent["context"] else "",
        "threads": traces.threads(sent["threads"], part("threads")),
        "modules": metadata.pairs(sent["modules"], part("modules"), most=60, number=100),
    }
    traces.fill_libraries(budget)
    return parts


def _texts(texts: dict[str, Any], budget: ByteBudget) -> list[tuple[str, str]]:
    """Return the other stack texts: the minified one and the source map."""
    return [(name, budget.take(each, 8_000)) for name, each in texts.items()]


def _traces(fields: StoredEvent, stack: Any, raw: bool) -> tuple[tuple[ExceptionTrace, ...], str]:
    """Return the exceptions, sent as data or parsed from a text, and the name of their language.

    No exceptions if `raw` asks for the text. The language is "" if it is not known.
    """
    found: tuple[ExceptionTrace, ...] = ()
    language = fields.get("platform")
    if not (raw and stack):
        found = structured.exceptions(fields)
    if not found and isinstance(stack, str) and not raw and (trace := parse(stack)):
        found, language = trace.exceptions, trace.language
    return found, _LANGUAGES.get(language, "") if found and isinstance(language, str) else ""
