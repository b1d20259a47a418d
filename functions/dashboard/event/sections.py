"""The left column of an issue's page: one event, with everything that was sent."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from errata.logs.console import url_of_event
from errata.models.event import Stored, StoredEvent
from errata.models.issue import why_grouped
from errata.models.trimming import STACK_TEXTS
from errata.protocol.agents import agent
from errata.protocol.ingest import FIELDS
from errata.protocol.markdown import trace_text
from errata.protocol.stacktrace import MAX_FRAMES, ExceptionTrace, parse_trace, structured
from errata.usecases.issue_values import USER, events_query, page_url, user_name
from functions.dashboard.byte_budget import ByteBudget
from functions.dashboard.event import metadata
from functions.dashboard.event.trace import MAX_THREADS, Traces, is_minified, root_cause

# Bytes of HTML for the sections of an event. They keep the page below 80 KB, whatever the event
# contains. The raw JSON has everything.
BYTE_BUDGET = 46_000
# Guaranteed bytes of each section, in this order. Later sections get what an earlier one leaves.
_SHARES = {
    "stack": 14_000,
    "texts": 2_000,
    "user": 2_000,
    "tags": 3_000,
    "logged": 2_000,
    "request": 4_000,
    "breadcrumbs": 6_000,
    "contexts": 3_000,
    "extra": 2_000,
    "context": 2_000,
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


def shown_event(event: Stored, *, raw: bool, opened: bool) -> dict[str, Any]:
    """Return what the page shows of an event.

    `raw`: show the stack traces as texts. `opened`: all frames start open.
    """
    fields = event.fields
    by_name: Mapping[str, Any] = fields
    budget = ByteBudget(BYTE_BUDGET)
    grouping, grouped_by = fields.get("grouping", "client"), str(fields.get("grouped_by") or "")
    return {
        "event": event,
        "fields": fields,
        "raw": raw,
        "opened": opened,
        "trimmed": fields.get("trimmed", []),
        "message": budget.take(fields.get("message") or "(no message)"),
        "exception_class": budget.take(fields.get("exception_class") or "", 200),
        "problems": metadata.problems(fields.get("problems"), budget),
        "scrubbed": metadata.scrubbed(fields.get("scrubbed"), budget),
        "gist": [
            (name, budget.take(each, 150), events_query(key, value) if key else "")
            for name, each, key, value in _gist(fields)
            if each
        ],
        "shown_metadata": [
            (name, budget.take(by_name[name], 500))
            for name in _METADATA
            if by_name.get(name) is not None
        ],
        "log_url": url_of_event(fields.get("contexts")),
        "reported_at": metadata.timestamp_ms(fields.get("timestamp")),
        "sdk": metadata.sdk(fields.get("sdk"), budget),
        "attachments": metadata.attachments(fields.get("attachments"), budget),
        "grouped_by": budget.take(why_grouped(grouping, grouped_by), 500),
        **_sections(fields, raw, opened, budget),
        "cut": budget.cut,  # must be last: every section above may set it
    }


def _gist(fields: StoredEvent) -> Iterator[tuple[str, Any, str, Any]]:
    """Yield the parts of the summary line: name, text, and the key and value of a search."""
    by_name: Mapping[str, Any] = fields
    user, url = user_name(fields), page_url(fields)
    yield "Request", metadata.request_line(fields), "url" if url else "", url
    yield "Status", metadata.response_status(fields), "", ""
    yield "Browser", str(agent(fields)), "", ""
    yield "User", user, USER, user
    for name in ("release", "environment", "transaction"):
        yield name.capitalize(), by_name.get(name), name, by_name.get(name)
    yield "Server", by_name.get("server_name"), "server", by_name.get("server_name")


def _sections(fields: StoredEvent, raw: bool, opened: bool, budget: ByteBudget) -> dict[str, Any]:
    """Return the sections of the page that can be large, each within its byte budget."""
    stack = fields.get("stack_trace") or fields.get("minified_stack") or ""
    found, language = _traces(fields, stack)
    unhandled = bool(found) and not found[0].handled
    minified = is_minified(found)
    cause = _cause(found, budget)
    if raw:
        stack = stack or trace_text(found, most=MAX_FRAMES)
        found = ()
    texts = {name: fields.get(name) for name in STACK_TEXTS}
    # If frames from a source map replace the minified stack, the stack is shown as a text, too.
    mapped = bool(found and fields.get("frames") and fields.get("minified_stack"))
    texts = {name: each for name, each in texts.items() if each and (mapped or each != stack)}
    threads = structured.threads(fields)
    if raw and threads:
        as_traces = [ExceptionTrace(each.name, each.frames) for each in threads[:MAX_THREADS]]
        texts["Threads"] = trace_text(as_traces, most=MAX_FRAMES)
        threads = ()
    sent = _sent(fields) | {"stack": found or stack, "texts": texts, "threads": threads}

    def share(name: str) -> ByteBudget:
        """Return a budget of all bytes that are left, except those guaranteed to later sections."""
        names = list(_SHARES)
        behind = [each for each in names[names.index(name) + 1 :] if sent[each]]
        return budget.share(budget.left - sum(_SHARES[each] for each in behind))

    traces = Traces(opened=opened)
    sections: dict[str, Any] = {
        "exceptions": traces.exceptions(found, share("stack")),
        "stack": "" if found else share("stack").take(stack, 20_000),
        "texts": _texts(texts, share("texts")),
        "language": language,
        "unhandled": unhandled,
        "minified": minified,
        "cause": cause,
        "user": metadata.pairs(sent["user"], share("user")),
        "tags": metadata.pairs(sent["tags"], share("tags"), most=300),
        "logged": metadata.pairs(sent["logged"], share("logged")),
        "asked": metadata.request(sent["request"], share("request")),
        "breadcrumbs": metadata.breadcrumbs(sent["breadcrumbs"] or [], share("breadcrumbs")),
        "contexts": metadata.contexts(sent["contexts"], share("contexts")),
        "extra": metadata.pairs(sent["extra"], share("extra")),
        "context": share("context").take(sent["context"], 8_000) if sent["context"] else "",
        "threads": traces.threads(sent["threads"], share("threads")),
        "modules": metadata.pairs(sent["modules"], share("modules"), most=60, number=100),
    }
    traces.fill_libraries(budget)
    return sections | _numbers(sections, sent, found, threads)


def _cause(found: Sequence[ExceptionTrace], budget: ByteBudget) -> dict[str, Any] | None:
    """Return the root cause and its index. None if it is the main exception, or has no title."""
    at = root_cause(found)
    if not at or not found[at].title:
        return None
    relation = found[at].relation if at == 1 else "root cause"
    return {"relation": relation, "title": budget.take(found[at].title, 200), "at": at}


def _sent(fields: StoredEvent) -> dict[str, Any]:
    """Return what an event has for each section, as it was sent."""
    context = fields.get("context") or {}
    if not isinstance(context, dict):
        context = {"context": context}
    return {
        **{name: fields.get(name) for name in _SHARES},
        "user": context.get("user"),
        "request": context.get("request"),
        "logged": fields.get("logentry"),
        "contexts": metadata.with_other(fields.get("contexts"), fields.get("other")),
        "context": {each: context[each] for each in context if each not in ("user", "request")},
    }


def _numbers(
    sections: Mapping[str, Any],
    sent: Mapping[str, Any],
    found: Sequence[ExceptionTrace],
    threads: Sequence[Any],
) -> dict[str, Any]:
    """Return how many exceptions and threads are left out, and numbers of breadcrumbs.

    These are how many were sent, and how many of each group are shown.
    """
    crumbs = sent["breadcrumbs"]
    groups = [each["group"] for each in sections["breadcrumbs"]]
    return {
        "more": {
            name: len(of) - len(sections[name])
            for name, of in (("exceptions", found), ("threads", threads))
        },
        "crumbs_sent": len(crumbs) if isinstance(crumbs, list) else 1,
        "groups": [(each, groups.count(each)) for each in metadata.CRUMB_GROUPS if each in groups],
    }


def _texts(texts: dict[str, Any], budget: ByteBudget) -> list[tuple[str, str]]:
    """Return the other texts: the minified stack, the source map, the stacks of threads."""
    return [(name, budget.take(each, 8_000)) for name, each in texts.items()]


def _traces(fields: StoredEvent, stack: Any) -> tuple[tuple[ExceptionTrace, ...], str]:
    """Return the exceptions, sent as data or parsed from a text, and the name of their language.

    The language is "" if it is not known.
    """
    language = fields.get("platform")
    found = structured.exceptions(fields)
    if not found and isinstance(stack, str) and (trace := parse_trace(stack)):
        found, language = trace.exceptions, trace.language
    return found, _LANGUAGES.get(language, "") if found and isinstance(language, str) else ""
