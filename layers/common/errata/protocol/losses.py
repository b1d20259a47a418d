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
from datetime import UTC, datetime
from typing import Any

from errata.models.loss import LINE, REASONS, SDK_REASONS

_REASON = "|".join((*REASONS, *SDK_REASONS))
_LOSS = rf"({_REASON})\b(?:, (\d{{1,9}}))?"
_LINE = re.compile(LINE % (r"(\d{1,12})", rf"(?P<losses>{_LOSS}(?:; {_LOSS})*)"))

type Loss = tuple[str, str, int]  # project, reason, number of events
type Lost = Counter[tuple[str, str, str]]  # project, day (2026-11-22), reason


def batch(data: str) -> tuple[str, Lost]:
    """Return the id of a batch of log lines and the lost events in it.

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
    for each in content["logEvents"]:
        name.update(each["id"].encode() + b"\0")
        for loss in _of_function(each["message"]) or _of_gateway(each["message"]):
            day = f"{datetime.fromtimestamp(each['timestamp'] / 1000, UTC):%Y-%m-%d}"
            project_id, reason, number = loss
            lost[project_id, day, reason] += number
    return name.hexdigest()[:32], lost


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
