"""An error loop: most events are tallies, which count like events that are kept in full."""

import json
import uuid
from typing import Any

import pytest

from errata.config import settings
from errata.errors import NotFoundError
from errata.models.event import unpack
from errata.models.ids import floor_id, named_event_id
from errata.models.issue import Issue
from errata.models.tally import KEPT_AN_HOUR
from errata.store import clients
from errata.store.events import is_kept_in_full, packed
from errata.usecases import erase, issues, members, projects, read_events, redrive
from tests.support import account, sdk, stream, tally
from tests.support.account import Clock, Project
from tests.support.browser import signed_in, words
from tests.support.calls import Killed, fault, killed, recorded
from tests.support.cli import Deployed, deployed, done, failed
from tests.support.clients import events, php
from tests.support.fresh import clear_cache
from tests.support.gateway import Response, handler
from tests.support.pages import OWNER
from tests.support.visible import all_issues, visible_in

__all__ = ["deployed"]

type Item = dict[str, Any]


def rows(project_id: str) -> list[Item]:
    """Return the items of a project's events and tallies, in the order of their ids."""
    found = clients.dynamodb().query(
        TableName=settings().events_table,
        KeyConditionExpression="pk = :project",
        ExpressionAttributeValues={":project": {"S": project_id}},
        ConsistentRead=True,
    )["Items"]
    return [item for item in found if not {"payload", "erased"}.isdisjoint(item)]


def loop(project: Project, clock: Clock, number: int, **fields: Any) -> list[str]:
    """Send so many events of one issue, one each millisecond. Return their SDK event ids."""
    sent = []
    for _ in range(number):
        clock.advance(0.001)
        sent.append(sdk.capture(project, **fields))
    return sent


def send(project: Project, clock: Clock, sent: Item) -> Response:
    """Send an event, a millisecond after the last one."""
    clock.advance(0.001)
    return sdk.post(project, sdk.of_event(sent))


def only_issue(project_id: str) -> Issue:
    (issue,) = all_issues(visible_in(project_id))
    return issue


def digest(project_id: str) -> list[Item]:
    """Digest all that is stored. Return it."""
    found = rows(project_id)
    stream.pump(stream.numbered(found))
    return found


# ------------------------------------------------------------------ storing


def test_the_first_events_and_powers_of_two_are_kept_and_the_rest_are_counted(
    busy: Project, clock: Clock
) -> None:
    loop(busy, clock, 70, user={"id": 7}, environment="prod", release="1.0")
    stored = digest(busy.id)
    assert sum(map(is_kept_in_full, stored)) == KEPT_AN_HOUR + 2
    tally.assert_exact(stored)
    issue = only_issue(busy.id)
    assert (issue.count, issue.kept, issue.environments) == (70, 22, {"prod": 70})
    # In the next hour, the first ones are kept again.
    clock.advance(3_600)
    loop(busy, clock, 2)
    assert sum(map(is_kept_in_full, rows(busy.id))) == KEPT_AN_HOUR + 4


def test_a_tally_takes_one_call_and_its_replays_are_counted_once(
    busy: Project, clock: Clock
) -> None:
    loop(busy, clock, KEPT_AN_HOUR + 1)  # the last one leases others (K20)
    clock.advance(0.001)
    sent = sdk.event()
    with recorded() as calls:
        assert send(busy, clock, sent).json == {"id": sent["event_id"]}
    assert [call.operation for call in calls] == ["PutItem"]
    for _ in range(2):
        clear_cache()  # another execution environment keeps the event in full
        assert send(busy, clock, sent).json == {"id": sent["event_id"]}
    stored = digest(busy.id)
    assert len(stored) == KEPT_AN_HOUR + 2
    assert "tally" in max(stored, key=lambda item: item["sk"]["S"])
    assert only_issue(busy.id).count == KEPT_AN_HOUR + 2


def test_late_tallies_are_counted_once_when_they_arrive(busy: Project, clock: Clock) -> None:
    late = {"timestamp": clock.ms / 1000 - 7_200}
    loop(busy, clock, KEPT_AN_HOUR, **late)
    sent = sdk.event(**late)
    for _ in range(2):
        assert send(busy, clock, sent).status == 200
        clear_cache()
    stored = digest(busy.id)
    assert len(stored) == KEPT_AN_HOUR + 1
    assert stored[-1]["sk"]["S"] >= floor_id(clock.ms - 1_000)
    assert "tally" in stored[-1]


