"""A project's settings: who may read and change them, and their effects."""

import json
from typing import Any

import boto3
import pytest

from errata.config import settings
from errata.errors import NotFoundError
from errata.models.gateway_key import Gateway
from errata.models.ids import new_event_id, now_ms
from errata.models.webhook import Attempt, Delivery, Message
from errata.store import clients, webhook_secrets
from errata.store import projects as projects_store
from errata.store import webhooks as webhooks_store
from errata.usecases import access, members, organizations, projects, usage_keys, webhooks
from tests.support.account import Clock, Project, rows
from tests.support.browser import Browser, Shown, signed_in, unsent
from tests.support.calls import recorded
from tests.support.cli import refusing
from tests.support.clients import capture, errors, ingest, read

OWNER, ADMIN, MEMBER = "ada@example.com", "bob@example.com", "eve@example.com"
HOSTILE = "<script>alert(1)</script>\u202egnp"
HOOK = "https://example.com/hook?token=xyzzy"


@pytest.fixture
def team() -> str:
    """A team of an organization with an owner, an admin, and a member in that team."""
    organization = organizations.create("acme").id
    made = members.create_team(organization, "web").id
    members.add(organization, OWNER, "owner")
    members.add(organization, ADMIN, "admin")
    members.add(organization, MEMBER, "member", [made])
    return made


@pytest.fixture
def shop(team: str) -> Project:
    """A project of that team."""
    created = projects.create("shop", organization="1", teams=frozenset({team}))
    assert created
    return Project(created.project.id, created.key, created.public)


@pytest.fixture
def admin(shop: Project) -> Browser:
    """The admin's browser, with the settings open."""
    browser = signed_in(ADMIN)
    assert browser.get(f"projects/{shop.id}/settings").status == 200
    return browser


def send(browser: Browser, project: Project, **fields: Any) -> Shown:
    """Press a button of the settings."""
    return browser.post(f"projects/{project.id}/settings", **fields)


def opens(project_id: str, key: str) -> bool:
    """Return whether an event with this key is accepted."""
    access.clear_cache()
    return ingest(Project(project_id, key)).status == 202


def shown_secret(shown: Shown) -> str:
    """Return the secret that a page shows once."""
    return shown.html.partition('<code class="key">')[2].partition("<")[0]


# ------------------------------------------------------------------ keys


def test_a_new_key_is_shown_once_with_code_examples(admin: Browser, shop: Project) -> None:
    shown = send(admin, shop, **{"create-key": "1", "label": "web"})
    key = shown_secret(shown)
    assert shown.status == 200
    assert shown.headers["Cache-Control"] == "no-store"
    assert opens(shop.id, key)
    assert "export ERRATA_URL='https://errors.example.com/v1'" in shown.text
    assert f"export ERRATA_KEY='{key}'" in shown.text
    for language in ("curl", "Python", "Node", "PHP", "Browser", "Shell script"):
        assert language in shown.text
    again = admin.get(f"projects/{shop.id}/settings")
    assert "web" in again.text
    assert key not in again.html
    assert "https://errors.example.com/v1" in again.text


def test_a_dsn_is_shown_in_full_with_code_examples(admin: Browser, shop: Project) -> None:
    dsn = f"https://{shop.public}@errors.example.com/v1/{shop.id}"
    shown = admin.get(f"projects/{shop.id}/settings")
    assert f'data-copy="{dsn}"' in shown.html
    assert f"export SENTRY_DSN='{dsn}'" in shown.text
    assert f'Sentry.init({{ dsn: "{dsn}"' in shown.text
    for language in ("Python", "Node", "PHP", "Browser"):
        assert f"{language} with the Sentry SDK" in shown.text
    assert '"transport_compression_algo": "gzip"' in shown.text


