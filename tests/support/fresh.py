"""A process that remembers nothing, and where it finds its tables."""

from errata.config import settings
from errata.store import clients
from errata.usecases import access, billing, deliver, legacy, notify, quota, rate_limit, sentry

# Setting → the table's logical id in the template.
TABLES = {
    "EVENTS_TABLE": "EventsTable",
    "ISSUES_TABLE": "IssuesTable",
    "PROJECTS_TABLE": "ProjectsTable",
    "IDEMPOTENCY_TABLE": "IdempotencyTable",
    "DELIVERIES_TABLE": "DeliveriesTable",
}


def forget() -> None:
    """As a new execution environment, but for the clients, which take long to make."""
    settings.cache_clear()
    access.forget()
    rate_limit.forget()
    legacy.forget()
    quota.forget()
    billing.forget()
    notify.forget()
    deliver.forget()
    sentry.forget()


def forget_everything() -> None:
    """As a new execution environment: no settings, no clients, nothing cached."""
    forget()
    clients.forget()
