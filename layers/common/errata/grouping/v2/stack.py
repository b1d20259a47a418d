"""Groups an event by the types of its exceptions and the locations of its frames."""

import re
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _json

from errata.grouping.v2 import engines, message, names
from errata.grouping.v2.locations import Locations, Stack, line, listed, stack
from errata.models.event import Event, Fields

# Only the exceptions nearest to the main one are used.
_MAX_EXCEPTIONS = 50
_MAX_KNOWN_TEXT = 500
_QUALIFIED = re.compile(r"[.\\:*]")
# Last parts of generic types, which are raised for any reason. Only a text or a code tells the
# errors apart.
_GENERIC = frozenset(
    (
        *("Error", "Exception", "RuntimeError", "RuntimeException", "StandardError", "Throwable"),
        *("UnhandledRejection", "panic", "NSError", "NSException", "ErrorException", "OSError"),
        *("errorString", "wrapError", "wrapErrors", "joinError", "fundamental", "withStack"),
        *("withMessage", "PgError", "PostgresError", "SQLException", "PSQLException"),
        *("PDOException", "QueryException", "OperationalError", "ProgrammingError"),
        *("DatabaseError", "IntegrityError", "HTTPError", "HttpError", "HttpErrorResponse"),
        *("AxiosError", "FetchError", "HttpRequestException", "APIError", "ApiError"),
    )
)
# Functions inside others, without a name of their own.
_NAMELESS = ("<lambda>", "{closure}", "{closure}}", "::doDisplay", ".func")

type Why = tuple[str, str]  # what groups an event, as JSON and in words


def exceptions(event: Event) -> list[Fields]:
    """Return the exceptions that are not empty, the main one first, then its causes."""
    sent = _objects(event.get("exceptions"))
    said = [each for each in sent if each.get("type") or each.get("value") or each.get("frames")]
    if not sent and event.get("exception_class"):
        said = [{"type": event["exception_class"], "value": event.get("message")}]
    return said[: -_MAX_EXCEPTIONS - 1 : -1]


def main(event: Event) -> Fields:
    """Return the main exception, or an empty one."""
    return next(iter(exceptions(event)), {})


def innermost(event: Event) -> Fields:
    """Return the innermost in-app frame, otherwise the innermost frame, otherwise an empty one."""
    frames = _main_frames(event)[::-1]
    return next((each for each in frames if each.get("in_app")), frames[0] if frames else {})


def by_exceptions(event: Event, exceptions: list[Fields]) -> Why | None:
    """Return the types of all exceptions and the locations of their in-app frames, or None.

    If no frame is in-app, all frames and the values of the exceptions count. If the innermost
    location has no name, its line of code counts, too, or else the value. If a type is generic, the
    fixed words of the value count. Equal exceptions count once, also in a group.
    """
    # JavaScript SDKs send a message as an exception without a type, to send its frames.
    if not any(each.get("type") for each in exceptions):
        return None
    stacks = [_objects(each.get("frames")) for each in exceptions]
    if not any(stacks):
        stacks[0] = _frames_around(event)
    platform = event.get("platform")
    javascript = platform in engines.PLATFORMS
    found = [stack(frames, True, platform) for frames in stacks]
    in_app = any(each.locations for each in found)
    if not in_app:
        found = [stack(frames, False, platform) for frames in stacks]
    inside = _inside_groups(exceptions)
    chain: dict[str, str] = {}
    members: dict[str, str] = {}
    for number, (each, where) in enumerate(zip(exceptions, found, strict=True)):
        kind, generic = _kind(_text(each.get("type"))[: names.MAX_NAME])
        value = _text(each.get("value"))
        if javascript and engines.is_recursion(value):
            kind, value = "RangeError", ""
        if platform == "cocoa" and not generic:
            # The type is the domain, or an enumeration. The code says which error it is.
            generic = "Code: " in value or "Code=" in value
        details = _details(generic, value, where, in_app, javascript)
        key = f"[{_json(kind)},[{','.join(where.locations)}],{_json(details)}]"
        shown = _shown(kind or "Error", where.locations, details)
        (members if number in inside else chain)[key] = shown
    keys = f'["exceptions",[{",".join(chain)}],[{",".join(sorted(members))}]]'
    reason = "; caused by ".join(chain.values())
    if members:
        reason += "; with " + ", ".join(members[key] for key in sorted(members))
    return keys, reason