def test_a_dsn_names_the_sdk_endpoint_s_own_url(
    admin: Browser, shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDK_URL", "https://abc.lambda-url.us-east-1.on.aws/")
    settings.cache_clear()
    dsn = f"https://{shop.public}@abc.lambda-url.us-east-1.on.aws/{shop.id}"
    for path in ("settings", "issues"):
        assert f"export SENTRY_DSN='{dsn}'" in admin.get(f"projects/{shop.id}/{path}").text
    # Other programs send to the API.
    assert "https://errors.example.com/v1" in admin.get(f"projects/{shop.id}/settings").text


def test_a_new_dsn_is_created_and_used_in_the_code_examples(
    admin: Browser, shop: Project, clock: Clock
) -> None:
    clock.advance(1)
    shown = send(admin, shop, **{"create-key": "dsn", "label": "page"})
    assert "DSN created" in shown.text
    *_, record = projects_store.list_keys(shop.id)
    assert (record.label, record.hash) == ("page", access.hash_key(record.public))
    assert f"export SENTRY_DSN='https://{record.public}@errors.example.com/v1/1'" in shown.text
    assert shop.public in shown.html
    send(admin, shop, revoke=record.id)
    assert record.public not in admin.get(f"projects/{shop.id}/settings").html
    access.clear_cache()
    assert access.find_dsn(record.public, now_ms()).access is None


def test_without_a_dsn_the_page_says_where_to_get_one(admin: Browser, shop: Project) -> None:
    _, record = projects_store.list_keys(shop.id)
    shown = send(admin, shop, revoke=record.id)
    assert "create a DSN above" in shown.text
    assert "export SENTRY_DSN='your DSN'" in shown.text


def test_a_revoked_key_is_refused_and_still_listed(admin: Browser, shop: Project) -> None:
    record, _ = projects_store.list_keys(shop.id)
    shown = send(admin, shop, revoke=record.id)
    assert "Revoked." in shown.text
    assert "revoked just now" in shown.text
    assert not opens(shop.id, shop.key)


def test_keys_and_rates_are_metered_by_the_gateway(admin: Browser, shop: Project) -> None:
    gateway = boto3.client("apigateway")
    key = shown_secret(send(admin, shop, **{"create-key": "1", "label": "web"}))
    admin.get(f"projects/{shop.id}/settings")
    assert "Saved." in send(admin, shop, rate="1", rate_limit="600").text
    plans = {each["name"]: each for each in gateway.get_usage_plans()["items"]}
    assert set(plans) == {"errata-60", "errata-600"}
    assert plans["errata-600"]["apiStages"] == [{"apiId": "api", "stage": "v1"}]
    keys = gateway.get_usage_plan_keys(usagePlanId=plans["errata-600"]["id"])["items"]
    # The DSN that the project began with is metered, too.
    assert len(keys) == 3
    assert projects.find(shop.id).rate_limit == 600
    assert opens(shop.id, key)
    first, _, second = projects_store.list_keys(shop.id)
    admin.get(f"projects/{shop.id}/settings")
    send(admin, shop, revoke=second.id)
    left = {each["id"] for each in gateway.get_api_keys()["items"]}
    assert first.usage_key_id in left
    assert second.usage_key_id not in left


def test_new_keys_work_and_the_page_warns_if_api_gateway_refuses_them(
    admin: Browser, shop: Project
) -> None:
    with refusing("CreateApiKey", "AccessDeniedException"):
        shown = send(admin, shop, **{"create-key": "1", "label": "web"})
        assert "API Gateway could not be set up to enforce its rate limit" in shown.text
        assert opens(shop.id, shown_secret(shown))
        admin.get(f"projects/{shop.id}/settings")
        shown = send(admin, shop, **{"create-key": "dsn", "label": "page"})
        assert "DSN created" in shown.text
        assert "does not count its requests yet" in shown.text
        assert "Press “Save rate limit”" in send(admin, shop, rate="1", rate_limit="600").text


def test_changes_of_the_rate_never_use_up_the_account_s_usage_plans(
    admin: Browser, shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("errata.store.gateway_keys.MAX_PLANS", 3)
    gateway = boto3.client("apigateway")
    gateway.create_usage_plan(name="errata-shop-60")  # of another stack
    shown = [send(admin, shop, rate="1", rate_limit=str(rate)) for rate in (1, 2, 3, 4, 2)]
    refused = ["Press “Save rate limit”" in each.text for each in shown]
    assert refused == [False, False, False, True, False]
    assert len(gateway.get_usage_plans()["items"]) == 4
    operator = Gateway("errata", "api", "v1", may_list=True)
    assert usage_keys.change_project(operator, shop.id, 4, None)[1] is None


# ------------------------------------------------------------------ settings


def test_name_retention_and_teams_are_saved(admin: Browser, shop: Project, team: str) -> None:
    other = members.create_team("1", "ops").id
    shown = send(admin, shop, save="1", name=" store ", retention_days="90", team=[team, other])
    assert "Saved." in shown.text
    changed = projects.find(shop.id)
    assert (changed.name, changed.retention_days) == ("store", 90)
    assert changed.teams == {team, other}
    send(admin, shop, save="1", name="store", retention_days="")
    changed = projects.find(shop.id)
    assert (changed.retention_days, changed.teams) == (None, frozenset())


def test_the_slug_is_changed(admin: Browser, shop: Project) -> None:
    assert admin.get(f"projects/{shop.id}/settings").value("slug") == "shop"
    shown = send(admin, shop, save="1", name="shop", slug=" store ")
    assert "Saved." in shown.text
    assert shown.value("slug") == "store"
    assert projects.find(shop.id).slugs == ("store", "shop")
    send(admin, shop, save="1", name="shop", slug="")
    assert projects.find(shop.id).slug == "store"


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"save": "1", "name": "", "retention_days": "7"}, "1 to 200 characters"),
        ({"save": "1", "name": "typed", "retention_days": "0"}, "from 1 to 3650 days"),
        ({"save": "1", "name": "typed", "retention_days": "soon"}, "must be a whole number"),
        ({"save": "1", "name": "typed", "slug": "Typed"}, "lower-case letters"),
        ({"save": "1", "name": "typed", "slug": "blog"}, "Another project of the organization"),
        ({"save": "1", "name": "typed", "team": "0123abcd"}, "no team 0123abcd"),
        ({"rate": "1", "rate_limit": "60001"}, "from 1 to 60000"),
        ({"rate": "1", "rate_limit": "٣"}, "must be a whole number"),
        ({"create-key": "1", "label": ""}, "1 to 200 characters"),
        ({"create-key": "1", "label": "x" * 201}, "1 to 200 characters"),
        ({"add-webhook": "1", "url": "ftp://example.com/typed"}, "https"),
        ({"add-webhook": "1", "url": "https://me:typed@example.com/"}, "user name or a password"),
        ({"clear": "1", "name_to_clear": "shop2"}, "That is not the project's name"),
        ({"delete": "1", "name_to_delete": ""}, "That is not the project's name"),
    ],
)
def test_an_invalid_form_shows_an_error_and_changes_nothing(
    admin: Browser, shop: Project, fields: dict[str, str], complaint: str
) -> None:
    projects.create("blog", organization="1")
    before = rows()
    shown = send(admin, shop, **fields)
    assert shown.status == 422
    assert complaint in shown.text
    assert shown.html.count('role="alert"') == 1
    for name in ("name", "slug", "retention_days", "rate_limit", "label", "url"):
        if name in fields:
            assert shown.value(name) == fields[name]
    assert rows() == before


