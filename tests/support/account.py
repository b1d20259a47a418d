"""An empty AWS account with the template's resources: in moto, or in an emulator that listens.

`ERRATA_EMULATOR_URL` names an emulator, for example the local stack's, and `ERRATA_EMULATOR_KEY`
its credentials, with a colon between id and secret. The store's tests then also run there. Each
process has its own tables, which are empty when a test starts.
"""

import atexit
import dataclasses
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from itertools import batched
from typing import Any, NamedTuple

import botocore.session
import pytest
from botocore.config import Config
from moto import mock_aws

from errata.config import settings
from errata.store import clients, queues
from errata.store import projects as projects_store
from errata.usecases import projects
from tests.support import calls, parameters, permissions, template
from tests.support.fresh import TABLES, clear_cache
from tests.support.moto_caches import keep
from tests.support.snapshot import DATA, Snapshot, begin, step

EMULATOR_URL = os.environ.get("ERRATA_EMULATOR_URL", "")
EMULATORS = ["moto", "local"] if EMULATOR_URL else ["moto"]

# Setting → the queue's logical id in the template.
QUEUES = {
    "DIGEST_DEAD_LETTER_URL": "DigestDeadLetterQueue",
    "CLEANUP_DEAD_LETTER_URL": "CleanupDeadLetterQueue",
    "WEBHOOK_DEAD_LETTER_URL": "WebhookDeadLetterQueue",
    "LEDGER_DEAD_LETTER_URL": "LedgerDeadLetterQueue",
    "COMPILE_MAPS_DEAD_LETTER_URL": "CompileMapsDeadLetterQueue",
    "LOG_CAPTURE_DEAD_LETTER_URL": "LogCaptureDeadLetterQueue",
    "WEBHOOK_QUEUE_URL": "WebhookQueue",
    "MONITOR_DEAD_LETTER_URL": "MonitorDeadLetterQueue",
    "MONITOR_QUEUE_URL": "MonitorQueue",
}
# Properties of the user pool that have the same names in Cognito's API.
_OF_THE_POOL = (
    "UsernameAttributes",
    "UsernameConfiguration",
    "AutoVerifiedAttributes",
    "AccountRecoverySetting",
    "Policies",
)
# Rows of a BatchWriteItem.
MAX_BATCH = 25
# Where the product's clients lead.
_emulator = "moto"
# Enough for any test that is not about rate limits: one token per millisecond.
UNLIMITED = 60_000
_DAY_NS = 86_400 * 10**9
_MIDDAY_NS = 45_000 * 10**9


@contextmanager
def account(emulator: str) -> Iterator[None]:
    """Create the template's tables and queues, empty, and settings that name them."""
    with pytest.MonkeyPatch.context() as patch, _reached(emulator, patch):
        clear_cache()
        made = _restored() if emulator == "moto" else _emptied()
        for setting, value in made.items():
            patch.setenv(setting, value)
        patch.setenv("WEBHOOK_SECRETS", "/errata/errata/webhooks")
        patch.setenv("WEBHOOKS_TO_LOOPBACK", "on")
        patch.setenv("DASHBOARD_URL", "https://errors.example.com/dashboard")
        patch.setenv("STACK_NAME", "errata")
        patch.setenv("SCHEDULE_GROUP", "ScheduleGroup")
        patch.setenv("MONITOR_QUEUE_ARN", "arn:aws:sqs:us-east-1:123456789012:MonitorQueue")
        patch.setenv("MONITOR_DEAD_LETTER_ARN", "arn:aws:sqs:us-east-1:123456789012:MonitorDead")
        patch.setenv("SCHEDULER_ROLE_ARN", "arn:aws:iam::123456789012:role/SchedulerRole")
        patch.setenv("MAPS_BUCKET", "errata-maps")
        patch.setenv("UNMETERED_KEY", "unmetered-gateway-key")
        patch.setenv("LIMITED_KEY", "limited-gateway-key")
        # An emulator is one server, which responds at once.
        patch.setattr(queues, "WAIT_S", 0)
        settings.cache_clear()
        with calls.watched(_valid):
            yield
    clear_cache()


