"""Real events of about 4 KB and 8 KB, made by `python -m bench.corpus.make` and kept here.

And those of a Sentry SDK of about 16 KB, in their envelopes, made by `python -m bench.corpus.sdk`.

They are kept so that write units mean the same on every machine: a traceback grows and shrinks with
the version of the library that it runs through.
"""

import json
from pathlib import Path
from typing import Any

SIZES = {"4 KB": 4096, "8 KB": 8192}
SDK = "16 KB SDK"


def file(size: str) -> Path:
    """Where the events of a size lie, one a line."""
    return Path(__file__).parent / f"{size.replace(' KB', 'kb').replace(' ', '-').lower()}.jsonl"


def encode(event: dict[str, Any]) -> bytes:
    """An event as a client sends it: compact JSON."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def load(size: str) -> list[dict[str, Any]]:
    """The events of a size, `4 KB` or `8 KB`."""
    return [json.loads(line) for line in file(size).read_text().splitlines()]


def envelopes() -> list[bytes]:
    """The bodies that an SDK posted, before it compressed them: each an envelope with an event."""
    return [json.loads(line).encode() for line in file(SDK).read_text().splitlines()]
