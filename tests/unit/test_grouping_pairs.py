"""Grouping v2: pairs of events, and whether a developer would call them one issue."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from errata.grouping.v2 import Grouping, group
from errata.protocol.sentry.event import to_fields

FILE = Path(__file__).parent / "grouping_pairs.yaml"
CLASSES: dict[str, list[dict[str, Any]]] = yaml.load(
    FILE.read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader)
)
PAIRS = [pair for pairs in CLASSES.values() for pair in pairs]
NAMES = [f"{kind}: {pair['why']}" for kind, pairs in CLASSES.items() for pair in pairs]


def frame(text: str) -> dict[str, Any]:
    function, path, line, module = (*map(str.strip, text.split("|", 3)), "", "", "")[:4]
    named = {"function": function.removeprefix("~"), "filename": path, "module": module}
    known = {name: value for name, value in named.items() if value}
    return {**known, "in_app": not function.startswith("~"), "context_line": line or None}


def exception(short: dict[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in short.items() if name != "frames"}
    return {**fields, "stacktrace": {"frames": [frame(each) for each in short.get("frames", ())]}}


def sent(short: dict[str, Any]) -> dict[str, Any]:
    """Return the event as an SDK sends it."""
    event = dict(short)
    event["platform"] = event.pop("p", "other")
    single = {name: event.pop(name) for name in ("type", "value", "frames") if name in event}
    chain = event.pop("chain", [single] if single else [])
    return {**event, "exception": {"values": [exception(each) for each in chain]}}


def grouped(short: dict[str, Any]) -> Grouping:
    return group(to_fields(sent(short), 0, None, "192.0.2.1")[0])


def agrees(pair: dict[str, Any], one: Grouping, two: Grouping) -> bool:
    return (one.fingerprint == two.fingerprint) is (pair["want"] == "one")


@pytest.mark.parametrize("pair", PAIRS, ids=NAMES)
def test_a_pair_is_grouped_as_the_table_says_unless_it_is_argued(pair: dict[str, Any]) -> None:
    one, two = grouped(pair["one"]), grouped({**pair["one"], **pair["two"]})
    assert agrees(pair, one, two) is ("argued" not in pair), (
        f"{one.grouped_by!r} and {two.grouped_by!r}"
    )


def test_the_table_has_150_pairs_and_at_most_5_percent_are_argued() -> None:
    assert len(PAIRS) >= 150
    assert len(set(NAMES)) == len(NAMES)
    assert all(pair["want"] in ("one", "two") for pair in PAIRS)
    argued = [pair for pair in PAIRS if "argued" in pair]
    assert len(argued) <= len(PAIRS) * 0.05
    assert all(len(pair["argued"]) > 40 for pair in argued)
