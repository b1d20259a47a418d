"""Integration tests: the real handlers over moto, with the tables of the template."""

import os
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from errata.usecases import projects
from tests.support import template
from tests.support.fresh import TABLES, forget_everything


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty account with the template's tables and queues."""
    with mock_aws():
        for definition in template.tables().values():
            boto3.client("dynamodb").create_table(**definition)
        sqs = boto3.client("sqs")
        dead = sqs.create_queue(QueueName="DigestDeadLetterQueue")["QueueUrl"]
        for name, value in TABLES.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("DIGEST_DEAD_LETTER_URL", dead)
        monkeypatch.setenv("UNMETERED_KEY", "unmetered-gateway-key")
        forget_everything()
        yield
    forget_everything()
    os.environ.pop("DIGEST_DEAD_LETTER_URL", None)


@pytest.fixture
def project() -> tuple[str, str]:
    """A project: its id and its key."""
    created = projects.create("shop")
    assert created
    return created[0].id, created[1]
