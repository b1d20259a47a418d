"""Run the operator's command in this process, on a stack whose outputs it reads."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.exceptions import ClientError
from typer import testing
from typer.main import get_command

from errata.cli.app import app
from errata.store import clients
from tests.support import calls
from tests.support.account import created
from tests.support.fresh import TABLES
from tests.support.permissions import SUFFIX
from tests.support.snapshot import STACKS, Snapshot

STACK = "errata"
RETENTION_DAYS = "30"
LOCAL_URL = "http://127.0.0.1:4999"
# Typer builds all commands again for each run, which takes longer than most commands.
_command = cache(get_command)


_create_client: Any = botocore.session.Session.create_client
# By service and all that the environment says about AWS.
_clients: dict[object, Any] = {}


def _same_client(session: Any, service: str, **options: Any) -> Any:
    """Return CloudFormation's client, which each run of the command creates. That takes long.

    The clients of other services are created once per process by the product.
    """
    if service != "cloudformation" or options.keys() != {"config"}:
        return _create_client(session, service, **options)
    config = options["config"]._user_provided_options
    named = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    key = repr((sorted(named.items()), sorted(config.items())))
    if key not in _clients:
        _clients[key] = _create_client(session, service, **options)
    return _clients[key]


@dataclass(frozen=True)
class Ran:
    """The exit code of a run of the command, and its output."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def run(*arguments: str, stdin: bytes | None = None) -> Ran:
    """Run `errata`. Raise an unexpected exception, for which the command prints a traceback."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(testing, "_get_command", _command)
        patch.setattr(botocore.session.Session, "create_client", _same_client)
        result = testing.CliRunner().invoke(
            app, arguments, input=stdin, catch_exceptions=False, prog_name="errata"
        )
    return Ran(result.exit_code, result.stdout, result.stderr)


def done(*arguments: str, stdin: bytes | None = None) -> Ran:
    """Run `errata`, which must succeed and print nothing to stderr."""
    ran = run(*arguments, stdin=stdin)
    assert (ran.code, ran.err) == (0, ""), ran
    return ran


def failed(*arguments: str, stdin: bytes | None = None) -> str:
    """Run `errata`, which must fail. Return its stderr; every line of it must be an error."""
    ran = run(*arguments, stdin=stdin)
    assert (ran.code, ran.out) == (1, ""), ran
    assert all(line.startswith("error: ") for line in ran.err.splitlines()), ran.err
    return ran.err


@dataclass(frozen=True)
class Deployed:
    """Create the stack's API and its usage plan for the default rate."""

    api_id: str
    default_plan: str


@cache
def aws(service: Any) -> Any:
    """Return a client of the account. It is created once, because that takes long."""
    return boto3.client(service)


def deploy(stack: str = STACK, **changed: str | None) -> Deployed:
    """Create a stack with the template's outputs. `changed` replaces outputs; None removes one."""
    gateway = aws("apigateway")
    api = gateway.create_rest_api(name=stack)["id"]
    root = gateway.get_resources(restApiId=api)["items"][0]["id"]
    gateway.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
    gateway.put_integration(restApiId=api, resourceId=root, httpMethod="GET", type="MOCK")
    gateway.create_deployment(restApiId=api, stageName="v1")
    plan = gateway.create_usage_plan(
        name=f"{stack}-60",
        apiStages=[{"apiId": api, "stage": "v1"}],
        throttle={"rateLimit": 1, "burstLimit": 60},
    )["id"]
    gateway.create_usage_plan(
        name=f"{stack}-600-300",
        apiStages=[{"apiId": api, "stage": "v1"}],
        throttle={"rateLimit": 10, "burstLimit": 300},
    )
    outputs: dict[str, str | None] = {
        **{f"{table}Name": os.environ[setting] for setting, table in TABLES.items()},
        "RetentionDays": RETENTION_DAYS,
        "ApiId": api,
        "ApiUrl": f"https://{api}.execute-api.us-east-1.amazonaws.com/v1",
        "StageName": "v1",
        "DashboardUrl": os.environ["DASHBOARD_URL"],
        "DigestDeadLetterUrl": os.environ["DIGEST_DEAD_LETTER_URL"],
        "CleanupDeadLetterUrl": os.environ["CLEANUP_DEAD_LETTER_URL"],
        "WebhookDeadLetterUrl": os.environ["WEBHOOK_DEAD_LETTER_URL"],
        "LedgerDeadLetterUrl": os.environ["LEDGER_DEAD_LETTER_URL"],
        "CompileMapsDeadLetterUrl": os.environ["COMPILE_MAPS_DEAD_LETTER_URL"],
        "LogCaptureDeadLetterUrl": os.environ["LOG_CAPTURE_DEAD_LETTER_URL"],
        "MonitorDeadLetterUrl": os.environ["MONITOR_DEAD_LETTER_URL"],
        "MonitorQueueUrl": os.environ["MONITOR_QUEUE_URL"],
        "LogCaptureArn": "arn:aws:lambda:us-east-1:123456789012:function:errata-LogCapture-1",
        "ArtifactsTableName": os.environ["ARTIFACTS_TABLE"],
        "MapsBucketName": os.environ["MAPS_BUCKET"],
        "WebhookQueueUrl": os.environ["WEBHOOK_QUEUE_URL"],
        "WebhookSecrets": os.environ["WEBHOOK_SECRETS"],
        "WebhooksToLoopback": "on",
        "UserPoolId": os.environ["USER_POOL_ID"],
    }
    template = {
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {name: {"Value": value} for name, value in (outputs | changed).items() if value},
    }
    aws("cloudformation").create_stack(StackName=stack, TemplateBody=json.dumps(template))
    return Deployed(api, plan)


