"""Parses Python tracebacks (docs.python.org/3/library/traceback.html).

The outermost frame and the earliest exception come first:

    Traceback (most recent call last):
      File "/app/shop.py", line 12, in total
        return prices[name]
               ~~~~~~^^^^^^
    KeyError: 'lamp'

    The above exception was the direct cause of the following exception:

An exception group (PEP 654) has a margin on the left. Each member has a deeper margin:

      + Exception Group Traceback (most recent call last):
      |   File "/app/shop.py", line 20, in main
      | ExceptionGroup: two jobs failed (2 sub-exceptions)
      +-+---------------- 1 ----------------
        | OSError: disk full
        +---------------- 2 ----------------
"""

import re
import textwrap
from dataclasses import dataclass, field

from errata.protocol.stacktrace.trace import Draft, Frame

_HEADER = "Traceback (most recent call last):"
_GROUP = "+ Exception Group Traceback (most recent call last):"
_RELATIONS = {
    "The above exception was the direct cause of the following exception:": "caused by",
    "During handling of the above exception, another exception occurred:": "during handling of",
}
# `File "/app/shop.py", line 12, in total`. The frame of a SyntaxError has no function.
_FRAME = re.compile(r'File "([^"]+)", line (\d{1,9})(?:, in (.+))?$')
_FOREIGN = re.compile(r"/(?:site|dist)-packages/|/lib/python\d|/python\d+/lib/|^<frozen ", re.I)
# AWS Lambda logs the exception before the trace: `[ERROR] KeyError: 'lamp'`
_LAMBDA = "[ERROR] "
_REPEATED = "[Previous line repeated "
_MAX_SOURCE_LINES = 10
_MAX_DEPTH = 20


@dataclass(slots=True)
class _Exception:
    """An exception in the text. A group has a chain of exceptions for each member."""

    title: str = ""
    lambda_title: str = ""
    relation: str = ""
    matches: list[tuple[re.Match[str], list[str]]] = field(default_factory=list)
    indent: int = 0  # of the last frame that was read
    members: list[list["_Exception"]] = field(default_factory=list)


type _Level = tuple[int, list[_Exception]]  # the column of a margin, and the chain at that margin


def read(lines: list[str]) -> list[Draft]:
    """Return the exceptions of a traceback, the last one raised first."""
    chain: list[_Exception] = []
    levels: list[_Level] = [(0, chain)]
    before = ""
    for line in lines:
        body = _without_margin(line, levels)
        chain = levels[-1][1]
        text = body.strip()
        if text in _RELATIONS:
            if chain:
                chain[-1].relation = _RELATIONS[text]
        elif text.endswith(_HEADER):
            if not chain or chain[-1].title or chain[-1].matches:
                chain.append(_Exception())
            if before.startswith(_LAMBDA):
                chain[-1].lambda_title = before.removeprefix(_LAMBDA).strip()
        elif text and not text.startswith(_REPEATED):
            _read_line(chain, body, text)
        before = text
    return _in_order(levels[0][1], "")


def _read_line(chain: list[_Exception], body: str, text: str) -> None:
    """Read a frame, its code or the exception. Lines after the exception are skipped.

    They belong to its message.
    """
    match = _FRAME.match(text)
    if match and not chain:  # a SyntaxError in the main program has no header
        chain.append(_Exception())
    if not chain or chain[-1].title:
        return
    current = chain[-1]
    indent = len(body) - len(body.lstrip())
    if match:
        current.matches.append((match, []))
        current.indent = indent
    elif not current.matches or indent <= current.indent:
        current.title = text
    else:
        code = current.matches[-1][1]
        if len(code) < _MAX_SOURCE_LINES and text.strip("~^ "):
            code.append(body)


def _without_margin(line: str, levels: list[_Level]) -> str:
    """Return a line without the margin of a group, and update `levels` from the margin."""
    text = line.lstrip()
    column = len(line) - len(text)
    if text == _GROUP:
        levels[1:] = [(column, levels[0][1])]
        return text[2:]
    if len(levels) == 1 or not text:
        return line
    if not text.startswith(("| ", "+-")) and text != "|":
        # The group has ended. The chain that contains it continues.
        del levels[1:]
        return line
    while len(levels) > 2 and levels[-1][0] > column:
        levels.pop()
    if text.startswith("|"):
        return text[2:]
    if text.startswith("+-+-") and len(levels) < _MAX_DEPTH:
        levels.append((column + 2, []))
        _open_member(levels)
    elif text.strip("+- ") and len(levels) > 2:
        levels[-1] = (column, [])
        _open_member(levels)
    return ""


def _open_member(levels: list[_Level]) -> None:
    """Start a member: add an exception to the innermost level, and link it to its group."""
    levels[-1][1].append(_Exception())
    if levels[-2][1]:
        levels[-2][1][-1].members.append(levels[-1][1])


def _in_order(chain: list[_Exception], relation: str) -> list[Draft]:
    """Return a chain in reverse order. The members of a group follow the group.

    In the text, the earlier exception of two has the relation between them.
    """
    drafts: list[Draft] = []
    for position, each in enumerate(reversed(chain)):
        frames = [_frame(match, code) for match, code in reversed(each.matches)]
        leads = each.relation if position else relation
        drafts.append(Draft(each.lambda_title or each.title, leads, frames))
        for member in each.members:
            drafts += _in_order(member, "including")
    return drafts


def _frame(match: re.Match[str], code: list[str]) -> Frame:
    file = match[1]
    in_app = not _FOREIGN.search(file.replace("\\", "/"))
    source = textwrap.dedent("\n".join(code))
    return Frame(file, int(match[2]), function=match[3] or "", source=source, in_app=in_app)
