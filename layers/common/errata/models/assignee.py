"""Who works on an issue: a member, a team, or nobody.

An assignee is a text: `member:ada@example.com`, `team:1f2e3d4c`, or "" for nobody. It stays when
the member leaves the organization or the team is deleted, because it says whom to ask. A person
must assign the issue again (docs/decisions/0054-assignees.md).
"""

from dataclasses import dataclass

NOBODY = ""
_MEMBER, _TEAM = "member:", "team:"


def of_member(email: str) -> str:
    """Return the assignee that is a member."""
    return f"{_MEMBER}{email}"


def of_team(team_id: str) -> str:
    """Return the assignee that is a team."""
    return f"{_TEAM}{team_id}"


def email_of(assignee: str) -> str:
    """Return the e-mail address of an assignee, "" if it is not a member."""
    return assignee.removeprefix(_MEMBER) if assignee.startswith(_MEMBER) else ""


def team_of(assignee: str) -> str:
    """Return the id of an assigned team, "" if the assignee is not a team."""
    return assignee.removeprefix(_TEAM) if assignee.startswith(_TEAM) else ""


@dataclass(frozen=True, slots=True)
class Assigned:
    """An assignee as people see it.

    Attributes:
        assignee: as it is stored. Not "".
        name: an e-mail address, or the name of a team.
        gone: whether the member has left the organization, or the team was deleted.
    """

    assignee: str
    name: str
    gone: bool = False

    @property
    def is_team(self) -> bool:
        """Whether it is a team."""
        return bool(team_of(self.assignee))

    @property
    def called(self) -> str:
        """What people write for it: an e-mail address, or `#team`."""
        return f"#{self.name}" if self.is_team else self.name

    @property
    def initials(self) -> str:
        """Two letters that stand for it: `AD` for a member, `we` for a team."""
        letters = [each for each in self.name.partition("@")[0] if each.isalnum()][:2]
        short = "".join(letters) or "?"
        return short.lower() if self.is_team else short.upper()
