"""The audit log: record who changes what, from where.

An entry is stored before the change and marked as finished after it. So no change is missing from
the log, also if it is cut off. The entry of a change that was refused is removed.

The dashboard and the operator's command say who acts (`acting`), use cases say what is done
(`recorded`). Changes without an actor are Errata's own, and not recorded.
"""

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from errata.errors import ErrataError, StoreError
from errata.models.audit import Actor, AuditEntry
from errata.store import audit as store
from errata.store import projects

_MAX_DETAILS = 500
_MAX_NAME = 320

# Returns who acts. Called only if there is a change.
type Who = Callable[[], Actor]
_who: ContextVar[Who | None] = ContextVar("who", default=None)


@contextmanager
def acting(who: Who | None) -> Iterator[None]:
    """Record the changes in this block as those of `who()`. None: they are Errata's own."""
    before = _who.set(who)
    try:
        yield
    finally:
        _who.reset(before)


def recorded[**P, R](
    action: str, *noted: str, **shown: Callable[[Any], str]
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that records each call as a change of an organization.

    `noted` are names of arguments. Their values become the details of the entry, so none may be a
    secret. `shown` are names of arguments, each with a function that returns what may be noted. An
    argument `organization_id` or `organization` names the organization; or else `project_id`, or
    the project of `visible`, leads to it.
    """
    texts = dict.fromkeys(noted, _text) | shown

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*positional: P.args, **named: P.kwargs) -> R:
            if _who.get() is None:
                return function(*positional, **named)
            import inspect  # only where people act: it takes long to import

            bound = inspect.signature(function).bind(*positional, **named)
            details = ", ".join(
                f"{name.replace('_', ' ')} {text(bound.arguments[name])}"
                for name, text in texts.items()
                if bound.arguments.get(name) is not None
            )
            bound.apply_defaults()
            with recording(action, details, **_object(bound.arguments)):
                return function(*positional, **named)

        return call

    return decorate


def list_entries(organization_id: str, before: str, limit: int) -> tuple[list[AuditEntry], str]:
    """Return a page of the changes in an organization, newest first, and the next page's `before`.

    `before` is an id: only older entries are returned. "" is the first page, and the end.
    """
    return store.list_entries(organization_id, before, limit)


@contextmanager
def recording(
    action: str,
    details: str,
    organization_id: str | None,
    project_id: str = "",
    project_name: str = "",
) -> Iterator[list[str]]:
    """Record the block that runs in this context as one change in an organization's audit log.

    Records nothing without an organization or an actor. Yields a list: texts that the block appends
    to it, such as a result, are added to the details.
    """
    who = _who.get()
    notes: list[str] = []
    if who is None or organization_id is None:
        yield notes
        return
    at_ns, actor = time.time_ns(), who()
    entry = AuditEntry(
        id=store.new_id(at_ns),
        organization_id=organization_id,
        at_ms=at_ns // 1_000_000,
        actor=Actor(actor.name[:_MAX_NAME], actor.address[:_MAX_NAME]),
        action=action,
        project_id=project_id,
        project_name=project_name,
        details=details[:_MAX_DETAILS],
    )
    store.save_entry(entry)
    # A use case may call another one. Both are one change.
    before = _who.set(None)
    try:
        yield notes
    except StoreError:
        raise  # the change may have taken effect
    except ErrataError:
        with suppress(StoreError):
            store.remove_entry(entry)
        raise
    finally:
        _who.reset(before)
    details = ", ".join(filter(None, (details, *notes)))[:_MAX_DETAILS]
    with suppress(StoreError):
        store.save_entry(replace(entry, details=details, finished=True))


def _object(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return what a change is about.

    The organization is None if the project does not exist, or belongs to none.
    """
    organization_id = arguments.get("organization_id") or arguments.get("organization")
    project_id = arguments.get("project_id", "")
    if "visible" in arguments:
        project_id = arguments["visible"].project_id
    project = projects.find_project(project_id) if project_id else None
    owner = project.organization if project and not project.unclaimed else None
    return {
        "organization_id": organization_id or owner,
        "project_id": project_id,
        "project_name": project.name if project else "",
    }


def _text(value: Any) -> str:
    if isinstance(value, list | tuple | frozenset):
        return " ".join(sorted(map(str, value))) or "none"
    return str(value) or "none"
