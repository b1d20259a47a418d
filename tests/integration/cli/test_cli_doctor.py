"""`errata doctor` in states that a deployed stack would take long to reach."""

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

from errata.cli.checks import read_only
from errata.cli.checks.base import Deployment
from errata.cli.checks.client import Client
from errata.cli.checks.requests import REQUESTS, send_all
from errata.cli.checks.trial import has_account, trial
from errata.cli.stack import DeployedStack
from errata.config import settings
from errata.errors import NoResponseError
from errata.models import temporary
from errata.models.audit import Actor
from errata.models.gateway_key import Gateway
from errata.models.ids import now_ms
from errata.store import accounts, tables
from errata.usecases import audit, projects
from tests.support import calls
from tests.support.certificates import Authority
from tests.support.cli import STACK, Deployed, aws, deploy_another, done, run
from tests.support.unclaimed import generated

URL = "https://errors.example.com"
READING = {"Describe", "Get", "List", "Query"}


def deployment(deployed: Deployed) -> Deployment:
    return Deployment(DeployedStack(URL, Gateway(STACK, deployed.api_id, "v1"), URL), local=False)


def test_it_warns_before_the_limit_of_unclaimed_projects_is_reached(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("errata.usecases.unclaimed.MAX_UNCLAIMED", 10)
    for _ in range(8):
        generated()
    (found,) = read_only.CHECKS["unclaimed projects"](deployment(deployed))
    assert (found.detail, found.remedy) == ("8 of at most 10", "")
    generated()
    (found,) = read_only.CHECKS["unclaimed projects"](deployment(deployed))
    assert found.detail.startswith("9 of at most 10 unclaimed projects exist.")
    assert "delete --unclaimed" in found.remedy


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--read-only", "--mail", "ada@example.com"], "--read-only or --mail, not both."),
        (["--read-only", "--url", URL], "--read-only or --url, not both."),
        (["--url", "errors.example.com"], "must begin with https:// or http://."),
    ],
)
def test_invalid_options_are_refused_with_the_reason(
    deployed: Deployed, options: list[str], reason: str
) -> None:
    ran = run("doctor", *options)
    assert (ran.code, ran.out) == (2, "")
    assert reason in ran.err


@pytest.mark.parametrize("default", [STACK, "errata-2"])
def test_a_remedy_acts_on_the_stack_that_was_checked(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, default: str
) -> None:
    deploy_another("errata-2")
    project = done("projects", "create", "shop", "--json", "--stack", "errata-2").json["id"]
    monkeypatch.setenv("ERRATA_STACK", default)
    monkeypatch.setattr("errata.usecases.unclaimed.MAX_UNCLAIMED", 0)
    gateway = aws("apigateway")
    for plan in gateway.get_usage_plans()["items"]:
        for key in gateway.get_usage_plan_keys(usagePlanId=plan["id"])["items"]:
            gateway.delete_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"])
    queue = settings().ledger_dead_letter_url
    aws("sqs").send_message(QueueUrl=queue, MessageBody="letter")
    found = run("doctor", "--read-only", "--json", "--stack", "errata-2").json["checks"]
    remedies = {each["name"]: each["remedy"] for each in found}
    option = "" if default == "errata-2" else " --stack errata-2"
    assert remedies["gateway keys"] == f"errata keys repair {project}{option}"
    assert remedies["dead letters"].endswith(f"errata redrive ledger{option}")
    assert remedies["unclaimed projects"].endswith(f"errata projects delete --unclaimed{option}")
    assert remedies["log role"].startswith("make deploy STACK=errata-2 SET=")


@pytest.mark.parametrize(("setting", "tables"), [("projects", 1), ("all", 3)])
def test_tables_of_the_parameter_need_point_in_time_recovery(
    deployed: Deployed, setting: str, tables: int
) -> None:
    looked_at = deployment(deployed)
    looked_at.__dict__["description"] = {
        "Parameters": [{"ParameterKey": "PointInTimeRecovery", "ParameterValue": setting}]
    }
    found = list(read_only.CHECKS["recovery"](looked_at))
    assert len([each for each in found if each.remedy]) == tables
    enabled: Any = {"PointInTimeRecoveryEnabled": True}
    names = (settings().projects_table, settings().events_table, settings().issues_table)
    for table in names[:tables]:
        aws("dynamodb").update_continuous_backups(
            TableName=table, PointInTimeRecoverySpecification=enabled
        )
    found = list(read_only.CHECKS["recovery"](looked_at))
    assert [each.remedy for each in found] == [""] * tables


