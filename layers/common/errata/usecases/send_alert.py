"""Write an alert from what is stored, and send it to its channel once."""

import json
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import batched, chain, islice
from threading import Lock
from typing import Any

from errata.caches import TTLCache
from errata.config import settings
from errata.errors import StoreError
from errata.models import sketch
from errata.models.alert import (
    ASSIGNED,
    KINDS,
    MAX_LISTED,
    PREFIX,
    REGRESSED,
    RESOLVED,
    TESTED,
    WOKEN,
    Alert,
    BusEvent,
    Mail,
    News,
    Post,
)
from errata.models.event import Stored
from errata.models.ids import now_ms
from errata.models.issue import IGNORED, Issue
from errata.models.member import Reach
from errata.models.merged import members_of, whole
from errata.models.project import Project
from errata.models.slug import short_id
from errata.models.webhook import Message, Webhook
from errata.outbound.guard import ForbiddenUrlError
from errata.outbound.post import PostResponse, post
from errata.protocol.channels import CHANNELS
from errata.protocol.channels.channel import Channel
from errata.protocol.markdown import exceptions_of
from errata.store import alerts, event_bus, mail, projects, webhook_secrets
from errata.usecases import reach

MAX_FRAMES = 3
# Digest stores an issue within seconds after it has queued the message, or queues it again.
NOT_YET_MS = 90_000
NOT_YET_S = 15
# Of one attempt. A function has 30 seconds.
MAX_RECIPIENTS = 100
# The most messages of a roundup that are searched for issues that exist.
_MAX_READ = 200
# A mail server, or AWS, has accepted the message.
ACCEPTED = 202

# The messages of a batch are sent in threads.
_lock = Lock()
_projects = TTLCache[Project | None](max_entries=1_000)
_addresses = TTLCache[str](max_entries=1_000)


@dataclass(frozen=True, slots=True)
class SendResult:
    """The result of sending. `mailed` has hashes of mail addresses that get no second mail.

    `permanent`: another attempt would fail, too. `unfinished`: there are more recipients, who get
    the mail next.
    """

    response: PostResponse | None
    error: str = ""
    mailed: tuple[str, ...] = ()
    permanent: bool = False
    unfinished: bool = False


# ------------------------------------------------------------------ writing


def written(leader: Message, held: Iterable[Message]) -> Alert | None:
    """Return the alert that a message makes, together with those that are held for it.

    Returns None if none of their issues exists, or not yet. Almost always makes at most two calls.
    `held` may have hundreds of thousands: all are counted, but few are kept in memory.
    """
    project = project_of(leader.project_id)
    if project is None:
        return None
    rest = iter(held)
    messages = [leader, *islice(rest, _MAX_READ)]
    kinds: Counter[str] = Counter()
    begun = now_ms()
    for each in chain(messages, rest):
        kinds[each.event.removeprefix(PREFIX)] += 1
        begun = min(begun, json.loads(each.body).get("at", begun))
    root = f"{settings().dashboard_url}/projects/{project.id}"
    if leader.event == f"{PREFIX}{TESTED}":
        found = [_test(project, root)]
    else:
        # A few more than are listed: some issues may be deleted.
        parts = batched(messages, 2 * MAX_LISTED, strict=False)
        found = next(filter(None, (_read(each, project, root) for each in parts)), [])
    if not found:
        return None
    return Alert(
        id=leader.id,
        project=project.name,
        at=now_ms(),
        news=tuple(found[:MAX_LISTED]),
        total=kinds.total(),
        url=f"{root}/issues",
        settings_url=f"{root}/alerts",
        kinds={kind: kinds[kind] for kind in KINDS},
        begun=begun,
    )


def project_of(project_id: str) -> Project | None:
    """Return a project, cached for 30 seconds. None if it does not exist."""
    with _lock:
        return _projects.get(project_id, now_ms(), lambda: projects.find_project(project_id))


