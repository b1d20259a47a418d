"""What the yardsticks run on is what it says: sizes, and nothing of the machine that made it."""

import json

from bench.corpus import envelopes
from tests.support.capture import split


def test_an_sdks_events_are_real_ones_of_16_kb() -> None:
    kept = envelopes()
    assert len(kept) == 16
    for envelope in kept:
        _, ((header, payload),) = split(envelope)
        assert header["type"] == "event"
        assert header["length"] == len(payload)
        assert 15_900 < len(payload) < 16_900
        event = json.loads(payload)
        assert event["sdk"]["name"] == "sentry.python.flask"
        frames = event["exception"]["values"][-1]["stacktrace"]["frames"]
        paths = {frame["abs_path"] for frame in frames}
        assert all(path.startswith(("/app/", "/usr/local/lib/")) for path in paths)
