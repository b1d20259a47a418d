"""Comments on issues: none is stored twice, lost, or changed by somebody else."""

import pytest

from errata.errors import ErrataError, ForbiddenError, MeanwhileError, NotFoundError
from errata.models.issue import Activity
from errata.models.member import Role
from errata.usecases import comments, erase, issues, members, projects, scrubbing_rules
from tests.integration.test_assign import ANNA, BEN, EVE, Desk
from tests.integration.test_digest_expiry import expire
from tests.integration.test_lifecycle import KEPT_DAYS
from tests.support.account import Clock, Project, rows
from tests.support.calls import Killed, atomic, fault, killed, recorded
from tests.support.scenarios import at_once

TOKENS = (f"{n:016x}" for n in range(10**6))


class Room(Desk):
    """A project whose members talk about its only issue."""

    def say(self, text: str, by: str = ANNA, token: str = "") -> Activity:
        self.clock.advance(1)
        found, visible = projects.find(self.id), self.visible(by)
        return comments.add(found, visible, self.issue().id, text, by, token or next(TOKENS))

    def edit(self, note: Activity, text: str, by: str = ANNA, seen: int | None = None) -> Activity:
        self.clock.advance(1)
        found, visible, issue_id = projects.find(self.id), self.visible(by), self.issue().id
        at = note.edited_at if seen is None else seen
        return comments.edit(found, visible, issue_id, note.at, text, by, at)

    def remove(self, note: Activity, by: str, role: Role = "member") -> None:
        visible = self.visible().for_member(by, role)
        comments.remove(visible, self.issue().id, note.at, by)


@pytest.fixture
def room(busy: Project, clock: Clock) -> Room:
    made = Room(busy.id, clock)
    made.send()
    return made


def test_comments_edits_and_deletions_are_in_the_activity(room: Room) -> None:
    first = room.say("  Guests have no address.\r\nRolling back.  ")
    assert first.text == "Guests have no address.\nRolling back."
    room.resolve()
    second = room.say("Done. @ben, @eve and @zoe: look. mail@ben.io", by=BEN)
    # Eve is a viewer, and sees it. Nobody is called Zoe.
    assert second.mentions == (BEN, EVE)
    assert room.activity()[::2] == [second, first]
    assert room.issue().notes == 2
    edited = room.edit(first, "Guests have *no* address. @anna@example.com")
    assert room.activity()[-1] == edited
    assert (edited.at, edited.mentions) == (first.at, (ANNA,))
    room.remove(second, BEN)
    (gone, *_) = room.activity()
    assert (gone.text, gone.mentions, gone.deleted_by) == ("", (), BEN)
    with pytest.raises(NotFoundError):
        room.edit(second, "again", by=BEN)


def test_secrets_in_comments_are_replaced_as_in_events(room: Room) -> None:
    token = f"ghp_{'x1' * 18}"
    note = room.say(f"It works with {token}, @ben.")
    assert (note.text, note.mentions) == ("It works with [Filtered], @ben.", (BEN,))
    edited = room.edit(note, "password: hunter2")
    assert edited.text == "password: [Filtered]"
    assert "ghp_" not in str(rows())
    assert "hunter2" not in str(rows())
    projects.change_scrubbing(room.id, False, None)
    assert room.say(token).text == token
    projects.change_scrubbing(room.id, True, None)
    scrubbing_rules.set_of_project(room.id, "pattern: EMP-[0-9]+")
    assert room.say("EMP-12 called.").text == "[Filtered] called."


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (" \n ", "The comment is empty."),
        ("\U0001f4a5" * 6_000, "The comment has 24,000 bytes. At most 20,000 are allowed."),
        ("x" * 10_001, "The comment has 10,001 characters. At most 10,000 are allowed."),
    ],
)
def test_an_empty_or_too_long_comment_is_refused(room: Room, text: str, says: str) -> None:
    with pytest.raises(ErrataError) as refused:
        room.say(text)
    assert str(refused.value) == says
    assert room.activity() == []


def test_a_form_that_is_sent_twice_is_one_comment(room: Room) -> None:
    room.say("once", token="a" * 16)
    room.say("once", token="a" * 16)
    with atomic():
        found, visible, issue_id = projects.find(room.id), room.visible(), room.issue().id
        at_once(
            lambda _: comments.add(found, visible, issue_id, "at once", ANNA, "b" * 16), range(2)
        )
    assert [each.text for each in room.activity()] == ["at once", "once"]
    assert room.issue().notes == 2


