"""The errors of starting a local stack.

LocalStackError
├── PortError           the port is not a number that can be used
├── PortTakenError      another process listens on the port
├── InUseError          another process runs the stack of this clone
├── EmulatorError       MiniStack did not start, or ended on its own
└── ToolError           a command (sam, errata) failed; `output` is what it printed
"""

from collections.abc import Sequence

MAX_PORT = 65535


class LocalStackError(Exception):
    """The local stack did not start. The text is for the person at the terminal."""


class PortError(LocalStackError):
    """The port is not a number that this user can listen on."""


class InUseError(LocalStackError):
    """Another process runs the stack of this clone."""

    def __init__(self, process: str) -> None:
        super().__init__(
            f"`make run` already runs in this clone{f' (process {process})' if process else ''}. "
            "Stop it with Ctrl-C first, or run another one in another clone."
        )


class PortTakenError(LocalStackError):
    """A port of the local stack is in use. `wanted` are all ports that it needs."""

    def __init__(self, port: int, wanted: Sequence[int] = ()) -> None:
        number = max(1, len(wanted))
        # The next ports after the one in use, or else those before.
        fits = port + number <= MAX_PORT
        other = port + 1 if fits else min([port, *wanted]) - number
        needs = f" The stack needs {wanted[0]} to {wanted[-1]}." if number > 1 else ""
        super().__init__(
            f"Port {port} is in use.{needs} Choose another one: make run PORT={other}, "
            f"or python -m dev.run --port {other}."
        )


class EmulatorError(LocalStackError):
    """MiniStack did not start, or has ended."""


class ToolError(LocalStackError):
    """A command failed."""

    def __init__(self, command: str, output: str) -> None:
        super().__init__(f"{command} failed.")
        self.output = output
