"""Commands that take long show their progress on a terminal."""

import sys

import pytest

from errata.cli.progress import counted, progress


def test_a_terminal_shows_the_progress_and_is_cleared_at_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert list(counted("abc", "issues", silent=False)) == ["a", "b", "c"]
    printed = capsys.readouterr()
    assert printed.out == ""
    # Not every step is shown: that would slow the work down.
    assert printed.err == "\r\x1b[2K1 issues\r\x1b[2K"


def test_texts_of_events_cannot_control_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress(silent=False) as show:
        show("\x1b]0;title\x07")
    assert "\x1b]" not in capsys.readouterr().err


@pytest.mark.parametrize(("silent", "terminal"), [(True, True), (False, False), (True, False)])
def test_no_progress_is_shown_without_a_terminal_or_if_silent(
    silent: bool,
    terminal: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    assert list(counted([1], "issues", silent)) == [1]
    assert capsys.readouterr().err == ""
