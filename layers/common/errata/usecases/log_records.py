"""Set whether log records of a project become events."""

from errata.models.project import Project
from errata.usecases import audit, projects


@audit.recorded("log records changed", log_errors=projects.on_off)
def change(project_id: str, log_errors: bool) -> Project:
    """Set whether log records of level error become events. Takes effect within 30 seconds.

    Raises:
        NotFoundError: there is no such project.
    """
    return projects.save_changes(project_id, log_errors=log_errors)
