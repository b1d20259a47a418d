"""Converts the names and forms that old SDKs use to the current ones. Changes only copies.

Source: the SDK development documentation, "Event Payloads" and its pages of interfaces, and its
JSON schema of events. Unknown forms stay as they are, and the validation handles them (`schema`).
"""

import json
from typing import Any

from errata.models.event import Fields, Problem

type Problems = list[Problem]

# Up to protocol version 4, a part was named after a Python class: `sentry.interfaces.Exception`,
# or `sentry.interfaces.exception.Exception`.
_CLASS = "sentry.interfaces."
_NAMES = {
    "http": "request",
    "message": "logentry",
    "debugmeta": "debug_meta",
    **{name: name for name in ("exception", "stacktrace", "threads", "breadcrumbs", "user")},
    **{name: name for name in ("logentry", "contexts", "sdk", "template")},
    **{name: name for name in ("csp", "hpkp", "expectct", "expectstaple")},
}
# Python's numbers for levels (docs.python.org, "Logging Levels"), highest first.
_LEVELS = ((50, "fatal"), (40, "error"), (30, "warning"), (20, "info"), (10, "debug"))
MAX_TAGS = 200
MAX_BREADCRUMBS = 100
_MAX_HEADERS = 1_000
# Names of the two parts of a pair that is sent as an object.
_PAIR = (("key", "value"), ("name", "value"))


def current(sent: Fields, problems: Problems) -> Fields:
    """Return an event with the current names, and with the usual forms of its parts.

    Exceptions, threads and breadcrumbs become lists; SDKs also send `{"values": […]}` or a single
    object. Tags and headers become objects; SDKs also send lists of pairs. What is lost by this is
    added to `problems`.
    """
    event = _renamed(sent)
    for name in ("exception", "threads", "breadcrumbs"):
        value = event.get(name)
        if isinstance(value, dict):
            event[name] = _values(value, name, problems)
    if isinstance(event.get("exception"), str):
        event["exception"] = [{"value": event["exception"]}]
    crumbs = event.get("breadcrumbs")
    if isinstance(crumbs, list) and len(crumbs) > MAX_BREADCRUMBS:
        event["breadcrumbs"] = crumbs[-MAX_BREADCRUMBS:]
        note_cut(problems, "breadcrumbs", MAX_BREADCRUMBS, len(crumbs))
    event["level"] = _level(event.get("level"))
    _set_logged(event)
    event["tags"] = _tags(event.get("tags"), problems)
    request = event.get("request")
    if isinstance(request, dict) and isinstance(request.get("headers"), list):
        event["request"] = {**request, "headers": _headers(request["headers"], problems)}
    return event


def split_texts(sent: Fields) -> bool:
    """Turn texts such as `X-Token: abc` in the tags and headers of an event into pairs, in place.

    Then scrubbing can see the name of a secret. Returns whether there were such texts.
    """
    lists = [sent.get("tags")]
    lists += [part.get("headers") for part in sent.values() if isinstance(part, dict)]
    split = False
    for entries in lists:
        if not isinstance(entries, list):
            continue
        for number, entry in enumerate(entries):
            if isinstance(entry, str) and (pair := _pair(entry)):
                entries[number] = [*pair]
                split = True
    return split


