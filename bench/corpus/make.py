"""Make the corpus: let the shop fail, and keep the events nearest to 4 KB and 8 KB.

`python -m bench.corpus.make`. An event grows to its size by what a reporter can add: earlier
breadcrumbs, more frames with their variables, versions of packages; never by filler.
"""

import logging
import socket
import statistics
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random

from bench.corpus import SIZES, encode, file
from bench.corpus.recorder import (
    MAX_BREADCRUMBS,
    PACKAGES,
    Event,
    Recorder,
    anonymous,
    base_event,
    cut,
    frames,
    recording,
)
from bench.corpus.shop import FAILURES, Shop

EVENTS_A_SIZE = 16
MAX_FRAMES = 8
NEAR = 0.01  # of the size
START = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)


def main() -> None:
    """Write one file a size, and say what is in it."""
    logging.getLogger().setLevel(logging.DEBUG)
    logging.getLogger("botocore").setLevel(logging.INFO)
    port = closed_port()
    for size, target in SIZES.items():
        found = [event_of(failure, target, port) for failure in FAILURES]
        near = [event for event in found if off(event, target) <= NEAR]
        chosen = sorted(near, key=lambda event: off(event, target))[:EVENTS_A_SIZE]
        lines = [encode(event) for event in chosen]
        file(size).write_bytes(b"\n".join(lines) + b"\n")
        packed = [len(zlib.compress(line, 6)) for line in lines]
        print(
            f"{size}: {len(chosen)} of {len(near)} events near it,"
            f" {min(map(len, lines))} to {max(map(len, lines))} bytes;"
            f" compressed {min(packed)} to {max(packed)}, median {statistics.median(packed):.0f}"
        )


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def off(event: Event, target: int) -> float:
    """How far an event is from a size, as a part of it."""
    return abs(len(encode(event)) - target) / target


def event_of(failure: Callable[[Shop], object], target: int, port: int) -> Event:
    """Let this failure happen after a visit, and report it in about `target` bytes."""
    rng = Random(f"{failure.__name__} {target}")
    recorder = Recorder(rng, START)
    with recording(recorder):
        shop = Shop(rng, port, recorder.query)
        shop.browse(rng.randrange(12, 40))
        error = escaped(failure, shop)
    page = f"/checkout/{shop.cart.number}/{failure.__name__.replace('_', '-')}"
    event = base_event(error, recorder, shop.customer, page)
    event["breadcrumbs"] = recorder.crumbs[-MAX_BREADCRUMBS:]
    event["context"]["frames"] = frames(error.__traceback__)[-MAX_FRAMES:]
    event = anonymous(event, rng, port)
    choices = [
        cut(event, crumbs, deep, packages)
        for crumbs in range(len(event["breadcrumbs"]) + 1)
        for deep in range(len(event["context"]["frames"]) + 1)
        for packages in (0, 4, 8, len(PACKAGES))
    ]
    near = [choice for choice in choices if off(choice, target) <= NEAR]
    return rng.choice(near) if near else min(choices, key=lambda choice: off(choice, target))


def escaped(failure: Callable[[Shop], object], shop: Shop) -> BaseException:
    """The exception that a failure raises, with the traceback from there on."""
    try:
        failure(shop)
    except Exception as error:
        trace = error.__traceback__
        return error.with_traceback(trace and trace.tb_next)
    raise RuntimeError(f"{failure.__name__} did not fail")


if __name__ == "__main__":
    main()
