"""Work after the response: digest, dead letters, cleanup, policies, logs."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import ClientError

from dev.stack import LocalStack
from errata.models.event import pack
from errata.models.ids import new_event_id, now_ms
from errata.store import events, issue_deletions
from errata.usecases import issues, projects
from tests.support import template
from tests.support.deployed import eventually
from tests.support.visible import visible_in

type Created = tuple[str, str]


def queue_url(stack: LocalStack, logical_id: str) -> str:
    resource = stack.client("cloudformation").describe_stack_resource(
        StackName=stack.stack_name, LogicalResourceId=logical_id
    )
    url: str = resource["StackResourceDetail"]["PhysicalResourceId"]
    return url


@pytest.mark.usefixtures("digest_dead_letters")
def test_an_unreadable_event_is_dead_lettered_and_does_not_block_others(
    stack: LocalStack, project: Created
) -> None:
    project_id, _ = project
    broken = new_event_id(now_ms())
    later = now_ms() // 1000 + 3600
    events.put(events.item(project_id, broken, "f" * 32, None, b"not zlib", later))
    good = pack({"message": "fine", "fingerprint": "fine"})
    events.put(events.item(project_id, new_event_id(now_ms()), "a" * 32, None, good, later))

    (issue,) = eventually(lambda: list(issues.list_issues(visible_in(project_id))), bool)
    assert (issue.title, issue.count) == ("fine", 1)
    sqs, url = stack.client("sqs"), queue_url(stack, "DigestDeadLetterQueue")
    response = eventually(lambda: sqs.receive_message(QueueUrl=url), lambda a: "Messages" in a)
    (message,) = response["Messages"]
    body = json.loads(message["Body"])
    assert (body["project_id"], body["event_id"]) == (project_id, broken)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def test_cleared_events_and_issues_are_deleted(stack: LocalStack, project: Created) -> None:
    project_id, key = project
    # The cleanup function leaves what expires within 30 days to DynamoDB.
    projects.change(project_id, rate_limit=None, retention_days=90)
    error = {"hash": key, "level": "Error", "message": "old"}
    for _ in range(3):
        requests.post(f"{stack.api_url}/api.php", json=error, timeout=30).raise_for_status()
    requests.post(
        f"{stack.api_url}/api/ingest", json={"message": "old too", "api_key": key}, timeout=30
    ).raise_for_status()
    eventually(
        lambda: len(list(issues.list_issues(visible_in(project_id)))), lambda count: count == 2
    )

    requests.get(f"{stack.api_url}/api.php?action=clear&hash={key}", timeout=30).raise_for_status()
    assert list(issues.list_issues(visible_in(project_id))) == []
    dynamodb = stack.client("dynamodb")

    def remains() -> list[Any]:
        found = []
        for table in ("EventsTableName", "IssuesTableName"):
            items = dynamodb.scan(TableName=stack.outputs[table])["Items"]
            found += [i for i in items if i["pk"]["S"].split("#")[0] == project_id]
        return [item["sk"]["S"] for item in found]

    # The timer of the clear's recent ids expires a day later. The numbers of issues continue.
    left = eventually(remains, lambda found: len(list(found)) <= 4)
    assert sorted(left) == ["clear", "counter", "numbers", "recent"]


def test_the_events_of_a_deleted_issue_are_deleted(stack: LocalStack, project: Created) -> None:
    project_id, key = project
    error = {"hash": key, "level": "Error", "message": "gone"}
    for _ in range(2):
        requests.post(f"{stack.api_url}/api.php", json=error, timeout=30).raise_for_status()
    kept = {"message": "kept", "api_key": key}
    requests.post(f"{stack.api_url}/api/ingest", json=kept, timeout=30).raise_for_status()
    found = eventually(
        lambda: list(issues.list_issues(visible_in(project_id))), lambda all_: len(all_) == 2
    )
    (issue,) = (each for each in found if each.count == 2)
    issues.resolve(visible_in(project_id, now_ms()), issue.id, "anna@example.com")
    issues.delete(visible_in(project_id, now_ms()), issue.id, "anna@example.com")

    def read() -> list[str]:
        url = f"{stack.api_url}/api/projects/{project_id}/events"
        page = requests.get(url, headers={"X-Api-Key": key}, timeout=30).json()
        return [event["message"] for event in page["data"]]

    eventually(read, lambda messages: messages == ["kept"], patience_s=20)
    # The worker looks again when all events in flight must have been stored.
    eventually(lambda: issue_deletions.list_cleanup_tasks(project_id), lambda tasks: not tasks)
    requests.post(f"{stack.api_url}/api.php", json=error, timeout=30).raise_for_status()
    again = eventually(
        lambda: list(issues.list_issues(visible_in(project_id))), lambda all_: len(all_) == 2
    )
    assert sorted(each.count for each in again) == [1, 1]


def dynamodb_of(stack: LocalStack, function: str) -> Any:
    """Return a client of DynamoDB with the role of a function."""
    role = stack.client("cloudformation").describe_stack_resource(
        StackName=stack.stack_name, LogicalResourceId=f"{function}Role"
    )["StackResourceDetail"]["PhysicalResourceId"]
    assumed = stack.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::000000000000:role/{role}", RoleSessionName="test"
    )["Credentials"]
    return boto3.client(
        "dynamodb",
        endpoint_url=stack.endpoint_url,
        region_name=stack.region,
        aws_access_key_id=assumed["AccessKeyId"],
        aws_secret_access_key=assumed["SecretAccessKey"],
        aws_session_token=assumed["SessionToken"],
    )


@pytest.mark.parametrize("function", sorted(template.of_type("AWS::Serverless::Function")))
def test_no_function_may_scan_or_delete_a_table(stack: LocalStack, function: str) -> None:
    dynamodb = dynamodb_of(stack, function)
    tables = [value for name, value in stack.outputs.items() if name.endswith("TableName")]
    for table in tables:
        with pytest.raises(ClientError, match="AccessDenied"):
            dynamodb.scan(TableName=table)
        with pytest.raises(ClientError, match="AccessDenied"):
            dynamodb.delete_table(TableName=table)


@pytest.mark.parametrize(
    ("function", "table", "own", "of_others"),
    [
        ("IngestFunction", "IdempotencyTableName", "once#e2e", "session#e2e"),
        ("LedgerFunction", "IdempotencyTableName", "lost#e2e", "session#e2e"),
        ("IngestFunction", "EventsTableName", "e2e", "e2e#state"),
        ("SentryIngestFunction", "EventsTableName", "e2e", "e2e#legacy"),
        ("LegacyApiFunction", "ProjectsTableName", "key#e2e", "user#e2e"),
    ],
)
def test_a_function_can_write_only_its_own_rows(
    stack: LocalStack, function: str, table: str, own: str, of_others: str
) -> None:
    dynamodb = dynamodb_of(stack, function)

    def row(pk: str) -> dict[str, Any]:
        # Expired, so that nobody counts it.
        item = {"pk": {"S": pk}, "sk": {"S": "e2e"}, "ttl": {"N": "1"}}
        return {"TableName": stack.outputs[table], "Item": item}

    dynamodb.put_item(**row(own))
    dynamodb.transact_write_items(TransactItems=[{"Put": row(own)}])
    with pytest.raises(ClientError, match="AccessDenied"):
        dynamodb.put_item(**row(of_others))
    with pytest.raises(ClientError, match="AccessDenied"):
        dynamodb.transact_write_items(TransactItems=[{"Put": row(own)}, {"Put": row(of_others)}])


def test_keys_are_not_logged(stack: LocalStack, log: Path) -> None:
    created = projects.create("secret")
    assert created
    project_id, key = created.project.id, created.key
    url = stack.api_url
    for header in ({"X-Api-Key": key}, {"Authorization": f"Bearer {key}"}, {}):
        body = {"message": 5, "api_key": key}
        requests.post(f"{url}/api/ingest", json=body, headers=header, timeout=30)
    requests.get(f"{url}/api/projects/{project_id}/events?api_key={key}&level=no", timeout=30)
    requests.get(f"{url}/api.php?action=errors&hash={key}&since=x", timeout=30)
    requests.post(f"{url}/api.php", json={"hash": key}, timeout=30)

    logs = stack.client("logs")
    lines = log.read_text()
    groups = logs.get_paginator("describe_log_groups").paginate().search("logGroups[].logGroupName")
    for group in groups:
        for event in logs.filter_log_events(logGroupName=group)["events"]:
            lines += event["message"]
    assert len(lines) > 1000
    assert key not in lines
