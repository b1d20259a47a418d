"""Deletion of a project: what remains, after an interruption or while clients still send."""

from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from errata.config import settings
from errata.errors import NotFoundError, StoreError
from errata.models.alert import AlertRule
from errata.models.assignee import Assigned, of_member
from errata.models.gateway_key import Gateway
from errata.models.issue_change import RESOLVE, Change
from errata.models.visible import issues_partition
from errata.store import clients as aws
from errata.store import issues, watermarks
from errata.store import projects as store
from errata.usecases import (
    access,
    alerts,
    assign,
    clear_project,
    comments,
    delete_project,
    projects,
    redrive,
    views,
    webhooks,
)
from errata.usecases.channels import AlertTarget
from errata.usecases.issues import change
from tests.support import calls, shelf, stream
from tests.support.account import Clock, Project, new_project, rows
from tests.support.clients import capture, errors, ingest, read
from tests.support.visible import all_issues, visible_in


def clean_up(project: Project) -> None:
    """Pass the watermark's stream record to cleanup."""
    stream.cleaned(project.id)


def filled(project: Project) -> Project:
    """Add events of both endpoints, an issue and a webhook to a project."""
    webhooks.add(project.id, "https://example.com/hook")
    assert ingest(project).status == 202
    assert capture(project).status == 200
    stream.pump(stream.records())
    assert all_issues(visible_in(project.id))
    return project


def set_up(project: Project) -> None:
    """Set up and write what people do: rules and channels, views, assignments, comments."""
    rule = AlertRule("", kinds=("new",), channels=())
    alerts.add(project.id, rule, [AlertTarget("slack", "https://hooks.slack.com/services/T/B/x")])
    owner = projects.find(project.id)
    visible = visible_in(project.id)
    views.save(views.of_project(owner, visible), "Ours", "is:open", "count")
    ada = Assigned(of_member("ada@example.com"), "ada@example.com")
    for issue in all_issues(visible):
        assign.assign(visible, issue.id, ada, "ben")
        comments.add(owner, visible, issue.id, "Look.", "ben", f"token-{issue.id}")
        change(visible, issue.id, Change(RESOLVE, release="9.0"), "ben")


def remains(project: Project) -> list[str]:
    """Return what the tables and SSM still hold of a project, except for what has to stay."""
    mine = (project.id, f"project#{project.id}")
    found = [
        f"{item['pk']['S']} {item['sk']['S']}"
        for table in ("EVENTS_TABLE", "ISSUES_TABLE", "PROJECTS_TABLE")
        for item in rows()[table]
        if item["pk"]["S"] in mine or item["pk"]["S"].startswith(f"{project.id}#")
    ]
    parameters = aws.ssm().get_parameters_by_path(Path="/", Recursive=True)["Parameters"]
    kept = {
        f"project#{project.id} deleted",
        *(f"{project.id}#state {x}" for x in ("clear", "counter")),
    }
    return [each for each in found if each not in kept] + [each["Name"] for each in parameters]


def test_a_deleted_project_leaves_only_revoked_keys(busy: Project, clock: Clock) -> None:
    other = filled(new_project())
    filled(busy)
    set_up(busy)
    assert delete_project.delete_project(busy.id) is None
    clean_up(busy)
    assert [each for each in remains(busy) if f"/{other.id}/" not in each] == []
    key, dsn = store.list_keys(busy.id)
    assert None not in (key.revoked_at, dsn.revoked_at)
    assert busy.id in store.list_deleted()
    with pytest.raises(NotFoundError):
        projects.find(busy.id)
    access.clear_cache()
    assert (ingest(busy).status, capture(busy).status) == (401, 403)
    assert len(read(other).json["data"]) == 2


def test_a_clear_keeps_the_settings_and_deletes_all_rows_of_issues(busy: Project) -> None:
    filled(busy)
    before = rows()["PROJECTS_TABLE"]
    set_up(busy)
    kept = {row["sk"]["S"].partition("#")[0] for row in rows()["PROJECTS_TABLE"]}
    assert kept >= {"webhook", "webhook_alerts", "views"}
    clear_project.clear(busy.id)
    clean_up(busy)
    assert {row["sk"]["S"].partition("#")[0] for row in rows()["PROJECTS_TABLE"]} == kept
    assert len(rows()["PROJECTS_TABLE"]) > len(before)
    assert [row["sk"]["S"] for row in rows()["ISSUES_TABLE"]] == ["numbers"]


def test_events_sent_with_a_cached_key_after_the_deletion_are_deleted(
    busy: Project, clock: Clock
) -> None:
    filled(busy)
    delete_project.delete_project(busy.id)
    clean_up(busy)
    late = [stream.event(busy.id, clock.ms + after) for after in (1, 29_000, 31_000)]
    stream.put(late)
    assert errors(busy) == []
    assert stream.deliver(stream.numbered(late)) == []
    assert remains(busy) == []


