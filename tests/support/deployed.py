"""Fixtures of the deployed stack: the template on a local AWS that enforces IAM.

All processes of a test run share one stack. The first process that asks for it deploys it, and
stops it when the last one is done.
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from dev.process import AwsCredentials
from dev.stack import LocalStack
from errata.cli.stack import SETTINGS
from errata.config import settings
from errata.store import clients
from errata.usecases import projects
from tests.support.fresh import TABLES, clear_cache
from tests.support.team import Team, new_team

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# How long asynchronous work may take in tests. It usually takes a second or two.
PATIENCE_S = 60
# The SSM parameter for Stripe's signing secret. One test creates it.
STRIPE_SECRET = "/errata-e2e/stripe"
SENDER = "errata@example.com"
MAILS = "/_ministack/ses/messages"
# The settings of an operator who wants to see everything.
PARAMETERS = {
    "LogLevel": "DEBUG",
    "AlarmTopicArn": "arn:aws:sns:us-east-1:000000000000:operators",
    "StripeWebhookSecretParameter": STRIPE_SECRET,
    "MailIdentityArn": f"arn:aws:ses:us-east-1:000000000000:identity/{SENDER}",
}


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all processes of this test run share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def stack(shared: Path) -> Iterator[LocalStack]:
    """Provide the stack of this test run. Each test creates its own projects."""
    address, log = shared / "stack.json", shared / "ministack.log"
    with (shared / "stack-users.lock").open("w") as users, contextlib.ExitStack() as cleanup:
        with locked(shared / "stack.lock"):
            if owner := not address.exists():
                running = cleanup.enter_context(LocalStack(log=log, parameters=PARAMETERS))
                running.client("ses").verify_email_identity(EmailAddress=SENDER)
                address.touch(mode=0o600)
                address.write_text(json.dumps([running.endpoint_url, asdict(running.credentials)]))
            else:
                url, credentials = json.loads(address.read_text())
                running = LocalStack.running(url, AwsCredentials(**credentials), log=log)
            fcntl.flock(users, fcntl.LOCK_SH)
        yield running
        if owner:
            with locked(shared / "stack.lock"):
                address.unlink()  # whoever comes later deploys another stack
            fcntl.flock(users, fcntl.LOCK_EX)  # waits until nobody else uses it


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of this file, which only one process has at a time."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def digest_dead_letters(shared: Path) -> Iterator[None]:
    """Reserve the digest's dead-letter queue for this test: others would receive its messages."""
    with locked(shared / "digest-dead-letters.lock"):
        yield


@pytest.fixture(scope="module")
def clients_of_the_stack(stack: LocalStack) -> Iterator[None]:
    """Let the tests of a module share the product's clients, which take long to create."""
    # Tests of other modules use another AWS.
    clients.clear_cache()
    yield
    clients.clear_cache()


@pytest.fixture(autouse=True)
def settings_of_the_stack(
    stack: LocalStack, clients_of_the_stack: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Point this process at the stack."""
    # Repeated for each test, because other tests of the session use another AWS.
    environment = {
        **stack.environment,
        "RETENTION_DAYS": stack.outputs["RetentionDays"],
        "WEBHOOK_QUEUE_URL": stack.outputs["WebhookQueueUrl"],
        "WEBHOOK_SECRETS": stack.outputs["WebhookSecrets"],
        "USER_POOL_ID": stack.outputs["UserPoolId"],
        # A stack without SES has no identity, and one of release 0.1.0 no topic.
        "MAIL_IDENTITY": stack.outputs.get("MailIdentityArn", ""),
        "ALERT_TOPIC": stack.outputs.get("AlertTopicArn", ""),
        "WEBHOOKS_TO_LOOPBACK": stack.outputs["WebhooksToLoopback"],
        # Releases before source maps have neither their table nor their bucket.
        "MAPS_BUCKET": stack.outputs.get("MapsBucketName", ""),
        **{name: stack.outputs.get(f"{table}Name", "") for name, table in TABLES.items()},
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    clear_cache()
    yield
    monkeypatch.undo()
    clear_cache()


@pytest.fixture(scope="session")
def log(stack: LocalStack) -> Path:
    """Return the file to which the local AWS writes the output of the functions."""
    assert stack.log is not None
    return stack.log


@pytest.fixture
def project(stack: LocalStack) -> tuple[str, str]:
    """Create a project. Return its id and its key."""
    created = projects.create("shop")
    assert created
    return created.project.id, created.key


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Run a real browser, without a screen."""
    # Tests without a browser need not have Playwright.
    from tests.support.chromium import chromium

    with chromium() as running:
        yield running


@pytest.fixture
def team(stack: LocalStack) -> Team:
    """Return a user with a project, and the user's password for the dashboard."""
    return new_team(stack.dashboard_url, stack.api_url)


@pytest.fixture
def errata(stack: LocalStack) -> Iterator[str]:
    """Yield the stack's name for the command, and restore the environment that it changes."""
    before = {name: os.environ.get(name) for name in SETTINGS.values()}
    yield stack.stack_name
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    settings.cache_clear()


def mails_to(stack: LocalStack, address: str) -> list[dict[str, Any]]:
    """Return the mails that SES has sent to an address, oldest first."""
    request: Any = AWSRequest("GET", f"{stack.endpoint_url}{MAILS}")
    credentials = Credentials(stack.credentials.access_key_id, stack.credentials.secret_access_key)
    SigV4Auth(credentials, "ses", stack.region).add_auth(request)
    response = requests.get(request.url, headers=dict(request.headers), timeout=30)
    response.raise_for_status()
    found = [each for mails in response.json()["messages"].values() for each in mails]
    return [each for each in found if address in each["To"]]


def eventually[T](
    look: Callable[[], T], wanted: Callable[[T], bool], patience_s: float = PATIENCE_S
) -> T:
    """Return the result of `look` once it is as `wanted`. Look less often, the longer it takes."""
    started = time.monotonic()
    while not wanted(seen := look()):
        waited_s = time.monotonic() - started
        assert waited_s < patience_s, f"still {seen!r} after {patience_s} s"
        time.sleep(max(0.1, waited_s / 20))
    return seen


def pass_month_end(within_s: float = 60) -> None:
    """Sleep `within_s` if a month (UTC) ends within it: each month has a quota of its own."""
    now = datetime.now(UTC)
    if (now + timedelta(seconds=within_s)).month != now.month:
        time.sleep(within_s)
