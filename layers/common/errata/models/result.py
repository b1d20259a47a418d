"""What a command of `errata` returns."""

from typing import Any, NamedTuple


class Result(NamedTuple):
    """`json` is what the command prints with --json, `more` what its text needs besides."""

    json: Any
    more: Any = None