@cache
def _first_deployed() -> tuple[Snapshot, Deployed]:
    # The names of its tables, queues and user pool are the same in each test.
    made = deploy()
    # Almost all commands read these.
    aws("cloudformation").describe_stacks(StackName=STACK)
    aws("sts").get_caller_identity()
    return Snapshot(STACKS), made


@pytest.fixture
def deployed() -> Iterator[Deployed]:
    """Deploy a stack to the test's moto account. Restore the environment variables afterwards."""
    before = dict(os.environ)
    # Without the login of the person who runs the tests.
    os.environ["XDG_CONFIG_HOME"] = os.devnull
    snapshot, made = _first_deployed()
    snapshot.restore()
    yield made
    if os.environ.get("AWS_ENDPOINT_URL") != before.get("AWS_ENDPOINT_URL"):
        clients.clear_cache()
    os.environ.clear()
    os.environ.update(before)


def deploy_another(stack: str, **changed: str | None) -> Deployed:
    """Create a second stack, with tables, queues and a user pool of its own, all empty.

    The process uses it as soon as a command has named it with --stack.
    """
    with pytest.MonkeyPatch.context() as patch:
        for setting, value in created(SUFFIX + sha256(stack.encode()).hexdigest()[:8]).items():
            patch.setenv(setting, value)
        patch.setenv("WEBHOOK_SECRETS", f"/errata/{stack}/webhooks")
        return deploy(stack, **changed)


@pytest.fixture
def local(deployed: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Provide the folder of a running local stack as current directory, with its `local.json`."""
    write_local(tmp_path, LOCAL_URL)
    monkeypatch.chdir(tmp_path)
    with answering(LOCAL_URL):
        yield tmp_path


def write_local(folder: Path, url: str) -> None:
    """Write the `local.json` that `make run` writes."""
    settings = {
        "api_url": f"{url}/_aws/execute-api/abc/v1",
        "region": "us-east-1",
        "aws_endpoint_url": url,
        "aws_credentials": {"access_key_id": "AKIALOCAL", "secret_access_key": "hush"},
        "stack": STACK,
        "project": {"id": "1", "api_key": "0" * 32},
    }
    (folder / ".errata").mkdir()
    (folder / ".errata" / "local.json").write_text(json.dumps(settings))


@contextmanager
def answering(url: str) -> Iterator[None]:
    """Let this address serve all AWS services."""

    def response(call: calls.Call) -> Any:
        if call.client.meta.endpoint_url != url:
            return call.send()
        credentials = call.client._request_signer._credentials
        found = (credentials.access_key, credentials.secret_key, credentials.token)
        assert found == ("AKIALOCAL", "hush", None)
        service = call.client.meta.service_model.service_name
        real = boto3.client(service, endpoint_url=f"https://{service}.us-east-1.amazonaws.com")
        return real._make_api_call(call.operation, call.parameters)

    with calls.watched(response):
        yield


@contextmanager
def refusing(operation: str, code: str, message: str = "no.") -> Iterator[None]:
    """Let AWS respond to an operation with an error."""

    def response(call: calls.Call) -> Any:
        if call.operation == operation:
            raise ClientError({"Error": {"Code": code, "Message": message}}, operation)
        return call.send()

    with calls.watched(response):
        yield
