"""What CloudWatch Logs delivers to a subscription: some lines of one log stream.

Source: CloudWatch Logs, "Subscription filters with AWS Lambda". A log event is called a line here.
It may have line breaks.
"""

import binascii
from dataclasses import dataclass
from typing import Any

from errata.errors import HTTPError
from errata.protocol.body import decompress, parse_object

# Lambda takes 6 MB. AWS compresses logs about ten times.
MAX_BYTES = 64 * 1024 * 1024
# A text that is longer is cut: to find its frames would take seconds. CloudWatch Logs takes 1 MB.
MAX_LINE = 64 * 1024


@dataclass(frozen=True, slots=True)
class LogLine:
    """A log line: its id, when it was logged in milliseconds since the epoch, and its text."""

    id: str
    at_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class LogBatch:
    """Lines of one log stream, in the order in which they were logged.

    `owner` is the id of the AWS account, `filters` are the names of the subscription filters.
    `unreadable` counts what is not a line.
    """

    owner: str
    group: str
    stream: str
    filters: tuple[str, ...]
    lines: tuple[LogLine, ...]
    unreadable: int = 0


def read_batch(sent: Any) -> LogBatch | None:
    """Return the batch in the Lambda event of a subscription. None if it has no lines for us.

    CloudWatch Logs sends a control message to check that it can reach a function.

    Raises:
        ValueError: the Lambda event does not come from CloudWatch Logs.
    """
    try:
        data = binascii.a2b_base64(sent["awslogs"]["data"])
        content = parse_object(decompress(data, "gzip", MAX_BYTES))
        if content.get("messageType") != "DATA_MESSAGE":
            return None
        group, stream = content["logGroup"], content["logStream"]
        events, filters = content["logEvents"], content["subscriptionFilters"]
    except (HTTPError, KeyError, TypeError, binascii.Error) as error:
        raise ValueError("no batch of CloudWatch Logs") from error
    if not (
        isinstance(group, str)
        and isinstance(stream, str)
        and isinstance(events, list)
        and isinstance(filters, list)
    ):
        raise ValueError("no batch of CloudWatch Logs")
    found = [_line(each) for each in events]
    lines = tuple(line for line in found if line)
    names = tuple(each for each in filters if isinstance(each, str))
    owner = content.get("owner")
    return LogBatch(
        owner if isinstance(owner, str) else "",
        group,
        stream,
        names,
        lines,
        len(found) - len(lines),
    )


def _line(sent: Any) -> LogLine | None:
    if not isinstance(sent, dict):
        return None
    named, at_ms, text = sent.get("id"), sent.get("timestamp"), sent.get("message")
    if isinstance(named, str) and type(at_ms) is int and isinstance(text, str):
        return LogLine(named, max(0, at_ms), text[:MAX_LINE])
    return None
