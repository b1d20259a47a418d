"""Comment on issues, and read their activity."""

import re
import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from errata.errors import (
    ForbiddenError,
    InvalidInputError,
    MeanwhileError,
    NotFoundError,
    UnavailableError,
)
from errata.models.event import Fields
from errata.models.issue import COMMENTED, Activity, Issue
from errata.models.project import Project
from errata.models.visible import Visible
from errata.scrubbing import FILTERED
from errata.store import comments as store
from errata.store import issue_status
from errata.store.members import list_members
from errata.store.retry import attempts
from errata.usecases import issues, notify, projects, rights, scrub
from errata.usecases.access import operator_scrubbing
from errata.usecases.merged import check_not_merged

MAX_TEXT = 10_000  # characters
# In UTF-8. A form with it, encoded for a URL, stays below the limit of forms.
MAX_BYTES = 20_000
ENTRIES_A_PAGE = 20
_MAX_MENTIONS = 20
_TRIES = 12
# `@ada`, `@ada@example.com`
MENTION = re.compile(r"(?<![\w@])@([A-Za-z0-9][\w.%+-]{0,63}(?:@[A-Za-z0-9][A-Za-z0-9.-]{0,189})?)")


@dataclass(frozen=True, slots=True)
class ActivityPage:
    """A page of an issue's activity, latest first. The next page is before `older`; 0: none."""

    issue: Issue
    entries: list[Activity]
    older: int


def page(visible: Visible, issue_id: str, before: int = 0) -> ActivityPage:
    """Return a page of an issue's activity before a time in milliseconds, or the latest.

    Raises:
        NotFoundError: there is no such issue.
    """
    issue = issues.find(visible, issue_id)
    found = issue_status.list_activity(visible, issue_id, ENTRIES_A_PAGE + 1, before)
    shown = found[:ENTRIES_A_PAGE]
    return ActivityPage(issue, shown, shown[-1].at if len(found) > ENTRIES_A_PAGE else 0)


def add(
    project: Project, visible: Visible, issue_id: str, text: str, by: str, token: str
) -> Activity:
    """Add a comment to an issue. `token` is random: two calls with the same one add one comment.

    `text` is Markdown; secrets in it are replaced. `by` is an e-mail address or `errata CLI`.

    Raises:
        ForbiddenError: the role in `visible` may not do this.
        InvalidInputError: the text is empty or too long, or the issue has too many notes.
        NotFoundError: there is no such issue.
        UnavailableError: there was a conflict on every try.
    """
    rights.check(visible, "settle")
    text = _checked(text)
    mentions = _mentions(project, text)
    text = _scrubbed(project, text)
    note = Activity(0, COMMENTED, by[: issues.MAX_BY], text=text, mentions=mentions)
    for tried, _ in enumerate(attempts(_TRIES)):
        issue = issues.find(visible, issue_id)
        check_not_merged(visible, issue)
        issues.check_note_limit(issue)
        # Another note may have the same millisecond, so each retry takes a random one nearby.
        note = replace(note, at=visible.now_ms + secrets.randbelow(1 + 20 * tried))
        # Before it is stored: if this is interrupted, nobody misses the mail.
        pk = visible.partition
        notify.mentioned(pk, project.id, issue.id, note.mentions, by, token)
        try:
            if store.add(visible.partition, issue, note, token):
                return note
        except store.SaidBeforeError:
            return note
    raise UnavailableError


def find(visible: Visible, issue_id: str, at: int) -> Activity:
    """Return a comment by its time, which is its id.

    Raises:
        NotFoundError: there is no such comment, or it was deleted.
    """
    found = store.find(visible.partition, issue_id, at)
    if found is None or found.what != COMMENTED or found.deleted_by:
        raise NotFoundError("There is no such comment. Somebody may have deleted it.")
    return found


