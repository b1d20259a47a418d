"""`errata releases`."""

from datetime import UTC, datetime

import pytest

from errata.models.ids import issue_id
from errata.usecases import issues
from tests.support import clients, stream
from tests.support.account import Clock, Project
from tests.support.cli import done, run
from tests.support.pages import send
from tests.support.visible import visible_in

pytestmark = pytest.mark.usefixtures("deployed")


def test_a_release_is_compared_with_the_previous_one(busy: Project, clock: Clock) -> None:
    def arrive(name: str, release: str) -> None:
        clock.advance(60)
        send(busy, {"message": name, "fingerprint": name, "release": release, "user": {"id": 1}})

    arrive("mended", "1.9")
    done("issues", "resolve", busy.id, issue_id(busy.id, "mended"))
    for name in ("one", "two", "mended"):
        arrive(name, "1.10")
    arrive("one", "hot fix")
    assert [each["release"] for each in done("releases", "list", busy.id, "--json").json][1:] == [
        "1.10",
        "1.9",
    ]
    shown = done("releases", "show", busy.id, "1.10")
    assert shown.out.startswith("Worse than 1.9: 2 more new or regressed issues\n")
    assert "New: --query 'first-release:1.10'" in shown.out
    assert "Regressed: --query 'regressed-in:1.10'" in shown.out
    found = done("releases", "show", busy.id, "1.10", "--json").json
    assert (found["new"]["issues"], found["regressed"]["issues"]) == (2, 1)
    assert (found["older"], found["compared_with"]["release"]) == ("1.9", "1.9")
    assert found["verdict"]["kind"] == "worse"
    for key, ids in (("first-release", found["new"]), ("regressed-in", found["regressed"])):
        listed = done("issues", "list", busy.id, "--query", f"{key}:1.10", "--json").json
        assert sorted(each["id"] for each in listed) == sorted(ids["ids"])
    issues.delete(visible_in(busy.id), issue_id(busy.id, "two"), "")
    assert done("releases", "show", busy.id, "1.10", "--json").json["new"]["issues"] == 1
    other = done("releases", "show", busy.id, "1.9", "--with", "hot fix").out
    assert "than hot fix" in other or "as hot fix" in other
    assert "The first release" in done("releases", "show", busy.id, "1.9").out
    missing = run("releases", "show", busy.id, "2.0")
    assert (missing.code, "has no release 2.0" in missing.err) == (1, True)


def test_releases_are_listed(busy: Project, clock: Clock) -> None:
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


def test_the_time_of_a_release_can_be_set_and_removed(busy: Project, clock: Clock) -> None:
    clock.ns = 1_795_341_600_000_000_000
    send(busy, {"message": "boom", "release": "3f78685"})
    there = ("releases", "set", busy.id, "3f78685", "--released")
    output = "Release 3f78685 is compared by 2026-11-20 10:00:00 UTC.\n"
    assert done(*there, "2026-11-20T11:00:00+01:00").out == output
    assert done(*there, "none", "--json").json == {"release": "3f78685", "released": None}
    for text in ("yesterday", "2026-11-23", "1960-01-01"):
        assert "Give a time that has passed" in run(*there, text).err
    assert "has no release 1" in run("releases", "set", busy.id, "1", "--released", "none").err


def test_a_project_without_releases_lists_none(project: Project) -> None:
    assert done("releases", "list", project.id, "--json").json == []
    assert done("releases", "list", project.id).out.startswith("No releases")
