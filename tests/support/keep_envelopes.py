"""Run the programs of `tests/clients/sdks`, and store what they send for `tests.support.envelopes`.

Run it with `python -m tests.support.keep_envelopes`. It replaces the paths, ports and names of this
machine.
"""

import json
import platform
import re
import sys
import sysconfig
from pathlib import Path

from tests.support.capture import Capture, Reply, capture, join, split
from tests.support.envelopes import FOLDER
from tests.support.programs import PAGE, SDKS, browse, run

PROGRAMS = (
    "python/script.py",
    "python/flask_app.py",
    "node/script.mjs",
    "node/express.mjs",
    "ruby/app/shop.rb",
    PAGE,
)
# After this reply, the SDK reports what it has not sent.
_LIMITED = Reply(429, {"Retry-After": "60", "X-Sentry-Rate-Limits": "60:error:project:quota"})
_PLACES = {
    sysconfig.get_path("purelib"): "/app/.venv/lib/python3.13/site-packages",
    sysconfig.get_path("stdlib"): "/usr/local/lib/python3.13",
    sys.executable: "/app/.venv/bin/python",
    str(SDKS): "/app",
    platform.release(): "6.1.0-41-cloud-amd64",
    platform.version(): "#1 SMP PREEMPT_DYNAMIC Debian 6.1.158-1",
}


def main() -> None:
    """Run every program, and store what it sends."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file in FOLDER.glob("*.envelope"):
        file.unlink()
    for program in PROGRAMS:
        with capture() as server:
            origin = browse(server.dsn()) if program == PAGE else run(program, server.dsn())
            keep(server, program, origin if program == PAGE else "")
    for program in ("python/backing_off.py", "node/backing_off.mjs"):
        with capture(_LIMITED) as server:
            run(program, server.dsn(), "3")
            keep(server, program, "", only="client_report")


def keep(server: Capture, program: str, origin: str, only: str = "") -> None:
    """Store the received envelopes. `only` selects those with one type of item."""
    path = Path(program)
    places = {server.host: "errors.example.com"}
    if origin:
        places[origin] = "https://shop.example.org"
    for number, sent in enumerate(server.posts(), 1):
        kind = split(sent.envelope)[1][0][0]["type"]
        if only in ("", kind):
            file = FOLDER / f"{path.parts[0]}-{path.stem}-{number}-{kind}.envelope"
            file.write_bytes(elsewhere(sent.envelope, places))


def elsewhere(envelope: bytes, places: dict[str, str]) -> bytes:
    """Return the envelope without the paths, ports and names of this machine."""
    text = envelope.decode()
    for before, after in (places | _PLACES).items():
        text = text.replace(before, after)
    # The port of an application that served itself.
    text = re.sub(r"127\.0\.0\.1:\d{4,5}", "127.0.0.1:8000", text)
    lines = text.encode().split(b"\n")
    pairs = zip(lines[1::2], lines[2::2], strict=False)
    # Written again because the lengths have changed. Ends with a newline if the original does.
    items = [(json.loads(header), payload) for header, payload in pairs]
    written = join(json.loads(lines[0]), items)
    return written if envelope.endswith(b"\n") else written[:-1]


if __name__ == "__main__":
    main()
