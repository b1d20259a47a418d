"""Save views of the list of issues: a member's own, or those of everybody in a project."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from errata.errors import InvalidInputError, NotFoundError, UnavailableError
from errata.models.project import Project
from errata.models.views import BUILT_IN, MAX_NAME, MAX_VIEWS, View, Views
from errata.models.visible import Visible
from errata.protocol.issues import ORDERS, SORTS
from errata.protocol.query import parse_terms
from errata.store import views as store
from errata.store.members import user_hash
from errata.store.retry import attempts
from errata.usecases import audit, projects, rights

_TRIES = 6
_BUILT_IN = {each.name.casefold(): each for each in BUILT_IN}


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose views: a member's, or those of a project. Then `visible` says who asks."""

    key: str
    project: Project | None = None
    visible: Visible | None = None


def of_member(email: str) -> Owner:
    """Return the owner of a member's own views, which are for all projects."""
    return Owner(f"user#{user_hash(email)}")


def of_project(project: Project, visible: Visible) -> Owner:
    """Return the owner of the views that all who see a project share."""
    return Owner(f"project#{project.id}", project, visible)


def find(owner: Owner) -> Views:
    """Return the views of an owner, sorted by name."""
    return store.find_views(owner.key)


def named(owner: Owner | None, name: str) -> View:
    """Return a view by its name, in upper or lower case. Without an owner, only a built-in one.

    Raises:
        NotFoundError: there is no such view. Says which ones there are.
    """
    if built_in := _BUILT_IN.get(name.strip().casefold()):
        return View("", built_in.name, built_in.query, SORTS[0])
    views = find(owner) if owner else Views()
    if found := views.named(name.strip()):
        return found
    names = ", ".join([each.name for each in BUILT_IN] + [each.name for each in views.views])
    raise NotFoundError(f"There is no view {name}. There are: {names}.")


def save(owner: Owner, name: str, query: str, sort: str) -> View:
    """Save a view. It replaces the one with the same name.

    Raises:
        ForbiddenError: who asks may not change views of the project.
        InvalidInputError: the name, the query or the order is not valid, or there are too many.
        UnavailableError: there was a conflict on every try.
    """
    name = _checked(name)
    parse_terms(query)
    if sort not in ORDERS:
        raise InvalidInputError({"sort": [f"The sort must be one of {', '.join(ORDERS)}."]})
    saved = View(secrets.token_hex(4), name, query, sort)

    def change(before: Views) -> Views:
        nonlocal saved
        same = before.named(name)
        if same:
            saved = replace(saved, id=same.id)
        elif len(before.views) >= MAX_VIEWS:
            raise InvalidInputError(
                {"name": [f"There are {MAX_VIEWS} views already. Delete one first."]}
            )
        return _with(before, saved)

    _change(owner, "view saved", f"name {name}", change)
    return saved


def rename(owner: Owner, view_id: str, name: str) -> None:
    """Change the name of a view.

    Raises:
        ForbiddenError, UnavailableError: as `save`.
        InvalidInputError: the name is not valid, or another view has it.
        NotFoundError: there is no such view.
    """
    name = _checked(name)

    def change(before: Views) -> Views:
        same = before.named(name)
        if same and same.id != view_id:
            raise InvalidInputError({"name": [f"There is a view {same.name} already."]})
        return _with(before, replace(_find(before, view_id), name=name))

    _change(owner, "view renamed", f"name {name}", change)


def delete(owner: Owner, view_id: str) -> None:
    """Delete a view.

    Raises:
        ForbiddenError, UnavailableError: as `save`.
        NotFoundError: there is no such view.
    """

    def change(before: Views) -> Views:
        _find(before, view_id)
        left = tuple(each for each in before.views if each.id != view_id)
        return Views(left, "" if before.default == view_id else before.default)

    name = _find(find(owner), view_id).name
    _change(owner, "view deleted", f"name {name}", change)


def set_default(owner: Owner, view_id: str) -> None:
    """Set the view with which the list of issues starts; "" for none.

    The default of a member takes precedence over that of a project.

    Raises:
        ForbiddenError, UnavailableError: as `save`.
        NotFoundError: there is no such view.
    """

    def change(before: Views) -> Views:
        return replace(before, default=_find(before, view_id).id if view_id else "")

    name = _find(find(owner), view_id).name if view_id else "none"
    _change(owner, "default view set", f"name {name}", change)


def opens(own: Views, shared: Views) -> View | None:
    """Return the view with which the list starts, None if nobody has chosen one."""
    return own.find(own.default) or shared.find(shared.default)


def _change(owner: Owner, action: str, details: str, change: Callable[[Views], Views]) -> None:
    if owner.visible:
        rights.check(owner.visible, "settle")
    with audit.recording(action, details, **_recorded(owner.project)):
        for _ in attempts(_TRIES):
            before = store.find_views(owner.key)
            if store.save_views(owner.key, before, change(before)):
                return
            if owner.project:
                projects.find(owner.project.id)  # raises an error if it was deleted meanwhile
        raise UnavailableError


def _recorded(project: Project | None) -> dict[str, Any]:
    """Return what a change is about. Nobody else needs to know of a member's own views."""
    if project is None or project.unclaimed:
        return {"organization_id": None}
    return {
        "organization_id": project.organization,
        "project_id": project.id,
        "project_name": project.name,
    }


def _checked(name: str) -> str:
    name = name.strip()
    problem = ""
    if not (name and len(name) <= MAX_NAME and name.isprintable()):
        problem = f"A view needs a name of up to {MAX_NAME} characters, in one line."
    elif name.casefold() in _BUILT_IN:
        problem = f"{name} is the name of a built-in view. Choose another one."
    if problem:
        raise InvalidInputError({"name": [problem]})
    return name


def _find(views: Views, view_id: str) -> View:
    if found := views.find(view_id):
        return found
    raise NotFoundError("This view does not exist any more.")


def _with(views: Views, view: View) -> Views:
    others = (each for each in views.views if each.id != view.id)
    return replace(views, views=(*others, view))
