"""Issues are linked to their tickets, and keep the link."""

from urllib.parse import parse_qs, urlsplit

import pytest

from errata.errors import ErrataError, ForbiddenError
from errata.models.issue import Issue
from errata.models.issue_change import LINK, Change
from errata.usecases import change_issues, erase, issue_events, issues, projects, tickets
from tests.integration.test_assign import ANNA, BEN, EVE, Desk
from tests.integration.test_digest_expiry import expire
from tests.integration.test_lifecycle import KEPT_DAYS
from tests.support import sdk_events, stream
from tests.support.account import Clock, Project, rows
from tests.support.calls import Killed, fault, killed

TICKET = "https://github.com/acme/shop/issues/7"


class Linked(Desk):
    """A project whose members link its only issue."""

    def link(self, url: str = TICKET, by: str = ANNA) -> Issue:
        self.clock.advance(1)
        return tickets.link(self.visible(by), self.issue().id, url, by)

    def new_ticket(self) -> str:
        visible, issue = self.visible(), self.issue()
        event = issue_events.latest(visible, issue.id).event
        assert event
        return tickets.new_ticket(
            projects.find(self.id), visible, issue, event, "https://errors.example.com"
        )


@pytest.fixture
def desk(busy: Project, clock: Clock) -> Linked:
    made = Linked(busy.id, clock)
    made.send()
    return made


def test_each_link_is_noted_with_its_ticket_and_person(desk: Linked) -> None:
    first = desk.link(f" {TICKET} ", by=BEN)
    assert (first.tracker_url, first.linked_by, first.notes) == (TICKET, BEN, 1)
    assert desk.issue() == first
    before = rows()
    assert desk.link(by=ANNA) == first
    assert rows() == before
    assert desk.link("none").tracker_url == ""
    noted = [(each.what, each.by, each.detail) for each in desk.activity()]
    assert noted == [("linked", ANNA, "to no ticket"), ("linked", BEN, f"to {TICKET}")]


def test_an_invalid_url_and_a_viewer_change_nothing(desk: Linked) -> None:
    before = rows()
    with pytest.raises(ErrataError, match="This is no URL"):
        desk.link("javascript:alert(1)")
    with pytest.raises(ForbiddenError):
        tickets.link(desk.visible().for_member(EVE, "viewer"), desk.issue().id, TICKET, EVE)
    assert rows() == before


def test_a_link_is_kept_with_new_events_and_for_a_year_after_the_issue_was_closed(
    desk: Linked,
) -> None:
    desk.link()
    desk.send()
    assert (desk.issue().count, desk.issue().tracker_url) == (2, TICKET)
    desk.resolve()
    desk.clock.days(KEPT_DAYS + 300)
    expire(desk.clock)
    desk.send()
    assert (desk.issue().status, desk.issue().tracker_url) == ("regressed", TICKET)


def test_an_interrupted_link_is_complete_or_has_changed_nothing(desk: Linked) -> None:
    desk.assign(BEN)
    desk.clock.advance(1)
    visible, issue_id = desk.visible(), desk.issue().id
    for after in (False, True):
        # The issue, the words by which people find it, and the change.
        for number in (1, 2, 3):
            with fault(number, killed, after=after), pytest.raises(Killed):
                tickets.link(visible, issue_id, TICKET, ANNA)
            done = desk.issue().tracker_url == TICKET
            assert len(desk.activity()) == 1 + done
            assert desk.issue().notes == 1 + done
    assert done


def test_linking_many_issues_to_one_ticket_can_be_undone(desk: Linked) -> None:
    desk.link(f"{TICKET}1")
    desk.send(fingerprint="other")
    change, seen_at = Change(LINK, url=TICKET), desk.clock.ms
    begun = change_issues.begin(desk.visible(), "a" * 32, change, ANNA, seen_at, query="")
    bulk = change_issues.advance(desk.visible(), begun, 0)
    while not bulk.finished:
        bulk = change_issues.advance(desk.visible(), bulk, 0)
    linked = {each.tracker_url for each in issues.list_issues(desk.visible())}
    assert (bulk.counts, linked) == ({"changed": 2}, {TICKET})
    desk.clock.advance(1)
    undo = change_issues.undo(desk.visible(), "a" * 32, "b" * 32, ANNA)
    while not undo.finished:
        undo = change_issues.advance(desk.visible(), undo, 0)
    assert {each.tracker_url for each in issues.list_issues(desk.visible())} == {"", f"{TICKET}1"}


def test_a_person_is_erased_from_a_link_and_its_activity(desk: Linked) -> None:
    desk.link(f"{TICKET}?for=zoe%40example.com")
    for _ in erase.erase(projects.find(desk.id), "zoe@example.com"):
        pass
    assert "zoe" not in str(rows())
    assert desk.issue().tracker_url.startswith(TICKET)


def test_a_new_ticket_has_the_title_and_the_markdown(desk: Linked) -> None:
    stream.put(desk.items)
    with pytest.raises(ErrataError, match="This project has no issue tracker"):
        desk.new_ticket()
    tickets.change_tracker(desk.id, "gitlab:acme/shop")
    long = {"extra": "x" * 7_000, "breadcrumbs": [{"message": "€" * 300}] * 20}
    for more in ({}, long):
        desk.send(**{**sdk_events.PYTHON, **more, "fingerprint": "f"})
        stream.put(desk.items[-1:])
        asked = parse_qs(urlsplit(desk.new_ticket()).query)
        assert asked["issue[title]"] == [desk.issue().title]
        (text,) = asked["issue[description]"]
        assert text.startswith("## `VoucherError: no voucher applies`\nin `shop.cart in apply`\n")
        assert "- issue: `SHOP-1, open`\n" in text
        assert "- event: <https://errors.example.com/projects/1/events/" in text
        assert ("### Breadcrumbs" in text) == (not more)
        assert "raise VoucherError" in text
    viewer = desk.visible().for_member(EVE, "viewer")
    event = issue_events.latest(viewer, desk.issue().id).event
    assert event
    with pytest.raises(ForbiddenError):
        tickets.new_ticket(projects.find(desk.id), viewer, desk.issue(), event, "")
