"""The list of projects: those that need attention come first, and it makes few calls."""

import json
import re
from urllib.parse import urljoin

import pytest

from errata.models.ids import DAY_MS, day_name, issue_id
from errata.store import loss_counts
from errata.usecases import issues, members, projects
from errata.usecases.clear_project import clear
from tests.support import stream
from tests.support.account import Clock, Project, new_project
from tests.support.browser import Browser, Shown, signed_in
from tests.support.calls import recorded
from tests.support.clients import ingest
from tests.support.pages import CORPUS, MAX_BYTES, MAX_CALLS, OWNER, send
from tests.support.visible import visible_in

HOUR_S = 3600


def look() -> Shown:
    """Open the list as an owner who has just signed in."""
    return signed_in(OWNER).get("projects")


def order(shown: Shown) -> list[str]:
    """Return the ids of the projects, from top to bottom."""
    return re.findall(r'class="issue-title" href="[./]*projects/(\d+)/issues"', shown.html)


def lose(project: Project, at_ms: int, **reasons: int) -> None:
    day = day_name(at_ms // DAY_MS)
    lost = {(project.id, day, reason): number for reason, number in reasons.items()}
    loss_counts.add(f"batch {at_ms} {project.id}", lost, at_ms // 1000)


@pytest.mark.usefixtures("browser")
def test_projects_that_need_attention_come_first(clock: Clock, busy: Project) -> None:
    calm, losing, rising = busy, new_project(metered=True), new_project(metered=True)
    for _ in range(24):
        send(calm, {"message": "now and then"}, {"message": "now and then"})
        clock.advance(HOUR_S)
    send(rising, {"message": "on fire"})
    clock.advance(3 * HOUR_S)
    lose(losing, clock.ms, rate_limited=300, quota=12, trimmed=7, sdk_before_send=9)
    send(rising, *[{"message": "on fire", "exception_class": "KeyError"}] * 12)
    shown = look()
    assert order(shown)[:3] == [rising.id, losing.id, calm.id]
    assert "2 of 4 projects need attention: " in shown.text
    assert "is rising, " in shown.text
    assert "lost 312 events since yesterday." in shown.text
    assert "312 events lost since yesterday rate limited, quota" in shown.text
    assert re.search(r"12 in the last \d+ min, [0-9]+ \S usual", shown.text)


def test_the_menu_of_projects_links_to_the_same_tab_of_other_projects(
    browser: Browser, busy: Project
) -> None:
    other = new_project()
    projects.rename(other.id, "Zebra <b>")
    send(busy, {"message": "boom", "fingerprint": "f"})
    for path in ("merge", "assign", "activity"):
        issue = f"issues/{issue_id(busy.id, 'f')}/{path}"
        assert (
            'hx-get="../../../../projects/menu?tab=issues"'
            in browser.get(f"projects/{busy.id}/{issue}").html
        )
    assert 'projects/menu?tab=alerts"' in browser.get(f"projects/{busy.id}/alerts").html
    shown = browser.get(f"projects/{busy.id}/releases")
    asked = re.search(r'<details class="menu" hx-get="([^"]+)"', shown.html)
    assert asked
    with recorded() as calls:
        menu = browser.get(urljoin(shown.url, asked[1]), {"HX-Request": "true"})
    assert len(calls) <= MAX_CALLS
    assert menu.headers["Cache-Control"] == "private, max-age=60"
    links = re.findall(r'<a href="([^"]+)">([^<]+)</a>', menu.html)
    assert links[-2][1] == "Zebra &lt;b&gt;"
    there = browser.get(links[-2][0])
    assert there.url.endswith(f"/projects/{other.id}/releases")
    assert browser.get(links[-1][0]).url.endswith("/projects")
    # Without htmx, the address redirects to the list. A member gets only their teams' projects.
    assert browser.get("projects/menu").url.endswith("/projects")
    members.add("default", "eve@example.com", "member")
    of_eve = signed_in("eve@example.com").get("projects/menu", {"HX-Request": "true"})
    assert re.findall(r"projects/(\d+)/", of_eve.html) == []


@pytest.mark.usefixtures("browser")
def test_each_project_has_its_counts_and_its_last_error(
    clock: Clock, project: Project, busy: Project
) -> None:
    send(busy, {"message": "older", "fingerprint": "older"})
    clock.advance(13 * 24 * HOUR_S)
    send(busy, *[{"message": "newer", "fingerprint": "newer"}] * 2)
    shown = look()
    assert "No project needs attention. 2 events in the last 24 hours." in shown.text
    assert "2 in 24 h 3 in 14 d" in shown.text
    newest = issue_id(busy.id, "newer")
    assert re.search(rf'href="[./]*projects/{busy.id}/issues/{newest}">newer</a>', shown.html)
    assert "older" not in shown.text
    clock.advance(2 * 24 * HOUR_S)
    shown = look()
    assert "0 in 24 h 2 in 14 d" in shown.text
    assert "Quiet: last event 2 d ago" in shown.text
    issues.delete(visible_in(busy.id), newest, "ada@example.com")
    assert look().status == 200
    assert "newer" not in look().text
    assert order(look()) == [busy.id, project.id]


@pytest.mark.usefixtures("browser")
def test_a_new_project_waits_for_its_first_event(busy: Project) -> None:
    send(busy, {"message": "boom"})
    shown = look()
    assert shown.text.count("Waiting for the first event. Set it up") == 1


def test_an_owner_s_list_links_to_the_form_for_a_project_and_a_member_s_does_not(
    browser: Browser, project: Project
) -> None:
    new_project()
    found = re.search(r'<a href="([^"]+)">Create a project</a>', look().html)
    assert found
    there = browser.get(urljoin(look().url, found[1]).partition("#")[0])
    assert f'id="{found[1].partition("#")[2]}"' in there.html
    members.add("default", "eve@example.com", "member")
    assert "Create a project" not in signed_in("eve@example.com").get("projects").text


@pytest.mark.usefixtures("browser")
def test_a_cleared_project_does_not_show_its_cleared_error(busy: Project) -> None:
    send(busy, {"message": "secret"})
    assert "secret" in look().text
    clear(busy.id)
    assert "secret" not in look().text


def test_a_page_of_fifty_busy_projects_makes_a_query_for_each_and_six_calls(
    browser: Browser, clock: Clock
) -> None:
    for n in range(50):
        each = new_project(metered=True)
        event = {**json.loads(CORPUS[n % len(CORPUS)]), "message": "&" * 300}
        assert ingest(each, event).status == 202
        lose(each, clock.ms + n, rate_limited=10)
    assert stream.deliver(stream.records()) == []
    for path, count in (("projects", 50), ("projects?after=default.50", 1)):
        with recorded() as calls:
            shown = browser.get(path)
        assert len(order(shown)) == count
        # A query for each project, and six other calls.
        assert len(calls) == count + 6
        assert shown.size <= MAX_BYTES
