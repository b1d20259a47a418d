"""Any 1 MiB of JSON that an endpoint receives takes few steps and little memory."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from errata.errors import InvalidInputError
from errata.models.event import Event, Fields, pack
from errata.protocol import ingest, legacy, read
from errata.protocol.body import MAX_JSON_BYTES, parse_object
from tests.support.steps import MOST_BYTES, MOST_STEPS, peak_bytes, steps


def filled(start: bytes, unit: bytes, end: bytes) -> bytes:
    """Return a body of the maximum size, with as many units as fit."""
    return start + unit * ((MAX_JSON_BYTES - len(start) - len(end)) // len(unit)) + end


BODIES = {
    "empty objects": filled(b'{"message":"m","context":{"a":[0', b",{}", b"]}}"),
    "small objects": filled(b'{"message":"m","context":{"a":[0', b',{"":0}', b"]}}"),
    "depth": filled(
        b'{"message":"m","context":{"a":' + b"[" * 190 + b"1", b",1", b"]" * 190 + b"}}"
    ),
    "digits": filled(b'{"message":"m","line":', b"9", b"}"),
    "breadcrumbs": filled(b'{"message":"m","breadcrumbs":[1', b",1", b"]}"),
    "escapes": filled(b'\xef\xbb\xbf{"message":"', rb"\n", rb'\ud800"}'),
    "half characters": filled(b'{"message":"', rb"\ud800", b'"}'),
}


def parse_and_pack(parse: Callable[[Fields], Event], name: str) -> None:
    with suppress(InvalidInputError):
        stored: Any = parse({"level": "error", **parse_object(BODIES[name])})
        pack(stored)


@pytest.mark.parametrize("parse", [ingest.parse_event, legacy.parse])
@pytest.mark.parametrize("name", BODIES)
def test_a_hostile_body_takes_few_steps(parse: Callable[[Fields], Event], name: str) -> None:
    assert steps(lambda: parse_and_pack(parse, name)) < MOST_STEPS


@pytest.mark.parametrize("name", ["empty objects", "small objects"])
def test_a_hostile_body_takes_little_memory(name: str) -> None:
    assert peak_bytes(lambda: parse_and_pack(ingest.parse_event, name)) < MOST_BYTES


@pytest.mark.parametrize("name", ["since", "until", "cursor", "environment", "limit"])
@pytest.mark.parametrize("unit", ["9", " ", "1 ", "=", "\u0661", "2026-01-01T00:00:00."])
def test_a_hostile_query_takes_few_steps(name: str, unit: str) -> None:
    value = unit * (8_000 // len(unit))

    def parse() -> None:
        with suppress(InvalidInputError):
            read.parse_filters({name: value})

    assert steps(parse) < 5_000
