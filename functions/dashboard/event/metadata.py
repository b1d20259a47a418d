"""Metadata of an event: names with values, breadcrumbs, the request."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from errata.protocol.sentry.attachments import MAX_FILES
from errata.usecases.issue_values import page_url
from functions.dashboard.byte_budget import ByteBudget

MAX_BREADCRUMBS = 60
MAX_CONTEXTS = 20
_HOST = re.compile(r"^(?:[A-Za-z][\w+.-]{0,20}:)?//[^/]*")
_MARKUP_OF_A_PAIR = 40
_MARKUP_OF_A_CRUMB = 290
_MARKUP_OF_A_CARD = 100
# Numbers between these are timestamps of this century, in seconds (2001 to 2096).
_EPOCH = (10**9, 4 * 10**9)
# Display names of the protocol's contexts.
_CONTEXTS = {
    "os": "Operating system",
    "gpu": "GPU",
    "app": "App",
    "cloud_resource": "Cloud resource",
    "csp": "CSP report",
    "template": "Template",
    **{name: name.capitalize() for name in ("browser", "runtime", "device", "trace", "culture")},
    **{name: name.capitalize() for name in ("response", "state", "profile", "flags", "feedback")},
}

# The filters for breadcrumbs. The key is the first part of the category or type, up to a dot.
CRUMB_GROUPS = ("query", "http", "log", "ui", "other")
_GROUPS = {
    **dict.fromkeys(("query", "db", "sql", "redis", "cache"), "query"),
    **dict.fromkeys(("http", "xhr", "fetch", "request", "httplib"), "http"),
    **dict.fromkeys(("log", "console", "logging", "logger", "monolog", "debug"), "log"),
    **dict.fromkeys(("ui", "navigation", "user", "touch"), "ui"),
}

type Pairs = list[tuple[str, str]]


def pairs(value: Any, budget: ByteBudget, most: int = 1_000, number: int = 40) -> Pairs:
    """Return up to `number` entries of an object, each cut to `most` characters."""
    if value is None:
        return []
    if not isinstance(value, dict):
        return [("", budget.take(value, 500))]
    shown = []
    for name, each in list(value.items())[:number]:
        if not budget.pays(_MARKUP_OF_A_PAIR):
            break
        shown.append((budget.take(name, 100), budget.take(each, most)))
    if len(shown) < len(value):
        shown.append(("…", f"{len(value) - len(shown)} more"))
    return shown


def breadcrumbs(sent: Any, budget: ByteBudget) -> list[dict[str, Any]]:
    """Return the latest breadcrumbs, latest first. One that is not an object is shown as it is."""
    shown: list[dict[str, Any]] = []
    for crumb in reversed(sent[-MAX_BREADCRUMBS:] if isinstance(sent, list) else [sent]):
        if not budget.pays(_MARKUP_OF_A_CRUMB):
            break
        if not isinstance(crumb, dict):
            crumb = {"message": crumb}
        shown.append(
            {
                "at": timestamp_ms(crumb.get("timestamp")),
                "time": budget.take(crumb.get("timestamp"), 40),
                "group": _group(crumb),
                "kind": budget.take(crumb.get("category") or crumb.get("type"), 60),
                "level": budget.take(crumb.get("level"), 20),
                "message": budget.take(crumb.get("message"), 300),
                "data": budget.take(crumb.get("data") or None, 300),
            }
        )
    return shown


def _group(crumb: Any) -> str:
    """Return the kind of a breadcrumb by which the page filters: one of `CRUMB_GROUPS`."""
    for name in ("category", "type"):
        kind = crumb.get(name)
        first = kind.lower().partition(".")[0] if isinstance(kind, str) else ""
        if found := _GROUPS.get(first):
            return found
    return "log" if crumb.get("type") == "default" and crumb.get("level") else "other"


def timestamp_ms(timestamp: Any) -> int | None:
    """Return a timestamp in milliseconds since the epoch, None if it cannot be parsed.

    Timestamps are ISO 8601 or, from some SDKs, seconds since the epoch. Without a time zone they
    are UTC, as the protocol says.
    """
    if isinstance(timestamp, int | float) and _EPOCH[0] < timestamp < _EPOCH[1]:
        return round(timestamp * 1000)
    if not isinstance(timestamp, str):
        return None
    try:
        parsed = datetime.fromisoformat(timestamp)
        return round((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def request(sent: Any, budget: ByteBudget) -> dict[str, Any]:
    """Return a request: its method, URL, query and body, its headers, and the other parts.

    A part of an unexpected type is shown as it is. Empty if there is no request.
    """
    if not isinstance(sent, dict):
        return {"others": found} if (found := pairs(sent, budget)) else {}
    parts = {name: each for name, each in sent.items() if each not in (None, "", {}, [])}
    url, query = parts.get("url"), parts.get("query_string")
    if isinstance(url, str) and isinstance(query, str) and url.endswith(f"?{query}"):
        del parts["query_string"]
    shown: dict[str, Any] = {}
    for name, most in (("method", 20), ("url", 500), ("query_string", 1_000), ("data", 3_000)):
        shown[name] = budget.take(parts.pop(name), most) if name in parts else ""
    cookies = parts.pop("cookies", None)
    shown["headers"] = pairs(_object(parts.pop("headers", None)), budget)
    shown["cookies"] = pairs(_object(cookies), budget)
    shown["others"] = pairs(parts or None, budget)
    return shown if any(shown.values()) else {}


def request_line(fields: Mapping[str, Any]) -> str:
    """Return the method and path of the request, such as `GET /checkout`. "" if not known.

    The host and the query are left out: the section of the request has them.
    """
    context = fields.get("context")
    sent = context.get("request") if isinstance(context, dict) else None
    method = sent.get("method") if isinstance(sent, dict) else None
    url = page_url(fields)
    path = url and (_HOST.sub("", url) or "/")
    return " ".join(each for each in (method, path) if isinstance(each, str) and each)


def response_status(fields: Mapping[str, Any]) -> str:
    """Return the status of the application's response, such as `500`. "" if it is not known."""
    contexts = fields.get("contexts")
    sent = contexts.get("response") if isinstance(contexts, dict) else None
    status = sent.get("status_code") if isinstance(sent, dict) else None
    known = type(status) is int or (isinstance(status, str) and status.isdecimal())
    return str(status)[:3] if known else ""


