"""Make one attempt to deliver a message of WebhookQueue, and record its result.

spec/ingest-api: "5xx, 429 and no answer (connection error, timeout) are retried: 4 attempts in all,
10 s, 60 s and 300 s apart. Any other status is logged and not retried. […] `410` disables the
endpoint. `Retry-After` is honoured up to 15 minutes."

Messages to channels are delivered in the same way. Flood control decides when they are sent.
"""

import http.client
import json
import logging
import time
from dataclasses import replace
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import NamedTuple

from errata.caches import TTLCache
from errata.config import settings
from errata.errors import PermanentError, StoreError
from errata.models.alert import FAILING_AFTER, MEMBERS, PREFIX, RESOLVED, TESTED, Alert
from errata.models.ids import new_event_id, now_ms
from errata.models.quiet import quiet_until
from errata.models.times import FAILING_TOO_LONG_MS
from errata.models.webhook import (
    ADMITTED,
    DISABLED_FAILING,
    DISABLED_GONE,
    LEADS,
    NOT_SENT,
    TEST,
    WEBHOOK,
    Attempt,
    Delivery,
    Message,
    Secrets,
    Webhook,
)
from errata.outbound import signing
from errata.outbound.guard import ForbiddenUrlError
from errata.outbound.post import PostResponse, post
from errata.protocol.channels import CHANNELS
from errata.store import webhook_secrets, webhooks
from errata.usecases import flood_control, reach, send_alert

# Seconds to wait after each attempt except the last.
PAUSES = (10, 60, 300)
MAX_RETRY_AFTER_S = 15 * 60
_SOON_S = 1
# SQS hides a message for at most twelve hours.
_LONGEST_S = 43_000
_LATE_MS = 10_000

logger = logging.getLogger("errata")
_lock = Lock()
_secrets = TTLCache[Secrets](max_entries=1_000)


