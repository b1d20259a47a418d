"""What commands print."""

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.cli.output import print_fields, print_json, print_table, printable, timestamp


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, Bücher 本 🎉", "plain text, Bücher 本 🎉"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\r\nb\tc", r"a\r\nb\tc"),
        ("\x9b2J", r"\x9b2J"),
        ("\u202etxt.exe", r"\u202etxt.exe"),
        ("\u2028", r"\u2028"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        (None, ""),
        (0, "0"),
    ],
)
def test_characters_that_are_not_printable_are_escaped(text: object, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_every_text_is_one_printable_line(text: str) -> None:
    assert printable(text).isprintable()


def test_times_are_utc_to_the_second() -> None:
    assert timestamp(1_795_000_000_999) == "2026-11-18 11:06:40"
    assert timestamp(None) == ""


def test_a_table_shows_its_texts_as_they_are_and_in_full(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(["name", "count"], [("[b]a[/b] :smile:", 1), ("x" * 500, 1000)])
    heading, first, second = capsys.readouterr().out.splitlines()
    assert heading.split() == ["NAME", "COUNT"]
    assert first.startswith("[b]a[/b] :smile: ")
    assert first.endswith("     1")
    # Nothing is cut without a terminal.
    assert second == f"{'x' * 500}   1000"


def test_fields_that_are_empty_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    print_fields({"a": 0, "b": None, "c": "", "long name": "[x]"})
    assert capsys.readouterr().out == "a          0\nlong name  [x]\n"


def test_json_is_ascii_without_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": "\x7f\x1b\x9bü"})
    printed = capsys.readouterr().out
    assert printed == '{\n  "a": "\\u007f\\u001b\\u009b\\u00fc"\n}\n'


def test_a_terminal_that_cannot_show_a_character_gets_it_escaped() -> None:
    program = "import errata.cli as c, sys; sys.argv = ['errata', 'projects', 'show', '本']; "
    program += "sys.exit(c.main())"
    environment = {"PYTHONIOENCODING": "ascii", "AWS_ENDPOINT_URL": "本", "PATH": os.defpath}
    environment |= {"AWS_DEFAULT_REGION": "us-east-1", "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert ran.stderr.startswith(r"error: Invalid endpoint: \u672c")