def edit(
    project: Project, visible: Visible, issue_id: str, at: int, text: str, by: str, edited_at: int
) -> Activity:
    """Change the text of one's own comment. `edited_at` is that of the comment as it was seen.

    Raises:
        ForbiddenError: the comment is somebody else's, or the role may not do this.
        InvalidInputError: the text is empty or too long.
        MeanwhileError: the comment was changed meanwhile.
        NotFoundError: as `find`.
    """
    rights.check(visible, "settle")
    text = _checked(text)
    before = find(visible, issue_id, at)
    if before.by != by:
        raise ForbiddenError(f"This comment is by {before.by}. You can change only your own.")
    if before.text == text:
        return before
    mentions = _mentions(project, text)
    text = _scrubbed(project, text)
    edited = max(visible.now_ms, before.edited_at + 1)
    after = replace(before, text=text, mentions=mentions, edited_at=edited)
    same = before.edited_at == edited_at
    new = set(mentions) - set(before.mentions)
    if same:
        version = f"{at} {edited}"
        notify.mentioned(visible.partition, project.id, issue_id, sorted(new), by, version)
    if not same or not store.edit(visible.partition, issue_id, before, after):
        raise MeanwhileError(
            f"{before.by} has changed this comment meanwhile, in another window. Nothing was"
            " changed. Look, then try again."
        )
    return after


def remove(visible: Visible, issue_id: str, at: int, by: str) -> None:
    """Delete one's own comment. Owners, admins and operators may delete any. Activity says who.

    Raises:
        ForbiddenError: the comment is somebody else's, or the role may not do this.
        NotFoundError: as `find`.
        UnavailableError: there was a conflict on every try.
    """
    rights.check(visible, "settle")
    for _ in attempts(issues.TRIES):
        before = find(visible, issue_id, at)
        if not may_remove(visible, before, by):
            raise ForbiddenError(
                f"This comment is by {before.by}. Only they, owners and admins can delete it."
            )
        if store.remove(visible.partition, issue_id, before, by[: issues.MAX_BY]):
            return
    raise UnavailableError


def may_remove(visible: Visible, comment: Activity, by: str) -> bool:
    """Return whether somebody may delete a comment."""
    return comment.by == by or visible.role in (None, "owner", "admin")


def _checked(text: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise InvalidInputError({"text": ["The comment is empty."]})
    if len(text) > MAX_TEXT:
        complaint = f"The comment has {len(text):,} characters. At most {MAX_TEXT:,} are allowed."
        raise InvalidInputError({"text": [complaint]})
    # DynamoDB stores no lone surrogates.
    stored = text.encode("utf-8", "replace")
    if len(stored) > MAX_BYTES:
        complaint = f"The comment has {len(stored):,} bytes. At most {MAX_BYTES:,} are allowed."
        raise InvalidInputError({"text": [complaint]})
    return stored.decode()


def is_scrubbed(comment: Activity) -> bool:
    """Return whether secrets in a comment were replaced."""
    return FILTERED in comment.text


def _scrubbed(project: Project, text: str) -> str:
    """Return a text without secrets. The project's settings for event messages apply."""
    access = replace(projects.operator_access(project), **operator_scrubbing(project))
    fields: Fields = {"message": text}
    scrub.scrub_sdk_event(fields, None, access)
    # A rule may remove the field.
    return str(fields.get("message") or FILTERED)


# ------------------------------------------------------------------ mentions


def _mentions(project: Project, text: str) -> tuple[str, ...]:
    """Return the members that a text mentions, as `@ada` or `@ada@example.com`."""
    names = names_in(text)
    if not names or project.unclaimed:
        return ()
    asked = [each.email for each in list_members(project.organization) if each.sees(project)]
    return tuple(sorted(named(names, asked)))[:_MAX_MENTIONS]


def named(names: Collection[str], emails: Iterable[str]) -> set[str]:
    """Return the e-mail addresses that names stand for. Takes linear time: both may be many."""
    of: dict[str, list[str]] = defaultdict(list)
    for email in emails:
        for name in {email, email.partition("@")[0]}.intersection(names):
            of[name].append(email)
    return {_only(found) for found in of.values()} - {""}


def names_in(text: str) -> set[str]:
    """Return what follows the `@` of possible mentions, in lower case."""
    return {found[1].rstrip(".-").lower() for found in MENTION.finditer(text)}


def mention_of(name: str, mentions: Iterable[str]) -> str:
    """Return which of these e-mail addresses a name stands for, "" for none."""
    return _only([each for each in mentions if name in (each, each.partition("@")[0])])


def _only(found: list[str]) -> str:
    return found[0] if len(found) == 1 else ""
