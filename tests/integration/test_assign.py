"""Issues are assigned to members and teams, found by that, and keep it."""

import time
from typing import Any

import pytest

from errata.errors import ErrataError, ForbiddenError, InvalidQueryError, MeanwhileError
from errata.models.issue import MAX_NOTES, Issue
from errata.models.issue_change import ASSIGN, BulkChange, Change
from errata.models.visible import Visible
from errata.protocol.issues import read_query
from errata.usecases import assign, assignees, change_issues, issues, members, projects
from tests.integration.test_digest_expiry import expire
from tests.integration.test_lifecycle import KEPT_DAYS, Shop
from tests.support.account import Clock, Project, rows
from tests.support.calls import Call, Killed, atomic, fault, killed, recorded, watched
from tests.support.visible import visible_in

ANNA, BEN, EVE, IRIS = (f"{each}@example.com" for each in ("anna", "ben", "eve", "iris"))
NOT_HERE = "zoe@example.com"


class Desk(Shop):
    """A project with members: Anna owns, Ben and Iris see it by a team, Eve views, Zoe is gone."""

    def __init__(self, project_id: str, clock: Clock) -> None:
        super().__init__(project_id, clock)
        self.team = members.create_team("default", "web").id
        members.set_project_teams(project_id, [self.team])
        members.add("default", ANNA, "owner")
        members.add("default", BEN, "member", [self.team])
        members.add("default", IRIS, "member")
        members.add("default", EVE, "viewer", [self.team])

    def visible(self, email: str = ANNA) -> Visible:
        return visible_in(self.id, self.clock.ms).for_member(email, "member")

    def assign(self, to: str, by: str = ANNA, was: str | None = None) -> Issue:
        self.clock.advance(1)
        visible = self.visible(by)
        found = assignees.parse(projects.find(self.id), visible, to)
        return assign.assign(visible, self.issue().id, found, by, was)

    def found(self, query: str, by: str = ANNA) -> int:
        return len(issues.search(self.visible(by), read_query(query)).issues)


@pytest.fixture
def desk(busy: Project, clock: Clock) -> Desk:
    made = Desk(busy.id, clock)
    made.send()
    return made


def test_each_assignment_is_noted_with_its_assignee_and_person(desk: Desk) -> None:
    assert desk.issue().assignee == ""
    first = desk.assign("me", by=BEN)
    assert (first.assignee, first.assigned_by) == (f"member:{BEN}", BEN)
    assert desk.issue() == first
    before = rows()
    assert desk.assign(BEN.upper(), by=ANNA) == first
    assert rows() == before
    assert desk.assign("#web").assignee == desk.assign(f"#{desk.team}").assignee
    assert desk.assign("nobody").assignee == ""
    noted = [(each.what, each.by, each.detail) for each in desk.activity()]
    assert noted == [
        ("assigned", ANNA, "to nobody"),
        ("assigned", ANNA, "to #web"),
        ("assigned", BEN, f"to {BEN}"),
    ]


@pytest.mark.parametrize(
    ("to", "says"),
    [
        (NOT_HERE, "zoe@example.com is not a member of the organization."),
        (IRIS, "iris@example.com does not see this project."),
        (EVE, "eve@example.com is a viewer"),
        ("#ops", "There is no team ops in the organization."),
        ("ben", "'ben' is not an e-mail address"),
    ],
)
def test_only_assignees_who_can_settle_the_issue_are_accepted(
    desk: Desk, to: str, says: str
) -> None:
    with pytest.raises(ErrataError) as refused:
        desk.assign(to)
    assert says in str(refused.value)
    assert desk.issue().assignee == ""


def test_a_viewer_cannot_assign_an_issue(desk: Desk) -> None:
    viewer = desk.visible().for_member(EVE, "viewer")
    with pytest.raises(ForbiddenError):
        assign.assign(viewer, desk.issue().id, None, EVE)


def test_the_second_of_two_assignments_at_once_is_refused_and_names_the_first(desk: Desk) -> None:
    desk.assign(BEN, by=BEN, was="")
    with pytest.raises(MeanwhileError, match=f"{BEN} has assigned this issue to {BEN} meanwhile"):
        desk.assign("#web", was="")
    assert desk.issue().assignee == f"member:{BEN}"
    # It is what they wanted anyway.
    assert desk.assign(BEN, was="").assignee == f"member:{BEN}"


