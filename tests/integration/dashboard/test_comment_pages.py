"""Comments on the page of an issue and on that of its activity."""

import re

import pytest

from errata.models.ids import issue_id
from errata.usecases import comments, members, projects
from tests.support.account import Project
from tests.support.browser import Browser, signed_in
from tests.support.calls import recorded
from tests.support.pages import CORPUS, HOSTILE, MAX_BYTES, MAX_CALLS, OWNER, only_our_markup, send
from tests.support.visible import visible_in

BEN = "ben@example.com"


@pytest.fixture
def path(busy: Project) -> str:
    """Return the path of an issue."""
    send(busy, {"message": "boom", "fingerprint": "f"})
    return f"projects/{busy.id}/issues/{issue_id(busy.id, 'f')}"


def post_comment(browser: Browser, path: str, text: str, **more: str) -> str:
    form = browser.get(path)
    shown = browser.post(f"{path}/activity", add="1", text=text, token=form.value("token"), **more)
    assert shown.status == 200
    return shown.html


def test_a_member_adds_edits_and_deletes_a_comment(browser: Browser, path: str) -> None:
    shown = post_comment(browser, path, "Guests have **no** address.", back="issue")
    assert "<strong>no</strong>" in shown
    assert 'id="activity"' in shown
    (at,) = re.findall(r"activity\?comment=(\d+)", shown)
    form = browser.get(f"{path}/activity?comment={at}")
    assert "Guests have **no** address." in form.html
    seen = form.value("edited_at")
    changed = browser.post(
        f"{path}/activity?comment={at}", edit=at, text="Guests *pay*.", edited_at=seen
    )
    assert "<em>pay</em>" in changed.html
    browser.get(f"{path}/activity?comment={at}")
    stale = browser.post(f"{path}/activity?comment={at}", edit=at, text="Not this.", edited_at=seen)
    assert stale.status == 409
    assert f"{OWNER} has changed this comment meanwhile" in stale.text
    # What was typed is not lost.
    assert "Not this." in stale.html
    gone = browser.post(f"{path}/activity?comment={at}", remove=at)
    assert f"{OWNER} deleted their comment" in gone.text
    assert browser.get(f"{path}/activity?comment={at}").status == 404


def test_a_form_that_is_sent_twice_adds_one_comment(browser: Browser, path: str) -> None:
    token = browser.get(path).value("token")
    for _ in range(2):
        browser.get(path)
        browser.post(f"{path}/activity", add="1", text="once", token=token, back="issue")
    assert browser.get(path).html.count("<p>once</p>") == 1


def test_a_refused_comment_stays_in_the_form(browser: Browser, path: str) -> None:
    form = browser.get(f"{path}/activity")
    shown = browser.post(f"{path}/activity", add="1", text="x" * 10_001, token=form.value("token"))
    assert shown.status == 422
    assert "The comment has 10,001 characters." in shown.text
    assert "x" * 10_000 in shown.html
    assert browser.post(f"{path}/activity", add="1", text="x", token="../").status == 422


def test_somebody_else_s_comment_has_no_form(browser: Browser, busy: Project, path: str) -> None:
    team = members.create_team("default", "web").id
    members.set_project_teams(busy.id, [team])
    for email, role in ((BEN, "member"), ("eve@example.com", "viewer")):
        members.add("default", email, role, [team])  # type: ignore[arg-type]
    shown = post_comment(browser, path, "@ben, look", back="issue")
    assert '<b class="mention">@ben</b>' in shown
    (at,) = re.findall(r"activity\?comment=(\d+)", shown)
    ben, eve = signed_in(BEN), signed_in("eve@example.com")
    csrf = ben.get(path).value("csrf")
    assert "activity?comment=" not in ben.get(path).html
    assert "<textarea" not in ben.get(f"{path}/activity?comment={at}").html
    for fields in ({"edit": at, "text": "mine"}, {"remove": at}):
        shown = ben.post(f"{path}/activity?comment={at}", csrf=csrf, **fields).text
        assert f"This comment is by {OWNER}" in shown
    read = eve.get(path)
    assert "look" in read.text
    assert "<textarea" not in read.html
    assert "<textarea" not in eve.get(f"{path}/activity").html


def test_hostile_and_long_comments_stay_within_the_page(browser: Browser, busy: Project) -> None:
    send(busy, {"message": "big", "fingerprint": "g", "extra": {"x": CORPUS[0] * 4}})
    path = f"projects/{busy.id}/issues/{issue_id(busy.id, 'g')}"
    post_comment(browser, path, HOSTILE)
    # The last ones take long to render.
    for text in ('"' * 10_000, "\U0001f4a5" * 4_999, "@a " * 3_300, "*a*" * 3_300, "[" * 9_000):
        post_comment(browser, path, text)
    for n in range(18):
        text = f"**{n}** " + "'" * 900
        issue = (projects.find(busy.id), visible_in(busy.id), issue_id(busy.id, "g"))
        comments.add(*issue, text, OWNER, str(n))
    for each in (path, f"{path}/activity"):
        with recorded() as calls:
            shown = browser.get(each)
        assert shown.status == 200
        assert len(calls) <= MAX_CALLS
        assert shown.size <= MAX_BYTES
        only_our_markup(shown.html)
        for at in re.findall(r"activity\?comment=(\d+)", shown.html)[-3:]:
            one = browser.get(f"{path}/activity?comment={at}")
            assert one.size <= MAX_BYTES
            only_our_markup(one.html)
    older = re.search(r'rel="next" href="([^"]+)"', browser.get(f"{path}/activity").html)
    assert older
    assert browser.get(f"{path}/{older[1].rpartition('/')[2]}").status == 200
