"""Many issues of the list are changed at once, with progress, result and undo."""

import html
import re
from dataclasses import replace
from typing import Any

import pytest

from errata.models.buckets import DAY_MS, HOUR_MS, Buckets
from errata.models.ids import day_name
from errata.models.issue import REGRESSED, Issue
from errata.models.settled import how
from errata.usecases import change_issues, issues, members
from functions.dashboard.issue_rows import ROW_BYTES, shown_rows
from tests.support.account import Clock, Project
from tests.support.browser import Browser, Shown, signed_in
from tests.support.calls import recorded
from tests.support.pages import MAX_CALLS, send
from tests.support.visible import visible_in

NOW_MS = 1_800_000_000_000


def fields(shown: Shown) -> dict[str, str]:
    """Return the hidden fields of the list's form."""
    form = shown.html.partition('action="issues/changes"')[2]
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)
    return {name: html.unescape(value) for name, value in found}


def selected(shown: Shown, *titles: str) -> list[str]:
    """Return the values of the checkboxes beside these titles."""
    found = re.findall(r'name="issue" value="(\w+)".*?issue-title[^>]*>([^<]*)<', shown.html, re.S)
    boxes = {title: value for value, title in found}
    return [boxes[title] for title in titles]


def statuses(project: Project) -> dict[str, str]:
    return {each.title: each.status for each in issues.list_issues(visible_in(project.id))}


def test_selected_issues_are_changed_with_a_result_and_restored(
    browser: Browser, busy: Project, clock: Clock
) -> None:
    send(busy, *({"message": f"boom {n}", "fingerprint": f"{n}"} for n in range(4)))
    path = f"projects/{busy.id}/issues"
    shown = browser.get(f"{path}?query=is:open+boom&sort=count")
    assert 'class="badge new">New' in shown.html
    form = fields(shown) | {"action": "resolve"}
    picked = selected(shown, "boom 0", "boom 1", "boom 2")
    clock.advance(1)
    issues.ignore(visible_in(busy.id, clock.ms), picked[-1], "ben@example.com")
    done = browser.post(f"{path}/changes", **form, issue=picked)
    assert done.url.partition("&changed=")[0].endswith("/issues?query=is%3Aopen+boom&sort=count")
    result = "2 issues resolved. 1 was changed by somebody else meanwhile and stays as it is."
    assert result in done.text
    # The form is sent again: it is the same change.
    assert browser.post(f"{path}/changes", **form, issue=picked).url == done.url
    assert list(statuses(busy).values()).count("resolved") == 2
    with recorded() as calls:
        browser.get(done.url)
    assert len(calls) <= MAX_CALLS + 1
    change = re.search(r'action="(issues/changes/\w+)"', done.html)
    assert change
    undone = browser.post(f"projects/{busy.id}/{change[1]}", undo=1, query="is:open boom")
    assert "2 issues restored." in undone.text
    assert "Undo" not in undone.text
    assert list(statuses(busy).values()).count("open") == 3


def test_all_issues_of_a_search_are_changed_in_several_requests(
    browser: Browser, busy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_issues, "SLICE", 15)

    def never(seconds: float) -> None:
        raise AssertionError(f"a paid function sleeps for {seconds} s")

    monkeypatch.setattr("errata.usecases.change_issues.time.sleep", never)
    send(busy, *({"message": f"boom {n}", "fingerprint": f"{n}"} for n in range(60)))
    send(busy, {"message": "careful", "level": "warning"})
    path = f"projects/{busy.id}/issues"
    shown = browser.get(f"{path}?query=is:open+level:error")
    assert "All that match" in shown.text
    shown = browser.post(f"{path}/changes", **fields(shown), action="ignore", all=1)
    assert "15 issues ignored." in shown.text
    # Without a script, a button goes on. The page itself changes nothing.
    assert browser.get(shown.url).html.count("data-continue") == 1
    assert list(statuses(busy).values()).count("ignored") == 15
    change = shown.url.partition("?")[0]
    shown = browser.post(change, query="is:open level:error", paced=1)
    assert "30 issues ignored." in shown.text
    pauses: list[float] = []
    monkeypatch.setattr("errata.usecases.change_issues.time.sleep", pauses.append)
    shown = browser.post(change, query="is:open level:error")
    assert "60 issues ignored." in shown.text
    assert len(pauses) == 1
    assert "No issues match your search." in shown.text
    assert browser.post(change, query="is:open level:error").url == shown.url
    assert statuses(busy)["careful"] == "open"