def test_a_process_that_ends_at_any_call_stores_each_event_once(
    busy: Project, clock: Clock
) -> None:
    for after in (False, True):
        loop(busy, clock, KEPT_AN_HOUR + 1)
        before = len(rows(busy.id))
        sent = sdk.event()
        with fault(1, killed, after=after) as outcome, pytest.raises(Killed):
            send(busy, clock, sent)
        assert outcome.struck
        clear_cache()
        assert send(busy, clock, sent).status == 200
        assert len(rows(busy.id)) == before + 1


# ------------------------------------------------------------------ readers


def test_readers_of_events_see_only_those_that_are_kept_in_full(
    busy: Project, clock: Clock
) -> None:
    sent = loop(busy, clock, 70)
    kept = {event["event_id"] for event in events(busy)}
    assert kept == {*sent[:KEPT_AN_HOUR], sent[31], sent[63]}
    found = read_events.find_any(visible_in(busy.id), sent[40])
    assert found
    assert found.tally
    with pytest.raises(NotFoundError, match="counted, but not kept in full"):
        read_events.find(visible_in(busy.id), sent[40])


def test_a_page_of_events_skips_a_thousand_tallies_in_few_calls(
    busy: Project, clock: Clock
) -> None:
    first = stream.put([stream.event(busy.id, clock.ms - 5_000, fingerprint="f")])
    stream.put(stream.tally(busy.id, clock.ms - 1_000 + n) for n in range(900))
    with recorded() as calls:
        assert [event["id"] for event in events(busy)] == first
    assert [call.operation for call in calls].count("Query") <= 4


@pytest.fixture
def deep(busy: Project, clock: Clock) -> Project:
    """Return a project with an issue of 70 events, of which 22 are kept in full."""
    loop(busy, clock, 70)
    digest(busy.id)
    return busy


def test_pages_say_how_many_events_are_kept_in_full(deep: Project, clock: Clock) -> None:
    members.add("default", OWNER, "owner")
    browser = signed_in(OWNER)
    issue = only_issue(deep.id)
    page = words(browser.get(f"projects/{deep.id}/issues/{issue.id}").html)
    assert "All 70 events, 22 kept in full" in page
    # The newest event that can be read is the 64th.
    assert "Event 22 of 22 kept in full" in page
    assert "This is the newest event kept in full. Later ones, the last just now, were" in page
    older = words(browser.get(f"projects/{deep.id}/issues/{issue.id}/first").html)
    assert "Event 1 of 22 kept in full" in older
    assert "This is the newest event" not in older
    assert "70 events, 22 kept in full" in words(
        browser.get(f"projects/{deep.id}/issues/{issue.id}/events").html
    )
    text = browser.get(f"projects/{deep.id}/issues/{issue.id}.md").html
    assert "70, 22 kept in full, 70 in the last hour" in text
    assert "## Newest event, 22 of 22 kept in full" in text


def test_the_command_says_how_many_events_are_kept_in_full(
    deep: Project, clock: Clock, deployed: Deployed
) -> None:
    issue = only_issue(deep.id)
    assert "70  22 kept in full" in done("issues", "show", deep.id, issue.id).out
    found = json.loads(done("issues", "show", deep.id, issue.id, "--json").out)
    assert (found["count"], found["kept"]) == (70, 22)
    assert found["newest_event"]["id"] == found["last_event"] == issue.newest_kept
    assert "22 of 22" in done("events", "show", deep.id, issue.newest_kept).out
    # The SDK's id of a tally leads to its issue.
    counted = sdk.capture(deep)
    assert done("issues", "show", deep.id, counted, "--json").json["id"] == issue.id
    error = failed("events", "show", deep.id, counted)
    assert (
        f"counted, but not kept in full: its issue has had many like it. The issue is {issue.id}"
        in error
    )


# ------------------------------------------------------------------ what happens to an issue


