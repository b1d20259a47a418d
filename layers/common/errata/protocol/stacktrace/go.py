"""Parses Go stack traces (go.dev/src/runtime/traceback.go, panic.go). Innermost frame first.

    panic: runtime error: index out of range [5] with length 3

    goroutine 1 [running]:
    main.(*Cart).total(0xc000012120, {0x1, 0x2})
            /app/cart.go:12 +0x1d
    created by main.serve in goroutine 7
            /app/main.go:20 +0x65

A frame has two lines: the function, then its file and line.
"""

import re

from errata.protocol.stacktrace.trace import Draft, Frame

_GOROUTINE = re.compile(r"goroutine \d+ (?:gp=\S+ m=\S+ (?:mp=\S+ )?)?\[[^]]*\]:$")
_PLACE = re.compile(r"(\S.*?\.(?:go|s|c)):(\d{1,9})(?: \+0x[0-9a-f]+)?(?: fp=\S+ sp=\S+ pc=\S+)?$")
_CALL = re.compile(r"created by (?P<creator>\S+)|(?P<function>\S.*)\([^()]*\)$")
# A panic during another panic is listed below it. net/http recovers panics and logs them itself.
_PANICS = ("panic: ", "fatal error: ", "http: panic serving ")
_RECOVERED = re.compile(r" \[recovered(?:, repanicked)?\]$")
# Matches modules in the module cache, vendored modules, and the standard library in GOROOT. With
# -trimpath, paths of the standard library start with the package: its first folder has no dot, but
# the first folder of a module has one.
_FOREIGN = re.compile(
    r"/pkg/mod/|(?:^|/)vendor/|@v\d|/go[^/]*/(?:[^/]+/){0,2}src/[^/.]+/"
    r"|^(?:runtime|net|reflect|sync|testing|internal|encoding|database|os|io|fmt)/"
)


def read(lines: list[str]) -> list[Draft]:
    """Return the panic, then the panics that it interrupted, then the other goroutines."""
    drafts: list[Draft] = []
    panics: list[str] = []
    goroutine = call = ""
    for line in lines:
        text = line.strip()
        place = _PLACE.match(text)
        if place and call:
            if not drafts or goroutine:
                title = panics[-1] if panics and not drafts else goroutine if drafts else ""
                drafts.append(Draft(title, "alongside"))
                goroutine = ""
            drafts[-1].frames.append(_frame(place, call))
        call = ""
        if _GOROUTINE.match(text):
            goroutine = text.removesuffix(":")
        elif not place:
            call = _call(text)
            if not drafts and not goroutine:
                panics += _panic(text)
    interrupted = [Draft(title, "during handling of") for title in reversed(panics[:-1])]
    return drafts[:1] + interrupted + drafts[1:]


def _panic(text: str) -> list[str]:
    at = min((text.find(sign) for sign in _PANICS if sign in text), default=-1)
    return [_RECOVERED.sub("", text[at:])] if at >= 0 else []


def _call(text: str) -> str:
    match = _CALL.match(text)
    if not match:
        return ""
    return f"created by {match['creator']}" if match["creator"] else match["function"]


def _frame(place: re.Match[str], call: str) -> Frame:
    in_app = not _FOREIGN.search(place[1].replace("\\", "/"))
    return Frame(place[1], int(place[2]), function=call, in_app=in_app)