def test_an_issue_takes_a_limited_number_of_notes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issues, "MAX_NOTES", 2)
    assert MAX_NOTES == 500
    desk.assign(BEN)
    desk.assign(ANNA)
    with pytest.raises(ErrataError, match="This issue has 2 comments, assignments and links"):
        desk.assign(BEN)


@pytest.mark.parametrize("notes", [0, 1])
def test_notes_are_read_and_renewed_with_the_other_rows_of_an_issue(desk: Desk, notes: int) -> None:
    if notes:
        desk.assign(BEN)
    queries = 0
    for _ in range(10):
        desk.clock.days(1)
        with recorded() as calls:
            desk.send()
        queries += [call.operation for call in calls].count("Query")
        expire(desk.clock)
    # Once in eight days, and only if there are any.
    assert queries == len(desk.activity()) == notes


def test_digest_and_people_do_not_overwrite_each_other(desk: Desk) -> None:
    turns = iter((BEN, "nobody", "#web"))
    writing: list[int] = []

    def interleave(call: Call) -> Any:
        # Somebody assigns the issue after digest has read it, and before digest writes it.
        if call.operation in ("PutItem", "TransactWriteItems") and not writing:
            writing.append(1)
            desk.assign(next(turns))
        return call.send()

    with atomic(), watched(interleave):
        for count in (2, 3, 4):
            writing.clear()
            desk.send()
            assert desk.issue().count == count
    assert desk.issue().assignee == f"team:{desk.team}"
    assert len(desk.activity()) == 3


def test_an_interrupted_assignment_is_complete_or_has_changed_nothing(desk: Desk) -> None:
    desk.assign(BEN)
    visible, issue_id = desk.visible(), desk.issue().id
    web = assignees.parse(projects.find(desk.id), visible, "#web")
    for after in (False, True):
        # The issue, the name of the team, the words by which people find it, and the change.
        for number in (1, 2, 3, 4):
            assignees.clear_cache()
            with fault(number, killed, after=after), pytest.raises(Killed):
                assign.assign(visible, issue_id, web, ANNA)
            done = desk.issue().assignee != f"member:{BEN}"
            assert desk.found("assigned:#web") == done
            assert desk.found(f"assigned:{BEN}") == (not done)
            assert len(desk.activity()) == 1 + done
    assert done


def test_an_assignee_is_kept_when_the_issue_regresses(desk: Desk) -> None:
    desk.assign(BEN)
    desk.resolve()
    desk.send()
    assert (desk.issue().status, desk.issue().assignee) == ("regressed", f"member:{BEN}")
    desk.assign("#web")
    assert desk.issue().status == "regressed"
    assert not [each for each in rows()["ISSUES_TABLE"] if "closed#" in str(each)]


def test_an_assignee_is_kept_for_a_year_after_the_issue_was_closed(desk: Desk) -> None:
    desk.resolve()
    desk.assign("#web")
    desk.clock.days(KEPT_DAYS + 300)
    expire(desk.clock)
    desk.send()
    issue = desk.issue()
    assert (issue.status, issue.assignee) == ("regressed", f"team:{desk.team}")
    assert desk.found("assigned:#web") == 1
    # An issue that was open begins again, without an assignee and without its row.
    desk.clock.days(KEPT_DAYS + 1)
    desk.send()
    assert desk.issue().assignee == ""
    assert desk.found("assigned:*") == 0


def test_an_assignment_is_found_and_noted_as_long_as_the_issue_has_events(desk: Desk) -> None:
    desk.assign(BEN)
    for _ in range(20):
        desk.clock.days(KEPT_DAYS - 1)
        desk.send()
        expire(desk.clock)
        assert desk.found(f"assigned:{BEN}") == 1
        assert [each.what for each in desk.activity()] == ["assigned"]


SEARCHES = [
    ("assigned:me", ANNA, {0}),
    ("assigned:me", BEN, {1, 2}),
    ("assigned:BEN@example.com", ANNA, {1, 2}),
    ("assigned:#web", ANNA, {3}),
    ("assigned:#w*", ANNA, {3}),
    ("assigned:#o*", ANNA, set()),
    ("assigned:*", ANNA, {0, 1, 2, 3}),
    ("assigned:b*@example.com", ANNA, {1, 2}),
    ("is:assigned", ANNA, {0, 1, 2, 3}),
    ("!assigned:*", ANNA, {4}),
    ("is:unassigned", ANNA, {4}),
    ("!assigned:me", BEN, {0, 3, 4}),
    ("assigned:me is:resolved", BEN, {2}),
    ("assigned:* !assigned:#web", ANNA, {0, 1, 2}),
    (f"assigned:me assigned:{ANNA}", BEN, set()),
    ("assigned:me boom-1", BEN, {1}),
]


