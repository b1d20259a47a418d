"""Refuse events of a project while DynamoDB throttles its partition of the events table.

All events of a project share a partition, which takes 1,000 write units a second. Above that,
DynamoDB throttles, and more calls would only keep clients waiting. So after a throttled call, the
project's events are refused without a call until the next full second.
"""

from errata.caches import BoundedDict
from errata.errors import ProjectBusyError

_SECOND_MS = 1_000

# By project: until when its events are refused, in milliseconds since the epoch.
_busy_until = BoundedDict[str, int](max_entries=10_000)


def check(project_id: str, now_ms: int) -> None:
    """Check that the table has not just throttled the events of a project.

    Raises:
        ProjectBusyError: it has.
    """
    if now_ms < _busy_until.get(project_id, 0):
        raise ProjectBusyError


def throttled(project_id: str, now_ms: int) -> ProjectBusyError:
    """Cache that the table throttles a project's events. Return the error for the client."""
    _busy_until[project_id] = (now_ms // _SECOND_MS + 1) * _SECOND_MS
    return ProjectBusyError()


def clear_cache() -> None:
    """Drop what is cached, as if the process had ended."""
    _busy_until.clear()
