"""`errata keys`."""

import pytest

from errata.usecases import access
from errata.usecases.access import hash_key
from tests.support import clients
from tests.support.account import Project
from tests.support.cli import done, failed, run

pytestmark = pytest.mark.usefixtures("deployed")


def test_another_key_opens_the_same_project(project: Project) -> None:
    made = done("keys", "create", project.id, "--label", "web", "--json").json
    key = made["api_key"]
    assert made == {
        "id": hash_key(key)[:12],
        "project_id": project.id,
        "label": "web",
        "created_at": made["created_at"],
        "revoked_at": None,
        "api_key": key,
    }
    assert clients.ingest(Project(project.id, key)).status == 202
    assert clients.ingest(project).status == 202


def test_people_see_a_key_once(project: Project) -> None:
    id, label, key, hint = done("keys", "create", project.id, "--label", "web").out.splitlines()
    assert id.split() == ["id", hash_key(key.split()[1])[:12]]
    assert label.split() == ["label", "web"]
    assert hint == "Keep the key: it is not shown again."


def test_keys_are_listed_without_themselves(project: Project) -> None:
    other = done("keys", "create", project.id, "--label", "a\x1b[2Jb", "--json").json
    done("keys", "revoke", project.id, other["id"])
    listed = done("keys", "list", project.id, "--json")
    first, second = listed.json
    assert set(first) == {"id", "project_id", "label", "created_at", "revoked_at"}
    assert (first["id"], first["label"]) == (hash_key(project.key)[:12], "first key")
    assert first["revoked_at"] is None
    assert second["id"] == other["id"]
    assert second["revoked_at"] >= second["created_at"]
    table = done("keys", "list", project.id)
    heading, first_row, second_row = table.out.splitlines()
    assert heading.split()[:2] == ["ID", "LABEL"]
    assert first_row.startswith(f"{first['id']}  first key")
    assert r"a\x1b[2Jb" in second_row
    for secret in (project.key, hash_key(project.key), other["api_key"]):
        assert secret not in listed.out + table.out


def test_a_revoked_key_opens_nothing(project: Project) -> None:
    made = done("keys", "create", project.id, "--json").json
    revoked = done("keys", "revoke", project.id, made["id"], "--json").json
    assert (revoked["id"], revoked["revoked_at"] is None) == (made["id"], False)
    access.forget()
    assert clients.ingest(Project(project.id, made["api_key"])).status == 401
    assert clients.ingest(project).status == 202


def test_to_revoke_a_key_again_changes_nothing(project: Project) -> None:
    key_id = hash_key(project.key)[:12]
    said = done("keys", "revoke", project.id, key_id).out
    assert said == f"Revoked key {key_id} (first key) of project {project.id}.\n"
    first = done("keys", "list", project.id, "--json").json
    done("keys", "revoke", project.id, key_id)
    assert done("keys", "list", project.id, "--json").json == first


def test_a_key_that_is_not_there(project: Project) -> None:
    assert failed("keys", "revoke", project.id, "abc") == (
        f"error: Project {project.id} has no key abc. See `errata keys list {project.id}`.\n"
    )


@pytest.mark.parametrize("label", ["", "  ", "x" * 201])
def test_a_label_has_1_to_200_characters(project: Project, label: str) -> None:
    said = failed("keys", "create", project.id, "--label", label)
    assert said == "error: label: The label must have 1 to 200 characters.\n"


def test_a_wrong_use_is_typer_s(project: Project) -> None:
    assert run("keys", "revoke", project.id).code == 2
