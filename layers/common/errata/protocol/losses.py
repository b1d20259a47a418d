"""Log lines that tell of lost events, and the batches in which CloudWatch Logs sends them.

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
_LINE = re.compile(LINE % (r"(\d{1,12})", rf"({_REASON})\b(?:, (\d{{1,9}}))?"))

type Lost = Counter[tuple[str, str, str]]  # project, day (2026-11-22), reason


def batch(data: str) -> tuple[str, Lost]:
    """What a batch of log lines tells of, and a name that is its own whenever it comes.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    try:
        content = json.loads(gzip.decompress(base64.b64decode(data)))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError("not gzip") from error
    name = hashlib.sha256()
    lost: Lost = Counter()
    for each in content["logEvents"]:
        name.update(each["id"].encode() + b"\0")
        found = _of_function(each["message"]) or _of_gateway(each["message"])
        if found:
            day = f"{datetime.fromtimestamp(each['timestamp'] / 1000, UTC):%Y-%m-%d}"
            project_id, reason, number = found
            lost[project_id, day, reason] += number
    return name.hexdigest()[:32], lost


def _of_function(line: str) -> tuple[str, str, int] | None:
    match = _LINE.search(line)
    return (match[1], match[2], int(match[3] or 1)) if match else None


def _of_gateway(line: str) -> tuple[str, str, int] | None:
    """An access line (template.yaml) of a request to send an event that the gateway refused itself.

    What a function refuses has no `error` here, but a line of its own.
    """
    try:
        access: Any = json.loads(line)
    except ValueError:
        return None
    if not isinstance(access, dict) or access.get("method") != "POST":
        return None
    project_id, error = str(access.get("project")), access.get("error")
    if not (project_id.isascii() and project_id.isdecimal()):
        return None
    if error == "THROTTLED":
        return project_id, "rate_limited", 1
    # Beyond what Lambda takes (6 MB), but not the gateway (10 MB): whatever type it gives that.
    too_large = access.get("status") == "413" and error not in (None, "", "-")
    return (project_id, "too_large", 1) if too_large else None
