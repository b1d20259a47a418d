"""spec/ingest-api, `release`: every distinct value appears among the project's releases."""

from typing import Any

from errata.models.issue import Release
from errata.usecases import issues
from tests.support import stream
from tests.support.account import Clock, Project, new_project
from tests.support.clients import capture, events, ingest
from tests.support.visible import visible_in


def send(project: Project, **fields: Any) -> int:
    """Post an event. Return when it was received, in milliseconds."""
    accepted = ingest(project, {"message": "boom", **fields})
    return int(accepted.json["id"].replace("-", "")[:12], 16)


def releases(project: Project) -> dict[str, Release]:
    """The project's releases once digest has caught up."""
    stream.pump(stream.records())
    return {release.release: release for release in issues.list_releases(visible_in(project.id))}


def test_a_release_has_the_times_of_its_first_and_last_event(busy: Project, clock: Clock) -> None:
    first = send(busy, release="1.0")
    clock.advance(60)
    send(busy, release="1.0")
    clock.days(1)
    last = send(busy, release="1.0")
    found = releases(busy)["1.0"]
    assert (found.first_seen, found.last_seen, found.events) == (first, last, 3)


def test_a_release_that_is_seen_again_keeps_its_first_time(busy: Project, clock: Clock) -> None:
    first = send(busy, release="1.0")
    assert releases(busy)["1.0"].last_seen == first
    clock.days(3)
    last = send(busy, release="1.0")
    found = releases(busy)["1.0"]
    assert (found.first_seen, found.last_seen) == (first, last)


def test_first_and_last_seen_do_not_depend_on_the_order_of_processing(
    busy: Project, clock: Clock
) -> None:
    first = send(busy, release="1.0", fingerprint="f")
    clock.advance(60)
    middle = send(busy, release="1.0", fingerprint="f", message="the middle")
    clock.advance(60)
    last = send(busy, release="1.0", fingerprint="f", message="the newest")
    of_first, of_middle, of_last = stream.stored_events()
    for sequence, item in enumerate([of_middle, of_last, of_first], 1):
        stream.pump([stream.record(item, sequence)])
    (release,) = issues.list_releases(visible_in(busy.id))
    (issue,) = issues.list_issues(visible_in(busy.id))
    assert middle not in (first, last)
    assert (release.first_seen, release.last_seen) == (first, last)
    assert (issue.first_seen, issue.last_seen) == (first, last)
    assert (issue.first_event, issue.last_event) == (of_first["sk"]["S"], of_last["sk"]["S"])
    assert issue.title == "the newest"


def test_the_open_issues_of_a_release_are_those_that_were_seen_in_it(
    busy: Project, clock: Clock
) -> None:
    for release, fingerprint in [("1.0", "a"), ("1.0", "b"), ("1.0", "a"), ("2.0", "a")]:
        send(busy, release=release, fingerprint=fingerprint)
        clock.advance(0.001)
    send(busy, fingerprint="c")
    found = releases(busy)
    assert {name: release.open_issues for name, release in found.items()} == {"1.0": 2, "2.0": 1}
    assert {name: release.issues_opened for name, release in found.items()} == {"1.0": 2, "2.0": 0}


def test_releases_are_listed_newest_first_in_release_order(busy: Project, clock: Clock) -> None:
    for release in ("1.9", "a1b2c3d", "1.10", "1.0", "1.9"):
        send(busy, release=release)
        clock.advance(1)
    found = list(releases(busy))
    assert [each for each in found if "." in each] == ["1.10", "1.9", "1.0"]
    assert "a1b2c3d" in found


def test_any_text_can_be_a_release(busy: Project, clock: Clock) -> None:
    names = ["1.0", "1.0 ", "v1.0", "é", "日本", "1#0", "\x00", "f" * 40, "x" * 1_000]
    for name in names:
        send(busy, release=name)
        clock.advance(0.001)
    assert set(releases(busy)) == set(names)


def test_events_without_a_release_create_none(busy: Project) -> None:
    send(busy)
    send(busy, release="")
    send(busy, release=None)
    capture(busy)
    assert releases(busy) == {}
    assert len(events(busy)) == 4


def test_each_project_has_its_own_releases(busy: Project) -> None:
    other = new_project()
    send(busy, release="1.0")
    send(other, release="2.0")
    assert (list(releases(busy)), list(releases(other))) == (["1.0"], ["2.0"])
