"""`errata alerts`."""

import pytest

from errata.store.webhooks import parse_message
from errata.usecases.deliver import deliver
from tests.support.account import Clock, Project
from tests.support.calls import recorded
from tests.support.cli import Deployed, done, failed
from tests.support.receiver import receiver, response

pytestmark = pytest.mark.usefixtures("deployed")


def test_a_rule_is_added_listed_tested_muted_edited_and_removed(
    busy: Project, deployed: Deployed, clock: Clock
) -> None:
    with receiver(response(200), response(404)) as there:
        url = f"{there.url}/geheim"
        options = ("--on", "new", "--on", "regressed", "--cooldown", "30m", "--level", "error")
        added = done("alerts", "add", busy.id, *options, "--to", f"slack={url}", "--json").json
        assert (added["on"], added["cooldown_s"]) == (["new", "regressed"], 1800)
        channel = added["to"][0]["id"]
        done("alerts", "channel", busy.id, f"slack={url}", "--name", "#shop")
        listed = done("alerts", "list", busy.id).out
        assert "When an issue is new or regresses, tell #shop" in listed
        assert "error and worse, at most once per issue in 30m" in listed
        both = done("alerts", "list", busy.id, "--json").json
        assert both["channels"][0]["address"] == "127.0.0.1/…heim"
        assert url not in str(both) + listed
        with recorded() as seen:
            done("alerts", "test", busy.id, added["id"])
            done("alerts", "test", busy.id, channel)
        for sent in [each for each in seen if each.operation == "SendMessageBatch"]:
            assert deliver(parse_message(sent.parameters["Entries"][0]["MessageBody"])) is None
            clock.advance(1)
    newest, oldest = done("alerts", "log", busy.id, "--json").json
    assert (newest["status"], oldest["status"], oldest["kind"]) == (404, 200, "test")
    assert len(done("alerts", "log", busy.id, "--failed").out.splitlines()) == 2
    muted = done("alerts", "mute", busy.id, added["id"], "--for", "2h", "--json").json
    assert muted["muted_until"]
    assert "muted until" in done("alerts", "list", busy.id).out
    done("alerts", "mute", busy.id, added["id"], "--for", "0s")
    done("alerts", "mute", busy.id, channel, "--for", "2h")
    assert "muted until" in done("alerts", "list", busy.id).out
    changes = ("--on", "new", "--environment", "prod", "--cooldown", "")
    edited = done("alerts", "edit", busy.id, added["id"], *changes, "--json").json
    assert (edited["on"], edited["environment"], edited["cooldown_s"]) == (["new"], "prod", 0)
    assert (edited["level"], edited["to"][0]["id"]) == ("error", channel), "what is not given stays"
    done("alerts", "enable", busy.id, channel)
    done("alerts", "remove", busy.id, added["id"])
    assert "nobody is told" in done("alerts", "list", busy.id).out
    done("alerts", "remove-channel", busy.id, channel)
    assert done("alerts", "list", busy.id, "--json").json == {"rules": [], "channels": []}


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["add", "1", "--to", "eventbridge"], "Say what to tell"),
        (["add", "1", "--on", "new"], "Name at least one channel"),
        (
            ["add", "1", "--on", "odd", "--to", "eventbridge"],
            "Choose from: new, regressed, rising, events, users, woken, assigned, mentioned",
        ),
        (["add", "1", "--on", "new", "--to", "fax=1"], "no channel fax"),
        (["add", "1", "--on", "new", "--to", "slack=ftp://example.com"], "https://"),
        (["add", "1", "--on", "new", "--to", "members"], "MailIdentityArn"),
        (["add", "1", "--on", "new", "--to", "4f6a0c1b2d3e"], "no channel 4f6a0c1b2d3e"),
        (["add", "1", "--on", "new", "--to", "eventbridge", "--cooldown", "soon"], "30m"),
        (["add", "99", "--on", "new", "--to", "eventbridge"], "no project 99"),
        (["list", "99"], "no project 99"),
        (["remove", "1", "abc"], "no alert rule abc"),
        (["edit", "1", "abc", "--on", "new"], "no alert rule abc"),
        (["mute", "1", "abc", "--for", "365d"], "90 days"),
        (["test", "1", "abc"], "no channel abc"),
    ],
)
def test_wrong_arguments_are_refused_with_the_reason(
    busy: Project, arguments: list[str], word: str
) -> None:
    assert busy.id == "1"
    assert word in failed("alerts", *arguments)
