"""The list of a project's issues, and the page of a project without issues."""

import re

import pytest

from errata.protocol.issues import ASKED_STATUSES, SORTS
from errata.usecases import assign, assignees, issues, members, projects
from tests.support.account import Clock, Project
from tests.support.browser import Browser
from tests.support.calls import recorded
from tests.support.pages import MAX_CALLS, MAX_LIST_BYTES, OWNER, send
from tests.support.visible import visible_in


def test_a_row_shows_title_badge_short_id_culprit_counts_and_times(
    browser: Browser, busy: Project, clock: Clock
) -> None:
    boom = {"message": "boom", "exception_class": "ValueError", "file": "/app/x.py", "line": 3}
    send(busy, *[{**boom, "user": {"id": n}} for n in range(3)])
    clock.advance(1)  # the ids of one millisecond have no order, nor have the issues' numbers
    send(busy, {"message": "careful"})
    shown = browser.get(f"projects/{busy.id}/issues").text
    assert "ValueError: boom New error SHOP-2-1 /app/x.py:3 3 3 < 1 min just now" in shown
    assert "careful" in shown


def test_the_list_is_filtered_sorted_and_paged(
    browser: Browser, busy: Project, clock: Clock
) -> None:
    for n in range(60):
        clock.advance(1)
        send(busy, {"message": f"issue number {n:02d}", "environment": "ab"[n % 2]})

    def titles(query: str) -> list[str]:
        browser.get(f"projects/{busy.id}/issues{query}")
        return re.findall(r"issue number (\d\d)", browser.page.text)  # type: ignore[union-attr]

    first = titles("")
    assert first == [f"{n:02d}" for n in range(59, 9, -1)]
    following = re.search(r'rel="next" href="([^"]+)"', browser.page.html)  # type: ignore[union-attr]
    assert following
    assert titles(following[1].replace("&amp;", "&")) == [f"{n:02d}" for n in range(9, -1, -1)]
    assert titles("?environment=b&sort=first_seen&text=NUMBER+0") == ["09", "07", "05", "03", "01"]
    assert titles("?status=resolved") == []
    assert browser.get(f"projects/{busy.id}/issues?cursor=x").status == 422
    assert browser.get(f"projects/{busy.id}/issues?sort=x").status == 422


def every_list() -> list[str]:
    """Return the queries of the lists that are filtered by status only."""
    return [f"?status={status}&sort={sort}" for status in ASKED_STATUSES for sort in SORTS]


def test_issues_are_sorted_by_users(browser: Browser, busy: Project) -> None:
    for n in range(1, 4):
        send(busy, *[{"message": f"met by {n}", "user": {"id": user}} for user in range(n)])
    send(busy, *[{"message": "met by 0"}] * 9)
    shown = browser.get(f"projects/{busy.id}/issues?sort=users")
    assert re.findall(r"met by (\d)", shown.text) == ["3", "2", "1", "0"]
    assert re.search(r'value="users" aria-current="true">Users', shown.html)


def test_a_page_of_issues_has_at_most_five_calls_and_sixty_kilobytes(
    browser: Browser, busy: Project
) -> None:
    projects.change_slug(busy.id, "s" * 40)
    worst = {"file": "\U0001f4a5" * 250, "message": "", "user": {"id": 1}}
    send(busy, *[{**worst, "message": f"{n}{'&' * 250}"} for n in range(60)])
    team = members.create_team("default", "&" * 200)
    visible = visible_in(busy.id)
    for issue in issues.list_issues(visible):
        to = assignees.parse(projects.find(busy.id), visible, f"#{team.id}")
        assign.assign(visible, issue.id, to, OWNER)
    # The name of the team is read once in 30 seconds.
    assert browser.get(f"projects/{busy.id}/issues").html.count("<abbr") == 50
    filtered = ("?text=%26", "?status=all&environment=x")
    for query in (*every_list(), *filtered):
        with recorded() as calls:
            shown = browser.get(f"projects/{busy.id}/issues{query}")
        assert shown.status == 200
        assert len(calls) <= MAX_CALLS
        assert shown.size <= MAX_LIST_BYTES