def _read(messages: Sequence[Message], project: Project, root: str) -> list[News]:
    bodies = [(each, json.loads(each.body)) for each in messages]
    issues, event = alerts.find_news(
        # The project may have been cleared while the messages were held.
        {(body["partition"], body["issue"]) for _, body in bodies},
        project.id,
        bodies[0][1]["event"] if len(bodies) == 1 else "",
    )
    found = []
    for message, body in bodies:
        issue = issues.get((body["partition"], body["issue"]))
        kind = message.event.removeprefix(PREFIX)
        if issue and _is_stored(kind, issue, body):
            if issue.members and len(bodies) == 1:
                issue = _with_members(body["partition"], issue, project.id)
            news = _news(kind, issue, event, project, root)
            by = body.get("by", issue.assigned_by if kind == ASSIGNED else "")
            reached, whom = body.get("threshold", ""), body.get("whom", "")
            found.append(replace(news, threshold=reached, by=by, to=whom))
    return found


def _with_members(partition: str, head: Issue, project_id: str) -> Issue:
    """Return an issue with the sum of those that are merged into it. Makes one call."""
    found, _ = alerts.find_news([(partition, each) for each in head.members], project_id, "")
    return whole(head, members_of(head, {each.id: each for each in found.values()}))


def _is_stored(kind: str, issue: Issue, body: Mapping[str, Any]) -> bool:
    """Return whether the change that a message reports is stored.

    If a request was interrupted before that, the person repeats it, with a message of its own.
    """
    if kind == RESOLVED:
        same = body.get("status_at", issue.status_at) == issue.status_at
        return same and issue.status == RESOLVED
    if kind == ASSIGNED:
        same = body.get("assigned_at", issue.assigned_at) == issue.assigned_at
        return bool(same and issue.assignee == body.get("assignee", body.get("to")))
    before = {REGRESSED: RESOLVED, WOKEN: IGNORED}.get(kind)
    return issue.status != before or issue.status_at >= body["at"]


def _news(kind: str, issue: Issue, event: Stored | None, project: Project, root: str) -> News:
    frames: list[str] = []
    for exception in exceptions_of(event.fields)[:1] if event else ():
        frames = [
            f"{each.file}:{each.line}" + (f" in {each.function}" if each.function else "")
            for each in exception.frames
            if each.in_app
        ][:MAX_FRAMES]
    fields = event.fields if event else {}
    return News(
        kind=kind,
        issue_id=issue.id,
        short_id=short_id(project.slug, issue.number) or "",
        title=issue.title,
        culprit=issue.culprit,
        level=issue.level,
        environment=str(fields.get("environment") or ""),
        release=str(fields.get("release") or issue.last_release),
        since=issue.first_release,
        first_seen=issue.first_seen,
        count=issue.count,
        users=sketch.estimate(issue.users),
        frames=tuple(frames),
        url=f"{root}/issues/{issue.id}",
    )


def _test(project: Project, root: str) -> News:
    return News(
        TESTED,
        "",
        "",
        "This is a test. It works.",
        culprit=f"sent from the alerts of {project.name}",
        level="info",
        url=f"{root}/alerts",
    )


# ------------------------------------------------------------------ sending


def send(message: Message, channel: Webhook, alert: Alert, mailed: tuple[str, ...]) -> SendResult:
    """Make one attempt to send an alert.

    Raises:
        ForbiddenUrlError, OSError, http.client.HTTPException, StoreError: it was not sent.
    """
    kind = CHANNELS[channel.kind]
    outgoing = kind.write(alert, _address(channel) if kind.secret else channel.url)
    if isinstance(outgoing, BusEvent):
        event_bus.put(outgoing.detail_type, outgoing.detail)
        return SendResult(PostResponse(ACCEPTED, None))
    if isinstance(outgoing, Post):
        return _posted(kind, outgoing)
    project = project_of(message.project_id)
    to = reach.addresses(message, channel, alert, project) if project else []
    seeing = {each.email for each in reach.seeing(project)} if project else set()
    own = reach.of(message, project)
    if to and own.kind:
        sent = _to_own(to[0], own, alert)
        if not sent.permanent:
            return sent
        complaint = f"{CHANNELS[own.kind].label}: {sent.error}. Mailed instead."[:300]
        return replace(_mail(outgoing, to, seeing, mailed), error=complaint)
    return _mail(outgoing, to, seeing, mailed)


