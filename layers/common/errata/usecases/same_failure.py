"""Find the failure that an SDK's event reports, so that its log line makes no second event."""

import re
from typing import Any

from errata.models.event import Event
from errata.store.failure_markers import FailureMarker

_REQUEST_ID = re.compile(r"[0-9a-fA-F-]{1,64}")
# Where SDKs put Lambda's request: those for Python and Ruby, and the one for Node.
_PATHS = (("extra", "lambda"), ("contexts", "aws.lambda"), ("extra", "aws.lambda"))


def of_sdk(fields: Event, happened_ms: int) -> FailureMarker | None:
    """Return the failure that an SDK's event reports.

    None if the event has no exception, or does not name a request of Lambda.
    """
    kind = fields.get("exception_class")
    if not kind:
        return None
    for part, name in _PATHS:
        named: Any = fields.get(part)
        found = named.get(name) if isinstance(named, dict) else None
        request_id = found.get("aws_request_id") if isinstance(found, dict) else None
        if isinstance(request_id, str) and _REQUEST_ID.fullmatch(request_id):
            return FailureMarker(request_id.lower(), common_kind(kind), happened_ms, "sdk")
    return None


def common_kind(kind: str) -> str:
    """Return an exception type as both SDKs and runtimes write it: without package and `*`."""
    return kind.replace("::", ".").rpartition(".")[2].lstrip("*")
