"""Stack traces as the languages print them, and any other texts.

`traces/*.txt` of Python, JavaScript, PHP and Java are what Python 3.13, Node 20, PHP 8.2 and Java
17 wrote, with their paths made the same; those of Ruby, Go, .NET, browsers and AWS Lambda follow
their documentation.
`traces/*.frames` has the expected frames, the innermost one first, with `-` before those that are
not in-app.
"""

import gc
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.protocol.stacktrace import MAX_EXCEPTIONS, MAX_FRAMES, Frame, Trace, parse_trace
from errata.protocol.stacktrace.trace import MAX_LINE, MAX_LINES
from tests.support import fuzz
from tests.support.cpu import cpu_s

TRACES = Path(__file__).parent / "traces"
TEXTS = {file.stem: file.read_text() for file in sorted(TRACES.glob("*.txt"))}
CORPUS = Path(__file__).parents[2] / "bench" / "corpus"
PYTHON = 'Traceback (most recent call last):\n  File "/app/a.py", line 1, in f\n    x\nE: no\n'


def render(trace: Trace) -> Iterator[str]:
    for exception in trace.exceptions:
        yield f"{exception.relation or trace.language}: {exception.title}".rstrip()
        for frame in exception.frames:
            at = ":".join(str(part) for part in (frame.line, frame.column) if part is not None)
            yield f"{' ' if frame.in_app else '-'} {frame.file} {at} {frame.function}".rstrip()
            yield from ("      " + line for line in frame.source.splitlines())


def parsed(text: str) -> Trace:
    trace = parse_trace(text)
    assert trace is not None
    return trace


@pytest.mark.parametrize("name", TEXTS)
def test_a_trace_is_parsed_frame_by_frame(name: str) -> None:
    trace = parsed(TEXTS[name])
    assert trace.language == name.partition("-")[0]
    assert list(render(trace)) == (TRACES / f"{name}.frames").read_text().splitlines()


@pytest.mark.parametrize("name", TEXTS)
def test_line_ends_indentation_and_colours_do_not_matter(name: str) -> None:
    text = TEXTS[name]
    for end in ("\r\n", "\r"):
        assert parse_trace(text.replace("\n", end)) == parse_trace(text)
    logged = "".join(f"\t  {line}\n" for line in text.splitlines())
    assert parse_trace(logged) == parse_trace(text)
    assert parse_trace("\x1b[1;31m" + text.replace("\n", "\x1b[0m\n")) == parse_trace(text)


@pytest.mark.parametrize("corpus", ["4kb", "8kb"])
def test_every_trace_of_the_corpus_keeps_all_of_its_frames(corpus: str) -> None:
    for line in (CORPUS / f"{corpus}.jsonl").read_text().splitlines():
        event = json.loads(line)
        text = event["stack_trace"]
        trace = parsed(text)
        assert trace.language == "python"
        frames = [frame for exception in trace.exceptions for frame in exception.frames]
        assert len(frames) == text.count('File "')
        assert event["exception_class"].rpartition(".")[2] in trace.exceptions[0].title
        assert all(exception.title for exception in trace.exceptions)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "It broke at noon (twice), see main.go:12 and https://example.com:80/a@b",
        "Error: no such user\n    code: 'ENOENT'",
        "Parse error: syntax error, unexpected token in /app/parse.php on line 3",
        "Traceback (most recent call last):\nKeyError: 'x'",
        "goroutine 1 [running]:",
        "Caused by: java.lang.Exception: a\n\t... 23 more",
    ],
)
def test_a_text_without_a_frame_is_no_trace(text: str) -> None:
    assert parse_trace(text) is None


