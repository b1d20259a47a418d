"""Manage outbound webhooks: URLs, signing secrets, test messages and redelivery."""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from urllib.parse import urlsplit

from errata.config import settings
from errata.errors import InvalidInputError, NotFoundError
from errata.models.alert import PREFIX
from errata.models.ids import floor_id, new_event_id, now_ms
from errata.models.times import DELIVERY_KEPT_S
from errata.models.webhook import (
    EVENT_TYPES,
    ISSUE_CREATED,
    TEST,
    WEBHOOK,
    Attempt,
    Message,
    Secrets,
    Webhook,
)
from errata.outbound import signing
from errata.outbound.guard import ForbiddenUrlError, check_url
from errata.protocol.channels import kind_of_url
from errata.protocol.webhooks import test_body
from errata.store import webhook_secrets
from errata.store import webhooks as store
from errata.usecases import audit, projects

# How long a former signing secret also signs.
_OVERLAP_MS = 24 * 3600 * 1000
MAX_WEBHOOKS = 20


def _host(url: str) -> str:
    # The path and the query may contain a token.
    return urlsplit(url).hostname or "?"


@audit.recorded("webhook added", url=_host)
def add(project_id: str, url: str, event_types: Iterable[str] = ()) -> tuple[Webhook, str]:
    """Create a webhook. Return it and its signing secret, which is shown only once.

    The default of `event_types` is `issue.created`.

    Raises:
        InvalidInputError: the URL or an event type is not allowed, or there are already 20.
        NotFoundError: there is no such project.
    """
    projects.find_to_change(project_id)
    chosen = tuple(dict.fromkeys(event_types)) or (ISSUE_CREATED,)
    _check(project_id, url, chosen)
    if len(only_webhooks(store.list_webhooks(project_id))) >= MAX_WEBHOOKS:
        raise InvalidInputError(
            {"url": [f"A project has at most {MAX_WEBHOOKS} webhooks. Remove one first."]}
        )
    webhook = Webhook(secrets.token_hex(6), project_id, url, chosen, created_at=now_ms())
    secret = signing.new_secret()
    # Store the secret first, so that every listed webhook has one.
    webhook_secrets.save_secrets(project_id, webhook.id, Secrets(secret))
    store.save_webhook(webhook)
    return webhook, secret


def _check(project_id: str, url: str, event_types: tuple[str, ...]) -> None:
    errors: dict[str, list[str]] = {}
    try:
        check_url(url, settings().webhooks_to_loopback)
    except ForbiddenUrlError as error:
        errors["url"] = [str(error)]
    if chat := kind_of_url(url):
        errors["url"] = [
            f"This URL belongs to {chat.label}, which does not understand webhook messages. Add it"
            " as a channel of alerts: on the page Alerts, or with `errata alerts add"
            f" {project_id} --on new --on regressed --to {chat.kind}=URL`."
        ]
    unknown = [name for name in event_types if name not in EVENT_TYPES]
    if unknown:
        known = ", ".join(EVENT_TYPES)
        errors["event"] = [f"There is no event type {', '.join(unknown)}. Choose from: {known}."]
    if errors:
        raise InvalidInputError(errors)


def list_webhooks(project_id: str) -> list[Webhook]:
    """Return a project's webhooks, oldest first.

    Raises:
        NotFoundError: there is no such project.
    """
    projects.find(project_id)
    return only_webhooks(store.list_webhooks(project_id))


def only_webhooks(found: Iterable[Webhook]) -> list[Webhook]:
    """Return the webhooks among webhooks and channels."""
    return [each for each in found if each.kind == WEBHOOK]


def find(project_id: str, webhook_id: str) -> Webhook:
    """Return a webhook.

    Raises:
        NotFoundError: the project has no such webhook.
    """
    webhook = store.find_webhook(project_id, webhook_id)
    if webhook is None or webhook.kind != WEBHOOK:
        raise NotFoundError(
            f"Project {project_id} has no webhook {webhook_id}."
            f" See `errata webhooks list {project_id}`."
        )
    return webhook


@audit.recorded("webhook removed", "webhook_id")
def remove(project_id: str, webhook_id: str) -> None:
    """Delete a webhook. Messages that are queued for it are dropped.

    Raises:
        NotFoundError: the project has no such webhook.
    """
    find(project_id, webhook_id)
    store.remove_webhook(project_id, webhook_id)


