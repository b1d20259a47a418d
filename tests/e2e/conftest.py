"""End to end: the template, built and deployed on a local AWS that enforces IAM."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dev.process import CREDENTIALS
from dev.stack import LocalStack
from errata.usecases import projects
from tests.support.fresh import TABLES, forget_everything

# How long what happens behind the answer may take here; it takes a second or two.
PATIENCE_S = 60
# Where Stripe's signing secret lies, for the test that puts it there.
STRIPE_SECRET = "/errata-e2e/stripe"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """One stack for all tests; each makes projects of its own."""
    log = tmp_path_factory.mktemp("stack") / "ministack.log"
    parameters = {"LogLevel": "DEBUG", "StripeWebhookSecretParameter": STRIPE_SECRET}
    with LocalStack(log=log, parameters=parameters) as running:
        environment = {
            **CREDENTIALS,
            "AWS_ENDPOINT_URL": running.endpoint_url,
            "AWS_DEFAULT_REGION": running.region,
            "RETENTION_DAYS": running.outputs["RetentionDays"],
            **{name: running.outputs[f"{table}Name"] for name, table in TABLES.items()},
        }
        before = dict(os.environ)
        os.environ.update(environment)
        forget_everything()
        yield running
        os.environ.clear()
        os.environ.update(before)
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
    return created[0].id, created[1]


def eventually[T](look: Callable[[], T], wanted: Callable[[T], bool]) -> T:
    """What `look` sees once it is as wanted."""
    until = time.monotonic() + PATIENCE_S
    while not wanted(seen := look()):
        assert time.monotonic() < until, f"still {seen!r} after {PATIENCE_S} s"
        time.sleep(0.1)
    return seen
