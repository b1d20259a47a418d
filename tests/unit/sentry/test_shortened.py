"""Lists of unusual size are shortened, and very many invalid parts cost no more than a few."""

from typing import Any

from errata.protocol.sentry import event as protocol
from errata.protocol.sentry.schema import checked


def fields_of(**sent: Any) -> dict[str, Any]:
    fields, _ = protocol.to_fields(sent, 0, None, "192.0.2.1")
    return dict(fields)


def test_the_outermost_and_the_innermost_frames_are_kept() -> None:
    frames = [{"lineno": n} for n in range(300)]
    valid, problems = checked({"exception": [{"stacktrace": {"frames": frames}}]})
    kept = [each["lineno"] for each in valid["exception"][0]["stacktrace"]["frames"]]
    assert kept == [*range(50), *range(100, 300)]
    path = "exception.0.stacktrace.frames"
    assert problems == [{"field": path, "problem": "250 of 300 entries are kept"}]


def test_the_main_exception_is_kept() -> None:
    exceptions = [{"type": f"E{n}"} for n in range(60)]
    fields = fields_of(exception={"values": exceptions})
    assert [each["type"] for each in fields["exceptions"]] == [f"E{n}" for n in range(10, 60)]
    assert fields["exception_class"] == "E59"


def test_all_stack_traces_share_a_limit() -> None:
    threads = [{"id": n, "stacktrace": {"frames": [{"lineno": 1}] * 250}} for n in range(30)]
    kept = [len(each.get("frames", ())) for each in fields_of(threads=threads)["threads"]]
    assert kept == [250] * 20 + [0] * 10


def test_tags_lines_and_fingerprints_are_shortened() -> None:
    tags = {f"t{n}": "v" for n in range(300)}
    frame = {"lineno": 1, "pre_context": ["a"] * 150 + ["b"], "post_context": ["c", *["d"] * 150]}
    valid, problems = checked(
        {"tags": tags, "stacktrace": {"frames": [frame]}, "fingerprint": ["f"] * 1_001}
    )
    assert list(valid["tags"]) == list(tags)[:200]
    (kept,) = valid["stacktrace"]["frames"]
    assert kept["pre_context"] == ["a"] * 99 + ["b"]
    assert kept["post_context"] == ["c", *["d"] * 99]
    assert valid["fingerprint"] == ["f"] * 1_000
    assert [each["field"] for each in problems] == [
        "tags",
        "fingerprint",
        "stacktrace.frames",
        "stacktrace.frames",
    ]


def test_lists_of_unexpected_values_raise_nothing() -> None:
    for name in ("exception", "threads", "stacktrace", "tags", "fingerprint"):
        for value in (None, 1, "a", [1], [[1]], {"frames": 1}, {"values": 1}, {"frames": [1]}):
            checked({name: value})
            checked({name: [{"stacktrace": value}]})


def test_very_many_invalid_parts_are_removed_without_being_named() -> None:
    frames = [{"lineno": "x", "colno": [], "function": f"f{n}"} for n in range(250)]
    sent = {
        "message": "kept",
        "release": {},
        "exception": [
            {"type": "E", "stacktrace": {"frames": frames}},
            {"type": [], "value": "v", "stacktrace": {"frames": [1, *frames]}},
        ],
        "threads": 5,
    }
    valid, problems = checked(sent)
    assert valid["message"] == "kept"
    assert (valid["release"], valid["threads"]) == (None, None)
    assert valid["exception"][0]["type"] == "E"
    assert valid["exception"][1]["type"] is None
    first, second = (each["stacktrace"]["frames"] for each in valid["exception"])
    assert [each["function"] for each in first] == [f"f{n}" for n in range(250)]
    assert second[0] is None
    assert {each["lineno"] for each in second[1:]} == {None}
    assert problems[-1] == {"field": "event", "problem": "has too many invalid parts to name all"}
    fields = fields_of(**sent)
    assert fields["exception_class"] == "Error"
    assert fields["exceptions"][0]["frames"][0] == {"function": "f0", "in_app": True}


def test_a_repeated_parameter_does_not_make_a_message_longer_than_64_kb() -> None:
    entry = {"message": "%(a)s" * 1_000, "params": {"a": "x" * 10_000}}
    assert fields_of(logentry=entry)["message"] == "x" * 65_536
    entry = {"message": "%s and %s, 100%%", "params": ["a"]}
    assert fields_of(logentry=entry)["message"] == "a and %s, 100%"


def test_long_paths_are_not_cached() -> None:
    protocol._is_foreign_path.cache_clear()
    for path in ("a" * 10_000 + "/node_modules/x.js", "app/x.js"):
        (frame,) = fields_of(stacktrace={"frames": [{"filename": path}]})["frames"]
        assert frame["in_app"] == (path == "app/x.js")
    assert protocol._is_foreign_path.cache_info().currsize == 1
