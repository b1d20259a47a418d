"""At `LogLevel=DEBUG`, no function logs a password, a token, a key or a signing secret."""

import json
import logging
from typing import Any

import pytest

from errata.config import settings
from errata.usecases import members
from tests.support.account import Clock
from tests.support.browser import Browser
from tests.support.cli import Deployed, deployed
from tests.support.receiver import receiver
from tests.upgrades.dump import by_path
from tests.upgrades.seed import STRIPE_SECRET, STRIPE_SECRET_NAME, Seed, fill, log_lines

__all__ = ["deployed"]

EMAIL, PASSWORD, WRONG = "lin@example.com", "correct horse battery", "incorrect horse battery"


def texts(value: Any) -> list[str]:
    """Return every text in a value of JSON."""
    match value:
        case str():
            return [value] if value else []
        case dict():
            return [text for each in value.values() for text in texts(each)]
        case list() | tuple():
            return [text for each in value for text in texts(each)]
    return []


def test_no_secret_of_a_whole_deployment_is_logged(
    deployed: Deployed,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", STRIPE_SECRET_NAME)
    settings.cache_clear()
    # As Lambda sets the level: that of the root logger.
    caplog.set_level(logging.DEBUG)
    with receiver(by_path) as there, log_lines() as lines:
        seed = Seed(clock, there, lines)
        fill(seed)
        members.add("default", EMAIL, "owner", password=PASSWORD)
        for password in (WRONG, PASSWORD):
            browser = Browser()
            browser.get("sign-in")
            browser.post("sign-in", email=EMAIL, password=password, next="")

    cookies = [value for name, value in seed.named.items() if name.startswith("cookies")]
    hooks = [
        {**value, "id": ""} for name, value in seed.named.items() if name.startswith("webhook")
    ]
    keys = [project.key for project in seed.projects.values()]
    secrets = {PASSWORD, WRONG, STRIPE_SECRET, *keys, *texts(cookies), *texts(hooks)}
    secrets |= {seed.named["second key"], seed.named["revoked key"]}
    logged = [json.dumps(vars(record), default=str) for record in caplog.records]
    assert len(secrets) > 20
    assert logged
    assert [text for text in logged if any(secret in text for secret in secrets)] == []
    detailed = {each.name.split(".")[0] for each in caplog.records if each.levelno < logging.INFO}
    assert not detailed & {"botocore", "urllib3"}
