"""`errata releases`."""

import pytest

from errata.models.ids import issue_id
from errata.usecases import issues
from tests.support.account import Clock, Project
from tests.support.cli import done, run
from tests.support.pages import send
from tests.support.visible import visible_in

pytestmark = pytest.mark.usefixtures("deployed")


def test_a_release_is_compared_with_the_one_before(busy: Project, clock: Clock) -> None:
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
