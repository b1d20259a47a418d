"""Parses .NET stack traces (learn.microsoft.com, Exception.ToString). Innermost frame first.

    System.ApplicationException: cannot pay
     ---> System.ArgumentException: no price
       at Shop.Cart.Total(Int32 order) in /app/Cart.cs:line 12
       --- End of inner exception stack trace ---
       at Shop.Checkout.Pay(String name) in /app/Checkout.cs:line 24
       at lambda_method1(Closure, Stream, ILambdaContext, Stream)

The frames of an inner exception come before those of the exception that it caused.
"""

import re

from errata.protocol.stacktrace.trace import Draft, Frame, number

_PLACE = re.compile(r"at (\S[^()]*?)\([^()]*\)(?: in (\S.*):line (\d{1,9}))$")
# Without debug symbols, a frame has no file. The space in a parameter tells it from Java's frames.
_NO_PLACE = re.compile(r"at ([\w.`<>$+\[\],|]+)\((?:|[\w.`<>&\[\]]+ [^()]*)\)$")
_INNER = "---> "
_END = "--- End of inner exception stack trace ---"
# Possessive: a long word without an end would take quadratic time.
_TITLE = re.compile(r"(?:Unhandled exception\. )?((?:\w+\.)*+(\w++)(?:: .*|$))")
_FOREIGN = re.compile(r"(?:System|Microsoft|Amazon\.Lambda)\.|lambda_method")


def read(lines: list[str]) -> list[Draft]:
    """Return the exceptions of a trace, each followed by its inner exception."""
    outer: list[Draft] = []  # whose frames are still to come: the outermost first
    found: list[Draft] = []
    current: Draft | None = None
    for line in lines:
        text = line.strip()
        if text == _END:
            current = outer.pop() if outer else current
        elif frame := _frame(text):
            if current is None:
                found.append(current := Draft())
            current.frames.append(frame)
        elif text.startswith(_INNER) and current:
            outer.append(current)
            found.append(current := Draft(text.removeprefix(_INNER), "caused by"))
        elif current is None and (title := _title(text)):
            found.append(current := Draft(title))
    return found if any(draft.frames for draft in found) else []


def _title(text: str) -> str:
    """Return the exception that a line names, after the tabs of a logger's fields."""
    match = _TITLE.match(text.rpartition("\t")[2])
    return match[1] if match and ("Exception" in match[2] or "Error" in match[2]) else ""


def _frame(text: str) -> Frame | None:
    match = _PLACE.match(text)
    if match:
        in_app = not _FOREIGN.match(match[1])
        return Frame(match[2], number(match[3]), function=match[1], in_app=in_app)
    match = _NO_PLACE.match(text)
    if match and "." in match[1]:
        in_app = not _FOREIGN.match(match[1])
        return Frame("Unknown Source", None, function=match[1], in_app=in_app)
    return None
