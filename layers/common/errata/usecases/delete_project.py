"""Delete a project for good.

The project itself goes last, so that whatever was cut off can be begun again, and each step may be
done twice. A key goes on opening the project for as long as meters remember it; what comes in
meanwhile is behind the watermark too, which is put that far ahead, and the cleanup worker goes over
it once more when that time has passed.
"""

from errata.errors import UnavailableError
from errata.models.ids import floor_id, now_ms
from errata.store import projects as store
from errata.store import watermarks, webhooks
from errata.store.events import CLEAR_MARGIN_MS
from errata.store.gateway_keys import Gateway
from errata.store.legacy import LAST_LEGACY_ID
from errata.store.watermarks import Watermark
from errata.usecases import clear_project, projects, usage_keys
from errata.usecases.ttl_cache import CACHE_TTL_MS
from errata.usecases.usage_keys import Unmetered

# Behind the last key that opens it comes the last function that it opened: half of this is both.
AHEAD_MS = 2 * (CACHE_TTL_MS + CLEAR_MARGIN_MS)


def delete_project(project_id: str, gateway: Gateway | None = None) -> Unmetered:
    """Delete a project: its keys, webhooks, events, issues and settings. Acts within 30 seconds.

    The keys' records stay, so that they open nothing again, and attempts at its webhooks until they
    expire. With a `gateway`, gateway keys go that no record names any more, too. Returns why one is
    still there, if one is; it opens nothing.

    Raises:
        NotFoundError: there is no such project.
        UnavailableError: events came too fast to move the watermark; do it again.
    """
    undeleted: Unmetered = None
    for key in projects.list_keys(project_id):
        _, failed = usage_keys.revoke_key(project_id, key.id)
        undeleted = undeleted or failed
    if gateway:
        undeleted = usage_keys.delete_gateway_keys(gateway, project_id)
    for endpoint in webhooks.list_endpoints(project_id):
        webhooks.remove_endpoint(project_id, endpoint.id)
    _hide_everything(project_id)
    store.delete_project(project_id, now_ms())
    return undeleted


def _hide_everything(project_id: str) -> None:
    for before, counter in clear_project.standing(project_id):
        everything = Watermark(
            generation=before.generation + 1,
            through=floor_id(now_ms() + AHEAD_MS),
            legacy_through=LAST_LEGACY_ID,
        )
        if watermarks.move_watermark(project_id, everything, counter.last_id):
            return
    raise UnavailableError
