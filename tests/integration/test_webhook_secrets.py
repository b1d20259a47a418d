"""Outbound webhooks: signing secrets, and how they are rotated and stored."""

import pytest

from errata.errors import NotFoundError
from errata.models.webhook import MAX_FORMERS
from errata.store import clients, webhook_secrets
from errata.usecases import webhooks
from errata.usecases.deliver import deliver
from tests.support.account import Clock, Project
from tests.support.calls import recorded
from tests.support.gateway import handler
from tests.support.receiver import receiver
from tests.support.webhooks import attempts, messages, queued, verifies


def test_each_former_secret_verifies_for_a_day_after_its_rotation(
    busy: Project, clock: Clock
) -> None:
    with receiver() as there:
        webhook, first = webhooks.add(busy.id, there.url)

        def verifying(*secrets: str) -> list[bool]:
            """Return which of these secrets verify a message that is sent now."""
            webhooks.test(busy.id, webhook.id)
            (message,) = messages()
            deliver(message)
            request = there.received[-1]
            return [verifies(secret, request) for secret in secrets]

        second = webhooks.rotate(busy.id, webhook.id)
        assert verifying(first, second) == [True, True]
        clock.advance(3600)
        third = webhooks.rotate(busy.id, webhook.id)
        assert len({first, second, third}) == 3
        assert verifying(first, second, third) == [True, True, True]
        clock.advance(23 * 3600)
        assert verifying(first, second, third) == [False, True, True]
        clock.advance(3600)
        assert verifying(first, second, third) == [False, False, True]


def test_secrets_fit_into_one_ssm_parameter_after_many_rotations(busy: Project) -> None:
    webhook, _ = webhooks.add(busy.id, "https://example.com/hook")
    made = [webhooks.rotate(busy.id, webhook.id) for _ in range(3 * MAX_FORMERS)]
    kept = clients.ssm().get_parameter(Name=f"/errata/errata/webhooks/{busy.id}/{webhook.id}")
    assert len(kept["Parameter"]["Value"]) < 4_096, "the most that a standard parameter holds"
    found = webhook_secrets.find_secrets(busy.id, webhook.id)
    assert found.signing(0) == made[: -MAX_FORMERS - 2 : -1]


def test_secrets_are_cached_and_a_rotated_one_signs_at_once(busy: Project, clock: Clock) -> None:
    with receiver() as there:
        webhook, _ = webhooks.add(busy.id, there.url)

        def send(number: int) -> int:
            """Send messages. Return how often the secrets are read from SSM."""
            for _ in range(number):
                webhooks.test(busy.id, webhook.id)
            with recorded() as seen:
                handler("webhook_dispatcher")({"Records": queued()}, None)
            return [each.operation for each in seen].count("GetParameter")

        assert [send(10), send(10)] == [1, 0]
        secret = webhooks.rotate(busy.id, webhook.id)
        assert send(2) == 1
        assert all(verifies(secret, request) for request in there.received[-2:])
        clock.advance(30)
        assert send(2) == 1
    assert [each.status for each in attempts(busy)] == [200] * 24


def test_a_secret_is_stored_encrypted_in_ssm_and_in_no_table(busy: Project) -> None:
    webhook, secret = webhooks.add(busy.id, "https://example.com/hook")
    name = f"/errata/errata/webhooks/{busy.id}/{webhook.id}"
    kept = clients.ssm().get_parameter(Name=name)["Parameter"]
    assert kept["Type"] == "SecureString"
    # moto encrypts nothing, but says what it would do it with.
    assert kept["Value"].startswith("kms:alias/aws/ssm:")
    scan = clients.dynamodb().scan(TableName="ProjectsTable")
    assert secret not in str(scan["Items"])
    webhooks.remove(busy.id, webhook.id)
    with pytest.raises(NotFoundError):
        webhooks.find(busy.id, webhook.id)


def test_a_secret_saved_by_an_earlier_release_signs_until_it_is_rotated(busy: Project) -> None:
    with receiver() as there:
        webhook, secret = webhooks.add(busy.id, there.url)
        now, before = (
            f"{path}/{busy.id}/{webhook.id}"
            for path in ("/errata/errata/webhooks", "/errata/webhooks")
        )
        kept = clients.ssm().get_parameter(Name=now, WithDecryption=True)["Parameter"]["Value"]
        clients.ssm().put_parameter(Name=before, Value=kept, Type="SecureString")
        clients.ssm().delete_parameter(Name=now)
        webhooks.test(busy.id, webhook.id)
        handler("webhook_dispatcher")({"Records": queued()}, None)
        rotated = webhooks.rotate(busy.id, webhook.id)
        webhooks.test(busy.id, webhook.id)
        handler("webhook_dispatcher")({"Records": queued()}, None)
    assert verifies(secret, there.received[0])
    assert verifies(rotated, there.received[1])
    webhooks.remove(busy.id, webhook.id)
    assert clients.ssm().describe_parameters()["Parameters"] == []