def test_issues_are_found_by_their_assignee(desk: Desk) -> None:
    for number, to in enumerate((ANNA, BEN, BEN, "#web", "nobody")):
        desk.send(fingerprint=str(number), message=f"boom-{number}")
        (made,) = issues.search(desk.visible(), read_query(f"boom-{number}")).issues
        found = assignees.parse(projects.find(desk.id), desk.visible(), to)
        # First to another member, whose row must not be left.
        other = assignees.parse(projects.find(desk.id), desk.visible(), BEN)
        assign.assign(desk.visible(), made.id, other, ANNA)
        desk.clock.advance(1)
        assign.assign(desk.visible(), made.id, found, ANNA)
        if number == 2:
            issues.resolve(desk.visible(), made.id, BEN)
    first = next(each for each in issues.list_issues(desk.visible()) if each.fingerprint == "f")
    issues.delete(visible_in(desk.id, desk.clock.ms), first.id, ANNA)
    for query, by, expected in SEARCHES:
        for sort in ("last_seen", "first_seen"):
            asked = read_query(query, sort)
            named = {each.fingerprint for each in issues.search(desk.visible(by), asked).issues}
            assert named == set(map(str, expected)), (query, by, sort)
    with pytest.raises(InvalidQueryError, match="There is no team ops"):
        desk.found("assigned:#ops")
    with pytest.raises(InvalidQueryError, match="is for members in the dashboard"):
        issues.search(visible_in(desk.id), read_query("assigned:me"))


def test_a_bulk_assignment_can_be_undone(desk: Desk) -> None:
    desk.assign(BEN)
    for name in ("a", "b", "c", "d"):
        desk.send(fingerprint=name)
    ids = {each.fingerprint: each.id for each in issues.list_issues(desk.visible())}
    visible = desk.visible()
    assign.assign(visible, ids["b"], assignees.parse(projects.find(desk.id), visible, "#web"), BEN)

    def state() -> dict[str, str]:
        return {each.fingerprint: each.assignee for each in issues.list_issues(desk.visible())}

    def finished(bulk: BulkChange) -> BulkChange:
        while not bulk.finished:
            bulk = change_issues.advance(desk.visible(), bulk, time.monotonic())
        return bulk

    before = state()
    seen_at = desk.clock.ms
    desk.clock.advance(1)
    # After the person saw the list, so this one is left alone.
    anna = assignees.parse(projects.find(desk.id), visible, ANNA)
    assign.assign(desk.visible(), ids["f"], anna, BEN)
    desk.clock.advance(1)
    change = Change(ASSIGN, to=f"team:{desk.team}")
    bulk = finished(
        change_issues.begin(desk.visible(), "a" * 32, change, ANNA, seen_at, query="is:open")
    )
    assert bulk.counts == {"changed": 3, "already": 1, "meanwhile": 1}
    assert desk.found("assigned:#web") == 4
    assert state()["f"] == f"member:{ANNA}"
    desk.clock.advance(1)
    undone = finished(change_issues.undo(desk.visible(), bulk.id, "b" * 32, ANNA))
    assert undone.counts == {"changed": 3}
    assert state() == before | {"f": f"member:{ANNA}"}
    assert [each.detail for each in issues.list_activity(desk.visible(), ids["a"])] == [
        "to nobody",
        "to #web",
    ]
    assert desk.found("assigned:#web") == 1


def test_an_assignee_is_kept_when_the_member_or_the_team_is_removed(desk: Desk) -> None:
    def now() -> tuple[str, bool]:
        assignees.clear_cache()
        assignee = desk.issue().assignee
        who = assignees.shown("default", [assignee], desk.clock.ms)[assignee]
        return who.called, who.gone

    desk.assign(BEN)
    assert now() == (BEN, False)
    members.remove("default", BEN)
    assert now() == (BEN, True)
    # So the issues of a former member are found, and can be assigned again.
    assert desk.found(f"assigned:{BEN}") == 1
    desk.assign("#web")
    members.rename_team("default", desk.team, "shop")
    assert now() == ("#shop", False)
    members.delete_team("default", desk.team)
    assert now() == (f"#{desk.team}", True)
    assert [each.detail for each in desk.activity()] == ["to #web", f"to {BEN}"]
    assert desk.assign(ANNA).assignee == f"member:{ANNA}"
