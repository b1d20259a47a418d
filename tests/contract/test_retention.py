"""Expired events and issues are never shown, even before DynamoDB deletes them days later."""

import pytest

from errata.config import settings
from errata.errors import NotFoundError
from errata.protocol.issues import IssueQuery
from errata.store import clients
from errata.usecases import issues, projects, read_events
from tests.support import stream
from tests.support.account import Clock, Project, new_project, rows
from tests.support.calls import recorded
from tests.support.clients import capture, errors, events, ingest, php, read
from tests.support.fresh import clear_cache
from tests.support.visible import visible_in


def digest_all() -> None:
    stream.pump(stream.records())


def set_retention(project: Project, days: int | None) -> None:
    """Change a project's retention; acts within 30 seconds, here at once."""
    projects.change(project.id, None, "default" if days is None else days)
    clear_cache()


def shown(project: Project) -> dict[str, int]:
    """Return how many items of each kind a reader sees."""
    releases = issues.list_releases(visible_in(project.id))
    return {
        "events": len(events(project)),
        "by release": len(events(project, release="1.0")),
        "by fingerprint": len(events(project, fingerprint="f")),
        "errors": len(errors(project)),
        "issues": len(list(issues.list_issues(visible_in(project.id)))),
        "releases": len(releases),
    }


EVENT = {"message": "boom", "release": "1.0", "fingerprint": "f"}


def test_after_30_days_nothing_is_shown_even_if_the_rows_still_exist(
    busy: Project, clock: Clock
) -> None:
    accepted = ingest(busy, EVENT).json["id"]
    capture(busy)
    digest_all()
    issue_id = events(busy, fingerprint="f")[0]["issue_id"]
    before = shown(busy)
    assert min(before.values()) == 1
    clock.days(30)
    clock.advance(-1)
    assert shown(busy) == before
    assert issues.find(visible_in(busy.id), issue_id).count == 1
    clock.advance(1)
    stored = rows()
    assert shown(busy) == dict.fromkeys(before, 0)
    with pytest.raises(NotFoundError):
        issues.find(visible_in(busy.id), issue_id)
    assert php(action="clear", hash=busy.key).json["deleted"] == 0
    assert accepted in str(stored["EVENTS_TABLE"])
    assert issue_id in str(stored["ISSUES_TABLE"])


