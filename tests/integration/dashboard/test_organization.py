"""An organization's page: its members, teams, policy and projects, and who may change them."""

import html
import re
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from errata.config import settings
from errata.models.audit import Actor
from errata.models.billing import BillingEvent, Invoice
from errata.models.ids import now_ms
from errata.models.member import Member, Membership
from errata.models.project import Project as Stored
from errata.store import quota_leases
from errata.usecases import access, audit, billing, members, organizations, projects, quota
from tests.support import stream
from tests.support.account import Clock, Project, rows
from tests.support.browser import Browser, Shown, signed_in, unsent
from tests.support.calls import recorded
from tests.support.cli import refusing
from tests.support.clients import ingest

OWNER, ADMIN, MEMBER = "ada@example.com", "bob@example.com", "eve@example.com"
NEW = "new+comer@example.com"
HOSTILE = "<script>alert(1)</script>\u202egnp"
ACME = "1"


@pytest.fixture
def team() -> str:
    """A team of an organization with an owner, an admin, and a member in that team."""
    assert organizations.create("acme").id == ACME
    made = members.create_team(ACME, "web").id
    members.add(ACME, OWNER, "owner")
    members.add(ACME, ADMIN, "admin")
    members.add(ACME, MEMBER, "member", [made])
    return made


@pytest.fixture
def owner(team: str) -> Browser:
    """The owner's browser, with the page open."""
    return opened(OWNER)


@pytest.fixture
def admin(team: str) -> Browser:
    """The admin's browser, with the page open."""
    return opened(ADMIN)


def opened(email: str) -> Browser:
    browser = signed_in(email)
    assert browser.get(f"orgs/{ACME}").status == 200
    return browser


def send(browser: Browser, **fields: Any) -> Shown:
    """Press a button of the organization's page."""
    return browser.post(f"orgs/{ACME}", **fields)


def member_page(email: str) -> str:
    """Return the path of a member's page."""
    return f"orgs/{ACME}/member?email={email.replace('+', '%2B')}"


def role_of(email: str) -> Membership | None:
    """Return a user's membership in the organization, None without one."""
    return members.find_user(email).memberships.get(ACME)


def account_of(email: str) -> str | None:
    """Return the state of an account in Cognito, None without one."""
    users = boto3.client("cognito-idp").list_users(UserPoolId=settings().user_pool_id)["Users"]
    for user in users:
        if {"Name": "email", "Value": email} in user["Attributes"]:
            return user["UserStatus"]
    return None


# ------------------------------------------------------------------ members


def test_an_invited_member_gets_an_account_and_sees_the_team_s_projects(
    admin: Browser, team: str
) -> None:
    projects.create("shop", organization=ACME, teams=frozenset({team}))
    shown = send(admin, invite="1", email=f" {NEW.upper()}", role="member", team=team)
    assert "Added." in shown.text
    assert f"{NEW} member web" in shown.text
    assert "https://errors.example.com/v1/dashboard" in shown.text
    assert account_of(NEW) == "FORCE_CHANGE_PASSWORD"
    assert signed_in(NEW).get("projects/1/settings").status == 200


def test_a_role_and_teams_are_changed_on_the_member_s_page(admin: Browser, team: str) -> None:
    page = admin.get(member_page(MEMBER))
    assert f'value="{team}" checked' in page.html
    other = members.create_team(ACME, "ops").id
    shown = admin.post(member_page(MEMBER), save="1", role="admin", team=[other])
    assert (shown.status, shown.url.endswith(f"orgs/{ACME}?said=changed")) == (200, True)
    assert role_of(MEMBER) == Membership("admin", frozenset({other}))


def test_the_page_of_a_member_with_a_plus_sign_in_the_address_is_found(admin: Browser) -> None:
    members.add(ACME, NEW, "member")
    page = admin.get(f"orgs/{ACME}")
    assert "member?email=new%2Bcomer%40example.com" in page.html
    assert admin.get(member_page(NEW)).status == 200
    admin.post(member_page(NEW), remove="1")
    assert role_of(NEW) is None


def test_an_invitation_is_mailed_again_until_a_password_is_chosen(admin: Browser) -> None:
    admin.get(member_page(MEMBER))
    assert "has been sent" in admin.post(member_page(MEMBER), **{"invite-again": "1"}).text
    admin.get(member_page(MEMBER))
    with refusing("AdminCreateUser", "UnsupportedUserStateException"):
        shown = admin.post(member_page(MEMBER), **{"invite-again": "1"})
    assert shown.status == 422
    assert "has already chosen a password" in shown.text


