"""The corpus of the yardsticks: its sizes, and no paths of the machine that recorded it."""

import json

from bench.corpus import envelopes
from tests.support.capture import split


def test_the_recorded_sdk_events_have_16_kb_and_paths_of_a_container() -> None:
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
