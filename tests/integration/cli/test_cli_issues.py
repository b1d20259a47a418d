"""`errata issues` and `errata releases`."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from errata.models.ids import issue_id, now_ms
from errata.models.visible import issues_partition
from errata.usecases import assignees, change_issues, members
from errata.usecases.result_calls import CALLS, ResultCall
from tests.support import clients, sdk_events, shelf, stream
from tests.support.account import Clock, Project
from tests.support.browser import signed_in
from tests.support.cli import done, failed, run
from tests.support.pages import OWNER
from tests.support.users import ids_of_three_by_estimate

pytestmark = pytest.mark.usefixtures("deployed")


def digested(project: Project, *events: dict[str, Any]) -> list[str]:
    """Send events and group them; their ids."""
    ids = []
    for event in events:
        accepted = clients.ingest(project, event)
        assert accepted.status == 202, accepted.text
        ids.append(accepted.json["id"])
    assert stream.deliver(stream.records()) == []
    return ids


def test_an_issue_as_json(busy: Project, clock: Clock) -> None:
    clock.ns = (
        int(datetime(2026, 11, 22, 8, 10, 11, 123_000, tzinfo=UTC).timestamp() * 1000) * 10**6
    )
    boom = {
        "message": "boom",
        "exception_class": "ValueError",
        "file": "app/views.py",
        "line": 42,
        "release": "1.0",
        "environment": "production",
    }
    first = clients.ingest(busy, boom | {"user": {"id": 1}}).json["id"]
    clock.days(1)
    clients.ingest(busy, boom | {"user": {"id": 2}})
    clock.advance(1)
    (last,) = digested(busy, boom | {"user": {"id": 2}})
    (issue,) = done("issues", "list", busy.id, "--json").json
    assert issue == {
        "id": issue["id"],
        "short_id": "SHOP-1",
        "fingerprint": issue["fingerprint"],
        "title": "ValueError: boom",
        "level": "error",
        "count": 3,
        "kept": 3,
        "first_seen": "2026-11-22T08:10:11.123Z",
        "last_seen": "2026-11-23T08:10:12.123Z",
        "culprit": "app/views.py:42",
        "exception_class": "ValueError",
        "status": "open",
        "assignee": None,
        "merged": [],
        "ticket": None,
        "status_detail": None,
        "grouping": "v1",
        "grouped_by": "the same message, exception class, file and line",
        "environments": {"production": 3},
        "releases": {"1.0": 3},
        "users": 2,
        "first_event": first,
        "last_event": last,
        "first_release": "1.0",
        "last_release": "1.0",
        "last_hour": 2,
        "last_day": 2,
        "trend": [],
        "days": {"2026-11-22": 1, "2026-11-23": 2},
    }
    assert len(issue["id"]) == len(issue["fingerprint"]) == 32
    shown = done("issues", "show", busy.id, issue["id"], "--json").json
    newest = shown.pop("newest_event")
    assert newest == done("events", "show", busy.id, last, "--json").json
    verdict = {
        "kind": "steady",
        "sentence": "Steady: 2 in 24 hours",
        "detail": "First seen 1 d ago in 1.0",
    }
    assert shown.pop("values")["events"] == 3
    assert shown == issue | {"activity": [], "verdict": verdict, "not_all_searched": []}


def test_an_issue_shows_its_verdict_and_the_trace_of_its_newest_event(busy: Project) -> None:
    sdk_events.put(busy, dict(sdk_events.PYTHON))
    said = done("issues", "show", busy.id, "1").out
    assert "verdict        New: first seen less than a minute ago" in said
    trace = said.partition("\nnewest event ")[2]
    assert "  VoucherError: no voucher applies\n    shop/cart.py:28 in apply\n" in trace
    (issue,) = done("issues", "list", busy.id, "--json").json
    shown = done("events", "show", busy.id, issue["last_event"]).out
    assert re.search(r"^number +1 of 1$", shown, re.MULTILINE)
    markdown = done("events", "show", busy.id, issue["last_event"], "--markdown").out
    assert markdown.startswith("## `VoucherError: no voucher applies`\n")


def test_there_are_no_fewer_users_in_all_than_in_the_last_hour(busy: Project) -> None:
    for each in ids_of_three_by_estimate():
        digested(busy, {"message": "boom", "fingerprint": "f", "user": {"id": each}})
    said = done("issues", "show", busy.id, "1").out
    assert re.search(r"^users +4, 4 in the last hour, 4 in 24 hours$", said, re.MULTILINE), said


def test_values_and_users_are_those_of_the_issue_s_page(busy: Project) -> None:
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"
    for n in range(7):
        digested(
            busy,
            {
                "message": "boom",
                "fingerprint": "f",
                "release": f"{n % 3}.0",
                "user": {"email": f"user{n}@example.com"},
                "context": {"request": {"headers": {"User-Agent": agent}}},
            },
        )
    sdk_events.put(busy, {**sdk_events.PYTHON, "fingerprint": "f", "grouping": "client"})
    (issue,) = done("issues", "list", busy.id, "--json").json
    values = done("issues", "show", busy.id, "1", "--json").json["values"]
    assert (values["events"], values["complete"]) == (8, True)
    members.add("default", OWNER, "owner")
    page = signed_in(OWNER).get(f"projects/{busy.id}/issues/{issue['id']}/tags").text
    said = done("issues", "show", busy.id, "1").out
    assert "values of all 8 events kept, with their shares\n" in said
    names = [key.removeprefix("tag:") for key in values["keys"]]
    assert {"release", "browser", "user", "payment.provider"} <= set(names)
    for key, found in values["keys"].items():
        assert f"{key}:  {found[0]['value']} {found[0]['percent']} %" in said
        for each in found[:5]:
            share = "event" if key == "user" else f"· {each['percent']} %"
            assert f"{each['value']} {each['count']} {share}" in page
    hour, day = values["users_last_hour"], values["users_last_day"]
    assert f"{hour} in the last hour, {day} in 24 hours" in page
    assert "and 3 more" in said


def test_an_issue_for_people(busy: Project) -> None:
    event = {"message": "boom", "fingerprint": "mine", "level": "warning", "user": {"id": 1}}
    (event_id,) = digested(busy, event | {"release": "2.0", "environment": "staging"})
    (issue,) = done("issues", "list", busy.id, "--json").json
    said = done("issues", "show", busy.id, issue["id"]).out
    fields = said.partition("\n\n")[0]
    lines = dict(line.split(maxsplit=1) for line in fields.splitlines())
    assert lines["issue"] == issue["id"]
    assert lines["title"] == "boom"
    assert lines["level"] == "warning"
    assert lines["users"] == "1, 1 in the last hour, 1 in 24 hours"
    assert lines["fingerprint"] == "mine (grouping client)"
    assert lines["environments"] == "staging: 1"
    assert lines["releases"] == "2.0: 1"
    assert f"UTC in event {event_id}" in said
    assert "culprit" not in lines


def test_an_issue_says_what_grouped_it(busy: Project) -> None:
    sdk_events.put(busy, sdk_events.PYTHON)
    (issue,) = done("issues", "list", busy.id, "--json").json
    reason = "VoucherError in shop.cart.apply"
    assert (issue["grouping"], issue["grouped_by"]) == ("v2", reason)
    assert f"grouped by     {reason}\n" in done("issues", "show", busy.id, issue["id"]).out


def test_issues_are_listed_by_when_they_were_last_seen(busy: Project, clock: Clock) -> None:
    for message in ("one", "two", "three", "one"):
        clients.ingest(busy, {"message": message})
        clock.advance(1)
    assert stream.deliver(stream.records()) == []
    titles = [issue["title"] for issue in done("issues", "list", busy.id, "--json").json]
    assert titles == ["one", "three", "two"]
    heading, *rows = done("issues", "list", busy.id).out.splitlines()
    assert heading.split() == [
        *("ID", "SHORT", "ID", "LEVEL", "TITLE", "EVENTS", "USERS", "LAST", "SEEN", "(UTC)")
    ]
    assert [row.split()[1:6] for row in rows] == [
        ["SHOP-1", "error", "one", "2", "0"],
        ["SHOP-3", "error", "three", "1", "0"],
        ["SHOP-2", "error", "two", "1", "0"],
    ]


def test_as_many_issues_as_are_asked_for(busy: Project) -> None:
    events = (stream.event(busy.id, now_ms(), message=f"boom {n}") for n in range(60))
    stream.put(events)
    assert stream.deliver(stream.records()) == []
    list_ = ("issues", "list", busy.id, "--json")
    assert len(done(*list_).json) == 60
    assert len(done(*list_, "--limit", "3").json) == 3


def test_issues_are_filtered_and_sorted(busy: Project, clock: Clock) -> None:
    digested(
        busy,
        {"message": "one Small thing", "release": "1.0", "environment": "prod"},
        {"message": "two", "release": "2.0", "level": "warning"},
        {"message": "two", "release": "2.0", "level": "warning", "user": {"id": 1}},
        {"message": "three", "release": "2.0", "environment": "prod", "file": "small.py"},
    )
    titles = {"one": "one Small thing"}

    def found(*options: str) -> list[str]:
        listed = done("issues", "list", busy.id, *options, "--json").json
        return [issue["title"] for issue in listed]

    by_count = found("--sort", "count")
    assert (by_count[0], set(by_count)) == ("two", {titles["one"], "two", "three"})
    assert found("--sort", "users", "--limit", "1") == ["two"]
    assert found("--release", "1.0") == [titles["one"]]
    assert set(found("--environment", "prod")) == {titles["one"], "three"}
    assert found("--environment", "prod", "--release", "2.0") == ["three"]
    assert found("--level", "warning") == ["two"]
    assert set(found("--search", "SMALL")) == {titles["one"], "three"}
    assert found("--status", "resolved") == []
    assert len(found("--status", "open", "--limit", "2")) == 2
    assert len(found("--sort", "first_seen", "--limit", "2")) == 2


def test_what_cannot_be_asked_is_named(project: Project) -> None:
    said = failed("issues", "list", project.id, "--sort", "title")
    assert said.startswith("error: sort: The sort must be one of")
    for option, value in (("status", "closed"), ("level", "fatal")):
        assert f"{value} is unknown." in failed("issues", "list", project.id, f"--{option}", value)


def test_a_problem_in_a_query_is_shown_in_its_place(project: Project) -> None:
    asked = ("--query", "is:open usre.id:7", "--level", "error")
    assert failed("issues", "list", project.id, *asked).splitlines() == [
        "error: query: There is no key usre.id. Did you mean user.id?"
        " A tag is written tags[usre.id]:value. A text with a colon needs quotes.",
        "error: is:open usre.id:7 level:error",
        "error:         ^^^^^^^",
    ]


def test_an_issue_is_resolved_ignored_and_reopened(busy: Project, clock: Clock) -> None:
    clock.ns = 1_795_341_600_000_000_000
    digested(busy, {"message": "boom"})
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
    digested(busy, {"message": "boom"})
    (issue,) = done("issues", "list", busy.id, "--json").json
    done("issues", "resolve", busy.id, issue["id"])
    clock.advance(1)
    (event_id,) = digested(busy, {"message": "boom", "release": "2.0"})
    said = done("issues", "show", busy.id, issue["id"]).out
    assert f"regressed  by event {event_id}  in release 2.0" in said
    (issue,) = done("issues", "list", busy.id, "--status", "regressed", "--json").json
    assert issue["status"] == "regressed"


def test_an_issue_is_deleted(busy: Project) -> None:
    digested(busy, {"message": "boom"}, {"message": "bang"})
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
def test_an_issue_to_change_that_is_not_there(project: Project, verb: str) -> None:
    said = failed("issues", verb, project.id, "a" * 32)
    assert said == f"error: Project {project.id} has no issue {'a' * 32}.\n"


def test_no_issues(project: Project) -> None:
    assert done("issues", "list", project.id, "--json").json == []
    assert done("issues", "list", project.id).out == "No issues.\n"


@pytest.mark.parametrize("id", ["abc", ""])
def test_an_issue_that_is_not_there(project: Project, id: str) -> None:
    said = failed("issues", "show", project.id, id)
    assert said == f"error: Project {project.id} has no issue {id}.\n"


def test_releases(busy: Project, clock: Clock) -> None:
    clock.ns = int(datetime(2026, 11, 22, tzinfo=UTC).timestamp()) * 10**9
    for message, release in (("one", "1.0"), ("two", "1.0"), ("one", "2.0"), ("one", None)):
        clients.ingest(busy, {"message": message, "release": release})
        clock.advance(1)
    assert stream.deliver(stream.records()) == []
    assert done("releases", "list", busy.id, "--json").json == [
        {
            "release": "2.0",
            "first_seen": "2026-11-22T00:00:02.000Z",
            "last_seen": "2026-11-22T00:00:02.000Z",
            "open_issues": 1,
            "issues_opened": 0,
            "events": 1,
        },
        {
            "release": "1.0",
            "first_seen": "2026-11-22T00:00:00.000Z",
            "last_seen": "2026-11-22T00:00:01.000Z",
            "open_issues": 2,
            "issues_opened": 2,
            "events": 2,
        },
    ]
    heading, newest, oldest = done("releases", "list", busy.id).out.splitlines()
    assert heading.split()[:3] == ["RELEASE", "FIRST", "SEEN"]
    assert newest.split() == ["2.0", *["2026-11-22", "00:00:02"] * 2, "1", "0", "1"]
    assert oldest.split()[-3:] == ["2", "2", "2"]


def test_a_release_is_as_old_as_one_says(busy: Project, clock: Clock) -> None:
    clock.ns = 1_795_341_600_000_000_000
    digested(busy, {"message": "boom", "release": "3f78685"})
    there = ("releases", "set", busy.id, "3f78685", "--released")
    said = "Release 3f78685 is compared by 2026-11-20 10:00:00 UTC.\n"
    assert done(*there, "2026-11-20T11:00:00+01:00").out == said
    assert done(*there, "none", "--json").json == {"release": "3f78685", "released": None}
    for text in ("yesterday", "2026-11-23", "1960-01-01"):
        assert "Give a time that has passed" in run(*there, text).err
    assert "has no release 1" in run("releases", "set", busy.id, "1", "--released", "none").err


def test_no_releases(project: Project) -> None:
    assert done("releases", "list", project.id, "--json").json == []
    assert done("releases", "list", project.id).out.startswith("No releases")


def test_what_was_sent_cannot_steer_the_terminal(busy: Project) -> None:
    evil = "\x1b[2J[bold]a\x9b\u202e\r\n"
    fields = ("message", "exception_class", "file", "release", "environment", "fingerprint")
    digested(busy, dict.fromkeys(fields, evil))
    (issue,) = done("issues", "list", busy.id, "--json").json
    assert evil in issue["fingerprint"]
    shown = [
        done("issues", "list", busy.id).out,
        done("issues", "show", busy.id, issue["id"]).out,
        done("releases", "list", busy.id).out,
        done("issues", "list", busy.id, "--json").out,
        done("releases", "list", busy.id, "--json").out,
    ]
    for said in shown:
        assert not set("\x1b\x9b\u202e\r") & set(said)
    for said in shown[:3]:
        assert r"\x1b[2J[bold]a\x9b\u202e" in said


def test_an_issue_is_named_by_its_short_id_or_number(busy: Project) -> None:
    digested(busy, {"message": "one"})
    (event,) = digested(busy, {"message": "two"})
    done("projects", "set", busy.id, "--slug", "store")
    (two,) = (
        each
        for each in done("issues", "list", busy.id, "--json").json
        if each["short_id"] == "STORE-2"
    )
    assert two["title"] == "two"
    # Also by the id of one of its events.
    for name in ("STORE-2", "store-2", "SHOP-2", "2", event, event.replace("-", "")):
        assert done("issues", "show", busy.id, name, "--json").json["id"] == two["id"]
    assert "short id     STORE-2\n" in done("issues", "show", busy.id, "2").out
    for action, status in (("resolve", "resolved"), ("reopen", "open"), ("ignore", "ignored")):
        changed = done("issues", action, busy.id, "STORE-2", "--json").json
        assert (changed["id"], changed["short_id"]) == (two["id"], "STORE-2")
        assert changed["status"] == status
    assert failed("issues", "show", busy.id, "BLOG-2") == (
        "error: The short ids of project 1 begin with STORE, not with BLOG. Did you mean STORE-2?\n"
    )
    assert failed("issues", "resolve", busy.id, "3") == "error: Project 1 has no issue 3.\n"
    deleted = done("issues", "delete", busy.id, "store-2", "--yes", "--json").json
    assert deleted == {"id": two["id"], "deleted": True}
    assert failed("issues", "show", busy.id, "2") == "error: Project 1 has no issue 2.\n"


def statuses(project: Project) -> dict[str, str]:
    listed = done("issues", "list", project.id, "--json").json
    return {each["title"]: each["status"] for each in listed}


def test_issues_are_resolved_in_releases_and_ignored_until_something(
    busy: Project, clock: Clock
) -> None:
    clock.ns = 1_795_341_600_000_000_000
    digested(busy, {"message": "boom", "release": "shop@1.9"}, {"message": "no release"})
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
    for options, told in changes:
        verb, *rest = options
        assert done("issues", verb, *boom, *rest).out == f"Issue {boom[1]} is {told}.\n"
        found = done("issues", "show", *boom, "--json").json
        assert (found["status"], found["status_detail"]) == tuple(told.split(" ", 1))
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
    digested(busy, *({"message": f"boom {n}"} for n in range(3)))
    digested(busy, {"message": "careful", "level": "warning"})
    said = done("issues", "resolve", busy.id, "SHOP-1", "2").out.splitlines()
    assert said[0] == "2 issues resolved."
    assert sorted(statuses(busy).values()) == ["open", "open", "resolved", "resolved"]
    undo = re.fullmatch(r"To undo this within an hour: errata (issues undo \d+ \w+)", said[1])
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


def test_a_change_that_ctrl_c_stops_says_how_to_undo_it(
    busy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_issues, "SLICE", 1)
    digested(busy, *({"message": f"boom {n}"} for n in range(3)))

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


def test_a_change_of_many_needs_issues_or_a_query_that_can_be_read(busy: Project) -> None:
    digested(busy, {"message": "boom"})
    neither = "error: issue: Name issues, or use --query, but not both.\n"
    assert failed("issues", "resolve", busy.id) == neither
    assert failed("issues", "delete", busy.id, "1", "--query", "x") == neither
    assert "error: query: There is no key usre.id." in failed(
        "issues", "ignore", busy.id, "--yes", "--query", "usre.id:7"
    )
    assert failed("issues", "resolve", busy.id, "1", "9") == "error: Project 1 has no issue 9.\n"
    assert statuses(busy) == {"boom": "open"}


def test_show_says_by_which_values_a_search_does_not_find_the_issue(busy: Project) -> None:
    digested(busy, {"message": "boom", "fingerprint": "f"})
    shown = ("issues", "show", busy.id, issue_id(busy.id, "f"))
    assert "not all searched" not in done(*shown).out
    pk = issues_partition(busy.id, 0)
    shelf.set_attribute(pk, issue_id(busy.id, "f"), "value_counts", {"url": 200, "tag": 199})
    assert re.search(r"not all searched +url\n", done(*shown).out)
    assert done(*shown, "--json").json["not_all_searched"] == ["url"]


def test_issues_are_assigned_and_found_by_it(busy: Project) -> None:
    digested(busy, *({"message": f"boom {n}"} for n in range(3)))
    members.add("default", OWNER, "owner")
    team = members.create_team("default", "web").id
    (name,) = (each["id"] for each in issues_of(busy) if each["short_id"] == "SHOP-1")
    said = done("issues", "assign", busy.id, "SHOP-1", "--to", OWNER).out
    assert said == f"Issue {name} is assigned to {OWNER}.\n"
    said = done("issues", "assign", busy.id, "2", "3", "--to", "#web").out
    assert said.startswith("2 issues assigned.\nTo undo this within an hour:")
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
    digested(busy, {"message": "boom"})
    members.add("default", OWNER, "owner")
    assert done("issues", "activity", busy.id, "1").out == "No activity.\n"
    (saved, mentions) = done(
        "issues", "comment", busy.id, "1", "--text", "-", stdin=b"Rolled *back*.\n@ada, look.\n"
    ).out.splitlines()
    assert mentions == f"It mentions {OWNER}."
    name = saved.split()[1]
    (said,) = done("issues", "activity", busy.id, "1", "--json").json
    assert (said["what"], said["comment"]["id"], said["comment"]["mentions"]) == (
        *("commented", name),
        [OWNER],
    )
    done("issues", "comment", busy.id, "1", "--edit", name, "--text", "Rolled forward.")
    told = done("issues", "activity", busy.id, "1").out.splitlines()
    assert (told[0].endswith(f"id {name}"), told[1:]) == (True, ["    Rolled forward."])
    assert "Rolled forward." in done("issues", "show", busy.id, "1").out
    saved = done("issues", "comment", busy.id, "1", "--text", "password=hunter2").out
    assert "Secrets in it are replaced by [Filtered]" in saved
    done("issues", "comment", busy.id, "1", "--delete", name)
    assert "deleted by errata CLI" in done("issues", "activity", busy.id, "1").out
    assert "There is no such comment" in failed("issues", "comment", busy.id, "1", "--delete", name)
    assert run("issues", "comment", busy.id, "1").code == 2


def test_similar_issues_are_named(busy: Project) -> None:
    for message in ("no price for the cart", "no price for this cart", "disk full"):
        digested(
            busy, {"message": message, "fingerprint": message, "exception_class": "PriceError"}
        )
    (row,) = done("issues", "similar", busy.id, "SHOP-1").out.splitlines()[1:]
    assert "SHOP-2" in row
    (found,) = done("issues", "similar", busy.id, "SHOP-1", "--json").json
    assert (found["short_id"], found["count"]) == ("SHOP-2", 1)
    assert done("issues", "similar", busy.id, "SHOP-3").out == "No open issue is similar.\n"
    assert "SHOP-77" in failed("issues", "similar", busy.id, "SHOP-77")


def test_issues_are_merged_and_separated(busy: Project) -> None:
    for message in ("no cart", "no user", "no user"):
        digested(busy, {"message": message, "fingerprint": message})
    told = done("issues", "merge", busy.id, "SHOP-1", "SHOP-2").out.splitlines()
    assert told == [
        "1 issue is merged into SHOP-1. It has 3 events.",
        f"To undo this: errata issues unmerge {busy.id} SHOP-2",
    ]
    shown = done("issues", "show", busy.id, "SHOP-2").out
    assert re.search(r"(?m)^title +no cart$", shown)
    assert re.search(r"(?m)^grouped by .*; 1 other issue merged by hand$", shown)
    assert re.search(r"(?m)^merged +SHOP-2$", shown)
    assert "SHOP-2" in failed("issues", "merge", busy.id, "SHOP-2", "SHOP-1")
    assert "merged into another one" in failed("issues", "resolve", busy.id, "SHOP-2")
    told = done("issues", "unmerge", busy.id, "SHOP-2").out.splitlines()
    assert told == ["Issue SHOP-2 is separate, and open. It has 2 events."]
    (_, merged) = done("issues", "list", busy.id, "--json").json
    assert merged["merged"] == []
