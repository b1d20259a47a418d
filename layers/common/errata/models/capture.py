"""Log capture: which log groups become events, and the names of their subscription filters."""

import re
from dataclasses import dataclass

# Lines that may report a failure (CloudWatch Logs, "Supported regular expressions"). A dot stands
# for a quotation mark, which is not allowed. The function reads each line again.
PATTERN = (
    r"%Task\stimed\sout|Runtime\.[A-Z]|Status:\stimeout|status.:.timeout|\[ERROR\]|errorType"
    r"|Traceback|Exception|[a-z]Error|goroutine\s|panic:|Runtime\sexited|Process\sexited%"
)
_FILTER = "-project-"


@dataclass(frozen=True, slots=True)
class CapturedGroup:
    """A log group whose lines may become events of a project.

    Attributes:
        name: the name of the log group.
        added_at: when it was added, in milliseconds since the epoch. If a template has added it,
            the time of its first event.
        added_by: who has added it with the command, "" if a template has.
        seen_at: when a line last became an event, to the hour. None if none has.
    """

    name: str
    added_at: int
    added_by: str = ""
    seen_at: int | None = None


def filter_name(stack: str, project_id: str) -> str:
    """Return the name of the subscription filters that bring lines to a project."""
    return f"{stack}{_FILTER}{project_id}"


def project_of(filter_name: str) -> str:
    """Return the id of the project in the name of a subscription filter, "" if it has none."""
    name, separator, project_id = filter_name.rpartition(_FILTER)
    return project_id if separator and name and re.fullmatch(r"[1-9]\d{0,11}", project_id) else ""


def is_own(group: str, stack: str) -> bool:
    """Return whether a log group belongs to Errata itself. Capturing it could loop for ever.

    CloudFormation names a log group `<stack>-<logical id>-<random>`; in a nested stack, the name
    begins with the names of both stacks. A function without a log group of its own logs to
    `/aws/lambda/<its name>`. The local stack has names of its own.
    """
    name = re.escape(stack)
    own = rf"(?:/aws/lambda/)?{name}-(?:[A-Za-z0-9]+-)*[A-Za-z0-9]*(?:Logs|Function)-[A-Za-z0-9]+"
    own += rf"|/aws/cloudformation/{name}(?:-[\w-]+)?/\w+Logs"
    return bool(stack) and re.fullmatch(own, group) is not None