def _details(generic: bool, value: str, where: Stack, in_app: bool, javascript: bool) -> str:
    """Return what else tells an exception from others, if its type and locations say too little."""
    innermost = next(iter(where.locations.values()), None)
    code = line(where.innermost) if in_app else ""
    nameless = innermost is not None and (
        not innermost.function or (code != "" and innermost.function.endswith(_NAMELESS))
    )
    if in_app and not nameless and not generic:
        return ""
    if nameless and code and not generic:
        return "".join(code.split())
    # Do not cache long texts: clients may send any number of them.
    read = _known_words if len(value) <= _MAX_KNOWN_TEXT else _words
    said = read(value, code, javascript)
    return f"{said} {''.join(code.split())}" if nameless and code else said


def _words(value: str, code: str, javascript: bool) -> str:
    """Return the words of a value that do not vary: with a line of code, those that are in it."""
    said = message.constant(engines.message(value) if javascript else value)
    return message.fixed(said, code) if code else said


_known_words = lru_cache(1_024)(_words)


@lru_cache(1_024)
def _kind(sent: str) -> tuple[str, bool]:
    """Return a type without generated parts, and whether it is generic.

    A generic type says nothing about the error: it is raised for any reason.
    """
    kind = names.name(sent)
    last = _QUALIFIED.split(kind)[-1]
    return kind, last in _GENERIC or last.endswith("Domain")


def by_frames(event: Event) -> Why | None:
    """Return the locations of the frames of an event without exceptions, or None."""
    frames, platform = _main_frames(event), event.get("platform")
    found = stack(frames, True, platform).locations or stack(frames, False, platform).locations
    return (f'["frames",[{",".join(found)}]]', f"frames in {listed(found)}") if found else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _objects(value: object) -> list[Fields]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _main_frames(event: Event) -> list[Fields]:
    return _objects(main(event).get("frames")) or _frames_around(event)


def _frames_around(event: Event) -> list[Fields]:
    """Return the frames of the event, otherwise those of the crashed or current thread."""
    if frames := _objects(event.get("frames")):
        return frames
    threads = _objects(event.get("threads"))
    for mark in ("crashed", "current"):
        for thread in threads:
            if thread.get(mark) and (frames := _objects(thread.get("frames"))):
                return frames
    return []


def _inside_groups(exceptions: list[Fields]) -> set[int]:
    """Return the indexes of the exceptions inside an exception group, at any depth.

    Source: Sentry's RFC 79, "Exception Groups": a member has its group's id in `parent_id`.
    """
    if len(exceptions) == 1:  # which is usual
        return set()
    parents: dict[int, int] = {}
    groups: set[int] = set()
    ids: dict[int, int] = {}
    for number, each in enumerate(exceptions):
        mechanism = each.get("mechanism")
        if not isinstance(mechanism, dict):
            continue
        own, parent = mechanism.get("exception_id"), mechanism.get("parent_id")
        if isinstance(own, int):
            ids[number] = own
            if isinstance(parent, int):
                parents[own] = parent
            if mechanism.get("is_exception_group"):
                groups.add(own)
    if not groups:
        return set()
    inside = {number for number, own in ids.items() if _leads_to(groups, own, parents)}
    # If all exceptions are inside a group, the ids are invalid: one of them must be the outermost.
    return inside if len(inside) < len(exceptions) else set()


def _leads_to(groups: set[int], own: int, parents: dict[int, int]) -> bool:
    for _ in range(len(parents)):  # ends even if the parents form a cycle
        if own not in parents:
            return False
        own = parents[own]
        if own in groups:
            return True
    return False


def _shown(kind: str, where: Locations, value: str) -> str:
    shown = f"{kind} in {listed(where)}" if where else kind
    return f"{shown}: {value}" if value else shown