def as_text(value: Any) -> Any:
    """Return a value as a text: JSON if it is a list or an object. Null stays null."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def note_cut(problems: Problems, field: str, kept: int, number: int) -> None:
    """Add a problem: a list has more entries than are kept."""
    problems.append({"field": field, "problem": f"{kept} of {number} entries are kept"})


def note_attachments(names: list[str], problems: Problems) -> None:
    """Add a problem if an event was sent with attachments."""
    if names:
        first = ", ".join(shown_value(name) for name in names[:5])
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        problems.append({"field": "attachments", "problem": f"are not stored: {first}{more}"})


def _renamed(sent: Fields) -> Fields:
    """Return a copy of an event with the current names. A part with both names keeps both."""
    event = dict(sent)
    for old in [name for name in sent if name[: len(_CLASS)] == _CLASS]:
        name = _NAMES.get(old[len(_CLASS) :].rpartition(".")[2].lower())
        if name and event.get(name) in (None, {}, []):
            event[name] = event.pop(old)
    return event


def _values(value: Fields, name: str, problems: Problems) -> Any:
    """Return the list in `{"values": […]}`, and an object without `values` as the only entry."""
    if "values" not in value:
        return [value]
    values, rest = value["values"], {each: value[each] for each in value if each != "values"}
    if isinstance(values, dict):
        values = [values]
    main = values[-1] if isinstance(values, list) and values else None
    if "mechanism" in rest and isinstance(main, dict) and not main.get("mechanism"):
        # raven-js sends the mechanism of the main exception here.
        values = [*values[:-1], {**main, "mechanism": rest.pop("mechanism")}]
    if rest:
        problems.append({"field": name, "problem": f"has more than values: {shown_value(rest)}"})
    return values


def _level(value: Any) -> Any:
    """Return the name of a level. Other values stay."""
    if isinstance(value, str):
        value = value.strip().lower()
        if not (value.isascii() and value.isdecimal() and len(value) <= 3):
            return value
        number: float = int(value)
    elif type(value) in (int, float):
        number = value
    else:
        return value
    return next((name for least, name in _LEVELS if number >= least), value)


def _set_logged(event: Fields) -> None:
    """Give the message and the log entry of an event their usual forms, in place."""
    entry, message = event.get("logentry"), event.get("message")
    if isinstance(message, dict) and not entry and message.keys() & {"message", "formatted"}:
        # Some SDKs send the log entry here.
        entry, message = message, None
    if isinstance(entry, dict):
        entry = {**entry, **{n: as_text(entry.get(n)) for n in ("message", "formatted")}}
    elif entry is not None:
        entry = {"formatted": as_text(entry)}
    event["logentry"], event["message"] = entry, as_text(message)


def _tags(tags: Any, problems: Problems) -> Any:
    """Return tags as an object of texts."""
    if not isinstance(tags, dict | list):
        return tags
    if len(tags) > MAX_TAGS:
        note_cut(problems, "tags", MAX_TAGS, len(tags))
    found: dict[str, str] = {}
    entries = tags.items() if isinstance(tags, dict) else tags
    for number, entry in zip(range(MAX_TAGS), entries, strict=False):
        pair = entry if isinstance(tags, dict) else _pair(entry)
        if pair is None:
            if entry is not None:
                problem = f"is not a name with a value: {shown_value(entry)}"
                problems.append({"field": f"tags.{number}", "problem": problem})
            continue
        name, value = str(as_text(pair[0])), as_text(pair[1])
        if value is None:
            continue
        if name in found:
            problem = f"is sent twice; the first value was {shown_value(found[name])}"
            problems.append({"field": f"tags.{name[:100]}", "problem": problem})
        found[name] = value
    return found


def _headers(headers: list[Any], problems: Problems) -> Fields:
    """Return headers as an object. The values of a header that is sent twice are joined."""
    if len(headers) > _MAX_HEADERS:
        note_cut(problems, "request.headers", _MAX_HEADERS, len(headers))
    found: Fields = {}
    for number, entry in enumerate(headers[:_MAX_HEADERS]):
        pair = _pair(entry)
        if pair is None:
            problem = f"is not a name with a value: {shown_value(entry)}"
            problems.append({"field": f"request.headers.{number}", "problem": problem})
            continue
        name = str(as_text(pair[0]))
        twice = name in found
        found[name] = f"{as_text(found[name])}, {as_text(pair[1])}" if twice else pair[1]
    return found


def _pair(entry: Any) -> tuple[Any, Any] | None:
    """Return the name and the value of an entry, None if it is not a pair."""
    if isinstance(entry, list) and len(entry) == 2 and None not in entry:
        return entry[0], entry[1]
    if isinstance(entry, dict):
        known = {name: each for name, each in entry.items() if each is not None}
        for names in _PAIR:
            if known.keys() == set(names):
                return known[names[0]], known[names[1]]
        if len(known) == 1:
            return next(iter(known.items()))
    if isinstance(entry, str):
        name, colon, value = entry.partition(":")
        return (name, value) if colon and name else None
    return None


def shown_value(value: Any) -> str:
    """Return a value as a short text, for a problem."""
    text = str(as_text(value))
    return text if len(text) <= 100 else f"{text[:100]}…"
