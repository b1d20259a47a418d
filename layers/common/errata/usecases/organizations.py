"""Create and list organizations, and change their policy."""

from typing import Literal

from errata.errors import InvalidInputError, NotFoundError
from errata.models.ids import now_ms
from errata.models.organization import DEFAULT_ORGANIZATION, Organization
from errata.store import organizations as store
from errata.usecases import audit
from errata.usecases.projects import Default, check_texts, on_off

MAX_MONTHLY_QUOTA = 10**12

# Value that removes a setting.
type Nothing = Literal["none"]

# The default organization as long as none of its settings is changed.
DEFAULT = Organization(DEFAULT_ORGANIZATION, "default", created_at=0)


def create(name: str) -> Organization:
    """Create an organization without projects and limits.

    Raises:
        InvalidInputError: the name is invalid.
    """
    check_texts(name=name)
    organization = Organization(store.next_organization_id(), name, created_at=now_ms())
    with audit.recording("organization created", f"name {name}", organization.id):
        return store.save_organization(organization)


def list_organizations() -> list[Organization]:
    """Return every organization: the default one first, then oldest first."""
    found = store.list_organizations()
    stored = [each for each in found if each.id == DEFAULT_ORGANIZATION]
    return (stored or [DEFAULT]) + [each for each in found if each.id != DEFAULT_ORGANIZATION]


def find(organization_id: str) -> Organization:
    """Return an organization.

    Raises:
        NotFoundError: there is no such organization.
    """
    organization = store.find_organization(organization_id)
    if organization is None:
        if organization_id == DEFAULT_ORGANIZATION:
            return DEFAULT
        raise NotFoundError(f"There is no organization {organization_id}. See `errata orgs list`.")
    return organization


@audit.recorded("organization changed", "allowlist", "monthly_quota")
def change(
    organization_id: str,
    allowlist: tuple[str, ...] | None = None,
    monthly_quota: int | Nothing | None = None,
) -> Organization:
    """Change an organization's policy. None keeps a value. Takes effect within 30 seconds.

    Raises:
        InvalidInputError: the quota is out of range.
        NotFoundError: there is no such organization.
    """
    if isinstance(monthly_quota, int) and not 0 <= monthly_quota <= MAX_MONTHLY_QUOTA:
        raise InvalidInputError(
            {"monthly_quota": [f"The quota must be from 0 to {MAX_MONTHLY_QUOTA} events a month."]}
        )
    changes: dict[str, int | str | None] = {}
    if allowlist is not None:
        changes["allowlist"] = ",".join(allowlist) or None
    if monthly_quota is not None:
        changes["monthly_quota"] = None if monthly_quota == "none" else monthly_quota
    return store.save_organization(find(organization_id), **changes)


@audit.recorded("scrubbing changed", scrub=on_off, scrub_contract_apis=on_off)
def change_scrubbing(
    organization_id: str, scrub: bool | Default | None, scrub_contract_apis: bool | Default | None
) -> Organization:
    """Turn the scrubbing of secrets on or off, for all projects without their own setting.

    "default" means on. None keeps a setting. Takes effect within 30 seconds.

    Raises:
        NotFoundError: there is no such organization.
    """
    given = {"scrub": scrub, "scrub_contract_apis": scrub_contract_apis}
    changes: dict[str, int | str | None] = {
        name: None if value else 0 for name, value in given.items() if value is not None
    }
    return store.save_organization(find(organization_id), **changes)
