"""The search box's suggestions, and the scope that stays with a member."""

import json
import re
from urllib.parse import quote

from errata.models.views import BUILT_IN
from errata.usecases import members
from functions.dashboard.issue_rows import ROW_BYTES
from tests.support.account import Clock, Project
from tests.support.browser import Browser, signed_in
from tests.support.calls import recorded
from tests.support.pages import (
    HOSTILE,
    MAX_CALLS,
    MAX_LIST_BYTES,
    OWNER,
    followed,
    only_our_markup,
    send,
)


def test_suggestions_are_json_and_are_shown_as_text(browser: Browser, busy: Project) -> None:
    send(busy, {"message": "boom", "environment": HOSTILE, "release": "1.0"})
    path = f"projects/{busy.id}/issues/suggest"
    shown = browser.get(f"{path}?term=release:")
    assert shown.headers["Content-Type"] == "application/json"
    assert shown.headers["Cache-Control"] == "private, max-age=60"
    assert json.loads(shown.html) == [
        {"term": "release:1.0", "shown": "release:1.0", "hint": "", "complete": True}
    ]
    (hostile,) = json.loads(browser.get(f"{path}?term=environment:").html)
    assert "\u202e" in hostile["term"]
    assert "\u202e" not in hostile["shown"]
    found = browser.get(f"projects/{busy.id}/issues?query={quote(hostile['term'])}")
    assert "boom" in found.text
    only_our_markup(re.sub(r'value="[^"]*"', "", found.html))
    assert json.loads(browser.get(f"{path}?term={'a' * 5_000}").html) == []


def test_other_teams_get_no_suggestions(browser: Browser, busy: Project) -> None:
    send(busy, {"message": "boom", "environment": "secret"})
    members.add("default", "bob@example.com", "member")
    bob = signed_in("bob@example.com")
    for path in ("suggest?term=environment:", "environments"):
        shown = bob.get(f"projects/{busy.id}/issues/{path}")
        assert (shown.status, "secret" in shown.html) == (404, False)


def test_the_scope_stays_with_the_member(browser: Browser, busy: Project, project: Project) -> None:
    send(
        busy,
        {"message": "boom of staging", "environment": "staging"},
        {"message": "boom of qa", "environment": "qa env"},
    )
    path = f"projects/{busy.id}/issues"
    shown = browser.get(f"{path}?query=boom&sort=users")
    assert 'value="qa env"' in shown.html
    browser.post(f"{path}/scope", query="boom", sort="users", environment="qa env")
    shown = browser.post(f"{path}/scope", query='boom environment:"qa env"', range="24h")
    # The link has the scope, and another session of the same member starts with it.
    assert shown.url.endswith("?query=boom+environment%3A%22qa+env%22+last-seen%3A-24h")
    again = signed_in(OWNER).get(path)
    assert again.value("query") == 'is:open environment:"qa env" last-seen:-24h'
    assert ("boom of qa" in again.text, "boom of staging" in again.text) == (True, False)
    # It also applies in another project, which links to a search without it.
    other = browser.get(f"projects/{project.id}/issues")
    assert other.value("query") == 'is:open environment:"qa env" last-seen:-24h'
    assert "No errors yet" in other.text
    send(project, {"message": "careful"})
    other = browser.get(f"projects/{project.id}/issues")
    assert "No issues match your search. Search all environments and all times" in other.text
    unscoped = re.search(r'<a href="([^"]+)">Search all', other.html)
    assert unscoped
    assert "careful" in browser.get(f"projects/{project.id}/issues{unscoped[1]}").text
    # A link is never narrowed.
    assert browser.get(f"{path}?query=boom").value("query") == "boom"
    browser.get(path)
    browser.post(f"{path}/scope", query=again.value("query"), environment="")
    shown = browser.post(f"{path}/scope", query="is:open last-seen:-24h", range="")
    assert shown.url.endswith("?query=is%3Aopen")
    assert browser.get(path).url.endswith("/issues")


def test_a_wrong_scope_is_refused(browser: Browser, busy: Project) -> None:
    path = f"projects/{busy.id}/issues"
    browser.get(path)
    assert browser.post(f"{path}/scope", query="", range="2y").status == 422
    browser.get(path)
    assert browser.post(f"{path}/scope", query="", environment="x" * 201).status == 422
    browser.get(path)
    assert browser.post(f"{path}/scope", query='is:"', range="1h").url.endswith("last-seen%3A-1h")


def test_environments_are_listed_newest_first_and_chosen_without_scripts(
    browser: Browser, busy: Project, clock: Clock
) -> None:
    sent = [4, 5, 6, 7, 8, 0, 1, 2, 3]
    for n in sent:
        send(busy, {"message": f"{n}", "environment": f"env {n}"})
        clock.advance(1)
    path = f"projects/{busy.id}/issues"
    more = re.search(r'<a href="(issues/environments[^"]+)"', browser.get(path).html)
    assert more
    with recorded() as calls:
        shown = browser.get(f"projects/{busy.id}/{more[1]}")
    assert len(calls) <= MAX_CALLS
    assert re.findall(r'value="(env \d)"', shown.html) == [f"env {n}" for n in reversed(sent)]
    shown = browser.post(f"{path}/scope", query=shown.value("query"), environment="env 0")
    assert shown.value("query") == 'is:open environment:"env 0"'
    assert "All environments" in browser.get(f"{path}/environments", {"HX-Request": "true"}).text


def test_views_keep_the_rest_of_a_query(browser: Browser, busy: Project) -> None:
    send(busy, {"message": "boom"})
    path = f"projects/{busy.id}/issues"
    shown = browser.get(f"{path}?query=is:new+boom+environment:x&sort=count")
    links = re.findall(r'<a href="(\?[^"]+)"(?: aria-current="true")?>(\w+)</a>', shown.html)
    assert [name for _, name in links] == [each.name for each in BUILT_IN]
    to = {name: link for link, name in links}
    assert to["All"] == "?query=boom+environment%3Ax&amp;sort=count"
    assert to["Rising"] == "?query=is%3Aopen+is%3Arising+boom+environment%3Ax&amp;sort=count"
    assert 'aria-current="true">Rising' in browser.get(path + to["Rising"]).html
    # The longest query does not make the page too large.
    longest = quote("is:open environment:staging " + "\U0001f4a5" * 600)
    shown = browser.get(f"{path}?query={longest}")
    assert shown.size <= MAX_LIST_BYTES - 50 * ROW_BYTES
    assert shown.status == 200
    assert "?query=is%3Aresolved+environment%3Astaging" in shown.html
    assert followed(browser, path, "boom") == ["boom"]
