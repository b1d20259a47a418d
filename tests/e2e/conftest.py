"""End to end: the template, built and deployed on a local AWS that enforces IAM."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from dev.process import CREDENTIALS
from dev.stack import LocalStack
from errata.cli.target import SETTINGS
from errata.config import settings
from errata.usecases import projects
from tests.support.chromium import chromium
from tests.support.fresh import TABLES, forget_everything
from tests.support.team import Team, new_team

# How long what happens behind the answer may take here; it takes a second or two.
PATIENCE_S = 60
# Where Stripe's signing secret lies, for the test that puts it there.
STRIPE_SECRET = "/errata-e2e/stripe"
# As an operator would who wants to know everything.
PARAMETERS = {
    "LogLevel": "DEBUG",
    "AlarmTopicArn": "arn:aws:sns:us-east-1:000000000000:operators",
    "StripeWebhookSecretParameter": STRIPE_SECRET,
}
HERE = Path(__file__).parent
# These wait for most of their time: begun first, they leave no process alone at the end.
SLOWEST = ("test_upgrade", "test_webhooks", "test_run", "test_orgs", "test_emulators")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest."""
    mine = [item for item in items if item.path.parent == HERE]
    rank = {name: number for number, name in enumerate(SLOWEST)}
    mine.sort(key=lambda item: rank.get(item.path.stem, len(rank)))
    items[:] = [item for item in items if item.path.parent != HERE] + mine


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """One stack for all tests of a process; each makes projects of its own."""
    log = tmp_path_factory.mktemp("stack") / "ministack.log"
    with LocalStack(log=log, parameters=PARAMETERS) as running:
        yield running


@pytest.fixture(autouse=True)
def _settings_of_the_stack(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # For each test anew: other tests of the session have an AWS of their own.
    environment = {
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": stack.endpoint_url,
        "AWS_DEFAULT_REGION": stack.region,
        "RETENTION_DAYS": stack.outputs["RetentionDays"],
        "WEBHOOK_QUEUE_URL": stack.outputs["WebhookQueueUrl"],
        "WEBHOOK_SECRETS": stack.outputs["WebhookSecrets"],
        "USER_POOL_ID": stack.outputs["UserPoolId"],
        "WEBHOOKS_TO_LOOPBACK": stack.outputs["WebhooksToLoopback"],
        **{name: stack.outputs[f"{table}Name"] for name, table in TABLES.items()},
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    forget_everything()
    yield
    monkeypatch.undo()
    forget_everything()


@pytest.fixture(scope="session")
def log(stack: LocalStack) -> Path:
    """Where the local AWS writes what the functions print."""
    assert stack.log is not None
    return stack.log


@pytest.fixture
def project(stack: LocalStack) -> tuple[str, str]:
    """A project: its id and its key."""
    created = projects.create("shop")
    assert created
    return created.project.id, created.key


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real one, without a screen."""
    with chromium() as running:
        yield running


@pytest.fixture
def team(stack: LocalStack) -> Team:
    """Somebody with a project, and the password that opens its dashboard."""
    return new_team(stack.dashboard_url, stack.api_url)


@pytest.fixture
def errata(stack: LocalStack) -> Iterator[str]:
    """The stack's name, for the command, which changes the environment."""
    before = {name: os.environ.get(name) for name in SETTINGS.values()}
    yield stack.stack_name
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    settings.cache_clear()


def eventually[T](
    look: Callable[[], T], wanted: Callable[[T], bool], patience_s: float = PATIENCE_S
) -> T:
    """What `look` sees once it is as wanted."""
    until = time.monotonic() + patience_s
    while not wanted(seen := look()):
        assert time.monotonic() < until, f"still {seen!r} after {patience_s} s"
        time.sleep(0.1)
    return seen
