"""`errata webhooks`: add, list, remove, enable, rotate, test, attempts, redeliver."""

import re
from collections import Counter
from itertools import islice
from typing import Annotated, Any

import typer

from errata.cli.command import CommandContext, ProjectId, command, group
from errata.cli.output import print_fields, print_json, print_line, print_table, timestamp
from errata.errors import InvalidInputError, NotFoundError
from errata.models.ids import UUID, minted_ms
from errata.models.webhook import EVENT_TYPES, Attempt, Webhook
from errata.protocol.read import iso, parse_filters
from errata.usecases import projects, webhooks

app = group("Manage a project's webhooks and their deliveries.", example="webhooks list 1")

WebhookId = Annotated[
    str, typer.Argument(metavar="WEBHOOK", help="The webhook's id, from `webhooks list`.")
]
_ATTEMPT = re.compile(rf"(\d{{1,12}})-({UUID.pattern})")


@command(app, "add", example="webhooks add 1 https://example.com/hooks/errata")
def add(
    ctx: CommandContext,
    project_id: ProjectId,
    url: Annotated[str, typer.Argument(metavar="URL", help="The https URL to send to.")],
    event: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TYPE", help=f"Event type to send: {', '.join(EVENT_TYPES)}. Repeatable."
        ),
    ] = None,
) -> None:
    """Add a webhook. Its signing secret is shown only once."""
    webhook, secret = webhooks.add(project_id, url, event or ())
    if ctx.json:
        print_json(_webhook(webhook) | {"secret": secret})
    else:
        print_fields({"id": webhook.id, "url": webhooks.shown_url(webhook), "secret": secret})
        print_line("Copy the secret now. It is not shown again.")


@command(app, "list", example="webhooks list 1")
def list_(ctx: CommandContext, project_id: ProjectId) -> None:
    """List a project's webhooks and their state."""
    found = webhooks.list_webhooks(project_id)
    if ctx.json:
        print_json([_webhook(webhook) for webhook in found])
        return
    print_table(
        ["id", "url", "events", "state"],
        [(e.id, webhooks.shown_url(e), ", ".join(e.events), _state(e)) for e in found],
        empty="This project has no webhooks.",
    )


@command(app, "remove", example="webhooks remove 1 4f6a0c1b2d3e")
def remove(ctx: CommandContext, project_id: ProjectId, webhook_id: WebhookId) -> None:
    """Remove a webhook. Its pending messages are dropped."""
    webhooks.remove(project_id, webhook_id)
    _print_result(ctx, {"id": webhook_id}, f"Removed webhook {webhook_id}.")


@command(app, "enable", example="webhooks enable 1 4f6a0c1b2d3e")
def enable(ctx: CommandContext, project_id: ProjectId, webhook_id: WebhookId) -> None:
    """Enable a disabled webhook. A 410 response or five days of failures disable a webhook."""
    webhook = webhooks.enable(project_id, webhook_id)
    _print_result(ctx, _webhook(webhook), f"Webhook {webhook_id} is enabled.")


@command(app, "rotate", example="webhooks rotate 1 4f6a0c1b2d3e")
def rotate(ctx: CommandContext, project_id: ProjectId, webhook_id: WebhookId) -> None:
    """Create a new signing secret, shown only once. The old one also signs for 24 hours."""
    secret = webhooks.rotate(project_id, webhook_id)
    if ctx.json:
        print_json({"id": webhook_id, "secret": secret})
    else:
        print_fields({"id": webhook_id, "secret": secret})
        print_line(
            "Copy the secret now. It is not shown again. The old secret also signs for 24 hours."
        )


@command(app, "test", example="webhooks test 1 4f6a0c1b2d3e")
def test(ctx: CommandContext, project_id: ProjectId, webhook_id: WebhookId) -> None:
    """Send a `webhook.test` message. The response is shown by `webhooks attempts`.

    This also works for a disabled webhook.
    """
    message_id = webhooks.test(project_id, webhook_id)
    _print_result(ctx, {"webhook_id": message_id}, f"Sent {message_id}.")