def test_a_form_without_an_action_is_400(admin: Browser, shop: Project) -> None:
    assert send(admin, shop).status == 400


# ------------------------------------------------------------------ webhooks


def test_a_webhook_is_added_tested_enabled_rotated_and_removed(
    admin: Browser, shop: Project
) -> None:
    secret = shown_secret(send(admin, shop, **{"add-webhook": "1", "url": HOOK}))
    assert secret.startswith("whsec_")
    (webhook,) = webhooks_store.list_webhooks(shop.id)
    assert webhook_secrets.find_secrets(shop.id, webhook.id).current == secret
    page = admin.get(f"projects/{shop.id}/settings")
    assert "https://example.com/hook?… enabled" in page.text
    assert "xyzzy" not in page.html
    assert secret not in page.html

    assert "Sent." in send(admin, shop, test=webhook.id).text
    queue = settings().webhook_queue_url
    (message,) = clients.sqs().receive_message(QueueUrl=queue)["Messages"]
    assert json.loads(message["Body"])["event"] == "webhook.test"

    webhooks_store.update_webhook(webhook, disabled_at=now_ms(), disabled_reason="it is gone")
    assert "disabled: it is gone" in admin.get(f"projects/{shop.id}/settings").text
    assert "enabled" in send(admin, shop, enable=webhook.id).text
    assert webhooks.find(shop.id, webhook.id).disabled_at is None

    rotated = shown_secret(send(admin, shop, rotate=webhook.id))
    found = webhook_secrets.find_secrets(shop.id, webhook.id)
    assert (found.current, found.formers[0][0]) == (rotated, secret)

    admin.get(f"projects/{shop.id}/settings")
    assert "No webhooks yet." in send(admin, shop, remove=webhook.id).text
    assert webhooks_store.list_webhooks(shop.id) == []


