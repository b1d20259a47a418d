"""Find out with one read unit whether the page of an issue still shows what is true.

A page has a version: a keyed hash of what it shows. The key is the refresh token of the session,
which no browser has. So a version that matches also says that this session was shown this issue,
and neither the member nor the project is read again.
"""

import hmac
from typing import Any

from errata.models.buckets import HOUR_MS
from errata.models.issue import Issue
from errata.models.member import Session
from errata.models.settled import awake
from errata.models.sketch import estimate
from errata.models.verdict import verdict
from errata.models.visible import Visible, issues_partition
from errata.store.sessions import glance
from errata.usecases import sessions


def version(session: Session, visible: Visible, issue: Issue) -> str:
    """Return the version of a page that shows an issue as it is now."""
    return _version(session, visible.partition, issue, visible.now_ms)


def is_unchanged(
    cookie: str, project_id: str, generation: int, issue_id: str, version: str, now_ms: int
) -> bool:
    """Return whether a page with this version still shows what is true. Makes one call.

    False also if the session has ended or must be renewed: the page then finds that out itself. A
    member who was signed out or removed elsewhere learns only that an issue is as it was.
    """
    user, secret = sessions.split_cookie(cookie)
    if not secret:
        return False
    partition = issues_partition(project_id, generation)
    session, issue = glance(secret, partition, issue_id)
    if session is None or issue is None or not sessions.is_fresh(session, user, now_ms):
        return False
    return hmac.compare_digest(
        version.encode(), _version(session, partition, issue, now_ms).encode()
    )


def _version(session: Session, partition: str, issue: Issue, now_ms: int) -> str:
    judged = verdict(awake(issue, now_ms), (), now_ms)
    shown: tuple[Any, ...] = (
        partition,
        issue.id,
        issue.count,
        issue.last_event,
        issue.status,
        issue.status_at,
        issue.assignee,
        issue.notes,
        estimate(issue.users),
        issue.buckets.last_hour(now_ms),
        issue.buckets.last_day(now_ms),
        judged.sentence,
        judged.detail,
        # The charts change with each hour.
        now_ms // HOUR_MS,
    )
    return hmac.digest(session.refresh_token.encode(), repr(shown).encode(), "sha256").hex()[:32]