def _object(sent: Any) -> Any:
    """Return a list of pairs, which SDKs may send, as an object. Other values stay as they are."""
    if isinstance(sent, list) and all(isinstance(each, list) and len(each) == 2 for each in sent):
        return {str(name): value for name, value in sent}
    return sent


def contexts(sent: Any, budget: ByteBudget) -> list[tuple[str, Pairs]]:
    """Return what an SDK reports of the runtime, the device and so on, by name."""
    named = sent if isinstance(sent, dict) else {"": sent} if sent else {}
    shown = []
    for name, each in list(named.items())[:MAX_CONTEXTS]:
        if not budget.pays(_MARKUP_OF_A_CARD):
            break
        if isinstance(each, dict):
            # Leave out `type` if it only repeats the name of the context.
            known = {key: value for key, value in each.items() if value is not None}
            each = {key: value for key, value in known.items() if (key, value) != ("type", name)}
        if found := pairs(each, budget, most=500):
            shown.append((_CONTEXTS.get(name) or budget.take(name, 100) or "Contexts", found))
    return shown


def with_other(contexts: Any, other: Any) -> Any:
    """Return the contexts, and before them the fields that have no other place on the page."""
    if not isinstance(other, dict) or not other:
        return contexts
    named = contexts if isinstance(contexts, dict) else {"": contexts} if contexts else {}
    objects = {name: each for name, each in other.items() if isinstance(each, dict)}
    plain = {name: each for name, each in other.items() if name not in objects}
    return {**objects, **({"Other fields": plain} if plain else {}), **named}


def problems(sent: Any, budget: ByteBudget) -> Pairs:
    """Return the parts that were removed or shortened when the event arrived."""
    return _noted(sent, "problem", budget)


def scrubbed(sent: Any, budget: ByteBudget) -> Pairs:
    """Return where secrets were replaced when the event arrived, each with the rule."""
    return _noted(sent, "rule", budget)


def _noted(sent: Any, what: str, budget: ByteBudget) -> Pairs:
    found = [each for each in sent if isinstance(each, dict)] if isinstance(sent, list) else []
    shown = [
        (budget.take(each.get("field"), 200), budget.take(each.get(what), 200))
        for each in found[:10]
    ]
    if len(found) > len(shown):
        shown.append(("…", f"{len(found) - len(shown)} more"))
    return shown


def sdk(sent: Any, budget: ByteBudget) -> str:
    """Return the name and version of the SDK."""
    if isinstance(sent, dict):
        named = (sent.get("name"), sent.get("version"))
        sent = " ".join(each for each in named if isinstance(each, str)) or sent
    return budget.take(sent, 200)


def attachments(value: Any, budget: ByteBudget) -> list[tuple[str, str]]:
    """Return the names and the sizes of an event's attachments."""
    found = value if isinstance(value, list) else []
    return [
        (budget.take(str(each.get("filename") or "attachment"), 100), _size(each.get("size")))
        for each in found[:MAX_FILES]
        if isinstance(each, dict)
    ]


def _size(value: Any) -> str:
    if not isinstance(value, int):
        return ""
    return f"{value / 1_000_000:.1f} MB" if value >= 100_000 else f"{value / 1_000:.1f} kB"
