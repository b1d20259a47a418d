"""Settings, keys and webhooks of a project. Members read them, admins change them."""

from errata.config import settings
from errata.errors import InvalidInputError, NotFoundError
from errata.models.ids import UUID
from errata.models.project import DEFAULT_LIMIT, DSN_LIMIT, live_dsns
from errata.models.webhook import EVENT_TYPES, Webhook
from errata.store.members import list_teams
from errata.store.projects import list_keys
from errata.store.webhooks import list_webhooks
from errata.usecases import (
    clear_project,
    delete_project,
    members,
    projects,
    slugs,
    usage_keys,
    webhooks,
)
from functions.dashboard.forms import (
    Failed,
    chosen_teams,
    done,
    gateway,
    gateway_agreed,
    offered,
    settings_page,
    settings_routes,
    show_key,
    show_secret,
    whole_number,
)
from functions.dashboard.routing import RequestContext
from functions.dashboard.set_up import NO_DSN, NO_KEY, snippets
from functions.dashboard.web import PageResponse, redirect

ATTEMPTS = 10
MOST_KEYS = 24
_MESSAGES = {
    "saved": "Saved. The change takes effect within 30 seconds.",
    "unmetered": (
        "Saved, but API Gateway did not accept the new rate. Each request is counted in DynamoDB,"
        " which costs a little more. Press “Save rate limit” to try again."
    ),
    "dsn": "DSN created. It is the first of the keys.",
    "dsn-unmetered": (
        "DSN created. It is the first of the keys. It works, but API Gateway does not count its"
        " requests yet. DynamoDB counts them, which costs a little more. Press “Save rate limit” to"
        " try again."
    ),
    "revoked": "Revoked. The key stops working within 30 seconds.",
    "removed": "Webhook removed. Messages on their way to it are dropped.",
    "enabled": "Webhook enabled.",
    "sent": "Sent. Reload the page in a moment to see the response below.",
    "cleared": "Cleared. Events and issues are hidden, and are being deleted.",
}


def _page(ctx: RequestContext, failed: Failed) -> PageResponse:
    project = ctx.project
    # Valid keys first, then revoked ones; the newest of each first.
    keys = sorted(
        list_keys(project.id),
        key=lambda key: (key.revoked_at is not None, -key.created_at),
    )
    teams = list_teams(project.organization)
    chosen = failed.teams if failed.action == "save" else project.teams
    url = ctx.request.api_url
    dsns = live_dsns(ctx.request.sdk_url, keys)
    newest = next(iter(dsns.values()), "")
    may_change = ctx.user.administers(project.organization)
    # Read more than are shown: attempts to deliver alerts are left out.
    recent = webhooks.recent_attempts(project.id, 3 * ATTEMPTS, ctx.now_ms)
    return settings_page(
        ctx,
        "settings.html",
        failed,
        _MESSAGES,
        keys=keys[:MOST_KEYS],
        dsns=dsns,
        more_keys=len(keys[MOST_KEYS:]),
        teams=offered(teams, project.teams),
        more_teams=max(0, len(teams) - len(offered(teams, project.teams))),
        chosen=chosen,
        webhooks=[
            (each, webhooks.shown_url(each, path=may_change), _state(each))
            for each in webhooks.only_webhooks(list_webhooks(project.id))
        ],
        attempts=list(webhooks.of_webhooks(recent))[:ATTEMPTS],
        event_types=EVENT_TYPES,
        default_days=settings().retention_days,
        default_rate=DEFAULT_LIMIT.per_minute,
        dsn_rate=DSN_LIMIT.per_minute,
        most_rate=projects.MAX_RATE_LIMIT,
        most_days=projects.MAX_RETENTION_DAYS,
        slug=slugs.shown(project).slug,
        dsn=newest,
        snippets=snippets(url, NO_KEY, newest or NO_DSN),
    )


def _state(webhook: Webhook) -> tuple[str, int | None]:
    """Return the state of a webhook, and since when it is in it."""
    if webhook.disabled_at:
        return f"disabled: {webhook.disabled_reason}", webhook.disabled_at
    return ("failing", webhook.failing_since) if webhook.failing_since else ("enabled", None)


# ------------------------------------------------------------------ actions


