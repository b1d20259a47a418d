"""Grouping v1: the client's fingerprint as it is, else a hash over four fields. Frozen.

Serves spec/ingest-api, `fingerprint`: "used for grouping as it is; else a hash over message +
exception_class + file + line". A change here would split every open issue: add a v2 instead.
"""

import hashlib
import json
from typing import Any


def fingerprint(event: dict[str, Any]) -> str:
    """The fingerprint of an event without one of its own: 32 hex digits.

    `event` holds `message`, `exception_class`, `file` (strings) and `line` (an integer), each of
    which may be missing.
    """
    get = event.get
    parts = [get("message"), get("exception_class"), get("file"), get("line")]
    # JSON keeps the fields apart ("ab" + "c" is not "a" + "bc") and None apart from "".
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
