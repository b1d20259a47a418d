"""Parse terms about assignees: `assigned:me`, `assigned:#web`, `!assigned:*`."""

from collections.abc import Callable

from errata.errors import InvalidQueryError
from errata.models.assignee import email_of, of_member, of_team, team_of
from errata.models.member import Team
from errata.models.visible import Visible
from errata.protocol.query import ME, Term
from errata.usecases.assignees import teams_of


def asked(visible: Visible, term: Term) -> tuple[str, Callable[[str], bool]]:
    """Return how the assignees begin that a term asks for, and a function that tests an assignee.

    Raises:
        InvalidQueryError: there is no such team, or `me` is not a member.
    """
    first = term.pieces[0]
    if first.startswith("#"):
        teams = {of_team(each.id) for each in _teams(visible, term)}
        return of_team(""), teams.__contains__
    if term.exact:
        email = _me(visible, term) if first == ME else first.lower()
        member = of_member(email)
        return f"{member}#", member.__eq__
    # `*` alone means anybody, also a team.
    if not any(term.pieces):
        return "", bool
    pattern = Term(term.key, tuple(each.lower() for each in term.pieces))

    def is_asked(assignee: str) -> bool:
        return not team_of(assignee) and pattern.matches(email_of(assignee)) and bool(assignee)

    return of_member(pattern.pieces[0]), is_asked


def _teams(visible: Visible, term: Term) -> list[Team]:
    pieces = (term.pieces[0].removeprefix("#"), *term.pieces[1:])
    named = Term(term.key, pieces)
    teams = teams_of(visible.organization, visible.now_ms)
    found = [each for each in teams if named.matches(each.name) or pieces == (each.id,)]
    if found or not term.exact:
        return found
    raise _wrong(term, f"There is no team {pieces[0]}.")


def _me(visible: Visible, term: Term) -> str:
    if visible.member:
        return visible.member
    raise _wrong(term, "assigned:me is for members in the dashboard. Write an e-mail address.")


def _wrong(term: Term, message: str) -> InvalidQueryError:
    return InvalidQueryError(message, str(term), 0, len(str(term)))
