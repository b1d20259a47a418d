"""A queue with a dispatcher, and a deployment that sends mail."""

import boto3
import pytest

from errata.config import settings
from tests.support.account import Clock
from tests.support.alerts import IDENTITY, Queue


@pytest.fixture
def queue(clock: Clock) -> Queue:
    return Queue(clock)


@pytest.fixture
def mailed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment with SES."""
    monkeypatch.setenv("MAIL_IDENTITY", IDENTITY)
    settings.cache_clear()
    boto3.client("ses").verify_email_identity(EmailAddress="errata@example.com")
