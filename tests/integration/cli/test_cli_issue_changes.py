"""`errata issues`: what changes issues."""

import re
from typing import Any

import pytest

from errata.usecases import assignees, change_issues, members
from errata.usecases.result_calls import CALLS, ResultCall
from tests.support.account import Clock, Project
from tests.support.cli import deploy, done, failed, run
from tests.support.pages import OWNER, send

pytestmark = pytest.mark.usefixtures("deployed")


def test_an_issue_is_resolved_ignored_and_reopened(busy: Project, clock: Clock) -> None:
    clock.ns = 1_795_341_600_000_000_000
    send(busy, {"message": "boom"})
    (issue,) = done("issues", "list", busy.id, "--json").json
    there = (busy.id, issue["id"])
    assert done("issues", "resolve", *there).out == f"Issue {issue['id']} is resolved.\n"
    assert done("issues", "list", busy.id, "--status", "open").out == "No issues.\n"
    clock.advance(1)
    assert done("issues", "ignore", *there).out == f"Issue {issue['id']} is ignored.\n"
    clock.advance(1)
    assert done("issues", "reopen", *there, "--json").json == issue
    shown = done("issues", "show", *there).out.splitlines()
    assert shown[shown.index("activity") :] == [
        "activity",
        "  2026-11-22 10:00:02  reopened  by errata CLI",
        "  2026-11-22 10:00:01  ignored  by errata CLI",
        "  2026-11-22 10:00:00  resolved  by errata CLI",
    ]
    assert done("issues", "show", *there, "--json").json["activity"][-1] == {
        "at": "2026-11-22T10:00:00.000Z",
        "what": "resolved",
        "by": "errata CLI",
        "event": None,
        "release": None,
        "detail": None,
    }


def test_the_event_that_made_an_issue_regress_is_shown(busy: Project, clock: Clock) -> None:
    send(busy, {"message": "boom"})
    (issue,) = done("issues", "list", busy.id, "--json").json
    done("issues", "resolve", busy.id, issue["id"])
    clock.advance(1)
    (event_id,) = send(busy, {"message": "boom", "release": "2.0"})
    output = done("issues", "show", busy.id, issue["id"]).out
    assert f"regressed  by event {event_id}  in release 2.0" in output
    (issue,) = done("issues", "list", busy.id, "--status", "regressed", "--json").json
    assert issue["status"] == "regressed"


def test_an_issue_is_deleted(busy: Project) -> None:
    send(busy, {"message": "boom"}, {"message": "bang"})
    first, second = done("issues", "list", busy.id, "--json").json
    asked = run("issues", "delete", busy.id, first["id"], stdin=b"n\n")
    assert asked.code == 1
    assert f"Delete issue {first['id']} ({first['title']}) and its events (1)?" in asked.err
    assert len(done("issues", "list", busy.id, "--json").json) == 2
    assert run("issues", "delete", busy.id, first["id"], stdin=b"y\n").code == 0
    deleted = done("issues", "delete", busy.id, second["id"], "--yes", "--json").json
    assert deleted == {"id": second["id"], "deleted": True}
    assert done("issues", "list", busy.id, "--json").json == []


@pytest.mark.parametrize("verb", ["resolve", "ignore", "reopen", "delete"])
def test_changing_an_unknown_issue_is_an_error(project: Project, verb: str) -> None:
    output = failed("issues", verb, project.id, "a" * 32)
    assert output == f"error: Project {project.id} has no issue {'a' * 32}.\n"


def statuses(project: Project) -> dict[str, str]:
    listed = done("issues", "list", project.id, "--json").json
    return {each["title"]: each["status"] for each in listed}


