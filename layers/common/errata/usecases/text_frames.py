"""Parse the text of a JavaScript stack trace into frames, for the source map of an event."""

from errata.models.event import Event, Fields
from errata.protocol import stacktrace
from errata.sourcemaps import frames
from errata.sourcemaps.frames import FrameCandidate


def candidates(event: Event) -> list[FrameCandidate]:
    """Return the frames of the first exception in an event's stack trace, outermost first.

    `minified_stack` comes before `stack_trace`. Returns [] if the text is no such stack trace.
    """
    stack = event.get("minified_stack") or event.get("stack_trace")
    trace = stacktrace.parse_trace(stack) if isinstance(stack, str) else None
    if trace is None or trace.language != "javascript":
        return []
    found: list[FrameCandidate] = []
    for frame in reversed(trace.exceptions[0].frames[: frames.MAX_FRAMES]):
        sent: Fields = {"filename": frame.file, "in_app": frame.in_app}
        sent |= {"function": frame.function} if frame.function else {}
        sent |= {"lineno": frame.line} if frame.line is not None else {}
        sent |= {"colno": frame.column} if frame.column is not None else {}
        caller = found[-1] if found else None
        line, column = (frame.line or 0) - 1, (frame.column or 0) - 1
        found.append(FrameCandidate(sent, caller, (), line, column, "", frame.file))
    return found


def of_one_file(found: list[FrameCandidate], file: str) -> list[FrameCandidate]:
    """Return the candidates that are in the generated file of a source map.

    This is the file with the name `file`. If no frame is in it, or the map does not say, it is the
    file of the innermost frame that has a position. The other frames say in `minified` that the map
    is not of their file: another file's map would show them wrong code.
    """
    names = [_name(each.url) for each in found]
    positioned = [_name(each.url) for each in found if min(each.line, each.column) >= 0]
    file = _name(file)
    if file not in names:
        file = positioned[-1] if positioned else names[-1]
    for each, name in zip(found, names, strict=True):
        if name != file:
            each.frame["minified"] = f"The event's source map is of another file, {file[:200]}."
    return [each for each, name in zip(found, names, strict=True) if name == file]


def _name(path: str) -> str:
    """Return the name of a file, without its folder and query."""
    return path.partition("?")[0].partition("#")[0].rpartition("/")[2]