def attempted(project: Project, error: str = "") -> Attempt:
    """Store and return an attempt of now."""
    message = Message("msg_1", project.id, "0123456789ab", "issue.created", "{}")
    attempt = Attempt(new_event_id(now_ms()), message, 1, None if error else 500, 12, error)
    webhooks_store.record(attempt, Delivery(1), now_ms() // 1000)
    return attempt


def test_a_failed_delivery_is_listed_and_can_be_redelivered(admin: Browser, shop: Project) -> None:
    attempt = attempted(shop, error=HOSTILE)
    shown = admin.get(f"projects/{shop.id}/settings")
    assert "issue.created" in shown.text
    assert "<script>alert" not in shown.html
    assert "Sent." in send(admin, shop, redeliver=attempt.id).text
    queue = settings().webhook_queue_url
    (message,) = clients.sqs().receive_message(QueueUrl=queue)["Messages"]
    assert json.loads(message["Body"])["id"] == "msg_1"


def test_keys_webhooks_and_attempts_of_another_project_are_404(
    admin: Browser, shop: Project
) -> None:
    made = projects.create("other")
    assert made
    other = Project(made.project.id, made.key)
    key, _ = projects_store.list_keys(other.id)
    webhook, _ = webhooks.add(other.id, HOOK)
    attempt = attempted(other)
    before = rows()
    fields = [("revoke", key.id), ("redeliver", attempt.id), ("redeliver", "")]
    fields += [(name, webhook.id) for name in ("test", "enable", "rotate", "remove")]
    for name, value in fields:
        admin.get(f"projects/{shop.id}/settings")
        assert send(admin, shop, **{name: value}).status == 404
    assert rows() == before


# ------------------------------------------------------------------ danger


def test_a_cleared_project_is_empty_and_still_accepts_events(admin: Browser, shop: Project) -> None:
    assert opens(shop.id, shop.key)
    assert capture(shop).status == 200
    assert "Cleared." in send(admin, shop, clear="1", name_to_clear="shop").text
    assert read(shop).json["data"] == []
    assert errors(shop) == []
    assert opens(shop.id, shop.key)


def test_a_deleted_project_is_gone(admin: Browser, shop: Project) -> None:
    assert opens(shop.id, shop.key)
    assert capture(shop).status == 200
    shown = send(admin, shop, delete="1", name_to_delete=" shop ")
    assert (shown.status, shown.url.rpartition("/")[2]) == (200, "projects")
    assert "shop" not in shown.text
    with pytest.raises(NotFoundError):
        projects.find(shop.id)
    assert not opens(shop.id, shop.key)
    assert admin.get(f"projects/{shop.id}/settings").status == 404


# ------------------------------------------------------------------ permissions

ACTIONS = [
    {"save": "1", "name": "mine", "retention_days": "1"},
    {"save": "1", "name": "shop", "slug": "mine"},
    {"rate": "1", "rate_limit": "600"},
    {"create-key": "1", "label": "web"},
    {"create-key": "dsn", "label": "web"},
    {"revoke": "key"},
    {"add-webhook": "1", "url": HOOK},
    *({name: "webhook"} for name in ("rotate", "enable", "remove", "test")),
    {"redeliver": "attempt"},
    {"clear": "1", "name_to_clear": "shop"},
    {"delete": "1", "name_to_delete": "shop"},
]


@pytest.fixture
def ids(shop: Project) -> dict[str, str]:
    """Return the ids that replace the placeholders in `ACTIONS`."""
    key, _ = projects_store.list_keys(shop.id)
    webhook, _ = webhooks.add(shop.id, HOOK)
    return {"key": key.id, "webhook": webhook.id, "attempt": attempted(shop).id}


def test_a_member_can_read_and_not_change_the_settings(shop: Project, ids: dict[str, str]) -> None:
    eve = signed_in(MEMBER)
    page = eve.get(f"projects/{shop.id}/settings")
    assert page.status == 200
    # The path of a webhook is hidden, since it may be a secret, as with chat services.
    assert "/hook" not in page.html
    for text in ("first key", "https://example.com/…", "issue.created", "60 requests", "web"):
        assert text in page.text
    # The only buttons are the search, the sign-out and the one that copies the DSN.
    assert page.html.count("<button") == 3
    assert page.html.count("data-copy") == 1
    before = rows()
    for fields in ACTIONS:
        eve.get(f"projects/{shop.id}/settings")
        shown = send(eve, shop, **{name: ids.get(v, v) for name, v in fields.items()})
        assert shown.status == 403
        assert "Only owners and admins" in shown.text
    assert rows() == before


@pytest.mark.parametrize("role", ["owner", "member", "nobody"])
def test_the_project_is_404_for_everybody_without_access(
    shop: Project, ids: dict[str, str], role: str
) -> None:
    email = "mallory@example.com"
    elsewhere = organizations.create("elsewhere").id
    if role == "owner":
        members.add(elsewhere, email, "owner")
    elif role == "member":  # of the organization, but of none of the project's teams
        members.add("1", email, "member", [members.create_team("1", "ops").id])
    mallory = signed_in(email)
    before = rows()
    assert mallory.get(f"projects/{shop.id}/settings").status == 404
    for fields in ACTIONS:
        mallory.get("projects")
        shown = send(mallory, shop, **{name: ids.get(v, v) for name, v in fields.items()})
        assert shown.status == 404
    assert rows() == before


def test_a_form_without_the_session_s_token_does_nothing(
    admin: Browser, shop: Project, ids: dict[str, str]
) -> None:
    before = rows()
    for fields in ACTIONS:
        named = {name: ids.get(v, v) for name, v in fields.items()}
        assert send(admin, shop, **named, csrf="0" * 64).status == 403
    assert rows() == before


# ------------------------------------------------------------------ the page itself


def test_hostile_names_are_shown_as_text(admin: Browser, shop: Project, team: str) -> None:
    members.rename_team("1", team, HOSTILE)
    projects.rename(shop.id, HOSTILE)
    projects.create_key(shop.id, HOSTILE)
    shown = admin.get(f"projects/{shop.id}/settings")
    assert "<script>alert" not in shown.html
    assert "\u202e" not in unsent(shown)
    assert shown.html.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4


@pytest.mark.parametrize(
    "name", ["Shop 👨\u200d👩\u200d👧", "می\u200cرود", HOSTILE, "a\xa0b", '"&<']
)
def test_a_form_that_is_saved_unchanged_keeps_the_name(
    admin: Browser, shop: Project, team: str, name: str
) -> None:
    projects.rename(shop.id, name)
    shown = admin.get(f"projects/{shop.id}/settings")
    again = send(admin, shop, save="1", name=shown.value("name"), retention_days="90", team=team)
    assert "Saved." in again.text
    assert (projects.find(shop.id).name, projects.find(shop.id).retention_days) == (name, 90)
    refused = send(admin, shop, save="1", name=name, retention_days="soon", team=team)
    assert (refused.status, refused.value("name")) == (422, name)


def test_the_page_of_a_full_project_makes_five_calls_and_stays_small(
    admin: Browser, shop: Project
) -> None:
    for number in range(60):
        record, _ = projects.create_key(
            shop.id, f"key {number} of our many applications", public=True
        )
        if number % 4 == 1:
            projects.revoke_key(shop.id, record.id)
        members.create_team("1", f"team {number} of our many teams")
    for number in range(20):
        webhooks.add(shop.id, f"https://hooks-{number}.example.com/services/errata/webhook")
        attempted(shop, error="the connection was refused")
        attempted(shop)
    with recorded() as calls:
        shown = admin.get(f"projects/{shop.id}/settings")
    assert shown.status == 200
    assert [call.operation for call in calls] == ["BatchGetItem", *["Query"] * 4]
    assert shown.size < 60_000
    assert shown.html.count("data-copy") == 24
    assert "38 more keys are not shown" in shown.text


@pytest.mark.parametrize("text", ["a", "&", "\u202e", "\U0001f4a5"])
def test_long_names_keep_the_page_small(admin: Browser, shop: Project, text: str) -> None:
    for number in range(45):
        projects.create_key(shop.id, f"{number}{text * 190}", public=True)
        members.create_team("1", f"{number}{text * 190}")
    for number in range(20):
        webhooks.add(shop.id, f"https://hooks-{number}.example.com/{'a' * 300}?{'&' * 300}")
        attempted(shop, error=text * 300)
    projects.rename(shop.id, text * 200)
    projects.change_slug(shop.id, "s" * 40)
    assert admin.get(f"projects/{shop.id}/settings").size < 60_000


def test_a_selected_team_beyond_the_maximum_shown_stays_selected(
    admin: Browser, shop: Project, team: str
) -> None:
    made = [members.create_team("1", f"team {number}").id for number in range(60)]
    members.set_project_teams(shop.id, [team, made[-1]])
    shown = admin.get(f"projects/{shop.id}/settings")
    assert f'value="{made[-1]}" checked' in shown.html
    assert "11 more teams" in shown.text
