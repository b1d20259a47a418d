"""Values of variables whose texts are expressions.

Python's SDK sends the `repr` of each value, also of those within lists and dictionaries. A text
within one, such as `'AUTUMN'`, has its quotes already.
"""

from collections.abc import Iterator
from typing import Any


def expression(value: Any, most: int) -> str:
    """Return a value as `{code: 'AUTUMN', prices: [1, 2]}`. Stop at the part that exceeds `most`.

    Keys have no quotes: the SDK sends the `str` of each.
    """
    parts, size = [], 0
    for part in _parts(value):
        parts.append(part)
        size += len(part)
        if size > most:
            break
    return "".join(parts)


def _parts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield "{"
        for n, (name, each) in enumerate(value.items()):
            yield f"{', ' if n else ''}{name}: "
            yield from _parts(each)
        yield "}"
    elif isinstance(value, list):
        yield "["
        for n, each in enumerate(value):
            yield ", " if n else ""
            yield from _parts(each)
        yield "]"
    else:
        yield str(value)
