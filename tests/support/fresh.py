"""Reset this process to the state of a new one, and list the settings that name its tables."""

from errata.config import settings
from errata.store import clients
from errata.usecases import (
    access,
    apply_rules,
    apply_scrubbing,
    billing,
    deliver,
    legacy,
    notify,
    owner_notices,
    quota,
    rate_limit,
    sentry,
)

# Setting → the table's logical id in the template.
TABLES = {
    "EVENTS_TABLE": "EventsTable",
    "ISSUES_TABLE": "IssuesTable",
    "PROJECTS_TABLE": "ProjectsTable",
    "IDEMPOTENCY_TABLE": "IdempotencyTable",
    "DELIVERIES_TABLE": "DeliveriesTable",
}


def clear_cache() -> None:
    """Clear everything cached except the clients, which take long to create."""
    settings.cache_clear()
    access.clear_cache()
    rate_limit.clear_cache()
    legacy.clear_cache()
    quota.clear_cache()
    billing.clear_cache()
    notify.clear_cache()
    owner_notices.clear_cache()
    deliver.clear_cache()
    apply_rules.clear_cache()
    apply_scrubbing.clear_cache()
    sentry.clear_cache()


def clear_caches() -> None:
    """Clear everything: settings, clients and caches, as in a new execution environment."""
    clear_cache()
    clients.clear_cache()
