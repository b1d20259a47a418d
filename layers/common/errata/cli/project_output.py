"""How the command prints projects."""

from typing import Any

from errata.cli.command import CommandContext
from errata.cli.output import print_fields, print_json, timestamp
from errata.cli.scrubbing import describe_project
from errata.config import settings
from errata.models.project import DEFAULT_LIMIT, DSN_LIMIT, Project, live_dsns
from errata.protocol.read import iso
from errata.usecases import projects

DEFAULT_RATES = (
    f"{DEFAULT_LIMIT.per_minute} requests per minute for each API key, {DSN_LIMIT.per_minute} for"
    f" each DSN ({DSN_LIMIT.burst} at once)"
)


def show_project(ctx: CommandContext, project: Project) -> None:
    """Print a project's settings and its newest DSN."""
    url = ctx.stack.api_url
    create = ctx.command(f"keys create {project.id} --dsn")
    dsns = [*live_dsns(ctx.stack.sdk_url, projects.list_keys(project.id)).values()]
    newest = dsns[0] if dsns else None
    if ctx.json:
        print_json(project_to_json(project) | {"api_url": url, "dsn": newest, "dsns": dsns})
        return
    print_fields(
        {
            "project": project.id,
            "name": project.name,
            "slug": project.slug,
            "org": _owner(ctx, project),
            "teams": ", ".join(sorted(project.teams)),
            "created": f"{timestamp(project.created_at)} UTC",
            "expires": project.expires_at
            and f"{timestamp(project.expires_at)} UTC, unless it gets an event",
            "rate limit": _rate(project),
            "retention": retention_of(project),
            "scrubbing": describe_project(project),
            "tracker": project.tracker_template,
            "log errors": "events" if project.log_errors else "",
            "attachments": "kept" if project.attachments else "",
            "DSN": newest or f"none. Create one with `{create}`",
            "API": url,
        }
    )


def _rate(project: Project) -> str:
    if project.rate_limit is None:
        return f"{DEFAULT_RATES} (default)"
    return f"{project.rate_limit} requests per minute for each key"


def _owner(ctx: CommandContext, project: Project) -> str:
    if project.unclaimed:
        adopt = ctx.command(f"projects adopt {project.id} --org ORG")
        return f"none. Adopt it with `{adopt}`"
    return project.organization


def retention_of(project: Project) -> str:
    """Return how long a project keeps events."""
    own = project.retention_days
    return f"{own} days" if own else f"{settings().retention_days} days (default)"


def project_to_json(project: Project) -> dict[str, Any]:
    """Return a project as `--json` prints it.

    `slug` is null if the project is unclaimed, or of release 0.1.0 and not shown or changed since.
    `rate_limit` is null if the default rates apply, `retention_days` if the deployment's default
    applies, `organization` and `org` (the same) if the project is unclaimed, `scrub` and
    `scrub_contract_apis` if the organization decides. Only unclaimed projects have `expires_at`,
    which is null if they do not expire.
    """
    shown = {
        "id": project.id,
        "name": project.name,
        "slug": project.slug or None,
        "created_at": iso(project.created_at),
        "rate_limit": project.rate_limit,
        "retention_days": project.retention_days,
        "organization": None if project.unclaimed else project.organization,
        "org": None if project.unclaimed else project.organization,
        "teams": sorted(project.teams),
        "scrub": project.scrub,
        "scrub_contract_apis": project.scrub_contract_apis,
        "tracker_template": project.tracker_template or None,
        "log_errors": project.log_errors,
        "attachments": project.attachments,
    }
    if project.unclaimed:
        shown["expires_at"] = project.expires_at and iso(project.expires_at)
    return shown