def test_a_deleted_issue_is_opened_again_by_a_tally_with_title_and_culprit(
    busy: Project, clock: Clock
) -> None:
    loop(busy, clock, KEPT_AN_HOUR + 3)
    counted = digest(busy.id)
    late = stream.tally(busy.id, clock.ms, fingerprint=only_issue(busy.id).fingerprint)
    clock.advance(1)
    visible = visible_in(busy.id)
    issues.delete(visible, only_issue(busy.id).id, "ada@example.com")
    # Cleanup deletes the tallies, too; digest deletes one that was stored late.
    stream.put([late])
    stream.pump(stream.numbered([late], 2001))
    item = {"pk": {"S": f"{busy.id}#state"}, "sk": {"S": "delete#x"}}
    handler("cleanup")({"Records": [stream.record(item, 1)]}, None)
    assert rows(busy.id) == []
    clock.advance(1)
    loop(busy, clock, 2)
    new = rows(busy.id)
    assert all("tally" in each for each in new)
    stream.pump(stream.numbered([*counted, *new]))
    issue = only_issue(busy.id)
    assert (issue.count, issue.kept, issue.newest_kept) == (2, 0, "")
    assert issue.title == "KeyError: 'lamp'"
    assert issue.culprit == "shop.cart in total"
    # An event that is kept in full takes over.
    clear_cache()
    loop(busy, clock, 1, transaction="checkout")
    stream.pump(stream.numbered([*counted, *new, *rows(busy.id)[len(new) :]]))
    assert only_issue(busy.id).transaction == "checkout"


def test_a_clear_hides_recent_tallies(busy: Project, clock: Clock) -> None:
    loop(busy, clock, KEPT_AN_HOUR + 3)
    before = rows(busy.id)
    php(action="clear", hash=busy.key)
    clock.advance(1)
    loop(busy, clock, 2)
    stream.pump(stream.numbered([*before, *rows(busy.id)[len(before) :]]))
    assert only_issue(busy.id).count == 2
    stream.cleaned(busy.id)
    assert len(rows(busy.id)) == 2


def test_a_tally_reopens_a_resolved_issue_and_keeps_its_search_text(
    busy: Project, clock: Clock
) -> None:
    loop(busy, clock, KEPT_AN_HOUR + 1)
    counted = digest(busy.id)
    issues.resolve(visible_in(busy.id), only_issue(busy.id).id, "ada@example.com")
    clock.advance(5)
    loop(busy, clock, 1)
    stream.pump(stream.numbered([*counted, *rows(busy.id)[len(counted) :]]))
    issue = only_issue(busy.id)
    assert (issue.status, issue.count) == ("regressed", KEPT_AN_HOUR + 2)
    of_issues = account.rows()["ISSUES_TABLE"]
    (number,) = (row for row in of_issues if row["sk"]["S"].startswith("number#open#"))
    assert "shop/cart.py" in number["text"]["S"]


def test_a_tally_in_the_dead_letter_queue_is_counted_by_a_redrive_once(
    busy: Project, clock: Clock
) -> None:
    loop(busy, clock, KEPT_AN_HOUR + 5)
    stored = rows(busy.id)
    stream.pump(stream.numbered([*stored[:-3], *stored[-2:]]))
    letter = {"project_id": busy.id, "event_id": stored[-3]["sk"]["S"], "reason": "r"}
    for _ in range(2):
        body = json.dumps(letter | {"sequence": "1"})
        clients.sqs().send_message(QueueUrl=settings().digest_dead_letter_url, MessageBody=body)
        assert all(each.done for each in redrive.redrive_queue("digest"))
        tally.assert_exact(stored)


# ------------------------------------------------------------------ a person


@pytest.mark.parametrize("name", ["id", "username", "email"])
def test_a_person_is_erased_from_tallies_and_the_counts_are_kept(
    busy: Project, clock: Clock, name: str
) -> None:
    loop(busy, clock, KEPT_AN_HOUR)
    ada = {"id": "ada-000001", "username": "ada-000002", "email": "ada@shop.example.com"}
    theirs = sdk.event(user=ada)
    mentions = sdk.event(user={"id": "eve"}, tags={"customer": ada[name]})
    for sent in (theirs, mentions):
        send(busy, clock, sent)
    digest(busy.id)
    clock.days(1)
    *_, last = erase.erase(projects.find(busy.id), ada[name])
    assert (last.receipt.events_deleted, last.receipt.events_rewritten) == (1, 1)
    found = rows(busy.id)
    assert len(found) == KEPT_AN_HOUR + 2
    left = [unpack(packed(item)) for item in found if "erased" not in item]
    assert ada[name] not in str(left)
    # It is not stored again, and is not counted again.
    clock.days(-1)
    clear_cache()
    send(busy, clock, theirs)
    assert len(rows(busy.id)) == KEPT_AN_HOUR + 2
    assert only_issue(busy.id).count == KEPT_AN_HOUR + 2


def test_the_id_of_a_tally_is_that_of_the_event(busy: Project, clock: Clock) -> None:
    loop(busy, clock, KEPT_AN_HOUR)
    name = uuid.uuid4().hex
    loop(busy, clock, 1, event_id=name)
    assert rows(busy.id)[-1]["sk"]["S"] == named_event_id(clock.ms, name)
