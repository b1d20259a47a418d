"""The access patterns of ProjectsTable, on every emulator (see tests/support/account.py)."""

from dataclasses import replace

import pytest

from errata.errors import LimitReachedError, SlugTakenError, StoreError
from errata.models.organization import UNCLAIMED
from errata.models.project import ApiKey, Project
from errata.store import creation_counts, projects, slugs, unclaimed
from tests.support.unclaimed import counted

PROJECT = Project("12", "shop", created_at=7, rate_limit=60, retention_days=None)
KEY = ApiKey("a" * 64, "12", "first key", created_at=7)
DSN = ApiKey("0" * 64, "12", "first DSN", created_at=7, public="0123456789abcdef" * 2)


def test_project_ids_are_consecutive_numbers() -> None:
    assert [projects.next_project_id() for _ in range(3)] == ["1", "2", "3"]


def test_a_project_is_stored_with_its_first_key_or_not_at_all() -> None:
    assert projects.add_project(PROJECT, [KEY])
    assert projects.find_project("12") == PROJECT
    assert projects.find_key(KEY.hash) == KEY
    assert not projects.add_project(replace(PROJECT, id="13"), [replace(KEY, project_id="13")])
    assert not projects.add_project(PROJECT, [replace(KEY, hash="b" * 64)])
    assert projects.find_project("13") is None
    assert projects.find_key("b" * 64) is None
    assert projects.find_key(KEY.hash) == KEY


def test_a_project_is_stored_with_all_its_first_keys_or_none() -> None:
    other = replace(PROJECT, id="13")
    assert projects.add_project(PROJECT, [KEY, DSN])
    assert projects.find_key(DSN.hash) == DSN
    # The API key comes first, whatever the hashes say.
    assert projects.list_keys("12") == [KEY, DSN]
    assert not projects.add_project(other, [replace(KEY, hash="b" * 64), DSN])
    assert projects.find_key("b" * 64) is None
    assert projects.find_project("13") is None


def test_a_key_is_never_given_to_another_project() -> None:
    projects.add_project(PROJECT, [KEY])
    assert not projects.add_key(replace(KEY, project_id="13"))
    assert projects.add_key(replace(KEY, hash="b" * 64, label="another"))
    found = projects.find_key(KEY.hash)
    assert found
    assert found.project_id == "12"


def test_projects_and_keys_are_listed_oldest_first() -> None:
    for number in (2, 10, 1):
        project = replace(PROJECT, id=str(number))
        projects.add_project(project, [replace(KEY, hash=f"{number:064}", project_id=str(number))])
    assert [project.id for project in projects.list_owned()] == ["1", "2", "10"]
    for at_ms in (30, 9, 1_795_341_600_000):
        projects.add_key(replace(KEY, hash=f"{at_ms:064}", project_id="2", created_at=at_ms))
    found = projects.list_keys("2")
    assert [key.created_at for key in found] == [7, 9, 30, 1_795_341_600_000]
    assert projects.list_keys("3") == []


def test_a_revoked_key_stays_revoked_and_on_the_list() -> None:
    projects.add_project(PROJECT, [KEY])
    projects.save_usage_key(replace(KEY, usage_key="u", usage_key_id="i"))
    projects.revoke_key(KEY.hash, 100)
    projects.revoke_key(KEY.hash, 200)
    revoked = replace(KEY, revoked_at=100)
    assert projects.find_key(KEY.hash) == revoked
    assert projects.list_keys("12") == [revoked]
    assert not projects.add_key(KEY)
    with pytest.raises(StoreError):
        projects.revoke_key("b" * 64, 100)


def test_settings_are_changed_and_reset_to_the_default() -> None:
    projects.add_project(PROJECT, [KEY])
    before = PROJECT
    for changed in (
        replace(PROJECT, rate_limit=600, retention_days=7),
        replace(PROJECT, rate_limit=61),
        PROJECT,
        PROJECT,
        replace(PROJECT, name="another", retention_days=3),
    ):
        projects.save_settings(before, changed)
        before = changed
        assert projects.find_project("12") == changed
    with pytest.raises(StoreError):
        projects.save_settings(PROJECT, replace(PROJECT, id="13", name="another"))
    assert projects.find_project("13") is None


def test_concurrent_changes_of_different_settings_are_both_saved() -> None:
    projects.add_project(PROJECT, [KEY])
    # Both have read the project before either saves.
    projects.save_settings(PROJECT, replace(PROJECT, name="another"))
    projects.save_settings(PROJECT, replace(PROJECT, rate_limit=600))
    projects.save_settings(PROJECT, replace(PROJECT, retention_days=7))
    both = replace(PROJECT, name="another", rate_limit=600, retention_days=7)
    assert projects.find_project("12") == both


def test_a_gateway_key_is_saved_with_a_key() -> None:
    projects.add_project(PROJECT, [KEY])
    metered = replace(KEY, usage_key="u", usage_key_id="i")
    projects.save_usage_key(metered)
    assert projects.find_key(KEY.hash) == metered


def test_projects_of_one_organization_are_listed_in_parts() -> None:
    for number in range(1, 13):
        owner = "3" if number % 2 else "default"
        project = replace(PROJECT, id=str(number), organization=owner)
        projects.add_project(project, [replace(KEY, hash=f"{number:064}", project_id=str(number))])
    found, stopped = projects.some_projects("3", "", pages=None)
    assert ([each.id for each in found], stopped) == (["1", "3", "5", "7", "9", "11"], "")
    found, _ = projects.some_projects("3", "7", pages=1)
    assert [each.id for each in found] == ["9", "11"]
    assert projects.some_projects("4", "", pages=1) == ([], "")


