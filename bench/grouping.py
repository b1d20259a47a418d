"""Measure how SDK events are grouped whose names are new: no cache knows them."""

import json
from collections.abc import Iterator
from itertools import product
from string import ascii_lowercase
from typing import Any

from bench.corpus import SDK, envelopes
from bench.report import Yardstick, at_most
from bench.stage import Stage
from errata.protocol.sentry.event import to_fields

# Limits of the calls and, as a ratio, of the CPU time, by platform. Events of `javascript` have
# frames as the SDK of a browser sends them: all in-app, with the address of a bundle.
LIMITS = {"python": (140, 0.045), "javascript": (500, 0.17)}
_NEW = "new events"

# Words for new names. They have no letter from a to f, so none looks like a hash.
_words = map("".join, product(ascii_lowercase[6:], repeat=4))


def events(platform: str) -> list[dict[str, Any]]:
    """Return the fields of the corpus's events, with names that no other event has."""
    return [_fields(json.loads(body.split(b"\n")[2]), platform) for body in envelopes()]


def _fields(sent: dict[str, Any], platform: str) -> dict[str, Any]:
    word = next(_words)
    fields: dict[str, Any] = {**to_fields(sent, 0, None, "203.0.113.129")[0], "platform": platform}
    for exception in fields["exceptions"]:
        exception["value"] = f"{exception['value']} {word}"
        if platform == "javascript":  # anybody throws it, so the value counts
            exception["type"] = "Error"
        exception["frames"] = [_frame(each, word, platform) for each in exception["frames"]]
    return fields


def _frame(frame: dict[str, Any], word: str, platform: str) -> dict[str, Any]:
    function, module = f"{frame['function']}_{word}", f"{frame['module']}.{word}"
    if platform == "python":
        return {**frame, "function": function, "module": module}
    file = f"https://shop.example.org/assets/{module}-BxKT9a_q.js"
    return {"function": function, "filename": file, "in_app": True, "lineno": 1, "colno": 4711}


def spend(stage: Stage, platform: str) -> float:
    """Return the CPU seconds of grouping an event."""
    stage.grouping.load(_NEW, events(platform))
    return stage.grouping.run(_NEW)[0]


def all_counts(stage: Stage) -> Iterator[Yardstick]:
    """Yield the counts."""
    for platform, (limit, _) in LIMITS.items():
        spend(stage, platform)  # a pattern is compiled on first use
        counts = []
        for event in events(platform):
            stage.grouping.load(_NEW, [event])
            counts.append(stage.grouping.counted(_NEW))
        name = f"function calls to group a new {SDK} event, {platform}"
        note = f"built-in ones included; from {min(counts)} to {max(counts)}"
        yield at_most(name, sum(counts) / len(counts), limit, note)