def _save(ctx: RequestContext, _: str) -> PageResponse:
    project = ctx.project
    name = ctx.request.form.get("name", "").strip()
    days = whole_number(ctx, "retention_days", "retention")
    retention: int | projects.Default = "default" if days is None else days
    slug = ctx.request.form.get("slug", "").strip()
    # Check everything before the first change. Only setting a slug or teams shows whether the
    # slug is free and the teams exist.
    projects.check_texts(name=name)
    projects.check(None, retention)
    if slug and slug != project.slug:
        projects.change_slug(project.id, slug)
    if chosen_teams(ctx) != project.teams:
        members.set_project_teams(project.id, chosen_teams(ctx))
    if name != project.name:
        projects.rename(project.id, name)
    if days != project.retention_days:
        projects.change(project.id, None, retention)
    return done(ctx, "saved")


def _rate(ctx: RequestContext, _: str) -> PageResponse:
    rate = whole_number(ctx, "rate_limit", "rate limit")
    _project, unmetered = usage_keys.change_project(
        gateway(ctx.request), ctx.project.id, "default" if rate is None else rate, None
    )
    return done(ctx, "saved" if gateway_agreed(unmetered) else "unmetered")


def _create_key(ctx: RequestContext, kind: str) -> PageResponse:
    label = ctx.request.form.get("label", "").strip()
    record, key, unmetered = usage_keys.create_key(
        gateway(ctx.request), ctx.project.id, label, public=kind == "dsn"
    )
    if record.public:
        return done(ctx, "dsn" if gateway_agreed(unmetered) else "dsn-unmetered")
    return show_key(ctx, f"New key: {record.label}", key, unmetered, _back(ctx))


def _revoke(ctx: RequestContext, key_id: str) -> PageResponse:
    _, undeleted = usage_keys.revoke_key(ctx.project.id, key_id)
    gateway_agreed(undeleted)
    return done(ctx, "revoked")


def _add_webhook(ctx: RequestContext, _: str) -> PageResponse:
    url = ctx.request.form.get("url", "").strip()
    webhook, secret = webhooks.add(ctx.project.id, url, ctx.request.form.getlist("event"))
    title = f"New webhook: {webhooks.shown_url(webhook)}"
    return show_secret(ctx, title, secret, _back(ctx))


def _rotate(ctx: RequestContext, webhook_id: str) -> PageResponse:
    secret = webhooks.rotate(ctx.project.id, webhook_id)
    title = "New signing secret. The old one also signs for 24 hours."
    return show_secret(ctx, title, secret, _back(ctx))


def _enable(ctx: RequestContext, webhook_id: str) -> PageResponse:
    webhooks.enable(ctx.project.id, webhook_id)
    return done(ctx, "enabled")


def _remove(ctx: RequestContext, webhook_id: str) -> PageResponse:
    webhooks.remove(ctx.project.id, webhook_id)
    return done(ctx, "removed")


def _test(ctx: RequestContext, webhook_id: str) -> PageResponse:
    webhooks.test(ctx.project.id, webhook_id)
    return done(ctx, "sent")


def _redeliver(ctx: RequestContext, attempt_id: str) -> PageResponse:
    if not UUID.fullmatch(attempt_id):
        raise NotFoundError("This delivery attempt does not exist.")
    webhooks.redeliver(ctx.project.id, attempt_id)
    return done(ctx, "sent")


def _clear(ctx: RequestContext, _: str) -> PageResponse:
    _check_typed(ctx, "name_to_clear")
    clear_project.clear(ctx.project.id)
    return done(ctx, "cleared")


def _delete(ctx: RequestContext, _: str) -> PageResponse:
    _check_typed(ctx, "name_to_delete")
    gateway_agreed(delete_project.delete_project(ctx.project.id, gateway(ctx.request)))
    return redirect(f"{ctx.request.root}projects")


_ACTIONS = {
    "save": _save,
    "rate": _rate,
    "create-key": _create_key,
    "revoke": _revoke,
    "add-webhook": _add_webhook,
    "rotate": _rotate,
    "enable": _enable,
    "remove": _remove,
    "test": _test,
    "redeliver": _redeliver,
    "clear": _clear,
    "delete": _delete,
}


def _check_typed(ctx: RequestContext, field: str) -> None:
    if ctx.request.form.get(field, "").strip() != ctx.project.name.strip():
        raise InvalidInputError({field: ["That is not the project's name. Nothing was deleted."]})


def _back(ctx: RequestContext) -> tuple[str, str]:
    return f"projects/{ctx.project.id}/settings", "Back to the settings"


settings_routes("settings", _page, _ACTIONS)
