"""Settings of scrubbing: which ones apply, how they are read and set, and what a preview says."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from errata.errors import NotFoundError, StoreError
from errata.models import sketch
from errata.store import scrubbing_rules as store
from errata.usecases import (
    access,
    delete_project,
    issues,
    organizations,
    projects,
    scrubbing_rules,
    unclaimed,
)
from errata.usecases.scrubbing_rules import Row
from tests.support import sdk, stream
from tests.support.account import Clock, Project, new_project
from tests.support.calls import recorded, throttled, watched
from tests.support.cli import deployed, done, failed, run
from tests.support.clients import capture, events, ingest, kept
from tests.support.fresh import clear_cache
from tests.support.visible import visible_in

__all__ = ["deployed"]

pytestmark = pytest.mark.usefixtures("deployed")

RULES = "name: badge\npattern: EMP-[0-9]+"
MESSAGE = "EMP-12 of 192.0.2.7 has badge=34&pin=56"
SEND: dict[str, Callable[[Project], int]] = {
    "sdk": lambda project: sdk.post(project, sdk.of_event(sdk.event())).status,
    "security": lambda project: (
        sdk.post(
            project, b'{"csp-report": {"document-uri": "https://example.com"}}', "security/"
        ).status
    ),
    "ingest": lambda project: ingest(project).status,
    "legacy": lambda project: capture(project, message="m").status,
}


def message(project: Project, sent: str = MESSAGE) -> Any:
    """Return a message as it is stored."""
    clear_cache()
    return kept(project, {"message": sent})["message"]


# ------------------------------------------------------------------ which settings apply


def test_the_rules_of_a_project_and_of_its_organization_are_combined(busy: Project) -> None:
    scrubbing_rules.set_of_organization("default", "name: badge\nip-addresses: on")
    assert message(busy) == "EMP-12 of [Filtered] has badge=[Filtered]&pin=56"
    scrubbing_rules.set_of_project(busy.id, "pattern: EMP-[0-9]+\nname: pin")
    assert message(busy) == "[Filtered] of [Filtered] has badge=[Filtered]&pin=[Filtered]"
    assert message(new_project()) == "EMP-12 of [Filtered] has badge=[Filtered]&pin=56"
    scrubbing_rules.set_of_organization("default", "")
    assert message(busy) == "[Filtered] of 192.0.2.7 has badge=34&pin=[Filtered]"
    scrubbing_rules.set_of_project(busy.id, "# nothing")
    assert message(busy) == MESSAGE
    assert projects.find(busy.id).scrub_rules == organizations.find("default").scrub_rules == ""


def test_a_project_uses_the_settings_of_its_organization_or_its_own(
    busy: Project, clock: Clock
) -> None:
    secret = "token=abc"
    organizations.change_scrubbing("default", False, None)
    assert message(busy, secret) == secret
    projects.change_scrubbing(busy.id, True, None)
    assert message(busy, secret) == "token=[Filtered]"
    organizations.change_scrubbing("default", True, False)
    assert message(busy, secret) == secret
    clock.advance(1)
    sdk.capture(busy, exception=None, message=secret)
    assert events(busy)[0]["message"] == "token=[Filtered]"
    projects.change_scrubbing(busy.id, False, True)
    assert message(busy, secret) == secret
    projects.change_scrubbing(busy.id, "default", "default")
    organizations.change_scrubbing("default", "default", "default")
    assert message(busy, secret) == "token=[Filtered]"


def test_an_unclaimed_project_uses_the_rules_of_the_default_organization(busy: Project) -> None:
    scrubbing_rules.set_of_organization("default", RULES)
    assert capture(Project("", "9" * 32), message="EMP-1").status == 200
    (project,) = projects.list_unclaimed()
    found = Project(project.id, "9" * 32)
    assert events(found)[0]["message"] == "[Filtered]"
    unclaimed.adopt(project.id, organizations.create("Acme").id)
    assert message(found) == MESSAGE


def test_rules_are_applied_before_events_of_sdks_are_grouped(busy: Project, clock: Clock) -> None:
    scrubbing_rules.set_of_project(busy.id, RULES)
    for number in (1, 2):
        sdk.capture(busy, exception=None, message=f"EMP-{number} is unknown, says EMP-{number}")
        clock.advance(1)
        kept(busy, {"message": f"badge=x{number}"})
        clock.advance(1)
    of_ingest, of_sdk = events(busy)[:4:2], events(busy)[1:4:2]
    assert len({each["issue_id"] for each in of_sdk}) == 1
    assert len({each["issue_id"] for each in of_ingest}) == 2


def test_the_address_of_the_client_is_not_added_if_addresses_are_replaced(
    busy: Project, clock: Clock
) -> None:
    asking = {"sdk": {"settings": {"infer_ip": "auto"}}, "user": {"username": "ada"}}
    sdk.capture(busy, **asking)
    assert "ip_address" in events(busy)[0]["context"]["user"]
    scrubbing_rules.set_of_project(busy.id, "ip-addresses: on")
    clear_cache()
    for user in ({"username": "ada"}, {"ip_address": "{{auto}}"}, {"ip_address": "{{auto}}"}):
        clock.advance(1)
        sdk.capture(busy, **{**asking, "user": user})
        assert events(busy)[0]["context"]["user"]["ip_address"] == "[Filtered]"
    assert stream.deliver(stream.records()) == []
    # A replaced address does not count as a user.
    (issue,) = issues.list_issues(visible_in(busy.id))
    assert sketch.estimate(issue.users) == 1


# ------------------------------------------------------------------ how rules are read


@pytest.mark.parametrize("endpoint", SEND)
def test_rules_are_read_once_for_each_version_and_only_if_there_are_some(
    busy: Project, endpoint: str, clock: Clock
) -> None:
    def reads() -> int:
        clock.advance(60)
        access.clear_cache()
        with recorded() as seen:
            assert SEND[endpoint](busy) in (200, 202)
        return [each.parameters.get("Key", {}).get("sk") for each in seen].count({"S": "scrubbing"})

    assert reads() == 0
    scrubbing_rules.set_of_organization("default", RULES)
    assert [reads(), reads()] == [1, 0]
    scrubbing_rules.set_of_project(busy.id, "name: pin")
    assert [reads(), reads()] == [1, 0]
    scrubbing_rules.set_of_organization("default", "name: pin")
    assert [reads(), reads()] == [1, 0]


@pytest.mark.parametrize("endpoint", SEND)
def test_an_event_is_503_while_its_rules_cannot_be_read(busy: Project, endpoint: str) -> None:
    scrubbing_rules.set_of_project(busy.id, RULES)

    def response(call: Any) -> Any:
        if call.parameters.get("Key", {}).get("sk") == {"S": "scrubbing"}:
            raise throttled(call)
        return call.send()

    clear_cache()
    with watched(response):
        assert SEND[endpoint](busy) == 503
    # A release after this one has saved what this one does not understand.
    store.save_of_project(busy.id, "later", "phone-numbers: on")
    clear_cache()
    assert SEND[endpoint](busy) == 503
    scrubbing_rules.set_of_project(busy.id, RULES)
    clear_cache()
    assert SEND[endpoint](busy) in (200, 202)
    assert len(events(busy)) == 1


def test_functions_understand_authorizers_of_the_release_before_and_after(
    busy: Project, clock: Clock
) -> None:
    scrubbing_rules.set_of_project(busy.id, RULES)
    organizations.change_scrubbing("default", False, None)
    opened = access.find(busy.key, clock.ms)
    context = access.to_context(busy.key, opened, "192.0.2.1")
    mine = access.from_context(context)
    assert opened.access
    assert (mine.scrub, mine.scrub_rules) == (False, opened.access.scrub_rules)
    assert mine.scrub_rules.startswith("/")
    grant = json.loads(context["grant"])
    later = access.from_context({**context, "grant": json.dumps({**grant, "new": 1})})
    assert later == mine
    del grant["scrub_rules"], grant["scrub"]
    before = access.from_context({**context, "grant": json.dumps(grant)})
    assert (before.scrub, before.scrub_rules) == (True, "")


def test_a_deleted_project_leaves_no_rules(busy: Project) -> None:
    scrubbing_rules.set_of_project(busy.id, RULES)
    delete_project.delete_project(busy.id)
    owner = store.of_project(busy.id)
    with pytest.raises(NotFoundError):
        scrubbing_rules.set_of_project(busy.id, RULES)
    with pytest.raises(StoreError):
        store.save_of_project(busy.id, "v", RULES)
    assert store.find_rules(owner) == ("", "")


# ------------------------------------------------------------------ preview


def test_a_preview_names_paths_and_no_values(busy: Project) -> None:
    scrubbing_rules.set_of_organization("default", "name: pin")
    frame = {"filename": "a.py", "vars": {"badge": "hush-1", "token": "hush-2"}}
    exception = {"type": "E", "value": "v", "stacktrace": {"frames": [frame, frame]}}
    extra = {"a": {"session_token": "hush-3", "pin": 1234}, "text": "EMP-77"}
    for _ in range(2):
        sdk.capture(busy, exception={"values": [exception]}, extra=extra, user={"email": "x"})
    kept(busy, {"message": "m", "context": {"badge": "hush-4", "request": {"token": "hush-5"}}})
    rules = RULES + "\nexempt: extra.*.session_token\nexempt: **.vars.token\nemail-addresses: on"
    project = projects.find(busy.id)
    preview = scrubbing_rules.preview
    found = preview(project, visible_in(busy.id), rules, of_organization=False)
    frames = "exception.values.*.stacktrace.frames.*.vars"
    assert found.events == 3
    assert found.rows == [
        Row(f"{frames}.badge", "own-name", 2, stays=False),
        Row(f"{frames}.token", "name", 2, stays=True),
        Row("extra.a.session_token", "name", 2, stays=True),
        Row("extra.text", "own-pattern", 2, stays=False),
        Row("user.email", "email-address", 2, stays=False),
        Row("context.badge", "own-name", 1, stays=False),
    ]
    assert projects.find(busy.id) == project
    both = preview(project, visible_in(busy.id), "name: pin", of_organization=False)
    assert both.rows == []
    organizations.change_scrubbing("default", None, False)
    found = preview(project, visible_in(busy.id), "name: badge", of_organization=True)
    assert found.rows == [Row(f"{frames}.badge", "own-name", 2, stays=False)]


# ------------------------------------------------------------------ the command


def test_the_command_sets_shows_and_previews(busy: Project, tmp_path: Path) -> None:
    kept(busy, {"message": "EMP-77", "context": {"token": "hush"}})
    file = tmp_path / "rules.txt"
    file.write_text(RULES)
    output = done("scrubbing", "preview", busy.id, "--rules", str(file)).out.splitlines()
    assert output[1].split() == ["1", "message", "own-pattern", "replaced"]
    assert output[-1] == "Newest events looked at: 1. Nothing was changed."
    found = run(
        "scrubbing", "preview", busy.id, "--rules", "-", "--org", "--json", stdin=b"exempt: **"
    ).json
    row = {"path": "context.token", "rule": "name", "events": 1, "stays": True}
    assert found == {"events": 1, "paths": [row]}
    shown = done("scrubbing", "set", busy.id, "--rules", str(file), "--scrub-contract-apis", "off")
    assert shown.out.splitlines() == [
        f"project                 {busy.id}",
        "scrubbing               on (the organization's)",
        "ingest API and api.php  off",
        *RULES.splitlines(),
    ]
    done("scrubbing", "set", "--org", "default", "--scrub", "off", "--rules", str(file))
    assert done("scrubbing", "show", busy.id, "--json").json == {
        "project": busy.id,
        "organization": None,
        "scrub": None,
        "scrub_contract_apis": False,
        "in_force": {"scrub": False, "scrub_contract_apis": False},
        "rules": RULES,
    }
    assert done("scrubbing", "show", "--org", "default", "--json").json["scrub"] is False
    entries = done("orgs", "audit", "default", "--json").json
    assert [(each["action"], each["project_id"]) for each in entries] == [
        ("scrubbing changed", None),
        ("scrubbing rules changed", None),
        ("scrubbing changed", busy.id),
        ("scrubbing rules changed", busy.id),
    ]
    emptied = done("scrubbing", "set", busy.id, "--rules", "/dev/null").out
    assert emptied.splitlines()[-1].split() == ["rules", "none"]


def test_the_command_refuses_wrong_input_and_changes_nothing(busy: Project, tmp_path: Path) -> None:
    file = tmp_path / "rules.txt"
    file.write_text("name: x\npattern: (a")
    output = "error: rules: Line 2: RE2 does not accept the pattern: missing ): (a.\n"
    set_ = ("scrubbing", "set", busy.id, "--scrub", "off", "--rules")
    assert failed(*set_, str(file)) == output
    assert failed("scrubbing", "preview", busy.id, "--rules", str(file)) == output
    assert failed("scrubbing", "set", "--org", "default", "--rules", str(file)) == output
    assert "cannot be read" in failed(*set_, str(tmp_path / "nothing"))
    assert "There is no organization 7." in failed("scrubbing", "show", "--org", "7")
    assert "There is no project 77." in failed("scrubbing", "set", "77", "--rules", "/dev/null")
    for wrong in ((), (busy.id, "--org", "default")):
        assert "not both" in run("scrubbing", "show", *wrong).err
    assert "Nothing to set." in run("scrubbing", "set", busy.id).err
    assert projects.find(busy.id).scrub is None
    assert scrubbing_rules.find_text(busy.id) == ""