@audit.recorded("webhook enabled", "webhook_id")
def enable(project_id: str, webhook_id: str) -> Webhook:
    """Enable a disabled webhook. Takes effect at once.

    Raises:
        NotFoundError: the project has no such webhook.
    """
    webhook = find(project_id, webhook_id)
    store.update_webhook(webhook, disabled_at=None, disabled_reason=None, failing_since=None)
    return replace(webhook, disabled_at=None, disabled_reason="", failing_since=None)


@audit.recorded("webhook secret rotated", "webhook_id")
def rotate(project_id: str, webhook_id: str) -> str:
    """Replace the signing secret. Return the new one. Former ones also sign for 24 hours.

    Raises:
        NotFoundError: the project has no such webhook.
    """
    webhook = find(project_id, webhook_id)
    before = webhook_secrets.find_secrets(project_id, webhook_id)
    secret = signing.new_secret()
    at_ms = now_ms()
    rotated = before.rotated(secret, at_ms, until_ms=at_ms + _OVERLAP_MS)
    webhook_secrets.save_secrets(project_id, webhook_id, rotated)
    # Dispatchers cache secrets under this timestamp (usecases/deliver.py).
    store.update_webhook(webhook, rotated_at=at_ms)
    return secret


def test(project_id: str, webhook_id: str) -> str:
    """Send a `webhook.test` to a webhook. Return its `webhook-id`.

    Raises:
        NotFoundError: the project has no such webhook.
    """
    webhook = find(project_id, webhook_id)
    message_id = f"msg_{secrets.token_hex(16)}"
    body = test_body(projects.find(project_id), now_ms())
    store.enqueue([Message(message_id, project_id, webhook.id, TEST, body)])
    return message_id


def list_attempts(project_id: str, webhook_id: str = "", since_ms: int = 0) -> Iterator[Attempt]:
    """Yield the attempts of a project or of one webhook, newest first, at most 30 days back.

    Raises:
        NotFoundError: there is no such project.
    """
    projects.find(project_id)
    for attempt in store.list_attempts(project_id, floor_id(since_ms), now_ms() // 1000):
        if not webhook_id or attempt.message.webhook_id == webhook_id:
            yield attempt


def of_webhooks(found: Iterable[Attempt]) -> Iterator[Attempt]:
    """Yield the attempts of webhooks, without those of channels."""
    return (each for each in found if not each.message.event.startswith(PREFIX))


def recent_attempts(project_id: str, most: int, at_ms: int, before: str = "") -> list[Attempt]:
    """Return a project's latest attempts, newest first, with one call.

    `before` is the id of an attempt: return those that are older.
    """
    # Older attempts have expired but may not be deleted yet. Do not pay to read them.
    since = floor_id(at_ms - DELIVERY_KEPT_S * 1000)
    found = store.list_attempts(project_id, since, at_ms // 1000, page=most + 1, through=before)
    return list(islice((each for each in found if each.id != before), most))


def redeliver(project_id: str, attempt_id: str) -> Message:
    """Send the message of an attempt again, with the same `webhook-id`, even if it had arrived.

    Raises:
        NotFoundError: the project has no such attempt.
    """
    attempt = store.find_attempt(project_id, attempt_id)
    if attempt is None:
        raise NotFoundError(
            f"Project {project_id} has no attempt {attempt_id}."
            f" See `errata webhooks attempts {project_id}`."
        )
    again = _again(attempt.message)
    store.enqueue([again])
    return again


def redeliver_since(project_id: str, since_ms: int) -> list[Message]:
    """Send all messages again that had an attempt since `since_ms`, each message once.

    Raises:
        NotFoundError: there is no such project.
    """
    messages = {
        (each.message.id, each.message.webhook_id): _again(each.message)
        for each in of_webhooks(list_attempts(project_id, since_ms=since_ms))
    }
    again = list(reversed(messages.values()))
    store.enqueue(again)
    return again


def _again(message: Message) -> Message:
    return replace(message, delivery=new_event_id(now_ms()))


def shown_url(webhook: Webhook, *, path: bool = True) -> str:
    """Return a webhook's URL without its query, which may contain a token.

    `path` says whether to include the path. It may contain a token too, for example for chat
    services. So show it only to members who may change the webhook.
    """
    parts = urlsplit(webhook.url)
    if not path:
        hidden = bool(parts.path.strip("/") or parts.query)
        return parts._replace(path="/…" if hidden else "", query="", fragment="").geturl()
    return parts._replace(query="…" if parts.query else "", fragment="").geturl()