def test_deleting_needs_a_confirmation_and_an_owner_or_admin(
    browser: Browser, busy: Project
) -> None:
    send(busy, *({"message": f"boom {n}", "fingerprint": f"{n}"} for n in range(3)))
    path = f"projects/{busy.id}/issues"
    shown = browser.get(path)
    picked = selected(shown, "boom 0", "boom 1")
    asked = browser.post(f"{path}/changes", **fields(shown), action="delete", issue=picked)
    assert "Delete 2 issues?" in asked.text
    assert "It cannot be undone." in asked.text
    assert len(statuses(busy)) == 3
    everything = browser.post(f"{path}/changes", **fields(shown), action="delete", all=1)
    assert "Delete all issues that match? is:open" in everything.text
    sure = fields(asked) | {"action": "delete", "sure": "1", "issue": picked}
    done = browser.post(f"{path}/changes", **sure, csrf=asked.value("csrf"))
    assert "2 issues deleted." in done.text
    assert ("Undo" in done.text, list(statuses(busy))) == (False, ["boom 2"])

    team = members.create_team("default", "web")
    members.set_project_teams(busy.id, [team.id])
    members.add("default", "bob@example.com", "member", [team.id])
    bob = signed_in("bob@example.com")
    shown = bob.get(path)
    assert ("Resolve" in shown.text, "Delete" in shown.text) == (True, False)
    refused = bob.post(f"{path}/changes", **fields(shown), action="delete", all=1)
    assert (refused.status, len(statuses(busy))) == (403, 1)


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"action": "resolve"}, "Select at least one issue."),
        ({"action": "burn", "issue": "a" * 32}, "Unknown action."),
        ({"action": "resolve", "issue": "x"}, "Unknown issue."),
        ({"action": "resolve", "all": "1", "query": "usre.id:7"}, "There is no key usre.id."),
    ],
)
def test_an_invalid_form_shows_an_error_and_changes_nothing(
    browser: Browser, busy: Project, sent: dict[str, str], message: str
) -> None:
    send(busy, {"message": "boom"})
    browser.get(f"projects/{busy.id}/issues")
    shown = browser.post(f"projects/{busy.id}/issues/changes", **sent)
    assert (shown.status, message in shown.text) == (422, True)
    # Enter on a box changes nothing, and the browser keeps the page with its selection.
    entered = browser.post(f"projects/{busy.id}/issues/changes", action="", all=1)
    assert (entered.status, entered.html) == (204, "")
    browser.get(f"projects/{busy.id}/issues")
    assert statuses(busy) == {"boom": "open"}
    assert browser.post(f"projects/{busy.id}/issues/changes/{'a' * 32}", undo=1).status == 404


# ------------------------------------------------------------------ rows


def issue(buckets: Buckets | None = None, **fields: Any) -> Issue:
    made = Issue("a" * 32, "f", "v1", "t", "x.py:3", "error", "E", NOW_MS - 40 * DAY_MS, "e")
    return replace(made, buckets=buckets or Buckets(), **fields)


def test_a_row_has_charts_and_badges() -> None:
    buckets = Buckets()
    for hours, count in ((0, 40), (1, 10), (30, 20), (24 * 13, 20)):
        buckets.add(NOW_MS - hours * HOUR_MS, count)
    (row,) = shown_rows([issue(buckets, status=REGRESSED)], {}, "shop", NOW_MS)
    assert row["badges"] == [
        ("rising", "Rising 96 \N{MULTIPLICATION SIGN}"),
        ("regressed", "Regressed"),
    ]
    assert (row["last_day"], row["last_days"], row["age"]) == (50, 90, "40 d")
    # Twenty-four hours, of which the last two are hot, and fourteen days.
    assert row["chart"] == (
        '<path d="M0 10h22V8h1V0h1V10"/><path class="hot" d="M0 10h22V8h1V0h1V10"/>'
        '<path class="days" d="M0 10V6h1V10h11V6h1V0h1V10"/>'
    )
    (new,) = shown_rows([issue(first_seen=NOW_MS - HOUR_MS)], {}, "shop", NOW_MS)
    assert new["badges"] == [("new", "New")]


