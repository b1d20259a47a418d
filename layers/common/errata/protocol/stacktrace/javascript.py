"""Parses JavaScript stack traces. The innermost frame and the last exception come first.

V8 (v8.dev/docs/stack-trace-api), with the additions of Node's `util.inspect`:

    TypeError: Cannot read properties of undefined (reading 'user')
        at new Cart (/app/cart.js:3:24)
        at async file:///app/main.mjs:11:1
        at Array.map (<anonymous>)
        at eval (eval at run (/app/odd.js:2:30), <anonymous>:1:1)
        at Module._load (node:internal/modules/cjs/loader:1091:12) {
      [cause]: Error: no user
          at load (/app/user.js:9:3)
    }

Firefox and Safari (developer.mozilla.org, Error.prototype.stack):

    load@https://shop.example/user.js:9:3
    @https://shop.example/odd.js line 2 > eval:1:1
    map@[native code]
"""

import re

from errata.protocol.stacktrace.trace import Draft, Frame, number

_FOREIGN = re.compile(
    r"^(?:node:|internal/|<anonymous>|native$|index \d|\[native code]|(?:chrome|moz)-extension:)"
    r"|(?:^|/)node_modules/"
)
# `TypeError: no user`, `Uncaught (in promise) Error: no`, `Error [ERR_HTTP]: no`
_TITLE = re.compile(
    r"(?:Uncaught )?(?:\(in promise\) )?\[?([A-Za-z_$][\w$.]*(?:Error|Exception)(?:$|:| \[).*)"
)
_CAUSE = re.compile(r"(?:\[cause]: |caused by:? )(.*)", re.I)
_ERRORS = "[errors]: ["
_MEMBER = "including"


def read(lines: list[str]) -> list[Draft]:
    """Return the exceptions of a stack trace, each followed by its causes."""
    drafts: list[Draft] = []
    before: list[str] = []  # the lines since the last frame; they can contain the next title
    relation = ""
    for line in lines:
        text = line.strip()
        frame = _frame(text)
        cause = None if frame else _CAUSE.match(text)
        if frame:
            if before or not drafts:
                drafts.append(Draft(_title(before), relation))
                relation = relation if relation == _MEMBER else ""
                before = []
            drafts[-1].frames.append(frame)
        elif cause or text == _ERRORS:
            if before:
                drafts.append(Draft(_title(before), relation))
            relation = "caused by" if cause else _MEMBER
            before = [cause[1]] if cause else []
        elif not drafts or before or _TITLE.match(text):
            before.append(text)
        elif text == "]":
            relation = ""
    return drafts


def _title(lines: list[str]) -> str:
    """Return the first line that names an error, otherwise the first line of the last paragraph.

    For an uncaught error, Node prints the line of code that threw it first, then the error.
    """
    for text in lines:
        match = _TITLE.match(text)
        if match:
            return match[1].removesuffix(" {").removesuffix("]") if text[0] == "[" else match[1]
    start = max((at for at, text in enumerate(lines[:-1], 1) if not text), default=0)
    return lines[start] if lines else ""


def _frame(text: str) -> Frame | None:
    if text.startswith("at "):
        return _v8(text[3:].removesuffix(" {").removesuffix(",").removeprefix("async "))
    function, at, location = text.partition("@")
    if not at:
        return None
    place = _place(location) or _native(location)
    known = place and ("/" in place.file or place.file == "[native code]")
    return _within(place, function.removeprefix("async*")) if place and known else None


def _v8(text: str) -> Frame | None:
    """Parse `fn (location)`, or only a location.

    The name of a folder can contain ` (`, but the name of a function cannot.
    """
    function, opened, location = text.partition(" (")
    if not opened or not text.endswith(")"):
        return _place(text)
    location = location[:-1]
    if location.startswith("eval at "):
        # `eval at run (/app/odd.js:2:30), <anonymous>:1:1`. Evals can be nested.
        location = location.rpartition("(")[2].partition(")")[0]
    place = _place(location) or _native(location)
    return _within(place, function) if place else None


def _place(location: str) -> Frame | None:
    """Parse `/app/odd.js:2:30`, or `/app/odd.js line 2 > eval:1:1` (Firefox)."""
    file, *position = location.rsplit(":", 2)
    line, column = map(number, position) if len(position) == 2 else (None, None)
    if line is None or column is None or not any(each in file for each in "/\\.:<"):
        return None
    outer, inside, _ = file.partition(" > ")
    if inside:
        file, _, caller = outer.rpartition(" line ")
        return _within(Frame(file or outer, number(caller)), "")
    return _within(Frame(file, line, column), "")


def _native(location: str) -> Frame | None:
    """Parse a place in the engine. `index 0` is a promise in `Promise.all`."""
    known = location in ("<anonymous>", "native", "[native code]") or location.startswith("index ")
    return Frame(location, None) if known else None


def _within(place: Frame, function: str) -> Frame:
    in_app = not _FOREIGN.search(place.file.replace("\\", "/"))
    return Frame(place.file, place.line, place.column, function, in_app=in_app)
