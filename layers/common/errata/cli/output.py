"""What commands print: tables and fields for people, JSON for programs.

Nearly every text here was sent by somebody. What could steer a terminal is shown escaped in tables,
and in JSON by its own escapes.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from errata.protocol.read import iso


def visible(value: object) -> str:
    r"""A value as one line of text, with `\x1b` or `\u202e` for what is no printable character."""
    text = "" if value is None else str(value)
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def moment(at_ms: int | None) -> str:
    """A time for people: UTC, to the second."""
    return "" if at_ms is None else iso(at_ms)[:19].replace("T", " ")


def print_json(value: Any) -> None:
    """A JSON value, in ASCII."""
    sys.stdout.write(_json(value, indent=2) + "\n")


def print_json_line(value: Any) -> None:
    """A JSON value on a line of its own."""
    sys.stdout.write(_json(value) + "\n")


def _json(value: Any, indent: int | None = None) -> str:
    # DEL is the one control character that JSON leaves as it is; it occurs within texts alone.
    return json.dumps(value, indent=indent).replace("\x7f", "\\u007f")


def line(*parts: object) -> str:
    """Texts in a line, two spaces apart; empty ones are left out."""
    return "  ".join(text for part in parts if (text := visible(part)))


def print_line(*parts: object) -> None:
    """A line of texts."""
    sys.stdout.write(line(*parts) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str = "") -> None:
    """A table; numbers to the right. Without any row, `empty` instead."""
    cells = list(rows)
    if not cells:
        print_line(empty)
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name, example in zip(columns, cells[0], strict=True):
        right = isinstance(example, int)
        table.add_column(name.upper(), justify="right" if right else "left", overflow="fold")
    for row in cells:
        table.add_row(*(Text(visible(cell)) for cell in row))
    _print(table)


def print_fields(fields: dict[str, object]) -> None:
    """Names and values, one a line; None and "" are left out."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in fields.items():
        if value not in (None, ""):
            table.add_row(Text(name), Text(visible(value)))
    _print(table)


def print_section(title: str, lines: Iterable[str]) -> None:
    """Lines under their title."""
    sys.stdout.write(f"\n{title}\n")
    for each in lines:
        sys.stdout.write(f"  {visible(each.expandtabs(4))}\n")


def print_error(kind: str, text: str) -> None:
    """A line on stderr."""
    sys.stderr.write(f"{kind}: {visible(text)}\n")


def _print(table: Table) -> None:
    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = 10_000  # whoever reads this cuts it as they like
    with console.capture() as captured:
        console.print(table)
    for each in captured.get().splitlines():
        sys.stdout.write(each.rstrip() + "\n")