def test_a_removed_member_cannot_open_the_team_s_project(owner: Browser, team: str) -> None:
    projects.create("shop", organization=ACME, teams=frozenset({team}))
    eve = signed_in(MEMBER)
    assert eve.get("projects/1/settings").status == 200
    owner.get(member_page(MEMBER))
    assert MEMBER not in owner.post(member_page(MEMBER), remove="1").text
    assert eve.get("projects/1/settings").status == 404


def test_an_admin_who_steps_down_is_redirected_to_the_projects(admin: Browser) -> None:
    admin.get(member_page(ADMIN))
    shown = admin.post(member_page(ADMIN), save="1", role="member")
    assert (shown.status, shown.url.rpartition("/")[2]) == (200, "projects")
    assert admin.get(f"orgs/{ACME}").status == 403


@pytest.mark.parametrize("fields", [{"remove": "1"}, {"save": "1", "role": "member"}])
def test_the_last_owner_cannot_be_removed_or_demoted(
    owner: Browser, fields: dict[str, str]
) -> None:
    owner.get(member_page(OWNER))
    shown = owner.post(member_page(OWNER), **fields)
    assert shown.status == 422
    assert "last owner" in shown.text
    assert role_of(OWNER) == Membership("owner")


def test_an_admin_cannot_add_change_or_remove_an_owner(admin: Browser) -> None:
    assert ">owner</option>" not in admin.get(f"orgs/{ACME}").html
    before = rows()
    shown = send(admin, invite="1", email=NEW, role="owner")
    assert shown.status == 403
    assert "Only an owner" in shown.text
    assert shown.value("email") == NEW
    admin.get(member_page(OWNER))
    for fields in ({"remove": "1"}, {"save": "1", "role": "member"}, {"invite-again": "1"}):
        assert admin.post(member_page(OWNER), **fields).status == 403
    admin.get(member_page(MEMBER))
    assert admin.post(member_page(MEMBER), save="1", role="owner").status == 403
    assert rows() == before
    assert account_of(NEW) is None


# ------------------------------------------------------------------ teams


def test_a_team_is_created_renamed_and_deleted(admin: Browser, team: str) -> None:
    send(admin, **{"create-team": "1", "team_name": " ops "})
    assert [each.name for each in members.list_teams(ACME)] == ["web", "ops"]
    page = f"orgs/{ACME}/teams/{team}"
    admin.get(page)
    assert "front" in admin.post(page, rename="1", name="front").text
    admin.get(page)
    taken = admin.post(page, rename="1", name="ops")
    assert (taken.status, taken.value("name")) == (422, "ops")
    admin.get(page)
    assert "Team deleted." in admin.post(page, delete="1").text
    assert role_of(MEMBER) == Membership("member")
    assert admin.get(page).status == 404


# ------------------------------------------------------------------ policy


def test_an_allowlist_restricts_the_apis_and_not_the_dashboard(admin: Browser) -> None:
    created = projects.create("shop", organization=ACME)
    assert created
    shop = Project(created.project.id, created.key)
    assert "cannot lock yourself out" in admin.get(f"orgs/{ACME}").text
    listed = "198.51.100.0/24\r\n\r\n 2001:db8::/32 "
    shown = send(admin, policy="1", allowlist=listed, monthly_quota="")
    assert (shown.status, "Saved." in shown.text) == (200, True)
    assert organizations.find(ACME).allowlist == ("198.51.100.0/24", "2001:db8::/32")
    assert "198.51.100.0/24\n2001:db8::/32" in shown.html
    access.clear_cache()
    assert ingest(shop).status == 403
    send(admin, policy="1", allowlist="", monthly_quota="")
    access.clear_cache()
    assert ingest(shop).status == 202


def test_the_page_shows_how_much_of_the_quota_is_used(admin: Browser, clock: Clock) -> None:
    send(admin, policy="1", allowlist="", monthly_quota="5000")
    quota_leases.lease_units(ACME, quota.month_of(clock.ms), 1234, 5000)
    assert "1,234 of 5,000 events used this month" in admin.get(f"orgs/{ACME}").text
    assert "used this month" not in send(admin, policy="1", monthly_quota="").text
    assert organizations.find(ACME).monthly_quota is None


