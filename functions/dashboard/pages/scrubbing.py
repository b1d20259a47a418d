"""How events of a project or an organization are scrubbed: switches, rules, and a preview.

Members read the page of a project, admins change both.
"""

from dataclasses import replace
from typing import Any

from errata.errors import InvalidInputError
from errata.models.organization import Organization
from errata.models.project import Project
from errata.store.projects import some_projects
from errata.usecases import access, organizations, projects, scrubbing_rules
from errata.usecases.projects import Default
from errata.usecases.scrubbing_rules import MAX_BYTES, Preview
from functions.dashboard.forms import Failed, done, organization_routes, settings_routes
from functions.dashboard.render import page
from functions.dashboard.routing import RequestContext
from functions.dashboard.web import PageResponse

_MESSAGES = {"saved": "Saved. The change applies to new events within 30 seconds."}
_MOST_SHOWN = 25
_MOST_PROJECTS = 50
_SWITCHES: dict[str, bool | Default] = {"on": True, "off": False, "default": "default"}


def _of_project(ctx: RequestContext, failed: Failed, found: Preview | None = None) -> PageResponse:
    project = ctx.project
    return _page(
        ctx,
        failed,
        project,
        found,
        may_change=ctx.user.administers(project.organization),
        inherited=_inherited(project),
        choices=[],
    )


def _inherited(project: Project) -> dict[str, Any]:
    """Return what a project inherits from its organization if it has no settings of its own."""
    same = replace(project, scrub=None, scrub_contract_apis=None, scrub_rules="")
    return access.operator_scrubbing(same)


def _of_organization(
    ctx: RequestContext, failed: Failed, found: Preview | None = None
) -> PageResponse:
    return _page(
        ctx,
        failed,
        ctx.organization,
        found,
        may_change=True,
        inherited=None,
        choices=_choices(ctx),
    )


def _choices(ctx: RequestContext) -> list[Project]:
    """Return the projects to preview an organization's rules with."""
    found, _ = some_projects(ctx.organization.id, "", pages=1)
    return found[:_MOST_PROJECTS]


def _page(
    ctx: RequestContext,
    failed: Failed,
    held: Project | Organization,
    found: Preview | None,
    **shown: object,
) -> PageResponse:
    owner = {"project_id" if isinstance(held, Project) else "organization_id": held.id}
    form = ctx.request.form
    chosen = {name: _word(getattr(held, name)) for name in ("scrub", "scrub_contract_apis")}
    return page(
        ctx.request,
        "scrubbing.html",
        ctx.now_ms,
        failed.status,
        ctx=ctx,
        failed=failed,
        message=_MESSAGES.get(ctx.request.args.get("said", "")),
        held=held,
        chosen={name: form.get(name, word) for name, word in chosen.items()},
        previewed=form.get("project", ""),
        text=_typed(ctx) if failed.action else scrubbing_rules.find_text(**owner),
        found=found,
        rows=found.rows[:_MOST_SHOWN] if found else [],
        more=len(found.rows[_MOST_SHOWN:]) if found else 0,
        most_bytes=MAX_BYTES,
        **shown,
    )


def _word(switch: bool | None) -> str:
    return "default" if switch is None else "on" if switch else "off"


def _typed(ctx: RequestContext) -> str:
    return ctx.request.form.get("rules", "").replace("\r\n", "\n")


def _switches(ctx: RequestContext) -> list[bool | Default]:
    """Return the switches in a form."""
    words = [ctx.request.form.get(name, "") for name in ("scrub", "scrub_contract_apis")]
    if any(word not in _SWITCHES for word in words):
        raise InvalidInputError({"scrub": ["Choose on, off or the organization's setting."]})
    return [_SWITCHES[word] for word in words]


# ------------------------------------------------------------------ actions


def _preview(ctx: RequestContext, _: str) -> PageResponse:
    project, (_scrub, contract_apis) = ctx.project, _switches(ctx)
    found = scrubbing_rules.preview(
        project,
        ctx.visible,
        _typed(ctx),
        of_organization=False,
        contract_apis=_inherited(project)["scrub_contract_apis"]
        if contract_apis == "default"
        else contract_apis,
    )
    return _of_project(ctx, Failed("preview"), found)


def _save(ctx: RequestContext, _: str) -> PageResponse:
    project, (scrub, contract_apis) = ctx.project, _switches(ctx)
    if _typed(ctx).strip() != scrubbing_rules.find_text(project.id):
        scrubbing_rules.set_of_project(project.id, _typed(ctx))
    before = [_word(project.scrub), _word(project.scrub_contract_apis)]
    if [_SWITCHES[word] for word in before] != [scrub, contract_apis]:
        projects.change_scrubbing(project.id, scrub, contract_apis)
    return done(ctx, "saved")


def _preview_organization(ctx: RequestContext, _: str) -> PageResponse:
    asked = ctx.request.form.get("project", "")
    project = next((each for each in _choices(ctx) if each.id == asked), None)
    if project is None:
        raise InvalidInputError({"project": ["Choose a project to preview with."]})
    role = ctx.user.role_in(project.organization)
    visible = projects.visible_of(project).for_member(ctx.user.email, role)
    own, (_scrub, contract_apis) = project.scrub_contract_apis, _switches(ctx)
    found = scrubbing_rules.preview(
        project,
        visible,
        _typed(ctx),
        of_organization=True,
        contract_apis=bool(contract_apis) if own is None else own,
    )
    return _of_organization(ctx, Failed("preview"), found)


def _save_organization(ctx: RequestContext, _: str) -> PageResponse:
    organization, (scrub, contract_apis) = ctx.organization, _switches(ctx)
    if _typed(ctx).strip() != scrubbing_rules.find_text(organization_id=organization.id):
        scrubbing_rules.set_of_organization(organization.id, _typed(ctx))
    if [organization.scrub, organization.scrub_contract_apis] != [scrub, contract_apis]:
        organizations.change_scrubbing(organization.id, scrub, contract_apis)
    return done(ctx, "saved")


settings_routes("scrubbing", _of_project, {"preview": _preview, "save": _save})
organization_routes(
    "scrubbing", _of_organization, {"preview": _preview_organization, "save": _save_organization}
)
