"""Alerts of a project: rules, channels, and what was delivered. Admins change them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from errata.errors import InvalidInputError, NotFoundError
from errata.models.alert import (
    DEFAULT_RULE,
    DEFAULT_RULE_ID,
    FAILING_AFTER,
    KINDS,
    LEVELS,
    PREFIX,
    TESTED,
    AlertRule,
)
from errata.models.ids import UUID
from errata.models.slug import short_id
from errata.models.webhook import Attempt, Webhook
from errata.protocol.channels import CHANNELS
from errata.store import issues as issue_rows
from errata.usecases import alerts, channels, webhooks
from errata.usecases.channels import AlertTarget, Setup
from functions.dashboard.forms import Failed, done, settings_page, settings_routes
from functions.dashboard.routing import RequestContext
from functions.dashboard.web import PageResponse

ATTEMPTS = 20
# Attempts that are read for a page. It leaves out those to webhooks, so these are more.
_READ = 50
_MESSAGES = {
    "rule": "Rule added. It takes effect within 30 seconds.",
    "changed": "Rule changed. It takes effect within 30 seconds.",
    "removed": "Rule removed.",
    "muted": "Muted. Alerts of that time are not sent later.",
    "unmuted": "Not muted any more.",
    "channel": (
        "Channel added. Send it a test. An e-mail address that is not a member's must be confirmed"
        " first."
    ),
    "channel-removed": "Channel removed, also from the rules.",
    "enabled": "Channel enabled.",
    "sent": "Sent. Reload the page in a moment to see the response below.",
}
_COOLDOWNS = {0: "no limit", 1_800: "30 minutes", 3_600: "1 hour", 86_400: "24 hours"}
# The fields of a rule's form that are texts.
_FIELDS = (
    "environment",
    "level",
    "release",
    "tag",
    "cooldown",
    "zone",
    "quiet_from",
    "quiet_until",
)
_NUMBERS = {"events": "100", "minutes": "10", "users": "100"}
MUTES = {3_600: "For 1 hour", 86_400: "For 24 hours", 7 * 86_400: "For 7 days"}


@dataclass(frozen=True, slots=True)
class ShownDelivery:
    """An attempt as the page shows it. `issue_id` and `short_id` are "" unless it has one issue."""

    attempt: Attempt
    what: str
    issue_id: str
    short_id: str
    channel: str
    delivered: bool


def _page(ctx: RequestContext, failed: Failed) -> PageResponse:
    setup = channels.find_setup(ctx.project.id)
    before = ctx.request.args.get("before", "")
    before = before if UUID.fullmatch(before) else ""
    found = webhooks.recent_attempts(ctx.project.id, _READ, ctx.now_ms, before)
    only_failed = ctx.request.args.get("log") == "failed"
    sent = [a for a in alerts.only_alerts(found) if not (only_failed and _was_delivered(a))]
    deliveries = _deliveries(ctx, setup, sent[:ATTEMPTS])
    # Those to webhooks, and those that a filter hides, are not shown.
    last = (
        sent[ATTEMPTS - 1] if len(sent) > ATTEMPTS else found[-1] if len(found) == _READ else None
    )
    return settings_page(
        ctx,
        "alerts.html",
        failed,
        _MESSAGES,
        rules=[(each, alerts.conditions(each), _last(each, deliveries)) for each in setup.rules],
        names={each: setup.name_of(each) for rule in setup.rules for each in rule.channels},
        channels=[(each, _kind(each), channels.name_of(each)) for each in setup.channels.values()],
        failing=[each for each in setup.channels.values() if _fails(each)],
        name_of=channels.name_of,
        deliveries=deliveries,
        before=before,
        older=last.id if last else "",
        only_failed=only_failed,
        kinds=[each for each in CHANNELS.values() if each.asks_for or each.kind == "eventbridge"],
        on=alerts.VERBS,
        sentence=alerts.verb_of,
        levels=LEVELS,
        mutes=MUTES,
        default_rule=DEFAULT_RULE_ID,
        form=_form(ctx, setup, failed),
    )


def _form(ctx: RequestContext, setup: Setup, failed: Failed) -> Mapping[str, Any]:
    """Return what the form of a rule shows: what was typed, the rule to edit, or a new one."""
    blank = dict.fromkeys(_FIELDS, "") | _NUMBERS
    if failed.action in ("add-rule", "save-rule"):
        form = ctx.request.form
        several = {"on": form.getlist("on"), "to": form.getlist("to"), "cooldowns": _COOLDOWNS}
        typed = {name: form.get(name, "") for name in blank}
        return typed | several | {"id": form.get("rule", "")}
    rule = next((r for r in setup.rules if r.id == ctx.request.args.get("rule")), None)
    if rule is None:
        several = {"on": DEFAULT_RULE.kinds, "to": (), "cooldowns": _COOLDOWNS}
        return blank | several | {"id": ""}
    begin, _, end = rule.quiet.partition(" ")[0].partition("-")
    numbers = {name: str(getattr(rule, name) or default) for name, default in _NUMBERS.items()}
    return numbers | {
        "id": rule.id,
        "on": rule.kinds,
        "to": rule.channels,
        "environment": rule.environment,
        "level": rule.level,
        "release": rule.release,
        "tag": rule.tag,
        "cooldown": str(rule.cooldown_s),
        "cooldowns": {rule.cooldown_s: alerts.span(rule.cooldown_s)} | _COOLDOWNS,
        "zone": rule.quiet.partition(" ")[2],
        "quiet_from": begin,
        "quiet_until": end,
    }


def _kind(channel: Webhook) -> str:
    return CHANNELS[channel.kind].label


def _fails(channel: Webhook) -> bool:
    return bool(channel.disabled_at or channel.failures >= FAILING_AFTER)


def _last(rule: AlertRule, deliveries: Iterable[ShownDelivery]) -> ShownDelivery | None:
    """Return the newest shown delivery that the rule has caused."""
    return next((d for d in deliveries if _body(d.attempt).get("rule") == rule.id), None)


def _was_delivered(attempt: Attempt) -> bool:
    return attempt.status is not None and 200 <= attempt.status < 300


def _body(attempt: Attempt) -> Mapping[str, str]:
    body: dict[str, str] = json.loads(attempt.message.body)
    return body


def _deliveries(ctx: RequestContext, setup: Setup, found: list[Attempt]) -> list[ShownDelivery]:
    single = {_body(each).get("issue", "") for each in found if each.issues == 1} - {""}
    issues = {each.id: each for each in issue_rows.find_issues(ctx.visible, sorted(single))}
    shown = []
    for each in found:
        kind = each.message.event.removeprefix(PREFIX)
        issue = issues.get(_body(each).get("issue", "")) if each.issues == 1 else None
        what = "Test" if kind == TESTED else KINDS.get(kind, kind)
        shown.append(
            ShownDelivery(
                each,
                what if each.issues == 1 else f"{each.issues} issues in one message",
                issue.id if issue else "",
                (short_id(ctx.project.slug, issue.number) or "issue") if issue else "",
                setup.name_of(each.message.webhook_id),
                _was_delivered(each),
            )
        )
    return shown


# ------------------------------------------------------------------ actions


def _add_rule(ctx: RequestContext, _: str) -> PageResponse:
    alerts.add(ctx.project.id, _rule(ctx), _targets(ctx))
    return done(ctx, "rule")


def _save_rule(ctx: RequestContext, rule_id: str) -> PageResponse:
    alerts.change(ctx.project.id, rule_id, _rule(ctx), _targets(ctx))
    return done(ctx, "changed")


def _targets(ctx: RequestContext) -> list[AlertTarget]:
    return [AlertTarget("", each) for each in ctx.request.form.getlist("to")]


def _rule(ctx: RequestContext) -> AlertRule:
    form = ctx.request.form

    def text(name: str) -> str:
        return form.get(name, "").strip()

    return AlertRule(
        "",
        tuple(form.getlist("on")),
        (),
        text("environment"),
        text("level"),
        text("release"),
        text("tag"),
        _seconds(text("cooldown")),
        events=_number(text("events")),
        minutes=_number(text("minutes")),
        users=_number(text("users")),
        quiet=_quiet(ctx, text("quiet_from"), text("quiet_until")),
    )


def _quiet(ctx: RequestContext, begin: str, end: str) -> str:
    """Return the quiet hours of a form, in the time zone of the member."""
    if not begin and not end:
        return ""
    zone = ctx.request.form.get("zone", "") or ctx.user.preferences.zone
    return f"{begin}-{end} {zone}".strip()


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise InvalidInputError({"seconds": ["Choose a time from the list."]})
    return int(text)


def _remove_rule(ctx: RequestContext, rule_id: str) -> PageResponse:
    alerts.remove(ctx.project.id, rule_id)
    return done(ctx, "removed")


def _mute(ctx: RequestContext, value: str) -> PageResponse:
    rule_id, _, seconds = value.partition(" ")
    muted = _seconds(seconds)
    alerts.mute(ctx.project.id, rule_id, muted)
    return done(ctx, "muted" if muted else "unmuted")


def _test(ctx: RequestContext, name: str) -> PageResponse:
    alerts.test(ctx.project.id, name)
    return done(ctx, "sent")


def _add_channel(ctx: RequestContext, _: str) -> PageResponse:
    form = ctx.request.form
    target = AlertTarget(form.get("kind", ""), form.get("address", "").strip())
    if not target.kind:
        raise InvalidInputError({"kind": ["Choose a kind of channel."]})
    channels.add(ctx.project.id, target, form.get("name", "").strip())
    return done(ctx, "channel")


def _remove_channel(ctx: RequestContext, channel_id: str) -> PageResponse:
    alerts.remove_channel(ctx.project.id, channel_id)
    return done(ctx, "channel-removed")


def _enable(ctx: RequestContext, channel_id: str) -> PageResponse:
    channels.enable(ctx.project.id, channel_id)
    return done(ctx, "enabled")


def _again(ctx: RequestContext, attempt_id: str) -> PageResponse:
    if not UUID.fullmatch(attempt_id):
        raise NotFoundError("This delivery does not exist.")
    webhooks.redeliver(ctx.project.id, attempt_id)
    return done(ctx, "sent")


_ACTIONS = {
    "add-rule": _add_rule,
    "save-rule": _save_rule,
    "remove-rule": _remove_rule,
    "mute": _mute,
    "test": _test,
    "add-channel": _add_channel,
    "remove-channel": _remove_channel,
    "enable": _enable,
    "again": _again,
}


settings_routes("alerts", _page, _ACTIONS)
