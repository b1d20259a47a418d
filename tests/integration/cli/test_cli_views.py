"""`errata views`, and the issues that a view shows."""

import pytest

from tests.support.account import Clock, Project
from tests.support.cli import done, failed
from tests.support.pages import send

pytestmark = pytest.mark.usefixtures("deployed")


def test_views_are_saved_used_and_deleted(busy: Project, clock: Clock) -> None:
    assert "errata views save" in done("views", "list", busy.id).out
    saved = done(
        *("views", "save", busy.id, "Boom"),
        *("--query", "boom is:open", "--sort", "count", "--default"),
    )
    assert saved.out == "Saved view Boom.\n"
    assert done("views", "list", busy.id, "--json").json == [
        {"name": "Boom", "query": "boom is:open", "sort": "count", "default": True}
    ]
    for message in ("a boom", "a boom", "boom 1", "careful"):
        send(busy, {"message": message})
        clock.advance(1)

    def titles(*options: str) -> list[str]:
        listed = done("issues", "list", busy.id, "--json", *options).json
        return [each["title"] for each in listed]

    assert titles("--view", "boom") == ["a boom", "boom 1"]
    assert titles("--view", "Boom", "--query", "1") == ["boom 1"]
    assert titles("--view", "boom", "--sort", "last_seen") == ["boom 1", "a boom"]
    assert len(titles("--view", "open")) == 3
    assert titles("--view", "Resolved") == []
    assert "There are: Open, Mine, New," in failed("issues", "list", busy.id, "--view", "x")
    assert "no key usre.id" in failed("views", "save", busy.id, "a", "--query", "usre.id:7")
    assert "built-in view" in failed("views", "save", busy.id, "All")
    assert done("views", "delete", busy.id, "boom").out == "Deleted view Boom.\n"
    assert "has no view boom" in failed("views", "delete", busy.id, "boom")
