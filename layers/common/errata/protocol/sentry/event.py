"""An SDK's event into event fields (see `errata.models.event`).

Source: the SDK development documentation, "Event Payloads". What stands in the fields of the ingest
API, and may be filtered and grouped by, is there; the rest keeps the SDKs' names.
"""

import re
from datetime import UTC, datetime
from typing import Any

from errata.models.event import Fields
from errata.protocol.read import iso
from errata.protocol.sentry.schema import checked

_LEVELS = {
    **dict.fromkeys(("error", "warning", "info", "debug")),
    **{"fatal": "error", "critical": "error", "warn": "warning", "log": "info"},
}
# Kept as they are, where they were sent.
_TEXTS = ("environment", "release", "server_name", "platform", "logger", "dist")
_PARTS = ("tags", "contexts", "extra", "modules", "sdk", "debug_meta")
# Whose clock is further off than that is corrected by the time at which it sent the event.
_DRIFT_MS = 60_000
_EVENT_ID = re.compile(r"[0-9a-f]{32}")
# The language's own code and what is installed beside the application, in the paths of frames.
_FOREIGN = re.compile(
    r"(?:site|dist)-packages/|/lib/python\d|^<frozen |node_modules/|^node:|^internal/|/vendor/"
    r"|/gems/|/lib/ruby/|/go/pkg/mod/|/usr/local/go/|^(?:java|javax|jdk|sun|kotlin|scala)\."
)
# What logging replaces by a parameter: `%s`, `%-5.2f`, `%(name)r` (docs.python.org, "printf-style
# String Formatting").
_PLACEHOLDER = re.compile(r"%%|%(?:\((\w+)\))?[#0 +-]{0,5}\d*(?:\.\d*)?[a-zA-Z]")
# What stands for the address from which the request comes.
_AUTO = "{{auto}}"


def event_id(value: Any) -> str | None:
    """An event's id as 32 hex digits, None where it is none."""
    if not isinstance(value, str):
        return None
    compact = value.strip().replace("-", "").lower()
    return compact if _EVENT_ID.fullmatch(compact) else None


def milliseconds(value: Any) -> int | None:
    """A time that SDKs write, in seconds since the epoch or in ISO 8601; None where it is none."""
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            value = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        at_ms = round(value * 1000)
        datetime.fromtimestamp(value, UTC)
    except (ArithmeticError, OSError, TypeError, ValueError):
        return None
    return at_ms if at_ms >= 0 else None


def to_fields(
    sent: dict[str, Any], received_ms: int, sent_at_ms: int | None, address: str
) -> tuple[Fields, Any]:
    """The fields of an event, without fingerprint, and the fingerprint that the SDK has sent.

    `sent_at_ms` is the client's time of sending, as its envelope says; `address` is the client's.
    What is wrong in a part of the event is left out and named in `problems`.
    """
    event, problems = checked(sent)
    fields: Fields = {name: event[name] for name in _TEXTS if event.get(name)}
    fields.update({name: event[name] for name in _PARTS if event.get(name)})
    if "tags" in fields:
        fields["tags"] = _tags(fields["tags"])
    _set_level(fields, event.get("level"))
    if transaction := event.get("transaction") or event.get("culprit"):
        fields["transaction"] = transaction
    _set_timestamp(fields, event.get("timestamp"), received_ms, sent_at_ms)
    foreign: dict[str, bool] = {}
    _set_exceptions(fields, event, foreign)
    _set_message(fields, event)
    _set_context(fields, event, address)
    if threads := event.get("threads"):
        fields["threads"] = [_with_frames(each, foreign) for each in threads if each]
    if crumbs := event.get("breadcrumbs"):
        shown = [_present(each) for each in crumbs if each]
        fields["breadcrumbs"] = [each for each in shown if each]
    if problems:
        fields["problems"] = problems
    return fields, event.get("fingerprint")


def _present(value: Fields) -> Fields:
    """An object without its nulls."""
    return {name: each for name, each in value.items() if each is not None}


def _tags(tags: Fields) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else str(value)
        for name, value in tags.items()
        if isinstance(value, str | int | float)
    }


def _set_level(fields: Fields, level: str | None) -> None:
    known = level is None or level in _LEVELS
    fields["level"] = (_LEVELS.get(level) or level) if level and known else "error"
    if level and level != fields["level"]:
        fields["sentry_level"] = level