def test_rows_of_hostile_issues_stay_within_their_byte_budget() -> None:
    buckets = Buckets(
        {NOW_MS // 60_000: 10**9},
        {NOW_MS // HOUR_MS - n: 1 + n % 2 * 10**6 for n in range(25)},
        {NOW_MS // DAY_MS - n: 1 + n % 2 * 10**6 for n in range(30)},
    )
    hostile = issue(
        buckets, status=REGRESSED, title="&" * 400, culprit="\U0001f4a5" * 100, number=10**9
    )
    quiet = issue(title="a" * 300)

    def sizes(*some: Issue) -> list[tuple[int, int]]:
        """Bytes of the title, and of all, of each row."""
        return [
            (len(html.escape(row["title"])), sum(len(each.encode()) for each in parts(row)))
            for row in shown_rows(some, {}, "s" * 40, NOW_MS)
        ]

    def parts(row: dict[str, Any]) -> list[str]:
        texts = [html.escape(row[name]) for name in ("short_id", "title", "culprit")]
        badges = [f'<span class="badge {kind}">{words}</span>' for kind, words in row["badges"]]
        return [*texts, *badges, row["chart"]]

    found = sizes(*[hostile] * 50)
    assert sum(size for _, size in found) <= 50 * (ROW_BYTES + 5)
    assert min(title for title, _ in found) > 20
    # Texts are cut only if they exceed the byte budget.
    assert sizes(*[hostile] * 10, *[quiet] * 40)[-1][0] == 300
    assert sizes(hostile)[0][0] > 300


def test_many_issues_are_resolved_in_the_next_release_or_ignored_conditionally(
    browser: Browser, busy: Project, clock: Clock
) -> None:
    for n in range(3):
        clock.advance(1)
        release = {"release": "1.9"} if n else {}
        send(busy, {"message": f"boom {n}", "fingerprint": f"f{n}", **release})
    titles = [f"boom {n}" for n in range(3)]
    path = f"projects/{busy.id}/issues"
    for action, result in (
        ("resolve-next", "2 issues resolved. 1 was seen in no release and stays as it is."),
        ("ignore-rising", "3 issues ignored."),
        ("ignore-7d", "3 issues ignored."),
    ):
        clock.advance(1)
        shown = browser.get(f"{path}?query=")
        form = fields(shown) | {"action": action}
        done = browser.post(f"{path}/changes", **form, issue=selected(shown, *titles))
        assert result in done.text
    found = issues.list_issues(visible_in(busy.id, clock.ms))
    until = day_name(clock.ms // DAY_MS + 7)
    assert {how(each)[:16] for each in found} == {f"until {until}"}


def test_an_unfinished_change_can_be_stopped_and_undone(
    browser: Browser, busy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_issues, "SLICE", 2)
    send(busy, *({"message": f"boom {n}", "fingerprint": f"{n}"} for n in range(5)))
    path = f"projects/{busy.id}/issues"
    shown = browser.post(f"{path}/changes", **fields(browser.get(path)), action="resolve", all=1)
    assert "Stop and undo" in shown.text
    undone = browser.post(shown.url.partition("?")[0], undo=1, query="is:open")
    while "data-continue" in undone.html:
        undone = browser.post(undone.url.partition("?")[0], query="is:open")
    assert "2 issues restored." in undone.text
    assert set(statuses(busy).values()) == {"open"}
    # A deletion cannot be undone.
    asked = browser.post(f"{path}/changes", **fields(browser.get(path)), action="delete", all=1)
    sure = fields(asked) | {"action": "delete", "sure": "1", "all": "1"}
    shown = browser.post(f"{path}/changes", **sure, csrf=asked.value("csrf"))
    assert ("Continue" in shown.text, "Stop and undo" in shown.text) == (True, False)
