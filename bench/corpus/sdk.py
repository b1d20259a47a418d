"""Let the shop fail under the Sentry SDK for Python, and keep the events nearest to 16 KB.

`python -m bench.corpus.sdk`. The SDK is as its package has it, and sends to a server on loopback.
An event grows to its size by the SDK's own setting: how many breadcrumbs it keeps. What
belongs to the machine that runs this is replaced afterwards.
"""

import json
import logging
import re
import statistics
import zlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, requires
from random import Random
from typing import Any

import sentry_sdk

from bench.corpus import SDK, file
from bench.corpus.make import EVENTS_A_SIZE, closed_port
from bench.corpus.recorder import BROWSERS, LANGUAGES, anonymous
from bench.corpus.shop_app import STEPS, app, start
from tests.support.capture import Capture, capture, join, split

TARGET = 16 * 1024
NEAR = 0.03  # of the size
MAX_BREADCRUMBS = 100  # the SDK's default
# Flask answers it with a 400 by itself.
UNREPORTED = ("form-field",)
# What the shop imports; the SDK names these and what they need, where the shop alone is installed.
PACKAGES = ("boto3", "cryptography", "flask", "jsonschema", "pydantic", "pyyaml", "requests")
SDK_ITSELF = "sentry-sdk"


def main() -> None:
    """Write the file, and say what is in it."""
    logging.getLogger().setLevel(logging.DEBUG)
    for noisy in ("botocore", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.INFO)
    logging.getLogger(app.name).addHandler(logging.NullHandler())  # else Flask prints what fails
    app.config["BANK_PORT"] = port = closed_port()
    with capture() as server:
        nearest = [nearest_of(server, step, port) for step in STEPS if step not in UNREPORTED]
    near = [envelope for envelope in nearest if off(envelope) <= NEAR]
    chosen = sorted(near, key=off)[:EVENTS_A_SIZE]
    lines = [json.dumps(envelope.decode(), ensure_ascii=False) for envelope in chosen]
    file(SDK).write_text("\n".join(lines) + "\n")
    events = [event_of(envelope) for envelope in chosen]
    packed = [len(zlib.compress(event, 6)) for event in events]
    print(
        f"{len(chosen)} of {len(near)} events near it,"
        f" {min(map(len, events))} to {max(map(len, events))} bytes;"
        f" compressed {min(packed)} to {max(packed)}, median {statistics.median(packed):.0f}"
    )


def event_of(envelope: bytes) -> bytes:
    """The JSON of an envelope's event."""
    ((_, payload),) = split(envelope)[1]
    return payload


def off(envelope: bytes) -> float:
    """How far an envelope's event is from the size, as a part of it."""
    return abs(len(event_of(envelope)) - TARGET) / TARGET


def nearest_of(server: Capture, step: str, port: int) -> bytes:
    """The envelope of this failure whose event is nearest to the size, found by bisection."""
    few, many = 1, MAX_BREADCRUMBS
    found: list[bytes] = []
    while few <= many:
        middle = (few + many) // 2
        found.append(reported(server, step, middle, port))
        if len(event_of(found[-1])) < TARGET:
            few = middle + 1
        else:
            many = middle - 1
    return min(found, key=off)


def reported(server: Capture, step: str, breadcrumbs: int, port: int) -> bytes:
    """Let a step of the checkout fail, and return what the SDK sends, without its coding."""
    rng = Random(step)
    address = f"198.51.{rng.randrange(256)}.{rng.randrange(1, 255)}"
    host = f"ip-10-0-{rng.randrange(4)}-{rng.randrange(1, 255)}.eu-central-1"
    release = f"shop@2026.11.{rng.randrange(1, 22)}+{rng.getrandbits(28):07x}"
    start(server.dsn(), host, release, breadcrumbs)
    before = len(server.posts())
    app.test_client().post(
        f"/checkout/{step}",
        base_url="https://shop.example.org",
        headers={
            "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "Accept-Language": rng.choice(LANGUAGES),
            "Referer": f"https://shop.example.org/c/{rng.randrange(9_000)}",
            "User-Agent": rng.choice(BROWSERS),
            "X-Amzn-Trace-Id": f"Root=1-{rng.getrandbits(32):08x}-{rng.getrandbits(96):024x}",
            "X-Forwarded-For": address,
            "X-Forwarded-Proto": "https",
        },
        data={"newsletter": "on", "terms": "2026-03", "payment": "card"},
    )
    sentry_sdk.flush()
    # Beside the event it counts sessions.
    (event,) = (each.envelope for each in server.posts()[before:] if is_event(each.envelope))
    return elsewhere(event, rng, port)


def is_event(envelope: bytes) -> bool:
    """Whether it holds an event."""
    return any(header["type"] == "event" for header, _ in split(envelope)[1])


def elsewhere(envelope: bytes, rng: Random, port: int) -> bytes:
    """The envelope as it would look from the shop's own server."""
    header, ((item, payload),) = split(envelope)
    event = anonymous(json.loads(payload), rng, port)
    event["extra"]["sys.argv"] = ["/app/.venv/bin/gunicorn", "--workers", "4", "shop_app:app"]
    event["modules"] = {
        name: version for name, version in event["modules"].items() if normal(name) in NEEDED
    }
    spread(event, rng)
    compact = json.dumps(event, separators=(",", ":"))  # as the SDK does
    text = compact.replace("bench/corpus/", "").replace("bench.corpus.", "")
    return join(header, [(item, text.encode())])


def spread(event: dict[str, Any], rng: Random) -> None:
    """Give the breadcrumbs the times of a person's visit; here it took some milliseconds."""
    moment = datetime.fromisoformat(event["timestamp"])
    for crumb in reversed(event["breadcrumbs"]["values"]):
        moment -= timedelta(seconds=rng.expovariate(1 / 2))
        crumb["timestamp"] = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def normal(name: str) -> str:
    """A package's name as indexes compare it (PyPA, "Names and normalization")."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(names: Iterable[str]) -> set[str]:
    """These packages and all that they need."""
    found: set[str] = set()
    waiting = [*names]
    while waiting:
        name = normal(waiting.pop())
        try:
            requirements = [] if name in found else requires(name) or []
        except PackageNotFoundError:
            continue
        found.add(name)
        waiting += [
            re.split(r"[^\w.-]", each)[0] for each in requirements if "extra ==" not in each
        ]
    return found


NEEDED = needed([*PACKAGES, SDK_ITSELF])

if __name__ == "__main__":
    main()
