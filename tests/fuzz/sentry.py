"""Fuzz the parsers of SDK requests, guided by coverage: `make fuzz`.

Whatever the bytes are, they get a response that refuses them, or become an event that fits. The
inputs that are worth keeping lie in build/fuzz, and the next run begins with them.
"""

import sys
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["errata"]):
    from errata.errors import HTTPError
    from errata.grouping import v2
    from errata.models.event import MAX_PACKED_BYTES, pack, unpack
    from errata.models.ids import sdk_event_id
    from errata.protocol.body import decompress, parse_object
    from errata.protocol.read import to_event
    from errata.protocol.sentry.envelope import Envelope, EnvelopeItem, parse_envelope
    from errata.protocol.sentry.event import milliseconds, to_fields
    from errata.protocol.sentry.public_key import of_dsn
    from errata.protocol.sentry.reports import discarded

ROOT = Path(__file__).parents[2]
SEEDS = (
    b'{"event_id":"9ec79c33ec9942ab8353589fcb2e04dc"}\n{"type":"event","length":15}\n{"message":"a"}\n',
    b'{"dsn":"https://a@b/1"}\n{"type":"client_report"}\n{"discarded_events":[]}\n',
    b'{}\n{"type":"event"}\n{"exception":{"values":[{"type":"E","value":"1","stacktrace":{"frames":'
    b'[{"filename":"a.py","function":"f","lineno":1,"in_app":true,"vars":{"a":"1"}}]}}]}}\n',
    b'e{"logentry":{"message":"a %s","params":["b"]},"tags":[["a","b"]],"breadcrumbs":[{}]}',
)


def try_one(data: bytes) -> None:
    """Do with these bytes what the endpoint does; those behind an `e` are an event on their own."""
    try:
        body = decompress(data, "", 1_000_000)
        alone = body.startswith(b"e")
        sent = Envelope({}, (EnvelopeItem("event", body[1:]),)) if alone else parse_envelope(body)
    except HTTPError:
        return
    sdk_event_id(sent.headers.get("event_id"))
    of_dsn(sent.headers.get("dsn"))
    for item in sent.items:
        discarded([item.payload])
    if not sent.events:
        return
    try:
        event = parse_object(sent.events[0])
    except HTTPError:
        return
    fields, fingerprint = to_fields(event, 0, milliseconds(sent.headers.get("sent_at")), "::1")
    grouping = v2.group(fields, fingerprint)
    fields["fingerprint"], fields["grouped_by"] = grouping.fingerprint, grouping.grouped_by
    assert fields["fingerprint"]
    stored: Any = fields
    packed = pack(stored)
    assert len(packed) <= MAX_PACKED_BYTES
    to_event("1", "01900000-0000-7000-8000-000000000000", "i", unpack(packed))


def main() -> None:
    """Fuzz until the time is over or an input fails."""
    kept = ROOT / "build" / "fuzz"
    kept.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS):
        (kept / f"seed-{number}").write_bytes(seed)
    words = Path(__file__).with_suffix(".dict")
    bounds = [
        "-max_total_time=60",
        "-timeout=2",
        "-rss_limit_mb=1024",
        "-max_len=4096",
        f"-dict={words}",
    ]
    found = f"-artifact_prefix={kept}/"
    atheris.Setup([sys.argv[0], *bounds, found, *sys.argv[1:], str(kept)], try_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
