"""What an operator has to see and repair, on the local stack."""

import json

import pytest
import requests

from dev.stack import LocalStack
from errata.models.event import pack
from errata.models.ids import new_event_id, now_ms
from errata.models.loss import LINE
from errata.store import events
from errata.usecases import issues, projects
from tests.integration.test_losses import batch
from tests.support import template
from tests.support.cli import done
from tests.support.deployed import eventually
from tests.support.visible import counted, visible_in

type Created = tuple[str, str]


def test_the_alarms_and_the_dashboard_are_created(stack: LocalStack) -> None:
    cloudwatch = stack.client("cloudwatch")
    alarms = cloudwatch.describe_alarms()["MetricAlarms"]
    assert len(alarms) == len(template.of_type("AWS::CloudWatch::Alarm", "Operations"))
    watched = {each["Value"] for alarm in alarms for each in alarm["Dimensions"]}
    assert not [value for value in watched if "{" in value]
    response = cloudwatch.get_dashboard(DashboardName=f"{stack.stack_name}-operations")
    widgets = json.loads(response["DashboardBody"])["widgets"]
    assert len(widgets) >= 6
    assert "${" not in response["DashboardBody"]


@pytest.mark.usefixtures("digest_dead_letters")
def test_a_dead_lettered_event_is_counted_by_a_redrive_after_its_repair(
    stack: LocalStack, project: Created, errata: str
) -> None:
    project_id, _ = project
    assert stack
    event_id, later = new_event_id(now_ms()), now_ms() // 1000 + 3600
    events.put(events.item(project_id, event_id, "a" * 32, None, b"not zlib", later))
    fine = pack({"message": "fine", "fingerprint": "fine"})
    events.put(events.item(project_id, new_event_id(now_ms()), "a" * 32, None, fine, later))
    eventually(lambda: list(issues.list_issues(visible_in(project_id))), bool)
    shown = ("redrive", "digest", "--stack", errata, "--json")
    letters = eventually(
        lambda: done(*shown, "--dry-run").json,
        lambda found: any(event_id in each["what"] for each in found),
    )
    assert not any(each["done"] for each in letters)

    repaired = pack({"message": "mended", "fingerprint": "fine"})
    events.put(events.item(project_id, event_id, "a" * 32, None, repaired, later))
    assert any(each["done"] for each in done(*shown).json)
    (issue,) = issues.list_issues(visible_in(project_id))
    assert issue.count == 2
    assert not any(event_id in each["what"] for each in done(*shown, "--dry-run").json)


def test_lost_and_accepted_events_are_counted(
    stack: LocalStack, project: Created, errata: str
) -> None:
    project_id, key = project
    for message in ("boom", 5, 6):
        requests.post(
            f"{stack.api_url}/api/ingest",
            json={"message": message},
            headers={"X-Api-Key": key},
            timeout=30,
        )
    requests.post(f"{stack.api_url}/api.php", json={"hash": key}, timeout=30)
    eventually(lambda: counted(project_id), lambda found: found == (1, {"invalid": 3}))
    assert "accepted" in done("stats", project_id, "--stack", errata, "--json").out


def test_security_reports_are_events_and_crash_reports_are_losses(stack: LocalStack) -> None:
    created = projects.create("shop")
    assert created
    key, path = created.public, f"/api/{created.project.id}"
    # The function's own URL, and the API.
    at_url, at_api = (base + path for base in (stack.sdk_url, stack.api_url))
    assert at_url != at_api
    report = {"csp-report": {"effective-directive": "img-src", "blocked-uri": "data"}}
    kept = requests.post(f"{at_url}/security/?sentry_key={key}", json=report, timeout=30)
    assert kept.status_code == 200, kept.text
    for url in (f"{at_url}/minidump/?sentry_key={key}", f"{at_api}/unreal/{key}/"):
        refused = requests.post(url, data=b"MDMP", timeout=30)
        assert refused.status_code == 415
        assert refused.json()["detail"].startswith("Errata cannot read crash reports")
    eventually(lambda: counted(created.project.id), lambda found: found == (1, {"unsupported": 2}))
    (issue,) = issues.list_issues(visible_in(created.project.id))
    assert issue.title == "Blocked image from data"


def test_lost_events_that_were_not_counted_are_counted_by_a_redrive(
    stack: LocalStack, project: Created, errata: str
) -> None:
    project_id, _ = project
    # MiniStack tries a log's subscriber once, and its CloudFormation leaves out a function's
    # dead-letter queue: the test puts the unchanged event there, as AWS does.
    event = batch([LINE % (project_id, "quota")] * 2, now_ms())
    for _ in range(2):
        stack.client("sqs").send_message(
            QueueUrl=stack.outputs["LedgerDeadLetterUrl"], MessageBody=json.dumps(event)
        )
        redriven = done("redrive", "ledger", "--stack", errata, "--json").json
        assert [each["done"] for each in redriven] == [True]
    assert counted(project_id) == (0, {"quota": 2})