def test_issues_are_resolved_in_a_release_or_ignored_until_a_condition_is_met(
    busy: Project, clock: Clock
) -> None:
    clock.ns = 1_795_341_600_000_000_000
    send(busy, {"message": "boom", "release": "shop@1.9"}, {"message": "no release"})
    of_shop, other = "boom", "no release"
    ids = {each["title"]: each["id"] for each in done("issues", "list", busy.id, "--json").json}
    boom = (busy.id, ids[of_shop])
    changes: tuple[tuple[tuple[str, ...], str], ...] = (
        (("resolve", "--in-next-release"), "resolved in the next release after shop@1.9"),
        (("resolve", "--in-release", "shop@2.0"), "resolved in shop@2.0"),
        (("ignore", "--for", "7d"), "ignored until 2026-11-29 10:00 UTC"),
        (("ignore", "--until-events", "100"), "ignored until 100 more events"),
        (("ignore", "--until-users", "1"), "ignored until \u2248 1 more user"),
        (("ignore", "--until-rising"), "ignored until it is rising"),
    )
    for options, outcome in changes:
        verb, *rest = options
        assert done("issues", verb, *boom, *rest).out == f"Issue {boom[1]} is {outcome}.\n"
        found = done("issues", "show", *boom, "--json").json
        assert (found["status"], found["status_detail"]) == tuple(outcome.split(" ", 1))
        assert found["activity"][0]["detail"] == found["status_detail"]
        clock.advance(1)
    # Several at once: one of them was seen in no release.
    many = done("issues", "resolve", busy.id, *ids.values(), "--in-next-release")
    assert many.out.startswith("1 issue resolved. 1 was seen in no release and stays as it is.\n")
    undo = many.out.splitlines()[1].rpartition(" ")[2]
    assert done("issues", "undo", busy.id, undo).out == "1 issue restored.\n"
    assert done("issues", "show", *boom, "--json").json["status_detail"] == "until it is rising"
    problems: tuple[tuple[tuple[str, ...], str], ...] = (
        (("resolve", ids[other], "--in-next-release"), "was seen in no release"),
        (("resolve", ids[other], "--in-release", " "), "Name a release"),
        (("resolve", "1", "--in-release", "2", "--in-next-release"), "but not both"),
        (("ignore", "1", "--for", "7 days"), "such as 90m, 24h, 7d or 2w"),
        (("ignore", "1", "--for", "400d"), "at most a year"),
        (("ignore", "1", "--until-events", "0"), "a number of events from 1"),
        (("ignore", "1", "--for", "7d", "--until-rising"), "until one thing only"),
    )
    for options, problem in problems:
        verb, name, *rest = options
        refused = run("issues", verb, busy.id, name, *rest)
        assert refused.code == 1, options
        assert problem in refused.err


def test_several_issues_or_all_of_a_search_are_changed_and_undone(busy: Project) -> None:
    send(busy, *({"message": f"boom {n}"} for n in range(3)))
    send(busy, {"message": "careful", "level": "warning"})
    output = done("issues", "resolve", busy.id, "SHOP-1", "2").out.splitlines()
    assert output[0] == "2 issues resolved."
    assert sorted(statuses(busy).values()) == ["open", "open", "resolved", "resolved"]
    undo = re.fullmatch(r"To undo this within an hour: errata (issues undo \d+ \w+)", output[1])
    assert undo
    assert done(*undo[1].split()).out == "2 issues restored.\n"
    assert set(statuses(busy).values()) == {"open"}
    assert failed("issues", "undo", busy.id, "a" * 32).startswith("error: This change is not kept")

    matching = ("--query", "is:open boom")
    asked = run("issues", "ignore", busy.id, *matching, stdin=b"n\n")
    assert (asked.code, "Ignore 3 issues that match is:open boom?" in asked.err) == (1, True)
    ignored = done("issues", "ignore", busy.id, *matching, "--yes", "--json").json
    assert ignored == {
        "change": ignored["change"],
        "done": "ignored",
        **dict.fromkeys(("already", "meanwhile", "gone", "no_release", "full"), 0),
        "changed": 3,
        "can_be_undone": True,
    }
    assert done("issues", "reopen", busy.id, "1", "4").out.splitlines()[0] == (
        "1 issue reopened. 1 was so already."
    )
    asked = run("issues", "delete", busy.id, "--query", "", stdin=b"y\n")
    assert "Delete 4 issues that match the empty query and their events?" in asked.err
    assert asked.out.endswith("4 issues deleted.\n")
    assert statuses(busy) == {}


def test_the_command_that_undoes_a_change_selects_the_same_stack(busy: Project) -> None:
    deploy("errata-2")
    send(busy, {"message": "boom 1"}, {"message": "boom 2"})
    for words in (("resolve", busy.id, "1", "2"), ("merge", busy.id, "1", "2")):
        *_, line = done("issues", *words, "--stack", "errata-2").out.splitlines()
        undo = re.search(r": errata (issues un.+ --stack errata-2)$", line)
        assert undo
        done(*undo[1].split())
    assert statuses(busy) == {"boom 1": "open", "boom 2": "open"}


