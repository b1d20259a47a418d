"""Manage a project's alerts: the rules, the channels that they tell, and tests of these."""

import json
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from errata.errors import ConflictError, InvalidInputError, NotFoundError, UnavailableError
from errata.models.alert import (
    ASSIGNED,
    DEFAULT_RULE,
    DEFAULT_RULE_ID,
    EVENTS,
    KINDS,
    LEVELS,
    MAX_MINUTES,
    MAX_RULES,
    MENTIONED,
    NEW,
    PREFIX,
    REGRESSED,
    RISING,
    TESTED,
    USERS,
    WOKEN,
    AlertRule,
    is_text,
)
from errata.models.ids import now_ms
from errata.models.quiet import is_quiet_hours
from errata.models.webhook import Attempt, Message
from errata.store import alerts as store
from errata.store import webhooks
from errata.store.retry import attempts
from errata.usecases import audit, channels, projects
from errata.usecases.channels import AlertTarget, Setup, find_setup, problem_of, to_channel
from errata.usecases.notify import in_force

MAX_MUTED_S = 90 * 86_400
MAX_COOLDOWN_S = 30 * 86_400
_TRIES = 6
MAX_THRESHOLD = 1_000_000
# What happens to an issue, in a sentence.
VERBS = {
    NEW: "is new",
    REGRESSED: "regresses",
    RISING: "rises",
    EVENTS: "has {events} events in {minutes} min",
    USERS: "affects {users} users",
    WOKEN: "was ignored and wakes up",
    ASSIGNED: "is assigned",
    MENTIONED: "has a comment that mentions a member",
}


def check_exists(project_id: str) -> None:
    """Check that there is such a project.

    Raises:
        NotFoundError: there is not.
    """
    projects.find(project_id)


# ------------------------------------------------------------------ rules


def _noted(rule: AlertRule) -> str:
    return sentence(rule, lambda each: each)


@audit.recorded("alert rule added", rule=_noted)
def add(project_id: str, rule: AlertRule, targets: Iterable[AlertTarget]) -> AlertRule:
    """Add a rule. Creates the channels that do not exist yet. Takes effect within 30 seconds.

    The id and the channels of `rule` are ignored: the rule gets an id, and those of the targets.

    Raises:
        InvalidInputError: something is not allowed. Nothing was changed.
        NotFoundError: there is no such project or channel.
    """
    projects.find_to_change(project_id)
    setup = find_setup(project_id)
    _check_number(setup.rules)
    channel_ids = _channel_ids(project_id, rule, targets, setup)
    added = replace(rule, id=secrets.token_hex(4), channels=channel_ids)

    def append(rules: list[AlertRule]) -> list[AlertRule]:
        _check_number(rules)
        return [*rules, added]

    _change(project_id, append)
    return added


@audit.recorded("alert rule changed", "rule_id", rule=_noted)
def change(
    project_id: str, rule_id: str, rule: AlertRule, targets: Iterable[AlertTarget]
) -> AlertRule:
    """Replace what a rule says. It stays muted if it is. Takes effect within 30 seconds.

    The id, the channels and `muted_until` of `rule` are ignored.

    Raises:
        InvalidInputError: as `add`.
        NotFoundError: there is no such project, rule or channel.
    """
    projects.find_to_change(project_id)
    setup = find_setup(project_id)
    named(project_id, setup.rules, rule_id)
    channel_ids = _channel_ids(project_id, rule, targets, setup)

    def changed(rules: list[AlertRule]) -> list[AlertRule]:
        was = named(project_id, rules, rule_id)
        now = replace(rule, id=rule_id, channels=channel_ids, muted_until=was.muted_until)
        return [now if each.id == rule_id else each for each in rules]

    return named(project_id, _change(project_id, changed), rule_id)


