"""Parses Ruby backtraces (docs.ruby-lang.org, Exception#full_message and #backtrace).

    shop.rb:2:in 'Integer#/': divided by 0 (ZeroDivisionError)
            from shop.rb:2:in 'Shop#share'
            from shop.rb:9:in '<main>'

Before Ruby 3.4, a name starts with a backtick. Ruby 2.5 to 2.7 print the innermost frame last on a
terminal:

    Traceback (most recent call last):
            1: from shop.rb:9:in `<main>'
    shop.rb:2:in `/': divided by 0 (ZeroDivisionError)
"""

import re

from errata.protocol.stacktrace.trace import Draft, Frame

_FRAME = re.compile(r"(?:\d{1,6}: )?(?:from )?(\S.*?):(\d{1,9}):in [`']([^`']+)'(?:: (\S.*))?$")
_HEADER = "Traceback (most recent call last):"
# `/app/vendor/bundle/ruby/3.4.0/gems/rack-3.1/…`, `<internal:kernel>`, and Rails' `rack (3.1) …`
_FOREIGN = re.compile(r"/gems/|/lib/ruby/|^<internal:|^[\w.-]+ \(\d[\w.]*\) |(?:^|/)vendor/")
# `ZeroDivisionError: divided by 0`, and Rails' `ZeroDivisionError (divided by 0):`
_TITLE = re.compile(r"[A-Z]\w*(?:::[A-Z]\w*)*(?::? \(?.*|)$")


def read(lines: list[str]) -> list[Draft]:
    """Return the exceptions of a backtrace, each followed by its cause."""
    drafts: list[Draft] = []
    before = ""
    reverse = False
    for line in lines:
        text = line.strip()
        match = _FRAME.match(text)
        if match:
            report = match[4]
            starts = reverse and drafts and drafts[-1].title
            if not drafts or starts or (report and not reverse):
                title = before if not reverse and _TITLE.match(before) else ""
                drafts.append(Draft(title, "caused by"))
            if report:
                drafts[-1].title = _title(report)
            drafts[-1].frames.append(_frame(match))
        elif text == _HEADER:
            reverse = True
        before = text or before
    if reverse:
        drafts.reverse()
        for draft in drafts:
            draft.frames.reverse()
    return drafts


def _title(report: str) -> str:
    """Return `divided by 0 (ZeroDivisionError)` as `ZeroDivisionError: divided by 0`."""
    message, opened, name = report.removesuffix(")").rpartition(" (")
    if not opened or not report.endswith(")"):
        return report
    return f"{name}: {message}" if message != name else name


def _frame(match: re.Match[str]) -> Frame:
    in_app = not _FOREIGN.search(match[1])
    return Frame(match[1], int(match[2]), function=match[3], in_app=in_app)
