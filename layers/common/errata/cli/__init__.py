"""The operator's command line, `errata`. It calls the use cases. No Lambda function imports it."""

import io
import sys

from errata.cli import deferred


def main() -> None:
    """Run the `errata` command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Escape characters that the terminal's encoding does not have.
            stream.reconfigure(errors="backslashreplace")
    with deferred.imports():
        from errata.cli.app import run
    run()