def test_a_list_of_many_settled_issues_makes_no_more_calls(
    browser: Browser, busy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(busy, *[{"message": f"{n}", "fingerprint": f"{n}"} for n in range(60)])
    for each in list(issues.list_issues(visible_in(busy.id))):
        issues.resolve(visible_in(busy.id, each.last_seen), each.id, OWNER)
    # A page of DynamoDB's holds 1 MB; this many issues are more than four of these.
    monkeypatch.setattr("moto.dynamodb.models.table.RESULT_SIZE_LIMIT", 8_000)
    for query in ("", "?text=x", *every_list()):
        with recorded() as calls:
            shown = browser.get(f"projects/{busy.id}/issues{query}")
        assert len(calls) <= MAX_CALLS
        assert "No errors yet" not in shown.text


def test_an_empty_project_shows_how_to_send_the_first_error(
    browser: Browser, project: Project
) -> None:
    with recorded() as calls:
        shown = browser.get(f"projects/{project[0]}/issues")
    assert len(calls) <= MAX_CALLS
    assert shown.size <= MAX_LIST_BYTES
    assert "No errors yet" in shown.text
    assert "https://errors.example.com/v1" in shown.text
    assert f"SENTRY_DSN='https://{project.public}@errors.example.com/v1/{project.id}'" in shown.text
    live = browser.get(f"projects/{project[0]}/issues", {"HX-Request": "true"}).html
    assert live.strip().startswith('<div id="issues"')
    assert "<html" not in live


def test_the_page_of_an_empty_project_makes_few_calls_and_needs_no_dsn(
    browser: Browser, project: Project
) -> None:
    for query in ("", *(f"?sort={sort}" for sort in SORTS), "?status="):
        with recorded() as calls:
            shown = browser.get(f"projects/{project.id}/issues{query}")
        assert "No errors yet" in shown.text
        assert len(calls) <= MAX_CALLS
        assert shown.size <= MAX_LIST_BYTES
    _, record = projects.list_keys(project.id)
    projects.revoke_key(project.id, record.id)
    shown = browser.get(f"projects/{project.id}/issues")
    assert project.public not in shown.html
    assert "export SENTRY_DSN='your DSN'" in shown.text


def test_issues_are_searched_by_a_query(browser: Browser, busy: Project) -> None:
    send(
        busy,
        {"message": "boom one", "user": {"id": 7}, "release": "1.0"},
        {"message": "boom two", "release": "1.0"},
    )
    path = f"projects/{busy.id}/issues"
    assert browser.get(path).value("query") == "is:open"
    shown = browser.get(f"{path}?query=user.id:7+boom")
    assert "boom one" in shown.text
    assert "boom two" not in shown.text
    assert shown.value("query") == "user.id:7 boom"
    resolved = re.search(r'<a href="([^"]+)">Resolved</a>', shown.html)
    assert resolved
    shown = browser.get(path + resolved[1].replace("&amp;", "&"))
    assert "No issues match your search." in shown.text
    assert shown.value("query") == "is:resolved user.id:7 boom"
    shown = browser.get(f"{path}?status=all&release=1.0&text=two+times&level=error")
    assert shown.value("query") == 'release:1.0 level:error "two times"'


def test_a_wrong_term_of_a_query_is_marked(browser: Browser, busy: Project) -> None:
    shown = browser.get(f"projects/{busy.id}/issues?query=is:open+%3Cb%3E:x+usre.id:7")
    assert shown.status == 422
    assert "There is no key usre.id. Did you mean user.id?" in shown.text
    assert "<mark>usre.id</mark>:7" in shown.html
    assert shown.value("query") == "is:open <b>:x usre.id:7"
    longest = browser.get(f"projects/{busy.id}/issues?query={'y:x+' * 2_000}")
    assert longest.status == 422
    assert longest.size <= MAX_LIST_BYTES


# In $: a million read units, a million requests to API Gateway and to Lambda, a GB-second.
READ, REQUEST, SECOND = 0.125e-6, 3.5e-6 + 0.2e-6, 1.34e-5
MONTH_S = 30 * 86_400
# What the session, the member, the project and the watermark cost.
OPENED = 4
# Three batches of a hundred issues and 300 rows of 0.5 KB; 4 MB of issues (access patterns I3, I9).
SORTED, FILTERED = 300 + 300 / 16, 1_024


def test_an_open_list_costs_at_most_three_dollars_a_month(browser: Browser, busy: Project) -> None:
    def cost(query: str, units: float, seconds: float) -> float:
        """Return the price of a list that is open day and night. `seconds`: of the function."""
        found = re.search(r'every (\d+)s"', browser.get(f"projects/{busy.id}/issues{query}").html)
        assert found
        times = MONTH_S / int(found[1])
        return times * ((OPENED + units) * READ + REQUEST + seconds * SECOND)

    assert cost("", 3, 0.1) < 3  # it has no issues yet
    send(busy, {"message": "boom"})
    assert all(cost(query, SORTED, 0.2) < 3 for query in every_list())
    for query in ("?text=boom", "?environment=a", "?release=1", "?level=error&sort=users"):
        assert cost(query, FILTERED, 2) < 3
