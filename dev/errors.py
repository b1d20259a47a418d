"""The errors of starting a local stack.

LocalStackError
├── PortTakenError      another process listens on the port
├── EmulatorError       MiniStack did not start, or ended on its own
└── ToolError           a command (sam, errata) failed; `output` is what it printed
"""


class LocalStackError(Exception):
    """The local stack did not start. The text is for the person at the terminal."""


class PortTakenError(LocalStackError):
    """The port of the local stack is in use."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"Port {port} is in use. Choose another one: make run PORT={port + 1}, "
            f"or python -m dev.run --port {port + 1}."
        )


class EmulatorError(LocalStackError):
    """MiniStack did not start, or has ended."""


class ToolError(LocalStackError):
    """A command failed."""

    def __init__(self, command: str, output: str) -> None:
        super().__init__(f"{command} failed.")
        self.output = output
