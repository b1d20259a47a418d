"""Say which log records of a project become events."""

from dataclasses import replace

from errata.models.project import Project
from errata.store.projects import save_settings
from errata.usecases import audit, projects


@audit.recorded("log records changed", log_errors=projects.on_off)
def change(project_id: str, log_errors: bool) -> Project:
    """Say whether log records of level error become events. Takes effect within 30 seconds.

    Raises:
        NotFoundError: there is no such project.
    """
    before = projects.find_to_change(project_id)
    project = replace(before, log_errors=log_errors)
    save_settings(before, project)
    return project
