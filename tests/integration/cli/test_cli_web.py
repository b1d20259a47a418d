"""The command with a token: it prints what it prints with AWS credentials."""

import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from errata.usecases.result_calls import CALLS
from tests.support import clients, stream, web_api
from tests.support.account import Clock, Project
from tests.support.cli import Ran, done, run
from tests.support.web_cli import run_with, web_url

__all__ = ["web_url"]

pytestmark = pytest.mark.usefixtures("deployed")

type Errata = Callable[..., Ran]


@pytest.fixture
def errata(web_url: str) -> Errata:
    """Run `errata` with a token that may write."""
    token = web_api.token("write")
    return lambda *arguments, stdin=None: run_with(token, web_url, *arguments, stdin=stdin)


@pytest.fixture
def shop(busy: Project) -> Project:
    """A project with two issues, of which one has two events, and a release."""
    for message, user in (("boom", 1), ("boom", 2), ("other", 1)):
        event = {"message": message, "release": "shop@1.0", "user": {"id": user}, "level": "error"}
        assert clients.ingest(busy, event | {"environment": "production"}).status == 202
    assert stream.deliver(stream.records()) == []
    return busy


READ = [
    "issues list shop",
    "issues list shop --json",
    "issues list shop --limit 1 --json",
    "issues list shop --query is:open --sort count",
    "issues list shop --view Rising --json",
    "issues list --org default --json",
    "issues list --org default",
    "issues list shop --query SHOP-1 --json",
    "issues show shop SHOP-1",
    "issues show shop SHOP-1 --json",
    "issues similar shop SHOP-1",
    "issues activity shop SHOP-1 --json",
    "events list shop --json",
    "events list shop --issue SHOP-1",
    "events list shop --limit 1 --json",
    "events show shop SHOP-1",
    "events show shop SHOP-1 --json",
    "events show shop SHOP-1 --markdown",
    "releases list shop",
    "releases list shop --json",
    "releases show shop shop@1.0",
    "releases show shop shop@1.0 --json",
    "alerts list shop",
    "alerts list shop --json",
    "alerts log shop --json",
    "open SHOP-1",
    "open shop --json",
    "open",
]


def test_a_token_prints_the_same_as_aws_credentials(shop: Project, errata: Errata) -> None:
    for line in READ:
        found, expected = errata(*line.split()), run(*line.split())
        assert found.code == 0, (line, found)
        assert found == expected, line


REFUSED = [
    "issues list nope",
    "issues list shop --query is:nonsense",
    "issues list shop --sort nonsense",
    "issues show shop SHOP-77",
    "issues show shop ffffffff",
    "events show shop SHOP-77",
    "events list shop --limit 1000",
    "releases show shop nope",
    "alerts mute shop nope",
    "alerts add shop --on nonsense --to members",
    "issues ignore shop SHOP-1 --for 5y",
    "open SHOP-77",
]


def test_a_token_gets_the_same_errors_as_aws_credentials(shop: Project, errata: Errata) -> None:
    for line in REFUSED:
        for more in ([], ["--json"]):
            assert errata(*line.split(), *more) == run(*line.split(), *more), line


def test_a_write_token_changes_issues(shop: Project, errata: Errata) -> None:
    assert errata("issues", "resolve", "shop", "SHOP-1").out.endswith(" is resolved.\n")
    ignored = errata("issues", "ignore", "shop", "SHOP-2", "--until-events", "5", "--json").json
    assert (ignored["status"], ignored["status_detail"]) == ("ignored", "until 5 more events")
    bulk = errata("issues", "reopen", "shop", "--query", "!is:open", "--yes", "--json").json
    assert (bulk["changed"], bulk["can_be_undone"]) == (2, True)
    undone = errata("issues", "undo", "shop", bulk["change"])
    assert undone.out.startswith("2 issues restored."), undone
    assert errata("issues", "comment", "shop", "SHOP-1", "--text", "Look, please.").code == 0
    activity = done("issues", "activity", "shop", "SHOP-1", "--json").json
    assert activity[0]["comment"]["text"] == "Look, please."
    assert {each["by"] for each in activity} == {"token write token"}
    assert errata("issues", "link", "shop", "1", "https://github.com/acme/shop/issues/7").code == 0
    assert (
        errata("releases", "set", "shop", "shop@1.0", "--released", "2026-01-01T00:00:00Z").code
        == 0
    )