def test_the_usage_page_counts_the_month_s_events_without_a_quota(
    admin: Browser, clock: Clock
) -> None:
    clock.ns = int(datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()) * 10**9
    browser = opened(ADMIN)
    made = [projects.create(f"shop {n}", organization=ACME) for n in range(20)]
    assert projects.create("of others")
    shops = [Project(each[0].id, each[1]) for each in made if each]
    clock.days(-25)  # the last day of October
    ingest(shops[0])
    clock.days(20)
    assert ingest(shops[0]).status == 202
    clock.days(5)
    for shop, number in ((shops[0], 3), (shops[1], 2), (shops[19], 1)):
        for _ in range(number):
            assert ingest(shop).status == 202
    assert stream.deliver(stream.records()) == []
    assert 'href="../orgs/1/use"' in browser.get(f"orgs/{ACME}").html
    usage: dict[str, str] = {}
    path = f"orgs/{ACME}/use"
    while True:
        with recorded() as calls:
            shown = browser.get(path)
        assert len(calls) <= 5
        assert "Usage in November 2026" in shown.text
        usage |= dict(
            re.findall(r"/stats\">(shop \d+)</a></td><td class=\"number\">([\d,]+)", shown.html)
        )
        following = re.search(r'rel="next" href="([^"]+)"', shown.html)
        if not following:
            break
        path = f"orgs/{ACME}/use{following[1]}"
    assert len(usage) == 20
    assert {name: each for name, each in usage.items() if each != "0"} == {
        "shop 0": "4",
        "shop 1": "2",
        "shop 19": "1",
    }
    assert signed_in(MEMBER).get(f"orgs/{ACME}/use").status == 403


@pytest.mark.parametrize(
    ("url", "linked"),
    [("https://invoice.stripe.com/i/1", True), ("", False), ("javascript:alert(1)", False)],
)
def test_an_unpaid_invoice_is_shown_with_its_link(admin: Browser, url: str, linked: bool) -> None:
    billing.link(ACME, "cus_123")
    failed = BillingEvent("evt_1", "cus_123", "in_1", Invoice("failed", now_ms() // 1000, url))
    billing.receive(failed, now_ms() // 1000)
    shown = admin.get(f"orgs/{ACME}")
    assert "cus_123" in shown.text
    assert "An invoice payment failed" in shown.text
    assert ("Pay the invoice" in shown.text) == linked
    assert "javascript:" not in shown.html


# ------------------------------------------------------------------ projects


def test_a_new_project_s_key_is_shown_once_and_its_team_sees_it(admin: Browser, team: str) -> None:
    shown = send(admin, **{"create-project": "1", "project_name": " shop ", "team": team})
    key = shown.html.partition('<code class="key">')[2].partition("<")[0]
    assert ingest(Project("1", key)).status == 202
    assert f"ERRATA_KEY='{key}'" in shown.text
    _, dsn = projects.list_keys("1")
    assert f"SENTRY_DSN='https://{dsn.public}@errors.example.com/v1/1'" in shown.text
    found: Stored = projects.find("1")
    assert (found.name, found.organization, found.teams) == ("shop", ACME, frozenset({team}))
    page = admin.get(f"orgs/{ACME}")
    assert "shop project 1" in page.text
    assert key not in page.html
    names = [plan["name"] for plan in boto3.client("apigateway").get_usage_plans()["items"]]
    assert names == ["errata-60", "errata-600-300"]


# ------------------------------------------------------------------ invalid forms


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"invite": "1", "email": "typed", "role": "member"}, "is not an e-mail address"),
        ({"invite": "1", "email": MEMBER, "role": "admin"}, "is already a member, as member."),
        ({"invite": "1", "email": NEW, "role": "king"}, "There is no role"),
        ({"invite": "1", "email": NEW, "role": "member", "team": "01234567"}, "no team 01234567"),
        ({"create-team": "1", "team_name": ""}, "1 to 200 characters"),
        ({"create-team": "1", "team_name": "web"}, "already has this name"),
        ({"policy": "1", "allowlist": "300.1.1.1", "monthly_quota": "7"}, "300.1.1.1"),
        ({"policy": "1", "allowlist": "", "monthly_quota": "-1"}, "must be a whole number"),
        ({"policy": "1", "allowlist": "", "monthly_quota": "9" * 14}, "from 0 to"),
        ({"create-project": "1", "project_name": ""}, "1 to 200 characters"),
        ({"create-project": "1", "project_name": "typed", "team": "01234567"}, "no team 01234567"),
    ],
)
def test_an_invalid_form_shows_an_error_and_changes_nothing(
    admin: Browser, fields: dict[str, str], complaint: str
) -> None:
    before = rows()
    shown = send(admin, **fields)
    assert shown.status == 422
    assert complaint in shown.text
    assert shown.html.count('role="alert"') == 1
    for name in ("email", "team_name", "monthly_quota", "project_name"):
        if name in fields:
            assert shown.value(name) == fields[name]
    assert f"{fields.get('allowlist', '')}</textarea>" in shown.html
    assert rows() == before
    assert account_of(NEW) is None


