"""`errata webhooks`."""

import pytest

from errata.usecases.deliver import deliver
from tests.support.account import Project
from tests.support.cli import Deployed, done, failed
from tests.support.receiver import receiver, response
from tests.support.webhooks import messages

pytestmark = pytest.mark.usefixtures("deployed")


def test_a_webhook_is_added_tested_redelivered_rotated_and_removed(
    busy: Project, deployed: Deployed
) -> None:
    with receiver(response(500), response(200)) as there:
        added = done("webhooks", "add", busy.id, there.url + "?token=geheim", "--json").json
        assert set(added) >= {"id", "secret"}
        assert "geheim" not in str(added)
        sent = done("webhooks", "test", busy.id, added["id"], "--json").json
        (message,) = messages()
        assert message.id == sent["webhook_id"]
        assert deliver(message) == 10
        (attempt,) = done("webhooks", "attempts", busy.id, added["id"], "--json").json
        assert (attempt["status"], attempt["attempt"], attempt["event"]) == (500, 1, "webhook.test")
        assert "failing since" in done("webhooks", "list", busy.id).out
        done("webhooks", "redeliver", attempt["id"])
        (again,) = messages()
        assert deliver(again) is None
        assert [r.headers["webhook-id"] for r in there.received] == [message.id] * 2
    table = done("webhooks", "attempts", busy.id).out
    assert len(table.splitlines()) == 3
    assert added["secret"] not in table + done("webhooks", "list", busy.id, "--json").out
    rotated = done("webhooks", "rotate", busy.id, added["id"], "--json").json
    assert rotated["secret"] != added["secret"]
    since = done("webhooks", "redeliver", "--since", "2020-01-01", "--json").json
    assert since == {"redelivered": [message.id]}
    done("webhooks", "enable", busy.id, added["id"])
    done("webhooks", "remove", busy.id, added["id"])
    assert done("webhooks", "list", busy.id, "--json").json == []


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["add", "1", "ftp://example.com"], "https://"),
        (["add", "1", "https://example.com", "--event", "nothing"], "issue.created"),
        (["add", "99", "https://example.com"], "no project 99"),
        (["remove", "1", "abc"], "no webhook abc"),
        (["redeliver"], "--since"),
        (["redeliver", "x"], "not an attempt"),
        (["redeliver", "--since", "yesterday"], "ISO 8601"),
    ],
)
def test_wrong_arguments_are_refused_with_the_reason(
    busy: Project, arguments: list[str], word: str
) -> None:
    assert busy.id == "1"
    assert word in failed("webhooks", *arguments)
