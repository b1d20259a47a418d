"""`errata orgs`: create, list, show, set, audit."""

from typing import Annotated, Any

import typer

from errata.cli.command import CommandContext, command, group
from errata.cli.output import print_fields, print_json, print_table, timestamp
from errata.errors import InvalidInputError
from errata.models.audit import AuditEntry
from errata.models.ids import now_ms
from errata.models.organization import Organization, parse_allowlist
from errata.protocol.read import iso
from errata.usecases import audit, billing, organizations, quota

app = group("Create, list and change organizations.", example="orgs list")

OrgId = Annotated[
    str, typer.Argument(metavar="ORG", help="The organization's id. `default` always exists.")
]


@command(app, "create", example="orgs create acme")
def create(
    ctx: CommandContext,
    name: Annotated[str, typer.Argument(metavar="NAME", help="1 to 200 characters.")],
) -> None:
    """Create an organization. Create its projects with `projects create --org`."""
    organization = organizations.create(name.strip())
    found = {"id": organization.id, "name": organization.name}
    if ctx.json:
        print_json(found)
    else:
        print_fields({"organization": organization.id, "name": organization.name})


@command(app, "list", example="orgs list --json")
def list_(ctx: CommandContext) -> None:
    """List all organizations."""
    found = organizations.list_organizations()
    if ctx.json:
        print_json([_to_json(each) for each in found])
        return
    print_table(
        ["id", "name", "allowlist", "monthly quota", "created (UTC)"],
        [
            (each.id, each.name, _allowlist(each), _quota(each), _created(each) or "")
            for each in found
        ],
    )


@command(app, "show", example="orgs show default")
def show(ctx: CommandContext, org: OrgId) -> None:
    """Show an organization's settings."""
    _show(ctx, organizations.find(org))


@command(app, "set", example="orgs set 1 --allowlist 192.0.2.0/24,2001:db8::/32")
def set_(
    ctx: CommandContext,
    org: OrgId,
    allowlist: Annotated[
        str | None,
        typer.Option(
            metavar="CIDR,…",
            help="IP addresses and networks that may call the APIs. `none` allows all.",
        ),
    ] = None,
    monthly_quota: Annotated[
        str | None,
        typer.Option(
            metavar="N", help="Events accepted per calendar month (UTC). `none` removes the limit."
        ),
    ] = None,
    stripe_customer: Annotated[
        str | None,
        typer.Option(metavar="cus_…", help="Id of the customer at Stripe. `none` removes it."),
    ] = None,
) -> None:
    """Change an organization's settings. Takes effect within 30 seconds."""
    if allowlist is None and monthly_quota is None and stripe_customer is None:
        raise typer.BadParameter(
            "Nothing to set. Use --allowlist, --monthly-quota or --stripe-customer."
        )
    changed = organizations.change(org, _networks(allowlist), _events(monthly_quota))
    if stripe_customer is not None:
        changed = billing.link(org, "" if stripe_customer == "none" else stripe_customer)
    _show(ctx, changed)


@command(app, "audit", example="orgs audit default --limit 20")
def audit_(
    ctx: CommandContext,
    org: OrgId,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, max=1000, help="Maximum number of entries.")
    ] = 50,
) -> None:
    """Print who has changed what, and from where, newest first.

    A change that is not finished was interrupted, and may have taken effect.
    """
    entries, _ = audit.list_entries(organizations.find(org).id, "", limit)
    if ctx.json:
        print_json([_entry_to_json(each) for each in entries])
        return
    print_table(
        ["time (UTC)", "who", "from", "project", "change"],
        [
            (
                timestamp(each.at_ms),
                each.actor.name,
                each.actor.address,
                each.project_id and f"{each.project_id} {each.project_name}",
                each.action
                + (each.details and f": {each.details}")
                + ("" if each.finished else " (not finished)"),
            )
            for each in entries
        ],
        empty="No changes yet.",
    )


def _entry_to_json(entry: AuditEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "at": iso(entry.at_ms),
        "actor": entry.actor.name,
        "address": entry.actor.address,
        "action": entry.action,
        "project_id": entry.project_id or None,
        "project_name": entry.project_name or None,
        "details": entry.details,
        "finished": entry.finished,
    }


def _networks(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    if not text.strip():
        complaint = "The allowlist is empty. Give IP addresses or networks, or `none` to allow all."
        raise InvalidInputError({"allowlist": [complaint]})
    return () if text.strip() == "none" else parse_allowlist(text)


def _events(text: str | None) -> "int | organizations.Nothing | None":
    if text is None:
        return None
    if text == "none":
        return "none"
    try:
        return int(text)
    except ValueError:
        complaint = "The quota must be a whole number of events, or `none`."
        raise InvalidInputError({"monthly_quota": [complaint]}) from None


def _show(ctx: CommandContext, organization: Organization) -> None:
    used = quota.used(organization.id, now_ms())
    if ctx.json:
        print_json(_to_json(organization) | {"used_this_month": used})
        return
    created = _created(organization)
    print_fields(
        {
            "organization": organization.id,
            "name": organization.name,
            "created": created and f"{created} UTC",
            "allowlist": _allowlist(organization),
            "monthly quota": _quota(organization),
            "Stripe customer": organization.stripe_customer,
            "failed invoice": _unpaid(organization),
            "this month": "not counted" if organization.monthly_quota is None else f"{used} used",
        }
    )


def _created(organization: Organization) -> str | None:
    # The default organization always exists and has no creation time.
    return timestamp(organization.created_at) if organization.created_at else None


def _allowlist(organization: Organization) -> str:
    return ", ".join(organization.allowlist) or "none (all addresses allowed)"


def _quota(organization: Organization) -> str:
    limit = organization.monthly_quota
    return "none" if limit is None else f"{limit} events"


def _unpaid(organization: Organization) -> str | None:
    url = billing.unpaid_url(organization)
    return url if url is None else f"unpaid, events are refused. {url}"


def _to_json(organization: Organization) -> dict[str, Any]:
    """Return an organization as `--json` prints it.

    `allowlist` is empty if all addresses are allowed. `monthly_quota` is null if there is no limit.
    """
    created = organization.created_at
    return {
        "id": organization.id,
        "name": organization.name,
        "created_at": iso(created) if created else None,
        "allowlist": list(organization.allowlist),
        "monthly_quota": organization.monthly_quota,
        "stripe_customer": organization.stripe_customer or None,
        "unpaid": billing.unpaid_url(organization) is not None,
        "billing_url": billing.unpaid_url(organization) or None,
    }
