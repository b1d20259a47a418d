"""`errata projects`."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from errata.models.ids import now_ms
from errata.usecases import access
from errata.usecases import projects as usecase
from tests.support import clients
from tests.support.account import Clock, Project
from tests.support.cli import LOCAL_URL, Deployed, aws, deploy, done, failed, refusing, run

pytestmark = pytest.mark.usefixtures("deployed")


def created(name: str = "shop", *options: str) -> Project:
    """A project that the command has created."""
    response = done("projects", "create", name, "--json", *options).json
    return Project(response["id"], response["api_key"])


def test_a_project_is_created_and_its_key_works() -> None:
    response = done("projects", "create", "shop", "--json").json
    assert set(response) == {"id", "name", "api_key", "dsn"}
    assert (response["id"], response["name"]) == ("1", "shop")
    assert len(response["api_key"]) == 32
    project = Project(response["id"], response["api_key"])
    assert clients.ingest(project).status == 202


def test_a_project_is_created_with_a_dsn(deployed: Deployed) -> None:
    response = done("projects", "create", "shop", "--json").json
    dsn = urlsplit(response["dsn"])
    api = f"{deployed.api_id}.execute-api.us-east-1.amazonaws.com"
    assert (dsn.scheme, dsn.hostname, dsn.path) == ("https", api, "/v1/1")
    assert re.fullmatch("[0-9a-f]{32}", dsn.username or "")
    assert dsn.username != response["api_key"]
    opened = access.find_dsn(dsn.username or "", now_ms()).access
    assert opened
    assert opened.project_id == "1"


def test_a_dsn_names_the_sdk_endpoint_s_own_url_if_the_stack_has_one(deployed: Deployed) -> None:
    deploy("errata-url", SdkUrl="https://abc.lambda-url.us-east-1.on.aws/")
    stack = ("--stack", "errata-url", "--json")
    made = done("projects", "create", "shop", *stack).json["dsn"]
    assert re.fullmatch(r"https://[0-9a-f]{32}@abc\.lambda-url\.us-east-1\.on\.aws/1", made)
    assert done("projects", "show", "1", *stack).json["dsns"] == [made]
    assert {each["dsn"] for each in done("keys", "list", "1", *stack).json} == {None, made}
    another = done("keys", "create", "1", "--dsn", *stack).json["dsn"]
    assert another.endswith("@abc.lambda-url.us-east-1.on.aws/1")


def test_the_local_stack_s_dsn_has_its_port_and_path(local: Path) -> None:
    assert local
    response = done("projects", "create", "shop", "--local", "--json").json
    _, _, host_and_path = response["dsn"].partition("@")
    assert host_and_path == f"{LOCAL_URL.removeprefix('http://')}/_aws/execute-api/abc/v1/1"


def test_the_newest_dsn_that_works_is_shown(clock: Clock) -> None:
    dsns = [done("projects", "create", "shop", "--json").json["dsn"]]
    for _ in range(2):
        clock.advance(1)
        dsns.append(done("keys", "create", "1", "--dsn", "--json").json["dsn"])
    *_, newest = done("keys", "list", "1", "--json").json
    done("keys", "revoke", "1", newest["id"])
    shown = done("projects", "show", "1", "--json").json
    assert (shown["dsn"], shown["dsns"]) == (dsns[1], dsns[1::-1])
    assert f"DSN         {dsns[1]}\n" in done("projects", "show", "1").out


def test_a_project_without_a_dsn_shows_how_to_create_one() -> None:
    created()
    (dsn,) = [each for each in done("keys", "list", "1", "--json").json if each["kind"] == "dsn"]
    done("keys", "revoke", "1", dsn["id"])
    shown = done("projects", "show", "1", "--json").json
    assert (shown["dsn"], shown["dsns"]) == (None, [])
    assert "none. Create one with `errata keys create 1 --dsn`" in done("projects", "show", "1").out


def test_the_key_of_a_new_project_is_printed_once(deployed: Deployed) -> None:
    output = done("projects", "create", "shop").out.splitlines()
    key, dsn = (line.split()[1] for line in output[2:4])
    assert output == [
        "project  1",
        "name     shop",
        f"key      {key}",
        f"DSN      {dsn}",
        f"API      https://{deployed.api_id}.execute-api.us-east-1.amazonaws.com/v1",
        "Copy the key now. It is not shown again. The DSN is not secret.",
    ]
    assert clients.ingest(Project("1", key)).status == 202
    for line in ("projects list", "projects show 1", "keys list 1"):
        for form in ([], ["--json"]):
            assert key not in done(*line.split(), *form).out


@pytest.mark.parametrize("name", ["", "   ", "x" * 201])
def test_a_name_has_1_to_200_characters(name: str) -> None:
    output = failed("projects", "create", name)
    assert output == "error: name: The name must have 1 to 200 characters.\n"
    assert done("projects", "list", "--json").json == []


def test_a_name_may_be_in_any_script() -> None:
    created("Bücher — 本")
    assert done("projects", "list", "--json").json[0]["name"] == "Bücher — 本"
    assert "Bücher — 本" in done("projects", "list").out


def test_bytes_that_are_not_utf_8_are_replaced() -> None:
    created("caf\udce9")
    assert done("projects", "list", "--json").json[0]["name"] == "caf\ufffd"
    assert "There is no project \ufffd." in failed("projects", "show", "\udcff")
    failed("projects", "list", "--stack", "\udcff")
    failed("--stack", "\udcff", "projects", "list")
    failed("events", "list", "1", "--release", "\udcff", "--limit", "0")
    done("send", "1", "--message", "\udcff", "--release", "\udcff")


def test_projects_are_listed_oldest_first() -> None:
    for name in ("shop", "blog"):
        created(name)
    found = done("projects", "list", "--json").json
    assert found == [
        {
            "id": id,
            "name": name,
            "slug": name,
            "created_at": found[number]["created_at"],
            "rate_limit": None,
            "retention_days": None,
            "organization": "default",
            "org": "default",
            "teams": [],
            "scrub": None,
            "scrub_contract_apis": None,
            "tracker_template": None,
            "log_errors": False,
            "attachments": False,
        }
        for number, (id, name) in enumerate([("1", "shop"), ("2", "blog")])
    ]
    assert found[0]["created_at"].endswith("Z")
    heading, shop, blog = done("projects", "list").out.splitlines()
    assert heading.split()[:3] == ["ID", "SLUG", "NAME"]
    assert shop.split()[:7] == ["1", "shop", "shop", "default", "30", "days", "(default)"]
    assert blog.split()[:3] == ["2", "blog", "blog"]


def test_a_stack_without_projects_shows_how_to_create_one() -> None:
    assert done("projects", "list").out == (
        "No projects yet. Create one with `errata projects create NAME`.\n"
    )


def test_a_project_is_shown(deployed: Deployed) -> None:
    project = created()
    shown = done("projects", "show", project.id, "--json").json
    assert shown == {
        "id": "1",
        "name": "shop",
        "slug": "shop",
        "created_at": shown["created_at"],
        "rate_limit": None,
        "retention_days": None,
        "organization": "default",
        "org": "default",
        "teams": [],
        "scrub": None,
        "scrub_contract_apis": None,
        "tracker_template": None,
        "log_errors": False,
        "attachments": False,
        "api_url": f"https://{deployed.api_id}.execute-api.us-east-1.amazonaws.com/v1",
        "dsn": shown["dsn"],
        "dsns": [shown["dsn"]],
    }
    output = done("projects", "show", project.id).out
    assert (
        "rate limit  60 requests per minute for each API key, 600 for each DSN (300 at once)"
        " (default)\n" in output
    )
    assert "retention   30 days (default)\n" in output


@pytest.mark.parametrize("id", ["7", "", "shoe", "1#0"])
def test_an_unknown_project_is_an_error(id: str) -> None:
    created()
    output = failed("projects", "show", id)
    assert output == f"error: There is no project {id}. See `errata projects list`.\n"


@pytest.mark.parametrize(
    "line",
    [
        "projects delete 7",
        "projects set 7 --name blog",
        "projects set 7 --team none",
        "projects set 7 --rate-limit 5",
        "keys list 7",
        "keys create 7",
        "keys revoke 7 abc",
        "issues list 7",
        "issues show 7 abc",
        "events list 7",
        "events show 7 abc",
        "releases list 7",
        "tail 7",
        "send 7 --message boom",
    ],
)
def test_every_command_reports_an_unknown_project(line: str) -> None:
    output = failed(*line.split())
    assert output == "error: There is no project 7. See `errata projects list`.\n"


def test_settings_are_changed_one_by_one() -> None:
    project = created()
    set_ = ("projects", "set", project.id, "--json")
    assert done(*set_, "--rate-limit", "600").json["rate_limit"] == 600
    changed = done(*set_, "--retention-days", "90").json
    assert (changed["rate_limit"], changed["retention_days"]) == (600, 90)
    assert "90 days\n" in done("projects", "show", project.id).out
    changed = done(*set_, "--retention-days", "default", "--rate-limit", "60").json
    assert (changed["rate_limit"], changed["retention_days"]) == (60, None)
    assert "60 requests per minute for each key\n" in done("projects", "show", project.id).out
    assert done(*set_, "--rate-limit", "default").json["rate_limit"] is None


def test_scrubbing_is_turned_off_and_on() -> None:
    project = created()
    set_ = ("projects", "set", project.id)
    shown = done("projects", "show", project.id)
    assert "scrubbing   on (the organization's)\n" in shown.out
    changed = done(*set_, "--scrub-contract-apis", "off", "--json").json
    assert (changed["scrub"], changed["scrub_contract_apis"]) == (None, False)
    assert (
        "on (the organization's), but off for the ingest API and api.php\n"
        in done("projects", "show", "1").out
    )
    assert "scrubbing   off\n" in done(*set_, "--scrub", "off").out
    changed = done(*set_, "--scrub", "on", "--scrub-contract-apis", "on", "--json").json
    assert (changed["scrub"], changed["scrub_contract_apis"]) == (True, True)
    output = "error: scrub: --scrub must be on, off or default.\n"
    assert failed(*set_, "--scrub", "no") == output
    assert done(*set_, "--scrub", "default", "--json").json["scrub"] is None


def test_renaming_a_project_keeps_its_other_settings() -> None:
    project = created()
    done("projects", "set", project.id, "--rate-limit", "600")
    changed = done("projects", "set", project.id, "--name", " blog ", "--json").json
    assert (changed["name"], changed["rate_limit"]) == ("blog", 600)
    assert failed("projects", "set", project.id, "--name", " ", "--team", "none") == (
        "error: name: The name must have 1 to 200 characters.\n"
    )
    assert done("projects", "list", "--json").json[0]["name"] == "blog"


def test_the_teams_of_a_project_are_set_and_removed() -> None:
    web, ops = (
        done("teams", "create", "default", name, "--json").json["id"] for name in ("web", "ops")
    )
    project = created("shop", "--team", web)
    assert done("projects", "show", project.id, "--json").json["teams"] == [web]
    set_ = ("projects", "set", project.id, "--json")
    assert done(*set_, "--team", web, "--team", ops).json["teams"] == sorted([web, ops])
    assert f"teams       {', '.join(sorted([web, ops]))}\n" in done("projects", "show", "1").out
    refusal = (
        "error: teams: Organization default has no team 0000. See `errata teams list default`.\n"
    )
    assert failed(*set_[:-1], "--team", ops, "--team", "0000") == refusal
    assert failed("projects", "create", "blog", "--team", "0000") == refusal
    assert done(*set_, "--team", "none").json["teams"] == []


def test_a_project_is_deleted_after_its_name_was_typed(deployed: Deployed) -> None:
    project = created()
    for typed in (b"", b"\n", b"blog\n"):
        ran = run("projects", "delete", project.id, stdin=typed)
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.startswith("This deletes project 1 and all its data. Type the project's")
        assert "error: name: That is not the project's name. Nothing was deleted." in ran.err
    assert clients.ingest(project).status == 202
    ran = run("projects", "delete", project.id, stdin=b"shop\n")
    assert (ran.code, ran.out.startswith("Deleted project 1 (shop).")) == (0, True)
    assert failed("projects", "show", project.id).startswith("error: There is no project 1.")
    assert done("projects", "list", "--json").json == []
    assert aws("apigateway").get_api_keys()["items"] == []


def test_yes_deletes_a_project_without_a_question() -> None:
    project = created()
    assert done("projects", "delete", project.id, "--yes", "--json").json == {
        "id": "1",
        "name": "shop",
    }
    assert created("shop").id == "2"


def test_a_gateway_key_that_cannot_be_deleted_is_a_warning() -> None:
    project = created()
    with refusing("DeleteApiKey", "TooManyRequestsException"):
        ran = run("projects", "delete", project.id, "--yes")
    assert (ran.code, ran.err.startswith("warning: The project is deleted, but")) == (0, True)
    assert "errata-project-1-" in ran.err


def test_changed_settings_take_effect(busy: Project) -> None:
    done("projects", "set", busy.id, "--rate-limit", "2", "--retention-days", "1")
    assert [clients.ingest(busy).status for _ in range(3)] == [202, 202, 429]
    assert usecase.operator_access(usecase.find(busy.id)).retention_days == 1


def test_each_setting_that_is_out_of_range_is_named() -> None:
    project = created()
    before = usecase.find(project.id)
    assert failed("projects", "set", "1", "--rate-limit", "0", "--retention-days", "3651") == (
        "error: rate_limit: The rate limit must be from 1 to 60000 requests a minute.\n"
        "error: retention_days: The retention must be from 1 to 3650 days.\n"
    )
    for option, value in (
        ("--rate-limit", "60001"),
        ("--rate-limit", "-1"),
        ("--retention-days", "0"),
        ("--retention-days", "-3"),
    ):
        failed("projects", "set", "1", option, value)
    assert failed("projects", "set", "1", "--retention-days", "month") == (
        "error: retention_days: The retention must be a whole number of days, or `default`.\n"
    )
    assert failed("projects", "set", "1", "--rate-limit", "many") == (
        "error: rate_limit: The rate limit must be a whole number, or `default`.\n"
    )
    assert usecase.find(project.id) == before


def test_the_lowest_and_highest_values_are_accepted() -> None:
    created()
    for rate, days in (("1", "1"), ("60000", "3650")):
        set_ = done(
            "projects", "set", "1", "--rate-limit", rate, "--retention-days", days, "--json"
        )
        assert (set_.json["rate_limit"], set_.json["retention_days"]) == (int(rate), int(days))


def test_setting_nothing_is_a_usage_error() -> None:
    created()
    ran = run("projects", "set", "1")
    assert (ran.code, "Nothing to set. Use --name" in ran.err) == (2, True)


def test_control_characters_in_a_name_do_not_reach_the_terminal() -> None:
    created("\x1b]0;owned\x07[red]sale[/red]\u202e")
    for line in ("projects list", "projects show 1"):
        output = done(*line.split()).out
        assert r"\x1b]0;owned\x07[red]sale[/red]\u202e" in output
        assert not set("\x1b\x07\u202e") & set(output)


def test_a_project_has_a_slug_that_can_be_changed() -> None:
    created()
    created()
    assert [each["slug"] for each in done("projects", "list", "--json").json] == ["shop", "shop-2"]
    assert "slug        shop-2\n" in done("projects", "show", "2").out
    assert done("projects", "set", "2", "--slug", "store", "--json").json["slug"] == "store"
    assert failed("projects", "set", "2", "--slug", "shop") == (
        "error: slug: Another project of the organization has or had the slug shop.\n"
    )
    assert failed("projects", "set", "2", "--slug", "7", "--name", "other") == (
        "error: slug: The slug must have 1 to 40 lower-case letters (a to z), digits and dashes."
        " It must not begin or end with a dash, and must not be a number.\n"
    )
    assert done("projects", "set", "2", "--name", "other", "--json").json["slug"] == "store"
