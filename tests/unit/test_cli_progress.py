"""How far long work is, on the terminal of a person."""

import sys

import pytest

from errata.cli.progress import counted, progress


def test_a_terminal_shows_it_and_ends_clean(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert list(counted("abc", "issues", silent=False)) == ["a", "b", "c"]
    said = capsys.readouterr()
    assert said.out == ""
    # Not every step is shown: that would slow the work down.
    assert said.err == "\r\x1b[2K1 issues\r\x1b[2K"


def test_texts_of_events_cannot_control_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress(silent=False) as show:
        show("\x1b]0;title\x07")
    assert "\x1b]" not in capsys.readouterr().err


@pytest.mark.parametrize(("silent", "terminal"), [(True, True), (False, False), (True, False)])
def test_programs_get_nothing(
    silent: bool,
    terminal: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    assert list(counted([1], "issues", silent)) == [1]
    assert capsys.readouterr().err == ""
