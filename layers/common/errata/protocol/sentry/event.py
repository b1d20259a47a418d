"""Converts an SDK's event to event fields (see `errata.models.event`).

Source: the SDK development documentation, "Event Payloads". A value that has a field in the ingest
API goes into that field, so that it can be filtered and grouped. Other values keep the SDKs' names.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from errata.models.event import Event, Fields, Level
from errata.models.ids import LAST_MS, sdk_event_id
from errata.protocol.read import iso
from errata.protocol.sentry.forms import Problems, shown_value
from errata.protocol.sentry.schema import checked
from errata.protocol.sentry.security import report_message

_LEVELS: dict[str, Level] = {
    "error": "error",
    "warning": "warning",
    "info": "info",
    "debug": "debug",
    "fatal": "error",
    "critical": "error",
    "warn": "warning",
    "log": "info",
}
_MAX_CACHED_PATH = 256
# Characters of a message that is made from a template and its parameters.
_MAX_MESSAGE = 64 * 1024
# Fields that are copied unchanged.
_TEXTS = ("environment", "release", "server_name", "platform", "logger", "dist")
_PARTS = ("tags", "contexts", "extra", "modules", "sdk", "debug_meta", "other")
# Fields of a frame that say what was done with it, and with which source map.
_OF_MAPS = frozenset(("map", "sent", "minified"))
# If a client's clock differs from ours by more than this, the event's timestamp is corrected.
_DRIFT_MS = 60_000
# Seconds since the epoch as a text.
_SECONDS = re.compile(r"\d{9,11}(?:\.\d{1,9})?")
# Timestamps from here on are milliseconds: in seconds, this is the year 5138.
_LEAST_MS = 100_000_000_000
# Matches the paths of frames in a language's standard library or in installed dependencies.
_FOREIGN = re.compile(
    r"(?:site|dist)-packages/|/lib/python\d|^<frozen |node_modules/|^node:|^internal/|/vendor/"
    r"|/gems/|/lib/ruby/|/go/pkg/mod/|/usr/local/go/|^(?:java|javax|jdk|sun|kotlin|scala)\."
)
# Matches the placeholders `%s`, `%-5.2f`, `%(name)r` (docs.python.org, "printf-style String
# Formatting").
_PLACEHOLDER = re.compile(r"%%|%(?:\((\w+)\))?[#0 +-]{0,5}\d*(?:\.\d*)?[a-zA-Z]")
# SDKs send this in place of the user's IP address. It means the address of the request.
_AUTO = "{{auto}}"


def milliseconds(value: Any) -> int | None:
    """Return a timestamp in milliseconds since the epoch, or None if it is invalid.

    SDKs send seconds since the epoch, or ISO 8601. Old ones also send milliseconds.
    """
    try:
        if isinstance(value, str) and _SECONDS.fullmatch(value):
            value = float(value)
        elif isinstance(value, str):
            at = datetime.fromisoformat(value)
            value = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
        if not isinstance(value, bool) and value >= _LEAST_MS:
            value = value / 1000
        at_ms = round(value * 1000)
        datetime.fromtimestamp(value, UTC)
    except (ArithmeticError, OSError, TypeError, ValueError):
        return None
    # The last fraction of a millisecond is rounded up to the year 10000.
    return min(at_ms, LAST_MS) if at_ms >= 0 else None


def to_fields(
    sent: Fields, received_ms: int, sent_at_ms: int | None, address: str
) -> tuple[Event, Any]:
    """Return the fields of an event, and the fingerprint that the SDK sent.

    What cannot be kept as it was sent is listed in the field `problems`.

    Args:
        sent: the event as the SDK sent it.
        received_ms: when the request arrived, in milliseconds since the epoch.
        sent_at_ms: when the client sent the envelope, by its own clock; None if unknown.
        address: the client's IP address.
    """
    event, problems = checked(sent)
    copied: Any = {name: event[name] for name in _TEXTS if event.get(name)}
    copied.update({name: event[name] for name in _PARTS if event.get(name)})
    fields: Event = copied
    _set_level(fields, event.get("level"))
    transaction, culprit = event.get("transaction"), event.get("culprit")
    if does := transaction or culprit:
        fields["transaction"] = does
    if transaction and culprit and culprit != transaction:
        _keep_other(fields, "culprit", culprit)
    if event.get("event_id") is not None and sdk_event_id(event["event_id"]) is None:
        _add_problem(problems, "event_id", "is not 32 hex digits", event["event_id"])
    _set_timestamp(fields, event.get("timestamp"), received_ms, sent_at_ms, problems)
    _set_exceptions(fields, event)
    _set_message(fields, event)
    _set_context(fields, event, address)
    if threads := event.get("threads"):
        fields["threads"] = [_with_frames(each) for each in threads if each]
    if crumbs := event.get("breadcrumbs"):
        present = [_present(each) for each in crumbs if each]
        fields["breadcrumbs"] = [each for each in present if each]
    if problems:
        fields["problems"] = problems
    return fields, event.get("fingerprint")


def _add_problem(problems: Problems, field: str, problem: str, value: Any) -> None:
    problems.append({"field": field, "problem": f"{problem}: {shown_value(value)}"})


def _keep_other(fields: Event, name: str, value: Any) -> None:
    """Keep a part in the field `other`. No other part has this name there."""
    fields["other"] = {**fields.get("other", {}), name: value}


def _present(value: Fields) -> Fields:
    """Return an object without null values. Without nulls, which is usual, it is not copied."""
    if None not in value.values():
        return value
    return {name: each for name, each in value.items() if each is not None}


def _set_level(fields: Event, level: str | None) -> None:
    fields["level"] = _LEVELS.get(level or "", "error")
    if level and level != fields["level"]:
        fields["sentry_level"] = level


def _set_timestamp(
    fields: Event, sent: Any, received_ms: int, sent_at_ms: int | None, problems: Problems
) -> None:
    at_ms = milliseconds(sent)
    if at_ms is None:
        if sent is not None:
            _add_problem(problems, "timestamp", "is not a time", sent)
        return
    drift_ms = received_ms - sent_at_ms if sent_at_ms is not None else 0
    fields["timestamp"] = iso(max(0, at_ms + drift_ms) if abs(drift_ms) > _DRIFT_MS else at_ms)


def _set_exceptions(fields: Event, event: Fields) -> None:
    exceptions = [_with_frames(each) for each in event.get("exception") or () if each]
    frames = _frames(event.get("stacktrace"))
    if rest := _without_frames(event.get("stacktrace")):
        _keep_other(fields, "stacktrace", rest)
    if exceptions and _stands_for_a_message(exceptions[-1]):
        made = exceptions.pop()
        frames = made.pop("frames", None) or frames
        if made.get("value") not in (None, event.get("message")):
            _keep_other(fields, "exception", made)
    if exceptions:
        # The main exception comes last. Old SDKs send its stack trace outside of it.
        main = exceptions[-1]
        if frames and "frames" not in main:
            main["frames"] = frames
        elif frames:
            _keep_other(fields, "stacktrace", {"frames": frames, **(rest or {})})
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
    """Return whether a JavaScript SDK made the exception only to send the frames of a message."""
    return "type" not in exception and exception.get("mechanism", {}).get("synthetic") is True


def _with_frames(value: Fields) -> Fields:
    """Return an exception or thread with the frames of its stack trace in the field `frames`.

    The rest of the stack trace, such as the registers, stays in `stacktrace`.
    """
    kept = _present(value)
    stacktrace = kept.pop("stacktrace", None)
    if frames := _frames(stacktrace):
        kept["frames"] = frames
    if rest := _without_frames(stacktrace):
        kept["stacktrace"] = rest
    return kept


def _without_frames(stacktrace: Fields | None) -> Fields:
    return {
        name: each
        for name, each in (stacktrace or {}).items()
        if name != "frames" and each is not None
    }


def _frames(stacktrace: Fields | None) -> list[Fields]:
    """Return the frames of a stack trace, outermost first. Sets `in_app` where it is missing.

    Leaves out the fields that only Errata sets: nobody else knows what a source map says.
    """
    frames = []
    for each in (stacktrace and stacktrace.get("frames")) or ():
        if not each:
            continue
        frame = _present(each)
        if not _OF_MAPS.isdisjoint(frame):
            frame = {name: value for name, value in frame.items() if name not in _OF_MAPS}
        if "in_app" not in frame:
            path = frame.get("abs_path") or frame.get("filename") or frame.get("module") or ""
            frame["in_app"] = not _is_foreign(path)
        frames.append(frame)
    return frames


def _is_foreign(path: str) -> bool:
    # Do not cache long paths: clients may send any number of them.
    return _is_foreign_path(path) if len(path) <= _MAX_CACHED_PATH else _matches(path)


@lru_cache(4_096)
def _is_foreign_path(path: str) -> bool:
    return _matches(path)


def _matches(path: str) -> bool:
    return _FOREIGN.search(path.replace("\\", "/")) is not None


def _set_message(fields: Event, event: Fields) -> None:
    """Set the message: that of the main exception, otherwise the logged or captured one."""
    entry = _present(event.get("logentry") or {})
    message = event.get("message")
    template, formatted, params = (entry.get(name) for name in ("message", "formatted", "params"))
    logged = formatted or None
    if logged is None and template is not None:
        logged = _interpolated(template, params)
    if logged is None:
        logged = message
    elif message and message not in (logged, template):
        _keep_other(fields, "message", message)
    kept = {name: each for name, each in entry.items() if name not in ("message", "formatted")}
    if not params:
        kept.pop("params", None)
    if template is not None and (params or logged != template):
        kept["message"] = template
    if kept:
        fields["logentry"] = kept
    if "exceptions" not in fields:
        fields["message"] = logged or report_message(fields.get("other", {}))
        return
    fields["message"] = fields["exceptions"][-1].get("value", "")
    if logged:
        # `logger.exception("…")` sends both an exception and a log message.
        fields["logentry"] = {**fields.get("logentry", {}), "formatted": logged}


def _interpolated(template: str, params: Any) -> str:
    """Return a template with its parameters in place of `%s` and `%(name)s`, as Python logs it.

    Ignores field widths: they come from the client, and a huge one would make a huge text. For the
    same reason, ends at `_MAX_MESSAGE` characters: a long parameter may be named very often.
    """
    if not params:
        return template
    named = params if isinstance(params, dict) else {}
    rest = iter(params if isinstance(params, list) else ())
    parts, size, end = [], 0, 0
    for found in _PLACEHOLDER.finditer(template):
        if found[0] == "%%":
            value = "%"
        else:
            value = str(named.get(found[1], found[0]) if found[1] else next(rest, found[0]))
        parts += [template[end : found.start()], value]
        size += len(parts[-2]) + len(value)
        end = found.end()
        if size > _MAX_MESSAGE:
            break
    return "".join([*parts, template[end:]])[:_MAX_MESSAGE]


def _set_context(fields: Event, event: Fields, address: str) -> None:
    context: Fields = {}
    if user := _user(event, address):
        context["user"] = user
    if request := event.get("request"):
        context["request"] = request = _present(request)
        if isinstance(request.get("url"), str):
            fields["url"] = request["url"]
    if context:
        fields["context"] = context


def _user(event: Fields, address: str) -> Fields:
    """Return the user, with the client's address if the SDK asks for it.

    SDKs ask with a placeholder, or with a setting: `auto`, `never` or, like no setting, `legacy`.
    """
    user = {name: each for name, each in (event.get("user") or {}).items() if each is not None}
    settings = (event.get("sdk") or {}).get("settings")
    infer = settings.get("infer_ip") if isinstance(settings, dict) else None
    asks = user.get("ip_address") == _AUTO
    if asks and infer == "never":
        del user["ip_address"]
    elif asks or (infer == "auto" and not user.get("ip_address")):
        user["ip_address"] = address
    return user
