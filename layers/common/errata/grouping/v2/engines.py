"""Makes the engines of JavaScript agree: their words for functions, files and errors.

V8, SpiderMonkey (Firefox) and JavaScriptCore (Safari) write stacks and messages in different words.
Sources: v8.dev/docs/stack-trace-api; MDN, "JavaScript error reference"; WebKit's ExceptionHelpers.
"""

import re

PLATFORMS = ("javascript", "node")
# These are written in place of a file for functions of the engine. Firefox leaves them out.
_NATIVE = (
    "[native code]",
    "native code",
    "native",
    "self-hosted",
    "<anonymous>",
    "InternalBytecode.js",
)
# The wrapper of an SDK around a callback. V8 writes the receiver before it.
_WRAPPER = "sentryWrapped"
_BUILT_IN = re.compile(r"(?:async |new )?(?:Array|Map|Set|Promise|String|Object|JSON)\b")
_NOBODY = ("Anonymous function", "global code", "module code", "eval code")
# V8 writes the receiver and the kind of a call, too ("Stack trace format"). Other engines only
# write the function. Firefox adds `/<` to a function inside another, and writes what called a
# function later: `async*load`, `setTimeout handler*load`.
_CALL = re.compile(
    r"(?:[\w. ]++\*)?(?:async |new )*+(?:.*[./])?(?:[gs]et )?([^./ ]*+)"
    r"(?: \[as [^\]]*+\]| \(index \d++\))?"
)
# Bundlers add `$1` to a name that is taken.
_TAKEN = re.compile(r"(?<=\w)\$\d++$")
_HOST = ("http://", "https://")
_SCRIPT = re.compile(r"\.(?:[cm]?[jt]sx?|vue|svelte|wasm|bundle)$")
# A minifier gives functions names of one or two letters, and others in each build.
_SHORTEST_NAME = 3

_MAX_MESSAGE = 500
_CHUNK = re.compile(
    r"Loading (?:CSS )?chunk \S++ failed|Failed to fetch dynamically imported module"
    r"|error loading dynamically imported module|Importing a module script failed"
    r"|Unable to preload CSS"
)
_RECURSION = re.compile(r"Maximum call stack size exceeded|too much recursion")
_SAME = tuple(
    (re.compile(written), said)
    for written, said in (
        (r"Cannot \w++ propert(?:y|ies) of (\w++) \(\w++ '([^']*+)'\)", r"\2 of \1"),
        (r"Cannot \w++ property '([^']*+)' of (\w++)", r"\1 of \2"),
        (r"can't access property \"([^\"]*+)\", .{1,200}? is (undefined|null)", r"\1 of \2"),
        (r"(\w++) is not an object \(evaluating '(?:[^'.]*+\.)*+([\w$]++)[^']*+'\)", r"\2 of \1"),
        (r"([\w$.]++) is not a function\b.*+", r"\1 is not a function"),
        (r"Can't find variable: (\S++)", r"\1 is not defined"),
        (r"NetworkError when attempting to fetch resource\.|Load failed$", "Failed to fetch"),
        (r"(?:JSON\.parse: |JSON Parse error: |Unexpected (?=.{1,200}JSON)).*+", "invalid JSON"),
    )
)


def function(called: str, platform: str) -> str:
    """Return the name of a function as all engines write it, "" if it has none.

    In a browser, a name of one or two letters comes from a minifier, and counts as none.
    """
    if called in _NOBODY:
        return ""
    if not called.isidentifier() and (found := _CALL.fullmatch(called)):
        called = found[1].rstrip("<")
    if "$" in called:
        called = _TAKEN.sub("", called)
    return "" if platform == "javascript" and len(called) < _SHORTEST_NAME else called


def is_of_the_application(called: str, path: str) -> bool:
    """Return whether a frame belongs neither to the engine nor to an SDK's wrapper."""
    if not path and _BUILT_IN.match(called):
        return False
    return path not in _NATIVE and not called.endswith(_WRAPPER)


def file(path: str) -> str:
    """Return the path of a script, "" for the page of an inline script."""
    # Hermes writes `address at index.android.bundle`.
    path = path.removeprefix("address at ")
    if path.startswith(_HOST) and not _SCRIPT.search(path.partition("?")[0].partition("#")[0]):
        return ""
    return path


def fails_to_load(message: object) -> bool:
    """Return whether a message says that a part of the application could not be loaded.

    This happens after a deploy that has removed the files of the previous build. It does not matter
    which file is missing.
    """
    if not isinstance(message, str):
        return False
    start = message[:_MAX_MESSAGE]
    # Each of these messages has one of the words. To look for them first is faster.
    suspect = "chunk" in start or "module" in start or "CSS" in start
    return suspect and _CHUNK.search(start) is not None


def is_recursion(message: str) -> bool:
    """Return whether a message reports endless recursion. Each engine uses another type for it."""
    return _RECURSION.match(message) is not None


def message(text: str) -> str:
    """Return the message of an error in words that do not depend on the engine."""
    start = text[:_MAX_MESSAGE]
    for written, said in _SAME:
        if found := written.match(start):
            return found.expand(said) + text[found.end() :]
    return text