def _to_own(email: str, own: Reach, alert: Alert) -> SendResult:
    """Send an alert to a member's own channel. `permanent` says that the channel refuses it."""
    kind = CHANNELS[own.kind]
    try:
        outgoing = kind.write(alert, reach.address_of(email, own))
        assert isinstance(outgoing, Post)
        sent = _posted(kind, outgoing)
    except StoreError as error:
        if error.code != "ParameterNotFound":
            raise
        return SendResult(None, "it was removed", permanent=True)
    except ForbiddenUrlError as error:
        return SendResult(None, str(error), permanent=True)
    status = sent.response.status if sent.response else 0
    if 300 <= status < 500 and status != 429:
        return SendResult(sent.response, f"{status} {sent.error}".strip(), permanent=True)
    return sent


def _posted(kind: Channel, outgoing: Post) -> SendResult:
    response = post(
        outgoing.url,
        outgoing.body,
        {"Content-Type": "application/json", "User-Agent": "Errata"},
        allow_loopback=settings().webhooks_to_loopback,
        reads_refusal=True,
    )
    asked = kind.wants_to_wait(response.refusal) if response.status == 429 else 0
    if asked > _seconds(response.retry_after):
        response = PostResponse(
            response.status, str(-(-int(asked * 1000) // 1000)), response.refusal
        )
    return SendResult(response, _refusal_text(response.refusal))


def _seconds(retry_after: str | None) -> int:
    text = (retry_after or "").strip()[:6]
    return int(text) if text.isascii() and text.isdecimal() else 0


def _refusal_text(refusal: bytes) -> str:
    text = refusal.decode("utf-8", "replace")
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())[:200]


def _address(channel: Webhook) -> str:
    key = f"{channel.project_id} {channel.id} {channel.rotated_at}"
    with _lock:
        return _addresses.get(
            key,
            now_ms(),
            lambda: webhook_secrets.find_secrets(channel.project_id, channel.id).current,
        )


def _mail(
    outgoing: Mail, recipients: Sequence[str], seeing: Collection[str], mailed: tuple[str, ...]
) -> SendResult:
    """Mail each recipient who has not got this mail before. `seeing` has addresses of members.

    Others must have confirmed their address, so that nobody can make Errata mail a stranger.
    """
    accepted = set(mailed)
    refused: list[str] = []
    again = False
    left = [each for each in recipients if reach.hashed(each) not in accepted]
    unfinished = len(left) > MAX_RECIPIENTS
    for each in left[:MAX_RECIPIENTS]:
        try:
            mail.send_alert(each, outgoing, is_member=each.lower() in seeing)
            accepted.add(reach.hashed(each))
        except StoreError as error:
            refused.append(f"{each}: {error.code or 'no response'}")
            later = not error.code or "Thrott" in error.code or "TooMany" in error.code
            again = again or later
            if unfinished and not later:
                accepted.add(reach.hashed(each))  # otherwise it is tried again, before the others
            if not error.code:  # each further call would wait for seconds, too
                break
            time.sleep(0.05)
    complaint = "; ".join(refused)[:300]
    if not recipients:
        return SendResult(PostResponse(ACCEPTED, None), "Nobody wants this mail.")
    if again or (refused and not accepted):
        return SendResult(None, complaint, tuple(sorted(accepted)), permanent=not again)
    sent = PostResponse(ACCEPTED, None)
    return SendResult(sent, complaint, tuple(sorted(accepted)), unfinished=unfinished)


def clear_cache() -> None:
    """Drop the cached projects, addresses and members."""
    _projects.clear()
    _addresses.clear()
    reach.clear_cache()