def test_comments_that_are_written_at_once_are_all_kept(room: Room) -> None:
    with atomic():
        found, visible, issue_id = projects.find(room.id), room.visible(), room.issue().id

        def say(n: int) -> None:
            comments.add(found, visible, issue_id, f"{n}", ANNA, f"{n:016x}")

        at_once(say, range(3))
        room.send()
    assert {each.text for each in room.activity()} == {f"{n}" for n in range(3)}
    assert (room.issue().notes, room.issue().count) == (3, 2)


def test_an_interrupted_comment_is_stored_and_counted_or_neither(room: Room) -> None:
    found, visible, issue_id = projects.find(room.id), room.visible(), room.issue().id
    for after in (False, True):
        for number in (1, 2):
            with fault(number, killed, after=after), pytest.raises(Killed):
                comments.add(found, visible, issue_id, "hi", ANNA, "c" * 16)
            assert room.issue().notes == len(room.activity())
    comments.add(found, visible, issue_id, "hi", ANNA, "c" * 16)
    assert [each.text for each in room.activity()] == ["hi"]


def test_only_the_author_edits_a_comment_and_only_its_current_version(room: Room) -> None:
    note = room.say("one")
    with pytest.raises(ForbiddenError, match=f"This comment is by {ANNA}"):
        room.edit(note, "two", by=BEN)
    room.edit(note, "two")
    with pytest.raises(MeanwhileError, match="has changed this comment meanwhile"):
        room.edit(note, "three")
    assert room.activity()[0].text == "two"
    with pytest.raises(ForbiddenError, match="Only they, owners and admins can delete it"):
        room.remove(note, BEN)
    room.remove(note, BEN, role="admin")
    assert (room.activity()[0].deleted_by, room.activity()[0].by) == (BEN, ANNA)


def test_a_viewer_cannot_add_edit_or_delete_comments(room: Room) -> None:
    note = room.say("one", by=EVE)  # as a member
    viewer = room.visible().for_member(EVE, "viewer")
    found, issue_id = projects.find(room.id), room.issue().id
    for refused in (
        lambda: comments.add(found, viewer, issue_id, "no", EVE, "d" * 16),
        lambda: comments.edit(found, viewer, issue_id, note.at, "no", EVE, 0),
        lambda: comments.remove(viewer, issue_id, note.at, EVE),
    ):
        with pytest.raises(ForbiddenError):
            refused()


def test_an_issue_takes_a_limited_number_of_comments(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issues, "MAX_NOTES", 2)
    room.say("one")
    room.assign(BEN)
    with pytest.raises(ErrataError, match="This issue has 2 comments, assignments and links"):
        room.say("three")


def test_activity_is_read_in_pages(room: Room) -> None:
    for n in range(45):
        room.say(f"{n}")
    seen, before = [], 0
    while True:
        visible, issue_id = room.visible(), room.issue().id
        with recorded() as calls:
            found = comments.page(visible, issue_id, before)
        assert len(calls) == 2
        seen += [each.text for each in found.entries]
        if not found.older:
            break
        before = found.older
    assert seen == [f"{n}" for n in range(44, -1, -1)]


def test_comments_are_kept_as_long_as_the_issue_and_deleted_with_it(room: Room) -> None:
    room.say("one")
    for _ in range(8):
        room.clock.days(KEPT_DAYS - 1)
        room.send()
        expire(room.clock)
        assert [each.text for each in room.activity()] == ["one"]
    issues.delete(room.visible().for_member(ANNA, "owner"), room.issue().id, ANNA)
    assert not [each for each in rows()["ISSUES_TABLE"] if "one" in str(each)]


def test_an_erasure_replaces_the_person_in_comments(room: Room) -> None:
    room.say("**carol@example.net** called. @ben", by=BEN)
    for _ in erase.erase(projects.find(room.id), "carol@example.net"):
        pass
    (note,) = room.activity()
    assert (note.text, note.by, note.mentions) == ("**[Erased]** called. @ben", BEN, (BEN,))


def test_a_member_who_does_not_see_the_project_is_not_mentioned(room: Room) -> None:
    assert room.say("@iris @iris@example.com").mentions == ()
    members.change("default", "iris@example.com", teams=[room.team])
    assert room.say("@iris").mentions == ("iris@example.com",)