def adopted(project: Project) -> Project:
    """Return the project in organization 3, where its slug is free."""
    return replace(project, organization="3", slugs=("shop",), expires_at=None)


def test_an_unclaimed_project_is_only_in_the_list_of_unclaimed_projects() -> None:
    kept = replace(PROJECT, id="13", organization=UNCLAIMED)
    generated = replace(kept, id="12", expires_at=1_000)
    for each in (generated, kept):
        number = [creation_counts.one_more_unclaimed(2)]
        assert projects.add_project(each, [replace(KEY, hash=each.id, project_id=each.id)], number)
    with pytest.raises(LimitReachedError) as limit:
        projects.add_project(replace(kept, id="14"), [], [creation_counts.one_more_unclaimed(2)])
    assert limit.value.index == 0
    assert projects.list_owned() == []
    assert projects.list_unclaimed() == [generated, kept]


def test_a_generated_project_expires_unless_it_is_kept_in_time() -> None:
    generated = replace(PROJECT, organization=UNCLAIMED, expires_at=1_000)
    projects.add_project(generated, [KEY, DSN], [creation_counts.one_more_unclaimed(1)])
    assert unclaimed.some_expired(5, 999) == []
    assert not unclaimed.remove_expired("12", 999)
    assert not unclaimed.keep("12", 1_000)
    assert not unclaimed.adopt(adopted(generated), 1_000)
    assert projects.find_project("12") == generated
    assert unclaimed.keep("12", 999)
    assert unclaimed.keep("12", 2_000)
    assert projects.find_project("12") == replace(generated, expires_at=None)
    assert unclaimed.some_expired(5, 2_000) == []
    assert not unclaimed.remove_expired("12", 2_000)
    assert not unclaimed.keep("13", 1)


def test_adopting_or_removing_an_unclaimed_project_decrements_the_counter_once() -> None:
    shop = replace(PROJECT, organization=UNCLAIMED)
    other = replace(shop, id="13")
    for each in (shop, other):
        projects.add_project(each, [], [creation_counts.one_more_unclaimed(2)])
    assert counted() == 2
    projects.add_project(replace(PROJECT, id="14", organization="4", slugs=("shop",)), [])
    with pytest.raises(SlugTakenError):
        unclaimed.adopt(replace(adopted(shop), organization="4"), 1)
    assert projects.find_project("12") == shop
    assert counted() == 2
    assert unclaimed.adopt(adopted(shop), 1)
    assert not unclaimed.adopt(replace(adopted(shop), organization="4"), 1)
    with pytest.raises(StoreError):
        projects.remove_project(shop, 1)  # as it was read before the adoption
    assert projects.find_project("12") == adopted(shop)
    assert counted() == 1
    projects.remove_project(other, 1)
    with pytest.raises(StoreError):
        projects.remove_project(other, 1)
    assert not unclaimed.adopt(adopted(other), 1)
    assert projects.remove_project(adopted(shop), 1)
    assert counted() == 0
    assert projects.list_unclaimed() == []
    assert [each.id for each in projects.list_owned()] == ["14"]


def test_a_slug_is_taken_in_its_organization_until_its_project_is_deleted() -> None:
    shop = replace(PROJECT, slugs=("shop",))
    other = replace(shop, id="13")
    assert projects.add_project(shop, [KEY])
    assert projects.find_project("12") == shop
    with pytest.raises(SlugTakenError):
        projects.add_project(other, [DSN])
    assert projects.find_project("13") is None
    assert projects.add_project(replace(other, organization="3"), [])
    assert slugs.taken("3", ["shop", "blog"]) == {"shop"}
    assert slugs.taken("4", ["shop"]) == set()
    assert projects.remove_project(shop, 1)
    assert not projects.remove_project(shop, 1)
    assert projects.add_project(replace(other, id="14"), [])


def test_slugs_are_saved_unless_they_changed_or_another_project_has_the_first() -> None:
    shop, blog = replace(PROJECT, slugs=("shop",)), replace(PROJECT, id="13")
    projects.add_project(shop, [])
    projects.add_project(blog, [])
    with pytest.raises(SlugTakenError):
        slugs.save_slugs(blog, replace(blog, slugs=("shop",)))
    store = replace(shop, slugs=("store", "shop"))
    assert slugs.save_slugs(shop, store)
    assert not slugs.save_slugs(shop, replace(shop, slugs=("other", "shop")))
    assert slugs.save_slugs(store, replace(shop, slugs=("shop", "store")))
    assert slugs.taken("default", ["shop", "store", "other"]) == {"shop", "store"}
    assert not projects.remove_project(store, 1)  # as it was read before the change
    assert slugs.save_slugs(blog, replace(blog, slugs=("blog",)))
    assert not slugs.save_slugs(blog, replace(blog, slugs=("mine",)))
    assert not slugs.save_slugs(replace(blog, id="14"), replace(blog, id="14", slugs=("gone",)))
    assert slugs.taken("default", ["gone", "mine"]) == set()


def test_removing_an_expired_project_removes_its_keys_and_decrements_the_counter() -> None:
    generated = replace(PROJECT, organization=UNCLAIMED, expires_at=1_000)
    count = [creation_counts.one_more_unclaimed(1)]
    projects.add_project(generated, [KEY, DSN], count)
    assert unclaimed.some_expired(5, 1_000) == ["12"]
    assert unclaimed.remove_expired("12", 1_000)
    assert not unclaimed.remove_expired("12", 1_000)
    assert projects.find_project("12") is None
    assert (projects.find_key(KEY.hash), projects.find_key(DSN.hash)) == (None, None)
    assert projects.add_project(replace(generated, id="13"), [KEY], count)