def test_the_temporary_project_is_deleted_after_ctrl_c(deployed: Deployed) -> None:
    with suppress(KeyboardInterrupt), trial(deployment(deployed), URL, 0, "") as running:
        assert [each.name for each in projects.list_owned()] == [running.created.project.name]
        raise KeyboardInterrupt
    assert projects.list_owned() == []


def test_the_temporary_project_of_a_killed_run_is_deleted_by_the_next_run(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert projects.create("under way", project_id=temporary.new_id())
    monkeypatch.setattr("errata.usecases.projects.now_ms", lambda: now_ms() - 3_600_000)
    assert projects.create("killed", project_id=temporary.new_id())
    assert projects.create("errata-doctor-fedcba9876543210")
    monkeypatch.undo()
    with trial(deployment(deployed), URL, 0, ""):
        pass
    left = {each.name for each in projects.list_owned()}
    assert left == {"under way", "errata-doctor-fedcba9876543210"}


def test_after_a_run_the_tables_count_as_empty_so_that_a_backup_can_be_restored(
    deployed: Deployed,
) -> None:
    names = (settings().projects_table, settings().events_table, settings().issues_table)
    with trial(deployment(deployed), URL, 0, ""):
        pass
    assert all(tables.is_empty(name) for name in names)
    created = projects.create("shop")
    assert created
    assert created.project.id == "1"
    assert not tables.is_empty(settings().projects_table)


def test_rows_of_many_temporary_projects_do_not_hide_another_row(deployed: Deployed) -> None:
    left: Any = [{"pk": {"S": f"{temporary.new_id()}#state"}, "sk": {"S": "x"}} for _ in range(250)]
    tables.put_rows(settings().events_table, left)
    assert tables.is_empty(settings().events_table)
    # The scan of moto sorts: this row is on the last page.
    tables.put_rows(settings().events_table, [{"pk": {"S": "~"}, "sk": {"S": "x"}}])
    assert not tables.is_empty(settings().events_table)


def test_no_request_is_sent_while_a_backup_is_being_restored(deployed: Deployed) -> None:
    tables.begin_restore("backup")
    assert list(send_all(deployment(deployed), URL, 0, "")) == []
    (found,) = read_only.CHECKS["restore"](deployment(deployed))
    assert not found.ok


def test_a_run_leaves_no_entry_in_the_audit_log(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("errata.usecases.projects.now_ms", lambda: now_ms() - 3_600_000)
    assert projects.create("killed", project_id=temporary.new_id())
    monkeypatch.undo()
    with audit.acting(lambda: Actor("ada", "here")), trial(deployment(deployed), URL, 0, ""):
        pass
    assert projects.list_owned() == []
    assert audit.list_entries("default", "", 10) == ([], "")


def test_only_accounts_of_killed_runs_are_deleted(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    # moto dates all accounts now.
    monkeypatch.setattr("errata.cli.checks.trial._LEFT_AFTER_MS", -1_000)
    accounts.create("errata-doctor-0123@example.com", mailed=False)
    accounts.create("ada@example.com", mailed=False)
    with trial(deployment(deployed), URL, 0, ""):
        pass
    assert not has_account(deployment(deployed), "errata-doctor-0123@example.com")
    assert has_account(deployment(deployed), "ada@example.com")


def test_an_invitation_is_sent_and_its_account_deleted(deployed: Deployed) -> None:
    accounts.create("ada@example.com", mailed=False)
    with trial(deployment(deployed), URL, 0, "bob@example.com") as running:
        (found,) = REQUESTS["mail"](running)
        assert found.detail.startswith("Cognito accepted an invitation to bob@example.com.")
        assert not has_account(running.deployment, "bob@example.com")
        running.mail = "ada@example.com"
        (found,) = REQUESTS["mail"](running)
        assert found.detail == "ada@example.com has an account, so it cannot be invited."
        assert has_account(running.deployment, "ada@example.com")


def test_read_only_checks_only_read(deployed: Deployed) -> None:
    operations = set()

    def note(call: calls.Call) -> Any:
        operations.add(call.operation)
        return call.send()

    with calls.watched(note):
        for check in read_only.CHECKS.values():
            # moto does not support all of their calls.
            with suppress(Exception):
                list(check(deployment(deployed)))
    assert len(operations) > 10
    assert {re.split("(?<=[a-z])(?=[A-Z])", each)[0] for each in operations} <= READING


def test_account_limits_are_shown_and_a_reached_one_is_a_problem(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = read_only.CHECKS["limits"]
    made = len(aws("apigateway").get_usage_plans()["items"])
    keys, plans = look(deployment(deployed))
    assert (keys.detail, plans.detail) == ("0 of 10000 gateway keys", f"{made} of 300 usage plans")
    monkeypatch.setattr("errata.cli.checks.gateway.MOST_PLANS", made)
    _, plans = look(deployment(deployed))
    assert not plans.ok
    assert plans.detail.startswith(f"The account has {made} usage plans.")


def test_parameters_are_compared_with_what_this_checkout_has_deployed(
    deployed: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = {
        "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/errata/1",
        "Parameters": [{"ParameterKey": "RetentionDays", "ParameterValue": "90"}],
    }
    monkeypatch.setattr(Deployment, "description", described)
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    look = read_only.CHECKS["parameters"]
    (found,) = look(deployment(deployed))
    assert found.detail == "1; no deployments.json here to compare with"

    records = {"123456789012 eu-central-1 errata": {"deployed": {"RetentionDays": "90"}}}
    (tmp_path / "deployments.json").write_text(json.dumps(records))
    (found,) = look(deployment(deployed))
    assert (found.detail, found.remedy) == ("1, as make deploy has set them", "")

    records["123456789012 eu-central-1 errata"]["deployed"]["RetentionDays"] = "30"
    (tmp_path / "deployments.json").write_text(json.dumps(records))
    found, _ = look(deployment(deployed))
    assert found.ok
    assert found.detail == "RetentionDays is 90; make deploy had set it to 30."
    assert found.remedy.endswith('make deploy SET="RetentionDays=30"')


def test_orphans_are_noted_with_the_command_that_deletes_them(
    deployed: Deployed,
) -> None:
    look = read_only.CHECKS["orphans"]
    assert [each.detail for each in look(deployment(deployed))] == ["none"]

    table("gone-ProjectsTable-1ABC", index="listing")
    table("errata-ProjectsTable-0OLD", index="listing")  # of an earlier stack of this name
    table("others-ProjectsTable-1ABC", index="theirs")
    aws("ssm").put_parameter(Name="/errata/gone/webhooks/1/ab", Value="x", Type="String")
    aws("ssm").put_parameter(Name=f"/errata/{STACK}/webhooks/1/ab", Value="x", Type="String")
    aws("ssm").put_parameter(Name="/errata/stripe", Value="x", Type="String")
    for name in ("gone", "others"):
        aws("cognito-idp").create_user_pool(PoolName=name)
    aws("apigateway").create_api_key(name="gone-project-1-0123456789ab")
    aws("apigateway").create_api_key(name=f"{STACK}-project-1-0123456789ab")
    aws("apigateway").create_usage_plan(
        name="gone-600", description="600 requests a minute for each project key."
    )

    notes = [each for each in look(deployment(deployed)) if each.remedy]
    assert all(each.ok for each in notes)
    commands = [re.split(r" --| for |: ", each.remedy.rpartition("aws ")[2])[0] for each in notes]
    assert commands == [
        "dynamodb delete-table",
        "dynamodb delete-table",
        "ssm delete-parameter",
        "apigateway delete-api-key",
        "apigateway delete-usage-plan",
        "cognito-idp delete-user-pool",
    ]
    named = " ".join(each.detail for each in notes)
    assert "others" not in named
    assert "stripe" not in named


def table(name: str, index: str) -> None:
    keys = [{"AttributeName": "pk", "KeyType": "HASH"}]
    aws("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=keys,
        GlobalSecondaryIndexes=[
            {"IndexName": index, "KeySchema": keys, "Projection": {"ProjectionType": "ALL"}}
        ],
    )


class Server(BaseHTTPRequestHandler):
    """Responds with the statuses in `statuses`, one after the other."""

    statuses: ClassVar[list[int]] = []
    retry_after: ClassVar[str] = "0"
    body: ClassVar[bytes] = b""

    def do_GET(self) -> None:
        self.send_response(self.statuses.pop(0))
        self.send_header("Retry-After", self.retry_after)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.mark.parametrize(
    ("patience_s", "statuses", "seen"),
    [
        (60, [403, 401, 503, 200], 200),
        (0, [403, 200], 403),
        (60, [404, 200], 404),
        (0, [429, 429, 200], 200),
    ],
)
def test_statuses_that_a_new_deployment_may_return_are_retried(
    server: str,
    patience_s: int,
    statuses: list[int],
    seen: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("errata.cli.checks.client._PAUSE_S", 0.01)
    monkeypatch.setattr(Server, "statuses", list(statuses))
    client = Client(server, time.monotonic() + patience_s, time.monotonic() + 60)
    assert client.get("/").status == seen


@pytest.mark.parametrize(("hours", "left_s"), [(0, 300), (1, -3_300)])
def test_requests_are_retried_until_five_minutes_after_the_deployment(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, hours: int, left_s: int
) -> None:
    at = datetime.now(UTC) - timedelta(hours=hours)
    monkeypatch.setattr(Deployment, "deployed_at", at)
    with trial(deployment(deployed), URL, 300, "") as running:
        left = running.client.patient_until - time.monotonic()
        assert left == pytest.approx(left_s, abs=30)


def test_a_403_because_of_an_allowlist_is_not_retried(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Server, "statuses", [403])
    refusal = {"message": "API access is not allowed from this IP address."}
    monkeypatch.setattr(Server, "body", json.dumps(refusal).encode())
    soon = time.monotonic() + 60
    assert Client(server, soon, soon).get("/").status == 403


def test_a_429_with_a_long_retry_after_is_not_retried(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Server, "statuses", [429])
    monkeypatch.setattr(Server, "retry_after", "60")
    assert Client(server, 0, time.monotonic() + 60).get("/").status == 429


class ServerOfIPv6(ThreadingHTTPServer):
    """Listens on IPv6."""

    address_family = socket.AF_INET6


def test_ipv6_is_checked_at_the_address_with_the_host_name_of_the_api(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    monkeypatch.setattr(Server, "statuses", [404])
    look_up = REQUESTS["IPv6"]
    with ServerOfIPv6(("::1", 0), Server) as server:
        context = authority.context("errors.example.com")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, daemon=True).start()
        address = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0))
        with trial(deployment(deployed), f"{URL}:{server.server_port}", 0, "") as running:
            monkeypatch.setattr(socket, "getaddrinfo", resolving("errors.example.com", address))
            (found,) = look_up(running)
            assert (found.ok, found.detail) == (True, "::1")
            server.shutdown()
            server.server_close()
            (found,) = look_up(running)
            assert not found.ok
            assert found.detail.startswith("No response at ::1: ")


def resolving(name: str, address: Any) -> Any:
    """Return a resolver that knows an address of one name, and what the real one knows."""
    real = socket.getaddrinfo
    return lambda host, *how, **named: [address] if host == name else real(host, *how, **named)


def test_the_error_of_a_request_without_a_response_does_not_show_the_key() -> None:
    soon = time.monotonic() + 60
    with pytest.raises(NoResponseError) as refused:
        Client("http://127.0.0.1:9", 0, soon).get("/x?hash=secret")
    assert str(refused.value).startswith("No response from http://127.0.0.1:9/x: ")
    assert "secret" not in str(refused.value)
    with pytest.raises(NoResponseError, match="No time is left"):
        Client("http://127.0.0.1:9", 0, time.monotonic() - 1).get("/")