@pytest.mark.parametrize(
    ("line", "frame"),
    [
        (
            "at Page (/app/(shop)/page.js:1:2)",
            Frame("/app/(shop)/page.js", 1, 2, "Page"),
        ),
        (
            r"at run (C:\shop\node_modules\acme\a.js:1:2)",
            Frame(r"C:\shop\node_modules\acme\a.js", 1, 2, "run", in_app=False),
        ),
        (
            "at a (eval at b (eval at c (/app/x.js:1:2), <anonymous>:3:4), <anonymous>:5:6)",
            Frame("/app/x.js", 1, 2, "a"),
        ),
        (
            r'File "C:\Python313\Lib\site-packages\acme\a.py", line 3, in f',
            Frame(r"C:\Python313\Lib\site-packages\acme\a.py", 3, None, "f", in_app=False),
        ),
        (
            "at app//com.acme.Shop$$Lambda$14/0x0000000800c03000.apply(Unknown Source)",
            Frame(
                "Unknown Source",
                None,
                function="com.acme.Shop$$Lambda$14/0x0000000800c03000.apply",
            ),
        ),
        (
            "at com.acme.Shop.pay(Shop.java:12) ~[shop-1.0.jar:1.0]",
            Frame("Shop.java", 12, None, "com.acme.Shop.pay"),
        ),
        (
            "at java.base@17.0.1/java.util.List.of(List.java:1)",
            Frame("List.java", 1, None, "java.util.List.of", in_app=False),
        ),
    ],
)
def test_a_line_in_an_unusual_form_is_a_frame(line: str, frame: Frame) -> None:
    assert parsed(line).exceptions[0].frames == (frame,)


def test_a_closure_of_php_is_named_by_its_line() -> None:
    text = "#0 /app/a.php(3): {closure:Acme\\Shop::run():12}('x')\n#1 /app/b.php(4): f()\n"
    frames = parsed(text).exceptions[0].frames
    assert [(frame.file, frame.line, frame.function) for frame in frames] == [
        ("", None, "{closure:Acme\\Shop::run():12}"),
        ("/app/a.php", 3, "f"),
        ("/app/b.php", 4, ""),
    ]


def test_a_message_may_quote_a_shorter_trace_of_another_language() -> None:
    frames = "".join(f"    at f{n} (/app/run.js:{n}:1)\n" for n in range(1, 4))
    trace = parsed(f"Error: Command failed: python a.py\n{PYTHON}{frames}")
    assert trace.language == "javascript"
    assert trace.exceptions[0].title == "Error: Command failed: python a.py"


def test_invisible_characters_in_a_name_are_removed() -> None:
    frame = parsed('File "/app/\u202egnp.a\x00.py", line 1, in f').exceptions[0].frames[0]
    assert frame.file == "/app/gnp.a.py"


def test_the_innermost_frames_are_kept() -> None:
    numbers = range(1, MAX_LINES * 2)
    python = [f'  File "/app/a.py", line {n}, in f' for n in numbers]
    java = [f"\tat com.acme.A.f(A.java:{n})" for n in numbers]
    for lines, innermost in ((python, numbers[::-1]), (java, numbers)):
        kept = parsed("\n".join(lines)).exceptions[0].frames
        assert [frame.line for frame in kept] == list(innermost[:MAX_FRAMES])


def test_the_exceptions_that_are_shown_last_lose_their_frames_first() -> None:
    frames = "".join(f"\tat com.acme.A.f(A.java:{n})\n" for n in range(1, 301))
    trace = parsed(f"com.acme.E: no\n{frames}" * 3)
    assert [len(each.frames) for each in trace.exceptions] == [300, 200, 0]
    many = parsed("com.acme.E: no\n\tat com.acme.A.f(A.java:1)\n" * 200)
    assert len(many.exceptions) == MAX_EXCEPTIONS


def test_an_overlong_line_is_no_frame_but_may_be_a_title() -> None:
    assert parse_trace(f'File "/app/{"a" * MAX_LINE}.py", line 1, in f') is None
    assert parse_trace(f"at f (/{'a' * (MAX_LINE - 13)}:123:456)") is None
    title = parsed(PYTHON.replace("no", "o" * MAX_LINE * 2)).exceptions[0].title
    assert title == "E: " + "o" * (MAX_LINE - 3) + "…"


