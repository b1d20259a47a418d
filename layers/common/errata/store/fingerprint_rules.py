"""ProjectsTable: the fingerprint rules of a project.

| item | pk | sk | attributes |
|---|---|---|---|
| rules | `project#12` | `rules` | text, version |
"""

from errata.store import rule_texts
from errata.store.project_items import rules_key


def find_rules(project_id: str) -> tuple[str, str]:
    """Return the version and the text of a project's rules, both "" if it has none.

    Reads consistently. Access pattern P48.
    """
    return rule_texts.find(rules_key(project_id))


def save_rules(project_id: str, version: str, text: str) -> None:
    """Store the rules of a project, or remove them if the text is "". Access pattern P49.

    Raises:
        StoreError: the project does not exist any more, or the store failed.
    """
    project = rule_texts.of_project(project_id, "rules_version", version if text else "")
    rule_texts.save(rules_key(project_id), version, text, project)
