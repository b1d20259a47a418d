"""Parses the fingerprint that an SDK sends, and fills in its variables.

Source: docs.sentry.io, "SDK Fingerprinting" and "Fingerprint Rules", Variables.
"""

import json
import re

from errata.grouping.v2 import stack
from errata.models.event import Event

_VARIABLE = re.compile(r"\{\{\s*+([\w.:-]++)\s*+\}\}")
# More than any client needs. Without limits, a megabyte of `{{ message }}` could become a gigabyte.
_MAX_FILLED_PARTS = 50
_MAX_VARIABLES = 10
_MAX_VALUE = 1_000
_MAX_SHOWN = 500

# Maps variables to fields of the event, of its main exception, and of the innermost frame.
_OF_EVENT = {"transaction": "transaction", "logger": "logger", "message": "message"}
_OF_EXCEPTION = {"type": "type", "error.type": "type", "value": "value", "error.value": "value"}
_OF_FRAME = {
    **dict.fromkeys(("function", "stack.function"), "function"),
    **dict.fromkeys(("module", "stack.module"), "module"),
    **dict.fromkeys(("package", "stack.package"), "package"),
    **dict.fromkeys(("path", "stack.abs_path"), "abs_path"),
    "stack.filename": "filename",
}


def parts(sent: object) -> list[str]:
    """Return the parts of a fingerprint as texts; none if it is empty or only `{{ default }}`."""
    if sent is None:  # which is usual
        return []
    members = sent if isinstance(sent, list | tuple) else (sent,)
    texts = [_text(each) for each in members]
    if len(texts) == 1 and (members[0] is None or not texts[0].strip() or _is_default(texts[0])):
        return []
    return texts


def _text(member: object) -> str:
    if isinstance(member, str):
        return member
    try:
        return json.dumps(member, sort_keys=True)
    except (RecursionError, TypeError, ValueError):
        # The value is nested too deeply, or it contains a number that is too long.
        return type(member).__name__


def _is_default(part: str) -> bool:
    found = _VARIABLE.fullmatch(part.strip())
    return found is not None and found[1] == "default"


def asks_for_default(parts: list[str]) -> bool:
    """Return whether a part is `{{ default }}`: the fingerprint then extends the default one."""
    return any(
        found[1] == "default" for part in _first(parts) for found in _VARIABLE.finditer(part)
    )


def _first(parts: list[str]) -> list[str]:
    return parts[:_MAX_FILLED_PARTS]


def filled(parts: list[str], event: Event, default: str) -> list[str]:
    """Replace the variables in the parts by their values.

    A variable without a value is left as it is.
    """

    known = {"default": default}

    def value(found: re.Match[str]) -> str:
        variable = found[1]
        if variable not in known:
            known[variable] = _value(variable, event)
        return known[variable] or f"{{{{ {variable} }}}}"

    first = [
        _VARIABLE.sub(value, part, count=_MAX_VARIABLES) if "{{" in part else part
        for part in _first(parts)
    ]
    return first + parts[_MAX_FILLED_PARTS:]


def _value(name: str, event: Event) -> str:
    value: object = None
    if name in _OF_EVENT:
        value = event.get(_OF_EVENT[name])
    elif name in _OF_EXCEPTION:
        value = stack.main(event).get(_OF_EXCEPTION[name])
    elif name in _OF_FRAME:
        value = stack.innermost(event).get(_OF_FRAME[name])
    elif name == "level":
        value = event.get("sentry_level") or event.get("level")
    elif name.startswith("tags.") and isinstance(event.get("tags"), dict):
        value = event["tags"].get(name.removeprefix("tags."))
    return value[:_MAX_VALUE] if isinstance(value, str) else ""


def reason(parts: list[str], filled: list[str], default: str) -> str:
    """Return the reason to show, such as `fingerprint: checkout, and ValueError in shop.cart`."""
    own = [
        after[:_MAX_SHOWN]
        for before, after in zip(_first(parts), _first(filled), strict=True)
        if not _is_default(before)
    ]
    texts = ", ".join(own)
    return f"fingerprint: {', and '.join(filter(None, (texts, default)))}"
