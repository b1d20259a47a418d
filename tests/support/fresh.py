"""A process that remembers nothing, and where it finds its tables."""

from errata.config import settings
from errata.store import clients
from errata.usecases import access, legacy, rate_limit

# Setting → the table's logical id in the template.
TABLES = {
    "EVENTS_TABLE": "EventsTable",
    "ISSUES_TABLE": "IssuesTable",
    "PROJECTS_TABLE": "ProjectsTable",
    "IDEMPOTENCY_TABLE": "IdempotencyTable",
}


def forget_everything() -> None:
    """As a new execution environment: no settings, no clients, nothing cached."""
    settings.cache_clear()
    clients.forget()
    access.forget()
    rate_limit.forget()
    legacy.forget()