def deliver(message: Message) -> int | None:
    """Make one attempt. Return the seconds until the next one, None if it was the last one."""
    webhook = webhooks.find_webhook(message.project_id, message.webhook_id)
    if webhook is None and message.webhook_id == MEMBERS:
        webhook = members_channel(message.project_id)
    if webhook is None:
        return None
    delivery = webhooks.find_delivery(message)
    if delivery.over:
        return None
    early_ms = delivery.due_at - now_ms()
    if early_ms > 0:
        # The queue delivers at least once: this is a second copy of the queue message.
        return min(-(-early_ms // 1000), _LONGEST_S)
    # A test message is always sent: it shows whether a disabled webhook works again.
    is_test = message.event in (TEST, f"{PREFIX}{TESTED}")
    if webhook.disabled_at and not is_test:
        _record_missed(message, delivery)
        return None
    alert = None
    if webhook.kind != WEBHOOK:
        alert, wait_s = _alert(message, webhook, delivery, is_test=is_test)
        if alert is None:
            return wait_s
    made = _attempt(message, webhook, alert, delivery)
    at_ms = now_ms()
    state = replace(
        delivery,
        attempts=delivery.attempts + (not made.unfinished),
        due_at=at_ms + (made.pause_s or 0) * 1000,
        over=made.pause_s is None,
        mailed=made.mailed,
    )
    webhooks.record(made.attempt, state, at_ms // 1000)
    if webhook.kind == WEBHOOK:
        _judge(webhook, made.attempt, at_ms)
    else:
        _judge_channel(webhook, made.attempt, at_ms, over=state.over)
    return made.pause_s


def _record_missed(message: Message, delivery: Delivery) -> None:
    """Record that a message was not sent, as its webhook is disabled. It can be redelivered."""
    at_ms, number = now_ms(), delivery.attempts + 1
    missed = Attempt(new_event_id(at_ms), message, number, None, 0, NOT_SENT)
    webhooks.record(missed, Delivery(number, over=True), at_ms // 1000)


def _alert(
    message: Message, channel: Webhook, delivery: Delivery, *, is_test: bool
) -> tuple[Alert | None, int | None]:
    """Return the alert to send now, or None and in how many seconds to ask again (None: never)."""
    body = json.loads(message.body)
    project = send_alert.project_of(message.project_id)
    own = reach.of(message, project)
    lane = reach.lane_of(body)
    at_once = is_test or message.event == f"{PREFIX}{RESOLVED}"
    at_once = at_once or not CHANNELS[channel.kind].for_people
    # A redelivery was started by a person.
    if not (_has_turn(delivery) or at_once or message.delivery):
        if not (delivery.role or delivery.attempts):
            webhooks.enqueue(reach.parted(message, project))
        after = max(quiet_until(each, now_ms()) for each in (body.get("quiet", ""), own.quiet))
        pause_ms = CHANNELS[own.kind or channel.kind].pause_ms
        now, wait_s = flood_control.admit(message, pause_ms, after, lane)
        if not now:
            return None, wait_s and min(wait_s, _LONGEST_S)
    group = _group(message, delivery)
    held = flood_control.collected(message, group, lane) if group else ()
    alert = send_alert.written(message, held)
    return alert, None if alert else _not_yet(message)


def _group(message: Message, delivery: Delivery) -> str:
    """Return the group of messages that a leader has collected. "" if the message is no leader.

    For a redelivery, returns that of the first delivery.
    """
    if message.delivery:
        return webhooks.find_delivery(replace(message, delivery="")).group
    return delivery.group if delivery.role == LEADS else ""


def _has_turn(delivery: Delivery) -> bool:
    """Return whether flood control lets a message be sent now, alone or as a leader.

    An admitted message that comes too late must be admitted again: if a dispatcher was killed,
    SQS delivers all its messages again at the same time. If some people were mailed, the others
    are mailed, too.
    """
    if delivery.mailed:
        return True
    late = now_ms() - delivery.due_at > _LATE_MS and not delivery.attempts
    return bool(delivery.role) and not (delivery.role == ADMITTED and late)


def members_channel(project_id: str) -> Webhook:
    """Return the channel to the members of a project, as if it had been stored."""
    return Webhook(MEMBERS, project_id, "", (), 0, kind=MEMBERS)


def _not_yet(message: Message) -> int | None:
    """Return when to ask again whether digest has stored an issue. None if it never will.

    Digest queues a message just before it stores the issue. If it is interrupted in between, it
    queues the message again, so that this one may be dropped.
    """
    queued = json.loads(message.body).get("at", 0)
    return send_alert.NOT_YET_S if now_ms() - queued < send_alert.NOT_YET_MS else None


class _Made(NamedTuple):
    """An attempt that was made, and what comes next.

    `pause_s`: the seconds until the next attempt, None if there is none. `mailed`: hashes of the
    mail addresses that have got the message. `unfinished`: others get it next, in the same attempt.
    """

    attempt: Attempt
    pause_s: int | None
    mailed: tuple[str, ...]
    unfinished: bool = False


def _attempt(message: Message, webhook: Webhook, alert: Alert | None, delivery: Delivery) -> _Made:
    """Send a message once."""
    number, mailed = delivery.attempts + 1, delivery.mailed
    at_ms = now_ms()
    started = time.monotonic()
    response: PostResponse | None = None
    error = ""
    permanent = unfinished = False
    try:
        if alert:
            sent = send_alert.send(message, webhook, alert, mailed)
            response, error, mailed = sent.response, sent.error, sent.mailed
            permanent, unfinished = sent.permanent, sent.unfinished
        else:
            response = _send(message, webhook, at_ms)
    except ForbiddenUrlError as forbidden:
        error, permanent = str(forbidden), True
    except (OSError, http.client.HTTPException) as failure:
        error = f"{type(failure).__name__}: {failure}"[:300]
    except StoreError as failure:
        if failure.code == "ParameterNotFound":
            error, permanent = "The webhook has no secret: it was removed.", True
        elif alert is None:
            raise
        else:
            error, permanent = str(failure)[:300], isinstance(failure, PermanentError)
    duration_ms = round((time.monotonic() - started) * 1000)
    status = response.status if response else None
    issues = alert.total if alert else 1
    attempt = Attempt(new_event_id(at_ms), message, number, status, duration_ms, error, issues)
    if unfinished:
        return _Made(attempt, _SOON_S, mailed, unfinished=True)
    retried = not permanent and (status is None or status == 429 or status >= 500)
    if not retried or number > len(PAUSES):
        return _Made(attempt, None, mailed)
    asked = _seconds(response.retry_after, at_ms) if response and response.retry_after else 0
    return _Made(attempt, max(PAUSES[number - 1], min(asked, MAX_RETRY_AFTER_S)), mailed)


def _send(message: Message, webhook: Webhook, at_ms: int) -> PostResponse:
    secrets = _secrets_of(webhook, at_ms)
    body = message.body.encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Errata",
        "X-Pulse-Event": message.event,
        **signing.headers(message.id, at_ms // 1000, body, secrets.signing(at_ms)),
    }
    return post(webhook.url, body, headers, allow_loopback=settings().webhooks_to_loopback)


def _secrets_of(webhook: Webhook, at_ms: int) -> Secrets:
    # SSM allows forty requests per second for the whole account, so cache the secrets. The time of
    # the last rotation is part of the cache key, so that a new secret signs at once.
    name = f"{webhook.id} {webhook.rotated_at}"
    with _lock:
        return _secrets.get(
            name, at_ms, lambda: webhook_secrets.find_secrets(webhook.project_id, webhook.id)
        )


def _seconds(retry_after: str, at_ms: int) -> int:
    """Return the seconds of a `Retry-After`, which may be a date (RFC 9110, section 10.2.3)."""
    if retry_after.strip().isdecimal():
        return min(int(retry_after.strip()[:6]), MAX_RETRY_AFTER_S)
    try:
        return max(0, round(parsedate_to_datetime(retry_after).timestamp() - at_ms / 1000))
    except (ValueError, OverflowError):  # not a valid date
        return 0


def _judge_channel(channel: Webhook, attempt: Attempt, at_ms: int, *, over: bool) -> None:
    """Count failed deliveries of a channel in a row. Report it when it is failing."""
    if attempt.status is not None and 200 <= attempt.status < 300:
        if channel.failures or channel.failing_since is not None:
            webhooks.update_webhook(channel, failures=None, failing_since=None)
        return
    if not over:
        return
    failures = channel.failures + 1
    if failures == FAILING_AFTER:
        # The metric filter behind the alarm looks for these words (templates/operations.yaml).
        logger.error("channel failing", extra={"channel": channel.id, "kind": channel.kind})
    changes: dict[str, int | str | None] = {"failures": failures}
    if channel.failing_since is None:
        changes["failing_since"] = at_ms
    if attempt.status == 410 and not channel.disabled_at:
        changes |= {"disabled_at": at_ms, "disabled_reason": DISABLED_GONE}
    webhooks.update_webhook(channel, **changes)


def _judge(webhook: Webhook, attempt: Attempt, at_ms: int) -> None:
    """Track failures of a webhook. Disable it after a 410, or after days of failures."""
    if attempt.status is not None and 200 <= attempt.status < 300:
        if webhook.failing_since is not None:
            webhooks.update_webhook(webhook, failing_since=None)
        return
    reason = ""
    since = webhook.failing_since
    if attempt.status == 410:
        reason = DISABLED_GONE
    elif since is not None and at_ms - since >= FAILING_TOO_LONG_MS:
        reason = DISABLED_FAILING
    if reason and not webhook.disabled_at:
        # The metric filter behind the alarm looks for these words (template.yaml).
        logger.error("webhook disabled", extra={"endpoint_id": webhook.id, "reason": reason})
        webhooks.update_webhook(webhook, disabled_at=at_ms, disabled_reason=reason)
    elif since is None:
        webhooks.update_webhook(webhook, failing_since=at_ms)


def clear_cache() -> None:
    """Drop the cached secrets."""
    _secrets.clear()
