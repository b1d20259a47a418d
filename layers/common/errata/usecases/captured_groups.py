"""Which log groups a project captures: add, list, remove and test them.

The subscription filter is made before the row, and deleted before it. So an interrupted change can
be repeated, and `list` shows what is left.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from errata.config import settings
from errata.errors import InvalidInputError, NotFoundError, StoreError
from errata.logs.console import CONTEXT
from errata.models.capture import PATTERN, CapturedGroup, filter_name, is_own
from errata.models.event import Stored
from errata.store import captures, log_groups
from errata.usecases import audit, projects

LAMBDA_GROUPS = "/aws/lambda/*"
_GLOB = "*?["
_LIMIT = "LimitExceededException"
_NOT_CAPTURED = "It cannot be captured. Nothing was changed: run this again without it."
TEST_TYPE = "ErrataCaptureTest"


@dataclass(frozen=True, slots=True)
class GroupChange:
    """The result for one log group. `problem` says why it was not changed, "" if it was."""

    group: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ListedGroup:
    """A log group of a project. `filtered` says whether its subscription filter exists."""

    project_id: str
    group: CapturedGroup
    filtered: bool


def matching(patterns: Sequence[str], exclude: Iterable[str], stack: str) -> list[str]:
    """Return the log groups that names and globs select, without those of Errata itself.

    A name without a glob is returned as it is, also if there is no such log group.

    Raises:
        InvalidInputError: a log group of Errata itself is named.
    """
    for name in patterns:
        if is_own(name, stack):
            raise InvalidInputError(
                {"log_group": [f"{name} is a log group of Errata itself. {_NOT_CAPTURED}"]}
            )
    globs = [each for each in patterns if any(character in each for character in _GLOB)]
    found = {each for each in patterns if each not in globs}
    for glob in globs:
        first = min((glob.find(character) for character in _GLOB if character in glob), default=0)
        found |= {name for name in log_groups.names(glob[:first]) if fnmatchcase(name, glob)}
    left_out = tuple(exclude)
    return sorted(
        name
        for name in found
        if not is_own(name, stack) and not any(fnmatchcase(name, each) for each in left_out)
    )


def add(
    project_id: str, groups: Iterable[str], stack: str, actor: str, at_ms: int, pattern: str | None
) -> Iterator[GroupChange]:
    """Capture log groups, yielding the result of each.

    `pattern` selects the lines that CloudWatch Logs sends; None: all that may report a failure.

    Raises:
        NotFoundError: there is no such project, or the stack cannot capture logs.
    """
    projects.find(project_id)
    arn = settings().log_capture_arn
    if not arn:
        raise NotFoundError("This stack has no log capture. Deploy the newest version first.")
    captures.note_captures(project_id, at_ms)
    for group in groups:
        problem = ""
        try:
            _add(project_id, group, stack, PATTERN if pattern is None else pattern)
        except (InvalidInputError, NotFoundError) as error:
            problem = str(error)
        else:
            captures.put_group(project_id, group, actor, at_ms)
        yield GroupChange(group, problem)


@audit.recorded("log group captured", "group")
def _add(project_id: str, group: str, stack: str, pattern: str) -> None:
    """Subscribe the function to a log group.

    Raises:
        InvalidInputError: the log group has two other subscription filters.
        NotFoundError: there is no such log group.
    """
    name = filter_name(stack, project_id)
    try:
        log_groups.put_filter(group, name, pattern, settings().log_capture_arn)
    except StoreError as error:
        if error.code != _LIMIT:
            raise
        others = ", ".join(log_groups.filters(group))
        complaint = f"The log group has two subscription filters, which is the most: {others}."
        raise InvalidInputError({"log_group": [complaint]}) from error


def of_project(project_id: str) -> list[CapturedGroup]:
    """Return the log groups that a project captures, by name."""
    return captures.list_groups(project_id)


def listed(project_ids: Iterable[str], stack: str) -> Iterator[ListedGroup]:
    """Yield the log groups of projects, and whether their subscription filters exist."""
    for project_id in project_ids:
        for group in captures.list_groups(project_id):
            name = filter_name(stack, project_id)
            yield ListedGroup(project_id, group, name in log_groups.filters(group.name))


def remove(project_id: str, patterns: Sequence[str], stack: str) -> list[str]:
    """Stop capturing log groups. Return the names of those that were captured.

    Raises:
        NotFoundError: the project captures none of them.
    """
    known = [each.name for each in captures.list_groups(project_id)]
    chosen = [name for name in known if any(fnmatchcase(name, each) for each in patterns)]
    if not chosen:
        raise NotFoundError(f"Project {project_id} captures no log group {' '.join(patterns)}.")
    for group in chosen:
        _remove(project_id, group, stack)
    return chosen


@audit.recorded("log group no more captured", "group")
def _remove(project_id: str, group: str, stack: str) -> None:
    log_groups.delete_filter(group, filter_name(stack, project_id))
    captures.remove_group(project_id, group)


def begin_test(group: str, stream: str, at_ms: int) -> None:
    """Log an exception to a log group, in a log stream of its own.

    Raises:
        NotFoundError: there is no such log group.
    """
    text = f"[ERROR] {TEST_TYPE}: a test of `errata capture`\nTraceback (most recent call last):\n"
    log_groups.log_line(group, stream, at_ms, text)


def is_of_stream(event: Stored, stream: str) -> bool:
    """Return whether an event is of a line of this log stream."""
    contexts: Any = event.fields.get("contexts")
    context = contexts.get(CONTEXT) if isinstance(contexts, dict) else None
    return isinstance(context, dict) and context.get("log_stream") == stream


def end_test(group: str, stream: str) -> None:
    """Delete the log stream of a test."""
    log_groups.delete_stream(group, stream)
