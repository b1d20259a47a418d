"""ProjectsTable: the scrubbing rules of a project or an organization.

| item | pk | sk | attributes |
|---|---|---|---|
| rules of a project | `project#12` | `scrubbing` | text, version |
| rules of an organization | `org#3` | `scrubbing` | text, version |
"""

from errata.models.organization import Organization
from errata.store import organizations, rule_texts
from errata.store.project_items import scrubbing_key


def of_project(project_id: str) -> str:
    """Return the owner of a project's rules: the partition in which they are stored."""
    return f"project#{project_id}"


def of_organization(organization_id: str) -> str:
    """Return the owner of an organization's rules: the partition in which they are stored."""
    return f"org#{organization_id}"


def find_rules(owner: str) -> tuple[str, str]:
    """Return the version and the text of the rules of an owner, both "" if it has none.

    Reads consistently. Access pattern P53.
    """
    return rule_texts.find(scrubbing_key(owner))


def save_of_project(project_id: str, version: str, text: str) -> None:
    """Store the rules of a project, or remove them if the text is "". Access pattern P54.

    Raises:
        StoreError: the project does not exist any more, or the store failed.
    """
    project = rule_texts.of_project(project_id, "scrub_rules_version", version if text else "")
    rule_texts.save(scrubbing_key(of_project(project_id)), version, text, project)


def save_of_organization(organization: Organization, version: str, text: str) -> None:
    """Store the rules of an organization, or remove them if the text is "". Access pattern P55."""
    update = organizations.update(organization, scrub_rules_version=version if text else None)
    rule_texts.save(scrubbing_key(of_organization(organization.id)), version, text, update)