@command(app, "attempts", example="webhooks attempts 1")
def attempts(
    ctx: CommandContext,
    project_id: ProjectId,
    webhook_id: Annotated[str, typer.Argument(metavar="[WEBHOOK]", help="Only this webhook.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Maximum number of attempts.")] = 50,
) -> None:
    """List the delivery attempts of the last 30 days, newest first."""
    every = webhooks.of_webhooks(webhooks.list_attempts(project_id, webhook_id))
    found = list(islice(every, limit))
    if ctx.json:
        print_json([_attempt(attempt) for attempt in found])
        return
    print_table(
        ["attempt", "at (UTC)", "webhook", "event", "no.", "status", "ms", "error"],
        [
            (
                _attempt_id(each),
                timestamp(minted_ms(each.id)),
                each.message.webhook_id,
                each.message.event,
                each.number,
                each.status or "none",
                each.duration_ms,
                each.error,
            )
            for each in found
        ],
        empty="No delivery attempts in the last 30 days.",
    )


@command(app, "redeliver", example="webhooks redeliver --since 2026-11-22T10:00:00Z")
def redeliver(
    ctx: CommandContext,
    attempt: Annotated[
        str, typer.Argument(metavar="[ATTEMPT]", help="An attempt's id, from `webhooks attempts`.")
    ] = "",
    since: Annotated[
        str, typer.Option(metavar="TIME", help="All messages attempted since this time (ISO 8601).")
    ] = "",
    project: Annotated[
        str, typer.Option(metavar="PROJECT", help="With --since: only this project.")
    ] = "",
) -> None:
    """Send a message again, or all messages since a time. They keep their ids."""
    if bool(attempt) == bool(since):
        raise InvalidInputError(
            {"redeliver": ["Give an attempt's id, or a time with --since, but not both."]}
        )
    if attempt:
        match = _ATTEMPT.fullmatch(attempt)
        if not match:
            raise NotFoundError(
                f"{attempt} is not an attempt's id. See `errata webhooks attempts`."
            )
        again = [webhooks.redeliver(*match.groups())]
    else:
        since_ms = parse_filters({"since": since}).since or 0
        ids = [project] if project else [each.id for each in projects.list_projects()]
        again = [message for each in ids for message in webhooks.redeliver_since(each, since_ms)]
    counts = Counter(message.project_id for message in again)
    _print_result(
        ctx,
        {"redelivered": [message.id for message in again]},
        f"Sent {len(again)} again" + (f", in {len(counts)} projects." if len(counts) > 1 else "."),
    )


def _print_result(ctx: CommandContext, value: Any, sentence: str) -> None:
    if ctx.json:
        print_json(value)
    else:
        print_line(sentence)


def _state(webhook: Webhook) -> str:
    if webhook.disabled_at:
        return f"disabled {timestamp(webhook.disabled_at)}: {webhook.disabled_reason}"
    if webhook.failing_since:
        return f"failing since {timestamp(webhook.failing_since)}"
    return "enabled"


def _webhook(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "project_id": webhook.project_id,
        "url": webhooks.shown_url(webhook),
        "events": list(webhook.events),
        "created_at": iso(webhook.created_at),
        "failing_since": webhook.failing_since and iso(webhook.failing_since),
        "disabled_at": webhook.disabled_at and iso(webhook.disabled_at),
        "disabled_reason": webhook.disabled_reason or None,
    }


def _attempt_id(attempt: Attempt) -> str:
    return f"{attempt.message.project_id}-{attempt.id}"


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "id": _attempt_id(attempt),
        "at": iso(minted_ms(attempt.id)),
        # Published names. Receivers get the id of a message as the header `webhook-id`.
        "endpoint_id": attempt.message.webhook_id,
        "webhook_id": attempt.message.id,
        "event": attempt.message.event,
        "attempt": attempt.number,
        "status": attempt.status,
        "duration_ms": attempt.duration_ms,
        "error": attempt.error or None,
    }
