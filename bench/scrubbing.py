"""Measure what scrubbing an SDK's event takes, as it was sent."""

import json
from typing import Any

from bench.corpus import SDK, envelopes
from bench.stage import Stage

# A cookie of a session and a header with a token. All fields of such an event are looked at.
_SECRETS = {
    "cookies": {"sessionid": "8s2kf0a9", "theme": "dark"},
    "headers": {"Authorization": "Bearer 0123456789abcdef"},
}
# Limits of the CPU time as a ratio, by what is measured.
WITHOUT, WITH = f"a {SDK} event without secrets", f"a {SDK} event with two secrets"
LIMITS = {WITHOUT: 0.10, WITH: 0.50}


def spend(stage: Stage, name: str) -> float:
    """Return the CPU seconds of scrubbing an event."""
    stage.scrubbing.load(name, [_input(body, name) for body in envelopes()])
    return stage.scrubbing.run(name)[0]


def _input(body: bytes, name: str) -> dict[str, Any]:
    fields = json.loads(body.split(b"\n")[2])
    if name == WITH:
        fields["request"] = {**fields.get("request", {}), **_SECRETS}
    return {"fields": fields, "content": json.dumps(fields, separators=(",", ":"))}
