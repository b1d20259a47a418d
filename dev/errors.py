"""What can go wrong on the way to a local stack.

LocalStackError
├── PortTakenError      somebody listens on the port already
├── EmulatorError       MiniStack did not start, or ended on its own
└── ToolError           a command (sam, errata) failed; `output` is what it said
"""


class LocalStackError(Exception):
    """Any failure to bring the local stack up; its text is for the person at the terminal."""


class PortTakenError(LocalStackError):
    """The port of the local stack is in use."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"Port {port} is in use. Choose another one: make run PORT={port + 1}, "
            f"or python -m dev.run --port {port + 1}."
        )


class EmulatorError(LocalStackError):
    """MiniStack did not come up, or is gone."""


class ToolError(LocalStackError):
    """A command failed."""

    def __init__(self, command: str, output: str) -> None:
        super().__init__(f"{command} failed.")
        self.output = output
