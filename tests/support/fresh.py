"""Reset this process to the state of a new one, and list the settings that name its tables."""

from errata.config import settings
from errata.usecases import (
    access,
    apply_maps,
    apply_rules,
    apply_scrubbing,
    assignees,
    billing,
    deliver,
    inline_maps,
    legacy,
    linked_maps,
    log_capture,
    notify,
    original_frames,
    owner_notices,
    quota,
    rate_leases,
    rate_limit,
    send_alert,
    sentry,
    tokens,
)

# Setting → the table's logical id in the template.
TABLES = {
    "EVENTS_TABLE": "EventsTable",
    "ISSUES_TABLE": "IssuesTable",
    "PROJECTS_TABLE": "ProjectsTable",
    "IDEMPOTENCY_TABLE": "IdempotencyTable",
    "DELIVERIES_TABLE": "DeliveriesTable",
    "ARTIFACTS_TABLE": "ArtifactsTable",
}


def clear_cache() -> None:
    """Clear everything cached except the clients, which take long to create."""
    settings.cache_clear()
    access.clear_cache()
    rate_limit.clear_cache()
    rate_leases.clear_cache()
    inline_maps.clear_cache()
    legacy.clear_cache()
    linked_maps.clear_cache()
    log_capture.clear_cache()
    quota.clear_cache()
    billing.clear_cache()
    notify.clear_cache()
    original_frames.clear_cache()
    owner_notices.clear_cache()
    deliver.clear_cache()
    send_alert.clear_cache()
    apply_maps.clear_cache()
    apply_rules.clear_cache()
    apply_scrubbing.clear_cache()
    sentry.clear_cache()
    tokens.clear_cache()
    assignees.clear_cache()
