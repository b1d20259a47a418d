"""Real events of about 4 KB and 8 KB, made by `python -m bench.corpus.make` and kept here.

They are kept so that write units mean the same on every machine: a traceback grows and shrinks with
the version of the library that it runs through.
"""

import json
from pathlib import Path
from typing import Any

SIZES = {"4 KB": 4096, "8 KB": 8192}


def file(size: str) -> Path:
    """Where the events of a size lie, one a line."""
    return Path(__file__).parent / f"{size.replace(' ', '').lower()}.jsonl"


def encode(event: dict[str, Any]) -> bytes:
    """An event as a client sends it: compact JSON."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def load(size: str) -> list[dict[str, Any]]:
    """The events of a size, `4 KB` or `8 KB`."""
    return [json.loads(line) for line in file(size).read_text().splitlines()]
