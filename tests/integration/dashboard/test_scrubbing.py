"""The pages with the settings of scrubbing: who may change them, and what the preview says."""

import pytest

from errata.usecases import audit, members, organizations, projects, scrubbing_rules
from tests.support import sdk
from tests.support.account import Project, new_project
from tests.support.browser import Browser, signed_in, words
from tests.support.calls import recorded
from tests.support.clients import kept
from tests.support.pages import MAX_BYTES, MAX_CALLS, OWNER, only_our_markup

MEMBER = "eve@example.com"
AS_BEFORE = {"scrub": "default", "scrub_contract_apis": "default"}
ON = {"scrub": "on", "scrub_contract_apis": "on"}
ORGANIZATION = "orgs/default/scrubbing"


@pytest.fixture
def page(busy: Project) -> str:
    return f"projects/{busy.id}/scrubbing"


@pytest.fixture
def owner(page: str) -> Browser:
    """The owner's browser, with the page open."""
    members.add("default", OWNER, "owner")
    browser = signed_in(OWNER)
    assert browser.get(page).status == 200
    return browser


def test_settings_of_a_project_are_previewed_and_saved(
    owner: Browser, busy: Project, page: str
) -> None:
    sdk.capture(busy, exception=None, message="badge=hush", extra={"token": "hush"})
    kept(busy, {"message": "badge=hush"})
    rules = "name: badge\r\nexempt: extra.*"
    shown = owner.post(page, preview="1", rules=rules, scrub="off", scrub_contract_apis="default")
    assert shown.status == 200
    assert "Newest events looked at: 2. Nothing was changed." in shown.text
    assert "2 message own-name replaced" in words(shown.html)
    assert "1 extra.token name kept" in words(shown.html)
    assert "hush" not in shown.html
    assert "name: badge\nexempt: extra.*</textarea>" in shown.html
    assert '<option value="off" selected>' in shown.html
    switches = {"scrub": "on", "scrub_contract_apis": "off"}
    shown = owner.post(page, preview="1", rules=rules, **switches)
    assert "1 message own-name replaced" in words(shown.html)
    assert (projects.find(busy.id).scrub, scrubbing_rules.find_text(busy.id)) == (None, "")
    saved = owner.post(page, save="1", rules=rules, scrub="off", scrub_contract_apis="on")
    assert "Saved." in saved.text
    project = projects.find(busy.id)
    assert (project.scrub, project.scrub_contract_apis) == (False, True)
    assert scrubbing_rules.find_text(busy.id) == "name: badge\nexempt: extra.*"
    entries, _ = audit.list_entries("default", "", 10)
    assert [(each.action, each.details) for each in entries[:2]] == [
        ("scrubbing changed", "scrub off, scrub contract apis on"),
        ("scrubbing rules changed", ""),
    ]
    owner.post(page, save="1", rules="", **AS_BEFORE)
    project = projects.find(busy.id)
    assert (project.scrub, project.scrub_contract_apis, project.scrub_rules) == (None, None, "")
    before = len(audit.list_entries("default", "", 20)[0])
    owner.post(page, save="1", rules="", **AS_BEFORE)
    assert len(audit.list_entries("default", "", 20)[0]) == before


def test_settings_of_an_organization_are_previewed_and_saved(owner: Browser, busy: Project) -> None:
    other = new_project()
    kept(other, {"message": "badge=hush"})
    owner.get(ORGANIZATION)
    shown = owner.post(ORGANIZATION, preview="1", rules="name: badge", project=other.id, **ON)
    assert "1 message own-name replaced" in words(shown.html)
    assert f'<option value="{other.id}" selected>' in shown.html
    stranger = projects.create("blog", organization=organizations.create("Acme").id)
    assert stranger
    for wrong in (stranger.project.id, "", "x"):
        refused = owner.post(ORGANIZATION, preview="1", rules="", project=wrong, **ON)
        assert "Choose a project to preview with." in refused.text
    off = {"scrub": "off", "scrub_contract_apis": "on"}
    assert "Saved." in owner.post(ORGANIZATION, save="1", rules="name: badge", **off).text
    organization = organizations.find("default")
    assert (organization.scrub, organization.scrub_contract_apis) == (False, True)
    shown = owner.get(f"projects/{busy.id}/scrubbing")
    assert "as the organization: off" in shown.text
    assert "The organization has rules, too: its page" in words(shown.html)


@pytest.mark.parametrize("button", ["preview", "save"])
@pytest.mark.parametrize("of_organization", [False, True])
def test_wrong_settings_are_named_and_kept_in_the_field(
    owner: Browser, busy: Project, page: str, button: str, of_organization: bool
) -> None:
    path = ORGANIZATION if of_organization else page
    owner.get(path)
    fields = {button: "1", "project": busy.id, **ON}
    shown = owner.post(path, rules="name: x\nnonsense <b>", **fields)
    assert shown.status == 422
    assert "Line 2: it must begin with name:" in shown.text
    assert "nonsense &lt;b&gt;" in shown.html
    assert scrubbing_rules.find_text(busy.id) == ""
    assert scrubbing_rules.find_text(organization_id="default") == ""
    refused = owner.post(path, save="1", rules="name: x", scrub="maybe", scrub_contract_apis="on")
    assert (refused.status, scrubbing_rules.find_text(busy.id)) == (422, "")


def test_the_pages_make_few_calls_and_show_rules_as_text(
    owner: Browser, busy: Project, page: str
) -> None:
    scrubbing_rules.set_of_project(busy.id, "name: x\n# </textarea><script>alert(1)</script>")
    large = "name: x\n# " + "&" * 7_900
    scrubbing_rules.set_of_organization("default", large)
    context = {f"{n}" + "&" * 150: {"badge": "x"} for n in range(50)}
    kept(busy, {"message": "m", "context": context})
    for path, form in ((page, {}), (ORGANIZATION, {"project": busy.id})):
        with recorded() as calls:
            shown = owner.get(path)
        only_our_markup(shown.html)
        assert len(calls) <= MAX_CALLS
        shown = owner.post(path, preview="1", rules=f"name: badge\n{large}", **form, **ON)
        assert shown.status == 200
        assert shown.size <= MAX_BYTES
        assert "25 more paths." in shown.text


def test_a_member_can_read_and_not_change_the_settings_of_a_project(
    busy: Project, page: str
) -> None:
    scrubbing_rules.set_of_project(busy.id, "name: badge")
    team = members.create_team("default", "web").id
    members.set_project_teams(busy.id, [team])
    members.add("default", MEMBER, "member", [team])
    browser = signed_in(MEMBER)
    shown = browser.get(page)
    assert "name: badge" in shown.text
    assert "Replace secrets on, as the organization" in words(shown.html)
    assert "textarea" not in shown.html
    assert browser.post(page, save="1", rules="", **ON).status == 403
    browser.get(page)
    assert browser.post(ORGANIZATION, save="1", rules="", **ON).status == 403
    assert browser.get(ORGANIZATION).status == 403
    assert scrubbing_rules.find_text(busy.id) == "name: badge"
