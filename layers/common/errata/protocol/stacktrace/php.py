"""Parses PHP stack traces (php.net, Exception::__toString and Exception::getTraceAsString).

    PHP Fatal error:  Uncaught InvalidArgumentException: bad url in /app/Client.php:8
    Stack trace:
    #0 /app/shop.php(9): Acme\\Client->send('ftp://x', Array)
    #1 [internal function]: {closure}(3)
    #2 {main}

    Next RuntimeException: cannot load in /app/shop.php:11
    Stack trace:
    #0 {main}
      thrown in /app/shop.php on line 11

A line of PHP names a called function and the place of the call. A frame of the other languages
names a place and the function that contains it. To get such frames, `read` combines the place in a
line with the function in the next line. It combines the function in the first line with the place
where the exception was created. getTraceAsString does not return that place: the first frame then
has no file.
"""

import re

from errata.protocol.stacktrace.trace import Draft, Frame, number

_CALL = re.compile(r"#\d{1,9} (?:\[internal function\]|(.+?)\((\d{1,9})\)): (.+)$")
_MAIN = re.compile(r"#\d{1,9} \{main\}$")
# `Acme\Client->send(…)`, `{closure:Acme\Client::send():12}(…)`
_FUNCTION = re.compile(r"(?:[^({]|\{[^}]*\})+")
_FOREIGN = re.compile(r"(?:^|/)vendor/|^\[internal function]$")
# `PHP Fatal error:  Uncaught …`, possibly after a timestamp; `Next …`; an exception alone.
_TITLE = re.compile(
    r"(?:.*? Uncaught |Next |Uncaught )?(\\?[A-Za-z_][\w\\]*(?:@anonymous)?(?::| in ).*)"
)
_INTERNAL = "[internal function]"
_NEXT = "Next "

type _Call = tuple[str, int | None, str]  # file, line and function of a numbered line


def read(lines: list[str]) -> list[Draft]:
    """Return the exceptions of a trace, the last one thrown first. The text has them reversed."""
    drafts: list[Draft] = []
    before: list[str] = []
    calls: list[_Call] = []
    for line in lines:
        text = line.strip()
        call = _CALL.match(text)
        main = not call and _MAIN.match(text)
        if call:
            function = _FUNCTION.match(call[3])
            place = (call[1], number(call[2])) if call[1] else (_INTERNAL, None)
            calls.append((*place, function[0] if function else call[3]))
        elif main:
            _add(drafts, before, calls, "{main}")
        elif calls and text.startswith(_NEXT):
            _add(drafts, before, calls, "")
        if not call and not main and not calls and text not in ("", "Stack trace:"):
            before.append(text)
    if calls:
        _add(drafts, before, calls, "")
    drafts.reverse()
    return drafts


def _add(drafts: list[Draft], before: list[str], calls: list[_Call], outermost: str) -> None:
    """Add an exception from its calls and the lines before them. Clears both lists."""
    marked = [text for text in before if "Uncaught " in text or text.startswith(_NEXT)][-1:]
    title = next((match[1] for match in map(_TITLE.match, marked or before) if match), "")
    if drafts and marked and marked[0].startswith(_NEXT):
        drafts[-1].relation = "caused by"
    # The message can have several lines. Its last line ends with `in /app/Client.php:8`.
    _, message, place = (before[-1] if before else "").rpartition(" in ")
    file, _, line = place.rpartition(":")
    functions = [call[2] for call in calls] + [outermost]
    frames: list[Frame] = []
    if message and file and number(line) is not None:
        frames.append(_frame(file, number(line), functions[0]))
        title = title.removesuffix(f" in {place}")
    elif calls:
        frames.append(_frame("", None, functions[0]))
    places = zip(calls, functions[1:], strict=True)
    frames += [_frame(file, at, function) for (file, at, _), function in places]
    drafts.append(Draft(title, frames=frames))
    before.clear()
    calls.clear()


def _frame(file: str, line: int | None, function: str) -> Frame:
    in_app = not _FOREIGN.search(file.replace("\\", "/"))
    return Frame(file, line, function=function, in_app=in_app)
