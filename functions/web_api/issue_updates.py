"""Change issues: one by its path, many by their ids or by a search."""

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from errata.errors import InvalidInputError, NotFoundError, ServiceUnavailableError
from errata.models.assignee import NOBODY
from errata.models.issue import Issue
from errata.models.issue_change import ASSIGN, DELETE, BulkChange, Change
from errata.models.project import Project
from errata.models.visible import Visible
from errata.protocol.change_issues import summary
from errata.store.members import list_members, user_hash
from errata.store.projects import some_projects
from errata.usecases import assignees, change_issues, issues, merge, rights, short_ids
from functions.web_api import queries
from functions.web_api.context import Context
from functions.web_api.found import find_issue
from functions.web_api.issue_schemas import api_id, is_issue_id, split_issue_id
from functions.web_api.issues import details, is_named
from functions.web_api.request import ApiResponse
from functions.web_api.update_schemas import (
    BulkForm,
    BulkResult,
    IssueForm,
    MergeSchema,
    StatusDetailsForm,
    change_schema,
    link_change,
    status_change,
)

# Seconds that a request works. Its last slice may take a few more.
WORK_S = 12
_MOST_PROJECTS = 20
_USER, _TEAM = "user:", "team:"


class UnfinishedError(ServiceUnavailableError):
    """There are more issues than one request can change. The same request continues."""

    def __init__(self, done: str) -> None:
        super().__init__()
        self.message = f"{done} There are more: send the same request again to continue."


def update(context: Context, issue: str, organization: str = "") -> ApiResponse:
    """Resolve, ignore, reopen, assign or link an issue. Returns it."""
    form, found = context.read(IssueForm), find_issue(context, issue, organization)
    rights.check(found.visible, "settle")
    for change in _changes(context, form, found.project, found.visible):
        issues.change(found.visible, found.issue.id, change, context.bearer.name)
    return ApiResponse(details(context, find_issue(context, issue, organization)))


def delete(context: Context, issue: str, organization: str = "") -> ApiResponse:
    """Delete an issue with all that is merged into it."""
    found = find_issue(context, issue, organization)
    issues.delete(found.visible, found.issue.id, context.bearer.name)
    return ApiResponse(status=202)


def update_of_project(context: Context, organization: str, project: str) -> ApiResponse:
    """Change issues of a project: those with the ids `id`, or all that match `query`."""
    found = context.project(organization, project)
    return _update(context, [found])


def update_of_organization(context: Context, organization: str) -> ApiResponse:
    """Change issues of an organization, as those of a project."""
    return _update(context, _projects(context, organization))


def delete_of_project(context: Context, organization: str, project: str) -> ApiResponse:
    """Delete issues of a project: those with the ids `id`, or all that match `query`."""
    return _delete(context, [context.project(organization, project)])


def delete_of_organization(context: Context, organization: str) -> ApiResponse:
    """Delete issues of an organization, as those of a project."""
    return _delete(context, _projects(context, organization))


def show_change(context: Context, organization: str, project: str, change: str) -> ApiResponse:
    """Return how far a bulk change is."""
    visible = context.visible(context.project(organization, project))
    return ApiResponse(change_schema(change_issues.find(visible, change)))


def undo(context: Context, organization: str, project: str, change: str) -> ApiResponse:
    """Undo a bulk change: restore what it has changed."""
    visible = context.visible(context.project(organization, project))
    rights.check(visible, "settle")
    undone_by = hashlib.sha256(f"undo\0{change}".encode("utf-8", "replace")).hexdigest()[:32]
    bulk = change_issues.undo(visible, change, undone_by, context.bearer.name)
    return ApiResponse(change_schema(_finish(visible, bulk, time.monotonic() + WORK_S)))


# ------------------------------------------------------------------ which issues


@dataclass(frozen=True, slots=True)
class _Selected:
    """The issues of a project that a request selects: these, or all that match a query."""

    project: Project
    visible: Visible
    found: list[Issue]
    query: str | None = None


def _projects(context: Context, organization: str) -> list[Project]:
    """Return the projects whose issues a request may select."""
    owner = context.check_organization(organization)
    ids = context.query.getlist("id")
    _, of_query = queries.translated(context.query.get("query", ""))
    names = [each for each in context.query.getlist("project") if each != "-1"] or of_query
    if ids:
        names = [split_issue_id(each)[0] for each in ids if is_issue_id(each)]
    if names or ids:
        if len(set(names)) > _MOST_PROJECTS:
            raise _too_many()
        found = []
        for name in dict.fromkeys(names):
            try:
                found.append(context.project(owner, name))
            except NotFoundError:
                continue  # "If any IDs are out of scope this operation will succeed"
        return found
    listed, _ = some_projects(owner, "", pages=None)
    seen = [each for each in listed if context.bearer.sees(each)]
    if len(seen) > _MOST_PROJECTS:
        raise _too_many()
    return seen


def _too_many() -> InvalidInputError:
    message = f"Name at most {_MOST_PROJECTS} projects, by `project`."
    return InvalidInputError({"project": [message]})


