"""Grouping v1: hash four fields of an event. Used if the client sent no fingerprint. Frozen.

Serves spec/ingest-api, `fingerprint`: "used for grouping as it is; else a hash over message +
exception_class + file + line". A change here would split every open issue. Add a new version
instead.
"""

import hashlib
import json

from errata.models.event import Event


def fingerprint(event: Event) -> str:
    """Return the fingerprint of an event that the client sent without one: 32 hex digits.

    Args:
        event: the function uses `message`, `exception_class`, `file` (strings) and `line` (an
            integer). Each may be missing.
    """
    get = event.get
    parts = [get("message"), get("exception_class"), get("file"), get("line")]
    # JSON keeps the fields apart ("ab" + "c" is not "a" + "bc") and None apart from "".
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