def _channel_ids(
    project_id: str, rule: AlertRule, targets: Iterable[AlertTarget], setup: Setup
) -> tuple[str, ...]:
    """Check a rule, and return the ids of its channels, which are created if needed."""
    chosen = list(dict.fromkeys(targets))
    _check(rule, chosen, setup)
    return tuple(dict.fromkeys(to_channel(project_id, each, setup).id for each in chosen))


def _check_number(rules: Sequence[AlertRule]) -> None:
    if len(rules) >= MAX_RULES:
        raise InvalidInputError(
            {"rule": [f"A project has at most {MAX_RULES} alert rules. Remove one first."]}
        )


def _check(rule: AlertRule, targets: Sequence[AlertTarget], setup: Setup) -> None:
    errors: dict[str, list[str]] = {}
    known = ", ".join(KINDS)
    if not rule.kinds:
        errors["on"] = [f"Say what to tell: {known}."]
    elif unknown := [each for each in rule.kinds if each not in KINDS]:
        errors["on"] = [f"There is no alert kind {', '.join(unknown)}. Choose from: {known}."]
    if EVENTS in rule.kinds and not (
        2 <= rule.events <= MAX_THRESHOLD and 1 <= rule.minutes <= MAX_MINUTES
    ):
        errors["events"] = [
            f"Say how many events (2 to {MAX_THRESHOLD:,}), and in how many minutes (1 to"
            f" {MAX_MINUTES})."
        ]
    if USERS in rule.kinds and not 2 <= rule.users <= MAX_THRESHOLD:
        errors["users"] = [f"Say how many users: 2 to {MAX_THRESHOLD:,}."]
    if not targets:
        errors["to"] = ["Name at least one channel, for example slack=URL."]
    if rule.level and rule.level not in LEVELS:
        errors["level"] = [f"The level must be one of: {', '.join(LEVELS)}."]
    for name in ("environment", "release", "tag"):
        if (value := getattr(rule, name)) and not is_text(value):
            errors[name] = [f"The {name} must be one line of at most 200 characters."]
    if rule.tag and not all(rule.tag.partition("=")[::2]):
        errors["tag"] = ["A tag is written KEY=VALUE."]
    if rule.quiet and not is_quiet_hours(rule.quiet):
        errors["quiet"] = ["Quiet hours are written 22:00-07:00 Europe/Vienna."]
    if not 0 <= rule.cooldown_s <= MAX_COOLDOWN_S:
        errors["cooldown"] = ["The cooldown is at most 30 days."]
    for each in targets:
        if problem := problem_of(each):
            errors.setdefault("to", []).append(problem)
        elif not each.kind and each.address not in setup.channels:
            errors.setdefault("to", []).append(f"There is no channel {each.address}.")
    if errors:
        raise InvalidInputError(errors)


@audit.recorded("alert rule removed", "rule_id")
def remove(project_id: str, rule_id: str) -> None:
    """Remove a rule. Its channels stay.

    Raises:
        NotFoundError: the project has no such rule.
    """

    def without(rules: list[AlertRule]) -> list[AlertRule]:
        named(project_id, rules, rule_id)
        return [each for each in rules if each.id != rule_id]

    _change(project_id, without)


@audit.recorded("alerts muted", "name", "seconds")
def mute(project_id: str, name: str, seconds: int) -> int:
    """Mute a rule or a channel for some seconds. Alerts of that time are not sent.

    0 seconds end that. Return until when it is muted, in milliseconds since the epoch, or 0.

    Raises:
        InvalidInputError: that is longer than 90 days.
        NotFoundError: the project has no such rule or channel.
    """
    if not 0 <= seconds <= MAX_MUTED_S:
        raise InvalidInputError({"for": ["Alerts can be muted for at most 90 days."]})
    until = now_ms() + seconds * 1000 if seconds else 0
    if channel := find_setup(project_id).channels.get(name):
        webhooks.update_webhook(channel, muted_until=until or None)
        return until

    def muted(rules: list[AlertRule]) -> list[AlertRule]:
        named(project_id, rules, name)
        return [replace(r, muted_until=until) if r.id == name else r for r in rules]

    _change(project_id, muted)
    return until


