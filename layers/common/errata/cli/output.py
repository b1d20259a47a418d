"""Prints the output of commands: tables and fields for people, JSON for programs.

Most texts come from events, so anybody can choose them. Control characters could change the state
of the terminal. They are escaped in tables, and by JSON's own escapes in JSON.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from errata.errors import InvalidInputError
from errata.protocol.read import iso

# Only tables need rich, which takes long to import.
if TYPE_CHECKING:
    from rich.table import Table


def printable(value: object) -> str:
    r"""Return a value as one line of text. Unprintable characters are escaped, such as `\x1b`."""
    text = "" if value is None else str(value)
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def timestamp(at_ms: int | None) -> str:
    """Return a timestamp (milliseconds) as UTC text to the second; None becomes ""."""
    return "" if at_ms is None else iso(at_ms)[:19].replace("T", " ")


def utc(text: str | None) -> str:
    """Return a time of JSON, in ISO 8601, to the second; None becomes ""."""
    return (text or "")[:19].replace("T", " ")


def confirm(prompt: str, expected: str, complaint: str) -> None:
    """Ask for a text that confirms a step. The prompt goes to stderr: a program may read stdout.

    Raises:
        InvalidInputError: the user typed a different text.
    """
    sys.stderr.write(prompt)
    sys.stderr.flush()
    if sys.stdin.readline().strip() != expected:
        raise InvalidInputError({"name": [f"{complaint} Use --yes to skip this."]})


def print_json(value: Any) -> None:
    """Print an indented JSON value in ASCII."""
    sys.stdout.write(_json(value, indent=2) + "\n")


def print_json_line(value: Any) -> None:
    """Print a JSON value on one line."""
    sys.stdout.write(_json(value) + "\n")


def _json(value: Any, indent: int | None = None) -> str:
    # DEL is the only control character that json.dumps does not escape. It only occurs in strings.
    return json.dumps(value, indent=indent).replace("\x7f", "\\u007f")


def to_line(*parts: object) -> str:
    """Join values with two spaces into one line. Leaves out empty values."""
    return "  ".join(text for part in parts if (text := printable(part)))


def print_line(*parts: object) -> None:
    """Print values on one line, separated by two spaces."""
    sys.stdout.write(to_line(*parts) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str = "") -> None:
    """Print a table with right-aligned numbers. If there are no rows, print `empty`."""
    cells = list(rows)
    if not cells:
        print_line(empty)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name, example in zip(columns, cells[0], strict=True):
        right = isinstance(example, int)
        table.add_column(name.upper(), justify="right" if right else "left", overflow="fold")
    for row in cells:
        table.add_row(*(Text(printable(cell)) for cell in row))
    _print(table)


def print_fields(fields: dict[str, object]) -> None:
    """Print names and values, one per line. None and "" are left out."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in fields.items():
        if value not in (None, ""):
            table.add_row(Text(name), Text(printable(value)))
    _print(table)


def print_section(title: str, lines: Iterable[str]) -> None:
    """Print a title and its lines, indented."""
    sys.stdout.write(f"\n{title}\n")
    for each in lines:
        sys.stdout.write(f"  {printable(each.expandtabs(4))}\n")


def print_text(text: str) -> None:
    """Print a text of several lines."""
    for each in text.splitlines():
        sys.stdout.write(f"{printable(each.expandtabs(4))}\n")


def print_json_error(code: str, message: str) -> None:
    """Print an error as JSON on stderr, on one line."""
    sys.stderr.write(_json({"error": {"code": code, "message": message}}) + "\n")


def print_error(kind: str, text: str) -> None:
    """Print "kind: text" on stderr."""
    sys.stderr.write(f"{kind}: {printable(text)}\n")


def _print(table: "Table") -> None:
    from rich.console import Console

    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = 10_000  # a pipe or file: do not wrap lines
    with console.capture() as captured:
        console.print(table)
    for each in captured.get().splitlines():
        sys.stdout.write(each.rstrip() + "\n")
