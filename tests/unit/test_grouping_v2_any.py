"""Grouping v2 of any input: nothing raises or takes long, and variable parts do not count.

An event may contain anything: do not rely on the types of its fields here.
"""

import re
import time
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.grouping.v2 import Grouping, client, engines, group, locations, message, names, stack
from errata.grouping.v2.message import constant
from errata.models.event import Event
from tests.support import fuzz
from tests.support.cpu import cpu_s

ODD = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | fuzz.texts
ANYTHING = st.recursive(
    ODD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(fuzz.texts, inner, max_size=3)
)


def objects(**likely: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects of which each field may be absent, likely, or anything."""
    fields = {name: value | ANYTHING for name, value in likely.items()}
    return st.fixed_dictionaries({}, optional=fields)


IDS = st.integers(0, 3)
FLAGS = st.booleans()
FRAMES = st.lists(
    objects(module=fuzz.texts, filename=fuzz.texts, function=fuzz.texts, in_app=FLAGS, lineno=IDS),
    max_size=4,
)
MECHANISMS = objects(exception_id=IDS, parent_id=IDS, is_exception_group=FLAGS)
EVENTS = objects(
    platform=st.sampled_from(["python", "javascript"]),
    exceptions=st.lists(
        objects(type=fuzz.texts, value=fuzz.texts, frames=FRAMES, mechanism=MECHANISMS), max_size=4
    ),
    threads=st.lists(objects(crashed=FLAGS, current=FLAGS, frames=FRAMES), max_size=2),
    frames=FRAMES,
    message=fuzz.texts,
    logentry=objects(message=fuzz.texts, params=st.lists(ODD, max_size=2)),
    **dict.fromkeys(("exception_class", "transaction", "file", "level"), fuzz.texts),
    tags=objects(tenant=fuzz.texts),
)
VARIABLES = st.sampled_from(
    [
        "{{ default }}",
        "{{ type }}",
        "{{function}}",
        "{{ tags.tenant }}",
        "{{ message }}",
        "{{",
        "}}",
    ]
)


@fuzz.bounded(120)
@given(event=EVENTS, fingerprint=ANYTHING | st.lists(VARIABLES | ANYTHING, max_size=3))
def test_any_event_is_grouped_and_is_not_changed(event: Any, fingerprint: object) -> None:
    before = deepcopy((event, fingerprint))
    found = group(event, fingerprint)
    assert (event, fingerprint) == before
    assert found.fingerprint
    assert found.made_by == "client" or len(found.fingerprint) == 32
    assert 1 <= len(found.grouped_by) <= 500
    assert found.grouped_by.isprintable()
    # The cache of locations of other events makes no difference.
    locations._known.clear()
    assert group(event, fingerprint) == found == group(event, fingerprint)


NAMES = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
# Shorter names could be those of a minifier.
LONG_NAMES = st.from_regex(r"[a-z]{3,8}", fullmatch=True)
NUMBERS = st.integers(0, 10**9)


@fuzz.bounded(100)
@given(
    names=st.lists(st.tuples(NAMES, LONG_NAMES, FLAGS), min_size=1, max_size=8),
    platform=st.sampled_from(["python", "javascript", "go"]),
    numbers=st.lists(NUMBERS, min_size=2, max_size=2, unique=True),
)
def test_line_numbers_values_and_folders_never_change_the_group(
    names: list[tuple[str, str, bool]], platform: str, numbers: list[int]
) -> None:
    def happened(number: int) -> Grouping:
        frames = [
            {
                "filename": f"/srv/{number}/shop/{file}.js",
                "function": function,
                "in_app": in_app,
                "lineno": number,
                "colno": number,
                "context_line": f"x = {number}",
                "vars": {"x": number},
            }
            for file, function, in_app in names
        ]
        exception = {"type": "E", "value": f"no {number}", "frames": frames}
        return group({"platform": platform, "exceptions": [exception], "release": str(number)})

    assert happened(numbers[0]) == happened(numbers[1])


HEX = st.from_regex(r"[0-9a-f]{8,20}", fullmatch=True).filter(lambda text: not text.isalpha())
# `::` alone may be anything.
ADDRESSES = st.ip_addresses().filter(lambda address: any(map(str.isdigit, str(address))))
BASE32 = st.from_regex(r"[A-Z2-7]{8}", fullmatch=True)


@fuzz.bounded(80)
@given(
    name=NAMES,
    hashes=st.tuples(HEX, HEX) | st.tuples(BASE32, BASE32),
    separator=st.sampled_from(".-"),
)
def test_hashes_in_bundle_names_never_change_the_group(
    name: str, hashes: tuple[str, str], separator: str
) -> None:
    def happened(digest: str) -> Grouping:
        url = (
            f"https://{digest}.example.org/{digest}/assets/{name}{separator}{digest}.js?v={digest}"
        )
        frame = {"filename": url, "function": "pay", "in_app": True}
        return group({"platform": "javascript", "exceptions": [{"type": "E", "frames": [frame]}]})

    assert happened(hashes[0]).grouped_by == f"E in pay (assets/{name}.js)"
    assert happened(hashes[0]) == happened(hashes[1])


@fuzz.bounded(80)
@given(
    words=st.lists(NAMES, min_size=1, max_size=5),
    values=st.tuples(*[st.tuples(NUMBERS, st.uuids(), ADDRESSES, st.datetimes())] * 2),
)
def test_numbers_ids_addresses_and_times_in_a_message_never_change_its_constant_part(
    words: list[str], values: tuple[tuple[Any, ...], tuple[Any, ...]]
) -> None:
    def text_with(number: int, uuid: object, address: object, at: Any) -> str:
        known = f"{number} {uuid} {address} '{at}' {at.isoformat()} 0x{number:x}"
        return " ".join(f"{word} {known}" for word in words)

    first, second = (text_with(*each) for each in values)
    assert constant(first) == constant(second)
    assert constant(first).split()[0] == words[0]


HOSTILE = "'\"`“„«-_.@:/\\{%~ 1a$\n"


@pytest.mark.parametrize(
    "unit", [*HOSTILE, "'\\", "b'1,", "a@a.", "1:", "f::", "{{ a", "a.a ", "0-_"]
)
def test_a_hostile_megabyte_is_grouped_quickly(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    short = (unit * 300)[:300]
    frames = [
        {"filename": f"{short}{n}.js", "function": f"{short}{n}", "in_app": True}
        for n in range(1_000)
    ]
    many = [
        {"type": short, "value": short * 8, "mechanism": {"exception_id": n}} for n in range(300)
    ]
    events: list[Event] = [
        {"message": text},
        {"platform": "javascript", "exceptions": [{"type": text, "value": text, "frames": frames}]},
        {"exceptions": many},
        {"logentry": {"message": text, "params": [1]}, "transaction": text},
    ]
    started = time.process_time()
    for event in events:
        group(event)
    group(events[0], [text, "{{ default }}", text])
    assert time.process_time() - started < 3


# For each rule, a text that nearly matches it again and again.
NEAR = [
    *(
        "status ",
        "exit code ",
        "code=",
        "Errno [",
        "error #",
        "response_code: x",
        "HTTP x",
        "404:x",
    ),
    *(
        'table "',
        "module named '",
        'msg="\\"',
        'msg="',
        "event=",
        "/home/",
        "C:\\Users\\",
        "/Users/",
    ),
    *("eyJ", "eyJhbGci.", "eyJhbGci", "aA1+/", "aA1", "A1=", "a1b", "abcdef1", "word ", "Mon "),
    *("a://", "a@b.", "12:12", "1.2.3.4.", "0x", "1h30", "x@x.x@", "class@anonymous", "{closure:"),
    *(
        "__1_1",
        "_1",
        "CGLIB$$a",
        "$HibernateProxy$",
        "_$$_jvst",
        "jdk.proxy",
        "lambda$a",
        "lambda$",
    ),
    *(
        "access$",
        "Script1",
        "@1#",
        "<lambda_1",
        ".func1.",
        "_closure",
        "|1_1",
        "[...",
        "[go.shape.",
    ),
    *("[go.shape.[]", ".cold.1", ".isra", "Cs123456_", "Container", "Proxies\\__CG__", "Ghost1a"),
    *("h1a2b3c4d", "-12345", "1.2.3-beta.", "@v18", "a1b2c3d4-", "-a1b2c3d4.js", "_MEI", "views/"),
    *(
        "ipython-input-1",
        "twig/3f/",
        "Cannot read property 'a",
        "can't access property \"",
        "a is ",
    ),
    *("undefined is not an object (evaluating '", "a.a is not a function", "Unexpected ", "async*"),
    *(
        "Loading chunk ",
        "Failed to fetch ",
        "async ",
        "a/",
        "a [as ",
        "a (index ",
        " in #.",
        "%(a",
        "{a",
    ),
    *('{"a":', '{"msg":"a', "[{", "http://a/", "http://a.js?", "https://a#"),
]


def rules(near: str) -> list[Event]:
    """Return events that have a text in each field that the rules read."""
    frame = dict.fromkeys(("function", "filename", "module", "context_line"), near)
    frames: list[dict[str, Any]] = [{**frame, "in_app": True}, {"filename": near, "in_app": True}]
    events: list[Event] = [
        {"platform": platform, "exceptions": [{"type": "Error", "value": near, "frames": [each]}]}
        for platform in ("javascript", "ruby", "php")
        for each in frames
    ]
    logged: Event = {"message": near, "logger": near, "logentry": {"message": near, "params": [1]}}
    typed: Event = {"exceptions": [{"type": near, "value": near}], "transaction": near}
    return [*events, logged, typed, {"file": near}]


@pytest.mark.parametrize("near", NEAR)
def test_a_megabyte_that_nearly_matches_a_rule_is_grouped_quickly(near: str) -> None:
    text = near * (1_000_000 // len(near))
    events = rules(text)
    assert cpu_s(lambda: [group(event) for event in events], 1) < 1


def test_no_rule_takes_more_than_linear_time() -> None:
    """Texts are cut before most rules read them. None would be slow without that, either."""
    patterns = {
        value
        for module in (names, engines, message, stack, client)
        for value in vars(module).values()
        if isinstance(value, re.Pattern)
    }
    # These only read the start of a text.
    anchored = {written for written, _ in engines._SAME}
    anchored |= {names._SCHEME, engines._CALL, engines._RECURSION}
    searching = (patterns | {message._compiled()}) - anchored
    assert len(searching) > 10
    reads: list[Callable[[str], object]] = [
        *(partial(pattern.sub, "") for pattern in searching),
        *(pattern.match for pattern in anchored),
    ]
    for near in NEAR:
        text = near * (10_000 // len(near))
        # A quadratic rule takes a quarter of a second for one text, and those here a hundredth.
        for read in reads:
            assert cpu_s(partial(read, text), 0.1) < 0.1, (near, read)


# With `NEAR`, one for each thing that an alternative starts with.
STARTS = [
    *("gowrap1", "deferwrap1", "-range1", "block_invoke1", "-fun-1", "Accessor1", "$Proxy1"),
    *("DisplayClass1", ">b__1", "lambda_method1", "anonfun$a$1", "lambda$a$1", "$r8$lambda$a"),
    *(
        "SyntheticLambda1",
        "[clone .isra.0]",
        "Proxy_1",
        "com.sun.proxy.$Proxy",
        "jdk.proxy1.$Proxy",
    ),
    *(
        ".constprop.0",
        ".part.1",
        ".lto_priv.2",
        ".llvm.3",
        "Container1234567\\",
        "GhostEbeb667",
        "ContainerAbcDefg",
    ),
    *("_closure1", "<lambda_ab>", "h3f2a1bc9d8", "0x1f", "CGLIB$$3f2a", "__1_2", "Cs123456_1a"),
    *("3f2a1bc9", "3f2a1bc", "abcdefab-abcd-abcd-abcd-abcdefabcdef", "v1.2", "@18", ":12", "12345"),
    *("BxKT9a_q.js", "AB12CD34.js", "a1b2c3d4.mjs", "f32a1b._.js", "ipykernel_1", "_MEIx"),
    *(
        "status 404",
        "Errno 2",
        "error 404",
        "got 404",
        "404 N",
        "key 'a'",
        'table "a"',
        "\u017ftatus 5",
    ),
    *(
        "\u212aey 'a'",
        "\u0131ndex 'a'",
        "'a'",
        '"a"',
        "`a`",
        "b'a'",
        '\\"a\\"',
        "\u2018a\u2019",
        "“a”",
    ),
    *("jo@b.org", ".a@b.org", "/home/a", "C:\\Users\\a", "aa:bb:cc:dd:ee:ff", "::1", "10:00:00"),
    *(
        "Mon, 5 Jan",
        "1,2",
        "-5",
        "\u22125",
        "12ms",
        "a1b2",
        "é",
        "Ж",
        " ",
        "  ",
        "\n",
        "(",
        "x",
        "_",
    ),
]


def test_skip_patterns_do_not_change_what_a_rule_matches() -> None:
    """The skip patterns make a rule faster. They must not change what it matches."""
    ours = (names._SKIP, names._GENERATED), (names._START, names._VOLATILE)
    pairs = [(each, re.compile(each.pattern.removeprefix(skip), each.flags)) for skip, each in ours]
    placeholders = message._compiled()
    without = message._PATTERN.removeprefix(message._SKIP)
    assert all(some.pattern != all_.pattern for some, all_ in pairs)
    assert without != message._PATTERN
    everywhere = re.compile(without, placeholders.flags)
    for before, start, after in product(
        ("", "a_", "a.", *"a1_éC .-/:'"), NEAR + STARTS, ("", "a1", " x")
    ):
        text = f"{before}{start}{after}"
        for some, all_ in pairs:
            assert some.sub("|", text) == all_.sub("|", text), text
        read = placeholders.sub(message._placeholder, text)
        assert read == everywhere.sub(message._placeholder, text), text
        assert not message._PLAIN.fullmatch(text) or read == text, text
        assert not names._PLAIN.fullmatch(text) or names._VOLATILE.sub("", text) == text, text


def test_the_location_cache_has_at_most_2048_entries_and_no_long_ones() -> None:
    def frames(start: int, function: Callable[[int], str]) -> list[dict[str, Any]]:
        return [{"function": function(n), "in_app": True} for n in range(start, start + 50)]

    for start in range(0, 10_000, 50):
        group({"frames": frames(start, lambda n: f"f{n}x")})
        assert len(locations._known) <= 2_048
    locations._known.clear()
    group({"frames": frames(0, lambda n: f"{n}" * 9_000)})
    assert not locations._known