def _set_timestamp(fields: Fields, sent: Any, received_ms: int, sent_at_ms: int | None) -> None:
    at_ms = milliseconds(sent)
    if at_ms is None:
        return
    drift_ms = received_ms - sent_at_ms if sent_at_ms is not None else 0
    fields["timestamp"] = iso(at_ms + drift_ms if abs(drift_ms) > _DRIFT_MS else at_ms)


def _set_exceptions(fields: Fields, event: Fields, foreign: dict[str, bool]) -> None:
    exceptions = [_with_frames(each, foreign) for each in event.get("exception") or () if each]
    frames = _frames(event.get("stacktrace"), foreign)
    if exceptions and _stands_for_a_message(exceptions[-1]):
        frames = exceptions.pop().get("frames") or frames
    if exceptions:
        # The main one comes last; a stack trace beside it, as old SDKs send it, is its own.
        main = exceptions[-1]
        if frames and "frames" not in main:
            main["frames"] = frames
        fields["exceptions"] = exceptions
        fields["exception_class"] = main.get("type") or "Error"
        frames = main.get("frames", [])
    elif frames:
        fields["frames"] = frames
    place = next((frame for frame in reversed(frames) if frame["in_app"]), None)
    place = place or (frames[-1] if frames else {})
    if file := place.get("filename") or place.get("abs_path") or place.get("module"):
        fields["file"] = file
        if "lineno" in place:
            fields["line"] = place["lineno"]


def _stands_for_a_message(exception: Fields) -> bool:
    """Whether JavaScript's SDKs have made it to say where a message was captured."""
    return "type" not in exception and exception.get("mechanism", {}).get("synthetic") is True


def _with_frames(value: Fields, foreign: dict[str, bool]) -> Fields:
    """An exception or a thread with the frames of its stack trace in `frames`."""
    kept = _present(value)
    frames = _frames(kept.pop("stacktrace", None), foreign)
    if frames:
        kept["frames"] = frames
    return kept


def _frames(stacktrace: Fields | None, foreign: dict[str, bool]) -> list[Fields]:
    """The frames of a stack trace, outermost first. `foreign` remembers what paths say."""
    frames = []
    for each in (stacktrace and stacktrace.get("frames")) or ():
        if not each:
            continue
        frame = _present(each)
        if "in_app" not in frame:
            path = frame.get("abs_path") or frame.get("filename") or frame.get("module") or ""
            if path not in foreign:
                foreign[path] = _FOREIGN.search(path.replace("\\", "/")) is not None
            frame["in_app"] = not foreign[path]
        frames.append(frame)
    return frames


def _set_message(fields: Fields, event: Fields) -> None:
    """The message: of the main exception, else the one that was logged or captured."""
    entry = event.get("logentry") or {}
    message = event.get("message")
    if isinstance(message, dict):  # in the place of a logentry
        entry, message = message or entry, None
    template, formatted, params = (entry.get(name) for name in ("message", "formatted", "params"))
    logged = formatted if isinstance(formatted, str) and formatted else None
    if logged is None and isinstance(template, str):
        logged = _interpolated(template, params)
    if logged is None and isinstance(message, str):
        logged = message
    if isinstance(template, str) and (params or logged != template):
        fields["logentry"] = {"message": template, **({"params": params} if params else {})}
    if "exceptions" not in fields:
        fields["message"] = logged or ""
        return
    fields["message"] = fields["exceptions"][-1].get("value", "")
    if logged:
        # Of `logger.exception("…")`: what was going on.
        fields["logentry"] = {**fields.get("logentry", {}), "formatted": logged}


def _interpolated(template: str, params: Any) -> str:
    """A template with its parameters in the places of `%s` and `%(name)s`, as Python logs it.

    Without the widths that a template may ask for: those are anybody's numbers.
    """
    named = params if isinstance(params, dict) else {}
    rest = iter(params if isinstance(params, list) else ())

    def value(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        return str(named.get(found[1], found[0]) if found[1] else next(rest, found[0]))

    return _PLACEHOLDER.sub(value, template) if params else template


def _set_context(fields: Fields, event: Fields, address: str) -> None:
    context: Fields = {}
    if user := event.get("user"):
        user = _present(user)
        if user.get("ip_address") == _AUTO:
            user["ip_address"] = address
        context["user"] = user
    if request := event.get("request"):
        context["request"] = request = _present(request)
        if isinstance(request.get("url"), str):
            fields["url"] = request["url"]
    if context:
        fields["context"] = context
