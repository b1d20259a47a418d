"""Convert projects and keys to items of ProjectsTable, and back. Keys of rows of a project.

What the rows are: `errata.store.projects`.
"""

from errata.models.ids import now_ms
from errata.models.organization import DEFAULT_ORGANIZATION
from errata.models.project import ApiKey, Project
from errata.store import slugs
from errata.store.items import PlainItem, TypedItem, Values, write_all

# The sort key of alert rules.
ALERT_RULES = "webhook_alerts"
# Stored as 0 or 1. Without them, the organization decides.
SCRUBBING = ("scrub", "scrub_contract_apis")


def project_key(project_id: str) -> TypedItem:
    """Return the key of a project's row."""
    return write_all({"pk": f"project#{project_id}", "sk": "project"})


def rules_key(project_id: str) -> TypedItem:
    """Return the key of the row with a project's fingerprint rules."""
    return write_all({"pk": f"project#{project_id}", "sk": "rules"})


def alert_rules_key(project_id: str) -> TypedItem:
    """Return the key of the row with a project's alert rules."""
    return write_all({"pk": f"project#{project_id}", "sk": ALERT_RULES})


def scrubbing_key(owner: str) -> TypedItem:
    """Return the key of the row with scrubbing rules. `owner` is `project#12` or `org#3`."""
    return write_all({"pk": owner, "sk": "scrubbing"})


def project_item(project: Project) -> Values:
    """Return the item of a project."""
    return {
        "pk": f"project#{project.id}",
        "sk": "project",
        "listed_under": "unclaimed" if project.unclaimed else "projects",
        "listed_as": listed_as(project),
        "name": project.name,
        "created_at": project.created_at,
        "rate_limit": project.rate_limit,
        "retention_days": project.retention_days,
        "organization": project.organization,
        "teams": ",".join(sorted(project.teams)) or None,
        "expires_at": project.expires_at,
        "slugs": slugs.joined(project),
        "tracker_template": project.tracker_template or None,
        "log_errors": int(project.log_errors) or None,
        "attachments": int(project.attachments) or None,
        **{name: _switch(getattr(project, name)) for name in SCRUBBING},
    }


def listed_as(project: Project) -> str:
    """Return the sort key of a project in the indexes. Projects that expire come last."""
    if project.expires_at is None:
        return project.id.zfill(12)
    return f"generated#{project.expires_at:013d}#{project.id}"


def to_project(item: PlainItem) -> Project:
    """Return the project in an item of plain values."""
    return Project(
        id=item["pk"].removeprefix("project#"),
        name=item["name"],
        created_at=item["created_at"],
        rate_limit=item.get("rate_limit"),
        retention_days=item.get("retention_days"),
        organization=item.get("organization", DEFAULT_ORGANIZATION),
        teams=frozenset(filter(None, item.get("teams", "").split(","))),
        expires_at=item.get("expires_at"),
        rules=item.get("rules_version", ""),
        scrub_rules=item.get("scrub_rules_version", ""),
        tracker_template=item.get("tracker_template", ""),
        maps="maps_since" in item,
        log_errors="log_errors" in item,
        captures="captures_since" in item,
        feedback="feedback_since" in item,
        attachments="attachments" in item,
        monitors=item.get("monitors", 0),
        slugs=tuple(filter(None, item.get("slugs", "").split(","))),
        **{name: bool(item[name]) for name in SCRUBBING if name in item},
    )


def key_item(key: ApiKey) -> Values:
    """Return the item of an API key or a public key."""
    return {
        "pk": f"key#{key.hash}",
        "sk": "key",
        "listed_under": f"project#{key.project_id}",
        "listed_as": f"key#{key.created_at:013d}#{key.hash}",
        "project_id": key.project_id,
        "label": key.label,
        "created_at": key.created_at,
        "usage_key": key.usage_key or None,
        "usage_key_id": key.usage_key_id or None,
        "public": key.public or None,
    }


def to_key(item: PlainItem) -> ApiKey:
    """Return the key in an item of plain values. Leaves out `usage_key` before `usage_from`."""
    in_force = item.get("usage_from", 0) <= now_ms()
    return ApiKey(
        hash=item["pk"].removeprefix("key#"),
        project_id=item["project_id"],
        label=item["label"],
        created_at=item["created_at"],
        revoked_at=item.get("revoked_at"),
        usage_key=item.get("usage_key", "") if in_force else "",
        usage_key_id=item.get("usage_key_id", ""),
        public=item.get("public", ""),
    )


def _switch(value: bool | None) -> int | None:
    return None if value is None else int(value)