def test_a_write_token_changes_alerts(shop: Project, errata: Errata) -> None:
    to = "slack=https://hooks.slack.com/services/T/B/x"
    added = errata("alerts", "add", "shop", "--on", "new", "--to", to, "--json").json
    assert errata("alerts", "mute", "shop", added["id"][:4], "--for", "2h").code == 0
    assert errata("alerts", "edit", "shop", added["id"], "--environment", "production").code == 0
    assert errata("alerts", "test", "shop", added["id"]).code == 0
    (rule,) = [
        e for e in done("alerts", "list", "shop", "--json").json["rules"] if e["id"] == added["id"]
    ]
    assert (rule["environment"], bool(rule["muted_until"])) == ("production", True)
    assert errata("alerts", "remove", "shop", added["id"]).code == 0


def test_a_token_that_only_reads_changes_nothing(shop: Project, web_url: str) -> None:
    token = web_api.token("read")
    for line in ("issues resolve shop SHOP-1", "alerts remove shop 4f6a", "issues undo shop x"):
        ran = run_with(token, web_url, *line.split(), "--json")
        assert json.loads(ran.err)["error"]["code"] == "forbidden", ran
    assert done("issues", "show", "shop", "SHOP-1", "--json").json["status"] == "open"


def test_a_member_does_what_their_role_allows(shop: Project, web_url: str) -> None:
    team = done("teams", "create", "default", "Core", "--json").json["id"]
    done("projects", "set", "shop", "--team", team)
    viewer = web_api.token("write", member=web_api.member("eve@example.com", "viewer", (team,)))
    owner = web_api.token("write", member=web_api.member("ada@example.com", "owner"))
    line = ["issues", "resolve", "shop", "SHOP-1", "--json"]
    assert json.loads(run_with(viewer, web_url, *line).err)["error"]["code"] == "forbidden"
    assert run_with(owner, web_url, *line).json["status"] == "resolved"
    assert (
        json.loads(run_with(viewer, web_url, *["alerts", "test", "shop", "members", "--json"]).err)[
            "error"
        ]["code"]
        == "forbidden"
    )


# For each command that changes something, options with which it would do so.
CHANGES: dict[str, dict[str, object]] = {
    "issues/change": {"kind": "resolve", "issue_ids": ["SHOP-1"]},
    "issues/continue": {"change": "0" * 32},
    "issues/undo": {"change": "0" * 32},
    "issues/merge": {"head": "SHOP-1", "members": ["SHOP-2"]},
    "issues/unmerge": {"members": ["SHOP-2"]},
    "issues/comment": {"issue": "SHOP-1", "text": "No."},
    "issues/link": {"issue": "SHOP-1", "url": "https://github.com/acme/shop/issues/7"},
    "releases/set": {"release": "shop@1.0", "released": "none"},
    "alerts/save": {"on": ["new"], "to": ["members"]},
    "alerts/remove": {"rule_id": "4f6a0c1b"},
    "alerts/mute": {"name": "4f6a0c1b", "for_": "1h"},
    "alerts/test": {"name": "4f6a0c1b"},
    "alerts/channel": {"to": "slack=https://hooks.slack.com/services/T/B/x"},
    "alerts/remove-channel": {"channel_id": "4f6a0c1b"},
    "alerts/enable": {"channel_id": "4f6a0c1b"},
}


def test_no_command_changes_anything_for_a_viewer_or_a_read_token(shop: Project) -> None:
    assert set(CHANGES) == {name for name, call in CALLS.items() if call.changes}
    team = done("teams", "create", "default", "Core", "--json").json["id"]
    done("projects", "set", "shop", "--team", team)
    viewer = web_api.token("write", member=web_api.member("eve@example.com", "viewer", (team,)))
    read = web_api.token("read")
    other = web_api.token("write", done("orgs", "create", "Other", "--json").json["id"])
    for name, options in CHANGES.items():
        path = f"/api/0/projects/default/shop/commands/{name}/"
        assert web_api.call("POST", path, read, options).status == 403, name
        assert web_api.call("POST", path, other, options).status == 404, name
        # Without the row of the change, there is nothing to go on with or to undo.
        refused = (403, 404) if name == "issues/continue" else (403,)
        assert web_api.call("POST", path, viewer, options).status in refused, name


