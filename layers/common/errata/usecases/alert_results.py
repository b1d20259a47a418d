"""Results of `errata alerts`. See `errata.usecases.results`."""

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from typing import Any

from errata.errors import AmbiguousError, InvalidInputError
from errata.models.alert import MEMBERS, PREFIX, AlertRule
from errata.models.ids import minted_ms
from errata.models.webhook import Attempt, Webhook
from errata.protocol.channels import CHANNELS
from errata.protocol.read import iso
from errata.usecases import alerts, channels, webhooks
from errata.usecases.results import Result, Work

_SPAN = re.compile(r"([0-9]{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_MOST_ATTEMPTS = 1_000


def list_(work: Work) -> Result:
    """Return a project's rules, and its channels."""
    setup = _setup(work)
    return Result(
        {
            "rules": [_rule(work, each, setup) for each in setup.rules],
            "channels": [_channel(work, each) for each in setup.channels.values()],
        },
        {
            "sentences": [alerts.sentence(each, setup.name_of) for each in setup.rules],
            "conditions": [alerts.conditions(each) for each in setup.rules],
            "names": [channels.name_of(each) for each in setup.channels.values()],
        },
    )


def save(
    work: Work,
    *,
    rule_id: str = "",
    on: list[str] | None = None,
    to: list[str] | None = None,
    environment: str | None = None,
    level: str | None = None,
    release: str | None = None,
    tag: str | None = None,
    events: str | None = None,
    users: int | None = None,
    quiet: str | None = None,
    cooldown: str | None = None,
) -> Result:
    """Add a rule, or change the one with this id: what is not given stays."""
    number, minutes = _per_minutes(events or "")
    found = {
        "kinds": tuple(on) if on else None,
        "environment": environment,
        "level": level,
        "release": release,
        "tag": tag,
        "events": None if events is None else number,
        "minutes": None if events is None else minutes,
        "users": users,
        "quiet": quiet,
        "cooldown_s": None if cooldown is None else _seconds(cooldown, "cooldown"),
    }
    filters: Any = {name: value for name, value in found.items() if value is not None}
    project_id = work.project.id
    if rule_id:
        setup = _setup(work)
        was = alerts.named(project_id, setup.rules, _one(rule_id, (e.id for e in setup.rules)))
        targets = (
            map(_target, to) if to else [channels.AlertTarget("", each) for each in was.channels]
        )
        rule = alerts.change(project_id, was.id, replace(was, **filters), targets)
    else:
        new = replace(AlertRule("", (), ()), **filters)
        rule = alerts.add(project_id, new, map(_target, to or ()))
    setup = channels.find_setup(project_id)
    mails = [each for each in rule.channels if setup.channels[each].kind == "email"]
    more = {"sentence": alerts.sentence(rule, setup.name_of), "mails": mails}
    return Result(_rule(work, rule, setup), more)


def remove(work: Work, *, rule_id: str) -> Result:
    """Remove a rule."""
    found = _one(rule_id, (each.id for each in _setup(work).rules))
    alerts.remove(work.project.id, found)
    return Result({"id": found})


def mute(work: Work, *, name: str, for_: str) -> Result:
    """Mute a rule or a channel for a time."""
    found = _one(name, _ids(work))
    until = alerts.mute(work.project.id, found, _seconds(for_, "for"))
    return Result({"id": found, "muted_until": iso(until) if until else None})


def test(work: Work, *, name: str) -> Result:
    """Send a test to a channel, or to all channels of a rule."""
    return Result({"sent": alerts.test(work.project.id, _one(name, _ids(work)))})


def log(work: Work, *, failed: bool = False, limit: int = 50) -> Result:
    """Return the attempts of the last 30 days, newest first."""
    setup = _setup(work)
    every = alerts.only_alerts(webhooks.list_attempts(work.project.id))
    wanted = (each for each in every if not failed or not _delivered(each))
    found = list(islice(wanted, max(1, min(limit, _MOST_ATTEMPTS))))
    names = [setup.name_of(each.message.webhook_id) for each in found]
    return Result([_attempt(each) for each in found], {"names": names})


def add_channel(work: Work, *, to: str, name: str = "") -> Result:
    """Add a channel, or rename the one with this address."""
    target = _target(to)
    if not target.kind:
        raise InvalidInputError({"channel": ["Give a kind and an address: slack=https://…"]})
    added = channels.add(work.project.id, target, name)
    return Result(_channel(work, added), {"name": channels.name_of(added)})


def remove_channel(work: Work, *, channel_id: str) -> Result:
    """Remove a channel, also from the rules."""
    found = _one(channel_id, _setup(work).channels)
    alerts.remove_channel(work.project.id, found)
    return Result({"id": found})


def enable(work: Work, *, channel_id: str) -> Result:
    """Enable a disabled channel."""
    found = _one(channel_id, _setup(work).channels)
    channels.enable(work.project.id, found)
    return Result({"id": found})


def _setup(work: Work) -> channels.Setup:
    alerts.check_exists(work.project.id)
    return channels.find_setup(work.project.id)


def _ids(work: Work) -> list[str]:
    setup = _setup(work)
    return [*(each.id for each in setup.rules), *setup.channels]


def _one(begin: str, ids: Iterable[str]) -> str:
    """Return the only id that begins with a text, or the text itself if none does.

    Raises:
        AmbiguousError: several ids begin with it.
    """
    found = [each for each in ids if begin and each.startswith(begin)]
    if begin in found:
        return begin
    if len(found) > 1:
        raise AmbiguousError(f"Several ids begin with {begin}", dict.fromkeys(found, ""))
    return found[0] if found else begin


def _target(text: str) -> channels.AlertTarget:
    kind, equals, address = text.partition("=")
    if equals:
        return channels.AlertTarget(kind, address)
    return channels.AlertTarget(text) if text in CHANNELS else channels.AlertTarget("", text)


def _seconds(text: str, name: str) -> int:
    if not text:
        return 0
    found = _SPAN.fullmatch(text)
    if not found:
        raise InvalidInputError({name: [f"--{name} is a number with a unit: 30m, 24h or 7d."]})
    return int(found[1]) * _SECONDS[found[2]]


def _per_minutes(text: str) -> tuple[int, int]:
    if not text:
        return 0, 0
    found = re.fullmatch("([0-9]{1,9})/([0-9]{1,2})", text)
    if not found:
        raise InvalidInputError({"events": ["--events is N/MINUTES, such as 100/10."]})
    return int(found[1]), int(found[2])


def _rule(work: Work, rule: AlertRule, setup: channels.Setup) -> dict[str, Any]:
    return {
        "id": rule.id,
        "on": list(rule.kinds),
        "to": [{"id": each, "name": setup.name_of(each)} for each in rule.channels],
        "environment": rule.environment or None,
        "level": rule.level or None,
        "release": rule.release or None,
        "tag": rule.tag or None,
        "events": rule.events or None,
        "minutes": rule.minutes or None,
        "users": rule.users or None,
        "quiet": rule.quiet or None,
        "cooldown_s": rule.cooldown_s,
        "muted_until": _until(work, rule.muted_until),
    }


def _channel(work: Work, each: Webhook) -> dict[str, Any]:
    return {
        "id": each.id,
        "kind": each.kind,
        "name": each.name or None,
        "address": "" if each.kind == MEMBERS else each.url,
        "failing_since": each.failing_since and iso(each.failing_since),
        "disabled_at": each.disabled_at and iso(each.disabled_at),
        "disabled_reason": each.disabled_reason or None,
        "muted_until": _until(work, each.muted_until),
    }


def _until(work: Work, until: int) -> str | None:
    return iso(until) if until > work.visible.now_ms else None


def _delivered(attempt: Attempt) -> bool:
    return attempt.status is not None and 200 <= attempt.status < 300


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "id": f"{attempt.message.project_id}-{attempt.id}",
        "at": iso(minted_ms(attempt.id)),
        "message_id": attempt.message.id,
        "channel_id": attempt.message.webhook_id,
        "kind": attempt.message.event.removeprefix(PREFIX),
        "issues": attempt.issues,
        "attempt": attempt.number,
        "status": attempt.status,
        "duration_ms": attempt.duration_ms,
        "error": attempt.error or None,
    }
