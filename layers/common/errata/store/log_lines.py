"""CloudWatch Logs: the lines of a log stream."""

from errata.store import clients

# A function runs for 15 minutes at most.
_BEFORE_MS = 15 * 60 * 1000
# Lambda's report follows what the function has logged.
_AFTER_MS = 2_000
# An invocation rarely logs more. AWS returns at most 1 MB.
_MOST = 500


def around(group: str, stream: str, first_ms: int, last_ms: int) -> list[tuple[int, str]]:
    """Return (timestamp, text) of the lines of a log stream around these times, oldest first.

    They begin 15 minutes before `first_ms` and end two seconds after `last_ms`. If there are more
    than 500 or 1 MB, these are the newest.

    Raises:
        StoreError: they cannot be read now.
    """
    found = clients.logs().get_log_events(
        logGroupName=group,
        logStreamName=stream,
        startTime=max(0, first_ms - _BEFORE_MS),
        endTime=last_ms + _AFTER_MS,
        limit=_MOST,
        startFromHead=False,
    )
    return [(each["timestamp"], each["message"]) for each in found["events"]]