def test_a_legacy_error_stored_after_the_deletion_is_deleted_with_its_number(busy: Project) -> None:
    filled(busy)
    capture(busy)
    late = stream.stored_events()
    numbers = [row for row in rows()["EVENTS_TABLE"] if row["pk"]["S"] == f"{busy.id}#legacy"]
    delete_project.delete_project(busy.id)
    clean_up(busy)
    stream.put([*late, *numbers])
    assert stream.deliver(stream.numbered(late)) == []
    assert remains(busy) == []


@pytest.mark.parametrize(("error", "after"), [(calls.throttled, False), (calls.failing, True)])
def test_an_event_after_the_deletion_that_cannot_be_deleted_is_retried(
    busy: Project, clock: Clock, error: Any, after: bool
) -> None:
    filled(busy)
    delete_project.delete_project(busy.id)
    clean_up(busy)
    late = [stream.event(busy.id, clock.ms + 1)]
    stream.put(late)

    def refuse(call: calls.Call) -> Any:
        if call.operation != "BatchWriteItem":
            return call.send()
        if after:
            call.send()
        raise error(call)

    with calls.watched(refuse):
        assert stream.deliver(stream.numbered(late)) == ["1001"]
    assert stream.deliver(stream.numbered(late)) == []
    assert remains(busy) == []


def test_an_interrupted_deletion_is_finished_by_the_next_one(busy: Project, clock: Clock) -> None:
    for number in range(1, 40):
        project = filled(new_project())
        fault = calls.fault(number, calls.killed, after=True)
        with suppress(calls.Killed), fault as outcome:
            delete_project.delete_project(project.id)
        with suppress(NotFoundError):  # where it was the last step
            delete_project.delete_project(project.id)
        stream.cleaned(project.id, clears=2)
        assert remains(project) == []
        assert project.id in store.list_deleted()
        assert all(key.revoked_at for key in store.list_keys(project.id))
        if not outcome.struck:
            return
    raise AssertionError("it never came to an end")


def test_a_project_is_deleted_even_if_api_gateway_throttles_the_deletion_of_its_key(
    busy: Project,
) -> None:
    def response(call: calls.Call) -> Any:
        if call.operation == "DeleteApiKey":
            raise ClientError({"Error": {"Code": "TooManyRequestsException"}}, call.operation)
        return call.send()

    with calls.watched(response):
        assert isinstance(delete_project.delete_project(busy.id), StoreError)
    assert store.find_project(busy.id) is None


@pytest.mark.parametrize(
    ("operation", "left"),
    # The row of the gateway key that is left names it.
    [("DeleteApiKey", ["project#{} gateway#gk1"]), ("GetApiKeys", [])],
)
def test_a_project_is_deleted_even_if_api_gateway_does_not_respond(
    busy: Project, clock: Clock, operation: str, left: list[str]
) -> None:
    filled(busy)

    def response(call: calls.Call) -> Any:
        if call.operation == operation:
            raise ReadTimeoutError(endpoint_url="https://apigateway")
        return call.send()

    stack = Gateway("errata", "api", "prod", may_list=True)
    with calls.watched(response):
        assert isinstance(delete_project.delete_project(busy.id, stack), StoreError)
    assert store.find_project(busy.id) is None
    assert all(key.revoked_at for key in store.list_keys(busy.id))
    clean_up(busy)
    assert remains(busy) == [each.format(busy.id) for each in left]
    access.clear_cache()
    assert (ingest(busy).status, capture(busy).status) == (401, 403)


def test_a_redrive_finishes_a_dead_lettered_cleanup(busy: Project, clock: Clock) -> None:
    filled(busy)
    delete_project.delete_project(busy.id)
    aws.sqs().send_message(QueueUrl=settings().cleanup_dead_letter_url, MessageBody="{}")
    (letter,) = redrive.redrive_queue("cleanup")
    assert letter.done
    assert remains(busy) == []


def test_the_watermark_of_a_deleted_project_hides_every_legacy_number(busy: Project) -> None:
    filled(busy)
    delete_project.delete_project(busy.id)
    assert watermarks.find_watermark(busy.id).hides("0", 10**11)


def test_a_generation_is_deleted_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    pk = issues_partition("12", 0)
    shelf.put(pk, [shelf.issue(number) for number in range(60)])
    monkeypatch.setattr("moto.dynamodb.models.table.RESULT_SIZE_LIMIT", 6_000)
    with calls.recorded() as made:
        issues.delete_generation(pk)
    operations = [call.operation for call in made]
    # Deletes the rows of a page before it reads the next one: there may be millions of rows.
    last_query = max(n for n, operation in enumerate(operations) if operation == "Query")
    assert 0 < operations.index("BatchWriteItem") < last_query
    assert all_issues(visible_in("12")) == []
