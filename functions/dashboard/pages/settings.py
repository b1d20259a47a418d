"""Settings, keys and webhooks of a project. Members read them, admins change them."""

from errata.config import settings
from errata.errors import InvalidInputError, NotFoundError
from errata.models.ids import UUID
from errata.models.project import live_dsns
from errata.models.webhook import Webhook
from errata.store import members as members_store
from errata.store import projects as projects_store
from errata.store import webhooks as webhooks_store
from errata.usecases import clear_project, delete_project, members, projects, usage_keys, webhooks
from functions.dashboard.forms import (
    Failed,
    act,
    chosen_teams,
    gateway,
    gateway_agreed,
    offered,
    show_key,
    show_secret,
    whole_number,
)
from functions.dashboard.render import page
from functions.dashboard.routing import Visit, get, post
from functions.dashboard.set_up import NO_DSN, NO_KEY, snippets
from functions.dashboard.web import Response, redirect

ATTEMPTS = 10
MOST_KEYS = 25
_SAID = {
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


@get("projects/{project_id}/settings")
def show(visit: Visit) -> Response:
    """Show the page."""
    return _page(visit, Failed())


@post("projects/{project_id}/settings")
def change(visit: Visit) -> Response:
    """Handle the forms of the page."""
    visit.must_administer(visit.project.organization)
    return act(visit, _ACTIONS, _page)


def _page(visit: Visit, failed: Failed) -> Response:
    project = visit.project
    # Valid keys first, then revoked ones; the newest of each first.
    keys = sorted(
        projects_store.list_keys(project.id),
        key=lambda key: (key.revoked_at is not None, -key.created_at),
    )
    teams = members_store.list_teams(project.organization)
    chosen = failed.teams if failed.action == "save" else project.teams
    url = visit.request.api_url
    dsns = live_dsns(url, keys)
    newest = next(iter(dsns.values()), "")
    may_change = visit.user.administers(project.organization)
    return page(
        visit.request,
        "settings.html",
        visit.now_ms,
        failed.status,
        visit=visit,
        may_change=may_change,
        said=_SAID.get(visit.request.query.get("said", "")),
        failed=failed,
        keys=keys[:MOST_KEYS],
        dsns=dsns,
        more_keys=len(keys[MOST_KEYS:]),
        teams=offered(teams, project.teams),
        more_teams=max(0, len(teams) - len(offered(teams, project.teams))),
        chosen=chosen,
        webhooks=[
            (each, webhooks.shown_url(each, path=may_change), _state(each))
            for each in webhooks_store.list_webhooks(project.id)
        ],
        attempts=webhooks.recent_attempts(project.id, ATTEMPTS, visit.now_ms),
        default_days=settings().retention_days,
        most_rate=projects.MAX_RATE_LIMIT,
        most_days=projects.MAX_RETENTION_DAYS,
        dsn=newest,
        snippets=snippets(url, NO_KEY, newest or NO_DSN),
    )


def _state(webhook: Webhook) -> tuple[str, int | None]:
    """Return the state of a webhook, and since when it is in it."""
    if webhook.disabled_at:
        return f"disabled: {webhook.disabled_reason}", webhook.disabled_at
    return ("failing", webhook.failing_since) if webhook.failing_since else ("enabled", None)


# ------------------------------------------------------------------ actions


def _save(visit: Visit, _: str) -> Response:
    project = visit.project
    name = visit.request.form.get("name", "").strip()
    days = whole_number(visit, "retention_days", "retention")
    retention: int | projects.Default = "default" if days is None else days
    # Check everything before the first change. set_project_teams checks the teams itself.
    projects.check_texts(name=name)
    projects.check(None, retention)
    if chosen_teams(visit) != project.teams:
        members.set_project_teams(project.id, chosen_teams(visit))
    if name != project.name:
        projects.rename(project.id, name)
    if days != project.retention_days:
        projects.change(project.id, None, retention)
    return _done(visit, "saved")


def _rate(visit: Visit, _: str) -> Response:
    rate = whole_number(visit, "rate_limit", "rate limit")
    if rate is None:
        raise InvalidInputError({"rate_limit": ["Enter a number of requests per minute."]})
    _project, unmetered = usage_keys.change_project(
        gateway(visit.request), visit.project.id, rate, None
    )
    return _done(visit, "saved" if gateway_agreed(unmetered) else "unmetered")


def _create_key(visit: Visit, kind: str) -> Response:
    label = visit.request.form.get("label", "").strip()
    record, key, unmetered = usage_keys.create_key(
        gateway(visit.request), visit.project.id, label, public=kind == "dsn"
    )
    if record.public:
        return _done(visit, "dsn" if gateway_agreed(unmetered) else "dsn-unmetered")
    return show_key(visit, f"New key: {record.label}", key, unmetered, _back(visit))


def _revoke(visit: Visit, key_id: str) -> Response:
    _, undeleted = usage_keys.revoke_key(visit.project.id, key_id)
    gateway_agreed(undeleted)
    return _done(visit, "revoked")


def _add_webhook(visit: Visit, _: str) -> Response:
    url = visit.request.form.get("url", "").strip()
    webhook, secret = webhooks.add(visit.project.id, url)
    title = f"New webhook: {webhooks.shown_url(webhook)}"
    return show_secret(visit, title, secret, _back(visit))


def _rotate(visit: Visit, webhook_id: str) -> Response:
    secret = webhooks.rotate(visit.project.id, webhook_id)
    title = "New signing secret. The old one also signs for 24 hours."
    return show_secret(visit, title, secret, _back(visit))


def _enable(visit: Visit, webhook_id: str) -> Response:
    webhooks.enable(visit.project.id, webhook_id)
    return _done(visit, "enabled")


def _remove(visit: Visit, webhook_id: str) -> Response:
    webhooks.remove(visit.project.id, webhook_id)
    return _done(visit, "removed")


def _test(visit: Visit, webhook_id: str) -> Response:
    webhooks.test(visit.project.id, webhook_id)
    return _done(visit, "sent")


def _redeliver(visit: Visit, attempt_id: str) -> Response:
    if not UUID.fullmatch(attempt_id):
        raise NotFoundError("This delivery does not exist.")
    webhooks.redeliver(visit.project.id, attempt_id)
    return _done(visit, "sent")


def _clear(visit: Visit, _: str) -> Response:
    _check_typed(visit, "name_to_clear")
    clear_project.clear(visit.project.id)
    return _done(visit, "cleared")


def _delete(visit: Visit, _: str) -> Response:
    _check_typed(visit, "name_to_delete")
    gateway_agreed(delete_project.delete_project(visit.project.id, gateway(visit.request)))
    return redirect(f"{visit.request.root}projects")


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


def _check_typed(visit: Visit, field: str) -> None:
    if visit.request.form.get(field, "").strip() != visit.project.name.strip():
        raise InvalidInputError({field: ["That is not the project's name. Nothing was deleted."]})


def _done(visit: Visit, said: str) -> Response:
    return redirect(f"{visit.request.root}projects/{visit.project.id}/settings?said={said}")


def _back(visit: Visit) -> tuple[str, str]:
    return f"projects/{visit.project.id}/settings", "Back to the settings"
