"""Shows how far long work is: on stderr, if that is a terminal, and not with --json."""

import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from errata.cli.output import printable

_EVERY_S = 0.2
# ECMA-48: go to the start of the line, and erase it.
_ERASE = "\r\x1b[2K"


@contextmanager
def progress(silent: bool) -> Iterator[Callable[[str], None]]:
    """Yield a function that shows a line in place of the one before. The last one is erased."""
    if silent or not sys.stderr.isatty():
        yield lambda _: None
        return
    shown_at = 0.0

    def show(text: str) -> None:
        nonlocal shown_at
        now = time.monotonic()
        if now - shown_at >= _EVERY_S:
            shown_at = now
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write(f"{_ERASE}{printable(text)[:width]}")
            sys.stderr.flush()

    try:
        yield show
    finally:
        sys.stderr.write(_ERASE)
        sys.stderr.flush()


def counted[T](items: Iterable[T], what: str, silent: bool) -> Iterator[T]:
    """Yield the items, and show how many there were: `1,234 issues`."""
    with progress(silent) as show:
        for number, each in enumerate(items, 1):
            show(f"{number:,} {what}")
            yield each