def test_the_deployment_s_retention_is_a_setting(
    busy: Project, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION_DAYS", "2")
    settings.cache_clear()
    ingest(busy, EVENT)
    digest_all()
    clock.days(1.9)
    assert len(events(busy)) == 1
    clock.days(0.1)
    assert (events(busy), list(issues.list_issues(visible_in(busy.id)))) == ([], [])


def test_a_project_may_keep_its_events_longer_or_shorter(clock: Clock) -> None:
    short, usual, long = (new_project(retention_days=days) for days in (7, None, 90))
    for project in (short, usual, long):
        ingest(project)
        capture(project)
    for days, alive in ((6.9, 3), (0.2, 2), (22.8, 2), (0.2, 1), (59.8, 1), (0.2, 0)):
        clock.days(days)
        seen = [(len(events(p)), len(errors(p))) for p in (short, usual, long)]
        assert seen == [(0, 0)] * (3 - alive) + [(2, 1)] * alive


def test_a_shorter_retention_hides_older_events_at_once(clock: Clock) -> None:
    project = new_project()
    ingest(project, EVENT)
    capture(project)
    clock.days(10)
    ingest(project, EVENT)
    capture(project)
    set_retention(project, 5)
    assert (len(events(project)), len(errors(project))) == (2, 1)
    assert len(events(project, release="1.0")) == len(events(project, fingerprint="f")) == 1
    set_retention(project, None)
    assert (len(events(project)), len(errors(project))) == (4, 2)


def test_a_shorter_retention_hides_issues_and_releases_whose_events_it_hides(clock: Clock) -> None:
    project = new_project()
    ingest(project, EVENT)
    ingest(project, {**EVENT, "fingerprint": "other"})
    clock.days(10)
    ingest(project, {**EVENT, "release": "2.0"})
    digest_all()
    listed = issues.list_issues(visible_in(project.id))
    old = {issue.fingerprint: issue.id for issue in listed}["other"]

    def seen() -> list[set[str]]:
        visible = visible_in(project.id)
        by_count = IssueQuery(sort="count")
        return [
            {issue.fingerprint for issue in issues.list_issues(visible)},
            {issue.fingerprint for issue in issues.matching(visible, by_count)},
            *(
                {issue.fingerprint for issue in issues.search(visible, query).issues}
                for query in (IssueQuery(), by_count)
            ),
            {release.release for release in issues.list_releases(visible)},
        ]

    assert seen() == [{"f", "other"}] * 4 + [{"1.0", "2.0"}]
    set_retention(project, 5)
    assert seen() == [{"f"}] * 4 + [{"2.0"}]
    with pytest.raises(NotFoundError):
        issues.find(visible_in(project.id), old)
    (release,) = issues.list_releases(visible_in(project.id))
    assert release.open_issues == 1
    set_retention(project, None)
    assert seen() == [{"f", "other"}] * 4 + [{"1.0", "2.0"}]


def test_a_shorter_retention_hides_events_and_issues_from_lookups_by_id(
    clock: Clock,
) -> None:
    project = new_project()
    event_id = ingest(project, EVENT).json["id"]
    digest_all()
    (issue,) = issues.list_issues(visible_in(project.id))
    clock.days(10)
    set_retention(project, 5)
    visible = visible_in(project.id)
    assert read_events.by_ids(visible, [event_id]) == []
    for change in (issues.resolve, issues.ignore, issues.reopen, issues.delete):
        with pytest.raises(NotFoundError):
            change(visible, issue.id, "anna@example.com")
    set_retention(project, None)
    visible = visible_in(project.id)
    assert [event.id for event in read_events.by_ids(visible, [event_id])] == [event_id]
    assert issues.resolve(visible, issue.id, "anna@example.com").status == "resolved"


def test_a_longer_retention_does_not_bring_back_expired_events(clock: Clock) -> None:
    project = new_project(retention_days=1)
    ingest(project)
    clock.days(2)
    set_retention(project, 90)
    assert events(project) == []


def test_an_issue_and_its_release_expire_with_their_newest_event(
    busy: Project, clock: Clock
) -> None:
    ingest(busy, EVENT)
    digest_all()
    clock.days(20)
    ingest(busy, EVENT)
    digest_all()
    clock.days(20)
    assert len(events(busy)) == 1
    (issue,) = issues.list_issues(visible_in(busy.id))
    (release,) = issues.list_releases(visible_in(busy.id))
    assert (issue.count, release.events) == (2, 2)
    clock.days(10)
    assert (
        list(issues.list_issues(visible_in(busy.id))),
        issues.list_releases(visible_in(busy.id)),
    ) == ([], [])


def test_pages_have_no_expired_events(busy: Project, clock: Clock) -> None:
    ingest(busy)
    clock.days(20)
    recent = [ingest(busy).json["id"] for _ in range(2)]
    clock.days(20)
    page = read(busy, limit=2).json
    assert {event["id"] for event in page["data"]} == set(recent)
    assert page["next_cursor"] is None


def test_clear_counts_only_what_is_shown(busy: Project, clock: Clock) -> None:
    capture(busy)
    clock.days(29)
    capture(busy)
    capture(busy)
    clock.days(2)
    assert [error["id"] for error in errors(busy)] == [2, 3]
    assert php(action="clear", hash=busy.key).json["deleted"] == 2
    assert capture(busy).json["id"] == 4


@pytest.mark.parametrize("deleted", [False, True])
def test_clear_counts_only_what_is_shown_after_the_retention_has_changed(
    clock: Clock, deleted: bool
) -> None:
    project = new_project()
    for days, number in ((None, 1), (1, 2), (None, 1)):
        set_retention(project, days)
        for _ in range(number):
            capture(project)
    clock.days(2)
    assert [error["id"] for error in errors(project)] == [1, 4]
    if deleted:
        for row in rows()["EVENTS_TABLE"]:
            if "ttl" in row and int(row["ttl"]["N"]) <= clock.ms // 1000:
                key = {"pk": row["pk"], "sk": row["sk"]}
                clients.dynamodb().delete_item(TableName=settings().events_table, Key=key)
    assert php(action="clear", hash=project.key).json["deleted"] == 2
    capture(project)
    clock.days(1)
    capture(project)
    assert php(action="clear", hash=project.key).json["deleted"] == 2


def test_clear_counts_in_one_query_if_the_retention_has_not_changed(
    busy: Project, clock: Clock
) -> None:
    for days in (1, None):
        set_retention(busy, days)
        capture(busy)
    php(action="clear", hash=busy.key)
    for _ in range(3):
        capture(busy)
    with recorded() as seen:
        assert php(action="clear", hash=busy.key).json["deleted"] == 3
    counting = [call for call in seen if "#legacy" in str(call.parameters)]
    assert [call.parameters.get("Select") for call in counting] == [None]