# Lines of every language, whole, cut and repeated, and the signs that their patterns look for.
LINES = sorted({line for text in TEXTS.values() for line in text.splitlines()})
PIECES = st.one_of(
    st.sampled_from(LINES),
    st.text(max_size=40),
    st.builds(lambda line, at: line[:at], st.sampled_from(LINES), st.integers(0, 80)),
    st.builds(
        lambda sign, times: sign * times,
        st.sampled_from([*"|+-(:@/#'\"[{~ \t\r0", "at ", "+-+-", "  ", ":1", " in ", "eval at ("]),
        st.integers(1, 5_000),
    ),
)


@fuzz.bounded(60)
@given(
    st.lists(st.tuples(PIECES, st.sampled_from(["\n", "\r\n", "\r", "", " "])), max_size=60),
    st.integers(1, 10),
)
def test_any_text_is_parsed_without_an_error_and_does_not_grow(
    pieces: list[tuple[str, str]], times: int
) -> None:
    text = "".join(part + end for part, end in pieces) * times
    trace = parse_trace(text)
    if trace is None:
        return
    assert len(trace.exceptions) <= MAX_EXCEPTIONS
    assert trace.exceptions[0].relation == ""
    frames = [frame for exception in trace.exceptions for frame in exception.frames]
    assert 1 <= len(frames) <= MAX_FRAMES
    texts = [part for each in frames for part in (each.file, each.function, each.source)]
    texts += [exception.title for exception in trace.exceptions]
    assert sum(map(len, texts)) <= len(text) + 20 * len(frames)
    assert not any(ord(sign) < 32 and sign not in "\t\n" for part in texts for sign in part)


def calls(text: str) -> int:
    """Count the calls of functions, of Python and of C, while a text is parsed."""
    count = 0

    def profile(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    gc.disable()  # each collection calls hypothesis
    sys.setprofile(profile)
    try:
        parse_trace(text)
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


@pytest.mark.parametrize(
    "lines",
    [
        *(text.splitlines() for text in TEXTS.values()),
        ["  + Exception Group Traceback (most recent call last):", "  +-+--- 1 ---", "  | E: x"],
        [f"{' ' * n}+-+---- 1 ----" for n in range(0, 200, 2)],
        ["[errors]: [", "[cause]: Error: x", "Error: x", "prose"],
        ["Next Error: x in /a.php:1", "#0 /a.php(1): f()"],
        ["Caused by: a.b.C: d", "a.b.C: d", "prose"],
        ["panic: x", "main.f()", "goroutine 1 [running]:"],
        ["a.rb:1:in 'f': x (E)", "prose", "Traceback (most recent call last):"],
    ],
    ids=lambda lines: lines[0][:30],
)
def test_twice_the_text_takes_at_most_about_twice_the_calls(lines: list[str]) -> None:
    block = "\n".join(lines) + "\n"
    times = 400 // len(lines)
    once, twice = calls(block * times), calls(block * times * 2)
    assert twice < 2.1 * once


@pytest.mark.parametrize(
    "unit", ["Error", "Exception", "a.", "a.Error", "$", ": ", "at a(", "(a:1", ":1:in 'a", ".go:1"]
)
def test_a_long_line_takes_little_time(unit: str) -> None:
    # A search whose time is quadratic takes a hundred times as long.
    line = (unit * MAX_LINE)[: MAX_LINE - 1] + "!\n"
    assert cpu_s(lambda: parse_trace(line * 20), 0.5) < 0.5


def test_lines_beyond_the_maximum_take_no_further_calls() -> None:
    line = "\tat com.acme.A.f(A.java:1)\n"
    assert calls(line * MAX_LINES * 2) == calls(line * (MAX_LINES + 1))
