"""Cron monitors: list, show and delete them.

`errata.usecases.watch_monitors` writes them. The schedule of a deleted monitor finds nothing, and
ends.
"""

from collections.abc import Sequence

from errata.errors import NotFoundError, UnavailableError
from errata.models.monitor import Monitor
from errata.store import monitors as store
from errata.store.retry import attempts
from errata.usecases import audit

_TRIES = 6


def of_project(project_id: str) -> list[Monitor]:
    """Return the monitors of a project with their newest runs, by slug and environment."""
    return store.list_monitors(project_id)


def find(project_id: str, slug: str, environment: str | None = None) -> list[Monitor]:
    """Return the monitors with a slug, of one or of all environments.

    Raises:
        NotFoundError: there is none.
    """
    if environment is None:
        found: Sequence[Monitor | None] = of_project(project_id)
    else:
        found = [store.find_monitor(project_id, slug, environment)]
    matching = [each for each in found if each and each.slug == slug]
    if not matching:
        where = f" in {environment}" if environment else ""
        raise NotFoundError(f"Project {project_id} has no monitor {slug}{where}.")
    return matching


@audit.recorded("monitor deleted", "slug", "environment")
def delete(project_id: str, slug: str, environment: str | None = None) -> list[Monitor]:
    """Delete the monitors with a slug, of one or of all environments. Keeps their issues.

    A later check-in makes a new monitor. Returns the deleted ones.

    Raises:
        NotFoundError: there is none.
        UnavailableError: there was a conflict on every try.
    """
    found = find(project_id, slug, environment)
    for each in found:
        _delete(each)
    return found


def delete_all(project_id: str) -> None:
    """Delete all monitors of a project. No-op if it has none.

    Raises:
        UnavailableError: there was a conflict on every try.
    """
    for each in of_project(project_id):
        _delete(each)


def _delete(monitor: Monitor) -> None:
    key = (monitor.project_id, monitor.slug, monitor.environment)
    for _ in attempts(_TRIES):
        if store.remove_monitor(*key) or store.find_monitor(*key) is None:
            return
    raise UnavailableError
