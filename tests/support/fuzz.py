"""Generate client input: JSON of every kind and size, broken JSON, and other bytes.

`tests/conftest.py` says when the generated examples are the same in each run.
"""

import gzip
import json
import os
import zlib
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from errata.protocol.ingest import FIELDS

_TIMES = int(os.environ.get("ERRATA_FUZZ", "1"))


def bounded(examples: int) -> settings:
    """Return settings that make so many examples, and times `ERRATA_FUZZ` if that is set."""
    return settings(
        max_examples=examples * _TIMES,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def _nested(depth: int) -> str:
    return "[" * depth + "]" * depth


# Including lone surrogates and NUL. JSON writes them as escapes.
texts = st.text(st.characters(codec=None, exclude_categories=())) | st.sampled_from(
    ["", "\x00", "\ud800", "\udc00x", "x" * 9_000, "\U0001f525" * 3_000, "\u2028", "\\ud800"]
)

# Texts of JSON values, and some that are no JSON.
_odd = st.sampled_from(
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "-1e999",
        "1e-999",
        "-0",
        "-0.0",
        "1E400",
        "9" * 30,
        "9" * 4_300,
        "9" * 4_301,
        "0." + "1" * 5_000,
        "0x10",
        "01",
        "+1",
        ".5",
        "1.",
        '"\\ud800"',
        '"\\udfff\\ud800"',
        '"\\u0000"',
        '"\\x"',
        '"\n"',
        '"',
        "tru",
        "nul",
        "'a'",
        _nested(50),
        _nested(198),
        _nested(199),
        _nested(200),
        _nested(5_000),
        "[" * 5_000,
        '{"a":' * 150 + "1" + "}" * 150,
        "{}",
        "[]",
        "[1,]",
        '{"a":1,}',
        '{"a":1,"a":2}',
        "{1:2}",
        "/* */",
        "undefined",
    ]
)
_scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
_values: SearchStrategy[Any] = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
values = _values.map(json.dumps) | _odd

_likely = st.sampled_from(
    [
        '"boom"',
        '"error"',
        '"info"',
        "42",
        "0",
        '"42"',
        "3.0",
        "true",
        "null",
        '""',
        '"2026-11-22T10:00:00Z"',
        '"2026-11-22"',
        '"https://h/app.js.map"',
        '"1.0"',
        '{"user":{"id":1}}',
        '{"id":7,"email":"a@b"}',
        '[{"data":{}}]',
        '[{"message":"m"}]',
        json.dumps([{"message": str(n)} for n in range(51)]),
    ]
)


def objects(*names: str) -> SearchStrategy[bytes]:
    """Generate texts of JSON objects with these fields and others, some of them twice."""
    known = st.sampled_from([json.dumps(name) for name in names])
    pairs = st.tuples(known | known | texts.map(json.dumps), _likely | values)
    members = st.lists(pairs.map(":".join), max_size=6)
    return members.map(lambda each: ("{" + ",".join(each) + "}").encode())


# Mostly with a message. If a name is repeated, the last value counts.
ingests = objects(*FIELDS, "api_key").map(lambda body: body.replace(b"{", b'{"message":"m",', 1))
legacies = objects("level", "message", "file", "line", "hostname", "request")
requests = objects("method", "url", "get", "post")


def _broken(packed: bytes, at: int, byte: int) -> bytes:
    at %= len(packed)
    return packed[:at] + bytes([byte]) + packed[at + 1 :]


_anything = st.binary(max_size=300) | values.map(str.encode) | ingests
_packed = _anything.map(gzip.compress) | _anything.map(zlib.compress)
bodies = (
    _anything
    | _packed
    | st.builds(_broken, _packed, st.integers(0), st.integers(0, 255))
    | st.builds(lambda body, end: body[:-end], _packed, st.integers(1, 12))
    | st.binary(max_size=50).map(lambda tail: b"\x1f\x8b\x08" + tail)
    | st.binary(max_size=50).map(lambda tail: b"x\x9c" + tail)
)
codings = st.sampled_from(
    ["", "gzip", "deflate", "br", "identity", "gzip, gzip", "DEFLATE", "\x00"]
)
