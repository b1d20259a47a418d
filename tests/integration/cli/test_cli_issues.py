"""`errata issues`: issues are listed and shown."""

import re
from datetime import UTC, datetime

import pytest

from errata.models.ids import issue_id, now_ms
from errata.models.visible import issues_partition
from errata.usecases import members
from tests.support import clients, sdk_events, shelf, stream
from tests.support.account import Clock, Project
from tests.support.browser import signed_in
from tests.support.cli import done, failed
from tests.support.pages import OWNER, send
from tests.support.users import ids_of_three_by_estimate

pytestmark = pytest.mark.usefixtures("deployed")


def test_an_issue_is_printed_as_json(busy: Project, clock: Clock) -> None:
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
    (last,) = send(busy, boom | {"user": {"id": 2}})
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
    output = done("issues", "show", busy.id, "1").out
    assert "verdict        New: first seen less than a minute ago" in output
    trace = output.partition("\nnewest event ")[2]
    assert "  VoucherError: no voucher applies\n    shop/cart.py:28 in apply\n" in trace
    (issue,) = done("issues", "list", busy.id, "--json").json
    shown = done("events", "show", busy.id, issue["last_event"]).out
    assert re.search(r"^number +1 of 1$", shown, re.MULTILINE)
    markdown = done("events", "show", busy.id, issue["last_event"], "--markdown").out
    assert markdown.startswith("## `VoucherError: no voucher applies`\n")


def test_the_number_of_all_users_is_not_below_that_of_the_last_hour(busy: Project) -> None:
    for each in ids_of_three_by_estimate():
        send(busy, {"message": "boom", "fingerprint": "f", "user": {"id": each}})
    output = done("issues", "show", busy.id, "1").out
    assert re.search(r"^users +4, 4 in the last hour, 4 in 24 hours$", output, re.MULTILINE), output


