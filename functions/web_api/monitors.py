"""Cron monitors of a project or an organization, and their runs."""

from itertools import groupby

from errata.models.project import Project
from errata.store.projects import some_projects
from errata.usecases import monitors
from functions.web_api import cursors
from functions.web_api.context import Context
from functions.web_api.monitor_schemas import MonitorSchema, check_in_schema, monitor_schema
from functions.web_api.request import ApiResponse


def list_of_organization(context: Context, organization: str) -> ApiResponse:
    """Return the monitors of the projects that the token sees, by project and name.

    A page ends after a project.
    """
    owner, size = context.check_organization(organization), cursors.per_page(context)
    if names := context.query.getlist("project"):
        chosen = context.projects(organization, names)
    else:
        listed, _ = some_projects(owner, "", pages=None)
        chosen = [each for each in listed if context.bearer.sees(each)]
    after = cursors.start(context)
    if after.isascii() and after.isdecimal():
        chosen = [each for each in chosen if int(each.id) > int(after[:18])]
    content: list[MonitorSchema] = []
    watched = sorted((each for each in chosen if each.monitors), key=lambda each: int(each.id))
    for project in watched:
        content += _of_project(project)
        if len(content) >= size and project is not watched[-1]:
            return cursors.page(context, content, project.id)
    return cursors.page(context, content, "")


def list_of_project(context: Context, organization: str, project: str) -> ApiResponse:
    """Return the monitors of a project, by name."""
    return cursors.page(context, _of_project(context.project(organization, project)), "")


def show(context: Context, organization: str, project: str, monitor: str) -> ApiResponse:
    """Return a monitor, with all its environments."""
    found = context.project(organization, project)
    return ApiResponse(monitor_schema(found, monitors.find(found.id, monitor)))


def list_check_ins(context: Context, organization: str, project: str, monitor: str) -> ApiResponse:
    """Return the newest runs of a monitor, newest first. With `environment`, only those in it."""
    found = context.project(organization, project)
    environment = context.query.get("environment") or None
    runs = [
        (each, run)
        for each in monitors.find(found.id, monitor, environment)
        for run in reversed(each.runs)
    ]
    runs.sort(key=lambda pair: -pair[1].at_ms)
    shown = runs[: cursors.per_page(context)]
    return cursors.page(context, [check_in_schema(*each) for each in shown], "")


def delete(context: Context, organization: str, project: str, monitor: str) -> ApiResponse:
    """Delete a monitor. With `environment`, only in that one. Its issues stay."""
    found = context.project(organization, project)
    context.must_administer()
    environments: list[str | None] = [*context.query.getlist("environment")]
    for environment in environments or [None]:
        monitors.delete(found.id, monitor, environment)
    return ApiResponse(status=202)


def _of_project(project: Project) -> list[MonitorSchema]:
    """Return the monitors of a project. They are sorted by slug. Makes one call."""
    found = monitors.of_project(project.id)
    by_slug = groupby(found, key=lambda each: each.slug)
    return [monitor_schema(project, list(same)) for _, same in by_slug]
