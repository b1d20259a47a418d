"""Compare an SDK's event with what is stored of it: every value is kept, or a problem names it.

`python -m tests.support.leaves FOLDER` does this for the JSON files of a folder, for example a
clone of a repository with events of other projects.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from errata.errors import InvalidInputError
from errata.models.event import Event, Fields
from errata.protocol.body import parse_object
from errata.protocol.sentry.event import to_fields

type Leaf = tuple[str, str]  # path, value

# Read into another form: the time with the client's drift, and the level's name. The fingerprint
# becomes that of the event.
_CONVERTED = {"timestamp", "level", "fingerprint", "event_id"}
_OLD = {"sentry.interfaces.Message": "logentry", "sentry.interfaces.Exception": "exception"}
# Replaced by the client's address.
_AUTO = "{{auto}}"
# A text of this length in a longer one is that value: in a JSON text, or in a list of headers.
_TELLING = 3


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Yield the path and the text of each value that is not null, a list or an object."""
    if isinstance(value, dict | list):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for name, each in entries:
            yield from leaves(each, (*path, str(name)))
    elif value is not None and value != "":
        yield ".".join(path), str(value)


def names(value: Any) -> Iterator[str]:
    """Yield the names of all fields. The first part of a pair becomes one."""
    if isinstance(value, dict | list):
        if isinstance(value, dict):
            yield from value
        for each in value.values() if isinstance(value, dict) else value:
            yield from names(each)


def lost(sent: Fields, stored: Event) -> list[Leaf]:
    """Return the values of an event that are neither stored nor named by a problem."""
    kept = {text for _, text in leaves({**stored, "problems": None})} | set(names(stored))
    long = "\n".join(text for text in kept if len(text) > _TELLING)
    noted = tuple(problem["field"] for problem in stored.get("problems") or ())
    return [
        (path, text)
        for path, text in leaves(sent)
        if text not in kept
        and path not in _CONVERTED
        and text != _AUTO
        and not path.startswith("fingerprint.")
        and not (len(text) >= _TELLING and text in long)
        and not any(_names(field, path) for field in noted)
    ]


def _names(field: str, path: str) -> bool:
    """Return whether a problem of a field is about a path. Numbers of entries do not count."""
    for old, name in _OLD.items():
        path = path.replace(old, name)
    named, parts = _words(field), _words(path)
    return parts[: len(named)] == named


def _words(path: str) -> list[str]:
    return [part for part in path.split(".") if not part.isdecimal() and part != "values"]


def main(folder: str) -> None:
    """Print the number of events, and the values that were lost."""
    events = 0
    for file in sorted(Path(folder).rglob("*.json")):
        try:
            sent = parse_object(file.read_bytes())
        except InvalidInputError as error:
            print(f"{file}: {error}")
            continue
        events += 1
        stored, _ = to_fields(json.loads(json.dumps(sent)), 0, None, "192.0.2.1")
        for path, text in lost(sent, stored):
            print(f"{file}: {path}: {text[:60]}")
        for problem in stored.get("problems") or ():
            print(f"{file}: noted: {problem['field']} {problem['problem'][:80]}")
    print(f"{events} events")


if __name__ == "__main__":
    main(sys.argv[1])
