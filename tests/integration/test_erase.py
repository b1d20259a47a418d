"""After an erasure, no row mentions the person, and every count stays as it was."""

import json
import random
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.config import settings
from errata.errors import StoreError
from errata.models import project as models
from errata.models.buckets import HOUR_MS
from errata.models.erasure import Receipt
from errata.models.event import unpack
from errata.models.ids import floor_id, now_ms
from errata.models.issue_change import IGNORE, Change
from errata.models.settled import TIME
from errata.models.webhook import Attempt, Delivery
from errata.protocol.issues import SORTS, IssueQuery
from errata.scrubbing.person import Person
from errata.store import queues
from errata.store import webhooks as webhooks_store
from errata.usecases import clear_project, erase, issues, members, projects, redrive, webhooks
from tests.integration.test_digest_model import START_MS
from tests.support import account, fuzz, sdk, stream, tally, template
from tests.support import clients as http
from tests.support.account import Clock, Project, new_project, rows
from tests.support.browser import signed_in, words
from tests.support.calls import (
    Call,
    Killed,
    conflicting,
    cut_off,
    failing,
    fault,
    killed,
    throttled,
    watched,
)
from tests.support.fresh import clear_cache
from tests.support.pages import OWNER
from tests.support.planted import anything, ingest_body, legacy_body, sdk_event
from tests.support.snapshot import DATA, Snapshot
from tests.support.visible import visible_in
from tests.support.webhooks import messages

ADA = "Ada+shop@example.com"
OTHER = "eve@example.com"
# Forms of the person's e-mail address. Each is a mention.
WRITTEN = "mail ADA+SHOP@example.com, or see https://example.com/?to=ada%2Bshop%40example.com&a=b"


def erased(project_id: str, value: str = ADA, *, dry_run: bool = False) -> Receipt:
    """Erase a person. Return the receipt."""
    project = projects.find(project_id)
    *_, last = erase.erase(project, value, dry_run=dry_run)
    receipt = last.receipt
    if not dry_run:
        erase.finish(project, value)
    return receipt


def everything() -> str:
    """Return every row of every table, the events unpacked, and the dead letters."""
    stored = [unpack(item["payload"]["B"]) for item in stream.stored_events()]
    held = queues.hold(settings().webhook_dead_letter_url, 100)
    parts = [repr(rows()), json.dumps(stored, ensure_ascii=False), repr(held)]
    for each in held:
        queues.let_go(settings().webhook_dead_letter_url, each)
    return "\n".join(parts).lower()


def assert_nowhere(value: str) -> None:
    text = everything()
    for form in {value, quote(value), quote(value, safe="")}:
        at = text.find(form.lower())
        assert at < 0, text[max(0, at - 300) : at + 100]


def digest() -> None:
    stream.pump(stream.records())


# ------------------------------------------------------------------ every mention


def _to_sdk(project: Project, user: str) -> None:
    made = sdk.event(**sdk_event(WRITTEN, lambda: anything(WRITTEN), set()))
    for user_fields in ({"email": user}, {"id": user.lower(), "username": "x"}):
        each = {**made, "user": user_fields, "event_id": sdk.event()["event_id"]}
        assert sdk.post(project, sdk.of_event(each)).status == 200


def _to_ingest(project: Project, user: str) -> None:
    body = ingest_body(WRITTEN, lambda: anything(WRITTEN))
    body["fingerprint"] = body["source_map"] = WRITTEN
    body["user"] = {"id": 7, "email": user}
    assert http.ingest(project, body, idempotency_key=f"{user} {now_ms()}").status == 202


def _to_legacy(project: Project, _user: str) -> None:
    body = legacy_body(WRITTEN, lambda: anything(WRITTEN))
    assert http.capture(project, **{**body, "level": "Warning"}).status == 200


