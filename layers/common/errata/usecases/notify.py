"""Queue messages about changes of issues: to a project's webhooks, and to the channels of rules."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from errata.caches import TTLCache
from errata.config import settings
from errata.models import temporary
from errata.models.alert import (
    ASSIGNED,
    DEFAULT_RULE,
    MEMBERS,
    MENTIONED,
    NEW,
    PREFIX,
    REGRESSED,
    RESOLVED,
    RISING,
    AlertRule,
    Occasion,
)
from errata.models.assignee import email_of, of_member
from errata.models.ids import minted_ms, now_ms
from errata.models.issue import Issue
from errata.models.project import Project
from errata.models.quiet import quiet_until
from errata.models.webhook import (
    ISSUE_ASSIGNED,
    ISSUE_CREATED,
    ISSUE_REGRESSED,
    ISSUE_RESOLVED,
    ISSUE_RISING,
    WEBHOOK,
    Message,
    Webhook,
)
from errata.protocol.webhooks import issue_body, issue_created_body
from errata.store import alerts, projects, webhooks


@dataclass(frozen=True, slots=True)
class Receivers:
    """Who is told about a project's issues.

    Attributes:
        pagers: ids of channels that also want to know when an issue is resolved.
        muted: until when a channel is muted, by its id, in milliseconds since the epoch.
    """

    project: Project
    webhooks: list[Webhook]
    rules: list[AlertRule]
    pagers: set[str]
    muted: dict[str, int]

    def listening(self, rule: AlertRule, at_ms: int) -> list[str]:
        """Return the channels of a rule that are not muted; none if the rule itself is muted."""
        if rule.muted_until > at_ms:
            return []
        return [each for each in rule.channels if self.muted.get(each, 0) <= at_ms]


# What webhooks call an occasion.
_TYPES = {NEW: ISSUE_CREATED, REGRESSED: ISSUE_REGRESSED, RISING: ISSUE_RISING}
# The kinds of channels that are told when an issue is resolved: they keep its state.
_PAGERS = ("pagerduty", "eventbridge")
_receivers = TTLCache[Receivers | None](max_entries=1_000)


def enqueue(pk: str, project_id: str, occasions: list[Occasion]) -> None:
    """Enqueue a message about each occasion, for each webhook and channel that wants to know.

    Includes disabled ones: the dispatcher records these messages for redelivery. `pk` is the
    project's partition in IssuesTable. Records in the issues when rules with a cooldown have told
    of them. A second call with the same occasions enqueues the same message ids. Calls nothing if
    there are no occasions.
    """
    if not occasions:
        return
    receivers = _receivers.get(project_id, now_ms(), lambda: _look_up(project_id))
    if receivers is None:
        return
    messages = [
        *_to_webhooks(pk, receivers, occasions),
        *_to_channels(pk, receivers, occasions),
    ]
    if messages:
        webhooks.enqueue(messages)


def resolved(pk: str, project_id: str, issue: Issue) -> None:
    """Enqueue the messages about an issue that is about to be stored as resolved.

    Webhooks that want to know get one, and pagers of the project's rules: PagerDuty closes the
    incident.
    """
    receivers = _receivers.get(project_id, now_ms(), lambda: _look_up(project_id))
    if receivers is None:
        return
    occasion = f"{issue.id} {issue.status_at}"
    body = issue_body(ISSUE_RESOLVED, receivers.project, issue, settings().dashboard_url)
    messages = [
        Message(_message_id(ISSUE_RESOLVED, pk, occasion), project_id, w.id, ISSUE_RESOLVED, body)
        for w in receivers.webhooks
        if ISSUE_RESOLVED in w.events
    ]
    about = {"partition": pk, "issue": issue.id, "event": "", "at": now_ms()}
    about["status_at"] = issue.status_at
    kind = f"{PREFIX}{RESOLVED}"
    messages += [
        Message(_message_id(f"{kind}\0{p}", pk, occasion), project_id, p, kind, json.dumps(about))
        for p in sorted(receivers.pagers)
    ]
    if messages:
        webhooks.enqueue(messages)


def assigned(pk: str, project_id: str, issue: Issue, called: str) -> None:
    """Enqueue the messages about an issue that is about to be stored with another assignee.

    Webhooks that want to know get one, and channels of rules. The assignee gets a mail if there is
    SES, unless they have assigned the issue themselves. `called` is the assignee's name.
    """
    receivers = _receivers.get(project_id, now_ms(), lambda: _look_up(project_id))
    occasion = f"{issue.id} {issue.assigned_at}"
    messages = []
    kind = f"{PREFIX}{ASSIGNED}"
    if receivers:
        body = issue_body(ISSUE_ASSIGNED, receivers.project, issue, settings().dashboard_url)
        wanting = [each for each in receivers.webhooks if ISSUE_ASSIGNED in each.events]
        name = _message_id(ISSUE_ASSIGNED, pk, occasion)
        messages = [Message(name, project_id, w.id, ISSUE_ASSIGNED, body) for w in wanting]
        if issue.assignee:
            details = {
                "assignee": issue.assignee,
                "assigned_at": issue.assigned_at,
                "by": issue.assigned_by,
                "whom": called,
            }
            messages += _by_rules(pk, receivers, ASSIGNED, issue.id, occasion, details)
    if (
        settings().mail_identity
        and issue.assignee
        and email_of(issue.assignee) != issue.assigned_by
        and not _reaches_all_members(messages, kind)
    ):
        about = {"partition": pk, "issue": issue.id, "event": "", "at": now_ms()}
        about |= {"to": issue.assignee, "by": issue.assigned_by, "assigned_at": issue.assigned_at}
        name = _message_id(kind, pk, occasion)
        messages.append(Message(name, project_id, MEMBERS, kind, json.dumps(about)))
    if messages:
        webhooks.enqueue(messages)


def mentioned(
    pk: str, project_id: str, issue_id: str, emails: Iterable[str], by: str, comment: str
) -> None:
    """Enqueue the messages about a comment that mentions members other than its author.

    Calls nothing if there are none. Channels of rules get one message. Each of the members gets a
    mail if there is SES. `comment` tells comments and their versions apart. The messages do not
    have its text.
    """
    kind = f"{PREFIX}{MENTIONED}"
    whom = [each for each in emails if each != by]
    if not whom:
        return
    receivers = _receivers.get(project_id, now_ms(), lambda: _look_up(project_id))
    messages = []
    if receivers:
        details = {"by": by, "whom": ", ".join(whom)}
        occasion = f"{issue_id} {comment}"
        messages = _by_rules(pk, receivers, MENTIONED, issue_id, occasion, details)
    if settings().mail_identity and not _reaches_all_members(messages, kind):
        for email in whom:
            about = {"partition": pk, "issue": issue_id, "event": "", "at": now_ms()}
            about |= {"to": of_member(email), "by": by}
            name = _message_id(f"{kind}\0{email}", pk, f"{issue_id} {comment}")
            messages.append(Message(name, project_id, MEMBERS, kind, json.dumps(about)))
    if messages:
        webhooks.enqueue(messages)


def _by_rules(
    pk: str, to: Receivers, kind: str, issue_id: str, occasion: str, details: dict[str, Any]
) -> list[Message]:
    """Return the messages to channels about what a person has done, one for each channel.

    Filters look at the newest event of the issue. There is no cooldown: each action is notified.
    """
    at_ms = now_ms()
    rules = [each for each in to.rules if kind in each.kinds and to.listening(each, at_ms)]
    if any(each.has_filters for each in rules):
        event = alerts.find_newest(pk, issue_id, to.project.id)
        rules = [each for each in rules if each.matches(event)]
    messages: dict[str, Message] = {}
    for rule in sorted(rules, key=lambda each: quiet_until(each.quiet, at_ms)):
        about = {"partition": pk, "issue": issue_id, "event": "", "rule": rule.id, "at": at_ms}
        quiet = {"quiet": rule.quiet} if rule.quiet else {}
        body = json.dumps(about | details | quiet)
        for channel in to.listening(rule, at_ms):
            what = f"{PREFIX}{kind}"
            name = _message_id(f"{what}\0{channel}", pk, occasion)
            messages.setdefault(channel, Message(name, to.project.id, channel, what, body))
    return list(messages.values())


def _reaches_all_members(messages: Iterable[Message], kind: str) -> bool:
    """Return whether a rule tells all members anyway, and not only after its quiet hours."""
    found = (each for each in messages if (each.webhook_id, each.event) == (MEMBERS, kind))
    at_ms = now_ms()
    return any(not quiet_until(json.loads(each.body).get("quiet", ""), at_ms) for each in found)


def _look_up(project_id: str) -> Receivers | None:
    """Return who is told, or None if nobody is."""
    found, rules, _ = alerts.find_receivers(project_id)
    rules = in_force(project_id, rules)
    receiving = [each for each in found if each.kind == WEBHOOK]
    used = {channel for rule in rules for channel in rule.channels}
    pagers = {each.id for each in found if each.kind in _PAGERS and each.id in used}
    muted = {each.id: each.muted_until for each in found if each.muted_until}
    project = projects.find_project(project_id) if receiving or rules else None
    if project is None:
        return None
    # An unclaimed project has no members.
    return Receivers(project, receiving, [] if project.unclaimed else rules, pagers, muted)


def in_force(project_id: str, rules: list[AlertRule] | None) -> list[AlertRule]:
    """Return the rules of a project. If it has set none, the default, if there is mail."""
    if rules is not None:
        return rules
    has_default = bool(settings().mail_identity) and not temporary.is_id(project_id)
    return [DEFAULT_RULE] if has_default else []


def _to_webhooks(pk: str, to: Receivers, occasions: Iterable[Occasion]) -> Iterator[Message]:
    for each in occasions:
        name, event = _TYPES.get(each.kind), each.event
        wanting = [webhook for webhook in to.webhooks if name and name in webhook.events]
        if not name or not wanting:
            continue
        url = settings().dashboard_url
        if each.kind == NEW:
            body = issue_created_body(to.project, event.issue_id, event.id, event.fields, url)
        else:
            body = issue_body(name, to.project, each.issue, url)
        message_id = _message_id(name, pk, event.id)
        for webhook in wanting:
            yield Message(message_id, to.project.id, webhook.id, name, body)


def _to_channels(pk: str, to: Receivers, occasions: Iterable[Occasion]) -> Iterator[Message]:
    """Yield one message for each channel and issue, also if several rules match.

    If an issue is new and rising at once, its channels are told that it is new. But a rule with
    quiet hours delays nothing that another rule tells the same channel at once.
    """
    at_ms = now_ms()
    matching: dict[tuple[str, str], list[tuple[AlertRule, Occasion]]] = defaultdict(list)
    for each in occasions:
        for rule in to.rules:
            listening = to.listening(rule, at_ms)
            if not listening or not _applies(rule, each):
                continue
            if rule.cooldown_of(each.kind):
                each.issue.notified_at[rule.id] = minted_ms(each.event.id)
            for channel in listening:
                matching[each.issue.id, channel].append((rule, each))
    for (_, channel), found in matching.items():
        rule, first = min(found, key=lambda one: quiet_until(one[0].quiet, at_ms))
        yield _alert(pk, to.project.id, channel, rule, first)


def _applies(rule: AlertRule, occasion: Occasion) -> bool:
    cooldown_ms = 1000 * rule.cooldown_of(occasion.kind)
    since_ms = minted_ms(occasion.event.id) - occasion.issue.notified_at.get(rule.id, 0)
    return (
        occasion.kind in rule.kinds
        and rule.threshold(occasion.kind) == occasion.threshold
        and (not cooldown_ms or since_ms >= cooldown_ms)
        and rule.matches(occasion.event.fields)
    )


def _alert(pk: str, project_id: str, channel: str, rule: AlertRule, of: Occasion) -> Message:
    # No text of the event: the dispatcher reads the issue. So an erased person is not in here.
    body: dict[str, str | int] = {
        "partition": pk,
        "issue": of.issue.id,
        "event": of.event.id,
        "rule": rule.id,
        "at": now_ms(),
    }
    if rule.quiet:
        body["quiet"] = rule.quiet
    if of.threshold:
        body["threshold"] = of.threshold
    what = f"{PREFIX}{of.kind}{of.threshold}"
    return Message(
        id=_message_id(f"{what}\0{channel}", pk, of.event.id),
        project_id=project_id,
        webhook_id=channel,
        event=f"{PREFIX}{of.kind}",
        body=json.dumps(body),
    )


def _message_id(what: str, pk: str, event_id: str) -> str:
    digest = hashlib.blake2s(f"{what}\0{pk}\0{event_id}".encode(), digest_size=16)
    return f"msg_{digest.hexdigest()}"


def clear_cache() -> None:
    """Drop the cached webhooks and rules."""
    _receivers.clear()
