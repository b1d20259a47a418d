"""Delete a project permanently.

The project's row is deleted last, so that an interrupted deletion can be repeated. Each step may
run twice. A key works for as long as authorizers cache it. The watermark is set that far into the
future, so it also hides events that arrive until then. `digest` deletes these.
"""

from collections.abc import Iterable

from errata.errors import NotFoundError, UnavailableError
from errata.models.gateway_key import Gateway
from errata.models.ids import floor_id, now_ms
from errata.models.project import Project
from errata.models.times import DELETED_AHEAD_MS
from errata.models.visible import Watermark
from errata.store import artifacts, captures, watermarks, webhooks
from errata.store.legacy import LAST_LEGACY_ID
from errata.store.projects import find_project, remove_project
from errata.store.retry import attempts
from errata.usecases import audit, clear_project, monitors, projects, usage_keys
from errata.usecases.usage_keys import Unmetered

_TRIES = 6


@audit.recorded("project deleted")
def delete_project(project_id: str, gateway: Gateway | None = None) -> Unmetered:
    """Delete a project: its keys, webhooks, monitors, events, issues, source maps and settings.

    Takes effect within 30 seconds. Keeps the records of keys, so that no project can use them
    again, and delivery attempts until they expire. With a `gateway`, also deletes gateway keys that
    no record names. Returns the error if a gateway key could not be deleted. Such a key has no
    effect.

    Raises:
        NotFoundError: there is no such project.
        UnavailableError: events arrived too fast to move the watermark; try again.
    """
    project = projects.find(project_id)
    undeleted: Unmetered = None
    for key in projects.list_keys(project_id):
        _, failed = usage_keys.revoke_key(project_id, key.id)
        undeleted = undeleted or failed
    if gateway:
        undeleted = usage_keys.delete_gateway_keys(gateway, project_id)
    for group in captures.list_groups(project_id):
        captures.remove_group(project_id, group.name)
    monitors.delete_all(project_id)
    for webhook in webhooks.list_webhooks(project_id):
        webhooks.remove_webhook(project_id, webhook.id)
    _hide_everything(project_id)
    artifacts.mark_deleted(project_id, now_ms())
    for _ in attempts(_TRIES):
        if remove_project(project, now_ms()):
            return undeleted
        # Its slug has changed, or somebody else has deleted it.
        found = find_project(project_id)
        if found is None:
            return undeleted
        project = found
    raise UnavailableError


def delete_unclaimed(found: Iterable[Project]) -> list[str]:
    """Delete the projects of this list that are still unclaimed. Return their ids.

    If this is interrupted, call it again with a new list.

    Raises:
        UnavailableError: events arrived too fast to move the watermark; try again.
    """
    deleted = []
    for each in found:
        try:
            if projects.find(each.id).unclaimed:
                delete_project(each.id)
                deleted.append(each.id)
        except NotFoundError:
            continue  # it has expired, or somebody else has deleted it
    return deleted


def _hide_everything(project_id: str) -> None:
    for before, counter in clear_project.current_state(project_id):
        everything = Watermark(
            generation=before.generation + 1,
            through=floor_id(now_ms() + DELETED_AHEAD_MS),
            legacy_through=LAST_LEGACY_ID,
            thresholds=before.thresholds,
        )
        if watermarks.move_watermark(project_id, everything, counter.last_id):
            return
    raise UnavailableError