def test_options_that_a_command_does_not_have_are_refused(shop: Project) -> None:
    token, path = web_api.token("read"), "/api/0/projects/default/shop/commands/issues/show/"
    for query in ("", "?issue=SHOP-1&more=1"):
        assert web_api.call("GET", f"{path}{query}", token).status == 400
    assert web_api.call("GET", f"{path}?issue={'x' * 5_000}", token).status == 404
    assert web_api.call("POST", path, token, {"issue": "SHOP-1"}).status == 405
    token, path = web_api.token("write"), "/api/0/projects/default/shop/commands/issues/link/"
    for options in ({}, {"issue": 1, "url": "none"}, {"issue": "SHOP-1", "url": "", "more": True}):
        assert web_api.call("POST", path, token, options).status == 400


# Texts that are not valid for any option.
ANY = ("", f"{'x' * 300}\x00💥", "-1", "9" * 44)


def test_no_option_breaks_a_command(shop: Project) -> None:
    token = web_api.token("write")
    needed = {"issue": "SHOP-1", "event": "SHOP-1", "release": "shop@1.0", "query": ""}
    for name, call in CALLS.items():
        path = f"/api/0/projects/default/{shop.id}/commands/{name}/"
        own = CHANGES.get(name, {})
        options = inspect.signature(call.run).parameters
        for option in options.values():
            if option.kind is not option.KEYWORD_ONLY or "str" not in str(option.annotation):
                continue
            for text in ANY:
                value = [text] if "list" in str(option.annotation) else text
                if call.changes:
                    response = web_api.call("POST", path, token, {**own, option.name: value})
                else:
                    query = {k: v for k, v in needed.items() if k in options}
                    target = f"{path}?{urlencode({**query, option.name: text})}"
                    response = web_api.call("GET", target, token)
                assert response.status < 500, (name, option.name, text, response.text)


def test_after_a_token_is_revoked_the_command_shows_what_to_do(
    shop: Project, web_url: str, clock: Clock
) -> None:
    token = web_api.token("read")
    listed = run_with(token, web_url, "issues", "list", "shop")
    assert (listed.code, listed.err) == (0, "")
    (revoked,) = done("tokens", "list", "--json").json
    done("tokens", "revoke", revoked["id"])
    clock.advance(30)
    assert run_with(token, web_url, "issues", "list", "shop") == Ran(
        1, "", "error: The token was revoked or has expired. Run `errata login`.\n"
    )


def test_an_expired_or_unknown_token_shows_what_to_do(
    shop: Project, web_url: str, clock: Clock
) -> None:
    expired = web_api.token("read", days=1)
    assert run_with(expired, web_url, "issues", "list", "shop").code == 0
    clock.days(1)
    for token in (expired, f"{expired[:-3]}AAA"):
        assert run_with(token, web_url, "issues", "list", "shop") == Ran(
            1, "", "error: The token was revoked or has expired. Run `errata login`.\n"
        )


def test_a_selected_stack_has_priority_over_the_token(shop: Project, errata: Errata) -> None:
    assert "There is no stack nowhere" in errata("issues", "list", "1", "--stack", "nowhere").err


PROGRAM = """
import sys
import errata.cli
try:
    errata.cli.main()
except SystemExit as ended:
    print([name for name in sys.modules if name.split(".")[0] in ("boto3", "botocore")])
    raise
"""


def test_a_command_with_a_token_does_not_import_botocore(shop: Project, web_url: str) -> None:
    environment = {
        "ERRATA_TOKEN": web_api.token("read"),
        "ERRATA_URL": web_url,
        "PATH": os.defpath,
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, "issues", "show", "shop", "SHOP-1"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.search(r"^short id +SHOP-1$", ran.stdout, re.MULTILINE)
    assert ran.stdout.endswith("\n[]\n")
