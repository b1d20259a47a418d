"""`errata events` and `errata send`."""

import base64
import gzip
import json
import random
import uuid
from pathlib import Path
from typing import Any

import pytest

from errata.models.event import SDK_FIELDS
from errata.protocol.body import MAX_JSON_BYTES
from tests.support import clients, sdk, sdk_events, stream
from tests.support.account import Clock, Project
from tests.support.cli import done, failed, run

pytestmark = pytest.mark.usefixtures("deployed")


def listed(project: Project, *options: str) -> list[str]:
    """The messages of the events that the command lists."""
    page = done("events", "list", project.id, "--json", *options).json
    return [event["message"] for event in page["data"]]


# ------------------------------------------------------------------ list and show


def test_the_listed_events_are_those_of_the_api(busy: Project, clock: Clock) -> None:
    for number in range(3):
        clients.ingest(busy, {"message": f"boom {number}", "user": {"id": number}})
        clock.advance(1)
    page = done("events", "list", busy.id, "--json").json
    assert page == clients.read(busy).json
    assert [event["message"] for event in page["data"]] == ["boom 2", "boom 1", "boom 0"]


def test_the_options_filter_events_like_the_api(busy: Project, clock: Clock) -> None:
    clock.ns = 1_795_000_000 * 10**9  # 2026-11-18T11:06:40Z
    clients.ingest(busy, {"message": "old", "fingerprint": "f"})
    clock.advance(3600)
    clients.ingest(busy, {"message": "new", "environment": "production", "level": "info"})
    clients.ingest(busy, {"message": "released", "release": "1.0"})
    assert listed(busy, "--environment", "production") == ["new"]
    assert listed(busy, "--release", "1.0") == ["released"]
    assert listed(busy, "--level", "info") == ["new"]
    assert listed(busy, "--fingerprint", "f") == ["old"]
    assert listed(busy, "--until", "2026-11-18T12:00:00Z") == ["old"]
    assert set(listed(busy, "--since", "2026-11-18T13:00+01:00")) == {"new", "released"}


