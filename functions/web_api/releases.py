"""Releases: announce, finalize, deploy, list."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from errata.errors import BadRequestError, NotFoundError
from errata.models.announced import ReleaseChange
from errata.models.project import Project
from errata.models.visible import Visible
from errata.store.projects import some_projects
from errata.store.watermarks import find_watermarks
from errata.usecases import announced
from errata.usecases.across import in_parallel
from errata.usecases.announced import KnownRelease
from errata.usecases.projects import operator_access
from errata.usecases.visible import make_visible
from functions.web_api import cursors
from functions.web_api.context import Context
from functions.web_api.fields import milliseconds
from functions.web_api.release_schemas import (
    DeployForm,
    ProjectReleaseForm,
    ReleaseForm,
    ReleaseUpdate,
    deploy_schema,
    release_schema,
)
from functions.web_api.request import ApiResponse

# Projects whose releases a page lists. Each may read 2 MB.
_PROJECTS_A_PAGE = 10
_MOST_PROJECTS = 200
# Tools send the commits of a release with the files that each has changed.
_MAX_BODY_BYTES = 4 * 1024 * 1024
_NO_RELEASE = "This release does not exist, or the token does not see its projects."


def create(context: Context, organization: str) -> ApiResponse:
    """Announce a release in some projects. No-op for those that know it."""
    form = context.read(ReleaseForm, _MAX_BODY_BYTES)
    projects = context.projects(organization, form.projects)
    return _announce(context, projects, form)


def create_of_project(context: Context, organization: str, project: str) -> ApiResponse:
    """Announce a release in a project. No-op if the project knows it."""
    form = context.read(ProjectReleaseForm, _MAX_BODY_BYTES)
    return _announce(context, [context.project(organization, project)], form)


def update(context: Context, organization: str, version: str) -> ApiResponse:
    """Set the URL of a release, or when it was released."""
    form = context.read(ReleaseUpdate, _MAX_BODY_BYTES)
    named = context.projects(organization, form.projects or [])
    known = _find(context, organization, version, [])
    knowing = [known.projects[each.project_id] for each in known.found]
    projects = {each.id: each for each in (*named, *knowing)}
    return _update(context, list(projects.values()), version, form, named)


def update_of_project(
    context: Context, organization: str, project: str, version: str
) -> ApiResponse:
    """Set the URL of a release of a project, or when it was released."""
    form = context.read(ReleaseUpdate, _MAX_BODY_BYTES)
    return _update(context, [context.project(organization, project)], version, form, [])


def show(context: Context, organization: str, version: str) -> ApiResponse:
    """Return a release."""
    return _shown(_must_find(context, organization, version, []))


def show_of_project(context: Context, organization: str, project: str, version: str) -> ApiResponse:
    """Return a release of a project."""
    some = [context.project(organization, project)]
    found = announced.find(_visibles(context, some), version)
    if not found:
        raise NotFoundError(_NO_RELEASE)
    return _shown(_FoundRelease(found, {some[0].id: some[0]}))


def list_deploys(context: Context, organization: str, version: str) -> ApiResponse:
    """Return the deploys of a release, newest first."""
    known = _must_find(context, organization, version, [])
    deploys = {d for each in known.found if each.announced for d in each.announced.deploys}
    ordered = sorted(deploys, key=lambda each: (each.finished_at, each.id), reverse=True)
    return cursors.page(context, [deploy_schema(each) for each in ordered], "")


def deploy(context: Context, organization: str, version: str) -> ApiResponse:
    """Record that a release was deployed to an environment. The same deploy is recorded once."""
    form = context.read(DeployForm)
    context.must_release()
    wanted = announced.deploy(
        form.environment,
        form.name or "",
        form.url or "",
        _ms(form.date_started) or 0,
        _ms(form.date_finished) or context.now_ms,
    )
    known = _must_find(context, organization, version, form.projects or [])
    for each in known.found:
        project = known.projects[each.project_id]
        visible = _visible(context, project)
        after = announced.change(visible, version, ReleaseChange(deploy=wanted))
    done = after.announced.deploys[-1] if after.announced else wanted
    return ApiResponse(deploy_schema(done), 201)


def no_commits(context: Context, organization: str, version: str) -> ApiResponse:
    """Return the commits of a release: none. Errata knows no commits."""
    _must_find(context, organization, version, [])
    return cursors.page(context, [], "")


def no_release_before(context: Context, organization: str, version: str) -> ApiResponse:
    """Return the previous release with commits: none. Errata knows no commits."""
    context.check_organization(organization)
    return ApiResponse({})


def no_repositories(context: Context, organization: str) -> ApiResponse:
    """Return the repositories of an organization: none. Errata knows no commits."""
    context.check_organization(organization)
    return cursors.page(context, [], "")


# ------------------------------------------------------------------ one release


@dataclass(frozen=True, slots=True)
class _FoundRelease:
    """A release in the projects that know it, and all projects by id."""

    found: list[KnownRelease]
    projects: dict[str, Project]


def _find(
    context: Context, organization: str, version: str, names: Sequence[str | int]
) -> _FoundRelease:
    """Return a release in the projects that the token sees, or in those named."""
    some = context.projects(organization, names) if names else _seen(context, organization)
    return _FoundRelease(
        announced.find(_visibles(context, some), version), {each.id: each for each in some}
    )


def _must_find(
    context: Context, organization: str, version: str, names: Sequence[str | int]
) -> _FoundRelease:
    """Return what `_find` returns.

    Raises:
        NotFoundError: no project knows the release.
    """
    known = _find(context, organization, version, names)
    if not known.found:
        raise NotFoundError(_NO_RELEASE)
    return known


def _shown(known: _FoundRelease) -> ApiResponse:
    return ApiResponse(release_schema(known.found, known.projects))


def _seen(context: Context, organization: str) -> list[Project]:
    owner = context.check_organization(organization)
    listed, _ = some_projects(owner, "", pages=None)
    return list(islice((each for each in listed if context.bearer.sees(each)), _MOST_PROJECTS))


def _visibles(context: Context, some: Sequence[Project]) -> list[Visible]:
    """Return what the token may see of some projects. Makes one call for a hundred."""
    limits = find_watermarks(each.id for each in some)
    return [
        context.as_bearer(make_visible(operator_access(each), limits[each.id], context.now_ms))
        for each in some
    ]


def _visible(context: Context, project: Project) -> Visible:
    """Return what the token may see of a project, in the role in which it may release."""
    return replace(context.visible(project), role=context.bearer.own_role)


def _announce(
    context: Context, projects: list[Project], form: ReleaseForm | ProjectReleaseForm
) -> ApiResponse:
    context.must_release()
    wanted = ReleaseChange(url=form.url, released_at=_ms(form.date_released))
    found, is_new = [], False
    for project in projects:
        created_at = _ms(form.date_started) or context.now_ms
        visible = _visible(context, project)
        known, new = announced.announce(visible, form.version, created_at, wanted)
        found.append(known)
        is_new = is_new or new
    content = release_schema(found, {each.id: each for each in projects})
    return ApiResponse(content, 201 if is_new else 208)


def _update(
    context: Context,
    projects: list[Project],
    version: str,
    form: ReleaseUpdate,
    named: list[Project],
) -> ApiResponse:
    """Change a release in these projects. Those that were named need not know it."""
    context.must_release()
    if not projects:
        raise NotFoundError(_NO_RELEASE)
    released_at = _ms(form.date_released)
    if "date_released" in form.model_fields_set and released_at is None:
        released_at = 0
    wanted = ReleaseChange(url=form.url, released_at=released_at)
    found = []
    for project in projects:
        visible = _visible(context, project)
        if project in named:
            known, _ = announced.announce(visible, version, context.now_ms, wanted)
        else:
            known = announced.change(visible, version, wanted)
        found.append(known)
    return ApiResponse(release_schema(found, {each.id: each for each in projects}))


def _ms(at: datetime | None) -> int | None:
    return milliseconds(at) if at else None


# ------------------------------------------------------------------ lists


@dataclass(frozen=True, slots=True)
class _Start:
    """Where a page of releases starts. A list has parts, each with the releases of some projects.

    Attributes:
        offset: how many releases of the part were shown before.
        after: the part has projects with ids above this one.
        behind: instead, it has these projects, and releases behind a hash of each.
    """

    offset: int = 0
    after: str = ""
    behind: tuple[tuple[str, str], ...] = ()


def list_of_project(context: Context, organization: str, project: str) -> ApiResponse:
    """Return the releases of a project, newest first."""
    return _list(context, [context.project(organization, project)])


def list_of_organization(context: Context, organization: str) -> ApiResponse:
    """Return the releases of the projects that the token sees, or of those named by `project`."""
    names = [each for each in context.query.getlist("project") if each != "-1"]
    return _list(
        context,
        context.projects(organization, names) if names else _seen(context, organization),
    )


def _list(context: Context, projects: list[Project]) -> ApiResponse:
    """Return a page of the releases of projects. They come in parts, each sorted by itself."""
    start, size = _start(context), cursors.per_page(context)
    by_id = {each.id: each for each in projects}
    some = {by_id[each]: hashed for each, hashed in start.behind if each in by_id}
    if not some:
        later = [each for each in projects if not start.after or int(each.id) > int(start.after)]
        some = dict.fromkeys(later[:_PROJECTS_A_PAGE], "")
    visibles = _visibles(context, list(some))
    listed = in_parallel(
        lambda each: announced.list_known(each[0], each[1]),
        list(zip(visibles, some.values(), strict=True)),
    )
    by_name: dict[str, list[KnownRelease]] = defaultdict(list)
    for each in listed:
        for known in each.found:
            by_name[known.name].append(known)
    wanted = context.query.get("query", "").casefold()
    found = [each for name, each in by_name.items() if wanted in name.casefold()]
    found.sort(key=lambda each: (_date(each), each[0].name), reverse=True)
    shown = found[start.offset : start.offset + size]
    following = ""
    if len(found) > start.offset + size:
        following = _to_text(replace(start, offset=start.offset + size))
    else:
        left = tuple(
            (project.id, each.end) for project, each in zip(some, listed, strict=True) if each.end
        )
        last = max((*map(_number, some), int(start.after or 0)))
        more = any(int(each.id) > last for each in projects)
        if left or more:
            following = _to_text(_Start(after=str(last), behind=left))
    content = [release_schema(each, by_id) for each in shown]
    return cursors.page(context, content, following)


def _number(project: Project) -> int:
    return int(project.id)


def _date(found: Sequence[KnownRelease]) -> int:
    """Return when a release was released, or else created."""
    return max(each.released_at for each in found) or min(each.created_at for each in found)


def _to_text(start: _Start) -> str:
    return json.dumps([start.offset, start.after, start.behind], separators=(",", ":"))


def _start(context: Context) -> _Start:
    text = cursors.start(context)
    if not text:
        return _Start()
    try:
        match json.loads(text):
            case [int() as offset, str() as after, [*behind]] if 0 <= offset < 10**6 and (
                not after or (after.isascii() and after.isdecimal() and len(after) < 19)
            ):
                pairs = tuple((str(project), str(hashed)) for project, hashed in behind)
                return _Start(offset, after, pairs)
    except (ValueError, TypeError, RecursionError):
        pass
    raise BadRequestError("The cursor is not valid. Start again without one.")
