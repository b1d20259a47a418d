"""Fingerprint rules: set by the command, applied to new events, previewed on stored ones."""

from pathlib import Path
from typing import Any

import pytest

from errata.errors import NotFoundError, StoreError
from errata.store import event_queries
from errata.store import fingerprint_rules as store
from errata.usecases import delete_project, fingerprint_rules, projects
from errata.usecases import issues as reading
from tests.support import account, sdk, stream
from tests.support.account import Clock, Project
from tests.support.calls import recorded, throttled, watched
from tests.support.cli import deployed, done, failed, run
from tests.support.clients import ingest
from tests.support.fresh import clear_cache
from tests.support.visible import visible_in

RULES = """
# Lookups of all kinds are one issue for each host.
type:*KeyError* -> lookup, {{ tags.host }}
message:"*timed out*" -> timeouts
"""

__all__ = ["deployed"]

pytestmark = pytest.mark.usefixtures("deployed")


def error(kind: str, value: str, **fields: Any) -> dict[str, Any]:
    frames = [{"module": f"shop.{value.split()[0]}", "function": kind, "in_app": True}]
    exception = {"type": kind, "value": value, "stacktrace": {"frames": frames}}
    return sdk.event(exception={"values": [exception]}, **fields)


def send(project: Project, *events: dict[str, Any]) -> list[str]:
    """Send events. Return their fingerprints."""
    for event in events:
        assert sdk.post(project, sdk.of_event(event)).status == 200
    by_id = {each["event_id"]: each["fingerprint"] for each in stored(project)}
    return [by_id[event["event_id"]] for event in events]


def stored(project: Project) -> list[Any]:
    pages = event_queries.newest_first(project.id, "0", "g", 100)
    return [each.fields for page in pages for each in page.events]


def test_rules_group_new_events_of_sdks(busy: Project, clock: Clock) -> None:
    events = [
        error("KeyError", "lamp", tags={"host": "eu"}),
        error("MyKeyError", "chair", tags={"host": "eu"}),
        error("KeyError", "lamp", tags={"host": "us"}),
        error("IOError", "call timed out"),
        error("OSError", "read timed out after 3 s"),
        error("ValueError", "bad"),
    ]
    was = send(busy, *events)
    assert was[0] == was[2]
    assert len(set(was)) == 5
    assert fingerprint_rules.set_text(busy.id, RULES) == 2
    clear_cache()
    clock.advance(31)
    again = [{**each, "event_id": sdk.event()["event_id"]} for each in events]
    eu, other_eu, us, timeout, other_timeout, value = send(busy, *again)
    assert eu == other_eu != us
    assert timeout == other_timeout == "timeouts"
    assert value == was[5]
    clock.advance(120)
    assert stream.deliver(stream.records()) == []
    reasons = {each.grouped_by for each in reading.list_issues(visible_in(busy.id))}
    assert "the project's rule: type:*KeyError* -> lookup, {{ tags.host }}" in reasons


def test_a_rule_comes_before_the_sdk_s_fingerprint_and_may_extend_the_default(
    busy: Project,
) -> None:
    fingerprint_rules.set_text(busy.id, "logger:billing -> {{ default }}, billing")
    clear_cache()
    plain, billing = send(
        busy,
        error("KeyError", "lamp", logger="shop"),
        error("KeyError", "lamp", logger="billing", fingerprint=["mine"]),
    )
    assert plain != billing
    assert billing != "mine"


def test_rules_are_read_once_for_each_version_and_only_if_there_are_some(busy: Project) -> None:
    def reads() -> int:
        with recorded() as seen:
            send(busy, error("KeyError", "lamp"))
        return [each.parameters.get("Key", {}).get("sk") for each in seen].count({"S": "rules"})

    assert reads() == 0
    fingerprint_rules.set_text(busy.id, RULES)
    clear_cache()
    assert [reads(), reads()] == [1, 0]
    fingerprint_rules.set_text(busy.id, "type:x -> y")
    clear_cache()
    assert [reads(), reads()] == [1, 0]


def test_rules_do_not_change_the_grouping_of_the_ingest_api(busy: Project) -> None:
    before = ingest(busy, {"message": "m", "exception_class": "KeyError"})
    fingerprint_rules.set_text(busy.id, "message:m -> x")
    clear_cache()
    after = ingest(busy, {"message": "m", "exception_class": "KeyError"})
    assert (before.status, after.status) == (202, 202)
    issues_of = {each["issue"]["S"] for each in account.rows()["EVENTS_TABLE"] if "issue" in each}
    assert len(issues_of) == 1


def test_an_event_is_503_while_its_rules_cannot_be_read(busy: Project) -> None:
    fingerprint_rules.set_text(busy.id, RULES)
    clear_cache()

    def response(call: Any) -> Any:
        if call.parameters.get("Key", {}).get("sk") == {"S": "rules"}:
            raise throttled(call)
        return call.send()

    event = error("KeyError", "lamp")
    with watched(response):
        assert sdk.post(busy, sdk.of_event(event)).status == 503
    assert sdk.post(busy, sdk.of_event(event)).status == 200


def test_the_command_previews_sets_shows_and_removes(busy: Project, tmp_path: Path) -> None:
    send(busy, error("KeyError", "lamp"), error("KeyError", "chair"), error("ValueError", "bad"))
    ingest(busy)
    file = tmp_path / "rules.txt"
    file.write_text(RULES)
    output = done("rules", "preview", busy.id, str(file)).out.splitlines()
    assert output[1].split()[:2] == ["2", "type:*KeyError*"]
    assert output[2].split()[:2] == ["1", "none:"]
    assert output[-1] == "2 of the newest 3 events would get another fingerprint."
    assert done("rules", "show", busy.id).out.startswith("No rules.")
    assert done("rules", "set", busy.id, str(file)).out == "2 rules\n"
    assert done("rules", "show", busy.id).out == RULES.strip() + "\n"
    assert run("rules", "set", busy.id, "-", stdin=b"type:x -> y").out == "1 rule\n"
    assert done("rules", "show", busy.id, "--json").json["rules"] == "type:x -> y"
    entries = done("orgs", "audit", "default", "--json").json
    assert [each["action"] for each in entries] == ["fingerprint rules changed"] * 2
    assert done("rules", "remove", busy.id).out == "0 rules\n"
    assert store.find_rules(busy.id) == ("", "")
    assert projects.find(busy.id).rules == ""


def test_wrong_rules_change_nothing(busy: Project, tmp_path: Path) -> None:
    fingerprint_rules.set_text(busy.id, RULES)
    file = tmp_path / "rules.txt"
    file.write_text("type:x -> y\nnonsense\n")
    for name in ("preview", "set"):
        output = failed("rules", name, busy.id, str(file))
        assert output == "error: rules: Line 2: there is no `->` before the fingerprint.\n"
    assert "cannot be read" in failed("rules", "set", busy.id, str(tmp_path / "nothing"))
    assert failed("rules", "set", "77", str(file)).startswith("error: rules: Line 2")
    assert store.find_rules(busy.id)[1] == RULES.strip()


def test_a_deleted_project_leaves_no_rules(busy: Project) -> None:
    fingerprint_rules.set_text(busy.id, RULES)
    delete_project.delete_project(busy.id)
    assert store.find_rules(busy.id) == ("", "")
    with pytest.raises(NotFoundError):
        fingerprint_rules.set_text(busy.id, RULES)
    with pytest.raises(StoreError):
        store.save_rules(busy.id, "v", RULES)
    assert store.find_rules(busy.id) == ("", "")