# ------------------------------------------------------------------ permissions

FORMS: list[tuple[str, dict[str, str]]] = [
    (f"orgs/{ACME}", {"invite": "1", "email": NEW, "role": "member"}),
    (f"orgs/{ACME}", {"create-team": "1", "team_name": "ops"}),
    (f"orgs/{ACME}", {"policy": "1", "allowlist": "", "monthly_quota": "1"}),
    (f"orgs/{ACME}", {"create-project": "1", "project_name": "shop"}),
    (member_page(MEMBER), {"save": "1", "role": "admin"}),
    (member_page(ADMIN), {"remove": "1"}),
    (member_page(MEMBER), {"invite-again": "1"}),
    (f"orgs/{ACME}/teams/TEAM", {"rename": "1", "name": "ops"}),
    (f"orgs/{ACME}/teams/TEAM", {"delete": "1"}),
]


@pytest.mark.parametrize(("email", "status"), [(MEMBER, 403), ("mallory@example.com", 404)])
def test_members_and_owners_of_another_organization_cannot_open_or_change_it(
    team: str, email: str, status: int
) -> None:
    members.add(organizations.create("elsewhere").id, "mallory@example.com", "owner")
    other = signed_in(email)
    before = rows()
    for path, fields in FORMS:
        path = path.replace("TEAM", team)
        assert other.get(path).status == status
        other.get("projects")
        assert other.post(path, **fields).status == status
    assert rows() == before


def test_a_form_without_the_session_s_token_does_nothing(admin: Browser, team: str) -> None:
    before = rows()
    for path, fields in FORMS:
        assert admin.post(path.replace("TEAM", team), **fields, csrf="0" * 64).status == 403
    assert rows() == before


def test_members_and_teams_of_another_organization_are_404(admin: Browser) -> None:
    elsewhere = organizations.create("elsewhere").id
    theirs = members.create_team(elsewhere, "ops").id
    members.add(elsewhere, NEW, "member")
    for path in (member_page(NEW), f"orgs/{ACME}/teams/{theirs}"):
        assert admin.get(path).status == 404
    admin.get(f"orgs/{ACME}")
    assert admin.post(member_page(NEW), remove="1").status == 404
    assert admin.post(f"orgs/{ACME}/teams/{theirs}", delete="1", csrf=token(admin)).status == 404
    assert members.list_members(elsewhere) == [Member(NEW, "member")]


def token(browser: Browser) -> str:
    return browser.get(f"orgs/{ACME}").value("csrf")


# ------------------------------------------------------------------ the page itself


def test_the_default_organization_has_a_page_before_it_is_configured() -> None:
    members.add("default", OWNER, "owner")
    browser = signed_in(OWNER)
    shown = browser.get("orgs/default")
    assert (shown.status, OWNER in shown.text) == (200, True)
    browser.post("orgs/default", policy="1", allowlist="", monthly_quota="100")
    assert organizations.find("default").monthly_quota == 100
    assert signed_in(MEMBER).get("orgs/default").status == 404


def test_hostile_names_are_shown_as_text(admin: Browser, team: str) -> None:
    members.rename_team(ACME, team, HOSTILE)
    projects.create(HOSTILE, organization=ACME)
    for path in (f"orgs/{ACME}", f"orgs/{ACME}/teams/{team}", member_page(MEMBER)):
        shown = admin.get(path)
        assert "<script>alert" not in shown.html
        assert "\u202e" not in unsent(shown)
        assert "&lt;script&gt;" in shown.html


