"""Delete a project for good.

The project's row is deleted last, so that an interrupted deletion can be repeated. Each step may
run twice. A key works for as long as authorizers cache it. The watermark is set that far into the
future, so it also hides events that arrive until then. `digest` deletes these.
"""

from errata.errors import UnavailableError
from errata.models.gateway_key import Gateway
from errata.models.ids import floor_id, now_ms
from errata.models.times import DELETED_AHEAD_MS
from errata.models.visible import Watermark
from errata.store import watermarks, webhooks
from errata.store.legacy import LAST_LEGACY_ID
from errata.store.projects import remove_project
from errata.usecases import clear_project, projects, usage_keys
from errata.usecases.usage_keys import Unmetered


def delete_project(project_id: str, gateway: Gateway | None = None) -> Unmetered:
    """Delete a project: its keys, webhooks, events, issues and settings.

    Takes effect within 30 seconds. Keeps the records of keys, so that no project can use them
    again, and delivery attempts until they expire. With a `gateway`, also deletes gateway keys that
    no record names. Returns the error if a gateway key could not be deleted. Such a key has no
    effect.

    Raises:
        NotFoundError: there is no such project.
        UnavailableError: events arrived too fast to move the watermark; try again.
    """
    undeleted: Unmetered = None
    for key in projects.list_keys(project_id):
        _, failed = usage_keys.revoke_key(project_id, key.id)
        undeleted = undeleted or failed
    if gateway:
        undeleted = usage_keys.delete_gateway_keys(gateway, project_id)
    for webhook in webhooks.list_webhooks(project_id):
        webhooks.remove_webhook(project_id, webhook.id)
    _hide_everything(project_id)
    remove_project(project_id, now_ms())
    return undeleted


def _hide_everything(project_id: str) -> None:
    for before, counter in clear_project.current_state(project_id):
        everything = Watermark(
            generation=before.generation + 1,
            through=floor_id(now_ms() + DELETED_AHEAD_MS),
            legacy_through=LAST_LEGACY_ID,
        )
        if watermarks.move_watermark(project_id, everything, counter.last_id):
            return
    raise UnavailableError