def _selected(context: Context, projects: list[Project]) -> Iterator[_Selected]:
    """Yield the issues that a request selects, by project."""
    ids = context.query.getlist("id")
    if len(ids) > change_issues.MAX_SELECTED:
        message = f"Give at most {change_issues.MAX_SELECTED:,} ids, or a query."
        raise InvalidInputError({"id": [message]})
    text, of_query = queries.translated(
        " ".join(filter(None, (_status_of(context), context.query.get("query", ""))))
    )
    numbers: dict[str, list[int]] = {}
    for project_id, number in (split_issue_id(each) for each in ids if is_issue_id(each)):
        numbers.setdefault(project_id, []).append(number)
    for project in projects:
        if not ids and of_query and not is_named(project, of_query):
            continue
        if not ids:
            yield _Selected(project, context.visible(project), [], text)
        elif wanted := numbers.get(project.id):
            visible = context.visible(project)
            found = short_ids.numbered(visible, wanted)
            if found:
                yield _Selected(project, visible, found)


def _status_of(context: Context) -> str:
    """Return the term for the query parameter `status`, which old clients send."""
    status = context.query.get("status", "")
    return f"is:{status}" if status else ""


# ------------------------------------------------------------------ what is changed


def _update(context: Context, projects: list[Project]) -> ApiResponse:
    form = context.read(BulkForm)
    if form.merge:
        return _merge(context, projects)

    def changes_of(project: Project, visible: Visible) -> list[Change]:
        return list(_changes(context, form, project, visible))

    done = _bulk(context, projects, changes_of)
    if not done:
        return ApiResponse(status=204)
    changes = [change_schema(each) for each in done]
    sent = form.status_details or StatusDetailsForm()
    how = sent.model_dump(mode="json", by_alias=True, exclude_none=True)
    return ApiResponse(
        BulkResult(
            status=form.status,
            status_details=how if form.status else None,
            assigned_to=form.assigned_to,
            changes=changes,
        )
    )


def _changes(
    context: Context, form: IssueForm, project: Project, visible: Visible
) -> Iterator[Change]:
    """Yield the changes that a request asks for."""
    if change := status_change(form, context.now_ms):
        yield change
    if form.assigns:
        yield Change(ASSIGN, to=_assignee(project, visible, form.assigned_to or ""))
    if change := link_change(form):
        yield change


def _assignee(project: Project, visible: Visible, text: str) -> str:
    """Return the assignee that a request names: `user:<id>`, `team:<id>`, or as people write it."""
    if text.startswith(_TEAM):
        text = f"#{text.removeprefix(_TEAM)}"
    name = text.removeprefix(_USER)
    if name and not {"@", "#"} & set(name) and name not in ("me", "nobody", "none"):
        known = {user_hash(each.email): each.email for each in list_members(project.organization)}
        name = known.get(name, name)
    found = assignees.parse(project, visible, name)
    return found.assignee if found else NOBODY


def _delete(context: Context, projects: list[Project]) -> ApiResponse:
    _bulk(context, projects, lambda *_: [Change(DELETE)])
    return ApiResponse(status=204)


def _merge(context: Context, projects: list[Project]) -> ApiResponse:
    """Merge the selected issues into the one with most events."""
    selected = list(_selected(context, projects))
    if len(selected) > 1:
        raise InvalidInputError({"id": ["Issues of different projects cannot be merged."]})
    if not selected:
        return ApiResponse(status=204)
    of = selected[0]
    if len(of.found) < 2:
        raise InvalidInputError({"id": ["Give the ids of at least two issues to merge."]})
    head = max(of.found, key=lambda each: (each.count, -each.number))
    others = [each for each in of.found if each.id != head.id]
    by = context.bearer.name
    merge.merge(of.project, of.visible, head.id, [each.id for each in others], by)
    children = [api_id(of.project, each) for each in others]
    return ApiResponse(
        BulkResult(merge=MergeSchema(parent=api_id(of.project, head), children=children))
    )


# ------------------------------------------------------------------ many at once


def _bulk(
    context: Context,
    projects: list[Project],
    changes_of: Callable[[Project, Visible], list[Change]],
) -> list[BulkChange]:
    """Change the issues that a request selects. Returns what was done, by project and change.

    Raises:
        UnfinishedError: there are more than this request has time for.
    """
    until_s, done = time.monotonic() + WORK_S, []
    for each in _selected(context, projects):
        for number, change in enumerate(changes_of(each.project, each.visible)):
            bulk = _begun(context, each, change, number)
            done.append(_finish(each.visible, bulk, until_s))
    return done


def _begun(context: Context, selected: _Selected, change: Change, number: int) -> BulkChange:
    """Begin a change, or return one that the same request has begun and not finished."""
    request = context.request
    query = sorted(context.query.items(multi=True))
    asked = [context.bearer.token.hash, request.method, request.path, repr(query)]
    asked += [request.body.decode("utf-8", "replace"), selected.project.id, str(number)]
    bulk_id = hashlib.sha256("\0".join(asked).encode("utf-8", "replace")).hexdigest()[:32]
    try:
        if (begun := change_issues.find(selected.visible, bulk_id)) and not begun.finished:
            return begun
        bulk_id = secrets.token_hex(16)
    except NotFoundError:
        pass
    return change_issues.begin(
        selected.visible,
        bulk_id,
        change,
        context.bearer.name,
        context.now_ms,
        issue_ids=[each.id for each in selected.found],
        query=selected.query,
    )


def _finish(visible: Visible, bulk: BulkChange, until_s: float) -> BulkChange:
    if not bulk.finished:
        bulk = change_issues.advance(visible, bulk, until_s)
    if not bulk.finished:
        raise UnfinishedError(summary(bulk))
    return bulk
