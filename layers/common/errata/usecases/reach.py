"""Whom messages to the members of a project reach, and how each of them wants to be told.

A member with quiet hours, or with a channel of their own, gets messages of their own. These are
queued when a message to all of them arrives.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from threading import Lock
from typing import Any

from errata.caches import TTLCache
from errata.models.alert import MEMBERS, PREFIX, TESTED, Alert
from errata.models.assignee import email_of, of_member, team_of
from errata.models.ids import now_ms
from errata.models.member import Member, Reach
from errata.models.project import Project
from errata.models.webhook import Message, Webhook
from errata.store import members, webhook_secrets

# What a member has changed is known everywhere after this time: the cache keeps 30 seconds.
KNOWN_AFTER_MS = 60_000
_lock = Lock()
_members_of = TTLCache[list[Member]](max_entries=1_000)
_addresses = TTLCache[str](max_entries=1_000)


def parted(message: Message, project: Project | None) -> list[Message]:
    """Return a message for each member who gets their own, instead of one to several members.

    A second call returns the same message ids.
    """
    body = json.loads(message.body)
    if message.webhook_id != MEMBERS or project is None or email_of(body.get("to", "")):
        return []
    found = []
    for each in _meant(project, body):
        if not _is_apart(each.reach, body["at"]) or _wants_none(each, {_kind(message)}):
            continue
        own = body | {"to": of_member(each.email), "assignee": body.get("to", "")}
        name = hashlib.blake2s(f"{message.id}\0{each.email}".encode(), digest_size=16)
        parts = {"id": f"msg_{name.hexdigest()}", "body": json.dumps(own)}
        found.append(replace(message, **parts))
    return found


def addresses(message: Message, channel: Webhook, alert: Alert, project: Project) -> list[str]:
    """Return the addresses of a channel: its own, or those of the members of the project.

    Leaves out members who want no mail of any of these kinds, and those who get their own message.
    """
    if channel.kind != MEMBERS:
        return [channel.url]
    body = json.loads(message.body)
    kinds = {kind for kind, number in alert.kinds.items() if number}
    whole = email_of(body.get("to", "")) or _kind(message) == TESTED
    return [
        each.email
        for each in _meant(project, body | ({"by": ""} if alert.is_roundup else {}))
        if not _wants_none(each, kinds) and (whole or not _is_apart(each.reach, alert.begun))
    ]


def of(message: Message, project: Project | None) -> Reach:
    """Return the reach of the member whom a message is for, the default if it is for several."""
    if message.webhook_id != MEMBERS or project is None:
        return Reach()
    email = email_of(json.loads(message.body).get("to", ""))
    return next((each.reach for each in seeing(project) if each.email == email), Reach())


def address_of(email: str, reach: Reach) -> str:
    """Return the address of a member's own channel.

    Raises:
        StoreError: `ParameterNotFound` if it has been removed.
    """
    with _lock:
        key = f"{email} {reach.since}"
        return _addresses.get(key, now_ms(), lambda: _secret_of(email))


def _secret_of(email: str) -> str:
    return webhook_secrets.find_secrets(
        webhook_secrets.OF_MEMBERS, members.user_hash(email)
    ).current


def lane_of(body: Mapping[str, Any]) -> str:
    """Return a text for whom a message is. Messages with different ones have different flows."""
    return f"#{hashed(body['to'])}" if body.get("to") else ""


def hashed(address: str) -> str:
    """Return a short hash that stands for a mail address."""
    return hashlib.blake2s(address.encode(), digest_size=8).hexdigest()


def _kind(message: Message) -> str:
    return message.event.removeprefix(PREFIX)


def _meant(project: Project, body: Mapping[str, Any]) -> Iterator[Member]:
    """Yield the members whom a message is for. Nobody is told of what they do themselves."""
    to, by = body.get("to", ""), body.get("by", "")
    for each in seeing(project):
        mine = not to or each.email == email_of(to) or team_of(to) in each.teams
        if mine and each.email != by:
            yield each


def _wants_none(member: Member, kinds: set[str]) -> bool:
    return bool(kinds) and kinds <= member.muted


def _is_apart(reach: Reach, at_ms: int) -> bool:
    """Return whether a member gets an own message about what happened at a time."""
    return reach.is_own and reach.since + KNOWN_AFTER_MS <= at_ms


def seeing(project: Project) -> list[Member]:
    """Return the members who see a project. Cached for 30 seconds."""

    def look() -> list[Member]:
        return [e for e in members.list_members(project.organization) if e.sees(project)]

    with _lock:
        return _members_of.get(project.id, now_ms(), look)


def clear_cache() -> None:
    """Drop the cached members and addresses."""
    _members_of.clear()
    _addresses.clear()