ENDPOINTS: dict[str, Callable[[Project, str], None]] = {
    "sdk": _to_sdk,
    "ingest": _to_ingest,
    "legacy": _to_legacy,
}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_erased_person_is_in_no_row_and_no_dead_letter(
    busy: Project, endpoint: str, clock: Clock
) -> None:
    webhooks.add(busy.id, "https://example.com/hook")
    ENDPOINTS[endpoint](busy, ADA)
    ENDPOINTS[endpoint](busy, OTHER)
    digest()
    for issue in issues.list_issues(visible_in(busy.id)):
        issues.resolve(visible_in(busy.id), issue.id, "op@example.com")
    clock.advance(60)
    ENDPOINTS[endpoint](busy, OTHER)
    digest()
    for n, message in enumerate(messages()):
        attempt = Attempt(floor_id(clock.ms + n), message, 1, 500, 1)
        webhooks_store.record(attempt, Delivery(1, over=True), clock.ms // 1000)
        queues.send(settings().webhook_dead_letter_url, json.loads(webhooks_store.to_text(message)))
    assert "ada+shop@example.com" in everything()
    before = tally.counted(busy.id)
    clock.advance(600)
    receipt = erased(busy.id)
    assert receipt.events_deleted == {"sdk": 2, "ingest": 1, "legacy": 0}[endpoint]
    assert receipt.events_rewritten == {"sdk": 4, "ingest": 2, "legacy": 3}[endpoint]
    assert receipt.issues_changed >= 1
    assert receipt.messages_rewritten >= 2
    assert_nowhere(ADA)
    assert counts_of(tally.counted(busy.id)) == counts_of(before)
    for event in http.events(busy):
        assert event["context"] is None or "[Erased]" in json.dumps(event)
        assert {"rule": "erased"}.items() <= event["scrubbed"][-1].items()
    assert erased(busy.id) == Receipt()


def counts_of(counted: tally.Counts) -> tally.Counts:
    """Return counts without the texts that name the person."""
    found = {
        issue_id: {
            **{name: each[name] for name in ("count", "first", "last", "expires_at", "users")},
            "buckets": each["buckets"],
            "names": [sorted(each[name].values()) for name in ("environments", "releases")],
        }
        for issue_id, each in counted["issues"].items()
    }
    of_releases = [{**each, "expires_at": 0} for each in counted["releases"].values()]
    return {**counted, "issues": found, "releases": of_releases}


# ------------------------------------------------------------------ which events


def of_user(project: Project, message: str = "boom", **user: Any) -> str:
    """Send an event of a user. Return its id."""
    sent = {"message": message, "user": user, "fingerprint": "f", "release": "1.0"}
    response = http.ingest(project, sent)
    assert response.status == 202, response.text
    event_id: str = response.json["id"]
    return event_id


def left(project: Project) -> list[str]:
    return [event["message"] for event in http.events(project)][::-1]


def test_a_short_user_id_erases_only_events_of_that_user(busy: Project, clock: Clock) -> None:
    of_user(busy, "7 of 7 failed", id=7)
    clock.advance(1)
    of_user(busy, "7 of 8 failed", id=8, username="x7")
    clock.advance(1)
    of_user(busy, "7 of 9 failed", id="77", email="7@example.com")
    digest()
    clock.advance(600)
    receipt = erased(busy.id, "7")
    assert receipt == Receipt(events_deleted=1, issues_changed=1, values_removed=1)
    assert left(busy) == ["7 of 8 failed", "7 of 9 failed"]
    (issue,) = issues.list_issues(visible_in(busy.id))
    assert (issue.count, issue.title) == (3, "7 of 9 failed")


def test_people_with_similar_addresses_are_kept(busy: Project, clock: Clock) -> None:
    kept = ["not.ada@example.com", "ada@example.com.au", "eva@example.com", "xada@example.com"]
    for email in kept:
        of_user(busy, f"mail {email}", email=email)
    digest()
    before = rows()
    clock.advance(600)
    assert erased(busy.id, "ada@example.com") == Receipt()
    assert rows()["EVENTS_TABLE"] == before["EVENTS_TABLE"]
    assert rows()["ISSUES_TABLE"] == before["ISSUES_TABLE"]


def test_events_of_another_project_are_kept(busy: Project, clock: Clock) -> None:
    other = new_project(metered=True)
    of_user(other, f"mail {ADA}", email=ADA)
    clock.advance(600)
    assert erased(busy.id) == Receipt()
    assert left(other) == [f"mail {ADA}"]


def test_cleared_and_deleted_events_are_erased_too(busy: Project, clock: Clock) -> None:
    of_user(busy, f"mail {ADA}", email=ADA)
    digest()
    (issue,) = issues.list_issues(visible_in(busy.id))
    clock.advance(60)
    issues.delete(visible_in(busy.id), issue.id, "op@example.com")  # not cleaned up yet
    assert http.ingest(busy, {"message": f"mail {ADA}", "fingerprint": "g"}).status == 202
    stream.pump(stream.numbered(stream.stored_events()[1:], 2001))
    clear_project.clear(busy.id)  # not cleaned up yet
    clock.advance(600)
    receipt = erased(busy.id)
    assert (receipt.events_deleted, receipt.events_rewritten, receipt.issues_changed) == (1, 1, 1)
    assert receipt.values_removed == 1
    assert_nowhere(ADA)


def test_an_issue_that_is_ignored_for_a_time_still_opens_after_an_erasure(
    busy: Project, clock: Clock
) -> None:
    of_user(busy, f"mail {ADA}", email=ADA)
    digest()
    (issue,) = issues.list_issues(visible_in(busy.id))
    until = Change(IGNORE, until=TIME, number=clock.ms + HOUR_MS)
    issues.change(visible_in(busy.id, clock.ms), issue.id, until, "op@example.com")

    def listed() -> list[str]:
        """Return the keys of the rows by which lists find the issue."""
        keys = [row["sk"]["S"] for row in rows()["ISSUES_TABLE"]]
        return [key for key in keys if key.startswith(("rank#", "number#"))]

    before = listed()
    assert "#open#" in str(before)
    assert "#ignored#" in str(before)
    clock.advance(600)
    assert erased(busy.id).events_deleted == 1
    assert_nowhere(ADA)
    assert listed() == before
    for status, other in (("ignored", "open"), ("open", "ignored")):
        visible = visible_in(busy.id, clock.ms)
        for sort in SORTS:
            found = issues.search(visible, IssueQuery(status=status, sort=sort)).issues
            assert [each.id for each in found] == [issue.id], (status, sort)
            assert issues.search(visible, IssueQuery(status=other, sort=sort)).issues == []
        clock.advance(HOUR_MS // 1000)


def test_a_later_event_of_the_person_is_found_again(busy: Project, clock: Clock) -> None:
    of_user(busy, email=ADA)
    digest()
    clock.advance(600)
    erased(busy.id)
    assert ("user.email", ADA) not in values_of(busy)
    of_user(busy, email=ADA)
    stream.pump(stream.numbered(stream.stored_events(), 2001))
    assert ("user.email", ADA) in values_of(busy)


def values_of(project: Project) -> set[tuple[str, str]]:
    (issue,) = tally.counted(project.id)["issues"].values()
    values: set[tuple[str, str]] = issue["values"]
    return values


def test_an_erased_event_that_an_sdk_sends_again_is_not_stored_again(
    busy: Project, clock: Clock
) -> None:
    sent = sdk.event(user={"email": ADA})
    sdk.post(busy, sdk.of_event(sent))
    digest()
    clock.advance(600)
    erased(busy.id)
    clock.advance(-600)
    clear_cache()
    assert sdk.post(busy, sdk.of_event(sent)).status == 200
    assert http.events(busy) == []
    assert stream.records() == []
    (issue,) = issues.list_issues(visible_in(busy.id))
    assert issue.count == 1


def test_a_redrive_after_an_erasure_counts_only_missing_events(busy: Project, clock: Clock) -> None:
    sent = []
    for email in (ADA, ADA, OTHER, OTHER):
        clock.advance(1)
        sent.append(of_user(busy, email=email))
    in_stream = stream.records()
    stream.pump([*in_stream[:2], in_stream[3]])
    clock.advance(600)
    erased(busy.id)
    letter = {"project_id": busy.id, "event_id": sent[2], "reason": "x"}
    for _ in range(2):
        queues.send(settings().digest_dead_letter_url, letter)
        assert [each.done for each in redrive.redrive_queue("digest")] == [True]
        (issue,) = issues.list_issues(visible_in(busy.id))
        assert issue.count == 4


def test_the_stream_passes_no_changed_event_to_digest() -> None:
    events = template.of_type("AWS::Serverless::Function")["DigestFunction"]["Events"]
    for wanted in events["NewEvents"]["Properties"]["FilterCriteria"]["Filters"]:
        assert json.loads(wanted["Pattern"])["eventName"] == ["INSERT"]


def test_the_dashboard_says_that_a_person_was_erased(busy: Project, clock: Clock) -> None:
    of_user(busy, email=ADA)
    http.ingest(busy, {"message": f"mail {ADA}, token=hush", "fingerprint": "g"})
    digest()
    clock.advance(600)
    erased(busy.id)
    members.add("default", OWNER, "owner")
    browser = signed_in(OWNER)
    (event,) = http.events(busy)
    page = words(browser.get(f"projects/{busy.id}/events/{event['id']}").html)
    assert "was replaced by [Erased] when the person was erased: message ." in page
    assert "replaced by [Filtered] before it was stored: message (name)." in page
    (bare,) = (e for e in issues.list_issues(visible_in(busy.id)) if e.title == "boom")
    page = words(browser.get(f"projects/{busy.id}/issues/{bare.id}").html)
    assert "The events of this issue have expired or were erased." in page


def test_a_dry_run_changes_nothing(busy: Project, clock: Clock) -> None:
    of_user(busy, email=ADA)
    http.ingest(busy, {"message": f"mail {ADA}", "tags": {}})
    digest()
    before = rows()
    clock.advance(600)
    receipt = erased(busy.id, dry_run=True)
    assert rows() == before
    assert receipt == erased(busy.id)


def test_a_recent_event_is_erased_after_digest_has_counted_it(busy: Project, clock: Clock) -> None:
    event_id = of_user(busy, f"mail {ADA}", email=ADA)
    in_stream = stream.records()
    project = projects.find(busy.id)
    for progress in erase.erase(project, ADA):
        if progress.doing.startswith("waiting"):
            stream.pump(in_stream)
    (issue,) = issues.list_issues(visible_in(busy.id))
    assert (issue.count, issue.first_event, issue.title) == (1, event_id, "mail [Erased]")
    assert_nowhere(ADA)


# ------------------------------------------------------------------ interruptions and races


def test_an_interrupted_erasure_is_finished_by_the_next_one(busy: Project, clock: Clock) -> None:
    webhooks.add(busy.id, "https://example.com/hook")
    for n in range(2):
        http.ingest(busy, {"message": f"mail {ADA}", "fingerprint": f"f{n}", "release": ADA})
        clock.advance(1)  # an issue's first event mentions the person
        sent = {"message": "x", "fingerprint": f"f{n}", "user": {"id": n, "email": ADA}}
        http.ingest(busy, {**sent, "environment": ADA})
        http.ingest(busy, {**sent, "fingerprint": f"g{n}"})  # only found by the person
    digest()
    message = next(each for each in messages() if ADA in each.body)
    webhooks_store.record(Attempt(floor_id(clock.ms), message, 1, 500, 1), Delivery(1), 10**10)
    clock.advance(600)
    counts = counts_of(tally.counted(busy.id))
    start = Snapshot(DATA)
    whole = erased(busy.id)
    assert all(vars_of(whole))
    for number in count(1):
        start.restore()
        with cut_off(number) as outcome, suppress(Killed):
            erased(busy.id)
        clear_cache()
        again = erased(busy.id)
        if not outcome.struck:
            break
        # The last call removes the receipt, which was shown.
        assert again in (whole, Receipt())
        assert_nowhere(ADA)
        # A later event writes all value rows again.
        issue_rows = [row for row in rows()["ISSUES_TABLE"] if "fingerprint" in row]
        assert len(issue_rows) == 4
        assert all("values" not in row for row in issue_rows)
        assert counts_of(tally.counted(busy.id)) == counts
    assert number > 11
    assert again == Receipt()


def vars_of(receipt: Receipt) -> list[int]:
    return [
        receipt.events_deleted,
        receipt.events_rewritten,
        receipt.issues_changed,
        receipt.values_removed,
        receipt.rows_rewritten,
        receipt.messages_rewritten,
    ]


MEETINGS = [("erasure", "digest"), ("erasure", "resolve")]


@pytest.mark.parametrize("at", ["BatchGetItem", "PutItem TransactWriteItems"])
@pytest.mark.parametrize(("outer", "inner"), MEETINGS + [each[::-1] for each in MEETINGS])
def test_an_erasure_and_another_writer_of_an_issue_lose_nothing(
    busy: Project, clock: Clock, outer: str, inner: str, at: str
) -> None:
    sent = {"message": "boom", "fingerprint": "f", "environment": ADA, "user": {"email": ADA}}
    sent["exception_class"] = f"Of {ADA}"
    assert http.ingest(busy, sent).status == 202
    digest()
    (issue,) = issues.list_issues(visible_in(busy.id))
    clock.advance(600)
    of_user(busy, email=OTHER)
    later = stream.numbered(stream.stored_events()[1:], 2001)
    work: dict[str, Callable[[], object]] = {
        "digest": lambda: stream.pump(later),
        "erasure": lambda: erased(busy.id),
        "resolve": lambda: issues.resolve(visible_in(busy.id), issue.id, "op@example.com"),
    }
    met = False

    def meet(call: Call) -> Any:
        nonlocal met
        if not met and call.operation in at and "issue#" in str(call.parameters):
            met = True
            work[inner]()
        return call.send()

    with watched(meet):
        work[outer]()
    assert met
    assert_nowhere(ADA)
    work["digest"]()
    (issue,) = issues.list_issues(visible_in(busy.id))
    assert (issue.count, issue.environments) == (2, {"[Erased]": 1})


USERS = [f"user-10{n}" for n in range(4)]
_projects = count(700)
_FAULTS = [killed, killed, throttled, conflicting, failing]
deliveries = st.tuples(
    st.integers(0, 4),  # how far back the batch begins
    st.integers(1, 6),  # how far it goes ahead
    st.integers(0, 14),  # the call that fails, 0 for none
    st.sampled_from(_FAULTS),
    st.booleans(),  # whether the call takes effect
)
steps = st.lists(
    deliveries | st.tuples(st.integers(0, 12), st.sampled_from(_FAULTS), st.booleans()),
    min_size=2,
    max_size=7,
)


def traffic(project_id: str, seed: int) -> list[dict[str, Any]]:
    chance = random.Random(seed)
    times = sorted(chance.sample(range(START_MS - 7_200_000, START_MS), 20))
    return [
        stream.event(
            project_id,
            at_ms,
            fingerprint=f"f{chance.randrange(3)}",
            message=chance.choice(["bad price", f"no cart of {chance.choice(USERS)}"]),
            release=f"r{chance.randrange(2)}",
            environment=chance.choice(["prod", "dev", USERS[0]]),
            context={"user": {"id": chance.choice(USERS)}},
        )
        for at_ms in times
    ]


@fuzz.bounded(12)
@given(st.integers(0, 10**6), steps)
def test_counts_are_those_of_a_digest_without_an_erasure(
    clock: Clock, seed: int, steps: list[Any]
) -> None:
    project_id = str(next(_projects))
    items = traffic(project_id, seed)
    stream.put(items)
    batch, done = stream.numbered(items), 0
    person = Person(USERS[0])
    project = models.Project(project_id, "shop", 0)
    for step in steps:
        if len(step) == 3:
            number, error, after = step
            with fault(number or 10**6, error, after=after), suppress(Killed, StoreError):
                list(erase.erase(project, USERS[0]))
            clear_cache()
        else:
            back, ahead, number, error, after = step
            start, end = max(done - back, 0), min(done + ahead, len(batch))
            with fault(number or 10**6, error, after=after), suppress(Killed, StoreError):
                stream.deliver(batch[start:end])
            clear_cache()
            stream.pump(batch[start:end])
            done = max(done, end)
    stream.pump(batch)
    *_, last = erase.erase(project, USERS[0])
    theirs = [person.is_user(unpack(item["payload"]["B"])) for item in items]
    assert last.receipt.events_deleted == sum(theirs)
    assert account.dead_letters() == []
    found, wanted = tally.counted(project_id), tally.expected(items)
    for issue in wanted["issues"].values():
        issue["title"] = person.without(issue["title"])
        issue["values"] = {each for each in issue["values"] if USERS[0] not in each[1]}
        issue["environments"] = {
            person.without(name): number for name, number in issue["environments"].items()
        }
    assert found == wanted
    assert_nowhere(USERS[0])