def _restored() -> dict[str, str]:
    """Restore the account that was created first in moto. Return the settings that name it."""
    snapshot, made = _first()
    snapshot.restore()
    begin()
    return made


@cache
def _first() -> tuple[Snapshot, dict[str, str]]:
    # A handler that a test module imports has made clients, maybe before moto was imported.
    clients.clear_cache()
    made = created("")
    return Snapshot(DATA), made


def _emptied() -> dict[str, str]:
    """Delete the rows of this process's tables in the emulator. Return the settings that name them.

    Messages and users stay: no test that runs there makes any.
    """
    made = _of_this_process()
    dynamodb = _admin("dynamodb")
    for setting, table in TABLES.items():
        name = made[setting]
        keys = [key["AttributeName"] for key in template.tables()[table]["KeySchema"]]
        pages = dynamodb.get_paginator("scan").paginate(TableName=name)
        rows = [{key: row[key] for key in keys} for page in pages for row in page["Items"]]
        for some in batched(rows, MAX_BATCH, strict=False):
            deletes = [{"DeleteRequest": {"Key": row}} for row in some]
            left = dynamodb.batch_write_item(RequestItems={name: deletes})["UnprocessedItems"]
            assert not left
    return made


@cache
def _of_this_process() -> dict[str, str]:
    """Create tables, queues and a user pool in the emulator. They are deleted when Python ends."""
    made = created(f"{permissions.SUFFIX}{uuid.uuid4().hex[:8]}")
    atexit.register(_delete, made)
    return made


def _delete(made: dict[str, str]) -> None:
    dynamodb, sqs, cognito = (
        _patient_client(service, EMULATOR_URL) for service in ("dynamodb", "sqs", "cognito-idp")
    )
    for setting in TABLES:
        dynamodb.delete_table(TableName=made[setting])
    for setting in QUEUES:
        sqs.delete_queue(QueueUrl=made[setting])
    cognito.delete_user_pool(UserPoolId=made["USER_POOL_ID"])


def created(suffix: str) -> dict[str, str]:
    """Create tables, queues and the user pool. Return the settings that name them."""
    for definition in template.tables().values():
        # Without a stream: see `tests.support.moto_transactions`.
        table = {key: each for key, each in definition.items() if key != "StreamSpecification"}
        name = definition["TableName"] + suffix
        _admin("dynamodb").create_table(**{**table, "TableName": name})
    made = {setting: name + suffix for setting, name in TABLES.items()}
    for setting, name in QUEUES.items():
        made[setting] = _admin("sqs").create_queue(QueueName=name + suffix)["QueueUrl"]
    made["USER_POOL_ID"], made["USER_POOL_CLIENT_ID"] = _user_pool()
    return made


def _admin(service: str) -> Any:
    """Return a client that waits. On a busy machine, the product's clients would send it again."""
    return _patient_client(service, os.environ.get("AWS_ENDPOINT_URL"))


@cache
def _patient_client(service: str, _endpoint_url: str | None) -> Any:
    config = Config(read_timeout=60, retries={"mode": "standard", "total_max_attempts": 1})
    return botocore.session.get_session().create_client(service, config=config)


def _user_pool() -> tuple[str, str]:
    """Create the template's user pool, without invitation texts, and its client. Return the ids."""
    (properties,) = template.of_type("AWS::Cognito::UserPool").values()
    kept = {name: properties[name] for name in _OF_THE_POOL}
    pool = _admin("cognito-idp").create_user_pool(
        PoolName="errata", AdminCreateUserConfig={"AllowAdminCreateUserOnly": True}, **kept
    )["UserPool"]["Id"]
    properties = template.of_type("AWS::Cognito::UserPoolClient")["UserPoolClient"]
    client = _admin("cognito-idp").create_user_pool_client(
        **{**properties, "UserPoolId": pool, "ClientName": "errata"}
    )["UserPoolClient"]["ClientId"]
    return pool, client


