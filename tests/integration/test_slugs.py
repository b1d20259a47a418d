"""Slugs of projects: no two share one. Short ids of issues: each leads to one issue."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from errata.config import settings
from errata.errors import InvalidInputError, NotFoundError, UnavailableError
from errata.models.issue import Issue
from errata.models.project import Project as Stored
from errata.store import clients, numbers, ranks
from errata.store import slugs as slugs_store
from errata.store.items import batch_put, write_all
from errata.store.project_items import project_key
from errata.usecases import (
    clear_project,
    delete_project,
    issues,
    organizations,
    projects,
    short_ids,
    slugs,
    unclaimed,
)
from tests.support.account import Clock, Project, rows
from tests.support.calls import Call, atomic, recorded, throttled, watched
from tests.support.cli import refusing
from tests.support.pages import send
from tests.support.scenarios import at_once
from tests.support.unclaimed import generated
from tests.support.visible import visible_in


def create(name: str = "shop", organization: str = "default") -> Stored:
    created = projects.create(name, organization=organization)
    assert created
    assert projects.find(created.project.id) == created.project
    return created.project


def stored() -> dict[tuple[str, str], str]:
    """Return the project of each slug row, by organization and slug."""
    return {
        (row["pk"]["S"].split("#")[1], row["sk"]["S"]): row["project_id"]["S"]
        for row in rows()["PROJECTS_TABLE"]
        if row["pk"]["S"].endswith("#slugs")
    }


def without_slug(project_id: str) -> Stored:
    """Make a project one of release 0.1.0."""
    project = projects.find(project_id)
    for action in slugs_store.release(project):
        clients.dynamodb().delete_item(**action["Delete"])
    clients.dynamodb().update_item(
        TableName=settings().projects_table,
        Key=project_key(project_id),
        UpdateExpression="REMOVE slugs",
    )
    return projects.find(project_id)


def interleave(operation: str, others: list[Any]) -> Any:
    """Before each call of an operation, call the next of `others`, while there is one."""

    def watch(call: Call) -> Any:
        if call.operation == operation and others:
            others.pop(0)()
        return call.send()

    return watched(watch)


# ------------------------------------------------------------------ a slug for each project


def test_projects_of_an_organization_never_share_a_slug() -> None:
    acme = organizations.create("acme").id
    made = [create(), create(), create("Shop!"), create(organization=acme)]
    assert [each.slug for each in made] == ["shop", "shop-2", "shop-3", "shop"]
    assert stored() == {
        ("default", "shop"): "1",
        ("default", "shop-2"): "2",
        ("default", "shop-3"): "3",
        (acme, "shop"): "4",
    }


def test_the_tenth_project_of_a_name_gets_its_id_or_random_digits_in_its_slug() -> None:
    made = [create().slug for _ in range(11)]
    assert made[8:] == ["shop-9", "shop-10", "shop-11"]
    projects.change_slug("1", "shop-12")
    assert len(create().slug) == len("shop-01234567")


def test_projects_that_are_created_at_once_get_different_slugs() -> None:
    with atomic():
        made = at_once(lambda _: create(), range(12))
    assert len({each.slug for each in made}) == 12
    assert stored() == {("default", each.slug): each.id for each in made}


def test_a_slug_that_is_taken_at_the_same_time_is_not_given_twice() -> None:
    create()
    with interleave("TransactWriteItems", [lambda: None, lambda: create()]):
        second = create()
    assert second.slug == "shop-3"
    assert len(stored()) == 3


def test_creating_a_project_with_an_existing_key_takes_no_slug() -> None:
    assert projects.create("shop", "mine")
    assert projects.create("blog", "mine") is None
    assert list(stored()) == [("default", "shop")]


def test_a_renamed_project_keeps_its_slug() -> None:
    create()
    projects.rename("1", "blog")
    assert projects.find("1").slug == "shop"
    assert create().slug == "shop-2"


# ------------------------------------------------------------------ another slug


def test_former_slugs_stay_reserved_for_their_project() -> None:
    create()
    create("blog")
    assert projects.change_slug("1", "store").slugs == ("store", "shop")
    assert projects.find("1").slugs == ("store", "shop")
    for taken in ("shop", "store"):
        with pytest.raises(InvalidInputError, match="has or had the slug"):
            projects.change_slug("2", taken)
    assert create().slug == "shop-2"
    assert projects.change_slug("1", "shop").slugs == ("shop", "store")
    assert projects.change_slug("1", "shop") == projects.find("1")
    assert projects.find("2").slugs == ("blog",)
    assert len(stored()) == 4


@pytest.mark.parametrize("slug", ["", "42", "Shop", "a b", "-a", "x" * 41, "本"])
def test_an_invalid_slug_is_refused(slug: str) -> None:
    create()
    with pytest.raises(InvalidInputError) as refused:
        projects.change_slug("1", slug)
    assert list(refused.value.errors) == ["slug"]
    assert projects.find("1").slugs == ("shop",)


def test_a_project_has_twenty_slugs_at_most() -> None:
    create()
    for number in range(slugs.MAX_SLUGS - 1):
        projects.change_slug("1", f"store-{number}")
    with pytest.raises(InvalidInputError, match="shop, store-0, "):
        projects.change_slug("1", "one-more")
    assert projects.change_slug("1", "shop").slug == "shop"
    assert len(stored()) == slugs.MAX_SLUGS


def test_two_changes_at_once_keep_all_slugs() -> None:
    create()
    with interleave("TransactWriteItems", [lambda: projects.change_slug("1", "theirs")]):
        projects.change_slug("1", "mine")
    assert projects.find("1").slugs == ("mine", "theirs", "shop")
    assert set(stored().values()) == {"1"}


def test_two_projects_that_want_a_slug_at_once_do_not_share_it() -> None:
    made = [create(f"p{number}").id for number in range(6)]

    def change(number: int) -> None:
        with suppress(InvalidInputError, UnavailableError):
            projects.change_slug(made[number], "wanted")

    with atomic():
        at_once(change, range(6))
    owners = [each for each in made if projects.find(each).slug == "wanted"]
    assert owners == [stored()["default", "wanted"]]


# ------------------------------------------------------------------ unclaimed, deleted


def test_an_unclaimed_project_gets_a_slug_when_it_is_adopted() -> None:
    create("from a script")
    project = generated()
    before = projects.find(project.id)
    assert before.slugs == ()
    assert slugs.shown(before) == before
    with pytest.raises(InvalidInputError, match="Adopt the project first"):
        projects.change_slug(project.id, "mine")
    assert projects.find(project.id) == before
    assert len(stored()) == 1
    adopted = unclaimed.adopt(project.id, "default")
    assert adopted == projects.find(project.id)
    assert adopted.slugs == ("from-a-script-2",)
    assert stored()["default", "from-a-script-2"] == project.id
    with pytest.raises(InvalidInputError, match="already belongs"):
        unclaimed.adopt(project.id, "default")


def test_a_project_that_is_adopted_several_times_at_once_has_one_slug() -> None:
    project = generated()
    organizations.create("acme")

    def adopt(number: int) -> bool:
        try:
            unclaimed.adopt(project.id, ["default", "1"][number % 2])
        except (InvalidInputError, UnavailableError):
            return False
        return True

    with atomic():
        assert sum(at_once(adopt, range(6))) == 1
    found = projects.find(project.id)
    assert stored() == {(found.organization, found.slug): project.id}


def test_the_slugs_of_a_deleted_project_are_free() -> None:
    create()
    projects.change_slug("1", "store")
    delete_project.delete_project("1")
    assert stored() == {}
    assert create().slug == "shop"


def test_a_slug_that_is_set_during_the_deletion_is_released() -> None:
    create()
    with interleave("TransactWriteItems", [lambda: projects.change_slug("1", "store")]):
        delete_project.delete_project("1")
    assert stored() == {}
    with pytest.raises(NotFoundError):
        projects.find("1")


def test_the_slower_of_two_deletions_frees_no_slug_of_another_project() -> None:
    create()

    def others() -> None:
        delete_project.delete_project("1")
        create()

    with interleave("TransactWriteItems", [others]):
        delete_project.delete_project("1")
    assert stored() == {("default", "shop"): "2"}


# ------------------------------------------------------------------ projects of release 0.1.0


def test_a_project_without_a_slug_gets_one_when_it_is_shown() -> None:
    create()
    before = without_slug("1")
    assert before.slugs == ()
    with recorded() as calls:
        shown = slugs.shown(before)
    assert shown == projects.find("1") == replace(before, slugs=("shop",))
    assert [each.operation for each in calls] == ["TransactWriteItems"]
    with recorded() as calls:
        slugs.shown(shown)
    assert calls == []


def test_a_project_without_a_slug_keeps_one_that_is_set_at_the_same_time() -> None:
    create()
    before = without_slug("1")
    with interleave("TransactWriteItems", [lambda: projects.change_slug("1", "mine")]):
        assert slugs.shown(before).slugs == ("mine",)
    assert projects.find("1").slugs == ("mine",)
    assert stored() == {("default", "mine"): "1"}


def test_a_reader_without_write_access_gives_a_project_no_slug() -> None:
    create()
    before = without_slug("1")
    with refusing("TransactWriteItems", "AccessDeniedException"):
        assert slugs.shown(before) == before
    assert stored() == {}


def test_a_project_without_a_slug_can_be_deleted() -> None:
    create()
    without_slug("1")
    delete_project.delete_project("1")
    assert stored() == {}


def test_a_deleted_project_without_a_slug_gets_none() -> None:
    create()
    before = without_slug("1")
    delete_project.delete_project("1")
    assert slugs.shown(before) == before
    assert stored() == {}


# ------------------------------------------------------------------ short ids


@pytest.fixture
def issue(busy: Project) -> Issue:
    """Return the second issue of the project `shop`."""
    send(busy, {"message": "first"})
    send(busy, {"message": "second"})
    (found,) = (each for each in issues.list_issues(visible_in(busy.id)) if each.number == 2)
    return found


def look_up(project: Project, name: str) -> Issue:
    return short_ids.find(projects.find(project.id), visible_in(project.id), name)


@pytest.mark.parametrize("name", ["SHOP-2", "shop-2", "ShOp-002", "2"])
def test_an_issue_is_found_by_its_short_id_in_two_calls(
    busy: Project, issue: Issue, name: str
) -> None:
    project, visible = projects.find(busy.id), visible_in(busy.id)
    with recorded() as calls:
        assert short_ids.find(project, visible, name) == issue
    assert [each.operation for each in calls] == ["BatchGetItem", "BatchGetItem"]
    (keys,) = (each["Keys"] for each in calls[0].parameters["RequestItems"].values())
    assert len(keys) == 4  # one for each status under which it may be found


def test_an_issue_is_found_by_its_id_too(busy: Project, issue: Issue) -> None:
    assert look_up(busy, issue.id) == issue


def test_an_issue_keeps_its_short_id_in_every_status(
    busy: Project, issue: Issue, clock: Clock
) -> None:
    for change in (issues.resolve, issues.reopen, issues.ignore, issues.reopen, issues.resolve):
        clock.advance(1)
        changed = change(visible_in(busy.id), issue.id, "ada")
        assert look_up(busy, "SHOP-2") == changed
    clock.advance(1)
    send(busy, {"message": "second"})
    assert look_up(busy, "SHOP-2").status == "regressed"


def test_number_rows_that_are_left_over_are_ignored(busy: Project, issue: Issue) -> None:
    partition = visible_in(busy.id).partition
    first = look_up(busy, "1")
    batch_put(
        settings().issues_table,
        [
            write_all({"pk": partition, "sk": ranks.number_key(status, number), "issue": of})
            for status, number, of in (
                ("ignored", 2, first.id),
                ("resolved", 2, "0" * 32),
                ("resolved", 3, first.id),
            )
        ],
    )
    assert len(numbers.ids_of_numbers(visible_in(busy.id), [2])) == 3
    assert look_up(busy, "SHOP-2") == issue
    with pytest.raises(NotFoundError):
        look_up(busy, "SHOP-3")


def test_an_issue_is_found_by_a_short_id_with_a_former_slug(busy: Project, issue: Issue) -> None:
    projects.change_slug(busy.id, "store")
    assert look_up(busy, "SHOP-2") == look_up(busy, "STORE-2") == issue


@pytest.mark.parametrize("name", ["BLOG-2", "SHOP-2-2", "2-2"])
def test_a_short_id_with_a_wrong_slug_is_refused_with_the_right_one(
    busy: Project, issue: Issue, name: str
) -> None:
    with pytest.raises(NotFoundError) as refused:
        look_up(busy, name)
    assert str(refused.value) == (
        f"The short ids of project 1 begin with SHOP, not with {name[:-2]}. Did you mean SHOP-2?"
    )


@pytest.mark.parametrize("name", ["SHOP-0", "SHOP-3", "3", "SHOP", "shop-", "", "x" * 500])
def test_an_unknown_short_id_is_not_found(busy: Project, issue: Issue, name: str) -> None:
    with pytest.raises(NotFoundError, match=r"has no (such )?issue"):
        look_up(busy, name)


def test_an_issue_of_an_unclaimed_project_is_found_by_its_number() -> None:
    project = generated()
    send(project, {"message": "boom"})
    assert look_up(project, "1").title == "boom"
    with pytest.raises(NotFoundError, match=r"have no short ids\. Use the number: 1\."):
        look_up(project, "FROM-A-SCRIPT-1")


def test_looking_up_a_short_id_gives_a_slug_to_a_project_of_release_0_1_0(
    busy: Project, issue: Issue
) -> None:
    without_slug(busy.id)
    assert look_up(busy, "SHOP-2") == issue
    assert projects.find(busy.id).slug == "shop"


def test_short_ids_of_cleared_and_deleted_issues_are_not_found(busy: Project, issue: Issue) -> None:
    issues.delete(visible_in(busy.id), issue.id, "ada")
    with pytest.raises(NotFoundError):
        look_up(busy, "SHOP-2")
    assert look_up(busy, "SHOP-1").title == "first"
    clear_project.clear(busy.id)
    with pytest.raises(NotFoundError):
        look_up(busy, "SHOP-1")
    send(busy, {"message": "first"})
    assert look_up(busy, "SHOP-3").title == "first"


def test_a_store_error_is_not_reported_as_a_missing_issue(busy: Project, issue: Issue) -> None:
    def watch(call: Call) -> Any:
        if call.operation == "BatchGetItem":
            raise throttled(call)
        return call.send()

    project, visible = projects.find(busy.id), visible_in(busy.id)
    with watched(watch), pytest.raises(UnavailableError):
        short_ids.find(project, visible, "SHOP-2")