def test_values_and_users_are_those_of_the_issue_s_page(busy: Project) -> None:
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"
    for n in range(7):
        send(
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
    output = done("issues", "show", busy.id, "1").out
    assert "values of all 8 events kept, with their shares\n" in output
    names = [key.removeprefix("tag:") for key in values["keys"]]
    assert {"release", "browser", "user", "payment.provider"} <= set(names)
    for key, found in values["keys"].items():
        assert f"{key}:  {found[0]['value']} {found[0]['percent']} %" in output
        for each in found[:5]:
            share = "event" if key == "user" else f"· {each['percent']} %"
            assert f"{each['value']} {each['count']} {share}" in page
    hour, day = values["users_last_hour"], values["users_last_day"]
    assert f"{hour} in the last hour, {day} in 24 hours" in page
    assert "and 3 more" in output


def test_an_issue_is_printed_as_text(busy: Project) -> None:
    event = {"message": "boom", "fingerprint": "mine", "level": "warning", "user": {"id": 1}}
    (event_id,) = send(busy, event | {"release": "2.0", "environment": "staging"})
    (issue,) = done("issues", "list", busy.id, "--json").json
    output = done("issues", "show", busy.id, issue["id"]).out
    fields = output.partition("\n\n")[0]
    lines = dict(line.split(maxsplit=1) for line in fields.splitlines())
    assert lines["issue"] == issue["id"]
    assert lines["title"] == "boom"
    assert lines["level"] == "warning"
    assert lines["users"] == "1, 1 in the last hour, 1 in 24 hours"
    assert lines["fingerprint"] == "mine (grouping client)"
    assert lines["environments"] == "staging: 1"
    assert lines["releases"] == "2.0: 1"
    assert f"UTC in event {event_id}" in output
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


def test_the_limit_sets_how_many_issues_are_listed(busy: Project) -> None:
    events = (stream.event(busy.id, now_ms(), message=f"boom {n}") for n in range(60))
    stream.put(events)
    assert stream.deliver(stream.records()) == []
    list_ = ("issues", "list", busy.id, "--json")
    assert len(done(*list_).json) == 60
    assert len(done(*list_, "--limit", "3").json) == 3


def test_issues_are_filtered_and_sorted(busy: Project, clock: Clock) -> None:
    send(
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


def test_invalid_options_are_refused_with_the_reason(project: Project) -> None:
    output = failed("issues", "list", project.id, "--sort", "title")
    assert output.startswith("error: sort: The sort must be one of")
    for option, value in (("status", "closed"), ("level", "fatal")):
        assert f"{value} is unknown." in failed("issues", "list", project.id, f"--{option}", value)


def test_a_problem_in_a_query_is_underlined_in_the_query(project: Project) -> None:
    asked = ("--query", "is:open usre.id:7", "--level", "error")
    assert failed("issues", "list", project.id, *asked).splitlines() == [
        "error: query: There is no key usre.id. Did you mean user.id?"
        " A tag is written tags[usre.id]:value. A text with a colon needs quotes.",
        "error: is:open usre.id:7 level:error",
        "error:         ^^^^^^^",
    ]


def test_a_project_without_issues_lists_none(project: Project) -> None:
    assert done("issues", "list", project.id, "--json").json == []
    assert done("issues", "list", project.id).out == "No issues.\n"


@pytest.mark.parametrize("id", ["abc", ""])
def test_an_unknown_issue_is_an_error(project: Project, id: str) -> None:
    output = failed("issues", "show", project.id, id)
    assert output == f"error: Project {project.id} has no issue {id}.\n"


def test_control_characters_in_an_issue_do_not_reach_the_terminal(busy: Project) -> None:
    evil = "\x1b[2J[bold]a\x9b\u202e\r\n"
    fields = ("message", "exception_class", "file", "release", "environment", "fingerprint")
    send(busy, dict.fromkeys(fields, evil))
    (issue,) = done("issues", "list", busy.id, "--json").json
    assert evil in issue["fingerprint"]
    shown = [
        done("issues", "list", busy.id).out,
        done("issues", "show", busy.id, issue["id"]).out,
        done("releases", "list", busy.id).out,
        done("issues", "list", busy.id, "--json").out,
        done("releases", "list", busy.id, "--json").out,
    ]
    for output in shown:
        assert not set("\x1b\x9b\u202e\r") & set(output)
    for output in shown[:3]:
        assert r"\x1b[2J[bold]a\x9b\u202e" in output


def test_an_issue_is_named_by_its_short_id_or_number(busy: Project) -> None:
    send(busy, {"message": "one"})
    (event,) = send(busy, {"message": "two"})
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


def test_show_names_the_values_by_which_a_search_does_not_find_the_issue(busy: Project) -> None:
    send(busy, {"message": "boom", "fingerprint": "f"})
    shown = ("issues", "show", busy.id, issue_id(busy.id, "f"))
    assert "partly searchable" not in done(*shown).out
    pk = issues_partition(busy.id, 0)
    shelf.set_attribute(pk, issue_id(busy.id, "f"), "value_counts", {"url": 200, "tag": 199})
    assert re.search(r"partly searchable +url\n", done(*shown).out)
    assert done(*shown, "--json").json["not_all_searched"] == ["url"]


def test_similar_issues_are_named(busy: Project, clock: Clock) -> None:
    for message in ("no price for the cart", "no price for this cart", "disk full"):
        send(busy, {"message": message, "fingerprint": message, "exception_class": "PriceError"})
        clock.advance(1)
    (row,) = done("issues", "similar", busy.id, "SHOP-1").out.splitlines()[1:]
    assert "SHOP-2" in row
    (found,) = done("issues", "similar", busy.id, "SHOP-1", "--json").json
    assert (found["short_id"], found["count"]) == ("SHOP-2", 1)
    assert done("issues", "similar", busy.id, "SHOP-3").out == "No open issue is similar.\n"
    assert "SHOP-77" in failed("issues", "similar", busy.id, "SHOP-77")
