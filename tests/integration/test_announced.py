"""Releases that tools announce, before or after their first event."""

from typing import Any

import pytest

from errata.errors import InvalidInputError, NotFoundError
from errata.models.announced import ReleaseChange
from errata.models.buckets import DAY_MS, HOUR_MS
from errata.models.issue_change import RESOLVE, Change
from errata.models.visible import Visible
from errata.usecases import announced, issues
from errata.usecases.announced import KnownRelease
from tests.integration.test_settle import OTHER_SHA, SHA, Shop
from tests.support import stream
from tests.support.account import Clock, Project
from tests.support.calls import Call, Killed, fault, killed, watched
from tests.support.visible import visible_in


@pytest.fixture
def shop(busy: Project, clock: Clock) -> Shop:
    return Shop(busy.id, clock)


def seen(shop: Shop) -> Visible:
    return visible_in(shop.id, shop.clock.ms)


def find(shop: Shop, name: str) -> KnownRelease:
    (found,) = announced.find([seen(shop)], name)
    return found


def test_a_release_is_ordered_by_the_time_of_its_announcement(shop: Shop) -> None:
    known, new = announced.announce(seen(shop), SHA)
    assert (new, known.release, known.created_at) == (True, None, shop.clock.ms)
    shop.clock.advance(HOUR_MS // 1000)
    shop.send(OTHER_SHA)
    shop.clock.advance(HOUR_MS // 1000)
    shop.settle(Change(RESOLVE, OTHER_SHA))
    # Its first event comes last, but it is an older release.
    assert shop.send(SHA).status == "resolved"
    (release,) = (each for each in issues.list_releases(seen(shop)) if each.release == SHA)
    assert (release.since, release.first_seen) == (known.created_at, shop.clock.ms)
    # Announced again: nothing changes.
    assert announced.announce(seen(shop), SHA)[1] is False
    assert find(shop, SHA).created_at == known.created_at


@pytest.mark.parametrize("first", ["events", "release"])
def test_a_release_is_ordered_by_the_time_when_it_was_released(shop: Shop, first: str) -> None:
    released = shop.clock.ms - DAY_MS
    if first == "events":
        shop.send(SHA)
    announced.announce(seen(shop), SHA)
    announced.change(seen(shop), SHA, ReleaseChange(released_at=released))
    if first == "release":
        shop.send(SHA)
    (release,) = issues.list_releases(seen(shop))
    assert release.since == released
    assert find(shop, SHA).released_at == released


def test_a_deploy_that_is_reported_twice_is_one_and_the_newest_twenty_are_kept(shop: Shop) -> None:
    announced.announce(seen(shop), "1.0")
    deploy = announced.deploy("production", "blue", "https://ci.example.com/7", 1000, 2000)
    for _ in range(2):
        announced.change(seen(shop), "1.0", ReleaseChange(deploy=deploy))
    for number in range(25):
        more = announced.deploy("staging", finished_at=3000 + number)
        announced.change(seen(shop), "1.0", ReleaseChange(deploy=more))
    found = find(shop, "1.0").announced
    assert found
    assert [each.id for each in found.deploys] == list(range(7, 27))
    assert found.deploys[-1].finished_at == 3024


def test_events_that_are_counted_during_a_change_are_not_lost(shop: Shop) -> None:
    batch = [shop.record("1.0")]

    def while_digest_counts(call: Call) -> Any:
        if call.operation == "TransactWriteItems" and batch:
            stream.pump([batch.pop()])
        return call.send()

    at = shop.clock.ms - HOUR_MS
    visible = seen(shop)
    with watched(while_digest_counts):
        announced.announce(visible, "1.0", at)
        assert batch == []
        announced.change(visible, "1.0", ReleaseChange(released_at=at))
    (release,) = issues.list_releases(seen(shop))
    assert (release.events, release.since) == (1, at)


def test_an_interrupted_announcement_is_stored_whole_or_not_at_all(shop: Shop) -> None:
    """Killed after its first call, nothing is announced; after the second and last one, all is."""
    for call in (1, 2):
        visible = seen(shop)
        with fault(call, killed, after=True) as outcome, pytest.raises(Killed):
            announced.announce(visible, SHA)
        assert outcome.struck
        assert bool(announced.find([visible], SHA)) == (call == 2)
    at = shop.clock.ms
    shop.send(SHA)
    (release,) = issues.list_releases(seen(shop))
    assert release.since == at


def test_the_list_has_releases_of_events_and_announced_ones(shop: Shop) -> None:
    shop.send("1.0", "1.1")
    announced.change(seen(shop), "1.1", ReleaseChange(url="https://ci.example.com/7"))
    announced.announce(seen(shop), "1.2")
    listed = announced.list_known(seen(shop))
    found = {each.name: (each.release is None, each.announced is None) for each in listed.found}
    assert found == {"1.0": (False, True), "1.1": (False, False), "1.2": (True, False)}
    assert listed.end == ""
    assert announced.list_known(seen(shop), "g").found == []


def test_invalid_names_unknown_releases_and_invalid_deploys_are_refused(shop: Shop) -> None:
    for name in ("", "a\nb", "a" * 201):
        with pytest.raises(InvalidInputError):
            announced.announce(seen(shop), name)
    with pytest.raises(NotFoundError, match="no release 9"):
        announced.change(seen(shop), "9", ReleaseChange(released_at=1))
    for environment, name, url in [("", "", ""), ("e", "n" * 65, ""), ("e", "", "u" * 501)]:
        with pytest.raises(InvalidInputError):
            announced.deploy(environment, name, url)
