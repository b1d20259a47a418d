"""Exceptions in the form of SDKs, made of the lists of lines or frames that runtimes log."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from errata.models.event import Fields
from errata.protocol.stacktrace.sdk_form import MAX_FRAMES, exception, of_text

_MAX_LINES = 1_000


def of_lines(lines: Sequence[Any], kind: str, value: str) -> tuple[str, list[Fields]]:
    """Return the platform and the exceptions of a stack trace that is a list of lines or of frames.

    `kind` and `value` are the type and the message of the main exception. Without frames, the
    platform is "".
    """
    if lines and all(isinstance(each, Mapping) for each in lines):
        main = exception(kind, value)
        frames = [_go_frame(each) for each in lines[:MAX_FRAMES]]
        main["stacktrace"] = {"frames": frames[::-1]}
        return "go", [main]
    if len(lines) > _MAX_LINES:
        # The innermost frames are at one of the two ends.
        lines = [*lines[: _MAX_LINES // 2], *lines[-_MAX_LINES // 2 :]]
    text = "\n".join(each for each in lines if isinstance(each, str))
    found = of_text(text) or of_text(f"Traceback (most recent call last):\n{text}\n{kind}")
    if found is None:
        return "", [exception(kind, value)]
    platform, exceptions = found
    exceptions[-1].update(exception(kind, value))
    return platform, exceptions


def _go_frame(sent: Mapping[str, Any]) -> Fields:
    """Return a frame of aws-lambda-go: `{"path", "line", "label"}`."""
    path, line, label = sent.get("path"), sent.get("line"), sent.get("label")
    made: Fields = {"filename": path[:1_000] if isinstance(path, str) else "(unknown)"}
    if type(line) is int:
        made["lineno"] = line
    if isinstance(label, str):
        made["function"] = label[:1_000]
    # The paths are not below the module cache: a dependency's path starts with a host.
    made["in_app"] = not re.match(r"(?:runtime|reflect|net|sync)/|github\.com/aws/", str(path))
    return made