@contextmanager
def _reached(emulator: str, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Connect to moto or the emulator."""
    if emulator == "moto":
        keep()
        with mock_aws():
            _use_clients_of(emulator)
            yield
    else:
        key, _, secret = os.environ["ERRATA_EMULATOR_KEY"].partition(":")
        patch.setenv("AWS_ACCESS_KEY_ID", key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        patch.setenv("AWS_ENDPOINT_URL", EMULATOR_URL)
        _use_clients_of(emulator)
        yield


def _use_clients_of(emulator: str) -> None:
    """Drop the product's clients if they lead to another emulator. They take long to create."""
    global _emulator
    if _emulator != emulator:
        clients.clear_cache()
    _emulator = emulator


def _valid(call: calls.Call) -> Any:
    """Check a call's permission, and the shape of its parameters: the clients do not."""
    permissions.check(call)
    model = call.client.meta.service_model.operation_model(call.operation)
    parameters.check(model, call.parameters)
    return call.send()


def dead_letters() -> list[str]:
    """Return the bodies of the messages that digest has dead-lettered."""
    url = settings().digest_dead_letter_url
    response = clients.sqs().receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [message["Body"] for message in response.get("Messages", [])]


def rows() -> dict[str, list[dict[str, Any]]]:
    """Return all rows of all tables but token buckets: refused requests change these, too."""
    found = {}
    for setting in TABLES:
        scan = clients.dynamodb().get_paginator("scan")
        pages = scan.paginate(
            TableName=os.environ[setting],
            ConsistentRead=True,
            FilterExpression="NOT begins_with(pk, :bucket)",
            ExpressionAttributeValues={":bucket": {"S": "bucket#"}},
        )
        found[setting] = [item for page in pages for item in page["Items"]]
    return found


def row_counts() -> list[int]:
    """Return the number of rows per table, without token buckets. Faster than reading the rows."""
    return [
        clients.dynamodb().scan(
            TableName=os.environ[setting],
            Select="COUNT",
            ConsistentRead=True,
            FilterExpression="NOT begins_with(pk, :bucket)",
            ExpressionAttributeValues={":bucket": {"S": "bucket#"}},
        )["Count"]
        for setting in TABLES
    ]


class Project(NamedTuple):
    """A project as its clients know it. `public` is the public key of its DSN."""

    id: str
    key: str
    public: str = ""


def new_project(
    rate_limit: int = UNLIMITED, retention_days: int | None = None, *, metered: bool = False
) -> Project:
    """Create a project with its first keys, and a rate limit that no test reaches by accident.

    `metered`: the gateway counts the project's requests, so each makes one DynamoDB call less.
    """
    kind = ("project", rate_limit, retention_days, metered)
    return step(kind, lambda: _new_project(rate_limit, retention_days, metered))


def _new_project(rate_limit: int, retention_days: int | None, metered: bool) -> Project:
    created = projects.create("shop")
    assert created
    project = created.project
    changed = dataclasses.replace(project, rate_limit=rate_limit, retention_days=retention_days)
    projects_store.save_settings(project, changed)
    if metered:
        for record in projects_store.list_keys(project.id):
            named = dataclasses.replace(record, usage_key="gateway-key", usage_key_id="gk1")
            projects_store.save_usage_key(named)
    return Project(project.id, created.key, created.public)


class Clock:
    """The time of this process. It advances only when a test says so."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        # A whole second, because tests of rate limits and expiry count in seconds.
        self.ns = (time.time_ns() // 10**9) * 10**9
        patch.setattr(time, "time_ns", lambda: self.ns)
        patch.setattr(time, "sleep", self.advance)

    @property
    def ms(self) -> int:
        """Milliseconds since the epoch."""
        return self.ns // 10**6

    def advance(self, seconds: float) -> None:
        """Advance the time by seconds."""
        self.ns += round(seconds * 10**9)

    def days(self, days: float) -> None:
        """Advance the time by days."""
        self.advance(days * 86_400)

    def to_midday(self) -> None:
        """Advance to the next 12:30 UTC, for tests that count by hour or day."""
        self.ns += (_MIDDAY_NS - self.ns) % _DAY_NS

    def to_mid_month(self) -> None:
        """Advance to 12:30 UTC on the next 15th, for tests that count by month."""
        self.to_midday()
        while datetime.fromtimestamp(self.ns // 10**9, UTC).day != 15:
            self.days(1)