def test_a_change_that_ctrl_c_stops_says_how_to_undo_it(
    busy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_issues, "SLICE", 1)
    send(busy, *({"message": f"boom {n}"} for n in range(3)))

    def stop(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setitem(CALLS, "issues/continue", ResultCall(stop, changes=True))
        stopped = run("issues", "resolve", busy.id, "--query", "", "--yes")
    assert stopped.code == 130
    undo = re.match(r"stopped: to undo what is .*: errata (issues undo \d+ \w+)\n", stopped.err)
    assert undo
    assert done(*undo[1].split()).out == "1 issue restored.\n"
    assert set(statuses(busy).values()) == {"open"}


def test_a_bulk_change_needs_issues_or_a_valid_query(busy: Project) -> None:
    send(busy, {"message": "boom"})
    neither = "error: issue: Name issues, or use --query, but not both.\n"
    assert failed("issues", "resolve", busy.id) == neither
    assert failed("issues", "delete", busy.id, "1", "--query", "x") == neither
    assert "error: query: There is no key usre.id." in failed(
        "issues", "ignore", busy.id, "--yes", "--query", "usre.id:7"
    )
    assert failed("issues", "resolve", busy.id, "1", "9") == "error: Project 1 has no issue 9.\n"
    assert statuses(busy) == {"boom": "open"}


def test_issues_are_assigned_and_found_by_their_assignee(busy: Project) -> None:
    send(busy, *({"message": f"boom {n}"} for n in range(3)))
    members.add("default", OWNER, "owner")
    team = members.create_team("default", "web").id
    (name,) = (each["id"] for each in issues_of(busy) if each["short_id"] == "SHOP-1")
    output = done("issues", "assign", busy.id, "SHOP-1", "--to", OWNER).out
    assert output == f"Issue {name} is assigned to {OWNER}.\n"
    output = done("issues", "assign", busy.id, "2", "3", "--to", "#web").out
    assert output.startswith("2 issues assigned.\nTo undo this within an hour:")
    mine = done("issues", "list", busy.id, "--query", f"assigned:{OWNER}", "--json").json
    assert [(each["id"], each["assignee"]) for each in mine] == [(name, OWNER)]
    found = done("issues", "list", busy.id, "--query", "assigned:#web", "--json").json
    assert {each["assignee"] for each in found} == {"#web"}
    members.delete_team("default", team)
    assignees.clear_cache()
    shown = done("issues", "show", busy.id, "SHOP-2").out
    assert f"#{team} (deleted)" in shown
    assert "assigned  to #web  by errata CLI" in shown
    assert "assigned to nobody" in done("issues", "assign", busy.id, "2", "--to", "nobody").out
    refused = failed("issues", "assign", busy.id, "1", "--to", "zoe@example.com")
    assert refused == "error: assignee: zoe@example.com is not a member of the organization.\n"
    assert "is for members in the dashboard" in failed(
        "issues", "list", busy.id, "--query", "assigned:me"
    )


def issues_of(project: Project) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = done("issues", "list", project.id, "--json").json
    return found


def test_comments_are_written_and_read(busy: Project) -> None:
    send(busy, {"message": "boom"})
    members.add("default", OWNER, "owner")
    assert done("issues", "activity", busy.id, "1").out == "No activity.\n"
    (saved, mentions) = done(
        "issues", "comment", busy.id, "1", "--text", "-", stdin=b"Rolled *back*.\n@ada, look.\n"
    ).out.splitlines()
    assert mentions == f"It mentions {OWNER}."
    name = saved.split()[1]
    (entry,) = done("issues", "activity", busy.id, "1", "--json").json
    assert (entry["what"], entry["comment"]["id"], entry["comment"]["mentions"]) == (
        *("commented", name),
        [OWNER],
    )
    done("issues", "comment", busy.id, "1", "--edit", name, "--text", "Rolled forward.")
    lines = done("issues", "activity", busy.id, "1").out.splitlines()
    assert (lines[0].endswith(f"id {name}"), lines[1:]) == (True, ["    Rolled forward."])
    assert "Rolled forward." in done("issues", "show", busy.id, "1").out
    saved = done("issues", "comment", busy.id, "1", "--text", "password=hunter2").out
    assert "Secrets in it are replaced by [Filtered]" in saved
    done("issues", "comment", busy.id, "1", "--delete", name)
    assert "deleted by errata CLI" in done("issues", "activity", busy.id, "1").out
    assert "There is no such comment" in failed("issues", "comment", busy.id, "1", "--delete", name)
    assert run("issues", "comment", busy.id, "1").code == 2


def test_issues_are_merged_and_separated(busy: Project, clock: Clock) -> None:
    for message in ("no cart", "no user", "no user"):
        send(busy, {"message": message, "fingerprint": message})
        clock.advance(1)
    lines = done("issues", "merge", busy.id, "SHOP-1", "SHOP-2").out.splitlines()
    assert lines == [
        "1 issue is merged into SHOP-1. It has 3 events.",
        f"To undo this: errata issues unmerge {busy.id} SHOP-2",
    ]
    shown = done("issues", "show", busy.id, "SHOP-2").out
    assert re.search(r"(?m)^title +no cart$", shown)
    assert re.search(r"(?m)^grouped by .*; 1 other issue merged by hand$", shown)
    assert re.search(r"(?m)^merged +SHOP-2$", shown)
    assert "SHOP-2" in failed("issues", "merge", busy.id, "SHOP-2", "SHOP-1")
    assert "merged into another one" in failed("issues", "resolve", busy.id, "SHOP-2")
    lines = done("issues", "unmerge", busy.id, "SHOP-2").out.splitlines()
    assert lines == ["Issue SHOP-2 is separate, and open. It has 2 events."]
    (_, merged) = done("issues", "list", busy.id, "--json").json
    assert merged["merged"] == []
