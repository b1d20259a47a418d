"""`errata keys`."""

import re

import pytest

from errata.models.ids import now_ms
from errata.usecases import access
from errata.usecases.access import hash_key
from tests.support import clients
from tests.support.account import Project
from tests.support.cli import Deployed, done, failed, run

pytestmark = pytest.mark.usefixtures("deployed")


def test_another_key_opens_the_same_project(project: Project) -> None:
    made = done("keys", "create", project.id, "--label", "web", "--json").json
    key = made["api_key"]
    assert made == {
        "id": hash_key(key)[:12],
        "project_id": project.id,
        "kind": "api_key",
        "label": "web",
        "created_at": made["created_at"],
        "revoked_at": None,
        "dsn": None,
        "api_key": key,
    }
    assert clients.ingest(Project(project.id, key)).status == 202
    assert clients.ingest(project).status == 202


def test_a_new_key_is_printed_with_a_hint_that_it_is_shown_once(project: Project) -> None:
    id, label, key, hint = done("keys", "create", project.id, "--label", "web").out.splitlines()
    assert id.split() == ["id", hash_key(key.split()[1])[:12]]
    assert label.split() == ["label", "web"]
    assert hint == "Copy the key now. It is not shown again."


def test_another_dsn_is_created_and_listed_in_clear(deployed: Deployed, project: Project) -> None:
    made = done("keys", "create", project.id, "--dsn", "--label", "page", "--json").json
    public, _, rest = made["dsn"].removeprefix("https://").partition("@")
    assert rest == f"{deployed.api_id}.execute-api.us-east-1.amazonaws.com/v1/{project.id}"
    assert re.fullmatch("[0-9a-f]{32}", public)
    assert made == {
        "id": hash_key(public)[:12],
        "project_id": project.id,
        "kind": "dsn",
        "label": "page",
        "created_at": made["created_at"],
        "revoked_at": None,
        "dsn": made["dsn"],
    }
    opened = access.find_dsn(public, now_ms()).access
    assert opened
    assert opened.project_id == project.id
    *_, listed = done("keys", "list", project.id, "--json").json
    assert listed == made
    *_, row = done("keys", "list", project.id).out.splitlines()
    assert row.split()[:3] == [made["id"], "DSN", "page"]
    assert row.endswith(made["dsn"])


def test_a_new_dsn_is_printed(project: Project) -> None:
    id, label, dsn = done("keys", "create", project.id, "--dsn", "--label", "web").out.splitlines()
    assert (id.split()[0], label.split()) == ("id", ["label", "web"])
    *_, newest = done("keys", "list", project.id, "--json").json
    assert dsn.split() == ["DSN", newest["dsn"]]


def test_a_revoked_dsn_opens_nothing(project: Project) -> None:
    _, first = done("keys", "list", project.id, "--json").json
    revoked = done("keys", "revoke", project.id, first["id"], "--json").json
    assert revoked == first | {"revoked_at": revoked["revoked_at"]}
    access.clear_cache()
    assert access.find_dsn(project.public, now_ms()).access is None
    assert clients.ingest(project).status == 202


def test_keys_are_listed_without_the_secrets(project: Project) -> None:
    other = done("keys", "create", project.id, "--label", "a\x1b[2Jb", "--json").json
    done("keys", "revoke", project.id, other["id"])
    listed = done("keys", "list", project.id, "--json")
    first, _, second = listed.json
    assert set(first) == {"id", "project_id", "kind", "label", "created_at", "revoked_at", "dsn"}
    assert (first["id"], first["label"]) == (hash_key(project.key)[:12], "first key")
    assert first["revoked_at"] is None
    assert second["id"] == other["id"]
    assert second["revoked_at"] >= second["created_at"]
    table = done("keys", "list", project.id)
    heading, first_row, _, second_row = table.out.splitlines()
    assert heading.split()[:3] == ["ID", "KIND", "LABEL"]
    assert first_row.startswith(f"{first['id']}  API key  first key")
    assert r"a\x1b[2Jb" in second_row
    for secret in (project.key, hash_key(project.key), other["api_key"]):
        assert secret not in listed.out + table.out


def test_a_revoked_key_opens_nothing(project: Project) -> None:
    made = done("keys", "create", project.id, "--json").json
    revoked = done("keys", "revoke", project.id, made["id"], "--json").json
    assert (revoked["id"], revoked["revoked_at"] is None) == (made["id"], False)
    access.clear_cache()
    assert clients.ingest(Project(project.id, made["api_key"])).status == 401
    assert clients.ingest(project).status == 202


def test_revoking_a_key_again_changes_nothing(project: Project) -> None:
    key_id = hash_key(project.key)[:12]
    output = done("keys", "revoke", project.id, key_id).out
    assert output == f"Revoked key {key_id} (first key) of project {project.id}.\n"
    first = done("keys", "list", project.id, "--json").json
    done("keys", "revoke", project.id, key_id)
    assert done("keys", "list", project.id, "--json").json == first


def test_an_unknown_key_is_an_error(project: Project) -> None:
    assert failed("keys", "revoke", project.id, "abc") == (
        f"error: Project {project.id} has no key abc. See `errata keys list {project.id}`.\n"
    )


@pytest.mark.parametrize("label", ["", "  ", "x" * 201])
def test_a_label_has_1_to_200_characters(project: Project, label: str) -> None:
    output = failed("keys", "create", project.id, "--label", label)
    assert output == "error: label: The label must have 1 to 200 characters.\n"


def test_a_missing_argument_is_a_usage_error(project: Project) -> None:
    assert run("keys", "revoke", project.id).code == 2
