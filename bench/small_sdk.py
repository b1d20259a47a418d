"""SDK events of 4 KB: those of 16 KB from the corpus, without what is large in them."""

import json
from functools import cache
from typing import Any

from bench.corpus import encode, envelopes

SIZE = 4096
_HEAVY = ("vars", "pre_context", "post_context")


@cache
def small_events() -> list[dict[str, Any]]:
    """Return the events as SDKs send them, each of at most `SIZE` bytes."""
    return [_small(json.loads(body.split(b"\n")[2])) for body in envelopes()]


def _small(event: dict[str, Any]) -> dict[str, Any]:
    """Drop breadcrumbs, modules and frames, and add the newest breadcrumbs as they fit."""
    breadcrumbs = event["breadcrumbs"]["values"]
    event["breadcrumbs"] = {"values": []}
    del event["modules"], event["extra"]
    for exception in event["exception"]["values"]:
        for frame in exception["stacktrace"]["frames"]:
            for name in _HEAVY:
                frame.pop(name, None)
    longest = max((each["stacktrace"]["frames"] for each in event["exception"]["values"]), key=len)
    while len(encode(event)) > SIZE and len(longest) > 1:
        del longest[0]  # the outermost call
    for breadcrumb in reversed(breadcrumbs):
        event["breadcrumbs"]["values"].insert(0, breadcrumb)
        if len(encode(event)) > SIZE:
            del event["breadcrumbs"]["values"][0]
            break
    assert len(encode(event)) <= SIZE
    return event
