"""The page of a project's fingerprint rules: who may change them, and what the preview says."""

import pytest

from errata.usecases import fingerprint_rules, members
from tests.support import sdk
from tests.support.account import Project
from tests.support.browser import Browser, signed_in

OWNER, MEMBER = "ada@example.com", "eve@example.com"
HOSTILE = "type:<script>alert(1)</script> -> x"


@pytest.fixture
def owner(busy: Project) -> Browser:
    """The owner's browser, with the page open."""
    members.add("default", OWNER, "owner")
    browser = signed_in(OWNER)
    assert browser.get(f"projects/{busy.id}/rules").status == 200
    return browser


def test_rules_are_previewed_and_saved(owner: Browser, busy: Project) -> None:
    for value in ("lamp", "chair"):
        sdk.capture(busy, exception={"values": [{"type": "KeyError", "value": value}]})
    sdk.capture(busy, message="hello", exception=None)
    path, text = f"projects/{busy.id}/rules", "type:KeyError -> keys\r\n"
    shown = owner.post(path, preview="1", rules=text)
    assert shown.status == 200
    assert "2 of the newest 3 events would get another fingerprint." in shown.text
    assert "type:KeyError -> keys" in shown.text
    assert "none: the default grouping" in shown.text
    assert fingerprint_rules.find_text(busy.id) == ""
    saved = owner.post(path, save="1", rules=text)
    assert "Saved." in saved.text
    assert fingerprint_rules.find_text(busy.id) == "type:KeyError -> keys"
    assert "Fingerprint rules" in owner.get(f"projects/{busy.id}/settings").text


@pytest.mark.parametrize("button", ["preview", "save"])
def test_wrong_rules_are_named_and_kept_in_the_field(
    owner: Browser, busy: Project, button: str
) -> None:
    shown = owner.post(f"projects/{busy.id}/rules", **{button: "1", "rules": "nonsense <b>"})
    assert shown.status == 422
    assert "Line 1: there is no `->` before the fingerprint." in shown.text
    assert "nonsense &lt;b&gt;" in shown.html
    assert fingerprint_rules.find_text(busy.id) == ""


def test_rules_are_shown_as_text(owner: Browser, busy: Project) -> None:
    fingerprint_rules.set_text(busy.id, HOSTILE)
    sdk.capture(busy, exception={"values": [{"type": "<script>alert(1)</script>", "value": "v"}]})
    path = f"projects/{busy.id}/rules"
    for shown in (owner.get(path), owner.post(path, preview="1", rules=HOSTILE)):
        assert "<script>alert" not in shown.html
        assert "type:&lt;script&gt;alert(1)&lt;/script&gt;" in shown.html


def test_a_member_can_read_and_not_change_the_rules(busy: Project) -> None:
    fingerprint_rules.set_text(busy.id, "type:x -> y")
    team = members.create_team("default", "web").id
    members.set_project_teams(busy.id, [team])
    members.add("default", MEMBER, "member", [team])
    browser = signed_in(MEMBER)
    shown = browser.get(f"projects/{busy.id}/rules")
    assert "type:x -> y" in shown.text
    assert "textarea" not in shown.html
    assert browser.post(f"projects/{busy.id}/rules", save="1", rules="").status == 403
    assert fingerprint_rules.find_text(busy.id) == "type:x -> y"
