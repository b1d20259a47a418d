"""Saved views: whose they are, who may change them, and what happens to them."""

from typing import Any

import pytest

from errata.config import settings
from errata.errors import ForbiddenError, InvalidInputError, InvalidQueryError, NotFoundError
from errata.models.audit import Actor
from errata.models.views import MAX_VIEWS, View, Views
from errata.store import clients
from errata.usecases import audit, delete_project, members, projects, views
from tests.support.account import Project
from tests.support.calls import Call, watched
from tests.support.visible import visible_in

ADA = "ada@example.com"


def shared(project: Project, role: str = "member") -> views.Owner:
    found = projects.find(project.id)
    visible = visible_in(project.id).for_member(ADA, role)  # type: ignore[arg-type]
    return views.of_project(found, visible)


def rows() -> list[str]:
    """Return what the rows with views are under."""
    items = clients.dynamodb().scan(TableName=settings().projects_table)["Items"]
    return sorted(item["pk"]["S"] for item in items if item["sk"]["S"] == "views")


def names(owner: views.Owner) -> list[str]:
    return [each.name for each in views.find(owner).views]


def test_a_view_is_saved_renamed_and_deleted(project: Project) -> None:
    for owner in (views.of_member(ADA), shared(project)):
        b = views.save(owner, " b ", "is:open  user.id:7", "count")
        a = views.save(owner, "A", "", "last_seen")
        assert views.find(owner).views == (a, View(b.id, "b", "is:open  user.id:7", "count"))
        assert views.save(owner, "B", "boom", "users").id == b.id
        views.set_default(owner, b.id)
        views.rename(owner, b.id, "c")
        assert [each.query for each in views.find(owner).views] == ["", "boom"]
        assert views.named(owner, "C").sort == "users"
        assert views.named(owner, "rising").query == "is:open is:rising"
        with pytest.raises(InvalidInputError, match="There is a view A already"):
            views.rename(owner, b.id, "a")
        views.delete(owner, b.id)
        assert views.find(owner).default == ""
        for gone in (views.delete, views.set_default):
            with pytest.raises(NotFoundError):
                gone(owner, b.id)
        with pytest.raises(NotFoundError, match=r"There are: Open, .*, All, A\."):
            views.named(owner, "c")
        views.set_default(owner, "")
    assert len(rows()) == 2


def test_invalid_names_queries_and_orders_and_too_many_views_are_refused(project: Project) -> None:
    owner = shared(project)
    for name in ("", " ", "x" * 61, "a\nb", "open", "ALL", "\u202e"):
        with pytest.raises(InvalidInputError):
            views.save(owner, name, "", "count")
    with pytest.raises(InvalidQueryError):
        views.save(owner, "a", "usre.id:7", "count")
    with pytest.raises(InvalidInputError, match="sort"):
        views.save(owner, "a", "", "x")
    for n in range(MAX_VIEWS):
        views.save(owner, f"{n}", "x" * 1_000, "count")
    with pytest.raises(InvalidInputError, match="There are 20 views already"):
        views.save(owner, "another", "", "count")
    views.save(owner, "7", "", "count")


def test_a_viewer_changes_views_of_their_own_and_no_shared_ones(project: Project) -> None:
    team = members.create_team("default", "web")
    members.set_project_teams(project.id, [team.id])
    members.add("default", ADA, "viewer", [team.id])
    own = views.save(views.of_member(ADA), "my issues", "is:open", "count")
    views.rename(views.of_member(ADA), own.id, "still my issues")
    views.set_default(views.of_member(ADA), own.id)
    ours = views.save(shared(project), "ours", "", "count")
    as_viewer = shared(project, "viewer")
    for refused in (
        lambda: views.save(as_viewer, "my issues", "is:open", "count"),
        lambda: views.rename(as_viewer, ours.id, "x"),
        lambda: views.set_default(as_viewer, ours.id),
        lambda: views.delete(as_viewer, ours.id),
    ):
        with pytest.raises(ForbiddenError):
            refused()
    assert views.find(as_viewer) == Views((ours,))
    found = views.find(views.of_member(ADA))
    assert found == Views((View(own.id, "still my issues", "is:open", "count"),), default=own.id)
    views.delete(views.of_member(ADA), own.id)
    assert names(views.of_member(ADA)) == []


def test_two_views_that_are_saved_at_once_are_both_kept(project: Project) -> None:
    for owner in (views.of_member(ADA), shared(project)):
        done: list[str] = []

        def save_first(call: Call, owner: views.Owner = owner, done: list[str] = done) -> Any:
            if call.operation in ("PutItem", "TransactWriteItems") and not done:
                done.append(call.operation)
                views.save(owner, "first", "", "count")
            return call.send()

        with watched(save_first):
            views.save(owner, "second", "", "count")
        assert done
        assert names(owner) == ["first", "second"]


def test_views_are_deleted_with_their_project_or_member(project: Project, busy: Project) -> None:
    for each in (project, busy):
        views.save(shared(each), "shared", "", "count")
    for email in ("bob@example.com", ADA):
        members.add("default", email, "owner")
        views.save(views.of_member(email), "own", "", "count")
    before = shared(project)
    delete_project.delete_project(project.id)
    assert f"project#{project.id}" not in rows()
    # Saving a form that is still open does not store them again.
    with pytest.raises(NotFoundError):
        views.save(before, "late", "", "count")
    assert f"project#{project.id}" not in rows()
    members.change("default", ADA, role="member")
    assert names(views.of_member(ADA)) == ["own"]
    members.remove("default", ADA)
    assert names(views.of_member(ADA)) == []
    assert names(views.of_member("bob@example.com")) == ["own"]


def test_only_changes_of_shared_views_are_in_the_audit_log(project: Project) -> None:
    actor = Actor(ADA, "203.0.113.9")
    with audit.acting(lambda: actor):
        views.save(views.of_member(ADA), "own", "", "count")
        saved = views.save(shared(project), "ours", "", "count")
        views.delete(shared(project), saved.id)
    entries, _ = audit.list_entries("default", "", 10)
    assert [(each.action, each.details) for each in entries] == [
        ("view deleted", "name ours"),
        ("view saved", "name ours"),
    ]