def test_the_page_of_a_large_organization_makes_five_calls_and_stays_small(
    admin: Browser, team: str
) -> None:
    made = [members.create_team(ACME, f"the team of many, {number:03}").id for number in range(60)]
    for number in range(60):
        members.add(ACME, f"member-{number:03}@example.com", "member", [*made[:5], team])
        projects.create(f"the project of many, {number}", organization=ACME)
    send(admin, policy="1", allowlist="192.0.2.0/24", monthly_quota="1000")
    with recorded() as calls:
        shown = admin.get(f"orgs/{ACME}")
    operations = sorted(call.operation for call in calls)
    assert operations == ["BatchGetItem", "BatchGetItem", "GetItem", "Query", "Query"]
    assert shown.size < 60_000
    assert "member-046@example.com" in shown.text
    assert "member-047@example.com" not in shown.text
    rest = admin.get(f"orgs/{ACME}?after=member-046%40example.com")
    assert "member-059@example.com" in rest.text
    assert "More members" not in rest.text
    assert admin.get(member_page(MEMBER)).size < 60_000


def test_the_pages_of_a_member_and_a_team_make_at_most_five_calls(
    admin: Browser, team: str
) -> None:
    for number in range(60):
        members.create_team(ACME, f"the team of many, {number}")
    for path in (member_page(MEMBER), f"orgs/{ACME}/teams/{team}"):
        with recorded() as calls:
            shown = admin.get(path)
        assert (shown.status, len(calls) <= 5) == (200, True)
        assert shown.size < 60_000


@pytest.mark.parametrize("text", ["a", "&", "\u202e", "\U0001f4a5"])
def test_long_names_keep_the_page_small(admin: Browser, team: str, text: str) -> None:
    for number in range(50):
        members.create_team(ACME, f"{number}{text * 190}")
        projects.create(f"{number}{text * 190}", organization=ACME)
    added = [f"{number:02d}{'+' * 200}@example.com" for number in range(55)]
    for email in added:
        members.add(ACME, email, "member", [team])
    seen: list[str] = []
    path = f"orgs/{ACME}"
    while True:
        with recorded() as calls:
            shown = admin.get(path)
        assert len(calls) <= 5
        assert shown.size < 60_000
        seen += re.findall(r"member\?email=(\d\d)", shown.html)
        following = re.search(r'rel="next" href="([^"]+)"', shown.html)
        if not following:
            break
        path = f"orgs/{ACME}?{html.unescape(following[1]).partition('?')[2]}"
    assert seen == [email[:2] for email in added]


# ------------------------------------------------------------------ audit log


def test_the_audit_log_shows_what_members_have_changed(owner: Browser) -> None:
    send(owner, **{"create-team": "1", "team_name": HOSTILE})
    send(owner, policy="1", allowlist="192.0.2.0/24", monthly_quota="")
    shown = owner.get(f"orgs/{ACME}/audit")
    changed, created = re.findall(r"<tr>\s*<td class=.text.>(.*?)</tr>", shown.html, re.DOTALL)
    assert "organization changed: allowlist 192.0.2.0/24" in changed
    assert "team created: name &lt;script&gt;alert(1)&lt;/script&gt;" in created
    assert OWNER in changed
    assert "203.0.113.9" in changed
    assert "(not finished)" not in shown.text
    assert "Audit log" in owner.get(f"orgs/{ACME}").text


def test_the_audit_log_has_pages(owner: Browser) -> None:
    with audit.acting(lambda: Actor(OWNER, "203.0.113.9")):
        for number in range(60):
            members.create_team(ACME, f"team {number}")
    shown = owner.get(f"orgs/{ACME}/audit")
    assert shown.text.count("team created") == 50
    (older,) = re.findall(r'href="(\?before=[^"]+)"', shown.html)
    rest = owner.get(f"orgs/{ACME}/audit{html.unescape(older)}")
    assert rest.text.count("team created") == 10
    assert "team 0 " in rest.text + " "
    assert owner.get(f"orgs/{ACME}/audit?before=x").status == 200


def test_only_owners_and_admins_see_the_audit_log(admin: Browser) -> None:
    assert admin.get(f"orgs/{ACME}/audit").status == 200
    assert signed_in(MEMBER).get(f"orgs/{ACME}/audit").status == 403
