"""Converts a record of OTLP to an SDK's event, which is then read like any other.

Source: opentelemetry.io, "Semantic conventions" for exceptions, code, HTTP, users and resources.
Names that these have replaced are read, too.
"""

import hashlib
import re
from collections import Counter
from typing import Any

from pydantic_core import to_json

from errata.models.event import Fields
from errata.protocol.otlp.records import Attributes, TelemetryRecord
from errata.protocol.sentry.forms import MAX_TAGS, as_text
from errata.protocol.stacktrace import sdk_form

# SeverityNumber, highest first.
_LEVELS = ((21, "fatal"), (17, "error"), (13, "warning"), (9, "info"), (1, "debug"))
_PLATFORMS = {
    "nodejs": "node",
    "webjs": "javascript",
    "dotnet": "csharp",
    "cpp": "native",
    "swift": "cocoa",
    "erlang": "elixir",
}
# Characters of a tag. A longer text goes into the field `extra`.
_MAX_TAG = 200
_CODE = ("code.file.path", "code.function.name", "code.line.number", "code.column.number")
_OLD_CODE = ("code.filepath", "code.function", "code.lineno", "code.column")
_USER = {
    "id": ("user.id", "enduser.id"),
    "email": ("user.email",),
    "username": ("user.name",),
    "ip_address": ("client.address",),
}
_SPOKEN_FOR = frozenset(
    (
        *("exception.type", "exception.message", "exception.stacktrace", "exception.escaped"),
        *_CODE,
        *_OLD_CODE,
        "code.stacktrace",
        *(name for names in _USER.values() for name in names),
    )
)


# `shop.errors.NoPriceError`: a module and a type. Not `*errors.errorString`.
_QUALIFIED = re.compile(r"((?:[A-Za-z_][\w$]*\.)+)([A-Za-z_$][\w$]*)")
_STACK_TRACE = "exception.stacktrace"


