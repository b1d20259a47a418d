"""Where a log line is in the AWS console."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

# The context of an event that names its log line.
CONTEXT = "log line"
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")


def url_of_event(contexts: Any) -> str:
    """Return the URL of the log line that an event was created from, "" if there is none.

    Anybody may send such a context, so the URL always leads to the AWS console.
    """
    context = contexts.get(CONTEXT) if isinstance(contexts, Mapping) else None
    if not isinstance(context, Mapping):
        return ""
    region, group, stream = (context.get(name) for name in ("region", "log_group", "log_stream"))
    at_ms = context.get("at")
    if not all(isinstance(each, str) for each in (region, group, stream)) or type(at_ms) is not int:
        return ""
    return console_url(str(region), str(group)[:512], str(stream)[:512], at_ms)


def console_url(region: str, group: str, stream: str, at_ms: int) -> str:
    """Return the URL of a time in a log stream in the AWS console, "" if the region is invalid."""
    if not _REGION.fullmatch(region):
        return ""
    domain = "amazonaws.cn" if region.startswith("cn-") else "aws.amazon.com"
    if region.startswith("us-gov-"):
        domain = "amazonaws-us-gov.com"
    host = f"console.{domain}" if domain != "aws.amazon.com" else f"{region}.console.{domain}"
    # The console encodes names twice, and writes `$` for `%`.
    names = [quote(quote(name, safe=""), safe="").replace("%", "$") for name in (group, stream)]
    path = f"log-groups/log-group/{names[0]}/log-events/{names[1]}"
    start = f"$3Fstart$3D{at_ms}"
    return f"https://{host}/cloudwatch/home?region={region}#logsV2:{path}{start}"
