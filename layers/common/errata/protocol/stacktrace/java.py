"""Parses the stack traces of Java and other JVM languages.

Source: java.lang.Throwable#printStackTrace, StackTraceElement#toString.

    Exception in thread "main" com.acme.CheckoutException: cannot pay
        at com.acme.Checkout.pay(Checkout.java:24)
        at java.base/java.lang.reflect.Method.invoke(Native Method)
        at app//com.acme.Checkout$Item.<init>(Unknown Source)
        Suppressed: java.lang.IllegalStateException: close failed
            at com.acme.Resource.close(Resource.java:7)
    Caused by: java.lang.NumberFormatException: For input string: "x"
        at com.acme.Checkout.total(Checkout.java:17) ~[shop.jar:1.0]
        ... 23 more

The innermost frame and the last exception come first.
"""

import re

from errata.protocol.stacktrace.trace import Draft, Frame, number

# A frame can start with its class loader and module (`app//`, `java.base@17/`). Logback adds the
# jar at the end.
_FRAME = re.compile(r"at ([^()\s][^()]*[^()\s])\(([^()]+)\)(?: ~?\[[^]]*\])?$")
_FOREIGN = re.compile(
    r"(?:javax?|jdk|sun|com\.sun|jakarta|kotlinx?|scala|groovy|clojure|dalvik"
    r"|org\.(?:apache|hibernate|junit|springframework)|io\.netty|reactor)\."
)
_RELATIONS = {"Caused by: ": "caused by", "Suppressed: ": "suppressed"}
_NO_PLACE = ("Native Method", "Unknown Source")
_THREAD = re.compile(r'Exception in thread "[^"]*" (.*)')
# `com.acme.CheckoutException: cannot pay`
_TITLE = re.compile(r"(?:[\w$]+\.)+[\w$]+(?::|$)")


def read(lines: list[str]) -> list[Draft]:
    """Return the exceptions in the order of the text: the last one thrown first."""
    drafts: list[Draft] = []
    before: list[str] = []
    for line in lines:
        text = line.strip()
        match = _FRAME.match(text)
        frame = _frame(match) if match else None
        if frame:
            if not drafts or any(map(_TITLE.match, before)):
                drafts.append(Draft(_title(before)))
            before = []
            drafts[-1].frames.append(frame)
            continue
        for prefix, relation in _RELATIONS.items():
            if text.startswith(prefix):
                drafts.append(Draft(text.removeprefix(prefix), relation))
                before = []
                break
        else:
            if text and not text.startswith("... "):
                thread = _THREAD.match(text)
                before.append(thread[1] if thread else text)
    return drafts


def _title(lines: list[str]) -> str:
    return next(filter(_TITLE.match, lines), lines[-1] if lines else "")


def _frame(match: re.Match[str]) -> Frame | None:
    function, location = match[1], match[2]
    file, _, line = location.rpartition(":")
    if number(line) is None:
        file, line = location, ""
    if "." not in function or (" " in file and file not in _NO_PLACE):
        return None
    for _ in range(2):
        head, slash, tail = function.partition("/")
        # The class name of a lambda contains a slash: `Checkout$$Lambda$14/0x08.apply`.
        if slash and "$" not in head:
            function = tail.removeprefix("/")
    return Frame(file, number(line), function=function, in_app=not _FOREIGN.match(function))
