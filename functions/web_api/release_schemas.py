"""Releases and deploys, as the web API takes and returns them.

Source: Sentry's API documentation, "Create a New Release" and "Create a Deploy".
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from errata.models.announced import Deploy
from errata.models.project import Project
from errata.store.events import release_hash
from errata.usecases.announced import KnownRelease
from functions.web_api.fields import Form, Time, time, time_or_none
from functions.web_api.projects import slug
from functions.web_api.schemas import Schema

_MAX_VERSION, _MAX_URL = 250, 500


class ProjectOfRelease(Schema):
    """A project that knows a release, and how many issues the release has opened in it."""

    id: str
    slug: str
    name: str
    new_groups: int
    platform: None = None


class DeploySchema(Schema):
    """That a release was deployed to an environment."""

    id: str
    environment: str
    name: str | None
    url: str | None
    date_started: Time | None
    date_finished: Time | None


class ReleaseSchema(Schema):
    """A release, in the projects that know it. Errata knows no commits."""

    id: str
    version: str
    short_version: str
    ref: None = None
    url: str | None
    status: Literal["open"] = "open"
    date_created: Time
    date_released: Time | None
    first_event: Time | None
    last_event: Time | None
    new_groups: int
    events: int
    commit_count: Literal[0] = 0
    last_commit: None = None
    authors: list[str] = []
    deploy_count: int
    last_deploy: DeploySchema | None
    projects: list[ProjectOfRelease]


class ReleaseForm(Form):
    """A release to announce, in these projects: slugs or ids."""

    version: Annotated[str, Field(min_length=1, max_length=_MAX_VERSION)]
    projects: Annotated[list[str | int], Field(min_length=1, max_length=50)]
    url: Annotated[str | None, Field(max_length=_MAX_URL)] = None
    date_started: datetime | None = None
    date_released: datetime | None = None


class ProjectReleaseForm(Form):
    """A release to announce in the project of the path."""

    version: Annotated[str, Field(min_length=1, max_length=_MAX_VERSION)]
    url: Annotated[str | None, Field(max_length=_MAX_URL)] = None
    date_started: datetime | None = None
    date_released: datetime | None = None


class ReleaseUpdate(Form):
    """What to change of a release. It is announced in those of `projects` that do not know it."""

    projects: Annotated[list[str | int] | None, Field(max_length=50)] = None
    url: Annotated[str | None, Field(max_length=_MAX_URL)] = None
    date_released: datetime | None = None
    status: Literal["open"] | None = None


class DeployForm(Form):
    """A deploy. `projects`: where; by default, in all that know the release."""

    environment: Annotated[str, Field(min_length=1, max_length=64)]
    name: Annotated[str | None, Field(max_length=64)] = None
    url: Annotated[str | None, Field(max_length=_MAX_URL)] = None
    date_started: datetime | None = None
    date_finished: datetime | None = None
    projects: Annotated[list[str | int] | None, Field(max_length=50)] = None


def release_schema(found: Sequence[KnownRelease], projects: Mapping[str, Project]) -> ReleaseSchema:
    """Return a release. `found` has it in each project that knows it, at least one."""
    seen = [each.release for each in found if each.release]
    announced = [each.announced for each in found if each.announced]
    deploys = {deploy for each in announced for deploy in each.deploys}
    last = max(deploys, key=_order, default=None)
    name = found[0].name
    return ReleaseSchema(
        id=release_hash(name),
        version=name,
        short_version=name.rpartition("@")[2] or name,
        url=next((each.url for each in announced if each.url), None),
        date_created=time(min(each.created_at for each in found)),
        date_released=time_or_none(max(each.released_at for each in found)),
        first_event=time(min(each.first_seen for each in seen)) if seen else None,
        last_event=time(max(each.last_seen for each in seen)) if seen else None,
        new_groups=sum(each.issues_opened for each in seen),
        events=sum(each.events for each in seen),
        deploy_count=len(deploys),
        last_deploy=deploy_schema(last) if last else None,
        projects=[_project(projects[each.project_id], each) for each in found],
    )


def deploy_schema(deploy: Deploy) -> DeploySchema:
    """Return a deploy."""
    return DeploySchema(
        id=str(deploy.id),
        environment=deploy.environment,
        name=deploy.name or None,
        url=deploy.url or None,
        date_started=time_or_none(deploy.started_at),
        date_finished=time_or_none(deploy.finished_at),
    )


def _order(deploy: Deploy) -> tuple[int, int]:
    return deploy.finished_at or deploy.started_at, deploy.id


def _project(project: Project, known: KnownRelease) -> ProjectOfRelease:
    new = known.release.issues_opened if known.release else 0
    return ProjectOfRelease(id=project.id, slug=slug(project), name=project.name, new_groups=new)