class Names:
    """The ids of a request's events. Copies of one record have the same id, in every request."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def of(self, record: TelemetryRecord, sent: Fields) -> tuple[str | None, bool]:
        """Return the id of a record's event, and whether all copies have the same timestamp.

        An exception of a span may come twice, as an event of the span and as a log record: with the
        same span, type and place in the code, but other timestamps. Any other record is sent again
        as it is; equal ones of one request are numbered. Without any time, nothing tells a copy
        from another record: the id is None.

        Args:
            record: the record.
            sent: its event.
        """
        if record.has_exception and record.trace_id and record.span_id:
            return _digest(record.trace_id, record.span_id, *_raised(sent)), False
        if not record.at_ns:
            return None, True
        own = _digest(
            *(record.at_ns, record.trace_id, record.span_id, record.scope, record.span),
            *(record.severity, record.level, record.body, record.attributes, record.resource),
        )
        self._seen[own] += 1
        return _digest(own, self._seen[own]), True


def _raised(sent: Fields) -> tuple[Any, ...]:
    """Return the type of the main exception and where it was raised, or else what it says.

    The two copies of one exception differ in their outer frames, because a log record is made
    deeper in the calls than the end of the span. They may also differ in the exception's module.
    """
    main = sent["exception"][-1]
    if frames := main.get("stacktrace", {}).get("frames"):
        inner = frames[-1]
        return (main["type"], inner["filename"], inner.get("function"), inner.get("lineno"))
    text = sent.get("extra", {}).get(_STACK_TRACE) or main["value"]
    return (main["type"], str(text).strip())


def _digest(*parts: Any) -> str:
    return hashlib.sha256(to_json(parts, inf_nan_mode="strings")).hexdigest()[:32]


def to_sdk_event(record: TelemetryRecord) -> Fields:
    """Return the event of a record, without an id, as an SDK would send it."""
    own, resource = record.attributes, record.resource
    service = _get(resource, "service.name")
    language = _get(resource, "telemetry.sdk.language")
    sent: Fields = {
        "level": _level(record),
        "logger": record.scope,
        "transaction": record.span,
        "platform": _PLATFORMS.get(language, language),
        "release": _get(resource, "service.version"),
        "environment": _get(resource, "deployment.environment.name", "deployment.environment"),
        "server_name": _get(resource, "host.name") or service,
        "sdk": _sdk(resource, language),
        "user": _user(own),
        "request": _request(own),
        "contexts": {"resource": resource},
    }
    if record.at_ns:
        sent["timestamp"] = record.at_ns / 1e9
    if record.trace_id:
        sent["contexts"]["trace"] = {"trace_id": record.trace_id, "span_id": record.span_id}
    sent["tags"], sent["extra"] = _tags_and_rest({"service.name": service, **own})
    if record.body is not None:
        sent["logentry"] = {"formatted": as_text(record.body)}
        if record.template:
            sent["logentry"]["message"] = record.template
    if record.has_exception:
        _set_exceptions(sent, own)
    if not record.span and "stacktrace" not in sent.get("exception", [{}])[-1]:
        # For a span, these attributes name the function that the span is about.
        _set_place(sent, own)
    return {name: each for name, each in sent.items() if each not in ("", {}, None)}


def _get(attributes: Attributes, *names: str) -> str:
    """Return the first attribute that is set, as a text."""
    for name in names:
        if (found := attributes.get(name)) is not None:
            return str(as_text(found))
    return ""


def _level(record: TelemetryRecord) -> str:
    for least, level in _LEVELS:
        if record.severity >= least:
            return level
    return record.level or "error"


def _set_exceptions(sent: Fields, own: Attributes) -> None:
    """Set the exceptions. A stack trace that cannot be read stays as a text."""
    kind, value = _get(own, "exception.type"), _get(own, "exception.message")
    text = _get(own, _STACK_TRACE)
    read = sdk_form.of_text(text) if text else None
    platform, found = read or ("", [sdk_form.exception("Error", "")])
    if text and not read:
        sent["extra"][_STACK_TRACE] = text
    main = found[-1]
    main["value"] = value
    if kind:
        main |= _split(kind)
    main["mechanism"] = {"type": "opentelemetry"}
    if _get(own, "exception.escaped").lower() == "true":
        # SDKs say "False" of many exceptions that nobody has handled.
        main["mechanism"]["handled"] = False
    sent["platform"] = sent["platform"] or platform
    sent["exception"] = found


def _split(kind: str) -> Fields:
    """Return the type of an exception, with its module apart, as SDKs send it."""
    if found := _QUALIFIED.fullmatch(kind):
        return {"type": found[2], "module": found[1][:-1]}
    return {"type": kind}


def _set_place(sent: Fields, own: Attributes) -> None:
    path, function, line, column = (
        _get(own, *names) for names in zip(_CODE, _OLD_CODE, strict=True)
    )
    if path or function:
        frame = {"filename": path, "function": function, "lineno": line, "colno": column}
        sent["stacktrace"] = {"frames": [{name: each for name, each in frame.items() if each}]}


def _sdk(resource: Attributes, language: str) -> Fields:
    name = _get(resource, "telemetry.sdk.name")
    if not name:
        return {}
    version = _get(resource, "telemetry.sdk.version")
    return {"name": f"{name}.{language}".rstrip("."), "version": version}


def _user(own: Attributes) -> Fields:
    found = {field: _get(own, *names) for field, names in _USER.items()}
    return {field: each for field, each in found.items() if each}


def _request(own: Attributes) -> Fields:
    url = _get(own, "url.full", "http.url")
    if not url and (path := _get(own, "url.path", "http.target")) and "url.scheme" in own:
        host, port = _get(own, "server.address"), _get(own, "server.port")
        place = f"{host}:{port}" if port not in ("", "80", "443") else host
        query = _get(own, "url.query")
        url = f"{_get(own, 'url.scheme')}://{place}{path}{'?' if query else ''}{query}"
    sent: Fields = {"url": url, "method": _get(own, "http.request.method", "http.method")}
    if agent := _get(own, "user_agent.original", "http.user_agent"):
        sent["headers"] = {"User-Agent": agent}
    return {name: each for name, each in sent.items() if each}


def _tags_and_rest(own: Attributes) -> tuple[Fields, Fields]:
    """Return the attributes that are short values, as texts, and the others."""
    tags: Fields = {}
    rest: Fields = {}
    for name, each in own.items():
        if name in _SPOKEN_FOR or each in (None, ""):
            continue
        short = not isinstance(each, dict | list) and len(text := str(as_text(each))) <= _MAX_TAG
        if short and len(tags) < MAX_TAGS:
            tags[name] = text.lower() if isinstance(each, bool) else text
        else:
            rest[name] = each
    return tags, rest