def named(project_id: str, rules: Iterable[AlertRule], rule_id: str) -> AlertRule:
    """Return one of these rules.

    Raises:
        NotFoundError: none has this id.
    """
    for each in rules:
        if each.id == rule_id:
            return each
    raise NotFoundError(
        f"Project {project_id} has no alert rule {rule_id}. See `errata alerts list {project_id}`."
    )


def _change(project_id: str, to: Callable[[list[AlertRule]], list[AlertRule]]) -> list[AlertRule]:
    """Change the rules. If somebody else changes them at the same time, try again."""
    projects.find(project_id)
    for _ in attempts(_TRIES):
        _, rules, version = store.find_receivers(project_id)
        changed = to(in_force(project_id, rules))
        try:
            store.save_rules(project_id, changed, version, rules or [])
        except ConflictError:
            continue
        return changed
    raise UnavailableError


# ------------------------------------------------------------------ channels


@audit.recorded("alert channel removed", "channel_id")
def remove_channel(project_id: str, channel_id: str) -> None:
    """Remove a channel, also from the rules. A rule without channels is removed, too.

    Raises:
        NotFoundError: the project has no such channel.
    """
    channel = channels.find(project_id, channel_id)

    def without(rules: list[AlertRule]) -> list[AlertRule]:
        left = [
            replace(each, channels=tuple(c for c in each.channels if c != channel_id))
            for each in rules
        ]
        return [each for each in left if each.channels]

    _change(project_id, without)
    channels.end_subscription(channel)
    webhooks.remove_webhook(project_id, channel_id)


def test(project_id: str, name: str) -> list[str]:
    """Send a test to a channel, or to all channels of a rule. Return the ids of the messages.

    Raises:
        NotFoundError: the project has no such rule or channel.
    """
    setup = find_setup(project_id)
    rule = next((each for each in setup.rules if each.id == name), None)
    targets = rule.channels if rule else (channels.find(project_id, name).id,)
    body = json.dumps({"at": now_ms()})
    messages = [
        Message(f"msg_{secrets.token_hex(16)}", project_id, each, f"{PREFIX}{TESTED}", body)
        for each in targets
    ]
    webhooks.enqueue(messages)
    return [each.id for each in messages]


def only_alerts(found: Iterable[Attempt]) -> Iterable[Attempt]:
    """Return the attempts to send alerts, among those of webhooks."""
    return (each for each in found if each.message.event.startswith(PREFIX))


# ------------------------------------------------------------------ in words


def sentence(rule: AlertRule, name_of_channel: Callable[[str], str]) -> str:
    """Return a rule as a sentence: "When an issue is new or regresses, tell Slack (…X9f2)"."""
    what = " or ".join(verb_of(rule, each) for each in rule.kinds)
    where = f" in {rule.environment}" if rule.environment else ""
    whom = ", ".join(name_of_channel(each) for each in rule.channels)
    return f"When an issue {what}{where}, tell {whom}"


def verb_of(rule: AlertRule, kind: str) -> str:
    """Return what happens to an issue in a rule of this kind: "has 100 events in 10 min"."""
    verb = VERBS.get(kind, kind)
    return verb.format(events=rule.events, minutes=rule.minutes, users=rule.users)


def conditions(rule: AlertRule) -> list[str]:
    """Return the other conditions of a rule in words: "at most once per issue in 30m"."""
    found = {
        f"{rule.level} and worse": rule.level,
        f"release {rule.release}": rule.release,
        f"tag {rule.tag}": rule.tag,
        f"at most once per issue in {span(rule.cooldown_s)}": rule.cooldown_s,
        f"quiet hours {rule.quiet}": rule.quiet,
        "the default": rule.id == DEFAULT_RULE_ID and rule == DEFAULT_RULE,
    }
    return [text for text, holds in found.items() if holds]


def span(seconds: int) -> str:
    """Return a time in the largest whole unit: `30m`, `24h`."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
