"""Counts lost events in the batches of log lines that CloudWatch Logs sends.

Source: "Log group-level subscription filters", example with AWS Lambda.
"""

import base64
import gzip
import hashlib
import json
import re
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from errata.models.loss import BUSY, LINE, LOW_QUOTA, REASONS, SDK_REASONS

_REASON = "|".join((*REASONS, *SDK_REASONS))
_LOSS = rf"({_REASON})\b(?:, (\d{{1,9}}))?"
_LINE = re.compile(LINE % (r"(\d{1,12})", rf"(?P<losses>{_LOSS}(?:; {_LOSS})*)"))
_LOW_QUOTA = re.compile(LOW_QUOTA % (r"([0-9]{1,18}|default)", r"(\d{4}-\d\d)"))

_BUSY = re.compile(BUSY.replace("%d", "%s") % (r"(\d{1,12})", r"(\d{1,12})"))

type Loss = tuple[str, str, int]  # project, reason, number of events
type Lost = Counter[tuple[str, str, str]]  # project, day (2026-11-22), reason


@dataclass(frozen=True, slots=True)
class LossBatch:
    """A batch of log lines.

    Attributes:
        name: its id.
        lost: how many events were lost, by project, day and reason.
        low_quotas: organizations that have used 80 % of a month's quota, with the month.
        busy: projects with very many events in an hour, with the highest of these numbers.
        last_day: the day of its last line, "" if it has none.
    """

    name: str
    lost: Lost
    low_quotas: frozenset[tuple[str, str]] = frozenset()
    last_day: str = ""
    busy: Mapping[str, int] = field(default_factory=dict)


def day_of(at_ms: int) -> str:
    """Return the day of a timestamp, in UTC: `2026-11-29`."""
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%d}"


def batch(data: str) -> LossBatch:
    """Return what a batch of log lines says of lost events.

    The id only depends on the content, so a batch that is delivered twice has the same id.

    Raises:
        KeyError, TypeError, ValueError: `data` is not such a batch.
    """
    try:
        content = json.loads(gzip.decompress(base64.b64decode(data)))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError("not gzip") from error
    name = hashlib.sha256()
    lost: Lost = Counter()
    low: set[tuple[str, str]] = set()
    busy: dict[str, int] = {}
    day = ""
    for each in content["logEvents"]:
        name.update(each["id"].encode() + b"\0")
        day = day_of(each["timestamp"])
        low.update(_LOW_QUOTA.findall(each["message"]))
        for project_id, number in _BUSY.findall(each["message"]):
            busy[project_id] = max(busy.get(project_id, 0), int(number))
        for loss in _of_function(each["message"]) or _of_gateway(each["message"]):
            project_id, reason, count = loss
            lost[project_id, day, reason] += count
    return LossBatch(name.hexdigest()[:32], lost, frozenset(low), day, busy)


def _of_function(line: str) -> list[Loss]:
    match = _LINE.search(line)
    if match is None:
        return []
    return [
        (match[1], reason, int(number or 1))
        for reason, number in re.findall(_LOSS, match["losses"])
    ]


def _of_gateway(line: str) -> list[Loss]:
    """Return the loss in an access log line of API Gateway (template.yaml).

    Only requests that API Gateway itself refused have an `error`. The functions log their own
    refusals.
    """
    try:
        access: Any = json.loads(line)
    except ValueError:
        return []
    if not isinstance(access, dict) or access.get("method") != "POST":
        return []
    project_id, error = str(access.get("project")), access.get("error")
    if not (project_id.isascii() and project_id.isdecimal()):
        return []
    if error == "THROTTLED":
        return [(project_id, "rate_limited", 1)]
    if error in (None, "", "-"):
        return []
    status = str(access.get("status"))
    # Bodies between the limits of Lambda (6 MB) and API Gateway (10 MB). Any error type counts.
    if status == "413":
        return [(project_id, "too_large", 1)]
    # Lambda did not start the function, or the function failed or took too long.
    return [(project_id, "unavailable", 1)] if status.startswith("5") else []