def test_cursors_lead_through_all_pages(busy: Project, clock: Clock) -> None:
    for number in range(5):
        clients.ingest(busy, {"message": str(number)})
        clock.advance(1)
    seen: list[str] = []
    cursor: tuple[str, ...] = ()
    while True:
        page = done("events", "list", busy.id, "--json", "--limit", "2", *cursor).json
        seen += [event["message"] for event in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = ("--cursor", page["next_cursor"])
    assert seen == ["4", "3", "2", "1", "0"]
    hint = done("events", "list", busy.id, "--limit", "2").out.splitlines()[-1]
    assert hint.startswith("For the next page, add --cursor ")
    assert listed(busy, "--limit", "2", "--cursor", hint.split()[-1]) == ["2", "1"]


def test_all_fields_of_an_event_of_an_sdk_are_shown(busy: Project) -> None:
    (event_id,) = sdk_events.put(busy, sdk_events.PYTHON)
    event = done("events", "show", busy.id, event_id, "--json").json
    assert event == clients.read(busy).json["data"][0]
    assert (
        event.items()
        >= {name: sdk_events.PYTHON[name] for name in SDK_FIELDS if name in event}.items()
    )
    output = done("events", "show", busy.id, event_id).out
    assert "\nVoucherError: no voucher applies\n  shop/cart.py:28  in apply\n" in output
    assert "\ncaused by  KeyError: 'chair'\n" in output
    assert 'payment.provider": "twint"' in output
    assert "transaction      checkout\n" in output


def test_the_command_shows_an_event_by_either_id(busy: Project) -> None:
    sdk_id = sdk.capture(busy)
    (event,) = clients.events(busy)
    for form in (sdk_id, str(uuid.UUID(sdk_id)), event["id"]):
        assert done("events", "show", busy.id, form, "--json").json == event
    assert failed("events", "show", busy.id, "0" * 32) == (
        f"error: Project {busy.id} has no event {'0' * 32}. It may have expired.\n"
    )
    # The newest one of an issue, by the issue's short id; and the issue by the SDK's id.
    assert stream.deliver(stream.records()) == []
    assert done("events", "show", busy.id, "shop-1", "--json").json == event
    shown = done("issues", "show", busy.id, sdk_id, "--json").json
    assert shown["newest_event"]["id"] == event["id"]
    assert failed("events", "show", busy.id, "SHOP-2") == "error: Project 1 has no issue SHOP-2.\n"


def test_each_bad_filter_is_named(project: Project) -> None:
    output = failed(
        "events",
        "list",
        project.id,
        "--level",
        "fatal",
        "--since",
        "yesterday",
        "--limit",
        "500",
        "--cursor",
        "x",
        "--release",
        "",
    )
    assert output == (
        "error: release: The release filter must not be empty.\n"
        "error: level: The level filter must be error, warning, info or debug.\n"
        "error: since: The since filter must be a date and time in ISO 8601.\n"
        "error: limit: The limit must be a number from 1 to 100.\n"
        "error: cursor: The cursor is invalid. Use the next_cursor of a response.\n"
    )


def test_events_are_printed_as_a_table(busy: Project) -> None:
    fields = {"exception_class": "E", "message": "boom\nmore", "environment": "prod"}
    event_id = clients.ingest(busy, fields).json["id"]
    heading, row = done("events", "list", busy.id).out.splitlines()
    assert heading.split()[:4] == ["RECEIVED", "(UTC)", "LEVEL", "ENVIRONMENT"]
    assert row.split()[2:] == ["error", "prod", "E:", "boom", event_id]
    assert done("events", "list", busy.id, "--level", "info").out == "No events.\n"


def test_a_page_without_a_match_has_a_cursor_for_the_next_page(busy: Project, clock: Clock) -> None:
    noise = base64.b64encode(random.Random(1).randbytes(300_000)).decode()
    stream.put(stream.event(busy.id, clock.ms - n, stack_trace=noise) for n in range(36))
    output = done("events", "list", busy.id, "--release", "1.0").out.splitlines()
    assert output[0] == "No events on this page."
    cursor = output[1].split()[-1]
    rest = done("events", "list", busy.id, "--release", "1.0", "--cursor", cursor).out
    assert rest == "No events.\n"


def test_all_fields_of_an_event_are_shown(busy: Project) -> None:
    sent: dict[str, Any] = {
        "message": "boom",
        "file": "a.py",
        "line": 0,
        "context": {"cart": [1, 2]},
        "user": {"id": 3},
        "stack_trace": "first\n\tsecond",
        "breadcrumbs": [{"category": "ui", "message": "click", "level": "info"}],
        "source_map": "e30=",
    }
    event_id = clients.ingest(busy, sent).json["id"]
    (expected,) = clients.read(busy).json["data"]
    assert done("events", "show", busy.id, event_id, "--json").json == expected
    assert done("events", "show", busy.id, event_id.upper(), "--json").json == expected
    output = done("events", "show", busy.id, event_id).out
    assert output.endswith(
        "\nbreadcrumbs\n"
        "  info  ui  click\n"
        "\ncontext\n"
        '  {\n    "cart": [\n      1,\n      2\n    ],\n    "user": {\n      "id": 3\n    }\n  }\n'
        "\nstack trace\n"
        "  first\n"
        "      second\n"
        "\nsource map\n"
        "  4 characters, shown with --json\n"
    )
    assert "line         0\n" in output


@pytest.mark.parametrize("id", ["019aa9d2-7c1e-7a4b-8f3e-1c2d3e4f5a6b", "abc", "", "state#clear"])
def test_an_unknown_event_is_an_error(project: Project, id: str) -> None:
    output = failed("events", "show", project.id, id)
    assert output == f"error: Project {project.id} has no event {id}. It may have expired.\n"


def test_control_characters_in_an_event_do_not_reach_the_terminal(busy: Project) -> None:
    evil = "\x1b]8;;http://evil\x07[link]\x9b2J\u202e\x7f\r"
    texts = ["message", "exception_class", "file", "stack_trace", "minified_stack", "url"]
    texts += ["environment", "release", "server_name", "fingerprint"]
    crumb = dict.fromkeys(("type", "category", "message", "level", "timestamp"), evil)
    sent: dict[str, Any] = dict.fromkeys(texts, evil) | {
        "context": {evil: [evil]},
        "breadcrumbs": [crumb | {"data": {evil: evil}}],
        "user": {"id": evil},
    }
    event_id = clients.ingest(busy, sent).json["id"]
    for line in (["events", "list", busy.id], ["events", "show", busy.id, event_id]):
        people, programs = done(*line).out, done(*line, "--json").out
        assert not set("\x1b\x07\x9b\u202e\x7f\r") & set(people + programs)
        assert programs.isascii()
        assert r"\x1b]8;;http://evil\x07[link]\x9b2J\u202e\x7f" in people
        found = json.loads(programs)
        assert found.get("data", [found])[0]["stack_trace"] == evil


# ------------------------------------------------------------------ send


def test_send_stores_an_event_with_the_fields_of_its_options(project: Project) -> None:
    output = done(
        "send",
        project.id,
        "--message",
        "boom",
        "--level",
        "warning",
        "--release",
        "1.0",
        "--environment",
        "prod",
        "--exception-class",
        "E",
        "--server-name",
        "web-1",
        "--url",
        "https://shop.example/cart",
        "--fingerprint",
        "mine",
    ).out
    (event,) = clients.read(project).json["data"]
    assert output == event["id"] + "\n"
    for field, value in {
        "message": "boom",
        "level": "warning",
        "release": "1.0",
        "environment": "prod",
        "exception_class": "E",
        "server_name": "web-1",
        "url": "https://shop.example/cart",
        "fingerprint": "mine",
    }.items():
        assert event[field] == value
    assert stream.deliver(stream.records()) == []
    (issue,) = done("issues", "list", project.id, "--json").json
    assert issue["fingerprint"] == "mine"


def test_the_id_of_a_sent_event_is_printed_as_json(project: Project) -> None:
    response = done("send", project.id, "--message", "boom", "--json").json
    assert response == {"id": clients.read(project).json["data"][0]["id"]}


def test_an_event_is_read_from_a_file_and_options_override_it(
    project: Project, tmp_path: Path
) -> None:
    file = tmp_path / "event.json"
    event = {"message": "from file", "level": "info", "context": {"a": 1}, "unknown": True}
    file.write_text(json.dumps(event))
    done("send", project.id, "--file", str(file), "--level", "debug")
    (kept,) = clients.read(project).json["data"]
    assert (kept["message"], kept["level"], kept["context"]) == ("from file", "debug", {"a": 1})


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_an_event_is_read_from_stdin(project: Project, pack: Any) -> None:
    done("send", project.id, "--file", "-", stdin=pack(b'{"message": "piped"}'))
    assert listed(project) == ["piped"]


def test_each_bad_field_is_named(project: Project) -> None:
    assert failed("send", project.id) == (
        "error: message: One of message and exception_class is required.\n"
        "error: exception_class: One of message and exception_class is required.\n"
    )
    bad = json.dumps({"message": 1, "line": "x", "breadcrumbs": [{"data": 1}]}).encode()
    output = failed("send", project.id, "--file", "-", "--level", "fatal", stdin=bad)
    assert output == (
        "error: message: The message field must be a string.\n"
        "error: level: The level field must be error, warning, info or debug.\n"
        "error: line: The line field must be an integer.\n"
        "error: breadcrumbs.0.data: The breadcrumbs.0.data field must be an object.\n"
    )
    assert listed(project) == []


@pytest.mark.parametrize(
    ("content", "output"),
    [
        (b"", "error: body: The body is not valid JSON"),
        (b"{", "error: body: The body is not valid JSON"),
        (b"[1]", "error: body: The body must be a JSON object."),
        (b"\x1f\x8b broken", "error: body: The compressed body is broken or cut short."),
        (b" " * (MAX_JSON_BYTES + 1), "error: The body is larger than 1048576 bytes."),
    ],
)
def test_a_file_that_is_not_an_event_is_refused(
    project: Project, content: bytes, output: str
) -> None:
    assert failed("send", project.id, "--file", "-", stdin=content).startswith(output)


def test_a_file_that_cannot_be_read_is_an_error(project: Project, tmp_path: Path) -> None:
    missing = tmp_path / "no.json"
    output = failed("send", project.id, "--file", str(missing))
    assert output == f"error: Cannot read {missing}: No such file or directory.\n"
    assert failed("send", project.id, "--file", str(tmp_path)).endswith(": Is a directory.\n")


def test_operators_are_not_rate_limited(project: Project) -> None:
    done("projects", "set", project.id, "--rate-limit", "1")
    for number in range(3):
        done("send", project.id, "--message", str(number))
    assert len(listed(project)) == 3


def test_a_missing_argument_is_a_usage_error(project: Project) -> None:
    assert run("send", "--message", "boom").code == 2
