"""Make one attempt to deliver a message of WebhookQueue, and record its result.

spec/ingest-api: "5xx, 429 and no answer (connection error, timeout) are retried: 4 attempts in all,
10 s, 60 s and 300 s apart. Any other status is logged and not retried. […] `410` disables the
endpoint. `Retry-After` is honoured up to 15 minutes."
"""

import http.client
import logging
import time
from email.utils import parsedate_to_datetime
from threading import Lock

from errata.caches import TTLCache
from errata.config import settings
from errata.errors import StoreError
from errata.models.ids import new_event_id, now_ms
from errata.models.times import FAILING_TOO_LONG_MS
from errata.models.webhook import (
    DISABLED_FAILING,
    DISABLED_GONE,
    NOT_SENT,
    TEST,
    Attempt,
    Delivery,
    Message,
    Secrets,
    Webhook,
)
from errata.outbound import signing
from errata.outbound.post import ForbiddenUrlError, Response, post
from errata.store import webhooks

# Seconds to wait after each attempt except the last.
PAUSES = (10, 60, 300)
MAX_RETRY_AFTER_S = 15 * 60

logger = logging.getLogger("errata")
_lock = Lock()
_secrets = TTLCache[Secrets](max_entries=1_000)


def deliver(message: Message) -> int | None:
    """Make one attempt. Return the seconds until the next one, None if it was the last one."""
    webhook = webhooks.find_webhook(message.project_id, message.webhook_id)
    if webhook is None:
        return None
    delivery = webhooks.find_delivery(message)
    if delivery.over:
        return None
    early_ms = delivery.due_at - now_ms()
    if early_ms > 0:
        # The queue delivers at least once: this is a second copy of the queue message.
        return -(-early_ms // 1000)
    number = delivery.attempts + 1
    # A test message is always sent: it shows whether a disabled webhook works again.
    if webhook.disabled_at and message.event != TEST:
        # Record it, so that `redeliver_since` sends it once the webhook is enabled.
        at_ms = now_ms()
        missed = Attempt(new_event_id(at_ms), message, number, None, 0, NOT_SENT)
        webhooks.record(missed, Delivery(number, over=True), at_ms // 1000)
        return None
    attempt, pause = _attempt(message, webhook, number)
    at_ms = now_ms()
    due_at = at_ms + (pause or 0) * 1000
    webhooks.record(attempt, Delivery(number, due_at, over=pause is None), at_ms // 1000)
    _judge(webhook, attempt, at_ms)
    return pause


def _attempt(message: Message, webhook: Webhook, number: int) -> tuple[Attempt, int | None]:
    at_ms = now_ms()
    started = time.monotonic()
    response: Response | None = None
    error = ""
    permanent = False
    try:
        response = _send(message, webhook, at_ms)
    except ForbiddenUrlError as forbidden:
        error, permanent = str(forbidden), True
    except (OSError, http.client.HTTPException) as failure:
        error = f"{type(failure).__name__}: {failure}"[:300]
    except StoreError as failure:
        if failure.code != "ParameterNotFound":
            raise
        error, permanent = "The webhook has no secret: it was removed.", True
    duration_ms = round((time.monotonic() - started) * 1000)
    status = response.status if response else None
    attempt = Attempt(new_event_id(at_ms), message, number, status, duration_ms, error)
    retried = not permanent and (status is None or status == 429 or status >= 500)
    if not retried or number > len(PAUSES):
        return attempt, None
    asked = _seconds(response.retry_after, at_ms) if response and response.retry_after else 0
    return attempt, max(PAUSES[number - 1], min(asked, MAX_RETRY_AFTER_S))


def _send(message: Message, webhook: Webhook, at_ms: int) -> Response:
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
            name, at_ms, lambda: webhooks.find_secrets(webhook.project_id, webhook.id)
        )


def _seconds(retry_after: str, at_ms: int) -> int:
    """Return the seconds of a `Retry-After`, which may be a date (RFC 9110, section 10.2.3)."""
    if retry_after.strip().isdecimal():
        return min(int(retry_after.strip()[:6]), MAX_RETRY_AFTER_S)
    try:
        return max(0, round(parsedate_to_datetime(retry_after).timestamp() - at_ms / 1000))
    except (ValueError, OverflowError):  # not a valid date
        return 0


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
