"""Real events of about 4 KB, 8 KB and, from a Sentry SDK, 16 KB, recorded once and kept.

They were recorded from a small Flask shop that fails in 35 ways, under Python 3.13, the last ones
by sentry-sdk 2. Names and paths of that machine are replaced. Do not record them again: write units
are comparable between machines and releases only if the events stay the same.
"""

import json
from pathlib import Path
from typing import Any

SIZES = {"4 KB": 4096, "8 KB": 8192}
SDK = "16 KB SDK"


def file(size: str) -> Path:
    """Return the path of the events of a size, one per line."""
    return Path(__file__).parent / f"{size.replace(' KB', 'kb').replace(' ', '-').lower()}.jsonl"


def encode(event: dict[str, Any]) -> bytes:
    """Return an event as a client sends it: compact JSON."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def load(size: str) -> list[dict[str, Any]]:
    """Return the events of a size: `4 KB` or `8 KB`."""
    return [json.loads(line) for line in file(size).read_text().splitlines()]


def envelopes() -> list[bytes]:
    """Return what an SDK posted, uncompressed: envelopes, each with one event."""
    return [json.loads(line).encode() for line in file(SDK).read_text().splitlines()]
